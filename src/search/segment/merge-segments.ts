import { compareUtf8 } from '../../bytes.ts'
import { MercuryError, checkLimit } from '../../errors.ts'
import { isTypoKey } from '../query/keys.ts'
import { compareDigests } from '../rank.ts'
import type { BlockSink } from './document-table.ts'
import type { KeyEntry } from './leaf.ts'
import { entriesOf, numbersOf, type IndexBlockReader } from './segment-entries.ts'
import { MAX_SEGMENT_DOCUMENTS, type Segment } from './segment.ts'
import { SegmentWriter, type NumberedDocuments } from './segment-writer.ts'
import { readDocumentTable } from './read-table.ts'

/** A segment and what of it is dead. */
export interface MergeInput {
  readonly segment: Segment
  readonly dead: ReadonlySet<number>
}

/**
 * The segment of all live profiles of `inputs`: block for block what building it of them would give.
 *
 * Keys are streamed; in memory are 40 bytes a profile, and the words of names.
 *
 * @returns `undefined` when none is live
 * @throws InvalidIndexBlockError, LimitError, MercuryError `INVALID_ARGUMENT` when two hold the same document alive
 */
export const mergeSegments = async (inputs: readonly MergeInput[], read: IndexBlockReader, sink: BlockSink): Promise<Segment | undefined> => {
  const tables = await Promise.all(inputs.map(({ segment }) => readDocumentTable(segment, read)))
  const { documents, renumbered } = renumber(inputs, tables)
  if (documents.qualities.byteLength === 0) return undefined
  const writer = new SegmentWriter(documents, sink)
  for await (const { key, entries } of groupByKey(inputs, read)) {
    if (isTypoKey(key)) continue
    const parts = await Promise.all(entries.map(async ({ from, entry }) => liveNumbers(await numbersOf(inputs[from]!.segment, entry, read), renumbered[from]!)))
    const numbers = parts.length === 1 ? parts[0]! : mergeAscending(parts)
    if (numbers.length > 0) await writer.add(key, numbers)
  }
  return writer.end()
}

const DEAD = 0xffffffff

/** The live documents of all segments in the order of their rank, and the new number of each old one. */
const renumber = (inputs: readonly MergeInput[], tables: readonly NumberedDocuments[]): { documents: NumberedDocuments; renumbered: Uint32Array[] } => {
  const live = inputs.reduce((sum, { segment, dead }) => sum + segment.documents - dead.size, 0)
  checkLimit('documents of a segment', MAX_SEGMENT_DOCUMENTS, live)
  const documents = { digests: new Uint8Array(live * 32), qualities: new Uint8Array(live) }
  const renumbered = tables.map(({ qualities }) => new Uint32Array(qualities.byteLength).fill(DEAD))
  const next = inputs.map(() => 0)
  const skipDead = (from: number): void => {
    while (next[from]! < inputs[from]!.segment.documents && inputs[from]!.dead.has(next[from]!)) next[from]!++
  }
  inputs.forEach((_, from) => skipDead(from))
  for (let number = 0; number < live; number++) {
    let best = -1
    for (let from = 0; from < inputs.length; from++) {
      if (next[from]! < inputs[from]!.segment.documents && (best < 0 || isBefore(tables[from]!, next[from]!, tables[best]!, next[best]!))) best = from
    }
    const digest = digestAt(tables[best]!, next[best]!)
    if (number > 0 && compareDigests(digest, digestAt(documents, number - 1)) === 0) throw new MercuryError('INVALID_ARGUMENT', 'a profile stands in two segments')
    documents.digests.set(digest, number * 32)
    documents.qualities[number] = tables[best]!.qualities[next[best]!]!
    renumbered[best]![next[best]!++] = number
    skipDead(best)
  }
  return { documents, renumbered }
}

const digestAt = ({ digests }: NumberedDocuments, number: number): Uint8Array => digests.subarray(number * 32, number * 32 + 32)

const isBefore = (a: NumberedDocuments, i: number, b: NumberedDocuments, j: number): boolean =>
  (b.qualities[j]! - a.qualities[i]! || compareDigests(digestAt(a, i), digestAt(b, j))) < 0

/** The entries of all segments, those of one key together, ascending. */
async function * groupByKey (inputs: readonly MergeInput[], read: IndexBlockReader): AsyncGenerator<{ key: string; entries: { from: number; entry: KeyEntry }[] }> {
  const streams = inputs.map(({ segment }) => entriesOf(segment, read))
  const heads = await Promise.all(streams.map((stream) => stream.next()))
  while (true) {
    let key: string | undefined
    for (const head of heads) if (!head.done && (key === undefined || compareUtf8(head.value.key, key) < 0)) key = head.value.key
    if (key === undefined) return
    const entries: { from: number; entry: KeyEntry }[] = []
    for (const [from, head] of heads.entries()) {
      if (head.done || head.value.key !== key) continue
      entries.push({ from, entry: head.value })
      heads[from] = await streams[from]!.next()
    }
    yield { key, entries }
  }
}

const liveNumbers = (numbers: Uint32Array, renumbered: Uint32Array): Uint32Array => {
  const live = new Uint32Array(numbers.length)
  let length = 0
  for (const number of numbers) if (renumbered[number] !== DEAD) live[length++] = renumbered[number]!
  return live.subarray(0, length)
}

const mergeAscending = (parts: readonly Uint32Array[]): Uint32Array => {
  const merged = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    merged.set(part, at)
    at += part.length
  }
  return merged.sort()
}
