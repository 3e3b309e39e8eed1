import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCborMap, decodeCborMapWithout, encodeCbor, type CborMap } from '../src/cbor.ts'

const mapOf = (count: number): CborMap => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))

describe('decodeCborMapWithout', () => {
  it('gives what encoding the map without the entry gives, wherever the entry stands', () => {
    const keys = fc.string({ maxLength: 6 }).filter((key) => key !== 'sig' && !['__proto__', 'constructor', 'prototype'].includes(key))
    const values = fc.oneof(fc.integer(), fc.boolean(), fc.string(), fc.uint8Array({ maxLength: 70 }), fc.constant(null), fc.array(fc.integer()), fc.record({ sig: fc.integer(), other: fc.string() }))
    fc.assert(fc.property(fc.dictionary(keys.filter((key) => key.isWellFormed()), values.filter((value) => typeof value !== 'string' || value.isWellFormed()), { noNullPrototype: true }), fc.uint8Array(), (others, sig) => {
      const bytes = encodeCbor({ ...others, sig })
      const { map, without } = decodeCborMapWithout(bytes, 'sig')
      expect(map).toEqual(decodeCborMap(bytes))
      expect(without).toEqual(encodeCbor(others))
    }))
  })

  it.each([0, 22, 23, 24, 254, 255, 256, 257, 2_046])('writes the head of a map with %i entries left', (count) => {
    const others = mapOf(count)
    expect(decodeCborMapWithout(encodeCbor({ ...others, sig: 1 }), 'sig').without).toEqual(encodeCbor(others))
  })

  it('leaves entries of that name in inner maps alone', () => {
    const others = { homes: [{ sig: 1 }], pledge: { sig: 2 } }
    expect(decodeCborMapWithout(encodeCbor({ ...others, sig: 3 }), 'sig').without).toEqual(encodeCbor(others))
    expect(decodeCborMapWithout(encodeCbor(others), 'sig').without).toEqual(encodeCbor(others))
  })

  it('shares no memory with what it was given', () => {
    for (const entries of [{ a: 1 }, { a: 1, sig: 2 }] as CborMap[]) {
      const bytes = encodeCbor(entries)
      const { without } = decodeCborMapWithout(bytes, 'sig')
      bytes.fill(0)
      expect(without).toEqual(encodeCbor({ a: 1 }))
    }
  })

  it('refuses what decodeCborMap refuses', () => {
    expect(() => decodeCborMapWithout(encodeCbor([1]), 'sig')).toThrow('the outermost value is not a map')
    expect(() => decodeCborMapWithout(Uint8Array.from([...encodeCbor({ sig: 1 }), 0]), 'sig')).toThrow('bytes follow the value')
  })
})
