import { createSigner, type Signer } from '../../../src/identity/signer.ts'
import type { ProfileId } from '../../../src/identity/profile-id.ts'
import { createLocalRouter } from '../../../src/naming/local-router.ts'
import type { NameRouter } from '../../../src/naming/name-router.ts'
import { signDocument, type SignedDocument } from '../../../src/profile/document.ts'
import type { ProfileDraft } from '../../../src/profile/draft.ts'
import type { Coverage } from '../../../src/search/published/coverage.ts'
import type { IndexSnapshot } from '../../../src/search/published/publish.ts'
import { indexReaderOf, readFrom } from '../../../src/search/published/segment-blocks.ts'
import { termsOf } from '../../../src/search/query/profile-terms.ts'
import { buildSegment } from '../../../src/search/segment/build-segment.ts'
import { documentsOf, type BlockSink } from '../../../src/search/segment/document-table.ts'
import { documentCidOf } from '../../../src/search/segment/leaf.ts'
import { mergeSegments } from '../../../src/search/segment/merge-segments.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import { readDead, readDeadBeside, writeDead } from '../../../src/search/segment/tombstones.ts'
import { DAG_CBOR, putBlock } from '../../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'

export const NOW = 1_800_000_000_000

export interface Person {
  readonly id: ProfileId
  readonly signed: SignedDocument
  readonly draft: ProfileDraft
}

/** A key of its own for each number. */
export const signerOf = (number: number): Promise<Signer> => createSigner(Uint8Array.from({ length: 32 }, (_, i) => (i < 3 ? (number >> (8 * i)) & 0xff : 9)))

/** The key of an index, unlike those of people. */
export const indexSigner = (number = 1): Promise<Signer> => createSigner(new Uint8Array(32).fill(200 + number))

export const personOf = async (number: number, draft: ProfileDraft = { name: `Person ${word(number)}`, bio: `Writes about ${word(number * 7)}`, tags: [word(number % 13)], listed: true }, seq = 1): Promise<Person> => {
  const signer = await signerOf(number)
  return { id: signer.id, signed: await signDocument(draft, signer, { seq, prev: null, time: 1_790_000_000 }), draft }
}

export const people = async (count: number, from = 0): Promise<Person[]> => {
  const all: Person[] = []
  for (let i = from; i < from + count; i++) all.push(await personOf(i))
  return all
}

/** A made-up word of letters alone. */
const word = (number: number): string => Array.from(String(number * 7_919 + 1_000)).map((digit) => 'bcdfghjklm'[Number(digit)]! + 'aeiou'[Number(digit) % 5]!).join('')

/** A shelf of segments with all of their blocks and documents, as a local index has them. */
export interface Shelf {
  readonly blocks: HashStore
  readonly sink: BlockSink
  build(persons: readonly Person[], quality?: number): Promise<Segment>
  /** `segment` with the profiles of `persons` dead. */
  bury(segment: Segment, persons: readonly Person[]): Promise<Segment>
  merge(segments: readonly Segment[]): Promise<Segment>
}

export const createShelf = (): Shelf => {
  const blocks = createHashStore(createMemoryStore())
  const sink: BlockSink = { put: (bytes) => putBlock(blocks, bytes, DAG_CBOR) }
  return {
    blocks,
    sink,
    async build (persons, quality = 7) {
      for (const { signed } of persons) await blocks.put(signed.cid, signed.bytes)
      return buildSegment(persons.map(({ signed }) => inputOf(signed, quality)), sink)
    },
    async bury (segment, persons) {
      const numbers: number[] = []
      const wanted = new Set(persons.map(({ signed }) => signed.cid.toString()))
      const all = await readFrom(blocks, documentsOf(segment, Array.from({ length: segment.documents }, (_, i) => i)))
      for (const { number, digest } of all) if (wanted.has(documentCidOf(digest).toString())) numbers.push(number)
      return writeDead(segment, await readFrom(blocks, readDeadBeside(segment, numbers)), sink)
    },
    async merge (segments) {
      const inputs = await Promise.all(segments.map(async (segment) => ({ segment, dead: await readFrom(blocks, readDead(segment)) })))
      return (await mergeSegments(inputs, indexReaderOf(blocks), sink))!
    }
  }
}

export const inputOf = ({ bytes, cid, document }: SignedDocument, quality = 7) => ({ digest: cid.multihash.digest, quality, keys: termsOf(document, bytes.byteLength)!.keys })

export const snapshotOf = (shelf: Shelf, ...segments: readonly Segment[]): IndexSnapshot => ({ segments, blocks: shelf.blocks })

/** All profiles are of no home. */
export const homeless = (documents: number): Coverage => ({ homes: [], others: { documents, oldest: NOW / 1_000 } })

/** A hash store that counts what is asked of it. */
export const countingStore = (inner: HashStore = createHashStore(createMemoryStore())) => {
  const counts = { put: 0, get: 0, unpin: 0, bytes: 0 }
  const store: HashStore = {
    ...inner,
    put: (cid, bytes, options) => {
      counts.put++
      counts.bytes += bytes.byteLength
      return inner.put(cid, bytes, options)
    },
    get: (cid, options) => {
      counts.get++
      return inner.get(cid, options)
    },
    unpin: (cid, options) => {
      counts.unpin++
      return inner.unpin(cid, options)
    }
  }
  return { ...store, counts }
}

export const memoryRouter = (name = 'memory'): NameRouter => createLocalRouter(createMemoryStore(), { name })

/** One whose every call fails. */
export const brokenRouter = (name = 'broken'): NameRouter => ({
  name,
  put: () => Promise.reject(new Error('no route')),
  get () {
    return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('no route')) }) }
  },
  close: () => Promise.resolve()
})
