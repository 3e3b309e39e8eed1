import { readTogether, type Reading } from '../reading.ts'
import type { Segment } from '../segment/segment.ts'
import type { EntryNumbers } from './entry-numbers.ts'

/** Numbers that at least one of some keys has. */
export type Disjunction = readonly EntryNumbers[]

/** A list is read beside the one that leads as long as it costs no more than so many blocks for each of that one. */
const BESIDE = 2

/** Of the list that leads, so many numbers are looked for in the others at least. */
const MIN_STRETCH = 64

/**
 * The numbers that every one of `parts` has, ascending, a stretch at a time; how many blocks are read grows with what was found so far.
 *
 * The rarest part leads; of the others those blocks are read in which its numbers would be.
 */
export class Conjunction {
  private readonly segment: Segment
  private readonly lead: Disjunction | undefined
  private readonly others: readonly Disjunction[]
  private after: number
  private wave = 0
  /** All were given. */
  ended = false

  /** @param parts none: every number @param after only numbers above it */
  constructor (segment: Segment, parts: readonly Disjunction[], after: number) {
    this.segment = segment
    const sorted = [...parts].sort((a, b) => sizeOf(a) - sizeOf(b))
    this.lead = sorted[0]
    this.others = sorted.slice(1)
    this.after = after
    if (sorted.some((part) => part.length === 0)) this.ended = true
  }

  /** The next stretch; may be empty although there is more. */
  * more (wanted: number): Reading<readonly number[]> {
    if (this.ended) return []
    if (!this.lead) return this.everyNumber(wanted)
    const carried = this.wave++ === 0 ? this.carriedHits() : undefined
    if (carried) return carried
    const blocks = 2 ** Math.min(this.wave - 1, 5)
    let { until, numbers } = this.known(this.lead, wanted)
    if (numbers.length === 0 && until !== Number.POSITIVE_INFINITY) {
      yield * readTogether(this.lead.map((entry) => entry.load(blocks, this.after)).concat(this.beside(this.after + 1, blocks)));
      ({ until, numbers } = this.known(this.lead, wanted))
    }
    const first = numbers
    yield * readTogether(this.others.flat().filter((entry) => entry.missingFor(first) <= BESIDE * blocks).map((entry) => entry.loadFor(first)))
    for (const part of this.others) {
      yield * readTogether(part.map((entry) => entry.loadFor(numbers)))
      numbers = numbers.filter((number) => part.some((entry) => entry.has(number)))
    }
    this.after = until - 1
    if (until === Number.POSITIVE_INFINITY) this.ended = true
    return numbers
  }

  /** What is known of the list that leads, up to before `until`; where the others narrow it down, about twice as much as it should take to find `wanted`. */
  private known (lead: Disjunction, wanted: number): { until: number; numbers: readonly number[] } {
    const until = Math.min(...lead.map((entry) => entry.knownUntil(this.after)))
    const numbers = union(lead, this.after, until)
    const share = this.others.reduce((product, part) => product * Math.min(1, sizeOf(part) / this.segment.documents), 1)
    const enough = Math.max(MIN_STRETCH, Math.ceil((2 * wanted) / share)) * 2 ** Math.min(this.wave - 1, 10)
    if (this.others.length === 0 || numbers.length <= enough) return { until, numbers }
    return { until: numbers[enough - 1]! + 1, numbers: numbers.slice(0, enough) }
  }

  /** What the leaf already says of a single list: its best, as far as they are the best of all its keys. */
  private carriedHits (): readonly number[] | undefined {
    const lead = this.lead!
    if (this.others.length > 0 || lead.some(({ entry }) => entry.hits.length === 0)) return undefined
    const until = Math.min(...lead.map(({ entry }) => (entry.documents > entry.hits.length ? entry.hits.at(-1)!.number + 1 : Number.POSITIVE_INFINITY)))
    const numbers = [...new Set(lead.flatMap(({ entry }) => entry.hits.map(({ number }) => number)))].filter((number) => number > this.after && number < until).sort(ascending)
    if (numbers.length === 0 && until !== Number.POSITIVE_INFINITY) return undefined
    this.after = Math.max(this.after, until - 1)
    if (until === Number.POSITIVE_INFINITY) this.ended = true
    return numbers
  }

  /** What can be read in the same round, for the stretch that the next blocks of the lead will span. */
  private beside (from: number, blocks: number): Reading<void>[] {
    const lists = this.others.flat()
    const last = Math.max(from, ...this.lead!.map((entry) => lastOf(entry, from, blocks, this.segment.documents)))
    return lists.filter((entry) => entry.missingBetween(from, last) <= BESIDE * blocks).map((entry) => entry.loadBetween(from, last))
  }

  private everyNumber (wanted: number): readonly number[] {
    const until = Math.min(this.segment.documents, this.after + 1 + wanted)
    const numbers = Array.from({ length: until - this.after - 1 }, (_, i) => this.after + 1 + i)
    this.after = until - 1
    if (until === this.segment.documents) this.ended = true
    return numbers
  }
}

const sizeOf = (part: Disjunction): number => part.reduce((sum, { entry }) => sum + entry.documents, 0)

const lastOf = (entry: EntryNumbers, from: number, blocks: number, documents: number): number => entry.endOf(from, blocks) ?? documents - 1

const union = (part: Disjunction, after: number, until: number): number[] => {
  if (part.length === 1) return [...part[0]!.between(after, until)]
  return [...new Set(part.flatMap((entry) => [...entry.between(after, until)]))].sort(ascending)
}

const ascending = (a: number, b: number): number => a - b
