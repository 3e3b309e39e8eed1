import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { concat } from 'uint8arrays'
import { MercuryError } from '../errors.ts'
import { MAX_ID_TEXT_LENGTH, MAX_LINK_TEXT_LENGTH } from '../limits.ts'
import { PUBLIC_KEY_BYTES, admitPublicKey } from './ed25519.ts'

declare const brand: unique symbol

/**
 * The owner's public key as an IPNS name: CIDv1, `libp2p-key`, identity multihash, base36; `k51…`, 62 characters.
 *
 * Only this file makes one, and only of an admitted key, so a `ProfileId` never needs checking again.
 */
export type ProfileId = string & { readonly [brand]: 'ProfileId' }

/** The 38 bytes of an ID inside documents: the identity multihash of the libp2p protobuf of an Ed25519 public key. */
export const PROFILE_ID_BYTES = 38

const LIBP2P_KEY = 0x72
const IDENTITY = 0x00
const MULTIHASH_PREFIX = Uint8Array.from([IDENTITY, 36, 0x08, 0x01, 0x12, PUBLIC_KEY_BYTES])
const DID_KEY_PREFIX = Uint8Array.from([0xed, 0x01])
const REMEMBERED_IDS = 4_096

export class InvalidProfileIdError extends MercuryError {
  override readonly name = 'InvalidProfileIdError'
  constructor(text: string, reason: string, options?: ErrorOptions) {
    super('INVALID_PROFILE_ID', `not a profile ID: ${reason}; got ${JSON.stringify(text.slice(0, 80))}`, options)
  }
}

/**
 * Reads a profile ID in any accepted spelling: `k51…`, `bafzaa…`, either behind `/ipns/`, `12D3Koo…`, `did:key:z6Mk…`, or a `mercury:` URI.
 *
 * @throws InvalidProfileIdError for anything else, for a hashed key name, and for a key that is not admitted
 */
export const parseProfileId = (text: string): ProfileId => {
  if (typeof text !== 'string') throw new InvalidProfileIdError(String(text), 'it is not text')
  if (publicKeyById.has(text)) return text as ProfileId
  try {
    return profileIdFromPublicKey(decodePublicKey(text))
  } catch (error) {
    if (error instanceof InvalidProfileIdError) throw error
    throw new InvalidProfileIdError(text, error instanceof MercuryError ? error.message : 'it does not decode', { cause: error })
  }
}

/** @throws InvalidPublicKeyError when the key is not admitted */
export const profileIdFromPublicKey = (publicKey: Uint8Array): ProfileId => {
  admitPublicKey(publicKey)
  const id = nameOf(publicKey).toString(base36) as ProfileId
  if (publicKeyById.size >= REMEMBERED_IDS) publicKeyById.delete(publicKeyById.keys().next().value!)
  publicKeyById.set(id, Uint8Array.from(publicKey))
  return id
}

/** The 32 raw bytes of the Ed25519 public key that `id` is. */
export const publicKeyOf = (id: ProfileId): Uint8Array => Uint8Array.from(publicKeyById.get(id) ?? decodePublicKey(id))

/** The 38 bytes that stand for `id` inside documents. */
export const encodeProfileId = (id: ProfileId): Uint8Array => concat([MULTIHASH_PREFIX, publicKeyById.get(id) ?? decodePublicKey(id)])

/** @throws InvalidProfileIdError when `bytes` are not the 38 bytes of an admitted Ed25519 key */
export const decodeProfileId = (bytes: Uint8Array): ProfileId => {
  if (bytes.byteLength !== PROFILE_ID_BYTES || !startsWith(bytes, MULTIHASH_PREFIX)) throw new InvalidProfileIdError('', 'it is not the identity multihash of an Ed25519 public key')
  try {
    return profileIdFromPublicKey(bytes.subarray(MULTIHASH_PREFIX.byteLength))
  } catch (error) {
    throw new InvalidProfileIdError('', (error as Error).message, { cause: error })
  }
}

/** `ipns`: `k51…`; `did`: `did:key:z6Mk…`; `peer`: `12D3Koo…`. */
export const formatProfileId = (id: ProfileId, as: 'ipns' | 'did' | 'peer'): string => {
  if (as === 'ipns') return id
  if (as === 'did') return `did:key:${base58btc.encode(concat([DID_KEY_PREFIX, publicKeyOf(id)]))}`
  return base58btc.encode(encodeProfileId(id)).slice(1)
}

const publicKeyById = new Map<string, Uint8Array>()

const nameOf = (publicKey: Uint8Array): CID => CID.createV1(LIBP2P_KEY, createDigest(IDENTITY, concat([MULTIHASH_PREFIX.subarray(2), publicKey])))

const decodePublicKey = (text: string): Uint8Array => {
  if (text.startsWith('mercury:')) {
    if (text.length > MAX_LINK_TEXT_LENGTH) throw new InvalidProfileIdError(text, `a link is limited to ${MAX_LINK_TEXT_LENGTH} characters`)
    return decodePublicKey(text.slice('mercury:'.length).split('?', 1)[0]!)
  }
  if (text.length > MAX_ID_TEXT_LENGTH) throw new InvalidProfileIdError(text, `it is longer than ${MAX_ID_TEXT_LENGTH} characters`)
  const name = text.startsWith('/ipns/') ? text.slice('/ipns/'.length) : text
  if (name.startsWith('did:key:z')) {
    const bytes = base58btc.decode(name.slice('did:key:'.length))
    if (!startsWith(bytes, DID_KEY_PREFIX)) throw new InvalidProfileIdError(text, 'the did:key is not an Ed25519 key')
    return bytes.slice(DID_KEY_PREFIX.byteLength)
  }
  if (name.startsWith('12D3Koo')) return publicKeyOfMultihash(text, base58btc.decode(`z${name}`))
  if (name.startsWith('k') || name.startsWith('b')) {
    const cid = CID.parse(name, name.startsWith('k') ? base36 : base32)
    if (cid.version !== 1 || cid.code !== LIBP2P_KEY) throw new InvalidProfileIdError(text, 'the CID is not of a libp2p key')
    return publicKeyOfMultihash(text, cid.multihash.bytes)
  }
  throw new InvalidProfileIdError(text, 'it starts like none of k51…, bafzaa…, /ipns/…, 12D3Koo…, did:key:z6Mk…, mercury:…')
}

const publicKeyOfMultihash = (text: string, multihash: Uint8Array): Uint8Array => {
  if (multihash[0] !== IDENTITY) throw new InvalidProfileIdError(text, 'the name is a hash of a key; the key itself must be in the name')
  if (multihash.byteLength !== PROFILE_ID_BYTES || !startsWith(multihash, MULTIHASH_PREFIX)) throw new InvalidProfileIdError(text, 'the key is not an Ed25519 public key')
  return multihash.slice(MULTIHASH_PREFIX.byteLength)
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean => prefix.every((byte, i) => bytes[i] === byte)
