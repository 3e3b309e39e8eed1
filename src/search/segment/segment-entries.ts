import type { CID } from 'multiformats/cid'
import { compareUtf8 } from '../../bytes.ts'
import { InvalidIndexBlockError, type IndexBlock } from './index-block.ts'
import { parseLeaf, type KeyEntry } from './leaf.ts'
import { parseNode } from './node.ts'
import { decodePostings } from './postings.ts'
import type { Segment } from './segment.ts'

/** Fetches index blocks, verified and decoded, in the order of `cids`. @throws InvalidIndexBlockError when one is missing or wrong */
export type IndexBlockReader = (cids: readonly CID[]) => Promise<readonly IndexBlock[]>

/** How many leaves are fetched at a time. */
const LEAVES = 16

/** All entries of a segment, ascending, in bounded memory: for merging and for audits. @throws InvalidIndexBlockError also when leaves are out of order */
export async function * entriesOf (segment: Segment, read: IndexBlockReader): AsyncGenerator<KeyEntry> {
  let last: string | undefined
  for await (const leaf of leavesBelow(segment.keys, parseNode(segment.keys).level, read)) {
    const entries = parseLeaf(leaf, segment.documents)
    if (last !== undefined && compareUtf8(last, entries[0]!.key) >= 0) throw new InvalidIndexBlockError(leaf.cid, 'its keys are below those of the leaf before')
    yield * entries
    last = entries.at(-1)!.key
  }
}

async function * leavesBelow (block: IndexBlock, level: number, read: IndexBlockReader): AsyncGenerator<IndexBlock> {
  const node = parseNode(block)
  if (node.level !== level) throw new InvalidIndexBlockError(block.cid, 'a node of another level than its place')
  for (let at = 0; at < node.children.length; at += LEAVES) {
    for (const child of await read(node.children.slice(at, at + LEAVES))) {
      if (level === 1) yield child
      else yield * leavesBelow(child, level - 1, read)
    }
  }
}

/** All numbers of an entry. */
export const numbersOf = async (segment: Segment, { postings }: KeyEntry, read: IndexBlockReader): Promise<Uint32Array> => {
  if (postings.kind === 'listed') return postings.numbers
  const blocks = await read(postings.blocks.map(({ cid }) => cid))
  const parts = postings.blocks.map((block, i) => decodePostings(blocks[i]!, block, segment.documents))
  const numbers = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    numbers.set(part, at)
    at += part.length
  }
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! <= numbers[i - 1]!) throw new InvalidIndexBlockError(postings.blocks[0]!.cid, 'blocks of postings that overlap')
  return numbers
}
