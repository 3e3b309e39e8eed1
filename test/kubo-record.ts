import { IPNSEntry, createIPNSRecord } from '@helia/ipns'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { DAY_MS } from '../src/limits.ts'

/** Where a name points that is used for something else: no profile document. */
export const ELSEWHERE = '/ipfs/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

/** A record as Kubo makes it, with the fields and the signature of V1 beside those of V2, under the key of which `seed` are the 32 bytes. */
export const kuboRecord = async (seed: Uint8Array, { sequence = 7n, value = ELSEWHERE, now = Date.now() }: { sequence?: bigint; value?: string; now?: number } = {}): Promise<Uint8Array> => {
  // Of a key it needs the signature and the public half, which keys of libp2p have too.
  const key = (await generateKeyPairFromSeed('Ed25519', seed)) as unknown as Parameters<typeof createIPNSRecord>[0]
  return IPNSEntry.encode(await createIPNSRecord(key, value, sequence, 2 * DAY_MS, { v1Compatible: true, now }))
}
