import { mapConcurrently } from '../../store/concurrent.ts'
import type { Bencode } from './bencode.ts'
import type { Dht } from './dht.ts'
import { immutableTarget } from './item.ts'

/** Puts immutable items, 8 at a time, each different one once. */
export const putPieces = async (dht: Dht, items: readonly Bencode[], options: { signal: AbortSignal }): Promise<void> => {
  const distinct = new Map(items.map((item) => [String.fromCharCode(...immutableTarget(item)), item]))
  await mapConcurrently([...distinct.values()], async (item) => dht.putImmutable(item, options))
}
