import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { compare, equals } from 'uint8arrays'
import { plainBytes, utf8 } from './bytes.ts'
import { InvalidCborError, checkLimit } from './errors.ts'
import { MAX_CBOR_DEPTH, MAX_CBOR_ITEMS } from './limits.ts'

/** What DAG-CBOR can hold here: no floats, no `undefined`, no tag but 42 (a CID). `bigint` only where a uint64 is asked for. */
export type CborValue = null | boolean | number | bigint | string | Uint8Array | CID | readonly CborValue[] | CborMap
export interface CborMap { readonly [key: string]: CborValue }

export interface CborOptions {
  /** Take integers from 2^53 to 2^64-1 too, as `bigint`; only the IPNS record has such fields. */
  uint64?: boolean
}

const UNSIGNED = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6
const CID_TAG = 42
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Decodes canonical DAG-CBOR in one pass and accepts no other bytes: exactly what an encoder would write again.
 * At most 16 deep (the outermost container is 1) and 4,096 items (every value and every map key is one).
 *
 * The caller caps the size first; the limits bound depth and count while reading, before anything is allocated for them.
 *
 * @throws InvalidCborError naming the byte where reading stopped, LimitError
 * @see https://ipld.io/specs/codecs/dag-cbor/spec/
 */
export const decodeCbor = (bytes: Uint8Array, { uint64 = false }: CborOptions = {}): CborValue => {
  const reader = new Reader(bytes, uint64)
  const value = reader.value(0)
  if (reader.at !== bytes.byteLength) reader.fail('bytes follow the value')
  return value
}

/** @throws InvalidCborError also when the value is not a map */
export const decodeCborMap = (bytes: Uint8Array, options?: CborOptions): CborMap => {
  const value = decodeCbor(bytes, options)
  if (!isCborMap(value)) throw new InvalidCborError('the outermost value is not a map')
  return value
}

/**
 * The one canonical encoding of `value`: whatever this writes, {@link decodeCbor} reads with the same options.
 *
 * @throws InvalidCborError for what DAG-CBOR here cannot hold, LimitError
 */
export const encodeCbor = (value: CborValue, { uint64 = false }: CborOptions = {}): Uint8Array => {
  const writer = new Writer(uint64)
  writer.value(value, 0)
  return writer.bytes()
}

export const isCborMap = (value: CborValue | undefined): value is CborMap => typeof value === 'object' && value !== null && isPlain(value)

/** A map is told from a CID by its prototype, not by `CID.asCID`, which takes `{ '/': x, bytes: x }` for one. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const fatalUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Reader {
  at = 0
  private items = 0
  private readonly bytes: Uint8Array
  private readonly uint64: boolean

  constructor (bytes: Uint8Array, uint64: boolean) {
    this.bytes = plainBytes(bytes)
    this.uint64 = uint64
  }

  value (depth: number): CborValue {
    this.count()
    const first = this.byte()
    const major = first >> 5
    switch (major) {
      case UNSIGNED: return this.integer(first)
      case NEGATIVE: return this.negative(first)
      case BYTES: return this.take(this.length(first)).slice()
      case TEXT: return this.text(this.length(first))
      case ARRAY: return this.array(this.length(first), depth + 1)
      case MAP: return this.map(this.length(first), depth + 1)
      case TAG: return this.cid(first)
      default:
        if (first === 0xf4) return false
        if (first === 0xf5) return true
        if (first === 0xf6) return null
        return this.fail(first >= 0xf9 && first <= 0xfb ? 'floats are not allowed' : 'a simple value that is not allowed')
    }
  }

  private array (length: number, depth: number): CborValue[] {
    this.enter(length, depth)
    const values: CborValue[] = []
    for (let i = 0; i < length; i++) values.push(this.value(depth))
    return values
  }

  private map (length: number, depth: number): CborMap {
    this.enter(length, depth)
    const map: Record<string, CborValue> = {}
    let previous: Uint8Array | undefined
    for (let i = 0; i < length; i++) {
      this.count()
      const first = this.byte()
      if (first >> 5 !== TEXT) this.fail('a map key is not text')
      const keyBytes = this.take(this.length(first))
      if (previous && compareKeyBytes(previous, keyBytes) >= 0) this.fail('map keys are unsorted or repeated')
      previous = keyBytes
      const key = this.decodeText(keyBytes)
      if (FORBIDDEN_KEYS.has(key)) this.fail(`the key ${key} is not allowed`)
      map[key] = this.value(depth)
    }
    return map
  }

  private cid (first: number): CID {
    if (this.integer(first) !== CID_TAG) this.fail('a tag other than 42')
    const head = this.byte()
    if (head >> 5 !== BYTES) this.fail('tag 42 without bytes')
    const content = this.take(this.length(head))
    if (content[0] !== 0) this.fail('a CID without its leading zero')
    try {
      const cid = CID.decode(content.slice(1))
      if (equals(minimalCidBytes(cid), cid.bytes)) return cid
    } catch (error) {
      throw new InvalidCborError(`a malformed CID before byte ${this.at}`, { cause: error })
    }
    return this.fail('a CID with overlong numbers')
  }

  private negative (first: number): number {
    const value = this.integer(first)
    if (typeof value === 'bigint' || value >= Number.MAX_SAFE_INTEGER) this.fail('an integer beyond 2^53-1')
    return -1 - Number(value)
  }

  private length (first: number): number {
    const length = this.integer(first)
    if (typeof length === 'bigint') this.fail('a length beyond 2^53-1')
    return Number(length)
  }

  private integer (first: number): number | bigint {
    const info = first & 0x1f
    if (info < 24) return info
    if (info > 27) this.fail('an indefinite length or a reserved value')
    const width = 1 << (info - 24)
    const encoded = this.take(width)
    if (width === 8) return this.wide(encoded)
    let value = 0
    for (const byte of encoded) value = value * 256 + byte
    if (value < (width === 1 ? 24 : 2 ** (width * 4))) this.fail('an integer that is not in its shortest form')
    return value
  }

  private wide (encoded: Uint8Array): number | bigint {
    const value = new DataView(encoded.buffer, encoded.byteOffset, 8).getBigUint64(0)
    if (value < 2n ** 32n) this.fail('an integer that is not in its shortest form')
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
    if (!this.uint64) this.fail('an integer beyond 2^53-1')
    return value
  }

  private text (length: number): string {
    return this.decodeText(this.take(length))
  }

  /** Short ASCII, which nearly every key and most values are, skips the decoder's set-up. */
  private decodeText (bytes: Uint8Array): string {
    if (bytes.byteLength < 32) {
      let ascii = ''
      for (const byte of bytes) {
        if (byte >= 0x80) break
        ascii += String.fromCharCode(byte)
      }
      if (ascii.length === bytes.byteLength) return ascii
    }
    try {
      return fatalUtf8.decode(bytes)
    } catch (error) {
      throw new InvalidCborError(`invalid UTF-8 before byte ${this.at}`, { cause: error })
    }
  }

  private enter (length: number, depth: number): void {
    checkLimit('CBOR depth', MAX_CBOR_DEPTH, depth)
    checkLimit('CBOR items', MAX_CBOR_ITEMS, this.items + length)
  }

  private count (): void {
    checkLimit('CBOR items', MAX_CBOR_ITEMS, ++this.items)
  }

  private byte (): number {
    const byte = this.bytes[this.at++]
    return byte ?? this.fail('the bytes end in the middle of a value')
  }

  private take (length: number): Uint8Array {
    if (length > this.bytes.byteLength - this.at) this.fail('the bytes end in the middle of a value')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  fail (reason: string): never {
    throw new InvalidCborError(`${reason}, at byte ${this.at}`)
  }
}

class Writer {
  private buffer = new Uint8Array(1_024)
  private at = 0
  private items = 0
  private readonly uint64: boolean

  constructor (uint64: boolean) {
    this.uint64 = uint64
  }

  bytes (): Uint8Array {
    return this.buffer.slice(0, this.at)
  }

  value (value: CborValue, depth: number): void {
    this.count()
    if (value === null) return this.byte(0xf6)
    if (typeof value === 'boolean') return this.byte(value ? 0xf5 : 0xf4)
    if (typeof value === 'string') return this.text(value)
    if (typeof value === 'number') return this.number(value)
    if (typeof value === 'bigint') return this.bigint(value)
    if (typeof value !== 'object') throw new InvalidCborError(`it cannot hold ${typeof value}`)
    if (value instanceof Uint8Array) return this.string(BYTES, value)
    if (Array.isArray(value)) return this.array(value, depth + 1)
    if (isPlain(value)) return this.map(value as CborMap, depth + 1)
    const cid = CID.asCID(value)
    if (!cid) throw new InvalidCborError(`it cannot hold a ${value.constructor?.name ?? 'class instance'}`)
    this.cid(cid)
  }

  private number (value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new InvalidCborError(`it cannot hold the number ${Object.is(value, -0) ? '-0' : value}; write a decimal as text or as a scaled integer`)
    this.head(value < 0 ? NEGATIVE : UNSIGNED, value < 0 ? -1 - value : value)
  }

  private bigint (value: bigint): void {
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return this.head(UNSIGNED, Number(value))
    if (!this.uint64 || value < 0n || value >= 2n ** 64n) throw new InvalidCborError(`it cannot hold the bigint ${value}${this.uint64 ? '' : '; only with uint64 from 2^53 to 2^64-1'}`)
    this.reserve(9)
    this.buffer[this.at] = 27
    new DataView(this.buffer.buffer).setBigUint64(this.at + 1, value)
    this.at += 9
  }

  private text (value: string): void {
    if (!value.isWellFormed()) throw new InvalidCborError('it cannot hold text with a lone surrogate')
    this.string(TEXT, utf8(value))
  }

  private string (major: number, bytes: Uint8Array): void {
    this.head(major, bytes.byteLength)
    this.reserve(bytes.byteLength)
    this.buffer.set(bytes, this.at)
    this.at += bytes.byteLength
  }

  private array (values: readonly CborValue[], depth: number): void {
    checkLimit('CBOR depth', MAX_CBOR_DEPTH, depth)
    this.head(ARRAY, values.length)
    for (const value of values) this.value(value, depth)
  }

  private map (map: CborMap, depth: number): void {
    checkLimit('CBOR depth', MAX_CBOR_DEPTH, depth)
    const keys = Object.keys(map).sort(compareKeys)
    this.head(MAP, keys.length)
    for (const key of keys) {
      if (FORBIDDEN_KEYS.has(key)) throw new InvalidCborError(`the key ${key} is not allowed`)
      this.count()
      this.text(key)
      this.value(map[key]!, depth)
    }
  }

  private cid (cid: CID): void {
    this.head(TAG, CID_TAG)
    this.head(BYTES, cid.bytes.byteLength + 1)
    this.byte(0)
    this.reserve(cid.bytes.byteLength)
    this.buffer.set(cid.bytes, this.at)
    this.at += cid.bytes.byteLength
  }

  private head (major: number, value: number): void {
    this.reserve(9)
    const view = new DataView(this.buffer.buffer)
    const type = major << 5
    if (value < 24) {
      this.buffer[this.at++] = type | value
    } else if (value < 0x100) {
      this.buffer[this.at] = type | 24
      this.buffer[this.at + 1] = value
      this.at += 2
    } else if (value < 0x10000) {
      this.buffer[this.at] = type | 25
      view.setUint16(this.at + 1, value)
      this.at += 3
    } else if (value < 0x100000000) {
      this.buffer[this.at] = type | 26
      view.setUint32(this.at + 1, value)
      this.at += 5
    } else {
      this.buffer[this.at] = type | 27
      view.setBigUint64(this.at + 1, BigInt(value))
      this.at += 9
    }
  }

  private byte (byte: number): void {
    this.reserve(1)
    this.buffer[this.at++] = byte
  }

  private count (): void {
    checkLimit('CBOR items', MAX_CBOR_ITEMS, ++this.items)
  }

  private reserve (bytes: number): void {
    if (this.at + bytes <= this.buffer.byteLength) return
    const grown = new Uint8Array(Math.max(this.buffer.byteLength * 2, this.at + bytes))
    grown.set(this.buffer)
    this.buffer = grown
  }
}

const minimalCidBytes = (cid: CID): Uint8Array =>
  cid.version === 0 ? cid.multihash.bytes : CID.createV1(cid.code, createDigest(cid.multihash.code, cid.multihash.digest)).bytes

/** DAG-CBOR sorts keys by length first, then by bytes. */
const compareKeyBytes = (a: Uint8Array, b: Uint8Array): number => a.byteLength - b.byteLength || compare(a, b)

const compareKeys = (a: string, b: string): number => {
  if (isAscii(a) && isAscii(b)) return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
  return compareKeyBytes(utf8(a), utf8(b))
}

const isAscii = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false
  return true
}
