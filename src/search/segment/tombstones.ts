import { readIndexBlocks, type Reading } from '../reading.ts'
import type { BlockSink } from './document-table.ts'
import { InvalidIndexBlockError, TOMBSTONES, encodeIndexBlock, type IndexBlock } from './index-block.ts'
import { PackedReader, PackedWriter } from './packed-bytes.ts'
import { readDeltas, writeDeltas } from './postings.ts'
import { TOMBSTONE_SLICE, type Segment, type TombstoneSlice } from './segment.ts'

/** What a block was decoded to, and as what: slices whose dead lie alike are one block. */
const decoded = new WeakMap<IndexBlock, { readonly slice: number; readonly documents: number; readonly numbers: ReadonlySet<number> }>()

/** Which of `numbers` are dead: superseded, unlisted or gone since the segment was built. One round where any of their slices has a dead one. */
export function * deadAmong (segment: Segment, numbers: readonly number[]): Reading<readonly boolean[]> {
  const wanted = new Set(numbers.map(sliceOf))
  const slices = segment.dead.filter(({ slice }) => wanted.has(slice))
  if (slices.length === 0) return numbers.map(() => false)
  const sets = yield * readSlices(segment, slices)
  return numbers.map((number) => sets.get(sliceOf(number))?.has(number) === true)
}

/** All dead numbers of a segment. */
export function * readDead (segment: Segment): Reading<ReadonlySet<number>> {
  const sets = yield * readSlices(segment, segment.dead)
  return new Set([...sets.values()].flatMap((set) => [...set]))
}

/** `segment` with `numbers` dead too; only the slices that change are written anew. */
export function * readDeadBeside (segment: Segment, numbers: readonly number[]): Reading<ReadonlyMap<number, ReadonlySet<number>>> {
  const wanted = new Set(numbers.map(sliceOf))
  const before = yield * readSlices(segment, segment.dead.filter(({ slice }) => wanted.has(slice)))
  return new Map([...wanted].map((slice) => [slice, new Set([...(before.get(slice) ?? []), ...numbers.filter((number) => sliceOf(number) === slice)])]))
}

/** @param changed what {@link readDeadBeside} gave */
export const writeDead = async (segment: Segment, changed: ReadonlyMap<number, ReadonlySet<number>>, sink: BlockSink): Promise<Segment> => {
  const kept = segment.dead.filter(({ slice }) => !changed.has(slice))
  const written: TombstoneSlice[] = []
  for (const [slice, numbers] of changed) {
    const writer = new PackedWriter()
    writer.byte(TOMBSTONES)
    writer.varint(numbers.size)
    writeDeltas(writer, Uint32Array.from(numbers).sort(), slice * TOMBSTONE_SLICE - 1)
    written.push({ slice, count: numbers.size, cid: await sink.put(encodeIndexBlock({ data: writer.take(), links: [] })) })
  }
  return { ...segment, dead: [...kept, ...written].sort((a, b) => a.slice - b.slice) }
}

const sliceOf = (number: number): number => Math.floor(number / TOMBSTONE_SLICE)

function * readSlices (segment: Segment, slices: readonly TombstoneSlice[]): Reading<ReadonlyMap<number, ReadonlySet<number>>> {
  const blocks = yield * readIndexBlocks(slices.map(({ cid }) => cid))
  return new Map(slices.map((slice, i) => [slice.slice, decodeSlice(blocks[i]!, slice, segment.documents)]))
}

const decodeSlice = (block: IndexBlock, { slice, count }: TombstoneSlice, documents: number): ReadonlySet<number> => {
  const known = decoded.get(block)
  if (known?.slice === slice && known.documents === documents && known.numbers.size === count) return known.numbers
  const fail = (reason: string): never => {
    throw new InvalidIndexBlockError(block.cid, reason)
  }
  const reader = new PackedReader(block.data, fail)
  if (reader.byte() !== TOMBSTONES || block.links.length > 0) fail('it is not a slice of tombstones')
  if (reader.varint() !== count) fail('it does not hold as many tombstones as its segment says')
  const numbers = new Set(readDeltas(reader, count, Math.min(documents, (slice + 1) * TOMBSTONE_SLICE), slice * TOMBSTONE_SLICE - 1))
  reader.end()
  decoded.set(block, { slice, documents, numbers })
  return numbers
}
