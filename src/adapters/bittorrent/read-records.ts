import { publicKeyOf, type ProfileId } from '../../identity/profile-id.ts'
import { MAX_RECORD_BYTES } from '../../limits.ts'
import { StoreError } from '../../errors.ts'
import type { Bencode } from './bencode.ts'
import type { Dht } from './dht.ts'
import type { MutableItem } from './item.ts'
import { joinPieces } from './pieces.ts'

/** Old items are authentic too, and nodes may hold many on purpose: of those in pieces, only so many are put together. */
const MAX_IN_PIECES = 4

/** The bytes of the record that an item's value leads to, unverified; `undefined` when it leads to none, or not all of it can be had. */
export const recordBytesOf = async (dht: Dht, v: Bencode, signal: AbortSignal): Promise<Uint8Array | undefined> =>
  joinPieces(v, MAX_RECORD_BYTES, async (target) => dht.getImmutable(target, { signal }))

/**
 * The records of `id` that nodes hold: those that stand in an item, and the first that is in pieces, as they arrive; then the others that are in pieces, the highest first.
 *
 * @throws StoreError when there are items, but no record can be put together: that is not absence; DhtUnreachableError
 */
export const readRecords = async function * (dht: Dht, id: ProfileId, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const inPieces: MutableItem[] = []
  let seen = 0
  let read = 0
  for await (const item of dht.mutableItems({ publicKey: publicKeyOf(id) }, { signal })) {
    if (++seen > 1 && !(item.v instanceof Uint8Array)) {
      inPieces.push(item)
      continue
    }
    const bytes = await recordBytesOf(dht, item.v, signal)
    if (!bytes) continue
    read++
    yield bytes
  }
  for (const { v } of inPieces.sort((a, b) => b.seq - a.seq).slice(0, MAX_IN_PIECES)) {
    const bytes = await recordBytesOf(dht, v, signal)
    if (!bytes) continue
    read++
    yield bytes
  }
  if (seen > 0 && read === 0) throw new StoreError('nodes of the BitTorrent DHT hold an item of the name, but no record can be put together from it')
}
