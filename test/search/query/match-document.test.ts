import { describe, expect, it } from 'vitest'
import { matchDocument } from '../../../src/search/query/match.ts'
import { parseQuery, type QueryFilters } from '../../../src/search/query/query.ts'
import { MATCH_CLASSES } from '../../../src/search/rank.ts'
import { unsignedDocument, type Person } from '../engine/small-index.ts'

const classOf = (text: string, person: Person, filters?: QueryFilters): string | undefined => matchDocument(parseQuery(text, filters), unsignedDocument(person, 1))?.class

const ada: Person = { name: 'Ada Lovelace', tags: ['chess club', 'tea'], bio: 'Writes programs for engines' }

describe('a profile matches', () => {
  it.each([
    ['ada lovelace', 'exact-name'], ['LOVELACE, ada', 'exact-name'], ['lovelace', 'name'], ['ada lov', 'name-prefix'], ['ada tea', 'anywhere'], ['programs ada', 'bio'], ['ada lovelcae', 'exact-typo'], ['lovelcae', 'typo'],
    ['lov ada', undefined], ['adda lovelcae', undefined], ['ada smith', undefined], ['progr', undefined]
  ])('%j as %s', (text, expected) => {
    expect(classOf(text, ada)).toBe(expected)
  })

  it('by a usual short form, either way', () => {
    expect([classOf('bill gates', { name: 'William Gates' }), classOf('william gates', { name: 'Bill Gates' })]).toEqual(['nickname', 'nickname'])
  })

  it('by a short form in a query of four words, and not of five', () => {
    expect([classOf('bill henry gates jones', { name: 'William Henry Gates Jones' }), classOf('bill henry gates jones clark', { name: 'William Henry Gates Jones Clark' })]).toEqual(['nickname', undefined])
  })

  it.each([
    ['山田太郎', '山田 太郎', 'exact-name'], ['山田 太郎', '山田太郎', 'exact-name'], ['太郎', '山田太郎', 'name'], ['田太', '山田 太郎', 'name'], ['山', '大山田', 'name-prefix'], ['김민준', '김 민준', 'exact-name'], ['민준', '김민준', 'name'],
    ['ใจดี', 'สมชาย ใจดี', 'name'], ['محمد', 'مُحَمَّد علي', 'name'], ['علی رضا', 'علی\u200cرضا', 'exact-name'], ['رضا', 'علی\u200cرضا', 'name'], ['елкин', 'Ёлкин', 'exact-name'], ['иванво', 'Иванов', 'exact-typo'],
    ['שלום', 'שָׁלוֹם', 'exact-name'], ['कुमार', 'राम कुमार', 'name'], ['कि', 'की', undefined], ['istanbul', 'İstanbul', 'exact-name'], ['strasse', 'Straße', 'exact-name'], ['obrien', 'O’Brien', 'exact-name']
  ])('%j for the name %j as %s', (text, name, expected) => {
    expect(classOf(text, { name })).toBe(expected)
  })

  it('by a whole tag in any spelling, by none of its words alone', () => {
    expect([classOf('', ada, { tags: ['Club, CHESS'] }), classOf('', ada, { tags: ['chess'] })]).toEqual(['anywhere', undefined])
  })

  it('by kind, and by a language or what it is a kind of', () => {
    const person: Person = { name: 'Ada', kind: 'home', lang: 'en-GB' }
    expect([{ kind: 'home' }, { kind: 'persona' }, { lang: 'en' }, { lang: 'EN-gb' }, { lang: 'de' }].map((filters) => classOf('ada', person, filters))).toEqual(['exact-name', undefined, 'exact-name', 'exact-name', undefined])
  })

  it('within the distance, and not where it says nothing of its place', () => {
    const person: Person = { name: 'Ada', location: { lat: 51_750_000, lon: -1_250_000, precision: 1_000 } }
    const near = (radiusMetres: number): QueryFilters => ({ near: { lat: 51.75, lon: -1, radiusMetres } })
    expect([classOf('', person, near(18_000)), classOf('', person, near(17_000)), classOf('', ada, near(18_000))]).toEqual(['anywhere', undefined, undefined])
  })

  it('only where it is listed and not gone', () => {
    const document = unsignedDocument(ada, 1)
    expect([{ ...document, listed: false }, { ...document, gone: true as const }].map((each) => matchDocument(parseQuery('ada'), each as typeof document))).toEqual([undefined, undefined])
  })
})

it('knows every class there is', () => {
  const seen = ['ada lovelace', 'lovelace', 'ada lov', 'ada tea', 'programs', 'ada lovelcae', 'lovelcae'].map((text) => classOf(text, ada))
  expect(new Set([...seen, classOf('bill', { name: 'William Gates' })])).toEqual(new Set(MATCH_CLASSES))
})
