import type { HeliaWithLibp2p } from '@helia/libp2p'
import type { KadDHT, QueryEvent } from '@libp2p/kad-dht'
import { equals } from 'uint8arrays'
import { plainBytes } from '../../bytes.ts'
import { ClosedError, MercuryError, checkLimit } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { MAX_CANDIDATES, MAX_RECORD_BYTES, MINUTE_MS, SECOND_MS } from '../../limits.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { cancellable } from '../cancellable.ts'
import { RouterFailedError } from '../router-failed.ts'
import { guardRecords, readOwnRecord, routingKeyOf } from './dht-records.ts'
import { watchRecords } from './watch-records.ts'

export interface HeliaRouterOptions {
  /** @default 'dht' */
  name?: string
  /** A `get` ends before the DHT walk does once this many peers gave the same record; Kubo's default too. @default 16 */
  quorum?: number
  /** For one whole `put`; what was stored by then counts. @default 60 s */
  putTimeoutMs?: number
  /** For one whole `get`. @default 30 s */
  getTimeoutMs?: number
  /** How long a node without peers waits for its first one. @default 5 s */
  peerWaitMs?: number
}

/**
 * A name router over the DHT of a running Helia, which it does not close.
 *
 * `put` offers the record to the peers closest to the name and resolves when the walk is over and at least one took it;
 * this node's own copy, from which it answers others, is written even when none does, but not when the record is no valid one or older than the copy.
 * `get` yields this node's own copy, then what peers answer, as it arrives and without repetition.
 * `watch` yields the records that pass by this node: of the names that the DHT stores here, and of those that are asked for here.
 * A few hostile peers beside the name can agree on an old record, so the quorum is high; a reader in a hurry leaves with `return()`.
 */
export const createHeliaRouter = (helia: HeliaWithLibp2p<{ dht: KadDHT }>, options: HeliaRouterOptions = {}): NameRouter => {
  const { name = 'dht', quorum = 16, putTimeoutMs = MINUTE_MS, getTimeoutMs = 30 * SECOND_MS, peerWaitMs = 5 * SECOND_MS } = options
  const { dht } = helia.libp2p.services
  const closing = new AbortController()
  if (!dht.validators.ipns) guardRecords(dht, helia.datastore)

  const failed = (error: unknown): MercuryError => (error instanceof MercuryError ? error : new RouterFailedError(name, (error as Error).message, { cause: error }))

  /** Runs `walk` until the deadline, or the shorter one of a node that still knows nobody. */
  const bounded = async function * (timeoutMs: number, signal: AbortSignal, walk: (signal: AbortSignal) => AsyncIterable<QueryEvent>): AsyncGenerator<QueryEvent, void> {
    const late = new AbortController()
    const timers = [
      setTimeout(() => late.abort(new RouterFailedError(name, `the DHT walk took over ${timeoutMs} ms`)), timeoutMs),
      setTimeout(() => { if (peerCount(dht) === 0) late.abort(new RouterFailedError(name, 'this node knows no peer of the DHT')) }, peerWaitMs)
    ]
    try {
      yield * cancellable(walk, [signal, late.signal])
    } catch (error) {
      signal.throwIfAborted()
      throw failed(error)
    } finally {
      timers.forEach(clearTimeout)
    }
  }

  const put = async (id: ProfileId, record: Uint8Array, signal: AbortSignal): Promise<void> => {
    checkLimit('record bytes', MAX_RECORD_BYTES, record.byteLength)
    signal.throwIfAborted()
    const key = routingKeyOf(id)
    await checkAcceptable(key, record, signal)
    let stored = 0
    try {
      for await (const event of bounded(putTimeoutMs, signal, (both) => dht.put(key, record, { signal: both }))) {
        if (event.name === 'PEER_RESPONSE' && event.record && equals(event.record.value, record)) stored++
      }
    } catch (error) {
      signal.throwIfAborted()
      if (stored === 0) throw error
      // The walk did not come to its end, but the record is in the DHT.
    }
    if (stored === 0) throw new RouterFailedError(name, 'no peer took the record')
  }

  /** kad-dht writes this node's own copy unseen, over a better one too. */
  const checkAcceptable = async (key: Uint8Array, record: Uint8Array, signal: AbortSignal): Promise<void> => {
    try {
      await dht.validators.ipns?.(key, record, { signal })
    } catch (error) {
      signal.throwIfAborted()
      throw new RouterFailedError(name, (error as Error).message, { cause: error })
    }
  }

  const candidates = async function * (id: ProfileId, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const key = routingKeyOf(id)
    const peersByCandidate = new Map<string, number>()
    const own = await readOwnRecord(helia.datastore, key, signal).catch((error: unknown) => { throw failed(error) })
    if (own) {
      peersByCandidate.set(keyOf(own), 0)
      yield plainBytes(own).slice()
    }
    let answers = 0
    for await (const event of bounded(getTimeoutMs, signal, (both) => dht.get(key, { signal: both }))) {
      // kad-dht then brings peers with an older record up to date, one after the other, which a hostile one can drag out.
      if ('path' in event && event.path.index === -1) break
      if (event.name !== 'PEER_RESPONSE') continue
      answers++
      const value = event.record?.value
      if (!value || value.byteLength > MAX_RECORD_BYTES) continue
      const agreeing = peersByCandidate.get(keyOf(value))
      peersByCandidate.set(keyOf(value), (agreeing ?? 0) + 1)
      if (agreeing === undefined) yield plainBytes(value).slice()
      if (peersByCandidate.size >= MAX_CANDIDATES || (agreeing ?? 0) + 1 >= quorum) return
    }
    if (answers === 0) throw new RouterFailedError(name, 'no peer of the DHT answered')
  }

  return {
    name,
    put: async (id, record, { signal } = {}) => put(id, record, signal ? AbortSignal.any([closing.signal, signal]) : closing.signal),
    get: (id, { signal } = {}) => cancellable((both) => candidates(id, both), [closing.signal, signal]),
    watch: (id, { signal } = {}) => cancellable((both) => watchRecords(dht, id, both), [closing.signal, signal]),
    async close () {
      closing.abort(new ClosedError(`router ${name}`))
    }
  }
}

const keyOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** kad-dht's interface leaves its routing table out; without it a node is taken to know somebody. */
const peerCount = (dht: KadDHT): number =>
  'routingTable' in dht && typeof dht.routingTable === 'object' && dht.routingTable !== null && 'size' in dht.routingTable ? Number(dht.routingTable.size) : 1
