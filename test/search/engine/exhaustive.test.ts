import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBlockSource } from '../../../src/search/engine/block-source.ts'
import { openHitStream } from '../../../src/search/engine/hit-stream.ts'
import { parseQuery, type QueryFilters } from '../../../src/search/query/query.ts'
import '../../property-seed.ts'
import { buildIndex, evaluate, nameOfHit, smallPeople, type Person } from './small-index.ts'

const GIVEN = ['ada', 'adam', 'alice', 'alicia', 'ali', 'bill', 'william', 'josé', 'Иван', '山田', '太郎', '김민준', 'محمد', 'al']
const FAMILY = ['lovelace', 'liddell', 'lidell', 'li', 'smith', 'smyth', 'Петров', '花子', 'علي', 'adams', "o'brien"]
const WORDS = ['chess', 'botany', 'ada', 'deep', 'sea', 'li', 'rabbits']

const person = fc.record({
  name: fc.tuple(fc.constantFrom(...GIVEN), fc.constantFrom(...FAMILY), fc.constantFrom('', ' ada', ' li', ' de los angeles torrez')).map(([given, family, more]) => `${given} ${family}${more}`),
  tags: fc.uniqueArray(fc.constantFrom('chess', 'botany', 'deep sea', 'sea', 'ada'), { maxLength: 3 }),
  bio: fc.array(fc.constantFrom(...WORDS), { maxLength: 4 }).map((words) => words.join(' ')),
  kind: fc.constantFrom('persona', 'persona', 'home'),
  lang: fc.constantFrom(undefined, 'en', 'en-GB', 'ja'),
  location: fc.option(fc.record({ lat: fc.constantFrom(51_750_000, 51_760_000, 52_500_000, -89_999_000), lon: fc.constantFrom(-1_250_000, -1_300_000, 179_990_000, -179_990_000), precision: fc.constantFrom(0, 5_000, 90_000) }), { nil: undefined }),
  quality: fc.constantFrom(0, 100, 200)
})
const filters: fc.Arbitrary<QueryFilters> = fc.record({
  tags: fc.option(fc.subarray(['chess', 'Deep Sea', 'ada'], { maxLength: 2 }), { nil: undefined }),
  near: fc.option(fc.record({ lat: fc.constantFrom(51.75, -89.99), lon: fc.constantFrom(-1.25, 179.99), radiusMetres: fc.constantFrom(1_000, 20_000, 200_000, 5_000_000) }), { nil: undefined }),
  kind: fc.option(fc.constantFrom('persona', 'home'), { nil: undefined }),
  lang: fc.option(fc.constantFrom('en', 'ja', 'en-gb'), { nil: undefined })
}, { requiredKeys: [] })
const text = fc.oneof(
  fc.array(fc.constantFrom(...GIVEN, ...FAMILY, ...WORDS, 'adda', 'lidel', 'wiliam', 'smit', 'a', '山', 'lov', 'lovel', 'михаил'), { maxLength: 4 }).map((words) => words.join(' ')),
  fc.constantFrom('ada', 'li', 'lidel', 'alicia liddell', '山田太郎', 'alice lidell de los angeees torrez', 'al smith de los angeles torez', 'ada de los angeles torrex')
)

it('gives what judging every document gives, in its order, whatever is asked, over any segments and pages', async () => {
  await fc.assert(fc.asyncProperty(fc.array(person, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(60), { maxLength: 6 }), text, filters, fc.constantFrom(1, 2, 7, 100), async (people, segments, gone, words, filters, pageSize) => {
    const index = await buildIndex(people as Person[], { segments, gone })
    let query
    try {
      query = parseQuery(words, filters)
    } catch {
      return
    }
    const expected = evaluate(index.live, query)
    const found: string[] = []
    let cursor: string | undefined
    do {
      const source = createBlockSource({ blocks: index.blocks, verify: 'hash', maxBlocks: 10_000 })
      const stream = openHitStream({ segments: index.segments, query, source, head: 'head', ...(cursor === undefined ? {} : { cursor }) })
      const hits = await stream.take(pageSize)
      found.push(...hits.map(nameOfHit))
      expect(stream.report.dropped).toEqual({ unavailable: 0, forged: 0, notMatching: 0, misScored: 0, stale: 0 })
      cursor = hits.length < pageSize ? undefined : stream.cursor()
    } while (cursor !== undefined)
    expect(found).toEqual(expected)
  }), { numRuns: 300 })
}, 120_000)

it('reads blocks of postings in waves, in a set that has many', async () => {
  const index = await buildIndex(smallPeople(6_000), { segments: 3, gone: [1, 5, 900] })
  for (const words of ['ada', 'ada li', 'lovelace', 'chess ada', 'al', 'lovel', 'ada chess botany', 'liddel']) {
    const query = parseQuery(words)
    const stream = openHitStream({ segments: index.segments, query, source: createBlockSource({ blocks: index.blocks, verify: 'hash', maxBlocks: 100_000, maxBytes: 1e9 }), head: 'head' })
    const found: string[] = []
    for (let hits = await stream.take(97); ; hits = await stream.take(97)) {
      found.push(...hits.map(nameOfHit))
      if (hits.length < 97) break
    }
    expect(found, words).toEqual(evaluate(index.live, query))
  }
}, 120_000)

it.each([
  ['maria de los angeees torrez', 'exact-typo'],
  ['maria de los angeees ruiz torrez', undefined],
  ['ana maria de los angles torrez', 'typo'],
  ['one ana maria de los angles torrez', undefined]
])('looks in %s for one slip among as many words as a name has', async (text, expected) => {
  const index = await buildIndex([{ name: 'María de los Ángeles Torrez' }, { name: 'Ana María de los Ángeles Torrez Gil' }, { name: 'Ángeles Torrez' }])
  const source = createBlockSource({ blocks: index.blocks, verify: 'hash' })
  const hits = await openHitStream({ segments: index.segments, query: parseQuery(text), source, head: 'head' }).take(1)
  expect(hits[0]?.rank.class).toBe(expected)
})

it.each([
  ['mariq', 'Marin', 0],
  ['ana de los mariq', 'Ana de los Marin', 1],
  ['ana de los gil mariq', 'Ana de los Gil Marin', 0]
])('takes the slip in %s for the fifth most frequent word beside one to three others alone', async (text, name, hits) => {
  const others = ['maria', 'marie', 'marik', 'maris'].flatMap((word) => [1, 2].map((i) => ({ name: `${word} x${i}` })))
  const index = await buildIndex([...others, { name }])
  const stream = openHitStream({ segments: index.segments, query: parseQuery(text), source: createBlockSource({ blocks: index.blocks, verify: 'hash' }), head: 'head' })
  const found = (await stream.take(20)).filter(({ document }) => document.attrs.name === name)
  expect(found.length).toBe(hits)
})
