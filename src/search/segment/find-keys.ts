import { compareUtf8 } from '../../bytes.ts'
import { readIndexBlocks, type Reading } from '../reading.ts'
import { InvalidIndexBlockError, type IndexBlock } from './index-block.ts'
import { parseLeaf, type KeyEntry } from './leaf.ts'
import { childOf, parseNode, type KeyNode } from './node.ts'
import { decodePostings, type PostingBlock } from './postings.ts'
import type { Segment } from './segment.ts'

/** Blocks of a tree that were read, by CID: they are not asked for again, not even in a round that costs nothing. */
export type KnownBlocks = Map<string, IndexBlock>

/** What a segment knows of each of `keys`: one round for each level of its tree, whatever their number. @throws InvalidIndexBlockError */
export function * findKeys (segment: Segment, keys: readonly string[], known: KnownBlocks = new Map()): Reading<readonly (KeyEntry | undefined)[]> {
  const leaves = yield * descend(segment, keys, 0, known)
  return keys.map((key, i) => entryIn(parseLeaf(leaves[i]!, segment.documents), key))
}

/** Reads the nodes above the leaves of `keys`, for a look-up that may follow. */
export function * readNodesOf (segment: Segment, keys: readonly string[], known: KnownBlocks): Reading<void> {
  yield * descend(segment, keys, 1, known)
}

/** For each key the block of `level` below which it would be. */
function * descend (segment: Segment, keys: readonly string[], to: number, known: KnownBlocks): Reading<readonly IndexBlock[]> {
  let blocks: readonly IndexBlock[] = keys.map(() => segment.keys)
  for (let level = parseNode(segment.keys).level; level > to; level--) {
    const children = keys.map((key, i) => {
      const node = nodeAt(blocks[i]!, level)
      return node.children[childOf(node, key)]!
    })
    const missing = new Map(children.map((cid) => [cid.toString(), cid] as const).filter(([name]) => !known.has(name)))
    const found = yield * readIndexBlocks([...missing.values()])
    for (const [i, name] of [...missing.keys()].entries()) known.set(name, found[i]!)
    blocks = children.map((cid) => known.get(cid.toString())!)
  }
  return blocks
}

const nodeAt = (block: IndexBlock, level: number): KeyNode => {
  const node = parseNode(block)
  if (node.level !== level) throw new InvalidIndexBlockError(block.cid, 'a node of another level than its place')
  return node
}

/** Up to so many keys of a beginning are looked at, and leaves. */
const MAX_SCANNED_KEYS = 64
const MAX_SCANNED_LEAVES = 8

/**
 * The entries whose key starts with `start`, ascending.
 *
 * @param wanted which of them count
 * @returns `complete`: whether these are all; at most 64, from at most 8 leaves that lie in one node
 */
export function * scanKeys (segment: Segment, start: string, wanted: (key: string) => boolean): Reading<{ entries: readonly KeyEntry[]; complete: boolean }> {
  const end = start + LAST_CHARACTER
  let blocks: readonly IndexBlock[] = [segment.keys]
  let complete = true
  for (let level = parseNode(segment.keys).level; level >= 1; level--) {
    const children = blocks.flatMap((block) => {
      const node = nodeAt(block, level)
      return node.children.slice(childOf(node, start), childOf(node, end) + 1)
    })
    if (children.length > MAX_SCANNED_LEAVES) complete = false
    blocks = yield * readIndexBlocks(children.slice(0, MAX_SCANNED_LEAVES))
  }
  const entries = blocks.flatMap((block) => parseLeaf(block, segment.documents)).filter(({ key }) => key.startsWith(start) && wanted(key))
  return { entries: entries.slice(0, MAX_SCANNED_KEYS), complete: complete && entries.length <= MAX_SCANNED_KEYS }
}

/** No word holds it. */
const LAST_CHARACTER = '\u{10ffff}'

/** The numbers of one block of postings. */
export function * readPostings (segment: Segment, blocks: readonly PostingBlock[]): Reading<readonly Uint32Array[]> {
  const found = yield * readIndexBlocks(blocks.map(({ cid }) => cid))
  return blocks.map((block, i) => decodePostings(found[i]!, block, segment.documents))
}

const entryIn = (entries: readonly KeyEntry[], key: string): KeyEntry | undefined => {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareUtf8(entries[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  const entry = entries[low]
  return entry?.key === key ? entry : undefined
}
