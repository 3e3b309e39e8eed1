import * as noble from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { concat, equals } from 'uint8arrays'
import { MercuryError } from '../errors.ts'
import { platformEd25519, type Ed25519, type Sign } from './ed25519-platform.ts'
import probes from './ed25519-probes.ts'
import { isInPrimeSubgroup } from './ed25519-subgroup.ts'
import { KeyCache } from './key-cache.ts'
import { fromLittleEndian, littleEndian } from './little-endian.ts'

noble.hashes.sha512 = sha512

export const PUBLIC_KEY_BYTES = 32
export const PRIVATE_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** The order of the prime-order subgroup, little-endian: S of a signature must be below it. */
const L = littleEndian(2n ** 252n + 27742317777372353535851937790883648493n)
/** The encoding of the neutral element. */
const IDENTITY_POINT = littleEndian(1n)
const ADMITTED_KEYS = 16_384

/** A public key that profiles cannot use: of another length, not canonical, off the curve, of small or mixed order. */
export class InvalidPublicKeyError extends MercuryError {
  override readonly name = 'InvalidPublicKeyError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_PUBLIC_KEY', `not an Ed25519 public key that is admitted: ${reason}`, options)
  }
}

/**
 * Admits a public key: 32 bytes, canonical, on the curve, in the prime-order subgroup, not the identity.
 *
 * The verdict is remembered for the last 16,384 keys, so a key costs its half millisecond once.
 *
 * @throws InvalidPublicKeyError
 * @see docs/spec.md#keys
 */
export const admitPublicKey = (publicKey: Uint8Array): void => {
  admitted.get(publicKey, checkPublicKey)
}

/** Counts a key as admitted that was before, by this device: never one that comes from outside. */
export const recallAdmitted = (publicKey: Uint8Array): void => {
  admitted.get(publicKey, () => true)
}

const admitted = new KeyCache<true>(ADMITTED_KEYS)

const checkPublicKey = (publicKey: Uint8Array): true => {
  if (publicKey.byteLength !== PUBLIC_KEY_BYTES) throw new InvalidPublicKeyError(`it has ${publicKey.byteLength} bytes, not ${PUBLIC_KEY_BYTES}`)
  let point: noble.Point
  try {
    point = noble.Point.fromBytes(publicKey, false)
  } catch (error) {
    throw new InvalidPublicKeyError('it is not a canonical point of the curve', { cause: error })
  }
  if (point.isSmallOrder()) throw new InvalidPublicKeyError('its order is small')
  if (!isInPrimeSubgroup(point)) throw new InvalidPublicKeyError('it is not in the prime-order subgroup')
  return true
}

/**
 * Verifies an Ed25519 signature by an admitted key: S < L, canonical R other than the identity, cofactorless equation; the same verdict on every runtime.
 *
 * @param publicKey 32 bytes; a key that is not admitted verifies nothing
 * @see https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7
 */
export const verifySignature = async (publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> => verifyWith(await backend(), publicKey, signature, message)

/** The verdict of {@link verifySignature} by one implementation. */
export const verifyWith = async (implementation: Ed25519, publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> => {
  if (!isWellFormed(signature)) return false
  try {
    admitPublicKey(publicKey)
  } catch {
    // A key that is not admitted is a verdict here, not a failure.
    return false
  }
  return implementation.verify(publicKey, signature, message)
}

/** What signs with `privateKey`, a copy of the 32-byte seed (RFC 8032). A platform may mix randomness in, so two signatures of one message need not be equal. */
export const signWith = async (privateKey: Uint8Array): Promise<Sign> => {
  const key = Uint8Array.from(privateKey)
  return (await backend()).signWith(key)
}

/** The public key of a 32-byte private key. */
export const publicKeyOfPrivate = (privateKey: Uint8Array): Uint8Array => {
  if (privateKey.byteLength !== PRIVATE_KEY_BYTES) throw new InvalidPublicKeyError(`a private key has ${PRIVATE_KEY_BYTES} bytes, not ${privateKey.byteLength}`)
  return noble.getPublicKey(privateKey)
}

/** Pure JavaScript: the reference that defines the verdict, and the fallback where the platform has no Ed25519 or judges otherwise. */
export const pureEd25519: Ed25519 = {
  name: 'noble',
  async verify (publicKey, signature, message) {
    const r = signature.subarray(0, 32)
    const s = signature.subarray(32)
    if (!isWellFormed(signature)) return false
    const a = noble.Point.fromBytes(publicKey, false)
    const h = noble.etc.mod(fromLittleEndian(sha512(concat([r, publicKey, message]))), fromLittleEndian(L))
    const computed = multiply(noble.Point.BASE, fromLittleEndian(s)).subtract(multiply(a, h))
    return equals(computed.toBytes(), r)
  },
  async signWith (privateKey) {
    const key = Uint8Array.from(privateKey)
    return async (message) => noble.sign(message, key)
  }
}

const multiply = (point: noble.Point, scalar: bigint): noble.Point => (scalar === 0n ? noble.Point.ZERO : point.multiply(scalar, false))

let chosen: Promise<Ed25519> | undefined
const backend = (): Promise<Ed25519> => (chosen ??= chooseEd25519(platformEd25519()))

/** The first of `candidates` that judges every probe as the specification does; pure JavaScript where none does. */
export const chooseEd25519 = async (candidates: readonly Ed25519[]): Promise<Ed25519> => {
  for (const candidate of candidates) {
    if (await judgesAsSpecified(candidate)) return candidate
  }
  return pureEd25519
}

const judgesAsSpecified = async (candidate: Ed25519): Promise<boolean> => {
  try {
    for (const { publicKey, signature, message, valid } of probes) {
      if ((await candidate.verify(publicKey, signature, message)) !== valid) return false
    }
    return true
  } catch {
    // A platform without Ed25519, or with half of it, says so by throwing.
    return false
  }
}

const isWellFormed = (signature: Uint8Array): boolean =>
  signature.byteLength === SIGNATURE_BYTES && isBelow(signature.subarray(32), L) && !equals(signature.subarray(0, 32), IDENTITY_POINT)

/** Compares 32-byte little-endian numbers. */
const isBelow = (value: Uint8Array, bound: Uint8Array): boolean => {
  for (let i = 31; i >= 0; i--) if (value[i] !== bound[i]) return value[i]! < bound[i]!
  return false
}
