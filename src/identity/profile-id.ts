import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { concat, toString } from 'uint8arrays'
import { MercuryError } from '../errors.ts'
import { MAX_ID_TEXT_LENGTH, MAX_LINK_TEXT_LENGTH } from '../limits.ts'
import { PUBLIC_KEY_BYTES, admitPublicKey, recallAdmitted } from './ed25519.ts'
import { KeyCache } from './key-cache.ts'

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
const DID_KEY = 'did:key:'
const IPNS_PATH = '/ipns/'
const LINK_SCHEME = 'mercury:'
const DID_KEY_PREFIX = Uint8Array.from([0xed, 0x01])
const REMEMBERED_IDS = 16_384

export class InvalidProfileIdError extends MercuryError {
  override readonly name = 'InvalidProfileIdError'
  constructor(text: string, reason: string, options?: ErrorOptions) {
    super('INVALID_PROFILE_ID', `not a profile ID: ${reason}; got ${JSON.stringify(text.slice(0, 80))}`, options)
  }
}

/**
 * Reads a profile ID in any accepted spelling: `k51…`, `bafzaa…`, `12D3Koo…`, each also behind `/ipns/` or as a `mercury:` link, of which the
 * hints are not looked at; or `did:key:z6Mk…`. Each spelling has one form: what differs in case or leading zeros is refused.
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

/**
 * Reads an ID that this device wrote into its own state, or looks for there: its key was admitted before anything stood under it, and is not again, which takes as long as reading a hundred entries.
 *
 * @throws InvalidProfileIdError for what is spelled otherwise than {@link ProfileId}
 */
export const recallProfileId = (text: string): ProfileId => (CANONICAL.test(text) ? text as ProfileId : parseProfileId(text))

/** As {@link recallProfileId}, of the 38 bytes inside a document that this device verified when it came in. */
export const recallEncodedProfileId = (bytes: Uint8Array): ProfileId => {
  if (bytes.byteLength !== PROFILE_ID_BYTES || !startsWith(bytes, MULTIHASH_PREFIX)) return decodeProfileId(bytes)
  return idByPublicKey.get(bytes.subarray(MULTIHASH_PREFIX.byteLength), (publicKey) => remember(publicKey, nameOf(publicKey).toString(base36) as ProfileId))
}

/** Has the key of an ID that stands in this device's own state count as admitted, for who is about to verify what it signed. */
export const recallKeyOf = (id: ProfileId): void => {
  if (publicKeyById.has(id)) return
  const publicKey = decodePublicKey(id)
  recallAdmitted(publicKey)
  idByPublicKey.get(publicKey, () => remember(publicKey, id))
}

const CANONICAL = /^k51[0-9a-z]{59}$/

/** @throws InvalidPublicKeyError when the key is not admitted */
export const profileIdFromPublicKey = (publicKey: Uint8Array): ProfileId => idByPublicKey.get(publicKey, makeProfileId)

const makeProfileId = (publicKey: Uint8Array): ProfileId => {
  admitPublicKey(publicKey)
  return remember(publicKey, nameOf(publicKey).toString(base36) as ProfileId)
}

const remember = (publicKey: Uint8Array, id: ProfileId): ProfileId => {
  if (publicKeyById.size >= REMEMBERED_IDS) publicKeyById.delete(publicKeyById.keys().next().value!)
  publicKeyById.set(id, Uint8Array.from(publicKey))
  return id
}

/** The 32 raw bytes of the Ed25519 public key that `id` is. */
export const publicKeyOf = (id: ProfileId): Uint8Array => Uint8Array.from(publicKeyById.get(id) ?? decodePublicKey(id))

/** The 38 bytes that stand for `id` inside documents. */
export const encodeProfileId = (id: ProfileId): Uint8Array => multihashOf(publicKeyById.get(id) ?? decodePublicKey(id))

/** @throws InvalidProfileIdError when `bytes` are not the 38 bytes of an admitted Ed25519 key */
export const decodeProfileId = (bytes: Uint8Array): ProfileId => {
  const hex = () => toString(bytes.subarray(0, PROFILE_ID_BYTES), 'hex')
  if (bytes.byteLength !== PROFILE_ID_BYTES || !startsWith(bytes, MULTIHASH_PREFIX)) throw new InvalidProfileIdError(hex(), 'it is not the identity multihash of an Ed25519 public key')
  try {
    return profileIdFromPublicKey(bytes.subarray(MULTIHASH_PREFIX.byteLength))
  } catch (error) {
    throw new InvalidProfileIdError(hex(), (error as Error).message, { cause: error })
  }
}

/** `ipns`: `k51…`; `did`: `did:key:z6Mk…`; `peer`: `12D3Koo…`. */
export const formatProfileId = (id: ProfileId, as: 'ipns' | 'did' | 'peer'): string => {
  if (as === 'ipns') return id
  return as === 'did' ? didOf(publicKeyOf(id)) : peerIdOf(publicKeyOf(id))
}

const publicKeyById = new Map<string, Uint8Array>()
/** Base 36 takes longer than the rest of reading a document. */
const idByPublicKey = new KeyCache<ProfileId>(REMEMBERED_IDS)

const multihashOf = (publicKey: Uint8Array): Uint8Array => concat([MULTIHASH_PREFIX, publicKey])
const nameOf = (publicKey: Uint8Array): CID => CID.createV1(LIBP2P_KEY, createDigest(IDENTITY, multihashOf(publicKey).subarray(2)))
const peerIdOf = (publicKey: Uint8Array): string => base58btc.encode(multihashOf(publicKey)).slice(1)
const didOf = (publicKey: Uint8Array): string => DID_KEY + base58btc.encode(concat([DID_KEY_PREFIX, publicKey]))

const decodePublicKey = (text: string): Uint8Array => {
  const isLink = text.startsWith(LINK_SCHEME)
  if (isLink && text.length > MAX_LINK_TEXT_LENGTH) throw new InvalidProfileIdError(text, `a link is limited to ${MAX_LINK_TEXT_LENGTH} characters`)
  const spelled = isLink ? text.slice(LINK_SCHEME.length).split('?', 1)[0]! : text
  if (spelled.length > MAX_ID_TEXT_LENGTH) throw new InvalidProfileIdError(text, `it is longer than ${MAX_ID_TEXT_LENGTH} characters`)
  if (spelled.startsWith(DID_KEY) && !isLink) return decodeDid(spelled)
  return decodeName(spelled.startsWith(IPNS_PATH) && !isLink ? spelled.slice(IPNS_PATH.length) : spelled)
}

const decodeDid = (did: string): Uint8Array => {
  const bytes = base58btc.decode(did.slice(DID_KEY.length))
  if (!startsWith(bytes, DID_KEY_PREFIX)) throw new InvalidProfileIdError(did, 'the did:key is not an Ed25519 key')
  const publicKey = bytes.slice(DID_KEY_PREFIX.byteLength)
  checkCanonical(did, didOf(publicKey))
  return publicKey
}

const decodeName = (name: string): Uint8Array => {
  if (name.startsWith('12D3Koo')) {
    const publicKey = publicKeyOfMultihash(name, base58btc.decode(base58btc.prefix + name))
    checkCanonical(name, peerIdOf(publicKey))
    return publicKey
  }
  const base = [base36, base32].find(({ prefix }) => name.startsWith(prefix))
  if (!base) throw new InvalidProfileIdError(name, 'it starts like none of k51…, bafzaa…, 12D3Koo…, /ipns/…, mercury:…, did:key:z6Mk…')
  const cid = CID.parse(name, base)
  if (cid.version !== 1 || cid.code !== LIBP2P_KEY) throw new InvalidProfileIdError(name, 'the CID is not of a libp2p key')
  const publicKey = publicKeyOfMultihash(name, cid.multihash.bytes)
  checkCanonical(name, nameOf(publicKey).toString(base))
  return publicKey
}

/** The decoders of multibase take other cases, and bytes have spellings with leading zeros: one ID must not have many names. */
const checkCanonical = (spelled: string, canonical: string): void => {
  if (spelled !== canonical) throw new InvalidProfileIdError(spelled, 'it is not spelled canonically')
}

const publicKeyOfMultihash = (text: string, multihash: Uint8Array): Uint8Array => {
  if (multihash[0] !== IDENTITY) throw new InvalidProfileIdError(text, 'the name is a hash of a key; the key itself must be in the name')
  if (multihash.byteLength !== PROFILE_ID_BYTES || !startsWith(multihash, MULTIHASH_PREFIX)) throw new InvalidProfileIdError(text, 'the key is not an Ed25519 public key')
  return multihash.slice(MULTIHASH_PREFIX.byteLength)
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean => prefix.every((byte, i) => bytes[i] === byte)
