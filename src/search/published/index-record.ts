import type { ProfileId } from '../../identity/profile-id.ts'
import { SECOND_MS } from '../../limits.ts'
import type { RouterAnswer } from '../../naming/answer.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { raceRouters } from '../../naming/race.ts'
import { compareRecords, type IpnsRecord, type NotAProfileError, type ProfileRecord } from '../../naming/record.ts'
import { Tally } from '../../naming/tally.ts'

export const ROUTER_TIMEOUT_MS = 30 * SECOND_MS

export interface RecordLookupOptions {
  /** The record that is known already: a router that gives an older one has not answered. */
  known?: ProfileRecord | undefined
  /** `first` takes the first router that ends with a record that is not below `known`; `all` waits for every one. */
  ask: 'first' | 'all'
  /** Milliseconds since 1970. */
  now: number
  /** @default 30 s */
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

/** What routers say of the name of an index. */
export interface RecordLookup {
  /** The best authentic record, `known` included, that names a block; expired or not. */
  readonly record: ProfileRecord | undefined
  /** An authentic record above it that names something else. */
  readonly elsewhere?: { readonly record: IpnsRecord; readonly error: NotAProfileError }
  /** The first router that gave {@link record}. */
  readonly confirmedBy: string | undefined
  readonly answers: readonly RouterAnswer[]
}

/** Asks all `routers` at once for the record of `name`. Garbage never wins and never throws; nothing is said of the block that the record names. */
export const lookUpRecord = async (name: ProfileId, routers: readonly NameRouter[], { known, ask, now, timeoutMs = ROUTER_TIMEOUT_MS, signal }: RecordLookupOptions): Promise<RecordLookup> => {
  const tally = new Tally(name, routers.map((router) => router.name), now)
  for await (const event of raceRouters(name, routers, { timeoutMs, signal })) {
    await tally.add(event)
    if (ask === 'first' && event.type === 'end' && tally.gave(event.router, known)) break
  }
  const found = tally.bestProfile()
  const given = found && !found.error ? found.record : undefined
  const record = given && known && compareRecords(known, given) >= 0 ? known : (given ?? known)
  const best = tally.best()
  const elsewhere = best?.error && (!record || compareRecords(best.record, record) > 0) ? best : undefined
  const answers = tally.answers(elsewhere?.record ?? record)
  return { record, confirmedBy: elsewhere ? undefined : answers.find(({ outcome }) => outcome === 'found')?.router, answers, ...(elsewhere ? { elsewhere } : {}) }
}
