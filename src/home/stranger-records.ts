import { ClosedError, MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { MINUTE_MS, SECOND_MS } from '../limits.ts'
import { UnreachableError } from '../naming/answer.ts'
import type { NameRouter } from '../naming/name-router.ts'
import { raceRouters } from '../naming/race.ts'
import type { ProfileRecord } from '../naming/record.ts'
import { Tally } from '../naming/tally.ts'

/** Two homes that ask each other end here. */
const LOOK_UP_MS = 8 * SECOND_MS
const MAX_LOOK_UPS = 64
const MAX_REMEMBERED = 1_024
/** At most; a record with a shorter TTL is asked for again after that. */
const REMEMBERED_MS = MINUTE_MS

/** Finds records of names that are not hosted here. */
export interface StrangerRecords {
  /**
   * The best verified record that the routers give; `undefined` when all say that there is none.
   *
   * @throws UnreachableError; MercuryError `BUSY` when as many look-ups as there may be are under way
   */
  find(id: ProfileId): Promise<ProfileRecord | undefined>
  /** Look-ups under way, and names remembered. */
  readonly size: { readonly underWay: number; readonly remembered: number }
  close(): void
}

/**
 * Asks `routers`, and remembers for a minute what they said, also that they said no: at most 1,024 names, in memory alone. Whoever asks for a name that
 * is being looked up waits for that look-up. What nobody hosts here leaves no trace in any state.
 */
export const createStrangerRecords = ({ routers, clock = Date.now }: { routers: readonly NameRouter[]; clock?: () => number }): StrangerRecords => {
  const closing = new AbortController()
  const underWay = new Map<ProfileId, Promise<ProfileRecord | undefined>>()
  /** In the order of last use. */
  const remembered = new Map<ProfileId, { record: ProfileRecord | undefined; until: number }>()

  const remember = (id: ProfileId, record: ProfileRecord | undefined): void => {
    remembered.delete(id)
    remembered.set(id, { record, until: clock() + Math.min(REMEMBERED_MS, record?.ttlMs ?? REMEMBERED_MS) })
    if (remembered.size > MAX_REMEMBERED) remembered.delete(remembered.keys().next().value!)
  }

  const lookUp = async (id: ProfileId): Promise<ProfileRecord | undefined> => {
    try {
      const record = await ask(id, routers, { now: clock(), signal: closing.signal })
      remember(id, record)
      return record
    } finally {
      underWay.delete(id)
    }
  }

  return {
    async find (id) {
      closing.signal.throwIfAborted()
      const known = remembered.get(id)
      if (known && clock() < known.until) {
        remembered.delete(id)
        remembered.set(id, known)
        return known.record
      }
      const shared = underWay.get(id)
      if (shared) return shared
      if (underWay.size >= MAX_LOOK_UPS) throw new MercuryError('BUSY', 'too many look-ups are under way; ask again')
      const started = lookUp(id)
      underWay.set(id, started)
      return started
    },
    get size () {
      return { underWay: underWay.size, remembered: remembered.size }
    },
    close () {
      closing.abort(new ClosedError('server'))
    }
  }
}

/** The first router that ends with a record settles it; else all are waited for. */
const ask = async (id: ProfileId, routers: readonly NameRouter[], { now, signal }: { now: number; signal: AbortSignal }): Promise<ProfileRecord | undefined> => {
  const tally = new Tally(id, routers.map(({ name }) => name), now)
  for await (const event of raceRouters(id, routers, { timeoutMs: LOOK_UP_MS, signal })) {
    await tally.add(event)
    if (event.type === 'end' && tally.gave(event.router, undefined)) break
  }
  const best = tally.bestProfile()
  if (best && !best.error) return best.record
  const answers = tally.answers(undefined)
  if (answers.every(({ outcome }) => outcome === 'none' || outcome === 'found')) return undefined
  throw new UnreachableError(id, answers)
}
