import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CborMap } from '../../../src/cbor.ts'
import { typoVariants } from '../../../src/search/analyser/typo.ts'
import { filtersOf, scannedStart, waysOf, withWord, withWordExactly, type Way } from '../../../src/search/engine/query-plan.ts'
import { nameWordOf } from '../../../src/search/query/keys.ts'
import { matchDocument, type Match } from '../../../src/search/query/match.ts'
import { termsOf } from '../../../src/search/query/profile-terms.ts'
import { parseQuery, type Query, type QueryFilters } from '../../../src/search/query/query.ts'
import '../../property-seed.ts'
import { unsignedDocument } from '../engine/small-index.ts'

const word = fc.constantFrom('ada', 'adda', 'adam', 'lovelace', 'lovelcae', 'bill', 'william', 'tea', '山田', '太郎', '山', '김민준', 'สมชาย', 'محمد', 'علی\u200cرضا', 'иван', 'Jean-Luc', 'O’Brien', 'x'.repeat(70))
const text = (maxLength: number): fc.Arbitrary<string> => fc.tuple(fc.array(word, { maxLength }), fc.constantFrom(' ', '', ', ')).map(([words, between]) => words.join(between))
const location = fc.record({ lat: fc.integer({ min: -90_000_000, max: 90_000_000 }), lon: fc.integer({ min: -180_000_000, max: 180_000_000 }), precision: fc.constantFrom(0, 1_000, 90_000, 600_000) })
const person = fc.record({ name: text(9), tags: fc.array(text(3).filter((tag) => tag !== '' && tag.length < 60), { maxLength: 4 }), bio: text(8), kind: fc.constantFrom('persona', 'home'), lang: fc.constantFrom('en', 'en-GB', 'ja'), location })

/** The ways of the class that `match` gives, as a query would go them. */
const waysTo = (match: Match, query: Query, keys: ReadonlySet<string>): readonly Way[] => {
  const slip = match.words.find(({ how }) => how === 'typo')
  if (slip) {
    expect(typoVariants(slip.word).some((variant) => typoVariants(slip.matched).includes(variant))).toBe(true)
    return match.class === 'exact-typo' ? withWordExactly(query.form, slip.word, [slip.matched]) : withWord(query.words, slip.word, [slip.matched])
  }
  const start = scannedStart(query)
  return waysOf(match.class, query, start === undefined ? undefined : [...keys].filter((key) => nameWordOf(key)?.startsWith(start)))
}

/** A text taken from another: some of its words, turned round, without spaces, or with a letter left out. */
const queryFrom = (source: string): fc.Arbitrary<string> => fc.record({ first: fc.nat(3), count: fc.integer({ min: 1, max: 4 }), turned: fc.boolean(), how: fc.constantFrom('whole', 'joined', 'slip', 'begun'), at: fc.nat(20) }).map(({ first, count, turned, how, at }) => {
  const parts = source.split(' ').slice(first, first + count)
  const taken = (turned ? parts.toReversed() : parts).join(how === 'joined' ? '' : ' ')
  const characters = Array.from(taken)
  return how === 'slip' ? characters.toSpliced(at % (characters.length + 1), 1).join('') : how === 'begun' ? characters.slice(0, 1 + (at % (characters.length + 1))).join('') : taken
})

describe('the keys of a profile', () => {
  it('hold what a query relies on, in every class and for every filter', () => {
    const seen = new Map<string, number>()
    const asked = person.chain((each) => fc.record({
      each: fc.constant(each),
      text: fc.oneof(queryFrom(each.name), queryFrom(each.bio), text(3)),
      tags: fc.oneof(fc.constant([]), fc.constantFrom(...(each.tags.length > 0 ? each.tags : [''])).map((tag) => (tag === '' ? [] : [tag.replaceAll(' ', '')]))),
      near: fc.option(fc.constant({ lat: each.location.lat / 1e6, lon: each.location.lon / 1e6, radiusMetres: 5_000 }), { nil: undefined }),
      lang: fc.constantFrom(undefined, each.lang, 'en')
    }))
    fc.assert(fc.property(asked, ({ each, text, tags, near, lang }) => {
      const query = parsed(text, { tags, near, lang })
      const document = unsignedDocument(each, 1)
      const match = query && matchDocument(query, document)
      if (!match) return
      seen.set(match.class, (seen.get(match.class) ?? 0) + 1)
      const keys = new Set(termsOf(document, 1_000)!.keys)
      const holds = (way: Way): boolean => way.every((choice) => choice.some((key) => keys.has(key)))
      expect(waysTo(match, query, keys).some(holds), `${match.class} ${JSON.stringify(query.words)}`).toBe(true)
      expect(holds(filtersOf(query)), JSON.stringify(filtersOf(query))).toBe(true)
    }), { numRuns: 20_000 })
    expect([...seen.keys()].sort()).toEqual(['anywhere', 'bio', 'exact-name', 'exact-typo', 'name', 'name-prefix', 'nickname', 'typo'])
  })

  it('hold a tag that is written with spaces for who asks without', () => {
    const document = unsignedDocument({ name: 'x', tags: ['山田 太郎'] }, 1)
    const query = parseQuery('', { tags: ['山田太郎'] })
    const keys = termsOf(document, 100)!.keys
    expect(matchDocument(query, document)?.class).toBe('anywhere')
    expect(filtersOf(query).every((choice) => choice.some((key) => keys.includes(key)))).toBe(true)
  })

  it('are at most 256, each once and of at most 256 bytes, whatever the attributes are', () => {
    const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 600 }), text(150), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.oneof(text(4), fc.integer()), { maxLength: 40 }), fc.dictionary(fc.constantFrom('lat', 'lon', 'precision'), fc.integer()))
    const attrs = fc.dictionary(fc.constantFrom('name', 'tags', 'bio', 'place', 'lang', 'location', 'other'), value)
    fc.assert(fc.property(attrs, (attrs) => {
      const { keys } = termsOf({ ...unsignedDocument({ name: 'x' }, 1), attrs: attrs as CborMap }, 1_000)!
      expect(keys.length).toBeLessThanOrEqual(256)
      expect(new Set(keys).size).toBe(keys.length)
      for (const key of keys) expect(Buffer.byteLength(key)).toBeLessThanOrEqual(256)
    }), { numRuns: 2_000 })
  })

  it('are 256 of a profile that says as much as it can', () => {
    const han = (first: number, count: number): string => String.fromCodePoint(...Array.from({ length: count }, (_, i) => first + i))
    const document = unsignedDocument({ name: `abcdef ghijkl ${han(0x4e00, 40)} mnopqr`, tags: Array.from({ length: 32 }, (_, i) => han(0x5500 + i * 20, 20)), bio: han(0x6500, 1_300), lang: 'en-GB', location: { lat: 1, lon: 1, precision: 0 } }, 1)
    expect(termsOf(document, 4_096)!.keys.length).toBeGreaterThan(225)
    expect(termsOf(document, 4_096)!.keys.length).toBeLessThanOrEqual(256)
  })

  it('are none of what is not listed, gone, or over 4,096 bytes', () => {
    const document = unsignedDocument({ name: 'ada' }, 1)
    expect([termsOf(document, 4_097), termsOf({ ...document, listed: false } as unknown as typeof document, 100), termsOf({ ...document, gone: true } as typeof document, 100)]).toEqual([undefined, undefined, undefined])
  })
})

const parsed = (text: string, filters: QueryFilters): Query | undefined => {
  try {
    return parseQuery(text, filters)
  } catch {
    return undefined
  }
}
