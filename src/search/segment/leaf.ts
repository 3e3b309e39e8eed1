import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { compareUtf8, utf8 } from '../../bytes.ts'
import { DAG_CBOR } from '../../store/block.ts'
import { SHA2_256 } from '../../store/sha256.ts'
import { carriesHits, isTypoKey } from '../query/keys.ts'
import { InvalidIndexBlockError, LEAF, MAX_INDEX_BLOCK_BYTES, type IndexBlock } from './index-block.ts'
import { PackedReader, PackedWriter } from './packed-bytes.ts'
import { deltaBytes, readDeltas, writeDeltas, type PostingBlock, type Postings } from './postings.ts'

/** The best profiles of a key ride in its leaf with their hash, so that a page of hits needs neither postings nor table. */
export const MAX_CARRIED_HITS = 16
/** Postings up to this stand in the leaf. */
export const MAX_INLINE_BYTES = 128
export const MAX_KEY_BYTES = 256
/** Words that a typo key lists, the most frequent first. */
export const MAX_TYPO_WORDS = 64

/** A profile of a segment. */
export interface NumberedDocument {
  readonly number: number
  /** The index's opinion, 0 to 255. */
  readonly quality: number
  /** sha2-256 of the document. */
  readonly digest: Uint8Array
}

/** The CID of the document that a table or a hit names by its hash. */
export const documentCidOf = (digest: Uint8Array): CID => CID.createV1(DAG_CBOR, createDigest(SHA2_256, digest))

/** A word of names that a typo key lists. */
export interface TypoWord {
  readonly word: string
  /** How many profiles have it in their name. */
  readonly documents: number
}

/** What a segment knows of a key. */
export interface KeyEntry {
  readonly key: string
  /** How many profiles have it, the dead among them; of a typo key, how many words. */
  readonly documents: number
  /** The best, at most 16; none for keys that carry none. */
  readonly hits: readonly NumberedDocument[]
  readonly postings: Postings
  /** Of a typo key alone. */
  readonly words: readonly TypoWord[]
}

const IN_HITS = 0
const INLINE = 1
const BLOCKS = 2

/** Whether `numbers` go into blocks of their own. */
export const needsBlocks = (key: string, numbers: Uint32Array): boolean => !fitsInHits(key, numbers.length) && deltaBytes(numbers) > MAX_INLINE_BYTES

const fitsInHits = (key: string, documents: number): boolean => documents <= MAX_CARRIED_HITS && carriesHits(key)

/** Puts entries, whose keys ascend, into one leaf until it is taken. */
export class LeafWriter {
  private readonly entries = new PackedWriter(16_384)
  private links: CID[] = []
  private count = 0
  private lastKey: Uint8Array = new Uint8Array()

  /** About how many bytes the block takes. */
  get bytes (): number {
    return this.entries.length + this.links.length * LINK_BYTES
  }

  get empty (): boolean {
    return this.count === 0
  }

  /** @param numbers all that have the key @param postings the same, as they are written @param documentAt quality and digest of a number */
  add (key: string, numbers: Uint32Array, postings: Postings, documentAt: (number: number) => NumberedDocument): void {
    this.writeKey(key)
    this.entries.varint(numbers.length)
    if (carriesHits(key)) this.writeHits(numbers.subarray(0, MAX_CARRIED_HITS), documentAt)
    if (fitsInHits(key, numbers.length)) return this.entries.byte(IN_HITS)
    if (postings.kind === 'listed') {
      this.entries.byte(INLINE)
      return writeDeltas(this.entries, postings.numbers)
    }
    this.entries.byte(BLOCKS)
    this.entries.varint(postings.blocks.length)
    let last = -1
    for (const { cid, first, count } of postings.blocks) {
      this.entries.varint(first - last - 1)
      this.entries.varint(count)
      this.links.push(cid)
      last = first
    }
  }

  addWords (key: string, words: readonly TypoWord[]): void {
    this.writeKey(key)
    this.entries.varint(words.length)
    for (const { word, documents } of words) {
      const bytes = utf8(word)
      this.entries.varint(bytes.byteLength)
      this.entries.append(bytes)
      this.entries.varint(documents)
    }
  }

  /** The leaf; the writer starts anew. */
  take (): Pick<IndexBlock, 'data' | 'links'> {
    const entries = this.entries.take()
    const writer = new PackedWriter(entries.byteLength + 8)
    writer.byte(LEAF)
    writer.varint(this.count)
    writer.append(entries)
    const leaf = { data: writer.take(), links: this.links }
    this.links = []
    this.count = 0
    this.lastKey = new Uint8Array()
    return leaf
  }

  private writeKey (key: string): void {
    const bytes = utf8(key)
    const shared = sharedBytes(this.lastKey, bytes)
    this.entries.varint(shared)
    this.entries.varint(bytes.byteLength - shared)
    this.entries.append(bytes.subarray(shared))
    this.lastKey = bytes
    this.count++
  }

  private writeHits (numbers: Uint32Array, documentAt: (number: number) => NumberedDocument): void {
    let last = -1
    for (const number of numbers) {
      const { quality, digest } = documentAt(number)
      this.entries.varint(number - last - 1)
      this.entries.byte(quality)
      this.entries.append(digest)
      last = number
    }
  }
}

const LINK_BYTES = 41
const DIGEST_BYTES = 32

const sharedBytes = (a: Uint8Array, b: Uint8Array): number => {
  const max = Math.min(a.byteLength, b.byteLength)
  let shared = 0
  while (shared < max && a[shared] === b[shared]) shared++
  return shared
}

/** What a leaf was read to, and for how many profiles: another segment may link to the same leaf. */
const parsed = new WeakMap<IndexBlock, { readonly documents: number; readonly entries: readonly KeyEntry[] }>()
const fatalUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The entries of a leaf, ascending.
 *
 * @param documents of the segment
 * @throws InvalidIndexBlockError
 */
export const parseLeaf = (block: IndexBlock, documents: number): readonly KeyEntry[] => {
  const known = parsed.get(block)
  if (known?.documents === documents) return known.entries
  const entries = new LeafReader(block, documents).read()
  parsed.set(block, { documents, entries })
  return entries
}

class LeafReader {
  private readonly block: IndexBlock
  private readonly documents: number
  private readonly reader: PackedReader
  private usedLinks = 0

  constructor (block: IndexBlock, documents: number) {
    this.block = block
    this.documents = documents
    this.reader = new PackedReader(block.data, (reason) => this.fail(reason))
  }

  read (): readonly KeyEntry[] {
    const { reader } = this
    if (reader.byte() !== LEAF) this.fail('it is not a leaf')
    const count = reader.varint()
    if (count === 0 || count > MAX_INDEX_BLOCK_BYTES) this.fail('its number of entries')
    const entries: KeyEntry[] = []
    const keyBytes = new Uint8Array(MAX_KEY_BYTES)
    let length = 0
    for (let i = 0; i < count; i++) {
      const shared = reader.varint()
      const rest = reader.varint()
      if (shared > length || shared + rest > MAX_KEY_BYTES || shared + rest === 0) this.fail('a key')
      keyBytes.set(reader.take(rest), shared)
      length = shared + rest
      const key = this.text(keyBytes.subarray(0, length))
      if (i > 0 && compareUtf8(entries[i - 1]!.key, key) >= 0) this.fail('its keys do not ascend')
      entries.push(isTypoKey(key) ? this.typoEntry(key) : this.entry(key))
    }
    reader.end()
    if (this.usedLinks !== this.block.links.length) this.fail('links that no entry uses')
    return entries
  }

  private entry (key: string): KeyEntry {
    const { reader } = this
    const documents = reader.varint()
    if (documents === 0 || documents > this.documents) this.fail('a number of profiles')
    const hits = carriesHits(key) ? this.hits(Math.min(documents, MAX_CARRIED_HITS)) : []
    const postings = this.postings(key, reader.byte(), documents, hits)
    return { key, documents, hits, postings, words: NO_WORDS }
  }

  private hits (count: number): readonly NumberedDocument[] {
    const { reader } = this
    const hits: NumberedDocument[] = []
    let last = -1
    for (let i = 0; i < count; i++) {
      const number = last + 1 + reader.varint()
      if (number >= this.documents) this.fail('a number is over the number of documents')
      const quality = reader.byte()
      const digest = reader.take(DIGEST_BYTES)
      if (i > 0 && quality > hits[i - 1]!.quality) this.fail('hits out of the order of their rank')
      hits.push({ number, quality, digest })
      last = number
    }
    return hits
  }

  private postings (key: string, how: number, documents: number, hits: readonly NumberedDocument[]): Postings {
    if (how === IN_HITS) {
      if (!fitsInHits(key, documents)) this.fail('postings are missing')
      return { kind: 'listed', numbers: Uint32Array.from(hits, ({ number }) => number) }
    }
    const postings = how === INLINE ? this.inline(documents) : how === BLOCKS ? this.blocks(documents) : this.reader.fail('postings of an unknown kind')
    const firsts = postings.kind === 'listed' ? [...postings.numbers.subarray(0, hits.length)] : [postings.blocks[0]!.first]
    if (firsts.some((number, i) => hits[i] && hits[i].number !== number)) this.fail('its hits are not the first of its postings')
    return postings
  }

  private inline (documents: number): { kind: 'listed'; numbers: Uint32Array } {
    if (documents > MAX_INLINE_BYTES) this.fail('postings that are too long for a leaf')
    return { kind: 'listed', numbers: readDeltas(this.reader, documents, this.documents) }
  }

  private blocks (documents: number): { kind: 'blocks'; blocks: readonly PostingBlock[] } {
    const { reader } = this
    const count = reader.varint()
    if (count === 0 || count > this.block.links.length - this.usedLinks) this.fail('fewer links than blocks of postings')
    const blocks: PostingBlock[] = []
    let last = -1
    let sum = 0
    for (let i = 0; i < count; i++) {
      const first = last + 1 + reader.varint()
      const size = reader.varint()
      if (size === 0 || first >= this.documents || (i > 0 && first < last + blocks[i - 1]!.count)) this.fail('blocks of postings that overlap')
      blocks.push({ cid: this.block.links[this.usedLinks++]!, first, count: size })
      last = first
      sum += size
    }
    if (sum !== documents || last + blocks.at(-1)!.count > this.documents) this.fail('blocks of postings do not add up')
    return { kind: 'blocks', blocks }
  }

  private typoEntry (key: string): KeyEntry {
    const { reader } = this
    const count = reader.varint()
    if (count === 0 || count > MAX_TYPO_WORDS) this.fail('the words of a typo key')
    const words: TypoWord[] = []
    for (let i = 0; i < count; i++) {
      const word = this.text(reader.take(reader.varint()))
      const documents = reader.varint()
      const last = words.at(-1)
      if (documents === 0 || documents > this.documents || word === '' || (last && compareTypoWords(last, { word, documents }) >= 0)) this.fail('the words of a typo key')
      words.push({ word, documents })
    }
    return { key, documents: count, hits: [], postings: NO_POSTINGS, words }
  }

  private text (bytes: Uint8Array): string {
    let ascii = ''
    for (const byte of bytes) {
      if (byte >= 0x80) {
        try {
          return fatalUtf8.decode(bytes)
        } catch (error) {
          throw new InvalidIndexBlockError(this.block.cid, 'text that is not UTF-8', { cause: error })
        }
      }
      ascii += String.fromCharCode(byte)
    }
    return ascii
  }

  private fail (reason: string): never {
    throw new InvalidIndexBlockError(this.block.cid, reason)
  }
}

const NO_WORDS: readonly TypoWord[] = []
const NO_POSTINGS: Postings = { kind: 'listed', numbers: new Uint32Array() }

/** The most frequent first. */
export const compareTypoWords = (a: TypoWord, b: TypoWord): number => b.documents - a.documents || compareUtf8(a.word, b.word)
