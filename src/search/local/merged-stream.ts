import { compareRanks, isNamed, isSlip } from '../rank.ts'
import type { Hit, HitStream } from '../engine/search-answer.ts'

/** The hits of a stream and of a list in one order; their profiles differ. */
export class MergedStream implements HitStream {
  private readonly stream: HitStream
  private readonly listed: Hit[]
  private readonly read: Hit[] = []
  private readonly words: number
  private named = false
  private ended = false

  /** @param listed in the order of their rank @param words of the query */
  constructor (stream: HitStream, listed: readonly Hit[], words: number) {
    this.stream = stream
    this.listed = [...listed]
    this.words = words
  }

  get report (): HitStream['report'] {
    return this.stream.report
  }

  /** Pages of a local index are told apart by rank: see `answerPage`. */
  cursor (): string | undefined {
    return undefined
  }

  async take (count: number, options: { signal?: AbortSignal } = {}): Promise<readonly Hit[]> {
    if (!this.ended && this.read.length < count) {
      const wanted = count - this.read.length
      const more = await this.stream.take(wanted, options)
      this.read.push(...more)
      this.ended = more.length < wanted
    }
    const hits: Hit[] = []
    while (hits.length < count && this.read.length + this.listed.length > 0) {
      const [a, b] = [this.read[0], this.listed[0]]
      const hit = b === undefined || (a !== undefined && compareRanks(a.rank, b.rank) <= 0) ? this.read.shift()! : this.listed.shift()!
      this.named ||= isNamed(hit.rank.class)
      if (!(this.named && this.words > 1 && isSlip(hit.rank.class))) hits.push(hit)
    }
    return hits
  }
}
