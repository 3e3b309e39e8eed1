import { MAX_ITEM_BYTES, MAX_SALT_BYTES } from './item.ts'
import { decodeBencode, encodeBencode, isMap, type Bencode, type BencodeMap } from './bencode.ts'

/** DHT packets hold one item of 1,000 bytes and some nodes; what is longer is no DHT packet. */
export const MAX_PACKET_BYTES = 4_096

const ID_BYTES = 20
const MAX_TOKEN_BYTES = 256
const MAX_TRANSACTION_BYTES = 32

/** A packet whose every field that anyone looks at has its type. Byte strings are Buffers. */
export type KrpcMessage =
  | { type: 'query'; t: Buffer; q: Buffer; a: QueryArguments; ro?: number }
  | { type: 'reply'; t: Buffer; r: ReplyFields }
  | { type: 'error'; t: Buffer; errorCode: number; errorText: string }

/** Of a query: `id` and what the query needs; the rest is as it came. */
export interface QueryArguments extends BencodeMap {
  readonly id: Buffer
}

/** Of a reply: what the adapter and the library read of it. */
export interface ReplyFields {
  readonly id: Buffer
  readonly nodes?: Buffer
  readonly token?: Buffer
  readonly v?: Bencode
  readonly k?: Buffer
  readonly sig?: Buffer
  readonly seq?: number
}

/**
 * Reads a KRPC packet; `undefined` for whatever is not one.
 *
 * The library and its own socket take packets as they come: a target that is a number, or a string of negative length, would stop the whole process.
 *
 * @see https://www.bittorrent.org/beps/bep_0005.html
 */
export const parseKrpcMessage = (packet: Uint8Array): KrpcMessage | undefined => {
  const message = decode(packet)
  if (!isMap(message)) return undefined
  const { t, y, q, a, r, e, ro } = message
  if (!isBytes(t) || t.byteLength > MAX_TRANSACTION_BYTES || !isBytes(y)) return undefined
  switch (y.toString('latin1')) {
    case 'q': return isBytes(q) && isMap(a) && isQuery(q.toString('latin1'), a) ? { type: 'query', t, q, a: a as QueryArguments, ...(typeof ro === 'number' ? { ro } : {}) } : undefined
    case 'r': return isMap(r) && isReply(r) ? { type: 'reply', t, r: readReply(r) } : undefined
    case 'e': return { type: 'error', t, ...readError(e) }
    default: return undefined
  }
}

const decode = (packet: Uint8Array): Bencode | undefined => {
  try {
    return decodeBencode(packet, MAX_PACKET_BYTES)
  } catch {
    // Whoever sent it is not owed an answer.
    return undefined
  }
}

const isQuery = (name: string, a: BencodeMap): boolean => isBytes(a.id, ID_BYTES) && (argumentRules.get(name)?.(a) ?? true)

const argumentRules = new Map<string, (a: BencodeMap) => boolean>([
  ['find_node', ({ target }) => isBytes(target, ID_BYTES)],
  ['get', ({ target }) => isBytes(target, ID_BYTES)],
  ['get_peers', ({ info_hash }) => isBytes(info_hash, ID_BYTES)],
  ['announce_peer', ({ info_hash, token, port, implied_port }) => isBytes(info_hash, ID_BYTES) && isToken(token) && isAbsentOr(port, isPort) && isAbsentOr(implied_port, isInteger)],
  ['put', (a) => isToken(a.token) && a.v !== undefined && encodeBencode(a.v).byteLength <= MAX_ITEM_BYTES && (a.k === undefined && a.sig === undefined ? a.salt === undefined : isMutablePut(a))]
])

const isMutablePut = ({ k, sig, salt, seq, cas }: BencodeMap): boolean =>
  isBytes(k, 32) && isBytes(sig, 64) && isInteger(seq) && seq >= 0 && isAbsentOr(cas, isInteger) && isAbsentOr(salt, (bytes) => isBytes(bytes) && bytes.byteLength <= MAX_SALT_BYTES)

/** Whether the fields that are read have their types; the others are not passed on. */
const isReply = ({ id, nodes, token, k, sig, seq }: BencodeMap): boolean =>
  isBytes(id, ID_BYTES) && isAbsentOr(nodes, isBytes) && isAbsentOr(token, isToken) && isAbsentOr(k, (bytes) => isBytes(bytes, 32)) && isAbsentOr(sig, (bytes) => isBytes(bytes, 64)) && isAbsentOr(seq, isInteger)

const readReply = ({ id, nodes, token, v, k, sig, seq }: BencodeMap): ReplyFields => ({ id, nodes, token, v, k, sig, seq }) as unknown as ReplyFields

const readError = (e: Bencode | undefined): { errorCode: number; errorText: string } => {
  const [code, text] = Array.isArray(e) ? e as Bencode[] : []
  return { errorCode: isInteger(code) ? code : 0, errorText: isBytes(text) ? printable(text) : '' }
}

const printable = (bytes: Buffer): string => bytes.subarray(0, 80).toString('latin1').replace(/[^\x20-\x7e]/g, '?')

const isBytes = (value: Bencode | undefined, length?: number): value is Buffer => value instanceof Uint8Array && (length === undefined || value.byteLength === length)
const isInteger = (value: Bencode | undefined): value is number => typeof value === 'number'
const isPort = (value: Bencode | undefined): boolean => isInteger(value) && value >= 0 && value <= 65_535
const isToken = (value: Bencode | undefined): boolean => isBytes(value) && value.byteLength > 0 && value.byteLength <= MAX_TOKEN_BYTES
const isAbsentOr = <T>(value: T | undefined, is: (value: T) => boolean): boolean => value === undefined || is(value)
