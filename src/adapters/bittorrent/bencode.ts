import { LimitError, MercuryError, checkLimit } from '../../errors.ts'

/** What bencode can say. Numbers are integers that a JavaScript number holds exactly; text is written as bytes and read as bytes. */
export type Bencode = number | Uint8Array | readonly Bencode[] | BencodeMap

/** Keys are texts of one byte a character. What is read has no prototype, so that no key is special. */
export interface BencodeMap {
  readonly [key: string]: Bencode | undefined
}

const MAX_DEPTH = 8
const MAX_INTEGER_DIGITS = 16
const MAX_LENGTH_DIGITS = 5

/** Bytes that are not the bencoding of one value. */
export class InvalidBencodeError extends MercuryError {
  override readonly name = 'InvalidBencodeError'
  constructor(reason: string) {
    super('INVALID_BENCODE', `not bencoded: ${reason}`)
  }
}

/**
 * Encodes `value`: keys sorted by their bytes, keys without a value left out.
 *
 * @see https://www.bittorrent.org/beps/bep_0003.html#bencoding
 */
export const encodeBencode = (value: Bencode): Buffer => {
  const parts: Uint8Array[] = []
  write(value, parts)
  return Buffer.concat(parts)
}

const write = (value: Bencode, parts: Uint8Array[]): void => {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new InvalidBencodeError(`${value} is not an exact integer`)
    parts.push(Buffer.from(`i${value}e`))
  } else if (value instanceof Uint8Array) {
    parts.push(Buffer.from(`${value.byteLength}:`), value)
  } else if (isList(value)) {
    parts.push(Buffer.from('l'))
    for (const item of value) write(item, parts)
    parts.push(Buffer.from('e'))
  } else {
    parts.push(Buffer.from('d'))
    for (const key of Object.keys(value).sort()) {
      const item = value[key]
      if (item === undefined) continue
      write(Buffer.from(key, 'latin1'), parts)
      write(item, parts)
    }
    parts.push(Buffer.from('e'))
  }
}

/**
 * Decodes all of `bytes`, strictly: no leading zeros, no -0, no key twice, nothing behind the value. Keys may stand in any order.
 *
 * Byte strings are Buffers over the memory of `bytes`, as the DHT library expects.
 *
 * @param maxBytes judged before anything is read
 * @throws InvalidBencodeError, LimitError over `maxBytes` or 8 levels
 */
export const decodeBencode = (bytes: Uint8Array, maxBytes: number): Bencode => {
  checkLimit('bencoded bytes', maxBytes, bytes.byteLength)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [value, end] = readValue(buffer, 0, 0)
  if (end !== buffer.byteLength) throw new InvalidBencodeError('bytes follow the value')
  return value
}

/** The value at `at`, and where it ends. */
const readValue = (buffer: Buffer, at: number, depth: number): [Bencode, number] => {
  if (depth > MAX_DEPTH) throw new LimitError('bencode depth', MAX_DEPTH, depth)
  switch (buffer[at]) {
    case INTEGER: return readInteger(buffer, at + 1)
    case LIST: return readList(buffer, at + 1, depth)
    case MAP: return readMap(buffer, at + 1, depth)
    default: return readBytes(buffer, at)
  }
}

const readInteger = (buffer: Buffer, at: number): [number, number] => {
  const end = find(buffer, END, at, MAX_INTEGER_DIGITS + 1)
  const text = buffer.toString('latin1', at, end)
  if (!/^(0|-?[1-9]\d*)$/.test(text) || !Number.isSafeInteger(Number(text))) throw new InvalidBencodeError('an integer is malformed or not exact')
  return [Number(text), end + 1]
}

const readBytes = (buffer: Buffer, at: number): [Buffer, number] => {
  const colon = find(buffer, COLON, at, MAX_LENGTH_DIGITS)
  const text = buffer.toString('latin1', at, colon)
  if (!/^(0|[1-9]\d*)$/.test(text)) throw new InvalidBencodeError('a length is malformed')
  const end = colon + 1 + Number(text)
  if (end > buffer.byteLength) throw new InvalidBencodeError('it ends in the middle of a string')
  return [buffer.subarray(colon + 1, end), end]
}

const readList = (buffer: Buffer, at: number, depth: number): [Bencode[], number] => {
  const list: Bencode[] = []
  let next = at
  while (buffer[next] !== END) {
    const [item, end] = readValue(buffer, next, depth + 1)
    list.push(item)
    next = end
  }
  return [list, next + 1]
}

const readMap = (buffer: Buffer, at: number, depth: number): [BencodeMap, number] => {
  const map = Object.create(null) as Record<string, Bencode>
  let next = at
  while (buffer[next] !== END) {
    const [keyBytes, keyEnd] = readBytes(buffer, next)
    const key = keyBytes.toString('latin1')
    if (key in map) throw new InvalidBencodeError('a key stands twice')
    const [item, end] = readValue(buffer, keyEnd, depth + 1)
    map[key] = item
    next = end
  }
  return [map, next + 1]
}

const find = (buffer: Buffer, byte: number, from: number, within: number): number => {
  for (let at = from; at <= from + within; at++) if (buffer[at] === byte) return at
  throw new InvalidBencodeError('a delimiter is missing')
}

export const isList = (value: Bencode | undefined): value is readonly Bencode[] => Array.isArray(value)

export const isMap = (value: Bencode | undefined): value is BencodeMap => typeof value === 'object' && !(value instanceof Uint8Array) && !isList(value)

const [INTEGER, LIST, MAP, END, COLON] = Buffer.from('ilde:') as unknown as [number, number, number, number, number]
