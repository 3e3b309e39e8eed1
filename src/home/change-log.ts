import { CID } from 'multiformats/cid'
import { decodeCborMap, encodeCbor } from '../cbor.ts'
import { formatTime } from '../client/schedule.ts'
import { ConflictError } from '../errors.ts'
import { recallProfileId, type ProfileId } from '../identity/profile-id.ts'
import { DAY_MS } from '../limits.ts'
import { readKeptRecord } from '../naming/record.ts'
import type { KeyValueStore, Operation } from '../store/key-value-store.ts'
import { isHandedOut, type Hosting } from './hosting.ts'

export const MAX_EVENTS = 100_000
export const MAX_EVENT_AGE_MS = 7 * DAY_MS
/** Marks that are turned into events, and events that are pruned, in one step. */
const STEP = 256
const TRIES = 5

const MARKS = 'change/'
/** What a mark becomes for the home's index. */
const UNINDEXED = 'home/unindexed/'
const EVENTS = 'home/event/'
const LAST = 'home/event-last'

/** A profile has a new version. */
export interface ChangeEvent {
  /** `<ms>-<n>`: 15 digits, and the number of the event in 12; in the order of the log. */
  readonly key: string
  readonly id: ProfileId
  readonly cid: CID
  readonly sequence: bigint
}

/** The versions of hosted profiles as they came, for whoever follows them. */
export interface ChangeLog {
  /**
   * Turns the marks that stand in the state into events, and marks for the home's index; several changes of a profile since the last time are one.
   *
   * Each mark becomes an event once, in one batch with its removal, whoever of several processes does it; all events of all processes are in one order.
   */
  drain(options?: { signal?: AbortSignal }): Promise<void>
  /** Up to 256 events after `key`, or from the oldest. */
  after(key: string | undefined, options?: { signal?: AbortSignal }): Promise<readonly ChangeEvent[]>
  /** The key of the newest event there ever was; `undefined` before the first. */
  last(options?: { signal?: AbortSignal }): Promise<string | undefined>
  /** Whether the event of `key` is still there: what came after it is then, too. */
  has(key: string, options?: { signal?: AbortSignal }): Promise<boolean>
}

export interface ChangeLogOptions {
  /** That of the client that writes the marks. */
  state: KeyValueStore
  /** Only changes of what is handed out are told: what this node looked up for itself is nobody's business. */
  hosting: Pick<Hosting, 'standing'>
  clock: () => number
  /** @default 100,000 */
  maxEvents?: number
  /** @default 7 days */
  maxAgeMs?: number
}

/** Bounded in number and age, and pruned in small steps as it grows. */
export const createChangeLog = ({ state, hosting, clock, maxEvents = MAX_EVENTS, maxAgeMs = MAX_EVENT_AGE_MS }: ChangeLogOptions): ChangeLog => {
  /** One step: reads marks, writes their events behind the last one there is. @returns how many marks there were */
  const drainStep = async (signal: AbortSignal | undefined): Promise<number> => {
    const lastBytes = await state.get(LAST, { signal })
    const marks: [ProfileId, Uint8Array][] = []
    for await (const [key, value] of state.entries({ prefix: MARKS, limit: STEP }, { signal })) marks.push([recallProfileId(key.slice(MARKS.length)), value])
    if (marks.length === 0) return 0
    const changes = await Promise.all(marks.map(async ([id, mark]) => ({ id, mark, version: await versionOf(id, signal) })))
    let { ms, n } = lastBytes ? decodeLast(lastBytes) : { ms: 0, n: 0 }
    ms = Math.max(ms, clock())
    const operations = changes.flatMap(({ id, mark, version }): Operation[] => [
      { type: 'check', key: MARKS + id, value: mark },
      { type: 'delete', key: MARKS + id },
      { type: 'put', key: UNINDEXED + id, value: mark },
      ...(version ? [{ type: 'put', key: EVENTS + formatKey(ms, ++n), value: encodeCbor({ id, ...version }, { uint64: true }) } as const] : [])
    ])
    const hasEvents = changes.some(({ version }) => version)
    await state.batch([{ type: 'check', key: LAST, value: lastBytes }, ...operations, ...(hasEvents ? [{ type: 'put', key: LAST, value: encodeCbor({ ms, n }) } as const] : [])], { signal })
    return marks.length
  }

  /** The head as it is now: the mark may be of one before it. */
  const versionOf = async (id: ProfileId, signal: AbortSignal | undefined): Promise<{ cid: CID; sequence: bigint } | undefined> => {
    const [standing, record] = await Promise.all([hosting.standing(id, signal ? { signal } : {}), state.get(`record/${id}`, { signal })])
    if (!record || !isHandedOut(standing)) return undefined
    const { cid, sequence } = readKeptRecord(id, record)
    return { cid, sequence }
  }

  const prune = async (signal: AbortSignal | undefined): Promise<void> => {
    const lastBytes = await state.get(LAST, { signal })
    if (!lastBytes) return
    const { n: newest } = decodeLast(lastBytes)
    const oldest = clock() - maxAgeMs
    const doomed: Operation[] = []
    for await (const [key] of state.entries({ prefix: EVENTS, limit: 2 * STEP }, { signal })) {
      const { ms, n } = parseKey(key.slice(EVENTS.length))
      if (ms > oldest && n > newest - maxEvents) break
      doomed.push({ type: 'delete', key })
    }
    if (doomed.length > 0) await state.batch(doomed, { signal })
  }

  return {
    async drain ({ signal } = {}) {
      let conflicts = 0
      while (true) {
        try {
          if (await drainStep(signal) === 0) break
          conflicts = 0
        } catch (error) {
          // A head changed, or another process was at it: what is left is taken next time.
          if (!(error instanceof ConflictError)) throw error
          if (++conflicts >= TRIES) break
        }
        await prune(signal)
      }
      await prune(signal)
    },
    async after (key, { signal } = {}) {
      const events: ChangeEvent[] = []
      for await (const [name, value] of state.entries({ prefix: EVENTS, ...(key === undefined ? {} : { gt: EVENTS + key }), limit: STEP }, { signal })) {
        const { id, cid, sequence } = decodeCborMap(value, { uint64: true })
        events.push({ key: name.slice(EVENTS.length), id: recallProfileId(id as string), cid: CID.asCID(cid)!, sequence: BigInt(sequence as number | bigint) })
      }
      return events
    },
    async last ({ signal } = {}) {
      const bytes = await state.get(LAST, { signal })
      if (!bytes) return undefined
      const { ms, n } = decodeLast(bytes)
      return formatKey(ms, n)
    },
    async has (key, { signal } = {}) {
      return (await state.get(EVENTS + key, { signal })) !== undefined
    }
  }
}

export const EVENT_KEY = /^\d{15}-\d{12}$/

const formatKey = (ms: number, n: number): string => `${formatTime(Math.floor(ms))}-${String(n).padStart(12, '0')}`
const parseKey = (key: string): { ms: number; n: number } => ({ ms: Number(key.slice(0, 15)), n: Number(key.slice(16)) })

const decodeLast = (bytes: Uint8Array): { ms: number; n: number } => {
  const { ms, n } = decodeCborMap(bytes)
  return { ms: ms as number, n: n as number }
}
