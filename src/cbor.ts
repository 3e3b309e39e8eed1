import { CID } from 'multiformats/cid'
import { concat, equals } from 'uint8arrays'
import { compareUtf8, plainBytes, utf8, utf8Length } from './bytes.ts'
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
/** A major type with its number. */
const MAX_HEAD_BYTES = 9
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
/** Up to this many bytes, building a string byte by byte is faster than setting up the platform's decoder or encoder. */
const SHORT_TEXT_BYTES = 32

/**
 * Decodes canonical DAG-CBOR in one pass and accepts no other bytes: exactly what {@link encodeCbor} would write again.
 * At most 16 deep (the outermost container is 1) and 4,096 items (every value and every map key is one).
 *
 * The caller caps the size first; the limits bound depth and count while reading, before anything is allocated for them.
 * Nothing in the result shares memory with `bytes`.
 *
 * @throws InvalidCborError naming the byte where reading stopped, LimitError
 * @see https://ipld.io/specs/codecs/dag-cbor/spec/
 */
export const decodeCbor = (bytes: Uint8Array, { uint64 = false }: CborOptions = {}): CborValue => new Reader(bytes, { uint64 }).whole()

/** @throws InvalidCborError also when the value is not a map */
export const decodeCborMap = (bytes: Uint8Array, options?: CborOptions): CborMap => checkCborMap(decodeCbor(bytes, options))

const checkCborMap = (value: CborValue): CborMap => {
  if (!isCborMap(value)) throw new InvalidCborError('the outermost value is not a map')
  return value
}

/**
 * Decodes a map as {@link decodeCborMap} does and gives, beside it, the encoding of the same map without the entry `key`, which is
 * what a signature that stands there covers: cut out of `bytes`, that takes a tenth of the time of encoding again.
 */
export const decodeCborMapWithout = (bytes: Uint8Array, key: string): { map: CborMap; without: Uint8Array } => {
  const reader = new Reader(bytes, { soughtKey: key })
  const map = checkCborMap(reader.whole())
  const { sought } = reader
  if (!sought) return { map, without: Uint8Array.from(bytes) }
  const head = new Writer({ capacity: MAX_HEAD_BYTES })
  head.head(MAP, sought.entries - 1)
  return { map, without: concat([head.bytes(), bytes.subarray(sought.firstEntry, sought.start), bytes.subarray(sought.end)]) }
}

/**
 * The one canonical encoding of `value`: whatever this writes, {@link decodeCbor} reads with the same options.
 *
 * @throws InvalidCborError for what DAG-CBOR here cannot hold, LimitError
 */
export const encodeCbor = (value: CborValue, { uint64 = false }: CborOptions = {}): Uint8Array => {
  const writer = new Writer({ uint64 })
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

/** Short ASCII keys that were read before; documents have the same few dozen. */
const knownKeys: string[] = Array.from({ length: 256 }, () => '')
const KEY_SLOT_MASK = 0xff
/** Other text has fewer UTF-16 units than bytes. */
const isAscii = (text: string, utf8Bytes: number): boolean => text.length === utf8Bytes

class Reader {
  /** Where the entry `soughtKey` of the outermost map stands, in bytes, and how many entries that map has. */
  sought?: { readonly entries: number; readonly firstEntry: number; readonly start: number; readonly end: number }
  private at = 0
  private items = 0
  private readonly bytes: Uint8Array
  private readonly uint64: boolean
  private readonly soughtKey: string | undefined

  constructor (bytes: Uint8Array, { uint64 = false, soughtKey }: { uint64?: boolean; soughtKey?: string }) {
    this.bytes = plainBytes(bytes)
    this.uint64 = uint64
    this.soughtKey = soughtKey
  }

  /** The one value that all the bytes are. */
  whole (): CborValue {
    const value = this.value(0)
    if (this.at !== this.bytes.byteLength) this.fail('bytes follow the value')
    return value
  }

  private value (depth: number): CborValue {
    this.count()
    const first = this.byte()
    switch (first >> 5) {
      case UNSIGNED: return this.integer(first)
      case NEGATIVE: return this.negative(first)
      case BYTES: return this.byteString(first)
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
    this.enter(2 * length, depth)
    const map: Record<string, CborValue> = {}
    const firstEntry = this.at
    let previousStart = 0
    let previousLength = -1
    for (let i = 0; i < length; i++) {
      const entryStart = this.at
      this.count()
      const first = this.byte()
      if (first >> 5 !== TEXT) this.fail('a map key is not text')
      const keyLength = this.length(first)
      const start = this.at
      const key = this.key(keyLength)
      if (!this.ascends(previousStart, previousLength, start, keyLength)) this.fail('map keys are unsorted or repeated')
      if (FORBIDDEN_KEYS.has(key)) this.fail(`the key ${key} is not allowed`)
      previousStart = start
      previousLength = keyLength
      map[key] = this.value(depth)
      if (depth === 1 && key === this.soughtKey) this.sought = { entries: length, firstEntry, start: entryStart, end: this.at }
    }
    return map
  }

  /** DAG-CBOR sorts keys by length first, then by bytes. */
  private ascends (a: number, aLength: number, b: number, bLength: number): boolean {
    if (aLength !== bLength) return aLength < bLength
    for (let i = 0; i < aLength; i++) {
      const difference = this.bytes[a + i]! - this.bytes[b + i]!
      if (difference !== 0) return difference < 0
    }
    return false
  }

  private cid (first: number): CID {
    if (this.integer(first) !== CID_TAG) this.fail('a tag other than 42')
    const head = this.byte()
    if (head >> 5 !== BYTES) this.fail('tag 42 without bytes')
    const content = this.byteString(head)
    if (content[0] !== 0) this.fail('a CID without its leading zero')
    const encoded = content.subarray(1)
    try {
      const cid = CID.decode(encoded)
      if (equals(cid.bytes, encoded) && Number.isSafeInteger(cid.code) && Number.isSafeInteger(cid.multihash.code)) return cid
    } catch (error) {
      throw new InvalidCborError(`a malformed CID before byte ${this.at}`, { cause: error })
    }
    return this.fail('a CID whose numbers are out of range')
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
    const start = this.skip(width)
    let value = 0
    for (let i = start; i < this.at; i++) value = value * 256 + this.bytes[i]!
    if (value < (width === 1 ? 24 : 2 ** (width * 4))) this.fail('an integer that is not in its shortest form')
    if (value <= Number.MAX_SAFE_INTEGER) return value
    if (!this.uint64) this.fail('an integer beyond 2^53-1')
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + start, width).getBigUint64(0)
  }

  private byteString (first: number): Uint8Array {
    const start = this.skip(this.length(first))
    return this.bytes.slice(start, this.at)
  }

  /** As {@link text}, but a key that was read before is the same string again, which the engine finds a property by without hashing it anew. */
  private key (length: number): string {
    if (length > SHORT_TEXT_BYTES || this.at + length > this.bytes.byteLength) return this.text(length)
    const slot = this.keySlot(length)
    const known = knownKeys[slot]!
    if (known.length === length && this.spells(known)) {
      this.at += length
      return known
    }
    const key = this.text(length)
    if (isAscii(key, length)) knownKeys[slot] = key
    return key
  }

  private keySlot (length: number): number {
    let hash = length
    for (let i = this.at; i < this.at + length; i++) hash = (hash * 31 + this.bytes[i]!) & KEY_SLOT_MASK
    return hash
  }

  private spells (ascii: string): boolean {
    for (let i = 0; i < ascii.length; i++) if (ascii.charCodeAt(i) !== this.bytes[this.at + i]) return false
    return true
  }

  private text (length: number): string {
    const start = this.skip(length)
    if (length <= SHORT_TEXT_BYTES) {
      let ascii = ''
      let i = start
      for (; i < this.at; i++) {
        const byte = this.bytes[i]!
        if (byte >= 0x80) break
        ascii += String.fromCharCode(byte)
      }
      if (i === this.at) return ascii
    }
    try {
      return fatalUtf8.decode(this.bytes.subarray(start, this.at))
    } catch (error) {
      throw new InvalidCborError(`invalid UTF-8 before byte ${this.at}`, { cause: error })
    }
  }

  private enter (items: number, depth: number): void {
    checkLimit('CBOR depth', MAX_CBOR_DEPTH, depth)
    checkLimit('CBOR items', MAX_CBOR_ITEMS, this.items + items)
  }

  private count (): void {
    checkLimit('CBOR items', MAX_CBOR_ITEMS, ++this.items)
  }

  private byte (): number {
    return this.bytes[this.skip(1)]!
  }

  /** Moves on by `length` bytes. @returns where they start */
  private skip (length: number): number {
    const start = this.at
    if (length > this.bytes.byteLength - start) this.fail('the bytes end in the middle of a value')
    this.at = start + length
    return start
  }

  private fail (reason: string): never {
    throw new InvalidCborError(`${reason}, at byte ${this.at}`)
  }
}

class Writer {
  private buffer: Uint8Array
  private at = 0
  private items = 0
  private readonly uint64: boolean

  constructor ({ uint64 = false, capacity = 1_024 }: { uint64?: boolean; capacity?: number }) {
    this.buffer = new Uint8Array(capacity)
    this.uint64 = uint64
  }

  bytes (): Uint8Array {
    return this.buffer.slice(0, this.at)
  }

  value (value: CborValue, depth: number): void {
    this.count(1)
    if (typeof value === 'string') return this.text(value)
    if (typeof value === 'number') return this.number(value)
    if (value === null) return this.byte(0xf6)
    if (typeof value === 'boolean') return this.byte(value ? 0xf5 : 0xf4)
    if (typeof value === 'bigint') return this.bigint(value)
    if (typeof value !== 'object') throw new InvalidCborError(`it cannot hold ${typeof value}`)
    if (value instanceof Uint8Array) return this.byteString(BYTES, value)
    if (Array.isArray(value)) return this.array(value, depth + 1)
    if (isPlain(value)) return this.map(value as CborMap, depth + 1)
    const cid = CID.asCID(value)
    if (!cid) throw new InvalidCborError(`it cannot hold a ${value.constructor?.name ?? 'class instance'}`)
    this.cid(cid)
  }

  private number (value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new InvalidCborError(`it cannot hold the number ${Object.is(value, -0) ? '-0' : value}; write a decimal as text or as a scaled integer`)
    if (value < 0) this.head(NEGATIVE, -1 - value)
    else this.head(UNSIGNED, value)
  }

  private bigint (value: bigint): void {
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return this.head(UNSIGNED, Number(value))
    if (!this.uint64 || value < 0n || value >= 2n ** 64n) throw new InvalidCborError(`it cannot hold the bigint ${value}${this.uint64 ? '' : '; only with uint64 from 2^53 to 2^64-1'}`)
    this.reserve(9)
    this.buffer[this.at] = (UNSIGNED << 5) | 27
    new DataView(this.buffer.buffer).setBigUint64(this.at + 1, value)
    this.at += 9
  }

  private text (value: string): void {
    if (value.length <= SHORT_TEXT_BYTES && this.shortAscii(value)) return
    if (!value.isWellFormed()) throw new InvalidCborError('it cannot hold text with a lone surrogate')
    this.byteString(TEXT, utf8(value))
  }

  /** Writes `value` when all of it is ASCII; otherwise nothing. */
  private shortAscii (value: string): boolean {
    this.reserve(2 + value.length)
    const start = this.at + (value.length < 24 ? 1 : 2)
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit >= 0x80) return false
      this.buffer[start + i] = unit
    }
    this.head(TEXT, value.length)
    this.at = start + value.length
    return true
  }

  private byteString (major: number, bytes: Uint8Array): void {
    this.head(major, bytes.byteLength)
    this.append(bytes)
  }

  private array (values: readonly CborValue[], depth: number): void {
    checkLimit('CBOR depth', MAX_CBOR_DEPTH, depth)
    this.head(ARRAY, values.length)
    for (const value of values) this.value(value, depth)
  }

  private map (map: CborMap, depth: number): void {
    checkLimit('CBOR depth', MAX_CBOR_DEPTH, depth)
    const keys = Object.keys(map)
    this.count(keys.length)
    this.head(MAP, keys.length)
    for (const key of keys.sort(compareKeys)) {
      if (FORBIDDEN_KEYS.has(key)) throw new InvalidCborError(`the key ${key} is not allowed`)
      this.text(key)
      this.value(map[key]!, depth)
    }
  }

  private cid (cid: CID): void {
    this.head(TAG, CID_TAG)
    this.head(BYTES, cid.bytes.byteLength + 1)
    this.byte(0)
    this.append(cid.bytes)
  }

  head (major: number, value: number): void {
    const type = major << 5
    if (value < 24) return this.byte(type | value)
    const log2Width = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3
    this.byte(type | (24 + log2Width))
    const width = 1 << log2Width
    this.reserve(width)
    for (let i = this.at + width - 1; i >= this.at; i--) {
      this.buffer[i] = value
      value = Math.floor(value / 256)
    }
    this.at += width
  }

  private append (bytes: Uint8Array): void {
    this.reserve(bytes.byteLength)
    this.buffer.set(bytes, this.at)
    this.at += bytes.byteLength
  }

  private byte (byte: number): void {
    this.reserve(1)
    this.buffer[this.at++] = byte
  }

  private count (items: number): void {
    this.items += items
    checkLimit('CBOR items', MAX_CBOR_ITEMS, this.items)
  }

  private reserve (bytes: number): void {
    if (this.at + bytes <= this.buffer.byteLength) return
    const grown = new Uint8Array(Math.max(this.buffer.byteLength * 2, this.at + bytes))
    grown.set(this.buffer)
    this.buffer = grown
  }
}

/** Among texts of one UTF-8 length, byte order is code point order. */
const compareKeys = (a: string, b: string): number => utf8Length(a) - utf8Length(b) || compareUtf8(a, b)
