import { reasonOf } from '../../errors.ts'
import { untilAborted } from '../../until-aborted.ts'
import { MAX_FALSE_HITS, falseHits, type Hit, type HitStream, type QueryReport } from '../engine/search-answer.ts'
import type { Query } from '../query/query.ts'

/** An index that can be asked: one at hand or a published one. */
export interface SearchSource {
  /** What the report calls it: an index's name, or `local`. */
  readonly name: string
  /** The hits of `query` from the first one on. */
  open(query: Query, options: SourceOptions): Promise<OpenedSource>
}

export interface SourceOptions {
  /** Nobody waits any longer. */
  signal?: AbortSignal
  /** A little earlier: what has come by then is to be given. */
  deadline?: AbortSignal
  /** Documents that may have to be read and are not shown: those of earlier pages, and of homes that are left out. */
  passedOver?: number
}

export interface OpenedSource {
  readonly stream: HitStream
  /** Profiles that can be found in it, as it says. */
  readonly documents?: number
  /** Milliseconds since 1970: when the version that is asked was made, as it says. */
  readonly madeAt?: number
}

export type SourceState =
  /** It gave all it had, or as much as was wanted. */
  | 'answered'
  /** It had not answered in time; what it had given counts. */
  | 'late'
  /** It broke off; what it had given counts. */
  | 'failed'
  /** It offered three hits that do not hold and was asked for no more. */
  | 'dropped'

/** After so many hits it is seen whether it lies, before more are taken. */
const STEP = 32

const NO_REPORT: QueryReport = { work: { rounds: 0, blocks: 0, bytes: 0 }, dropped: { unavailable: 0, forged: 0, notMatching: 0, misScored: 0, stale: 0 } }

/** One source while a query is answered: whatever it does, it gives hits in order or ends. */
export class SourceLane {
  readonly source: SearchSource
  private readonly opening: Promise<OpenedSource>
  private readonly signal: AbortSignal
  private opened: OpenedSource | undefined
  private readonly buffer: Hit[] = []
  private ended = false
  state: SourceState = 'answered'
  error: unknown

  constructor (source: SearchSource, query: Query, options: SourceOptions & { signal: AbortSignal }) {
    this.source = source
    this.signal = options.signal
    this.opening = Promise.resolve().then(() => source.open(query, options))
    // A source that fails before it is waited for is no unhandled rejection.
    this.opening.catch(() => undefined)
  }

  get head (): Hit | undefined {
    return this.buffer[0]
  }

  /** Whether more may come. */
  get open (): boolean {
    return !this.ended
  }

  get report (): QueryReport {
    return this.opened?.stream.report ?? NO_REPORT
  }

  /** What it says of itself, once it is open. */
  get says (): Omit<OpenedSource, 'stream'> {
    const { documents, madeAt } = this.opened ?? {}
    return { ...(documents === undefined ? {} : { documents }), ...(madeAt === undefined ? {} : { madeAt }) }
  }

  shift (): void {
    this.buffer.shift()
  }

  /** Reads until there are `count` at hand, or the source has no more, fails, lies or is late. Never rejects. */
  async fill (count: number): Promise<void> {
    try {
      while (!this.ended && this.buffer.length < count) {
        this.opened ??= await untilAborted(this.opening, this.signal)
        const wanted = Math.min(STEP, count - this.buffer.length)
        const hits = await untilAborted(this.opened.stream.take(wanted, { signal: this.signal }), this.signal)
        this.buffer.push(...hits)
        const { stopped, dropped } = this.report
        if (falseHits(dropped) >= MAX_FALSE_HITS) this.end('dropped')
        else if (hits.length < wanted) this.end(stopped === 'time' ? 'late' : 'answered')
      }
    } catch (error) {
      this.error = error
      this.end(this.signal.aborted ? 'late' : 'failed')
    }
  }

  /** For the report. */
  get reason (): string | undefined {
    return this.error === undefined || this.state === 'late' ? undefined : reasonOf(this.error)
  }

  private end (state: SourceState): void {
    this.state = state
    this.ended = true
  }
}
