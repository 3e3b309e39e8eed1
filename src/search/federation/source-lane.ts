import { reasonOf } from '../../errors.ts'
import { untilAborted } from '../../until-aborted.ts'
import type { Hit, HitStream, QueryReport } from '../engine/search-answer.ts'
import type { Query } from '../query/query.ts'

/** An index that can be asked: one at hand or a published one. */
export interface SearchSource {
  /** What the report calls it: an index's name, or `local`. */
  readonly name: string
  /** The hits of `query` from the first one on. */
  open(query: Query, options: { signal?: AbortSignal }): Promise<OpenedSource>
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

/** So many false hits are no accident. */
const MAX_FALSE_HITS = 3

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

  /** @param signal the deadline */
  constructor (source: SearchSource, query: Query, signal: AbortSignal) {
    this.source = source
    this.signal = signal
    this.opening = Promise.resolve().then(() => source.open(query, { signal }))
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
    const missing = count - this.buffer.length
    if (this.ended || missing <= 0) return
    try {
      this.opened ??= await untilAborted(this.opening, this.signal)
      const hits = await untilAborted(this.opened.stream.take(missing, { signal: this.signal }), this.signal)
      this.buffer.push(...hits)
      if (hits.length < missing) this.ended = true
      const { forged, notMatching, misScored } = this.report.dropped
      if (forged + notMatching + misScored >= MAX_FALSE_HITS) this.end('dropped')
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
