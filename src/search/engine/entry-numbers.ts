import type { Reading } from '../reading.ts'
import { readPostings } from '../segment/find-keys.ts'
import type { KeyEntry } from '../segment/leaf.ts'
import type { PostingBlock } from '../segment/postings.ts'
import type { Segment } from '../segment/segment.ts'

/** The numbers of a key, of whose blocks only those are read that are needed. */
export class EntryNumbers {
  readonly entry: KeyEntry
  private readonly segment: Segment
  private readonly blocks: readonly PostingBlock[]
  private readonly loaded: (Uint32Array | undefined)[]

  constructor (segment: Segment, entry: KeyEntry) {
    this.segment = segment
    this.entry = entry
    this.blocks = entry.postings.kind === 'blocks' ? entry.postings.blocks : []
    this.loaded = entry.postings.kind === 'blocks' ? entry.postings.blocks.map(() => undefined) : [entry.postings.numbers]
  }

  /** Reads `count` blocks more that hold numbers above `after`. */
  * load (count: number, after: number): Reading<void> {
    const from = this.blockOf(after + 1)
    const missing: number[] = []
    for (let i = from; i < this.loaded.length && missing.length < count; i++) if (!this.loaded[i]) missing.push(i)
    yield * this.loadBlocks(missing)
  }

  /** The first number that may stand in a block that is not read; all numbers from `after` to before it are known. */
  knownUntil (after: number): number {
    for (let i = this.blockOf(after + 1); i < this.loaded.length; i++) if (!this.loaded[i]) return this.blocks[i]!.first
    return Number.POSITIVE_INFINITY
  }

  /** The known numbers above `after` and below `until`, ascending. */
  * between (after: number, until: number): Iterable<number> {
    for (let i = this.blockOf(after + 1); i < this.loaded.length; i++) {
      const numbers = this.loaded[i]
      if (!numbers) return
      for (let at = firstAbove(numbers, after); at < numbers.length; at++) {
        if (numbers[at]! >= until) return
        yield numbers[at]!
      }
    }
  }

  /** Reads the blocks in which `numbers`, ascending, would be. */
  * loadFor (numbers: readonly number[]): Reading<void> {
    yield * this.loadBlocks([...this.missing(numbers)])
  }

  /** How many of those blocks are not read yet. */
  missingFor (numbers: readonly number[]): number {
    return this.missing(numbers).size
  }

  private missing (numbers: readonly number[]): ReadonlySet<number> {
    const missing = new Set<number>()
    for (const number of numbers) {
      const i = this.blockOf(number)
      if (!this.loaded[i]) missing.add(i)
    }
    return missing
  }

  /** Blocks that are not read yet and may hold numbers from `first` to `last`. */
  missingBetween (first: number, last: number): number {
    let missing = 0
    for (let i = this.blockOf(first); i <= this.blockOf(last); i++) if (!this.loaded[i]) missing++
    return missing
  }

  * loadBetween (first: number, last: number): Reading<void> {
    const missing: number[] = []
    for (let i = this.blockOf(first); i <= this.blockOf(last); i++) if (!this.loaded[i]) missing.push(i)
    yield * this.loadBlocks(missing)
  }

  /** The last number that the `count` blocks from the one of `first` on may hold; `undefined` when no block follows them. */
  endOf (first: number, count: number): number | undefined {
    const next = this.blocks[this.blockOf(first) + count]
    return next && next.first - 1
  }

  /** Whether `number` is among them; its block has been read. */
  has (number: number): boolean {
    const numbers = this.loaded[this.blockOf(number)]
    return numbers !== undefined && numbers[firstAbove(numbers, number - 1)] === number
  }

  private * loadBlocks (indexes: readonly number[]): Reading<void> {
    const read = yield * readPostings(this.segment, indexes.map((i) => this.blocks[i]!))
    for (const [at, i] of indexes.entries()) this.loaded[i] = read[at]!
  }

  /** The block that holds `number` if any does. */
  private blockOf (number: number): number {
    let low = 0
    let high = this.blocks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.blocks[middle]!.first <= number) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

/** The index of the first number above `number`. */
const firstAbove = (numbers: Uint32Array, number: number): number => {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (numbers[middle]! <= number) low = middle + 1
    else high = middle
  }
  return low
}
