import { compareUtf8 } from '../../bytes.ts'
import { MercuryError, checkLimit } from '../../errors.ts'
import { compareDigests } from '../rank.ts'
import type { BlockSink } from './document-table.ts'
import { MAX_SEGMENT_DOCUMENTS, type Segment } from './segment.ts'
import { SegmentWriter, type NumberedDocuments } from './segment-writer.ts'

/** A profile that goes into a segment. */
export interface SegmentInput {
  /** sha2-256 of its document, 32 bytes. */
  readonly digest: Uint8Array
  /** 0 to 255. */
  readonly quality: number
  /** As `termsOf` gives them. */
  readonly keys: readonly string[]
}

/**
 * Builds a segment of `inputs`, whose order does not matter: the same profiles make the same blocks on every runtime.
 *
 * Everything is in memory until it is written, some 700 bytes a profile; more than fit are built in parts and merged.
 *
 * @throws LimitError over 4,194,304 profiles, MercuryError `INVALID_ARGUMENT` without one or with one twice
 */
export const buildSegment = async (inputs: Iterable<SegmentInput> | AsyncIterable<SegmentInput>, sink: BlockSink): Promise<Segment> => {
  const collected = await collect(inputs)
  const { documents, order } = numberDocuments(collected)
  const postings = postingsByTerm(collected, order)
  const writer = new SegmentWriter(documents, sink)
  for (const { key, term } of sortedTerms(collected.terms)) await writer.add(key, postings(term))
  return writer.end()
}

/** What came in, in its order. */
interface Collected {
  readonly digests: readonly Uint8Array[]
  readonly qualities: readonly number[]
  /** The terms of all documents one after the other, and where each document's end. */
  readonly termIds: Uint32Array
  readonly ends: readonly number[]
  readonly terms: ReadonlyMap<string, number>
}

const collect = async (inputs: Iterable<SegmentInput> | AsyncIterable<SegmentInput>): Promise<Collected> => {
  const digests: Uint8Array[] = []
  const qualities: number[] = []
  const ends: number[] = []
  const terms = new Map<string, number>()
  let termIds = new Uint32Array(4_096)
  let length = 0
  for await (const { digest, quality, keys } of inputs) {
    checkLimit('documents of a segment', MAX_SEGMENT_DOCUMENTS, digests.length + 1)
    if (length + keys.length > termIds.length) termIds = grown(termIds, length + keys.length)
    for (const key of keys) {
      let term = terms.get(key)
      if (term === undefined) terms.set(key, (term = terms.size))
      termIds[length++] = term
    }
    digests.push(digest)
    qualities.push(quality)
    ends.push(length)
  }
  if (digests.length === 0) throw new MercuryError('INVALID_ARGUMENT', 'a segment without profiles')
  return { digests, qualities, ends, terms, termIds: termIds.subarray(0, length) }
}

const grown = (array: Uint32Array, length: number): Uint32Array<ArrayBuffer> => {
  const larger = new Uint32Array(Math.max(array.length * 2, length))
  larger.set(array)
  return larger
}

/** The best first, which gets number 0. */
const numberDocuments = ({ digests, qualities }: Collected): { documents: NumberedDocuments; order: Uint32Array } => {
  const order = Uint32Array.from(digests.keys()).sort((a, b) => qualities[b]! - qualities[a]! || compareDigests(digests[a]!, digests[b]!))
  const documents = { digests: new Uint8Array(order.length * 32), qualities: new Uint8Array(order.length) }
  for (const [number, i] of order.entries()) {
    documents.digests.set(digests[i]!, number * 32)
    documents.qualities[number] = qualities[i]!
    if (number > 0 && compareDigests(digests[i]!, digests[order[number - 1]!]!) === 0) throw new MercuryError('INVALID_ARGUMENT', 'a profile stands twice in a segment')
  }
  return { documents, order }
}

/** Sorted by counting: documents are taken by number, so the numbers of each term come out ascending. */
const postingsByTerm = ({ termIds, ends, terms }: Collected, order: Uint32Array): ((term: number) => Uint32Array) => {
  const starts = new Uint32Array(terms.size + 1)
  for (const term of termIds) starts[term + 1]!++
  for (let term = 0; term < terms.size; term++) starts[term + 1]! += starts[term]!
  const numbers = new Uint32Array(termIds.length)
  const next = starts.slice(0, terms.size)
  for (const [number, i] of order.entries()) for (let at = i === 0 ? 0 : ends[i - 1]!; at < ends[i]!; at++) numbers[next[termIds[at]!]!++] = number
  return (term) => numbers.subarray(starts[term], starts[term + 1])
}

const sortedTerms = (terms: ReadonlyMap<string, number>): { key: string; term: number }[] => sortKeys([...terms.keys()]).map((key) => ({ key, term: terms.get(key)! }))

/** In the order of their UTF-8 bytes; JavaScript's own order is the same but for characters above U+D7FF. */
export const sortKeys = (keys: string[]): string[] => (keys.some((key) => HIGH.test(key)) ? keys.sort(compareUtf8) : keys.sort(compareUnits))

const HIGH = /[\ud800-\uffff]/

const compareUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
