import { equals, fromString, toString } from 'uint8arrays'
import { utf8 } from '../bytes.ts'
import { MercuryError, checkLimit } from '../errors.ts'
import { readDer, type DerValue } from './der.ts'
import { PRIVATE_KEY_BYTES, PUBLIC_KEY_BYTES, publicKeyOfPrivate } from './ed25519.ts'
import { pkcs8 } from './ed25519-platform.ts'

/**
 * How a private key is written down for other programs, in the clear.
 *
 * `pem`: PKCS#8 of RFC 8410, as OpenSSL writes it; `pem-pkcs8-cleartext` of Kubo.
 * `libp2p`: the protobuf `PrivateKey {Type: Ed25519, Data: seed and public key}`; `libp2p-protobuf-cleartext` of Kubo, what `ipfs key export` writes.
 */
export type PrivateKeyForm = 'pem' | 'libp2p'

export interface ParsedPrivateKey {
  /** The 32-byte Ed25519 seed (RFC 8032); a copy, for the caller to wipe. */
  readonly privateKey: Uint8Array
  readonly form: PrivateKeyForm
}

/** Room for the longest keys of other types, so that they are told by their name. */
export const MAX_PRIVATE_KEY_BYTES = 16_384

/** Bytes that are no private key in a form that is known. Neither the message nor a cause holds any of them. */
export class InvalidPrivateKeyError extends MercuryError {
  override readonly name = 'InvalidPrivateKeyError'
  constructor(reason: string) {
    super('INVALID_PRIVATE_KEY', `not a private key in PEM (PKCS#8) or libp2p protobuf: ${reason}`)
  }
}

/** A key, perhaps, but not an Ed25519 private key in the clear, and so none of a profile. */
export class UnsupportedKeyError extends MercuryError {
  override readonly name = 'UnsupportedKeyError'
  /** What it is, as in `RSA`. */
  readonly keyType: string
  constructor(keyType: string, remedy = 'only an Ed25519 key can be that of a profile') {
    super('UNSUPPORTED_KEY', `the key is ${keyType}; ${remedy}`)
    this.keyType = keyType
  }
}

/**
 * Writes an Ed25519 private key for other programs. Whoever reads the bytes has the profile.
 *
 * @param privateKey the 32-byte seed
 * @returns PEM as ASCII of 119 bytes, or 68 bytes of protobuf
 * @throws InvalidPublicKeyError when it has another length
 */
export const encodePrivateKey = (privateKey: Uint8Array, as: PrivateKeyForm): Uint8Array => {
  const publicKey = publicKeyOfPrivate(privateKey)
  if (as === 'libp2p') return Uint8Array.of(TYPE_TAG, ED25519, DATA_TAG, PRIVATE_KEY_BYTES + PUBLIC_KEY_BYTES, ...privateKey, ...publicKey)
  const der = pkcs8(privateKey)
  const pem = utf8(`-----BEGIN PRIVATE KEY-----\n${toString(der, 'base64pad')}\n-----END PRIVATE KEY-----\n`)
  der.fill(0)
  return pem
}

/**
 * Reads an Ed25519 private key in either form, told apart by its first bytes.
 *
 * A public key beside it must be that of the seed. The protobuf has its one canonical form, with the public key once or, as old writers have it, twice.
 *
 * @throws LimitError over 16,384 bytes, InvalidPrivateKeyError, UnsupportedKeyError naming what it is: RSA, secp256k1, ECDSA, encrypted, public, …
 * @see https://www.rfc-editor.org/rfc/rfc8410#section-7
 * @see https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#keys
 */
export const parsePrivateKey = (bytes: Uint8Array): ParsedPrivateKey => {
  checkLimit('private key bytes', MAX_PRIVATE_KEY_BYTES, bytes.byteLength)
  if (bytes.byteLength === 0) throw new InvalidPrivateKeyError('it is empty')
  if (bytes[0] === TYPE_TAG) return { privateKey: parseProtobuf(bytes), form: 'libp2p' }
  const der = decodePem(new TextDecoder('latin1').decode(bytes))
  try {
    return { privateKey: parsePkcs8(der), form: 'pem' }
  } finally {
    der.fill(0)
  }
}

/** Field 1, a number. */
const TYPE_TAG = 0x08
/** Field 2, bytes. */
const DATA_TAG = 0x12
const ED25519 = 1
const OTHER_TYPES: Readonly<Record<number, string>> = { 0: 'RSA', 2: 'secp256k1', 3: 'ECDSA' }
/** Before the data of 64 or 96 bytes. */
const HEAD_BYTES = 4

const parseProtobuf = (bytes: Uint8Array): Uint8Array => {
  const [, type, dataTag, length] = bytes
  const other = type === undefined ? undefined : OTHER_TYPES[type]
  if (other !== undefined && dataTag === DATA_TAG) throw new UnsupportedKeyError(other)
  if (type !== ED25519 || dataTag !== DATA_TAG) throw new InvalidPrivateKeyError('it is not the protobuf of a key')
  const data = bytes.subarray(HEAD_BYTES)
  if (length === PUBLIC_KEY_BYTES && data.byteLength === length) throw new UnsupportedKeyError('a public key', 'the private one is needed')
  const copies = (data.byteLength - PRIVATE_KEY_BYTES) / PUBLIC_KEY_BYTES
  if (length !== data.byteLength || (copies !== 1 && copies !== 2)) throw new InvalidPrivateKeyError('its data is not the 64 or 96 bytes of an Ed25519 key')
  return withPublicKeys(Uint8Array.from(data.subarray(0, PRIVATE_KEY_BYTES)), [data.subarray(PRIVATE_KEY_BYTES, 64), ...(copies === 2 ? [data.subarray(64)] : [])])
}

/** @throws InvalidPrivateKeyError unless each of `publicKeys` is that of `privateKey` */
const withPublicKeys = (privateKey: Uint8Array, publicKeys: readonly Uint8Array[]): Uint8Array => {
  const publicKey = publicKeyOfPrivate(privateKey)
  if (publicKeys.every((claimed) => equals(claimed, publicKey))) return privateKey
  privateKey.fill(0)
  throw new InvalidPrivateKeyError('its public half is not that of the private one')
}

const PEM = /^\s*-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n([A-Za-z0-9+/=\r\n]*)\r?\n-----END \1-----\s*$/
const DECRYPT = 'take its protection off first: openssl pkey -in FILE'
const OTHER_LABELS: Readonly<Record<string, readonly [keyType: string, remedy?: string]>> = {
  'ENCRYPTED PRIVATE KEY': ['encrypted', DECRYPT],
  'RSA PRIVATE KEY': ['RSA'],
  'EC PRIVATE KEY': ['ECDSA'],
  'EC PARAMETERS': ['ECDSA'],
  'DSA PRIVATE KEY': ['DSA'],
  'OPENSSH PRIVATE KEY': ['in the form of OpenSSH', 'write it as PKCS#8'],
  'PUBLIC KEY': ['a public key', 'the private one is needed']
}

/** The bytes within the one block of a PEM `PRIVATE KEY`. */
const decodePem = (text: string): Uint8Array => {
  const label = /^\s*-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1]
  if (label === undefined) throw new InvalidPrivateKeyError('it starts like neither')
  const other = Object.hasOwn(OTHER_LABELS, label) ? OTHER_LABELS[label] : undefined
  if (other) throw new UnsupportedKeyError(...other)
  const base64 = label === 'PRIVATE KEY' ? PEM.exec(text)?.[2]?.replace(/[\r\n]/g, '') : undefined
  if (base64 === undefined) throw new InvalidPrivateKeyError('it is not one whole block of PRIVATE KEY')
  return decodeBase64(base64)
}

const decodeBase64 = (text: string): Uint8Array => {
  try {
    const bytes = fromString(text, 'base64pad')
    // Decoders differ in the padding that they take.
    if (toString(bytes, 'base64pad') === text) return bytes
  } catch {
    // The decoder's own error may show what it could not read.
  }
  throw new InvalidPrivateKeyError('its base64 is not canonical')
}

const SEQUENCE = 0x30
const INTEGER = 0x02
const OBJECT_ID = 0x06
const OCTET_STRING = 0x04
/** `[0]`, a set. */
const ATTRIBUTES = 0xa0
/** `[1]`, a bit string: a zero and the key. */
const PUBLIC_KEY = 0x81
/** By the hex of the object identifier of an algorithm. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  '2b6570': 'Ed25519', '2b6571': 'Ed448', '2b656e': 'X25519', '2b656f': 'X448',
  '2a864886f70d010101': 'RSA', '2a864886f70d01010a': 'RSA', '2a8648ce380401': 'DSA', '2a8648ce3d0201': 'ECDSA'
}
const SECP256K1 = '2b8104000a'

/** RFC 5958, `OneAsymmetricKey {version, algorithm, privateKey, [0] attributes?, [1] publicKey?}`: the public key from version 1 on. */
const parsePkcs8 = (der: Uint8Array): Uint8Array => {
  const [key, ...more] = read(der)
  if (key?.tag !== SEQUENCE || more.length > 0) throw new InvalidPrivateKeyError('it is not PKCS#8')
  const [version, algorithm, octets, ...optional] = read(key.content)
  if (version?.tag !== INTEGER || algorithm?.tag !== SEQUENCE || octets?.tag !== OCTET_STRING) throw new InvalidPrivateKeyError('it is not PKCS#8')
  checkAlgorithm(read(algorithm.content))
  const [seed, ...rest] = read(octets.content)
  if (seed?.tag !== OCTET_STRING || seed.content.byteLength !== PRIVATE_KEY_BYTES || rest.length > 0) throw new InvalidPrivateKeyError(`it does not hold ${PRIVATE_KEY_BYTES} bytes`)
  const publicKeys = optional.slice(optional[0]?.tag === ATTRIBUTES ? 1 : 0)
  const isWhole = version.content.byteLength === 1 && version.content[0] === publicKeys.length && publicKeys.length <= 1 && publicKeys.every(({ tag, content }) => tag === PUBLIC_KEY && content[0] === 0)
  if (!isWhole) throw new InvalidPrivateKeyError('its version does not go with what it holds')
  return withPublicKeys(Uint8Array.from(seed.content), publicKeys.map(({ content }) => content.subarray(1)))
}

const checkAlgorithm = ([identifier, ...parameters]: readonly DerValue[]): void => {
  if (identifier?.tag !== OBJECT_ID) throw new InvalidPrivateKeyError('it does not say of which type it is')
  const hex = toString(identifier.content, 'hex')
  const name = Object.hasOwn(ALGORITHMS, hex) ? ALGORITHMS[hex]! : 'of another type'
  const isSecp256k1 = parameters[0]?.tag === OBJECT_ID && toString(parameters[0].content, 'hex') === SECP256K1
  if (name !== 'Ed25519') throw new UnsupportedKeyError(isSecp256k1 ? 'secp256k1' : name)
  if (parameters.length > 0) throw new InvalidPrivateKeyError('its type has parameters')
}

const read = (bytes: Uint8Array): DerValue[] => {
  const values = readDer(bytes)
  if (!values) throw new InvalidPrivateKeyError('it is not DER')
  return values
}
