import type { KadDHT } from '@libp2p/kad-dht'
import type { ProfileId } from '../../identity/profile-id.ts'
import { compareRecords, type IpnsRecord } from '../../naming/record.ts'

type Listener = (record: IpnsRecord) => void

const listenersByDht = new WeakMap<KadDHT, Set<Listener>>()

/** Tells those who watch of a record that `dht` has just found to be valid, whether a peer stored it here or answered with it. */
export const tellOfRecord = (dht: KadDHT, record: IpnsRecord): void => {
  for (const listener of listenersByDht.get(dht) ?? []) listener(record)
}

/**
 * The records of `id` that pass by this node of the DHT, in their reduced form, each better than the one before.
 * One that passes while the reader is busy makes room for a better one, so that nothing piles up.
 */
export const watchRecords = async function * (dht: KadDHT, id: ProfileId, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  let best: IpnsRecord | undefined
  let shown: IpnsRecord | undefined
  let wake = (): void => undefined
  const listener: Listener = (record) => {
    if (record.id !== id || (best && compareRecords(record, best) <= 0)) return
    best = record
    wake()
  }
  const listeners = listenersByDht.get(dht) ?? new Set()
  listenersByDht.set(dht, listeners.add(listener))
  const onAbort = (): void => wake()
  signal.addEventListener('abort', onAbort)
  try {
    while (true) {
      signal.throwIfAborted()
      if (best && best !== shown) {
        shown = best
        yield best.bytes.slice()
      } else {
        await new Promise<void>((resolve) => { wake = resolve })
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    listeners.delete(listener)
  }
}
