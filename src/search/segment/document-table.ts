import type { CID } from 'multiformats/cid'
import { readIndexBlocks, type Reading } from '../reading.ts'
import { InvalidIndexBlockError, TABLE_LEAF, TABLE_NODE, encodeIndexBlock, type IndexBlock } from './index-block.ts'
import type { NumberedDocument } from './leaf.ts'
import type { Segment } from './segment.ts'

export const TABLE_LEAF_DOCUMENTS = 32
const TABLE_NODE_LINKS = 128
/** The top stands in the manifest, so it is small. */
const TABLE_TOP_LINKS = 16
const DIGEST_BYTES = 32

export interface BlockSink {
  /** Keeps an encoded index block. */
  put(bytes: Uint8Array): Promise<CID>
}

/** What a number is: 32 digests and qualities to a leaf, 128 links to a node. Hashes are plain bytes, so pinning an index pins no profile. */
export const writeTable = async (digests: Uint8Array, qualities: Uint8Array, sink: BlockSink): Promise<Pick<IndexBlock, 'data' | 'links'>> => {
  let links: CID[] = []
  for (let from = 0; from < qualities.byteLength; from += TABLE_LEAF_DOCUMENTS) {
    const to = Math.min(from + TABLE_LEAF_DOCUMENTS, qualities.byteLength)
    const data = new Uint8Array(1 + (to - from) * (1 + DIGEST_BYTES))
    data[0] = TABLE_LEAF
    data.set(qualities.subarray(from, to), 1)
    data.set(digests.subarray(from * DIGEST_BYTES, to * DIGEST_BYTES), 1 + to - from)
    links.push(await sink.put(encodeIndexBlock({ data, links: [] })))
  }
  let level = 1
  for (; links.length > TABLE_TOP_LINKS; level++) {
    const above: CID[] = []
    for (let at = 0; at < links.length; at += TABLE_NODE_LINKS) above.push(await sink.put(encodeIndexBlock({ data: nodeData(level), links: links.slice(at, at + TABLE_NODE_LINKS) })))
    links = above
  }
  return { data: nodeData(level), links }
}

const nodeData = (level: number): Uint8Array => Uint8Array.of(TABLE_NODE, level)

/** The documents of `numbers`, in their order; a round for each level of the table. @throws InvalidIndexBlockError */
export function * documentsOf (segment: Segment, numbers: readonly number[]): Reading<readonly NumberedDocument[]> {
  let level = checkTop(segment)
  // The leaves that are wanted, and the block above each that was reached so far.
  const leaves = [...new Set(numbers.map((number) => Math.floor(number / TABLE_LEAF_DOCUMENTS)))]
  let above = leaves.map(() => segment.table)
  for (; level >= 1; level--) {
    const below = leaves.map((leaf, i) => {
      const node = above[i]!
      const expected = linksAt(segment, level, leaf, node === segment.table)
      if (node.data.byteLength !== 2 || node.data[0] !== TABLE_NODE || node.data[1] !== level || node.links.length !== expected) throw new InvalidIndexBlockError(node.cid, 'it is not the node of a table that stands there')
      return node.links[node === segment.table ? Math.floor(leaf / leavesBelow(level)) : Math.floor(leaf / leavesBelow(level)) % TABLE_NODE_LINKS]!
    })
    const unique = new Map(below.map((cid) => [cid.toString(), cid]))
    const blocks = yield * readIndexBlocks([...unique.values()])
    const byCid = new Map([...unique.keys()].map((name, i) => [name, blocks[i]!]))
    above = below.map((cid) => byCid.get(cid.toString())!)
  }
  const leafByIndex = new Map(leaves.map((leaf, i) => [leaf, above[i]!]))
  return numbers.map((number) => {
    const leaf = Math.floor(number / TABLE_LEAF_DOCUMENTS)
    return documentIn(leafByIndex.get(leaf)!, number, Math.min(TABLE_LEAF_DOCUMENTS, segment.documents - leaf * TABLE_LEAF_DOCUMENTS))
  })
}

/** Leaves below one link of a node at `level`. */
const leavesBelow = (level: number): number => TABLE_NODE_LINKS ** (level - 1)

/** How many levels of nodes the table of so many documents has, and whether its top is that. */
const checkTop = ({ documents, table }: Segment): number => {
  let level = 1
  for (let links = Math.ceil(documents / TABLE_LEAF_DOCUMENTS); links > TABLE_TOP_LINKS; links = Math.ceil(links / TABLE_NODE_LINKS)) level++
  if (table.data[1] !== level) throw new InvalidIndexBlockError(table.cid, 'the top of a table is not that of so many documents')
  return level
}

const linksAt = ({ documents }: Segment, level: number, leaf: number, top: boolean): number => {
  const all = Math.ceil(Math.ceil(documents / TABLE_LEAF_DOCUMENTS) / leavesBelow(level))
  if (top) return all
  const node = Math.floor(leaf / leavesBelow(level + 1))
  return Math.min(TABLE_NODE_LINKS, all - node * TABLE_NODE_LINKS)
}

const documentIn = ({ cid, data, links }: IndexBlock, number: number, count: number): NumberedDocument => {
  if (data[0] !== TABLE_LEAF || links.length > 0 || data.byteLength !== 1 + count * (1 + DIGEST_BYTES)) throw new InvalidIndexBlockError(cid, 'it is not the leaf of a table that stands there')
  const i = number % TABLE_LEAF_DOCUMENTS
  return { number, quality: data[1 + i]!, digest: data.subarray(1 + count + i * DIGEST_BYTES, 1 + count + (i + 1) * DIGEST_BYTES) }
}
