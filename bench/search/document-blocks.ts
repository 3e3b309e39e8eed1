import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import { DAG_CBOR } from '../../src/store/block.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import { SHA2_256 } from '../../src/store/sha256.ts'

const DIGEST_BYTES = 32

/** The blocks of documents. */
export interface DocumentBlocks {
  readonly count: number
  digestOf(index: number): Uint8Array
  cidOf(index: number): CID
  /** Which profile's document has this digest; -1 for none. */
  indexOf(digest: Uint8Array): number
  /** Over `bytesOf`; takes nothing in. */
  readonly store: HashStore
}

/**
 * @param bytesOf the document of a profile, the same at each call
 * @param options `held`: keeps all bytes, where reading them is timed; else they are made again when they are asked for, and of a million only the digests are held
 */
export const createDocumentBlocks = (count: number, bytesOf: (index: number) => Uint8Array, { held = false }: { held?: boolean } = {}): DocumentBlocks => {
  const kept: Uint8Array[] = []
  const digests = new Uint8Array(count * DIGEST_BYTES)
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(count * 2 + 1))).fill(-1)
  const slotOf = (digest: Uint8Array): number => (digest[0]! | (digest[1]! << 8) | (digest[2]! << 16) | (digest[3]! << 24)) & (slots.length - 1)
  const digestOf = (index: number): Uint8Array => digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)
  for (let index = 0; index < count; index++) {
    const bytes = bytesOf(index)
    if (held) kept.push(bytes)
    const digest = createHash('sha256').update(bytes).digest()
    digests.set(digest, index * DIGEST_BYTES)
    let slot = slotOf(digest)
    while (slots[slot] !== -1) slot = (slot + 1) & (slots.length - 1)
    slots[slot] = index
  }
  const indexOf = (digest: Uint8Array): number => {
    for (let slot = slotOf(digest); slots[slot] !== -1; slot = (slot + 1) & (slots.length - 1)) {
      if (Buffer.compare(digestOf(slots[slot]!), digest) === 0) return slots[slot]!
    }
    return -1
  }
  return {
    count,
    digestOf,
    cidOf: (index) => CID.createV1(DAG_CBOR, createDigest(SHA2_256, digestOf(index).slice())),
    indexOf,
    store: {
      space: 'ipfs',
      supports: { put: false, pin: false, persistence: false, network: false },
      async get ({ multihash: { digest } }) {
        const index = indexOf(digest)
        return index === -1 ? undefined : held ? Uint8Array.from(kept[index]!) : bytesOf(index)
      },
      put: () => Promise.reject(new NotSupportedError('put', { by: 'the set of profiles' })),
      pin: () => Promise.reject(new NotSupportedError('pin', { by: 'the set of profiles' })),
      unpin: () => Promise.reject(new NotSupportedError('unpin', { by: 'the set of profiles' })),
      close: () => Promise.resolve()
    }
  }
}
