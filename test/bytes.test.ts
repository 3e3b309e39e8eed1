import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareUtf8, plainBytes, utf8, utf8Length } from '../src/bytes.ts'

/** Of every length in UTF-8, next to every boundary, with and without partners. */
const EDGES = ['', 'a', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\ufeff', '\uffff', '\u{10000}', '\u{10ffff}', '\ud800', '\udbff', '\udc00', '\udfff']
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.constantFrom(...EDGES), { maxLength: 6 }).map((parts) => parts.join('')))
const wellFormed = text.map((value) => value.toWellFormed())

describe('utf8 and utf8Length', () => {
  it('give the bytes that Node gives, and their number', () => {
    fc.assert(fc.property(text, (value) => {
      expect(utf8(value)).toEqual(Uint8Array.from(Buffer.from(value)))
      expect(utf8Length(value)).toBe(Buffer.byteLength(value))
    }), { numRuns: 2_000 })
  })
})

describe('compareUtf8', () => {
  it('orders as the UTF-8 bytes are ordered', () => {
    fc.assert(fc.property(wellFormed, wellFormed, wellFormed, (prefix, a, b) => {
      expect(Math.sign(compareUtf8(prefix + a, prefix + b))).toBe(Buffer.compare(Buffer.from(prefix + a), Buffer.from(prefix + b)))
    }), { numRuns: 2_000 })
  })

  it('differs from the order of UTF-16 units where that is wrong', () => {
    const [last, first] = ['\uffff', '\u{10000}'] as [string, string]
    expect(last < first).toBe(false)
    expect(compareUtf8(last, first)).toBeLessThan(0)
    expect([...EDGES].map((edge) => edge.toWellFormed()).sort(compareUtf8)).toEqual([...EDGES].map((edge) => edge.toWellFormed()).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
  })
})

describe('plainBytes', () => {
  it('is the same memory, whose slice is a copy', () => {
    const buffer = Buffer.from([0, 1, 2, 3]).subarray(1, 3)
    const plain = plainBytes(buffer)
    expect(plain.constructor).toBe(Uint8Array)
    expect([...plain]).toEqual([1, 2])
    const copy = plain.slice()
    buffer[0] = 9
    expect([plain[0], copy[0]]).toEqual([9, 1])
  })
})
