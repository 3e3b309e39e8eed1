import { toString } from 'uint8arrays'
import { MercuryError, reasonOf } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { RouterAnswer, RouterOutcome } from './answer.ts'
import { InvalidRecordError } from './invalid-record.ts'
import type { RaceEvent } from './race.ts'
import { NotAProfileError, compareRecords, readProfileRecord, type IpnsRecord, type ProfileRecord } from './record.ts'

/** An authentic candidate: a profile record, or the error that says why it is none. */
export type Candidate = { record: ProfileRecord; error?: undefined } | { record: IpnsRecord; error: NotAProfileError }

interface RouterTally {
  best?: Candidate
  refusal?: MercuryError
  done?: Exclude<RaceEvent, { type: 'candidate' }>
}

/** Counts up one look-up: validates what routers give, finds the best, and says what each of them did. Garbage never wins and never throws. */
export class Tally {
  private readonly id: ProfileId
  private readonly now: number
  private readonly started = performance.now()
  private readonly byRouter = new Map<string, RouterTally>()
  /** One verification for each distinct candidate, whoever gives it. */
  private readonly verdicts = new Map<string, Promise<Candidate | MercuryError>>()

  /** @param now milliseconds since 1970 */
  constructor (id: ProfileId, routers: readonly string[], now: number) {
    this.id = id
    this.now = now
    for (const router of routers) this.byRouter.set(router, {})
  }

  async add (event: RaceEvent): Promise<void> {
    const tally = this.byRouter.get(event.router)!
    if (event.type !== 'candidate') {
      tally.done = event
      return
    }
    const verdict = await this.judge(event.bytes)
    if (verdict instanceof MercuryError) tally.refusal ??= verdict
    else if (!tally.best || compareRecords(verdict.record, tally.best.record) > 0) tally.best = verdict
  }

  /** Whether `router` has given an authentic record that is not below `floor`. */
  gave (router: string, floor: Pick<IpnsRecord, 'sequence'> | undefined): boolean {
    const best = this.byRouter.get(router)?.best
    return best !== undefined && (!floor || best.record.sequence >= floor.sequence)
  }

  /** The best candidate of all routers. */
  best (): Candidate | undefined {
    return this.candidates().sort((a, b) => compareRecords(a.record, b.record)).at(-1)
  }

  /** The best that points to a profile; a router that also gave a higher one that does not is passed over. */
  bestProfile (): Candidate | undefined {
    return this.candidates().filter(({ error }) => !error).sort((a, b) => compareRecords(a.record, b.record)).at(-1)
  }

  /** Each router's best profile record of `sequence`. */
  recordsAt (sequence: bigint): ProfileRecord[] {
    return this.candidates().flatMap((candidate) => (!candidate.error && candidate.record.sequence === sequence ? [candidate.record] : []))
  }

  /** What each router did, measured against `head`, the record that the look-up ended with. */
  answers (head: Pick<IpnsRecord, 'sequence' | 'value'> | undefined): RouterAnswer[] {
    return [...this.byRouter].map(([router, tally]) => ({ router, ms: tally.done?.ms ?? performance.now() - this.started, ...outcomeOf(tally, head) }))
  }

  private candidates (): Candidate[] {
    return [...this.byRouter.values()].flatMap(({ best }) => (best ? [best] : []))
  }

  private judge (bytes: unknown): Promise<Candidate | MercuryError> {
    if (!(bytes instanceof Uint8Array)) return Promise.resolve(new InvalidRecordError('it is not bytes'))
    const name = toString(bytes.subarray(0, MAX_NAME_BYTES), 'base64')
    const known = this.verdicts.get(name)
    if (known) return known
    const verdict = verdictOn(this.id, bytes, this.now)
    this.verdicts.set(name, verdict)
    return verdict
  }
}

/** Longer than any record that is accepted, so that two candidates with one name have one verdict. */
const MAX_NAME_BYTES = 10_241

const verdictOn = async (id: ProfileId, bytes: Uint8Array, now: number): Promise<Candidate | MercuryError> => {
  try {
    return { record: await readProfileRecord(id, bytes, { now }) }
  } catch (error) {
    if (error instanceof NotAProfileError) return { record: error.record, error }
    if (error instanceof MercuryError) return error
    throw error
  }
}

const outcomeOf = ({ best, refusal, done }: RouterTally, head: Pick<IpnsRecord, 'sequence' | 'value'> | undefined): { outcome: RouterOutcome; reason?: string; code?: string } => {
  if (best && head && best.record.sequence < head.sequence) return { outcome: 'older', reason: `version ${best.record.sequence} is older than ${head.sequence}` }
  if (best && head && !sameValue(best.record, head)) return { outcome: 'fork', reason: `another document of version ${head.sequence}` }
  if (best) return { outcome: 'found' }
  if (refusal) return { outcome: 'invalid', reason: refusal.message, code: refusal.code }
  if (!done) return { outcome: 'unfinished' }
  if (done.type === 'end') return { outcome: 'none' }
  if (done.type === 'timeout') return { outcome: 'timeout' }
  return { outcome: 'failed', ...failure(done.reason) }
}

const sameValue = (a: Pick<IpnsRecord, 'value'>, b: Pick<IpnsRecord, 'value'>): boolean => toString(a.value, 'base64') === toString(b.value, 'base64')

const failure = (reason: unknown): { reason: string; code?: string } => {
  if (reason instanceof MercuryError) return { reason: reason.message, code: reason.code }
  return { reason: reasonOf(reason) }
}
