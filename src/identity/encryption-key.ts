import { etc, Point } from '@noble/ed25519'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from '../bytes.ts'
import { fromLittleEndian, littleEndian } from './little-endian.ts'

const LABEL = utf8('mercury/x25519/1')
const P = 2n ** 255n - 19n
const L = Point.CURVE().n

/** The X25519 private key (32 bytes) that the encryption leaf of a persona stands for. */
export const encryptionPrivateKey = (leaf: Uint8Array): Uint8Array => hkdf(sha256, leaf, undefined, LABEL, 32)

/**
 * The X25519 public key (32 bytes) of a private key: u = (1+y)/(1-y) of the same multiple of the base point on edwards25519, which has the tables for it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7748#section-4.1
 */
export const x25519PublicKey = (privateKey: Uint8Array): Uint8Array => {
  const { y } = Point.BASE.multiply(clampedScalar(privateKey) % L).toAffine()
  return littleEndian(etc.mod((1n + y) * etc.invert(1n - y, P)))
}

/** RFC 7748, section 5. Never a multiple of L: it is a multiple of 8 below 8L. */
const clampedScalar = (privateKey: Uint8Array): bigint => {
  const bytes = Uint8Array.from(privateKey)
  bytes[0]! &= 248
  bytes[31] = (bytes[31]! & 127) | 64
  return fromLittleEndian(bytes)
}
