import { readTogether, type Reading } from '../reading.ts'
import { documentsOf } from '../segment/document-table.ts'
import type { NumberedDocument } from '../segment/leaf.ts'
import { Conjunction } from './conjunction.ts'
import type { EntryNumbers } from './entry-numbers.ts'
import type { KeyChoice, Way } from './query-plan.ts'
import type { SegmentKeys } from './segment-keys.ts'

/** The numbers of a segment that its keys offer for a class, ascending, and so the best first; with their documents' hashes. */
export class ClassScan {
  private readonly keys: SegmentKeys
  private readonly ways: { scan: Conjunction; found: number[] }[]
  private last: number
  private readonly queue: NumberedDocument[] = []

  /**
   * @param ways whose keys were looked up
   * @param filters that every way needs; one that over half of the segment has is left to the document
   * @param after only numbers above it
   */
  constructor (keys: SegmentKeys, ways: readonly Way[], filters: readonly KeyChoice[], after: number) {
    this.keys = keys
    this.last = after
    const { documents } = keys.segment
    const selective = filters.map((choice) => numbersOf(keys, choice)).filter((part) => part.reduce((sum, { entry }) => sum + entry.documents, 0) * 2 <= documents)
    this.ways = ways.map((way) => ({ scan: new Conjunction(keys.segment, [...way.map((choice) => numbersOf(keys, choice)), ...selective], after), found: [] }))
  }

  /** The next that was read. */
  get head (): NumberedDocument | undefined {
    return this.queue[0]
  }

  get ended (): boolean {
    return this.queue.length === 0 && this.ways.every(({ scan, found }) => scan.ended && found.length === 0)
  }

  shift (): void {
    this.queue.shift()
  }

  /** Reads until there is a head, if there is one: `wanted` numbers or a stretch that costs little more. */
  * fill (wanted: number): Reading<void> {
    while (this.queue.length === 0 && !this.ended) {
      const waiting = this.ways.filter(({ scan, found }) => found.length === 0 && !scan.ended)
      const stretches = yield * readTogether(waiting.map(({ scan }) => scan.more(wanted)))
      // Not spread: a stretch may be longer than a call takes arguments.
      for (const [i, { found }] of waiting.entries()) for (const number of stretches[i]!) found.push(number)
      yield * this.resolve(this.takeNumbers(wanted))
    }
  }

  /** The least numbers of all ways, as long as none is waited for that may be less. */
  private takeNumbers (wanted: number): number[] {
    const numbers: number[] = []
    while (numbers.length < wanted) {
      if (this.ways.some(({ scan, found }) => found.length === 0 && !scan.ended)) break
      const least = Math.min(...this.ways.map(({ found }) => found[0] ?? Number.POSITIVE_INFINITY))
      if (least === Number.POSITIVE_INFINITY) break
      for (const { found } of this.ways) if (found[0] === least) found.shift()
      if (least > this.last) numbers.push((this.last = least))
    }
    return numbers
  }

  private * resolve (numbers: readonly number[]): Reading<void> {
    const { documentByNumber, segment } = this.keys
    const unknown = numbers.filter((number) => !documentByNumber.has(number))
    if (unknown.length > 0) for (const document of yield * documentsOf(segment, unknown)) documentByNumber.set(document.number, document)
    for (const number of numbers) this.queue.push(documentByNumber.get(number)!)
  }
}

const numbersOf = (keys: SegmentKeys, choice: KeyChoice): EntryNumbers[] => choice.flatMap((key) => keys.numbers(key) ?? [])
