import type { CID } from 'multiformats/cid'
import { compareUtf8 } from '../../bytes.ts'
import { DAG_CBOR, cidOf } from '../../store/block.ts'
import { typoVariants } from '../analyser/typo.ts'
import { nameWordOf, typoKey } from '../query/keys.ts'
import { writeTable, type BlockSink } from './document-table.ts'
import { encodeIndexBlock, type IndexBlock } from './index-block.ts'
import { LeafWriter, MAX_TYPO_WORDS, compareTypoWords, needsBlocks, type NumberedDocument, type TypoWord } from './leaf.ts'
import { encodeNode, separatorBetween } from './node.ts'
import { encodePostings, splitPostings, type PostingBlock, type Postings } from './postings.ts'
import type { Segment } from './segment.ts'

/** From here on leaves and nodes are larger, so that a tree of a million is no deeper. */
const LARGE_SEGMENT_DOCUMENTS = 262_144
const SMALL = { leafBytes: 4_096, nodeBytes: 8_192 }
const LARGE = { leafBytes: 6_144, nodeBytes: 16_384 }
/** The top stands in the manifest. */
const MAX_TOP_BYTES = 6_144
const LINK_BYTES = 43

/** The profiles of a segment by their number. */
export interface NumberedDocuments {
  /** 32 bytes each. */
  readonly digests: Uint8Array
  readonly qualities: Uint8Array
}

/** Writes a segment from its keys in ascending order: the one place where its blocks are made, for a build and for a merge. */
export class SegmentWriter {
  private readonly documents: NumberedDocuments
  private readonly count: number
  private readonly sink: BlockSink
  private readonly leaf = new LeafWriter()
  private readonly size: { leafBytes: number; nodeBytes: number }
  private readonly children: { cid: CID; separator: string }[] = []
  private readonly nameWords: TypoWord[] = []
  private lastKey = ''
  private leafSeparator = ''

  constructor (documents: NumberedDocuments, sink: BlockSink) {
    this.documents = documents
    this.count = documents.qualities.byteLength
    this.size = this.count >= LARGE_SEGMENT_DOCUMENTS ? LARGE : SMALL
    this.sink = sink
  }

  /** @param key above the one before, and not a typo key: those are made of the others @param numbers ascending, at least one */
  async add (key: string, numbers: Uint32Array): Promise<void> {
    const postings = await this.writePostings(key, numbers)
    await this.makeRoom(key)
    this.leaf.add(key, numbers, postings, this.documentAt)
    const word = nameWordOf(key)
    if (word !== undefined) this.nameWords.push({ word, documents: numbers.length })
  }

  /** The segment of all that was added; writes what is made of it: slips, nodes and the table. */
  async end (): Promise<Segment> {
    await this.writeTypoKeys()
    await this.writeLeaf('')
    const keys = await this.writeNodes()
    const table = await writeTable(this.documents.digests, this.documents.qualities, this.sink)
    // The segment stands in no block yet: its first encoding names it.
    const cid = await cidOf(encodeIndexBlock(keys), DAG_CBOR)
    return { documents: this.count, keys: { cid, ...keys }, table: { cid, ...table }, dead: [] }
  }

  private readonly documentAt = (number: number): NumberedDocument =>
    ({ number, quality: this.documents.qualities[number]!, digest: this.documents.digests.subarray(number * 32, number * 32 + 32) })

  private async writePostings (key: string, numbers: Uint32Array): Promise<Postings> {
    if (!needsBlocks(key, numbers)) return { kind: 'listed', numbers }
    const blocks: PostingBlock[] = []
    for (const part of splitPostings(numbers)) blocks.push({ cid: await this.sink.put(encodeIndexBlock({ data: encodePostings(part), links: [] })), first: part[0]!, count: part.length })
    return { kind: 'blocks', blocks }
  }

  private async makeRoom (key: string): Promise<void> {
    if (!this.leaf.empty && this.leaf.bytes >= this.size.leafBytes) await this.writeLeaf(separatorBetween(this.lastKey, key))
    this.lastKey = key
  }

  private async writeLeaf (nextSeparator: string): Promise<void> {
    this.children.push({ cid: await this.sink.put(encodeIndexBlock(this.leaf.take())), separator: this.leafSeparator })
    this.leafSeparator = nextSeparator
  }

  private async writeTypoKeys (): Promise<void> {
    const wordsByKey = new Map<string, TypoWord[]>()
    for (const word of this.nameWords) {
      for (const variant of typoVariants(word.word)) {
        const key = typoKey(variant)
        const words = wordsByKey.get(key)
        if (words) words.push(word)
        else wordsByKey.set(key, [word])
      }
    }
    for (const key of [...wordsByKey.keys()].sort(compareUtf8)) {
      await this.makeRoom(key)
      this.leaf.addWords(key, wordsByKey.get(key)!.sort(compareTypoWords).slice(0, MAX_TYPO_WORDS))
    }
  }

  /** Nodes over nodes until one is small enough to stand in a manifest. */
  private async writeNodes (): Promise<Pick<IndexBlock, 'data' | 'links'>> {
    let { children } = this
    for (let level = 1; ; level++) {
      if (sizeOf(children) <= MAX_TOP_BYTES) return nodeOf(level, children)
      const above: { cid: CID; separator: string }[] = []
      let from = 0
      let bytes = 0
      for (let i = 0; i < children.length; i++) {
        const length = LINK_BYTES + children[i]!.separator.length
        if (i > from && bytes + length > this.size.nodeBytes) {
          above.push(await this.writeNode(level, children.slice(from, i)))
          from = i
          bytes = 0
        }
        bytes += length
      }
      above.push(await this.writeNode(level, children.slice(from)))
      children = above
    }
  }

  private async writeNode (level: number, children: readonly { cid: CID; separator: string }[]): Promise<{ cid: CID; separator: string }> {
    return { cid: await this.sink.put(encodeIndexBlock(nodeOf(level, children))), separator: children[0]!.separator }
  }
}

const nodeOf = (level: number, children: readonly { cid: CID; separator: string }[]): Pick<IndexBlock, 'data' | 'links'> =>
  encodeNode({ level, separators: children.slice(1).map(({ separator }) => separator), children: children.map(({ cid }) => cid) })

const sizeOf = (children: readonly { separator: string }[]): number => children.reduce((sum, { separator }) => sum + LINK_BYTES + separator.length, 0)
