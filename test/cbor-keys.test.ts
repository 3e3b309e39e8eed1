import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../src/bytes.ts'
import { decodeCborMap, encodeCbor } from '../src/cbor.ts'
import { InvalidCborError } from '../src/errors.ts'

/** `{<key>: 1}` with the bytes of the key as they are, under 24 of them. */
const mapWithKey = (key: Uint8Array): Uint8Array => Uint8Array.of(0xa1, 0x60 | key.byteLength, ...key, 1)

/** Of two bytes of which the first is over 0x7f. */
const isUtf8 = (first: number, second: number): boolean => first >= 0xc2 && first <= 0xdf && second >= 0x80 && second <= 0xbf

describe('map keys that are remembered', () => {
  it('read as they are written, however many are alike', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '日', '\u{1f600}'), maxLength: 5 })
    fc.assert(fc.property(fc.dictionary(letters, fc.integer(), { noNullPrototype: true, minKeys: 1 }), (map) => {
      expect(decodeCborMap(encodeCbor(map))).toEqual(map)
      expect(decodeCborMap(encodeCbor(map))).toEqual(map)
    }), { numRuns: 1_000 })
  })

  it('are never bytes that only look like a text read before', () => {
    for (let first = 0x80; first <= 0xff; first++) {
      for (let second = 0; second <= 0xff; second++) {
        decodeCborMap(mapWithKey(utf8(String.fromCharCode(first, second))))
        if (!isUtf8(first, second)) expect(() => decodeCborMap(mapWithKey(Uint8Array.of(first, second)))).toThrow(InvalidCborError)
      }
    }
  })

  it('end where the bytes end', () => {
    decodeCborMap(encodeCbor({ name: 1 }))
    for (const length of [1, 4]) expect(() => decodeCborMap(Uint8Array.of(0xa1, 0x60 | length + 1, ...utf8('name').subarray(0, length)))).toThrow(InvalidCborError)
  })
})
