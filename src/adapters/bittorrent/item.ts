import { createHash } from 'node:crypto'
import { equals } from 'uint8arrays'
import { verifySignature } from '../../identity/ed25519.ts'
import { encodeBencode, type Bencode } from './bencode.ts'

/** Bencoded, of one value; BEP 44. */
export const MAX_ITEM_BYTES = 1_000
export const MAX_SALT_BYTES = 64
/** BEP 44 counts to 2^63 - 1, but the numbers of the library, and so of the nodes that run it, are exact to here only. */
export const MAX_SEQ = Number.MAX_SAFE_INTEGER

/** Where a mutable item lives: under the hash of both. */
export interface ItemKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly salt?: Uint8Array
}

/** A mutable item of BEP 44, its signature verified. */
export interface MutableItem {
  readonly seq: number
  readonly v: Bencode
  /** 64 bytes. */
  readonly sig: Uint8Array
}

/** The 20 bytes under which the DHT knows the value `v`. */
export const immutableTarget = (v: Bencode): Uint8Array => sha1(encodeBencode(v))

/** The 20 bytes under which the DHT knows the mutable item of `key`. */
export const mutableTarget = ({ publicKey, salt }: ItemKey): Uint8Array => sha1(salt ? Buffer.concat([publicKey, salt]) : publicKey)

/**
 * What the signature of a mutable item covers: `4:salt` and the salt, where there is one, `3:seqi`, the number, `e1:v` and the bencoded value.
 *
 * It starts with a digit. What else is signed with a profile's key starts with `mercury/` or `ipns-signature:`, so a signature of the one is never one of the other.
 *
 * @see https://www.bittorrent.org/beps/bep_0044.html#signature-verification
 */
export const itemSignedBytes = ({ salt }: Pick<ItemKey, 'salt'>, { seq, v }: Pick<MutableItem, 'seq' | 'v'>): Uint8Array =>
  new Uint8Array(encodeBencode({ ...(salt ? { salt } : {}), seq, v }).subarray(1, -1))

/** Whether the owner of `key` signed `item`, by the one verdict that profiles have. */
export const isSignedItem = async (key: ItemKey, item: MutableItem): Promise<boolean> => verifySignature(key.publicKey, item.sig, itemSignedBytes(key, item))

export const isSameValue = (a: Bencode, b: Bencode): boolean => equals(encodeBencode(a), encodeBencode(b))

const sha1 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha1').update(bytes).digest())
