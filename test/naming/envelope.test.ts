import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeReducedEnvelope, parseEnvelope, readEd25519Key, type Envelope } from '../../src/naming/envelope.ts'
import { InvalidRecordError } from '../../src/naming/invalid-record.ts'
import { joined, protobufField } from '../vectors/forge.ts'
import { alice, bufferView } from '../profile/cast.ts'

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const whole: Required<Envelope> = { value: bytesOf('value'), signatureV1: bytesOf('v1'), validityType: 1n, validity: bytesOf('validity'), sequence: 2n ** 64n - 1n, ttl: 300n, pubKey: bytesOf('key'), signatureV2: bytesOf('v2'), data: bytesOf('data') }
const names = Object.keys(whole) as Array<keyof Envelope>
const field = (name: keyof Envelope, value: Uint8Array | bigint = whole[name]): Uint8Array => protobufField(names.indexOf(name) + 1, typeof value === 'bigint' ? 0 : 2, value)

describe('parseEnvelope', () => {
  it('reads each field, in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(names), (order) => {
        expect(parseEnvelope(joined(...order.map((name) => field(name))))).toEqual(Object.fromEntries(order.map((name) => [name, whole[name]])))
      })
    )
  })

  it('takes the last of two fields', () => {
    for (const name of names) {
      const other = typeof whole[name] === 'bigint' ? 7n : bytesOf('other')
      expect(parseEnvelope(joined(field(name, other), field(name)))).toEqual({ [name]: whole[name] })
      expect(parseEnvelope(joined(field(name), field(name, other)))).toEqual({ [name]: other })
    }
  })

  it('takes empty bytes for no bytes, also where they come last', () => {
    for (const name of names.filter((candidate) => typeof whole[candidate] !== 'bigint')) {
      expect(parseEnvelope(field(name, new Uint8Array()))).toEqual({})
      expect(parseEnvelope(joined(field(name), field(name, new Uint8Array())))).toEqual({})
      expect(parseEnvelope(joined(field(name, new Uint8Array()), field(name)))).toEqual({ [name]: whole[name] })
    }
  })

  it('skips unknown fields, and known ones of another wire type', () => {
    const strangers = fc.oneof(
      fc.tuple(fc.integer({ min: 10, max: 2 ** 29 - 1 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map(([number, value]) => protobufField(number, 0, value)),
      fc.tuple(fc.integer({ min: 10, max: 2 ** 29 - 1 }), fc.uint8Array({ maxLength: 20 })).map(([number, value]) => protobufField(number, 2, value)),
      fc.tuple(fc.integer({ min: 1, max: 30 }), fc.uint8Array({ minLength: 8, maxLength: 8 })).map(([number, value]) => protobufField(number, 1, value)),
      fc.tuple(fc.integer({ min: 1, max: 30 }), fc.uint8Array({ minLength: 4, maxLength: 4 })).map(([number, value]) => protobufField(number, 5, value)),
      fc.constantFrom(3, 5, 6).map((number) => protobufField(number, 2, bytesOf('bytes where a number stands'))),
      fc.constantFrom(1, 2, 4, 7, 8, 9).map((number) => protobufField(number, 0, 5)),
      fc.integer({ min: 1, max: 30 }).map((number) => joined(protobufField(number, 3, new Uint8Array()), field('data'), protobufField(number, 4, new Uint8Array())))
    )
    fc.assert(
      fc.property(fc.array(strangers, { maxLength: 5 }), fc.array(strangers, { maxLength: 5 }), (before, after) => {
        expect(parseEnvelope(joined(...before, ...names.map((name) => field(name)), ...after))).toEqual(whole)
      })
    )
  })

  it('keeps the low 32 bits of an enumeration, with their sign', () => {
    const read = (value: bigint): bigint | undefined => parseEnvelope(field('validityType', value)).validityType
    expect([0n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 32n + 5n, 2n ** 64n - 1n].map(read)).toEqual([0n, 1n, -(2n ** 31n), 0n, 5n, -1n])
  })

  it('answers garbage with InvalidRecordError and nothing else, cut off or not', () => {
    const fine = joined(...names.map((name) => field(name)))
    const judge = (bytes: Uint8Array): void => {
      try {
        parseEnvelope(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidRecordError)
      }
    }
    for (let length = 0; length < fine.byteLength; length++) judge(fine.slice(0, length))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), judge), { numRuns: 5_000 })
  })

  it('reads a Buffer that is a view', () => {
    expect(parseEnvelope(bufferView(joined(...names.map((name) => field(name)))))).toStrictEqual(whole)
  })
})

describe('encodeReducedEnvelope', () => {
  it('writes signature and data in that order, as any protobuf reader reads them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.uint8Array({ minLength: 1, maxLength: 400 }), (signatureV2, data) => {
        const bytes = encodeReducedEnvelope(signatureV2, data)
        expect(bytes).toEqual(joined(protobufField(8, 2, signatureV2), protobufField(9, 2, data)))
        expect(parseEnvelope(bytes)).toEqual({ signatureV2, data })
      })
    )
  })

  it('has lengths of one and two bytes', () => {
    for (const length of [127, 128, 10_000]) expect(parseEnvelope(encodeReducedEnvelope(bytesOf('s'), new Uint8Array(length))).data).toHaveLength(length)
  })
})

describe('readEd25519Key', () => {
  const type = protobufField(1, 0, 1)
  const key = protobufField(2, 2, alice.publicKey)

  it('reads the key, whatever the order and whatever stands beside it', () => {
    for (const message of [joined(type, key), joined(key, type), joined(type, key, protobufField(9, 0, 1)), joined(protobufField(1, 0, 0), type, key)]) expect(readEd25519Key(message)).toEqual(alice.publicKey)
  })

  it('reads no key of another type, or of none', () => {
    for (const message of [new Uint8Array(), key, joined(protobufField(1, 0, 0), key), joined(protobufField(1, 0, 2), key), joined(type, protobufField(1, 0, 3), key), joined(protobufField(1, 2, bytesOf('1')), key)]) expect(readEd25519Key(message)).toBeUndefined()
    expect(readEd25519Key(type)).toBeUndefined()
    expect(() => readEd25519Key(alice.publicKey)).toThrow(InvalidRecordError)
  })
})
