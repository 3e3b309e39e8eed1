import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import type { CborMap } from '../../../src/cbor.ts'
import { acceptHosting } from '../../../src/profile/acceptance.ts'
import { signDocument, type SignedDocument } from '../../../src/profile/document.ts'
import { createBlockSource } from '../../../src/search/engine/block-source.ts'
import { openHitStream } from '../../../src/search/engine/hit-stream.ts'
import { MAX_HITS_OF_A_HOME, searchIndexes, type FederatedAnswer, type FederatedHit } from '../../../src/search/federation/search-indexes.ts'
import type { SearchSource } from '../../../src/search/federation/source-lane.ts'
import { matchDocument } from '../../../src/search/query/match.ts'
import { parseQuery } from '../../../src/search/query/query.ts'
import { classRank } from '../../../src/search/rank.ts'
import { buildSegment } from '../../../src/search/segment/build-segment.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import { createShelf, indexSigner, inputOf, signerOf, type Shelf } from '../published/index-fixture.ts'
import '../../property-seed.ts'

const PEOPLE = 36
const NAMES = ['Ada', 'Ada Lovelace', 'Ada Byron', 'Ada King', 'Adam Smith', 'Ida Blau', 'Bob Stone'] as const
const QUERIES = ['ada', 'ada lovelace', 'adda'] as const

let shelf: Shelf
/** Two versions of each person, the second under the next name. */
let versions: readonly (readonly [SignedDocument, SignedDocument])[]
beforeAll(async () => {
  shelf = createShelf()
  const homes = [await indexSigner(7), await indexSigner(8)]
  versions = await Promise.all(Array.from({ length: PEOPLE }, async (_, i) => {
    const signer = await signerOf(i)
    const home = homes[i % 3]
    const fields: CborMap = home ? { homes: [{ ...(await acceptHosting({ persona: signer.id, since: 1_790_000_000, next: null }, home)) }] } : {}
    const signed = (seq: number): Promise<SignedDocument> => signDocument({ name: NAMES[(i + seq) % NAMES.length]!, listed: true }, signer, { seq, prev: null, time: 1_790_000_000 }, { fields })
    return [await signed(1), await signed(2)] as const
  }))
  for (const document of versions.flat()) await shelf.blocks.put(document.cid, document.bytes)
}, 60_000)

const sourceOf = (name: string, segment: Segment): SearchSource => ({
  name,
  open: async (query) => ({ stream: openHitStream({ segments: [segment], query, source: createBlockSource({ blocks: shelf.blocks, verify: 'signature' }), head: name, maxFalseHits: 3 }), documents: segment.documents })
})

/** Which version of each person an index has; 0 for none. */
const index = fc.array(fc.constantFrom(0, 1, 2), { minLength: PEOPLE, maxLength: PEOPLE }).filter((has) => has.some((seq) => seq > 0))

const allPages = async (sources: readonly SearchSource[], query: string, limit: number): Promise<FederatedAnswer[]> => {
  const pages: FederatedAnswer[] = []
  do pages.push(await searchIndexes(sources, query, { limit, timeoutMs: 60_000, ...(pages.at(-1)?.cursor === undefined ? {} : { cursor: pages.at(-1)!.cursor! }) }))
  while (pages.at(-1)!.cursor !== undefined && pages.length <= PEOPLE)
  return pages
}

it('pages show everybody who matches once, class by class, in versions that an index has, and of no home too many before all others', { timeout: 120_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(index, { minLength: 1, maxLength: 3 }), fc.constantFrom(...QUERIES), fc.integer({ min: 1, max: 30 }), async (indexes, text, limit) => {
    const query = parseQuery(text)
    const sources = await Promise.all(indexes.map(async (has, i) => sourceOf(`index ${i}`, await buildSegment(has.flatMap((seq, person) => (seq === 0 ? [] : [inputOf(versions[person]![seq - 1]!)])), shelf.sink))))
    /** Of each person the newest version that an index has and that matches. */
    const expected = new Map<string, number>()
    for (const has of indexes) for (const [person, seq] of has.entries()) {
      const document = seq === 0 ? undefined : versions[person]![seq - 1]!.document
      if (document && matchDocument(query, document)) expected.set(String(person), Math.max(seq, expected.get(String(person)) ?? 0))
    }
    const pages = await allPages(sources, text, limit)
    const shown = pages.flatMap(({ hits }) => hits)
    const personOf = ({ cid }: FederatedHit): string => String(versions.findIndex((both) => both.some((signed) => signed.cid.equals(cid))))
    expect(shown.map(personOf).sort()).toEqual([...expected.keys()].sort())
    for (const hit of shown) expect(matchDocument(query, hit.document)?.class).toBe(hit.rank.class)
    expect(pages.every(({ hits }, i) => hits.length === limit || i === pages.length - 1)).toBe(true)
    for (const { coverage } of pages) expect(coverage.sources.map(({ state }) => state)).toEqual(sources.map(() => 'answered'))
    if (pages.length === 1) for (const hit of shown) expect([personOf(hit), hit.document.seq]).toEqual([personOf(hit), expected.get(personOf(hit))])
    // Where all indexes agree, nothing moves between two pages.
    if (indexes.length > 1) return
    const ranks = shown.map(({ rank }) => classRank(rank.class))
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b))
    expect(pages.every(({ hits }) => isSpread(hits, shown))).toBe(true)
  }), { numRuns: 150 })
})

/** Whether more than three of a home stand on a page only where their class had nobody left of a home with fewer. */
const isSpread = (page: readonly FederatedHit[], all: readonly FederatedHit[]): boolean => {
  const rest = all.slice(all.indexOf(page[0]!) + page.length)
  const countByHome = new Map<string | undefined, number>()
  return Object.entries(Object.groupBy(page, ({ rank }) => rank.class)).every(([matchClass, hits]) => {
    for (const { home } of hits) countByHome.set(home, (countByHome.get(home) ?? 0) + 1)
    const isCrowded = hits.some(({ home }) => countByHome.get(home)! > MAX_HITS_OF_A_HOME)
    return !isCrowded || !rest.some((hit) => hit.rank.class === matchClass && (countByHome.get(hit.home) ?? 0) < MAX_HITS_OF_A_HOME)
  })
}
