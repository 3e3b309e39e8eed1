import { compareRanks, type Rank } from '../rank.ts'
import { InvalidIndexBlockError } from '../segment/index-block.ts'
import type { Hit, HitStream } from '../engine/search-answer.ts'

/** A stream over an index that may turn out to be damaged while it is read: it is opened once more, over what is left of it, and goes on behind the last hit that was given. */
export class RecoveringStream implements HitStream {
  private stream: HitStream
  private readonly reopen: () => Promise<HitStream>
  private recovered = false
  private last: Rank | undefined

  /** @param reopen gives the index up and opens what is left, from its first hit */
  constructor (stream: HitStream, reopen: () => Promise<HitStream>) {
    this.stream = stream
    this.reopen = reopen
  }

  get report (): HitStream['report'] {
    return this.stream.report
  }

  cursor (): string | undefined {
    return this.stream.cursor()
  }

  async take (count: number, options: { signal?: AbortSignal } = {}): Promise<readonly Hit[]> {
    const hits = await this.takeWhole(count, options)
    this.last = hits.at(-1)?.rank ?? this.last
    return hits
  }

  private async takeWhole (count: number, options: { signal?: AbortSignal }): Promise<readonly Hit[]> {
    try {
      if (!this.recovered) return await this.stream.take(count, options)
    } catch (error) {
      if (!(error instanceof InvalidIndexBlockError)) throw error
      this.recovered = true
      this.stream = await this.reopen()
    }
    const hits: Hit[] = []
    while (hits.length < count) {
      const wanted = count - hits.length
      const more = await this.stream.take(wanted, options)
      hits.push(...more.filter(({ rank }) => !this.last || compareRanks(rank, this.last) > 0))
      if (more.length < wanted) break
    }
    return hits
  }
}
