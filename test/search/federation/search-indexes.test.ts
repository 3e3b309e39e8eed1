import { expect, it } from 'vitest'
import { acceptHosting } from '../../../src/profile/acceptance.ts'
import { signDocument } from '../../../src/profile/document.ts'
import type { ProfileDraft } from '../../../src/profile/draft.ts'
import { InvalidCursorError } from '../../../src/search/engine/cursor.ts'
import { createBlockSource } from '../../../src/search/engine/block-source.ts'
import { openHitStream } from '../../../src/search/engine/hit-stream.ts'
import { searchIndexes, type FederatedAnswer } from '../../../src/search/federation/search-indexes.ts'
import type { SearchSource } from '../../../src/search/federation/source-lane.ts'
import { ownerKey, wordKey } from '../../../src/search/query/keys.ts'
import { termsOf } from '../../../src/search/query/profile-terms.ts'
import { buildSegment, type SegmentInput } from '../../../src/search/segment/build-segment.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import type { HashStore } from '../../../src/store/hash-store.ts'
import { createShelf, indexSigner, inputOf, personOf, signerOf, type Person } from '../published/index-fixture.ts'

/** What a published index is to a federation, without its name and manifest: those have tests of their own. */
const sourceOver = (name: string, blocks: HashStore, ...segments: readonly Segment[]): SearchSource => ({
  name,
  open: async (query) => ({ stream: openHitStream({ segments, query, source: createBlockSource({ blocks, verify: 'signature' }), head: name, maxFalseHits: 3 }), documents: segments.reduce((sum, { documents }) => sum + documents, 0) })
})

const indexOf = async (name: string, persons: readonly Person[]): Promise<SearchSource> => {
  const shelf = createShelf()
  return sourceOver(name, shelf.blocks, await shelf.build(persons))
}

/** An index whose blocks are as they should be and whose keys are not. */
const lyingIndex = async (name: string, persons: readonly Person[], keysOf: (person: Person, i: number) => readonly string[]): Promise<SearchSource> => {
  const shelf = createShelf()
  for (const { signed } of persons) await shelf.blocks.put(signed.cid, signed.bytes)
  return sourceOver(name, shelf.blocks, await buildSegment(persons.map((person, i): SegmentInput => ({ ...inputOf(person.signed), keys: keysOf(person, i) })), shelf.sink))
}

const named = (number: number, name: string, seq = 1): Promise<Person> => personOf(number, { name, listed: true }, seq)
const namesOf = ({ hits }: FederatedAnswer): unknown[] => hits.map(({ document }) => document.attrs.name)
const stateOf = ({ coverage }: FederatedAnswer, name: string) => coverage.sources.find((source) => source.name === name)

it('merges indexes by rank, a profile once, and says who had what', async () => {
  const [exact, prefix, both] = [await named(1, 'Ada'), await named(2, 'Adam Smith'), await named(3, 'Ada Lovelace')]
  const answer = await searchIndexes([await indexOf('a', [exact, both]), await indexOf('b', [prefix, both])], 'ada')
  expect(namesOf(answer)).toEqual(['Ada', 'Ada Lovelace', 'Adam Smith'])
  expect(answer.hits.map(({ sources }) => sources)).toEqual([['a'], ['a', 'b'], ['b']])
  expect(answer.coverage.sources.map(({ name, state, hits, documents }) => [name, state, hits, documents])).toEqual([['a', 'answered', 2, 2], ['b', 'answered', 2, 2]])
  expect(answer.cursor).toBeUndefined()
})

it.each([1, 2])('a last page that is full leads to no further one, at %i a page', async (limit) => {
  const [ada, byron] = [await named(1, 'Ada Lovelace'), await named(2, 'Ada Byron')]
  const sources = [await indexOf('a', [ada, byron]), await indexOf('b', [byron])]
  const pages: FederatedAnswer[] = [await searchIndexes(sources, 'ada', { limit })]
  for (let cursor = pages[0]!.cursor; cursor !== undefined; cursor = pages.at(-1)!.cursor) pages.push(await searchIndexes(sources, 'ada', { limit, cursor }))
  expect(pages.map(({ hits }) => hits.length)).toEqual(limit === 1 ? [1, 1] : [2])
})

it('answers in time over a source that never answers and one that fails, and says so', async () => {
  const slow: SearchSource = { name: 'slow', open: () => new Promise(() => undefined) }
  const stalled: SearchSource = { name: 'stalled', open: async () => ({ stream: { take: () => new Promise(() => undefined), cursor: () => undefined, report: { work: { rounds: 0, blocks: 0, bytes: 0 }, dropped: { unavailable: 0, forged: 0, notMatching: 0, misScored: 0, stale: 0 } } } }) }
  const dead: SearchSource = { name: 'dead', open: async () => { throw Object.assign(new Error('nobody is there'), { code: 'UNREACHABLE' }) } }
  const answer = await searchIndexes([slow, await indexOf('good', [await named(1, 'Ada Lovelace')]), dead, stalled], 'ada', { timeoutMs: 300 })
  expect(namesOf(answer)).toEqual(['Ada Lovelace'])
  expect(answer.coverage.sources.map(({ name, state, error }) => [name, state, error?.code])).toEqual([['slow', 'late', undefined], ['good', 'answered', undefined], ['dead', 'failed', 'UNREACHABLE'], ['stalled', 'late', undefined]])
})

it('names the wrong block of one index while another answers', async () => {
  const shelf = createShelf()
  const broken = sourceOver('broken', { ...shelf.blocks, get: async () => Uint8Array.of(1, 2, 3) }, await shelf.build([await named(1, 'Ada Byron')]))
  const answer = await searchIndexes([broken, await indexOf('good', [await named(2, 'Ada Lovelace')])], 'ada')
  expect(namesOf(answer)).toEqual(['Ada Lovelace'])
  expect(stateOf(answer, 'broken')).toMatchObject({ state: 'failed', error: { code: 'INVALID_INDEX_BLOCK', reason: expect.stringMatching(/cid=bafy/) as string } })
})

it('shows no made-up hit, and drops an index that offers three', async () => {
  const innocent = await Promise.all([1, 2, 3, 4, 5].map((number) => named(number, `Bob Brown${'abcdef'[number]!}`)))
  const liar = await lyingIndex('liar', innocent, ({ signed }) => [...termsOf(signed.document, signed.bytes.byteLength)!.keys, wordKey('ada', 'name'), wordKey('ada', 'exact')])
  const answer = await searchIndexes([liar, await indexOf('honest', [await named(9, 'Ada Lovelace')])], 'ada')
  expect(namesOf(answer)).toEqual(['Ada Lovelace'])
  expect(stateOf(answer, 'liar')).toMatchObject({ state: 'dropped', hits: 0, dropped: { notMatching: 5 } })
})

it('puts a profile where its document belongs, whatever class an index gives it', async () => {
  const person = await personOf(1, { name: 'Bob Brown', bio: 'Knows Ada', listed: true })
  const liar = await lyingIndex('liar', [person], ({ signed }) => [...termsOf(signed.document, signed.bytes.byteLength)!.keys, wordKey('ada', 'exact'), wordKey('ada', 'name')])
  const answer = await searchIndexes([liar, await indexOf('honest', [await named(2, 'Ada Lovelace'), await named(3, 'Adam')])], 'ada')
  expect(namesOf(answer)).toEqual(['Ada Lovelace', 'Adam', 'Bob Brown'])
  expect(answer.hits.at(-1)!.rank.class).toBe('bio')
  expect(stateOf(answer, 'liar')!.dropped.misScored).toBe(1)
})

it('shows no forged document', async () => {
  const person = await named(1, 'Ada Forged')
  const shelf = createShelf()
  const segment = await shelf.build([person])
  const forged = Uint8Array.from(person.signed.bytes)
  forged[forged.byteLength - 1]! ^= 1
  const { cidOf, DAG_CBOR } = await import('../../../src/store/block.ts')
  const cid = await cidOf(forged, DAG_CBOR)
  await shelf.blocks.put(cid, forged)
  const liar = sourceOver('liar', shelf.blocks, await buildSegment([{ ...inputOf(person.signed), digest: cid.multihash.digest }], shelf.sink))
  const answer = await searchIndexes([liar, sourceOver('honest', shelf.blocks, segment)], 'ada')
  expect(namesOf(answer)).toEqual(['Ada Forged'])
  expect(answer.hits[0]!.sources).toEqual(['honest'])
  expect(stateOf(answer, 'liar')!.dropped.forged).toBe(1)
})

it('shows the newest version that any index has, and charges the old one', async () => {
  const answer = await searchIndexes([await indexOf('old', [await named(1, 'Ada Byron', 1)]), await indexOf('new', [await named(1, 'Ada Lovelace', 2)])], 'ada')
  expect(namesOf(answer)).toEqual(['Ada Lovelace'])
  expect([stateOf(answer, 'old')!.dropped.stale, stateOf(answer, 'new')!.dropped.stale]).toEqual([1, 0])
})

it('finds in another index what one hides', async () => {
  const [hidden, shown] = [await named(1, 'Ada Lovelace'), await named(2, 'Ada Byron')]
  const liar = await lyingIndex('hiding', [hidden, shown], ({ signed }, i) => (i === 0 ? [ownerKey(signed.document.id)] : termsOf(signed.document, signed.bytes.byteLength)!.keys))
  const answer = await searchIndexes([liar, await indexOf('whole', [hidden, shown])], 'ada')
  expect(namesOf(answer).sort()).toEqual(['Ada Byron', 'Ada Lovelace'])
  expect([stateOf(answer, 'hiding')!.hits, stateOf(answer, 'whole')!.hits]).toEqual([1, 2])
})

const hosted = async (number: number, name: string, home: Awaited<ReturnType<typeof indexSigner>>): Promise<Person> => {
  const signer = await signerOf(number)
  const draft: ProfileDraft = { name, listed: true }
  const entry = await acceptHosting({ persona: signer.id, since: 1_790_000_000, next: null }, home)
  return { id: signer.id, draft, signed: await signDocument(draft, signer, { seq: 1, prev: null, time: 1_790_000_000 }, { fields: { homes: [entry] } }) }
}

it('lets no home crowd out others of the same class, and shows what waited on the next pages', async () => {
  const [mint, honest] = [await indexSigner(7), await indexSigner(8)]
  const minted = await Promise.all(Array.from({ length: 12 }, (_, i) => hosted(i + 1, 'Ada Lovelace', mint)))
  const others = await Promise.all(Array.from({ length: 3 }, (_, i) => hosted(i + 50, 'Ada Lovelace', honest)))
  const sources = [await indexOf('a', [...minted, ...others])]
  const first = await searchIndexes(sources, 'ada lovelace', { limit: 6 })
  expect(first.hits.filter(({ home }) => home === honest.id).length).toBe(3)
  expect(first.coverage.homes).toEqual([{ home: mint.id, hits: 12, shown: 3 }, { home: honest.id, hits: 3, shown: 3 }])
  const seen = first.hits.map(({ id }) => id)
  for (let { cursor } = first; cursor !== undefined;) {
    const page = await searchIndexes(sources, 'ada lovelace', { limit: 6, cursor })
    seen.push(...page.hits.map(({ id }) => id))
    cursor = page.cursor
  }
  expect(seen.length).toBe(15)
  expect(new Set(seen).size).toBe(15)
  const without = await searchIndexes(sources, 'ada lovelace', { limit: 20, excludeHomes: [mint.id] })
  expect(new Set(without.hits.map(({ id }) => id))).toEqual(new Set(others.map(({ id }) => id)))
})

it('takes nobody for hosted on his own word', async () => {
  const home = await indexSigner(7)
  const person = await hosted(1, 'Ada Lovelace', home)
  const signer = await signerOf(2)
  const stolen = { id: signer.id, draft: person.draft, signed: await signDocument(person.draft, signer, { seq: 1, prev: null, time: 1_790_000_000 }, { fields: { homes: [...person.signed.document.homes!] } }) }
  const { hits } = await searchIndexes([await indexOf('a', [person, stolen])], 'ada')
  expect(hits.find(({ id }) => id === person.id)!.home).toBe(home.id)
  expect(hits.find(({ id }) => id === stolen.id)!.home).toBeUndefined()
})

it('fills a page with profiles of no home where there are no others', async () => {
  const many = await Promise.all(Array.from({ length: 9 }, (_, i) => named(i + 1, 'Ada Lovelace')))
  const answer = await searchIndexes([await indexOf('a', many)], 'ada', { limit: 8 })
  expect([answer.hits.length, answer.cursor === undefined]).toEqual([8, false])
  const next = await searchIndexes([await indexOf('a', many)], 'ada', { limit: 8, cursor: answer.cursor! })
  expect([next.hits.length, next.cursor]).toEqual([1, undefined])
})

it('marks a name that could be taken for a contact’s', async () => {
  const [real, fake, other] = [await named(1, 'Ada Lovelace'), await named(2, 'Аda Lоvelace'), await named(3, 'Ada Byron')]
  const { hits } = await searchIndexes([await indexOf('a', [real, fake, other])], '', { kind: 'persona', contacts: [{ id: real.id, name: 'Ada Lovelace' }] })
  expect(hits.map(({ id, resembles }) => [id, resembles]).sort()).toEqual([[real.id, undefined], [fake.id, real.id], [other.id, undefined]].sort())
})

it.each(['', '!', 'a'.repeat(9_000), '====', 'AAAAAAAA'.repeat(1_000)])('refuses the cursor %#', async (cursor) => {
  await expect(searchIndexes([], 'ada', { cursor })).rejects.toThrow(InvalidCursorError)
})

it('stops when its caller does', async () => {
  const slow: SearchSource = { name: 'slow', open: () => new Promise(() => undefined) }
  const stop = new AbortController()
  const answer = searchIndexes([slow], 'ada', { signal: stop.signal })
  stop.abort(new Error('enough'))
  await expect(answer).rejects.toThrow('enough')
})

it('gives what came in time where one document never does', async () => {
  const shelf = createShelf()
  const many = await Promise.all(Array.from({ length: 10 }, (_, i) => named(i + 1, `Ada Lovelace${'abcdefghij'[i]!}`)))
  const segment = await shelf.build(many)
  const stuck = many[4]!.signed.cid
  const blocks: HashStore = { ...shelf.blocks, get: (cid, options) => (cid.equals(stuck) ? new Promise(() => undefined) : shelf.blocks.get(cid, options)) }
  const source: SearchSource = { name: 'stuck', open: async (query, { deadline }) => ({ stream: openHitStream({ segments: [segment], query, source: createBlockSource({ blocks, verify: 'signature', deadline }), head: 'h' }) }) }
  const answer = await searchIndexes([source], 'ada', { timeoutMs: 1_000 })
  expect(answer.hits.length).toBe(9)
  expect(stateOf(answer, 'stuck')!).toMatchObject({ state: 'answered', hits: 9, dropped: { unavailable: 1 } })
})

it('finds who is behind a thousand minted profiles of a home, once that is left out', async () => {
  const [mint, honest] = [await indexSigner(7), await indexSigner(8)]
  const persons = [...await Promise.all(Array.from({ length: 400 }, (_, i) => hosted(i + 1, 'Ada Lovelace', mint))), ...await Promise.all(Array.from({ length: 3 }, (_, i) => hosted(i + 500, 'Ada Byron', honest)))]
  const shelf = createShelf()
  const segment = await shelf.build(persons)
  const source: SearchSource = { name: 'index', open: async (query, { deadline, passedOver = 0 }) => ({ stream: openHitStream({ segments: [segment], query, source: createBlockSource({ blocks: shelf.blocks, verify: 'signature', deadline, maxBlocks: 128 + passedOver, maxBytes: 1_048_576 + passedOver * 4_096 }), head: 'h' }) }) }
  const answer = await searchIndexes([source], 'ada', { excludeHomes: [mint.id], timeoutMs: 60_000 })
  expect(answer.hits.map(({ home }) => home)).toEqual([honest.id, honest.id, honest.id])
})

it('asks an index once that is named twice', async () => {
  const index = await indexOf('a', [await named(1, 'Ada Lovelace')])
  const { hits, coverage } = await searchIndexes([index, index], 'ada')
  expect([hits.map(({ sources }) => sources), coverage.sources.length]).toEqual([[['a']], 1])
})

it('takes no more than a step of an index that lies', async () => {
  const innocent = await Promise.all(Array.from({ length: 120 }, (_, i) => named(i + 1, `Bob Brown${i}`)))
  const liar = await lyingIndex('liar', innocent, ({ signed }) => [...termsOf(signed.document, signed.bytes.byteLength)!.keys, wordKey('ada', 'name')])
  const answer = await searchIndexes([liar], 'ada', { limit: 100 })
  expect(stateOf(answer, 'liar')!.state).toBe('dropped')
  expect(stateOf(answer, 'liar')!.dropped.notMatching).toBe(32)
})
