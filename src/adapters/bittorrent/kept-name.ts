import { InvalidBencodeError, decodeBencode, encodeBencode, isList, isMap, type Bencode } from './bencode.ts'
import type { MutableItem } from './item.ts'

/** Two times the largest record, which is what its pieces, their targets and the rest stay below. */
const MAX_KEPT_BYTES = 20_480

/** What is needed to put a name's record again, without its key. */
export interface KeptName {
  readonly publicKey: Uint8Array
  readonly item: MutableItem
  /** The immutable items that the value of `item` leads to. */
  readonly items: readonly Bencode[]
  /** When the record runs out, in milliseconds since 1970. */
  readonly until: number
}

export const encodeKeptName = ({ publicKey, item: { seq, v, sig }, items, until }: KeptName): Uint8Array => encodeBencode({ k: publicKey, seq, v, sig, items, until })

/** @throws InvalidBencodeError, LimitError when it was not {@link encodeKeptName} that wrote `bytes` */
export const decodeKeptName = (bytes: Uint8Array): KeptName => {
  const entry = decodeBencode(bytes, MAX_KEPT_BYTES)
  if (!isMap(entry)) throw new InvalidBencodeError('it is no map')
  const { k, seq, v, sig, items, until } = entry
  if (!(k instanceof Uint8Array && sig instanceof Uint8Array && typeof seq === 'number' && typeof until === 'number' && v !== undefined && isList(items))) throw new InvalidBencodeError('a field is missing')
  return { publicKey: k, item: { seq, v, sig }, items, until }
}
