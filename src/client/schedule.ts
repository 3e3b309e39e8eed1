import { decodeCbor, encodeCbor } from '../cbor.ts'
import { parseProfileId, publicKeyOf, type ProfileId } from '../identity/profile-id.ts'
import { HOUR_MS } from '../limits.ts'
import type { KeyValueStore, Operation } from '../store/key-value-store.ts'

/** How often a name is passed on to every router: DHT nodes forget a record after 48 h. */
export const RELAY_PERIOD_MS = 12 * HOUR_MS

/**
 * When each kept name is due to be relayed: `due/<ms>/<id>` in order of time, `keep/<id>` with the same time.
 *
 * Each name has its own place in the period, drawn from its key, so that names kept together are not relayed together, after a restart neither.
 */
export class Schedule {
  private readonly store: KeyValueStore

  constructor (store: KeyValueStore) {
    this.store = store
  }

  /** For a batch: keeps `id`, next due in half a period to one and a half. @param now milliseconds since 1970 */
  async keep (id: ProfileId, now: number, options?: { signal?: AbortSignal }): Promise<Operation[]> {
    const due = nextDue(id, now)
    return [...(await this.forget(id, options)), { type: 'put', key: keepKey(id), value: encodeCbor(due) }, { type: 'put', key: dueKey(due, id), value: EMPTY }]
  }

  /** For a batch: no longer keeps `id`. */
  async forget (id: ProfileId, options?: { signal?: AbortSignal }): Promise<Operation[]> {
    const bytes = await this.store.get(keepKey(id), options)
    if (!bytes) return []
    return [{ type: 'delete', key: dueKey(decodeCbor(bytes) as number, id) }, { type: 'delete', key: keepKey(id) }]
  }

  async isKept (id: ProfileId, options?: { signal?: AbortSignal }): Promise<boolean> {
    return (await this.store.get(keepKey(id), options)) !== undefined
  }

  /** Names due by `now`, the longest due first. */
  async * due (now: number, options: { signal?: AbortSignal } = {}): AsyncGenerator<ProfileId> {
    for await (const [key] of this.store.entries({ gt: 'due/', lt: `due/${formatTime(now + 1)}` }, options)) yield parseProfileId(key.slice(key.lastIndexOf('/') + 1))
  }

  /** Every kept name. */
  async * kept (options: { signal?: AbortSignal } = {}): AsyncGenerator<ProfileId> {
    for await (const [key] of this.store.entries({ prefix: 'keep/' }, options)) yield parseProfileId(key.slice('keep/'.length))
  }
}

const EMPTY = new Uint8Array()
export const keepKey = (id: ProfileId): string => `keep/${id}`
export const dueKey = (due: number, id: ProfileId): string => `due/${formatTime(due)}/${id}`
/** Milliseconds since 1970 as 15 digits, so that keys are in order of time. */
export const formatTime = (ms: number): string => String(ms).padStart(15, '0')

const nextDue = (id: ProfileId, now: number): number => {
  const [a, b, c, d] = publicKeyOf(id) as unknown as [number, number, number, number]
  const phase = Math.floor((((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32 * RELAY_PERIOD_MS)
  const earliest = now + RELAY_PERIOD_MS / 2
  return Math.ceil((earliest - phase) / RELAY_PERIOD_MS) * RELAY_PERIOD_MS + phase
}
