import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { utf8 } from '../bytes.ts'
import { MercuryError } from '../errors.ts'

/** Indexes run from 0 to this; every one is hardened, since Ed25519 has no other derivation. */
export const MAX_KEY_INDEX = 2 ** 31 - 1

/** A node of a SLIP-0010 tree: both are 32 secret bytes. Whoever has both has everything below the node; the key alone leads nowhere. */
export interface KeyNode {
  readonly key: Uint8Array
  readonly chainCode: Uint8Array
}

/** An index or a generation that a key tree does not have. */
export class InvalidKeyIndexError extends MercuryError {
  override readonly name = 'InvalidKeyIndexError'
  constructor(what: string, max: number, value: number, options?: ErrorOptions) {
    super('INVALID_KEY_INDEX', `the ${what} is a whole number from 0 to ${max}; got ${value}`, options)
  }
}

/** @throws InvalidKeyIndexError naming `what` */
export const checkKeyIndex = (what: string, value: number, max = MAX_KEY_INDEX): void => {
  if (!Number.isInteger(value) || value < 0 || value > max) throw new InvalidKeyIndexError(what, max, value)
}

/**
 * The root of the Ed25519 tree of `seed` (16 to 64 bytes).
 *
 * @see https://github.com/satoshilabs/slips/blob/master/slip-0010.md
 */
export const masterNode = (seed: Uint8Array): KeyNode => nodeOf(hmac(sha512, utf8('ed25519 seed'), seed))

/**
 * The hardened child `index'` of `parent`.
 *
 * @throws InvalidKeyIndexError
 */
export const childNode = (parent: KeyNode, index: number): KeyNode => {
  checkKeyIndex('key index', index)
  const data = new Uint8Array(1 + parent.key.byteLength + 4)
  data.set(parent.key, 1)
  new DataView(data.buffer).setUint32(data.byteLength - 4, 2 ** 31 + index)
  return nodeOf(hmac(sha512, parent.chainCode, data))
}

const nodeOf = (digest: Uint8Array): KeyNode => ({ key: digest.slice(0, 32), chainCode: digest.slice(32) })
