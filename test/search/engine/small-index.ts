import { encodeCbor, type CborMap } from '../../../src/cbor.ts'
import type { ProfileDocument } from '../../../src/profile/document.ts'
import type { Hit } from '../../../src/search/engine/search-answer.ts'
import { matchDocument } from '../../../src/search/query/match.ts'
import { termsOf } from '../../../src/search/query/profile-terms.ts'
import type { Query } from '../../../src/search/query/query.ts'
import { compareRanks, type Rank } from '../../../src/search/rank.ts'
import { buildSegment, type SegmentInput } from '../../../src/search/segment/build-segment.ts'
import { readDeadBeside, writeDead } from '../../../src/search/segment/tombstones.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import { createBlockSource, runReading } from '../../../src/search/engine/block-source.ts'
import { DAG_CBOR, cidOf, putBlock } from '../../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'

export interface Person {
  readonly name: string
  readonly tags?: readonly string[]
  readonly bio?: string
  readonly kind?: string
  readonly lang?: string
  readonly location?: { readonly lat: number; readonly lon: number; readonly precision: number }
  readonly quality?: number
}

export interface LiveDocument {
  readonly digest: Uint8Array
  readonly quality: number
  readonly document: ProfileDocument
  readonly bytes: Uint8Array
}

export interface SmallIndex {
  readonly segments: readonly Segment[]
  readonly blocks: HashStore
  readonly live: readonly LiveDocument[]
}

/** A document that nobody signed: for indexes whose documents were verified before. */
export const unsignedDocument = (person: Person, owner: number): ProfileDocument => {
  const { name, tags, bio, kind = 'persona', lang, location } = person
  const id = new Uint8Array(38)
  id.set([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
  new DataView(id.buffer).setUint32(6, owner * 2_654_435_761)
  new DataView(id.buffer).setUint32(12, owner)
  const attrs = Object.fromEntries(Object.entries({ name, tags, bio, lang, location }).filter(([, value]) => value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)))
  return { v: 1, kind, id, seq: 1, time: 1_790_000_000, prev: null, next: null, attrs: attrs as CborMap, listed: true, sig: new Uint8Array(64) }
}

/** An index of `people` over several segments, some of whom are dead. */
export const buildIndex = async (people: readonly Person[], { segments: count = 1, gone = [] }: { segments?: number; gone?: readonly number[] } = {}): Promise<SmallIndex> => {
  const blocks = createHashStore(createMemoryStore())
  const sink = { put: (bytes: Uint8Array) => putBlock(blocks, bytes, DAG_CBOR) }
  const documents = await Promise.all(people.map(async (person, i): Promise<LiveDocument> => {
    const document = unsignedDocument(person, i)
    const bytes = encodeCbor(document)
    await sink.put(bytes)
    return { digest: (await cidOf(bytes, DAG_CBOR)).multihash.digest, quality: person.quality ?? 100, document, bytes }
  }))
  const dead = new Set(gone.filter((i) => i < documents.length))
  const segments: Segment[] = []
  for (let part = 0; part < count; part++) {
    const own = documents.map((document, i) => ({ document, i })).filter(({ i }) => i % count === part)
    if (own.length === 0) continue
    const inputs = own.map(({ document: { digest, quality, document, bytes } }): SegmentInput => ({ digest, quality, keys: termsOf(document, bytes.byteLength)!.keys }))
    const segment = await buildSegment(inputs, sink)
    const ranked = own.toSorted((a, b) => compareRanks(rankOf(a.document), rankOf(b.document)))
    const numbers = [...ranked.keys()].filter((number) => dead.has(ranked[number]!.i))
    const source = createBlockSource({ blocks, verify: 'hash' })
    segments.push(numbers.length === 0 ? segment : await writeDead(segment, await runReading(readDeadBeside(segment, numbers), source), sink))
  }
  return { segments, blocks, live: documents.filter((_, i) => !dead.has(i)) }
}

const rankOf = ({ quality, digest }: LiveDocument): Rank => ({ class: 'anywhere', quality, digest })

/** What a query must give: every document judged, and put in order; no slips of several words where a name has them all. Slips are judged by any word: the sets here have fewer of them than an engine looks up. */
export const evaluate = (live: readonly LiveDocument[], query: Query): readonly string[] => {
  const ranks = live.flatMap(({ document, quality, digest }): Rank[] => {
    const match = matchDocument(query, document)
    return match ? [{ class: match.class, quality, digest }] : []
  })
  const isNamed = query.words.length > 1 && ranks.some((rank) => rank.class === 'exact-name' || rank.class === 'name')
  return ranks
    .filter((rank) => !(isNamed && rank.class.endsWith('typo')))
    .sort(compareRanks)
    .map((rank) => `${rank.class} ${Buffer.from(rank.digest).toString('hex').slice(0, 12)}`)
}

export const nameOfHit = ({ rank }: Hit): string => `${rank.class} ${Buffer.from(rank.digest).toString('hex').slice(0, 12)}`

/** A set in which a few words are on very many. */
export const smallPeople = (count: number): Person[] => {
  const given = ['ada', 'adam', 'alice', 'ali', 'bill', 'albert']
  const family = ['lovelace', 'liddell', 'li', 'smith', 'lovelock']
  return Array.from({ length: count }, (_, i) => ({ name: `${given[i % 6]!} ${family[(i * 7) % 5]!}`, tags: i % 3 === 0 ? ['chess'] : i % 4 === 0 ? ['botany', 'ada'] : [], bio: i % 5 === 0 ? `number${i % 400} li` : '', quality: (i * 31) % 251 }))
}

