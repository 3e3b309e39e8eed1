import { equals, fromString, toString } from 'uint8arrays'
import { checkLimit } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { MAX_CANDIDATES, MAX_RECORD_BYTES } from '../../limits.ts'
import { parseEnvelope } from '../../naming/envelope.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { cancellable } from '../cancellable.ts'
import { readAtMost } from '../http-client.ts'
import { RouterFailedError } from '../router-failed.ts'
import { createKuboRpc, isObject, parseJson, placeOf, readObject, type KuboOptions } from './rpc.ts'

export interface KuboRouterOptions extends KuboOptions {
  /** @default `kubo:`, the host of `url` and its path */
  name?: string
}

/** Room for 64 candidates and what Kubo tells on the way. */
const MAX_EVENTS_BYTES = 2 * 1_048_576
/** Of a list of peers: over 10,000 of them. */
const MAX_PEERS_BYTES = 4 * 1_048_576
/** The type of the event that carries a record. */
const VALUE_EVENT = 5

/**
 * A name router over a Kubo and its RPC API: what Kubo's own routing stores and finds, on the public DHT by default.
 *
 * Kubo says that it put a record whatever came of it (tried on 0.42). So `put` resolves when Kubo has peers and afterwards holds this record,
 * perhaps in another envelope: of two with the same signed bytes it keeps the greater one, which may be a stranger's.
 * `get` yields the one that Kubo selects. Kubo says that there is none, too, when it is connected to nobody; that is a failure here.
 * Fails with `ROUTER_FAILED`, and Kubo's own reason where it gives one.
 *
 * @throws InvalidUrlError, InvalidHeaderError
 */
export const createKuboRouter = ({ name, ...options }: KuboRouterOptions): NameRouter => {
  const router = name ?? `kubo:${placeOf(options.url)}`
  const rpc = createKuboRpc(options, { what: `router ${router}`, fail: (reason, cause) => new RouterFailedError(router, reason, cause) })
  const timeout = `${rpc.timeoutMs}ms`

  /** The records that Kubo finds, or has itself when `offline`; none when it says so. */
  const find = (id: ProfileId, where: Readonly<Record<string, string>>, signal: AbortSignal | undefined): Promise<Uint8Array[]> => rpc.call<Uint8Array[]>('routing/get', {
    query: { arg: keyOf(id), ...where },
    read: async (response) => readRecords(await readAtMost(response, MAX_EVENTS_BYTES, () => rpc.failed(`its answer is over ${MAX_EVENTS_BYTES} bytes`)), rpc.failed),
    refused: (reason) => {
      if (isAbsent(reason)) return []
      throw rpc.failed(reason)
    },
    signal
  })

  const checkConnected = async (signal: AbortSignal | undefined): Promise<void> => {
    const { Peers } = await rpc.call('swarm/peers', { query: {}, read: (response) => readObject(response, MAX_PEERS_BYTES, rpc.failed), signal })
    if (!Array.isArray(Peers) || Peers.length === 0) throw rpc.failed('it is connected to nobody')
  }

  const checkHeld = async (id: ProfileId, record: Uint8Array, signal: AbortSignal | undefined): Promise<void> => {
    let [held] = await find(id, { offline: 'true' }, signal)
    // A Kubo whose only routers are services keeps no copy.
    if (!held) [held] = await find(id, { timeout }, signal)
    if (!held || !isSameRecord(held, record)) throw rpc.failed(held ? 'it did not take the record: it holds one that it prefers' : 'it did not take the record')
  }

  const put = async (id: ProfileId, record: Uint8Array, signal: AbortSignal | undefined): Promise<void> => {
    checkLimit('record bytes', MAX_RECORD_BYTES, record.byteLength)
    const given = Uint8Array.from(record)
    await rpc.call('routing/put', { query: { arg: keyOf(id), timeout }, file: given, read: async () => undefined, signal })
    await Promise.all([checkConnected(signal), checkHeld(id, given, signal)])
  }

  return {
    name: router,
    put: (id, record, { signal } = {}) => put(id, record, signal),
    get: (id, { signal } = {}) => cancellable(async function * (bounded) {
      const records = await find(id, { timeout }, bounded)
      if (records.length === 0) await checkConnected(bounded)
      yield * records
    }, [rpc.closing, signal]),
    async close () {
      rpc.close()
    }
  }
}

const keyOf = (id: ProfileId): string => `/ipns/${id}`

/** The second is what Kubo says of its own store. */
const isAbsent = (reason: string): boolean => reason.includes('routing: not found') || reason.includes('datastore: key not found')

/**
 * The records of a stream of events, one JSON object a line, without repetition; events of other types are passed over.
 *
 * @throws what `failed` makes for anything else, and where the stream ends without a record
 */
const readRecords = (stream: Uint8Array, failed: (reason: string) => Error): Uint8Array[] => {
  const records = new Map<string, Uint8Array>()
  for (const line of new TextDecoder().decode(stream).split('\n')) {
    if (line === '') continue
    const event = parseJson(line)
    if (!isObject(event) || typeof event.Type !== 'number') throw failed('its answer is no stream of events')
    if (event.Type !== VALUE_EVENT) continue
    if (typeof event.Extra !== 'string') throw failed('its answer carries no record')
    if (records.size < MAX_CANDIDATES) records.set(event.Extra, decodeRecord(event.Extra, failed))
  }
  if (records.size === 0) throw failed('its answer ends without a record')
  return [...records.values()]
}

const MAX_BASE64_LENGTH = Math.ceil(MAX_RECORD_BYTES / 3) * 4

const decodeRecord = (text: string, failed: (reason: string) => Error): Uint8Array => {
  if (text.length > MAX_BASE64_LENGTH) throw failed(`its record is over ${MAX_RECORD_BYTES} bytes`)
  try {
    const bytes = Uint8Array.from(fromString(text, 'base64pad'))
    if (toString(bytes, 'base64pad') === text && bytes.byteLength <= MAX_RECORD_BYTES) return bytes
  } catch {
    // As below.
  }
  throw failed('its record is not base64 of a record')
}

/** Whether two records carry the same signed bytes under the same signature; their envelopes are not signed. */
const isSameRecord = (held: Uint8Array, given: Uint8Array): boolean => {
  if (equals(held, given)) return true
  try {
    const [a, b] = [parseEnvelope(held), parseEnvelope(given)]
    return same(a.data, b.data) && same(a.signatureV2, b.signatureV2)
  } catch {
    // What is no record is not this one.
    return false
  }
}

const same = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean => a !== undefined && b !== undefined && equals(a, b)
