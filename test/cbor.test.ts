import * as dagCbor from '@ipld/dag-cbor'
import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import { decodeCbor, decodeCborMap, encodeCbor, isCborMap, type CborMap, type CborOptions, type CborValue } from '../src/cbor.ts'
import { InvalidCborError, LimitError } from '../src/errors.ts'
import { hex, readFrozen, unhex } from './vectors/frozen.ts'
import { makeCbor, type CborCase, type InvalidCborCase } from './vectors/make-cbor.ts'
import { describePublished } from './vectors/published.ts'

const frozen = readFrozen<{ valid: CborCase[]; invalid: InvalidCborCase[] }>('cbor', 'valid', 'invalid')
const isTyped = (error: unknown): boolean => error instanceof InvalidCborError || error instanceof LimitError
const withCode = (code: string) => expect.objectContaining({ code })
const MAX_DEPTH = 16
const MAX_ITEMS = 4_096

/** Hundreds of thousands of refusals, most of whose time is their stacks. */
const withoutStacks = (run: () => void): void => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    run()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** What {@link decodeCbor} makes of `bytes`: a value, or undefined when it refuses them with a typed error. */
const decoded = (bytes: Uint8Array, options?: CborOptions): { value: CborValue } | undefined => {
  try {
    return { value: decodeCbor(bytes, options) }
  } catch (error) {
    if (isTyped(error)) return undefined
    throw error
  }
}

const digests = fc.uint8Array({ minLength: 32, maxLength: 32 })
const cids = fc.oneof(
  fc.tuple(fc.constantFrom(0x71, 0x55, 0x70, 0x72), digests).map(([code, digest]) => CID.createV1(code, createDigest(0x12, digest))),
  fc.uint8Array({ maxLength: 40 }).map((content) => CID.createV1(0x55, createDigest(0, content))),
  digests.map((digest) => CID.createV0(createDigest(0x12, digest)))
)
const INTEGERS = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 48, Number.MAX_SAFE_INTEGER]
const integers = fc.oneof(fc.constantFrom(...INTEGERS, ...INTEGERS.map((n) => -1 - n).filter(Number.isSafeInteger)), fc.maxSafeInteger())
const texts = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.toWellFormed()), fc.constantFrom('\ufeff', '\ufeffa', '\0', 'a'.repeat(31), 'a'.repeat(32), 'a'.repeat(33), 'é'.repeat(32), 'a'.repeat(31) + 'é'))
const keys = texts.filter((text) => !['__proto__', 'constructor', 'prototype'].includes(text))
const scalars: fc.Arbitrary<CborValue> = fc.oneof(fc.constantFrom(null, true, false), integers, texts, fc.uint8Array({ maxLength: 300 }), cids)
const { value: values } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalars, fc.array(tie('value'), { maxLength: 6 }), fc.dictionary(keys, tie('value'), { maxKeys: 8 }))
}))

const depthOf = (value: CborValue): number => (Array.isArray(value) ? 1 + Math.max(0, ...(value as readonly CborValue[]).map(depthOf)) : isCborMap(value) ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0)

describe('canonical CBOR', () => {
  it('is as frozen', () => {
    expect(makeCbor()).toEqual(readFrozen('cbor'))
  })

  it.each(frozen.valid)('reads and writes again: $comment', ({ hex: text }) => {
    expect(hex(encodeCbor(decodeCbor(unhex(text))))).toBe(text)
  })

  it.each(frozen.invalid)('refuses: $comment', ({ hex: text, code }) => {
    expect(() => decodeCbor(unhex(text))).toThrow(withCode(code))
    if (!isUint64(text)) expect(() => decodeCbor(unhex(text), { uint64: true })).toThrow(withCode(code))
  })

  it('gives back what it was given, and the same bytes again', () => {
    fc.assert(fc.property(values, (value) => {
      fc.pre(depthOf(value) <= MAX_DEPTH)
      const bytes = encodeCbor(value)
      const again = decodeCbor(bytes)
      expect(again).toEqual(value)
      expect(encodeCbor(again)).toEqual(bytes)
    }), { numRuns: 500 })
  })

  it('writes what dag-cbor writes', () => {
    fc.assert(fc.property(values, (value) => {
      fc.pre(depthOf(value) <= MAX_DEPTH)
      expect(hex(encodeCbor(value))).toBe(hex(dagCbor.encode(value)))
    }), { numRuns: 500 })
  })

  it('says where it stopped reading', () => {
    expect(() => decodeCbor(unhex('820018'))).toThrow('not canonical DAG-CBOR: the bytes end in the middle of a value, at byte 3')
  })
})

/** Beyond 2^53-1 and below 2^64, which `uint64` takes. */
const isUint64 = (text: string): boolean => ['1b0020000000000000', '1bffffffffffffffff'].includes(text)

/** What the format forbids beside what DAG-CBOR does; and its limits. */
const isAllowed = (value: unknown, uint64: boolean): boolean => {
  let items = 0
  const walk = (part: unknown, depth: number): boolean => {
    items++
    if (typeof part === 'number') return Number.isSafeInteger(part)
    if (typeof part === 'bigint') return uint64 && part > BigInt(Number.MAX_SAFE_INTEGER) && part < 2n ** 64n
    if (part instanceof CID) return Number.isSafeInteger(part.code) && Number.isSafeInteger(part.multihash.code)
    if (part === null || typeof part !== 'object' || part instanceof Uint8Array) return part !== undefined
    if (depth === MAX_DEPTH) return false
    if (Array.isArray(part)) return part.every((entry) => walk(entry, depth + 1))
    items += Object.keys(part).length
    return Object.entries(part).every(([key, entry]) => !['__proto__', 'constructor', 'prototype'].includes(key) && walk(entry, depth + 1))
  }
  return walk(value, 0) && items <= MAX_ITEMS
}

/** The verdict by definition: decode, re-encode, compare; then what is forbidden. */
const oracleAccepts = (bytes: Uint8Array, uint64 = false): boolean => {
  try {
    const value: unknown = dagCbor.decode(bytes)
    return hex(dagCbor.encode(value)) === hex(bytes) && isAllowed(value, uint64)
  } catch {
    // Whatever it throws at is not DAG-CBOR.
    return false
  }
}

describe('the decoder, beside dag-cbor', () => {
  const head = (major: number, value: bigint, widen: number): number[] => {
    const minimal = value < 24n ? 0 : value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8
    const width = [0, 1, 2, 4, 8].filter((candidate) => candidate >= minimal)[widen] ?? 8
    if (width === 0) return [(major << 5) | Number(value)]
    return [(major << 5) | (24 + Math.log2(width)), ...Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * (width - 1 - i))) & 0xffn))]
  }
  /** Mostly the shortest form. */
  const widening = fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4)
  const numbers = fc.oneof(fc.constantFrom(...INTEGERS.map(BigInt), 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n), fc.bigInt({ min: 0n, max: 300n }))
  const sized = (major: number, content: readonly number[], widen: number): number[] => [...head(major, BigInt(content.length), widen), ...content]
  const textBytes = fc.oneof({ weight: 8, arbitrary: texts.map((text) => [...new TextEncoder().encode(text)].slice(0, 60)) }, { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 5 }) })
  const keyBytes = fc.oneof({ weight: 6, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 3 }).map((text) => [...Buffer.from(text)]) }, { weight: 1, arbitrary: textBytes }, { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'prototype', '/', 'bytes').map((text) => [...Buffer.from(text)]) })
  const linkBytes = fc.tuple(cids, fc.constantFrom(0, 0, 0, 0, 0, 0, 1), fc.constantFrom(42, 42, 42, 42, 42, 43, 0), widening).map(([cid, zero, tag, widen]) => [...head(6, BigInt(tag), widen), ...sized(2, [zero, ...cid.bytes], 0)])
  const rare = fc.constantFrom('f7', 'e0', 'f820', 'f814', 'ff', '5f4101ff', '9f00ff', 'bf616100ff', 'f93c00', 'f90000', 'f98000', 'f97e00', 'fa3f800000', 'fb3ff8000000000000', 'fb4330000000000000', 'fb4350000000000000', 'fb8000000000000000', 'fb7ff0000000000000', '1c', 'c060', 'd82a40', 'd82a4100').map((text) => [...unhex(text)])
  const canonicalOrder = (a: readonly number[], b: readonly number[]): number => a.length - b.length || Buffer.compare(Buffer.from(a), Buffer.from(b))
  const { item } = fc.letrec<{ item: number[] }>((tie) => ({
    item: fc.oneof({ depthSize: 'medium', withCrossShrink: true },
      { weight: 4, arbitrary: fc.tuple(fc.constantFrom(0, 1), numbers, widening).map(([major, value, widen]) => head(major, value, widen)) },
      { weight: 2, arbitrary: fc.tuple(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 }), widening).map(([content, widen]) => sized(2, content, widen)) },
      { weight: 3, arbitrary: fc.tuple(textBytes, widening).map(([content, widen]) => sized(3, content, widen)) },
      { weight: 2, arbitrary: fc.constantFrom<number[]>([0xf4], [0xf5], [0xf6]) },
      { weight: 2, arbitrary: linkBytes },
      { weight: 1, arbitrary: rare },
      { weight: 4, arbitrary: fc.tuple(fc.array(tie('item'), { maxLength: 4 }), widening).map(([items, widen]) => [...head(4, BigInt(items.length), widen), ...items.flat()]) },
      { weight: 4, arbitrary: fc.tuple(fc.array(fc.tuple(keyBytes, tie('item')), { maxLength: 4 }), fc.constantFrom(true, true, true, false), widening).map(([pairs, sorted, widen]) => {
        const ordered = sorted ? [...pairs].sort(([a], [b]) => canonicalOrder(a, b)) : pairs
        return [...head(5, BigInt(pairs.length), widen), ...ordered.flatMap(([key, value]) => [...sized(3, key, 0), ...value])]
      }) })
  }))

  /** Where dag-cbor takes a map for a CID, or text apart, it is no oracle: see the tests below. */
  const isBeyondOracle = (bytes: Uint8Array): boolean => {
    const text = hex(bytes)
    return text.includes('efbbbf') || (text.includes('612f') && text.includes('656279746573'))
  }
  const agree = (bytes: Uint8Array): boolean => {
    const [accepted, accepted64] = [oracleAccepts(bytes), oracleAccepts(bytes, true)]
    if ((decoded(bytes) !== undefined) !== accepted) expect.fail(`${hex(bytes)}: dag-cbor ${accepted ? 'accepts' : 'refuses'} it`)
    if ((decoded(bytes, { uint64: true }) !== undefined) !== accepted64) expect.fail(`${hex(bytes)}: dag-cbor ${accepted64 ? 'accepts' : 'refuses'} it with uint64`)
    return accepted
  }

  it('accepts what dag-cbor decodes and writes again, without what the format forbids, and nothing else', () => {
    let accepted = 0
    let refused = 0
    fc.assert(fc.property(item, (encoded) => {
      const bytes = Uint8Array.from(encoded)
      fc.pre(!isBeyondOracle(bytes))
      if (agree(bytes)) accepted++
      else refused++
    }), { numRuns: 6_000 })
    expect(Math.min(accepted, refused)).toBeGreaterThan(1_000)
  })

  it('does so too when bytes of documents are changed, inserted, removed or cut off', () => {
    fc.assert(fc.property(values, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('change', 'insert', 'remove', 'cut', 'append'), (value, position, byte, how) => {
      fc.pre(depthOf(value) <= MAX_DEPTH)
      const bytes = encodeCbor(value)
      const at = position % bytes.byteLength
      const changed = Uint8Array.of(...bytes.subarray(0, how === 'append' ? undefined : at), ...(how === 'remove' || how === 'cut' ? [] : [byte]), ...(how === 'cut' || how === 'append' ? [] : bytes.subarray(how === 'insert' ? at : at + 1)))
      fc.pre(!isBeyondOracle(changed))
      agree(changed)
    }), { numRuns: 3_000 })
  })

  it('does so for all bytes that are up to two long, and for three from every first byte', () => {
    withoutStacks(() => {
      for (let first = 0; first < 256; first++) {
        agree(Uint8Array.of(first))
        for (let second = 0; second < 256; second++) agree(Uint8Array.of(first, second))
        for (const [second, third] of [[0, 0], [24, 24], [0x61, 0x61], [0x61, 0], [255, 255], [0xf6, 0xf6], [1, 0]] as const) agree(Uint8Array.of(first, second, third))
      }
    })
  })

  it('keeps a byte order mark, which dag-cbor loses', () => {
    const bytes = unhex('63efbbbf')
    expect(oracleAccepts(bytes)).toBe(false)
    expect(decodeCbor(bytes)).toBe('\ufeff')
    expect(encodeCbor('\ufeff')).toEqual(bytes)
    expect(decodeCbor(encodeCbor(`\ufeff${'a'.repeat(40)}`))).toBe(`\ufeff${'a'.repeat(40)}`)
    expect(decodeCbor(encodeCbor({ '\ufeff': 1, '\ufeff\ufeff': 2 }))).toEqual({ '\ufeff': 1, '\ufeff\ufeff': 2 })
  })

  it('reads a map with equal `/` and `bytes` as a map, which dag-cbor takes for a CID', () => {
    const confusing: CborValue[] = [{ '/': 'a', bytes: 'a' }, { '/': 1, bytes: 1 }, [{ '/': 'a', bytes: 'a', code: 1, version: 1, multihash: 'b' }]]
    for (const value of confusing) {
      const bytes = encodeCbor(value)
      expect(oracleAccepts(bytes)).toBe(false)
      expect(decodeCbor(bytes)).toEqual(value)
      expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes)
    }
    expect(isCborMap({ '/': 'a', bytes: 'a' })).toBe(true)
  })
})

const DOCUMENT: CborMap = {
  v: 1, kind: 'persona', id: new Uint8Array(38).fill(1), seq: 1_764_000_000, time: 1_763_996_400, prev: new Uint8Array(32).fill(2), next: new Uint8Array(32).fill(3), pledge: new Uint8Array(64).fill(4),
  attrs: { name: 'Alice Liddell', bio: 'Curious. Follows rabbits. 🐇', tags: ['botany', 'chess'], location: { lat: 51_754_800, lon: -1_254_400, precision: 5_000 }, avatar: { cid: CID.createV1(0x55, createDigest(0x12, new Uint8Array(32).fill(9))), type: 'image/png', size: 20_480 } },
  keys: { x25519: new Uint8Array(32).fill(5) }, homes: [], sealed: [[null, true, false], -1], listed: true, sig: new Uint8Array(64).fill(6)
}

describe('hostile bytes', () => {
  it('are refused with a typed error or read as what writes them again, wherever a document has another byte', () => {
    const bytes = encodeCbor(DOCUMENT)
    const failures: string[] = []
    withoutStacks(() => {
      for (let at = 0; at < bytes.byteLength; at++) {
        const changed = bytes.slice()
        for (let byte = 0; byte < 256; byte++) {
          changed[at] = byte
          const result = decoded(changed)
          if (result && Buffer.compare(encodeCbor(result.value), changed) !== 0) failures.push(hex(changed))
        }
      }
    })
    expect(failures).toEqual([])
  })

  it('are refused wherever a document is cut off, and with anything behind it', () => {
    const bytes = encodeCbor(DOCUMENT)
    for (let length = 0; length < bytes.byteLength; length++) expect(() => decodeCbor(bytes.subarray(0, length))).toThrow(withCode('INVALID_CBOR'))
    for (let byte = 0; byte < 256; byte++) expect(() => decodeCbor(Uint8Array.of(...bytes, byte))).toThrow(withCode('INVALID_CBOR'))
  })

  it('are 16 containers deep at most', () => {
    const inLists = (depth: number) => unhex(`${'81'.repeat(depth - 1)}80`)
    const inMaps = (depth: number) => unhex(`${'a16161'.repeat(depth - 1)}a0`)
    const mixed = (depth: number) => unhex(`${'81a16161'.repeat(depth / 2 - 0.5)}80`)
    for (const bytes of [inLists(16), inMaps(16), mixed(15), unhex(`${'81'.repeat(16)}00`)]) expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes)
    for (const bytes of [inLists(17), inMaps(17), mixed(17), unhex(`${'81'.repeat(17)}00`), unhex('81'.repeat(65_536)), unhex('a16161'.repeat(21_000)), unhex('d82a'.repeat(1_000))]) expect(() => decodeCbor(bytes)).toThrow(bytes[0] === 0xd8 ? withCode('INVALID_CBOR') : expect.objectContaining({ code: 'LIMIT_EXCEEDED', limit: 'CBOR depth', max: 16, value: 17 }))
  })

  it('have 4,096 items at most, of which every key is one', () => {
    const list = (items: number) => unhex(`99${(items - 1).toString(16).padStart(4, '0')}${'f6'.repeat(items - 1)}`)
    const lists = unhex(`98ff${`8f${'00'.repeat(15)}`.repeat(255)}`)
    const map = (pairs: number) => encodeCborOversized(pairs)
    expect(decodeCbor(list(4_096))).toHaveLength(4_095)
    expect(() => decodeCbor(list(4_097))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', limit: 'CBOR items', max: 4_096, value: 4_097 }))
    expect(decodeCbor(lists)).toHaveLength(255)
    expect(() => decodeCbor(unhex(`82${hex(lists)}8f${'00'.repeat(15)}`))).toThrow(withCode('LIMIT_EXCEEDED'))
    const listThenScalars = (items: number) => unhex(`8b99${(items - 12).toString(16).padStart(4, '0')}${'00'.repeat(items - 12)}${'00'.repeat(10)}`)
    expect(decodeCbor(listThenScalars(4_096))).toHaveLength(11)
    expect(() => decodeCbor(listThenScalars(4_097))).toThrow(expect.objectContaining({ limit: 'CBOR items', max: 4_096, value: 4_097 }))
    expect(Object.keys(decodeCborMap(map(2_047)))).toHaveLength(2_047)
    expect(() => decodeCbor(map(2_048))).toThrow(withCode('LIMIT_EXCEEDED'))
  })

  it('make no memory be taken for what they only declare', () => {
    const bombs = ['5b001fffffffffffff', '7b001fffffffffffff', '9b001fffffffffffff', 'bb001fffffffffffff', '9b0020000000000000', '5bffffffffffffffff', '5affffffff', '9affffffff', 'baffffffff', '9a00001000', '9a00000fff', '990fff'.repeat(15), `${'81'.repeat(15)}990fff`, 'b9020060bb001fffffffffffff', 'd82a5b001fffffffffffff', 'a15b001fffffffffffff', 'a17b001fffffffffffff'].map(unhex)
    const memory = () => {
      const { heapUsed, arrayBuffers, external } = process.memoryUsage()
      return heapUsed + arrayBuffers + external
    }
    const before = memory()
    for (let i = 0; i < 200; i++) for (const bomb of bombs) expect(decoded(bomb)).toBeUndefined()
    expect(decoded(unhex('81'.repeat(65_536)))).toBeUndefined()
    // 3,400 errors with their stacks are a few MB; the least of these declarations, honoured once, is 4 GB or 200 times 32 KB.
    expect(memory() - before).toBeLessThan(64 * 1_048_576)
  })

  it('cannot reach a prototype', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const bytes = Uint8Array.of(0xa1, 0x60 | key.length, ...Buffer.from(key), 0xa1, 0x61, 0x78, 0x01)
      expect(() => decodeCbor(bytes)).toThrow(/is not allowed/)
    }
    expect(({} as { x?: unknown }).x).toBeUndefined()
    const map = decodeCborMap(encodeCbor({ hasOwnProperty: 1, toString: 2, valueOf: null, __defineGetter__: 3 }))
    expect(Object.keys(map).sort()).toEqual(['__defineGetter__', 'hasOwnProperty', 'toString', 'valueOf'])
  })
})

/** A map of `pairs` pairs, also where the encoder refuses. */
const encodeCborOversized = (pairs: number): Uint8Array =>
  Uint8Array.of(0xb9, pairs >> 8, pairs & 0xff, ...Array.from({ length: pairs }, (_, i) => [0x64, ...Buffer.from(i.toString(16).padStart(4, '0')), 0]).flat())

describe('what is read', () => {
  it('shares no memory with the bytes, nor with a Buffer, nor with what is beside them', () => {
    const bytes = encodeCbor({ a: new Uint8Array([1, 2, 3]), c: DOCUMENT.attrs! })
    for (const input of [bytes, Buffer.from(bytes), Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]).subarray(2, 2 + bytes.byteLength)]) {
      const value = decodeCborMap(input)
      const before = hex(encodeCbor(value))
      const a = value.a as Uint8Array
      expect(a.constructor).toBe(Uint8Array)
      expect(a.buffer.byteLength).toBe(3)
      input.fill(0xff)
      expect(hex(encodeCbor(value))).toBe(before)
      bytes.set(unhex(before))
    }
  })

  it('is a uint64 only when asked for', () => {
    const view = Buffer.concat([Buffer.from([0xff]), unhex('1bfedcba9876543210')]).subarray(1)
    expect(decodeCbor(view, { uint64: true })).toBe(0xfedcba9876543210n)
    expect(() => decodeCbor(view)).toThrow(withCode('INVALID_CBOR'))
    expect(decodeCbor(unhex('1b001fffffffffffff'), { uint64: true })).toBe(Number.MAX_SAFE_INTEGER)
    expect(decodeCbor(unhex('1b0020000000000000'), { uint64: true })).toBe(2n ** 53n)
    expect(() => decodeCbor(unhex('3b001fffffffffffff'), { uint64: true })).toThrow(withCode('INVALID_CBOR'))
    expect(() => decodeCbor(unhex('9b0020000000000000'), { uint64: true })).toThrow(withCode('INVALID_CBOR'))
  })

  it('is a map when a map is asked for', () => {
    expect(decodeCborMap(unhex('a0'))).toEqual({})
    for (const text of ['80', 'f6', '00', '60', '40', frozen.valid.find(({ comment }) => comment === 'a CID')!.hex]) expect(() => decodeCborMap(unhex(text))).toThrow(withCode('INVALID_CBOR'))
    expect([{}, Object.create(null) as CborMap, [], null, undefined, 'a', 1, new Uint8Array(), DOCUMENT.attrs, decodeCbor(unhex(frozen.valid.find(({ comment }) => comment === 'a CID')!.hex))].map(isCborMap)).toEqual([true, true, false, false, false, false, false, false, true, false])
  })
})

describe('the encoder', () => {
  const ownProto = JSON.parse('{"__proto__": 1}') as CborValue
  class Point { x = 1 }
  class Numbers extends Array<number> {}
  const sparse: CborValue[] = [1]
  sparse[2] = 3
  it.each<[string, unknown]>([
    ['undefined', undefined], ['undefined in a list', [undefined]], ['undefined in a map', { a: undefined }], ['a hole in a list', sparse], ['NaN', Number.NaN], ['Infinity', Number.POSITIVE_INFINITY], ['-Infinity', Number.NEGATIVE_INFINITY],
    ['-0', -0], ['0.5', 0.5], ['1e300', 1e300], ['2^53', 2 ** 53], ['-2^53', -(2 ** 53)], ['a bigint of 2^53', 2n ** 53n], ['a negative bigint', -1n], ['a bigint of 2^64', 2n ** 64n], ['a function', () => 1], ['a symbol', Symbol('a')],
    ['a Date', new Date(0)], ['a Map', new Map()], ['a Set', new Set()], ['a RegExp', /a/], ['an Error', new Error('a')], ['a Promise', Promise.resolve()], ['a class instance', new Point()], ['a boxed number', Object(1)], ['a boxed text', Object('a')], ['an object with an own prototype', Object.create({ a: 1 })],
    ['an ArrayBuffer', new ArrayBuffer(1)], ['a DataView', new DataView(new ArrayBuffer(1))], ['a Uint16Array', new Uint16Array(1)], ['a Uint8ClampedArray', new Uint8ClampedArray(1)], ['an Int8Array', new Int8Array(1)],
    ['a lone high surrogate', 'a\ud800'], ['a lone low surrogate', '\udc00a'], ['a lone surrogate in a long text', `${'a'.repeat(40)}\ud800`], ['a lone surrogate in a key', { '\ud800': 1 }],
    ['__proto__', ownProto], ['constructor', { constructor: 1 }], ['prototype', [{ prototype: 1 }]]
  ])('refuses %s', (_, value) => {
    expect(() => encodeCbor(value as CborValue)).toThrow(withCode('INVALID_CBOR'))
  })

  it.each(Object.entries({ 'a negative bigint': -1n, 'a bigint of 2^64': 2n ** 64n }))('refuses %s also where uint64 is asked for', (_, value) => {
    expect(() => encodeCbor(value, { uint64: true })).toThrow(withCode('INVALID_CBOR'))
  })

  it('writes a bigint as the integer that it is, from 2^53 to 2^64-1 only when asked for', () => {
    for (const value of [0n, 23n, 24n, BigInt(Number.MAX_SAFE_INTEGER)]) expect(encodeCbor(value)).toEqual(encodeCbor(Number(value)))
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const again = decodeCbor(encodeCbor(value, { uint64: true }), { uint64: true })
      expect(BigInt(again as bigint)).toBe(value)
    }))
    expect(hex(encodeCbor(2n ** 64n - 1n, { uint64: true }))).toBe('1bffffffffffffffff')
  })

  it('refuses cycles, and what is 17 deep', () => {
    const list: CborValue[] = []
    list.push(list)
    const map: Record<string, CborValue> = {}
    map.a = [map]
    for (const cyclic of [list, map]) expect(() => encodeCbor(cyclic)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', limit: 'CBOR depth', value: 17 }))
    const deep = (depth: number): CborValue => Array.from({ length: depth }).reduce<CborValue>((inner, _, i) => (i % 2 ? [inner] : { a: inner }), 0)
    expect(depthOf(decodeCbor(encodeCbor(deep(16))))).toBe(16)
    expect(() => encodeCbor(deep(17))).toThrow(withCode('LIMIT_EXCEEDED'))
  })

  it('refuses more than 4,096 items', () => {
    const zeros = (length: number): number[] => Array.from({ length }, () => 0)
    const map = (pairs: number) => Object.fromEntries(Array.from({ length: pairs }, (_, i) => [String(i), 0]))
    expect(decodeCbor(encodeCbor(zeros(4_095)))).toHaveLength(4_095)
    expect(Object.keys(decodeCborMap(encodeCbor(map(2_047))))).toHaveLength(2_047)
    for (const value of [zeros(4_096), map(2_048), [zeros(2_048), zeros(2_046)]]) expect(() => encodeCbor(value)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', limit: 'CBOR items', max: 4_096 }))
  })

  it('takes objects without a prototype, frozen ones, subclasses of arrays and of Uint8Array, and changes none', () => {
    const value = Object.freeze({ b: Object.freeze([1]), a: Object.assign(Object.create(null) as Record<string, CborValue>, { z: 1, y: 2 }), list: Numbers.of(1, 2), bytes: Buffer.from([1, 2]) })
    const order = Object.keys(value)
    expect(decodeCbor(encodeCbor(value))).toEqual({ a: { y: 2, z: 1 }, b: [1], list: [1, 2], bytes: Uint8Array.of(1, 2) })
    expect(Object.keys(value)).toEqual(order)
    expect(Object.keys(value.a)).toEqual(['z', 'y'])
  })

  it('writes the CIDs of another copy of the library', () => {
    const ours = CID.createV1(0x71, createDigest(0x12, new Uint8Array(32)))
    class ForeignCid { version = 1; code = 0x71; multihash = ours.multihash; bytes = ours.bytes; '/' = ours.bytes }
    expect(encodeCbor({ cid: new ForeignCid() as unknown as CID })).toEqual(encodeCbor({ cid: ours }))
  })

  it('grows with what it writes', () => {
    for (const length of [1_000, 1_020, 1_021, 1_022, 1_024, 65_000, 200_000]) expect(decodeCbor(encodeCbor([new Uint8Array(length).fill(7), 'ü'.repeat(length), 'a'.repeat(31), 5]))).toEqual([new Uint8Array(length).fill(7), 'ü'.repeat(length), 'a'.repeat(31), 5])
    for (let length = 990; length < 1_030; length++) for (const tail of ['a'.repeat(23), 'a'.repeat(24), 'a'.repeat(32), -1, 2 ** 40, true, [], {}, DOCUMENT.attrs!]) expect(decodeCbor(encodeCbor([new Uint8Array(length), tail]))).toEqual([new Uint8Array(length), tail])
  })
})

describePublished('codec-fixtures of DAG-CBOR', 'dag-cbor/valid.json', (fixtures: { name: string; cid: string; hex: string }[]) => {
  it.each(fixtures)('$name', ({ cid, hex: text }) => {
    const bytes = unhex(text)
    expect(CID.createV1(0x71, createDigest(0x12, sha256(bytes))).toString()).toBe(cid)
    for (const uint64 of [false, true]) {
      const result = decoded(bytes, { uint64 })
      expect(result !== undefined).toBe(isAllowed(dagCbor.decode(bytes), uint64))
      if (result) expect(encodeCbor(result.value, { uint64 })).toEqual(bytes)
    }
  })

  it('are refused for nothing but floats, integers beyond 53 bits, and more than 4,096 items', () => {
    const refused = fixtures.filter(({ hex: text }) => !decoded(unhex(text))).map(({ name }) => name)
    expect(refused.filter((name) => !/^float-|^int-|^array-65536$|^garbage-/.test(name))).toEqual([])
    expect(fixtures.length - refused.length).toBeGreaterThan(80)
  })
})

describePublished('codec-fixtures that are no DAG-CBOR', 'dag-cbor/invalid-duplicate-keys.json', (fixtures: { name: string; hex: string }[]) => {
  it.each(fixtures)('$name', ({ hex: text }) => {
    expect(() => decodeCbor(unhex(text))).toThrow(withCode('INVALID_CBOR'))
  })
})
