import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidRecordError } from '../../src/naming/invalid-record.ts'
import { formatValidity, parseValidity, validityMs } from '../../src/naming/validity.ts'

const FIRST = Date.parse('0000-01-01T00:00:00Z')
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

describe('parseValidity', () => {
  it('reads an instant to the nanosecond', () => {
    expect(parseValidity('1970-01-01T00:00:00Z')).toBe(0n)
    expect(parseValidity('1970-01-01T00:00:00.000000001Z')).toBe(1n)
    expect(parseValidity('1970-01-01T00:00:00.1Z')).toBe(100_000_000n)
    expect(parseValidity('1970-01-01T00:00:00.999999999Z')).toBe(999_999_999n)
    expect(parseValidity('1969-12-31T23:59:59.999999999Z')).toBe(-1n)
    expect(parseValidity('2027-01-15T08:00:00.123456789Z')).toBe(1_800_000_000_123_456_789n)
    expect(parseValidity('0000-01-01T00:00:00Z')).toBe(-62_167_219_200_000_000_000n)
    expect(parseValidity('9999-12-31T23:59:59.999999999Z')).toBe(253_402_300_799_999_999_999n)
  })

  it('takes every number of fraction digits from 0 to 9, and no more', () => {
    for (let digits = 1; digits <= 9; digits++) expect(parseValidity(`1970-01-01T00:00:00.${'1'.repeat(digits)}Z`)).toBe(BigInt('1'.repeat(digits).padEnd(9, '0')))
    expect(() => parseValidity(`1970-01-01T00:00:00.${'1'.repeat(10)}Z`)).toThrow(InvalidRecordError)
  })

  it('knows which days exist', () => {
    for (let year = 1896; year <= 2104; year++) {
      const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
      const february29 = (): bigint => parseValidity(`${year}-02-29T00:00:00Z`)
      if (leap) expect(february29()).toBe(BigInt(Date.UTC(year, 1, 29)) * 1_000_000n)
      else expect(february29).toThrow(InvalidRecordError)
    }
    for (let month = 0; month <= 13; month++) {
      const days = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0][month]!
      for (let day = 0; day <= 32; day++) {
        const parse = (): bigint => parseValidity(`2027-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T00:00:00Z`)
        if (day >= 1 && day <= days) expect(parse()).toBe(BigInt(Date.UTC(2027, month - 1, day)) * 1_000_000n)
        else expect(parse).toThrow(InvalidRecordError)
      }
    }
  })

  it('refuses whatever else it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), mutated), (text) => {
        if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text)) return
        expect(() => parseValidity(text)).toThrow(InvalidRecordError)
      })
    )
  })
})

describe('formatValidity', () => {
  it('writes what parseValidity reads, in 30 characters', () => {
    fc.assert(
      fc.property(fc.integer({ min: FIRST, max: LAST }), (ms) => {
        const text = formatValidity(ms)
        expect(text).toHaveLength(30)
        expect(text).toMatch(/\.\d{9}Z$/)
        expect(parseValidity(text)).toBe(BigInt(ms) * 1_000_000n)
        expect(validityMs(parseValidity(text))).toBe(ms)
      })
    )
  })

  it('drops what is less than a millisecond', () => {
    expect(formatValidity(1.9)).toBe('1970-01-01T00:00:00.001000000Z')
    expect(formatValidity(-0.5)).toBe('1969-12-31T23:59:59.999000000Z')
  })

  it.each([FIRST - 1, LAST + 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 8.64e15 + 1])('has no way to write %d', (ms) => {
    expect(() => formatValidity(ms)).toThrow(InvalidRecordError)
  })
})

describe('validityMs', () => {
  it('rounds down, before 1970 too', () => {
    expect([0n, 1n, 999_999n, 1_000_000n, -1n, -1_000_000n, -1_000_001n].map(validityMs)).toEqual([0, 0, 0, 1, -1, -1, -2])
  })
})

/** An instant with one character changed, added or taken away. */
const mutated = fc.tuple(fc.integer({ min: FIRST, max: LAST }), fc.nat(30), fc.nat(1), fc.string({ maxLength: 1 })).map(([ms, at, cut, added]) => {
  const text = formatValidity(ms)
  return text.slice(0, at) + added + text.slice(at + cut)
})
