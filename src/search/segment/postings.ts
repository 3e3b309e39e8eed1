import type { CID } from 'multiformats/cid'
import { InvalidIndexBlockError, POSTINGS, type IndexBlock } from './index-block.ts'
import { PackedReader, PackedWriter, varintLength } from './packed-bytes.ts'

/** What one block of postings aims at; more where there would be over 128 of them. */
const TARGET_BYTES = 4_096
const MAX_BLOCKS = 128

/** The profiles of a key, ascending. */
export type Postings =
  | { readonly kind: 'listed'; readonly numbers: Uint32Array }
  | { readonly kind: 'blocks'; readonly blocks: readonly PostingBlock[] }

export interface PostingBlock {
  readonly cid: CID
  readonly first: number
  readonly count: number
}

/** How many bytes the deltas of `numbers` take. */
export const deltaBytes = (numbers: Uint32Array): number => {
  let bytes = 0
  let last = -1
  for (const number of numbers) {
    bytes += varintLength(number - last - 1)
    last = number
  }
  return bytes
}

/** Each number as its distance from the one before, less one. */
export const writeDeltas = (writer: PackedWriter, numbers: Uint32Array, last = -1): void => {
  for (const number of numbers) {
    writer.varint(number - last - 1)
    last = number
  }
}

/** @throws what the reader's `fail` throws when a number is not under `documents` */
export const readDeltas = (reader: PackedReader, count: number, documents: number, last = -1): Uint32Array => {
  // Each takes a byte at least, so a count that lies allocates nothing.
  if (count > reader.left) reader.fail('there are fewer numbers than it says')
  const numbers = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    last += reader.varint() + 1
    if (last >= documents) reader.fail('a number is over the number of documents')
    numbers[i] = last
  }
  return numbers
}

/** `numbers` in parts, each of which makes a block. */
export const splitPostings = (numbers: Uint32Array): Uint32Array[] => {
  const target = Math.max(TARGET_BYTES, Math.ceil(deltaBytes(numbers) / (MAX_BLOCKS - 1)))
  const parts: Uint32Array[] = []
  let start = 0
  let bytes = 0
  for (let i = 0; i < numbers.length; i++) {
    const length = i === start ? 0 : varintLength(numbers[i]! - numbers[i - 1]! - 1)
    if (bytes + length > target) {
      parts.push(numbers.subarray(start, i))
      start = i
      bytes = 0
    } else bytes += length
  }
  parts.push(numbers.subarray(start))
  return parts
}

/** First number, then the distances. */
export const encodePostings = (numbers: Uint32Array): Uint8Array => {
  const writer = new PackedWriter(numbers.length * 2 + 16)
  writer.byte(POSTINGS)
  writer.varint(numbers.length)
  writeDeltas(writer, numbers)
  return writer.take()
}

const decoded = new WeakMap<IndexBlock, Uint32Array>()

/** The numbers of one block, which must be as its leaf says. @throws InvalidIndexBlockError */
export const decodePostings = (block: IndexBlock, { first, count }: PostingBlock, documents: number): Uint32Array => {
  const fail = (reason: string): never => {
    throw new InvalidIndexBlockError(block.cid, reason)
  }
  const known = decoded.get(block)
  const numbers = known ?? ((): Uint32Array => {
    const reader = new PackedReader(block.data, fail)
    if (reader.byte() !== POSTINGS) fail('it is not a block of postings')
    if (block.links.length > 0) fail('postings have no links')
    const numbers = readDeltas(reader, reader.varint(), documents)
    reader.end()
    return numbers
  })()
  if (numbers.length !== count || numbers[0] !== first || numbers.at(-1)! >= documents) fail('it does not hold the postings that its leaf speaks of')
  decoded.set(block, numbers)
  return numbers
}
