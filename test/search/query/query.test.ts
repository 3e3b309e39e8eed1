import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MercuryError } from '../../../src/errors.ts'
import { parseQuery, type QueryFilters } from '../../../src/search/query/query.ts'
import '../../property-seed.ts'

const codeOf = (text: unknown, filters?: unknown): string | undefined => {
  try {
    parseQuery(text as string, filters as QueryFilters)
    return undefined
  } catch (error) {
    return (error as MercuryError).code
  }
}

describe('a query', () => {
  it.each([
    ['Ada Lovelace ada', ['ada', 'lovelace'], 'ada'], ['.*[a-z]+ (ada|bob)$', ['a', 'z', 'ada', 'bob'], 'bob'], ['\ud800ab\udc00cd', ['ab', 'cd'], 'cd'], ['\u202eecila\u202c', ['ecila'], 'ecila'],
    ['مُحَمَّد علی', ['محمد', 'علي'], 'علي'], ['山', ['山'], '山'], ['山田太郎', ['山田', '田太', '太郎'], '太郎'], ['ada 山田', ['ada', '山田'], '山田'], ['\u0000ada\u0007', ['ada'], 'ada']
  ])('%j has the words %j and ends in %j', (text, words, prefix) => {
    expect(parseQuery(text)).toMatchObject({ words, prefix })
  })

  it.each([
    ['', 'INVALID_QUERY'], ['   ', 'INVALID_QUERY'], ['a', 'INVALID_QUERY'], ['a b c', 'INVALID_QUERY'], ['?!', 'INVALID_QUERY'], ['\ud800', 'INVALID_QUERY'], [undefined, 'INVALID_QUERY'], [7, 'INVALID_QUERY'],
    ['ab '.repeat(17), 'LIMIT_EXCEEDED'], ['ab '.repeat(10_000), 'LIMIT_EXCEEDED'], ['x'.repeat(257), 'LIMIT_EXCEEDED'], ['\ufdfa'.repeat(80), 'LIMIT_EXCEEDED']
  ])('%j is refused with a code', (text, code) => {
    expect(codeOf(text)).toBe(code)
  })

  it.each([
    [{ tags: 'chess' }, 'INVALID_QUERY'], [{ tags: ['!'] }, 'INVALID_QUERY'], [{ tags: [7] }, 'INVALID_QUERY'], [{ tags: Array.from({ length: 17 }, () => 'tea') }, 'LIMIT_EXCEEDED'], [{ tags: ['x'.repeat(257)] }, 'LIMIT_EXCEEDED'], [{ kind: '' }, 'INVALID_QUERY'], [{ lang: '\ud800' }, 'INVALID_QUERY'],
    [{ near: { lat: 91, lon: 0, radiusMetres: 1 } }, 'INVALID_QUERY'], [{ near: { lat: Number.NaN, lon: 0, radiusMetres: 1 } }, 'INVALID_QUERY'], [{ near: { lat: 0, lon: 0, radiusMetres: 0 } }, 'INVALID_QUERY'], [{ near: { lat: 0, lon: 0, radiusMetres: Number.POSITIVE_INFINITY } }, 'INVALID_QUERY']
  ])('with the filter %j is refused with a code', (filters, code) => {
    expect(codeOf('ada', filters)).toBe(code)
  })

  it('is empty where its filter says nothing', () => {
    expect(codeOf('', { near: null })).toBe('INVALID_QUERY')
  })

  it('may be empty where there is a filter', () => {
    expect(parseQuery('', { lang: 'EN' })).toEqual({ text: '', words: [], form: '', tags: [], lang: 'en' })
  })

  it('of any text is read or refused with a code, and never has more words than its bytes allow', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const code = codeOf(text)
      expect([undefined, 'INVALID_QUERY', 'LIMIT_EXCEEDED']).toContain(code)
      if (code === undefined) expect(parseQuery(text).words.length).toBeLessThanOrEqual(256)
    }), { numRuns: 3_000 })
  })
})

it('is taken at its limits: 256 bytes, 16 words, 16 tags of 256 bytes', () => {
  expect(parseQuery('x'.repeat(256)).words.length).toBe(1)
  expect(parseQuery(Array.from({ length: 16 }, (_, i) => `w${i}`).join(' ')).words.length).toBe(16)
  expect(parseQuery('', { tags: Array.from({ length: 16 }, () => 'x'.repeat(256)) }).tags.length).toBe(16)
})
