import { decodeCbor, encodeCbor } from '../cbor.ts'
import { publicKeyOf, recallProfileId, type ProfileId } from '../identity/profile-id.ts'
import { HOUR_MS, MINUTE_MS } from '../limits.ts'
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
    return place(id, nextDue(id, now), await this.store.get(keepKey(id), options))
  }

  /**
   * For a batch of its own, after `id` was relayed: its next turn. Conditional: another process may have placed the name meanwhile, or have let it go for good.
   *
   * @param was the time under which it was found due
   */
  async again (id: ProfileId, now: number, { was, signal }: { was?: number | undefined; signal?: AbortSignal } = {}): Promise<Operation[]> {
    const bytes = await this.store.get(keepKey(id), { signal })
    // A turn that no name has any more would come up in every pass.
    const stale: Operation[] = was === undefined ? [] : [{ type: 'delete', key: dueKey(was, id) }]
    return bytes ? [{ type: 'check', key: keepKey(id), value: bytes }, ...stale, ...place(id, nextDue(id, now), bytes)] : stale
  }

  /** For a batch: no longer keeps `id`, unless its turn is changed meanwhile. */
  async forget (id: ProfileId, options?: { signal?: AbortSignal }): Promise<Operation[]> {
    const bytes = await this.store.get(keepKey(id), options)
    return [{ type: 'check', key: keepKey(id), value: bytes }, ...(bytes ? takeOut(id, bytes) : [])]
  }

  async isKept (id: ProfileId, options?: { signal?: AbortSignal }): Promise<boolean> {
    return (await this.store.get(keepKey(id), options)) !== undefined
  }

  /** Names due by `now`, the longest due first, each with when that was. */
  async * due (now: number, options: { signal?: AbortSignal } = {}): AsyncGenerator<{ id: ProfileId; due: number }> {
    for await (const [key] of this.store.entries({ gt: 'due/', lt: `due/${formatTime(now + 1)}` }, options)) {
      const [, time, id] = key.split('/') as [string, string, string]
      yield { id: recallProfileId(id), due: Number(time) }
    }
  }

  /** Every kept name. */
  async * kept (options: { signal?: AbortSignal } = {}): AsyncGenerator<ProfileId> {
    for await (const [key] of this.store.entries({ prefix: 'keep/' }, options)) yield recallProfileId(key.slice('keep/'.length))
  }
}

/** How far above the mean rate the pace is: what a stop has left undone is made up for at this rate, under 2 x the mean. */
const CATCH_UP = 1.5

/**
 * How many names one pass may relay, for `keepAlive({ limit })`: at most 1.5 x the mean rate, so that what came due while nothing ran is no burst.
 * Over any number of passes it adds up to that rate, give or take one name, however few are kept.
 *
 * Call it for at most one pass in `passMs`, and make the first pass of a program one `passMs` after its start: one that is restarted again and again then makes no more passes than one that is not.
 *
 * @param kept how many names are kept
 * @param options `now` in milliseconds since 1970; `passMs`, a minute by default, from one pass to the next
 */
export const passLimit = (kept: number, { now, passMs = MINUTE_MS }: { now: number; passMs?: number }): number => {
  const rate = CATCH_UP * kept * passMs / RELAY_PERIOD_MS
  const pass = Math.floor(now / passMs)
  return Math.floor((pass + 1) * rate) - Math.floor(pass * rate)
}

const EMPTY = new Uint8Array()
export const keepKey = (id: ProfileId): string => `keep/${id}`
export const dueKey = (due: number, id: ProfileId): string => `due/${formatTime(due)}/${id}`
/** Milliseconds since 1970 as 15 digits, so that keys are in order of time. */
export const formatTime = (ms: number): string => String(ms).padStart(15, '0')

/** @param before what stands under {@link keepKey} */
const place = (id: ProfileId, due: number, before: Uint8Array | undefined): Operation[] =>
  [...(before ? [{ type: 'delete', key: dueKey(decodeCbor(before) as number, id) } as const] : []), { type: 'put', key: keepKey(id), value: encodeCbor(due) }, { type: 'put', key: dueKey(due, id), value: EMPTY }]

const takeOut = (id: ProfileId, before: Uint8Array): Operation[] => [{ type: 'delete', key: dueKey(decodeCbor(before) as number, id) }, { type: 'delete', key: keepKey(id) }]

const nextDue = (id: ProfileId, now: number): number => {
  const [a, b, c, d] = publicKeyOf(id) as unknown as [number, number, number, number]
  const phase = Math.floor((((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32 * RELAY_PERIOD_MS)
  const earliest = now + RELAY_PERIOD_MS / 2
  return Math.ceil((earliest - phase) / RELAY_PERIOD_MS) * RELAY_PERIOD_MS + phase
}
