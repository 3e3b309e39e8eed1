import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { randomBytes } from '@noble/hashes/utils.js'
import { utf8 } from '../bytes.ts'
import { decodeCbor, encodeCbor, isCborMap, type CborMap, type CborValue } from '../cbor.ts'
import { MercuryError, UnsupportedError, checkLimit } from '../errors.ts'
import { LEAF_ROLES, createPersona, type LeafKeys, type Persona } from './persona.ts'

/**
 * A vault is what a device keeps: the leaf keys of each persona's current generation with its pledge; never the seed and no inner node of the key tree.
 *
 * Canonical DAG-CBOR: `{v: 1, personas}`, or `{v: 1, kdf: {log2N, r, p, salt(32)}, nonce(24), box}`, where `box` is the encoded list of personas
 * sealed by XChaCha20-Poly1305 with the rest of the map as associated data and the key that scrypt makes of the NFKC form of the passphrase.
 * A persona is `{index, generation, leaves: [bytes(32); 5], next, sig}`, leaves in the order of their roles.
 */
export const MAX_VAULT_BYTES = 65_536
export const MAX_VAULT_PERSONAS = 128

const VERSION = 1
const SALT_BYTES = 32
const NONCE_BYTES = 24
const KEY_BYTES = 32
/** 128 MiB and 0.7 s of pure JavaScript. */
const SCRYPT_LOG2_N = 17
/** What a vault may ask of its reader: 256 MiB, four times over. */
const SCRYPT_BOUNDS = { log2N: [10, 18], r: [1, 8], p: [1, 4] } as const

/** `{ unprotected: true }` spells out that whoever reads the bytes has the keys. */
export type VaultProtection = { passphrase: string } | { unprotected: true }

export interface VaultOptions {
  signal?: AbortSignal
  /** From 0 to 1, while the key is derived. */
  onProgress?: (fraction: number) => void
}

export interface SealVaultOptions extends VaultOptions {
  /** So many random bytes; the platform's by default. */
  random?: (bytes: number) => Uint8Array
  /** The cost that is stored in the vault: log2 of scrypt's N, 10 to 18, 17 by default. Under 17 is for tests. */
  log2N?: number
}

export class InvalidVaultError extends MercuryError {
  override readonly name = 'InvalidVaultError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_VAULT', `not a vault: ${reason}`, options)
  }
}

/** Nobody can tell a wrong passphrase from bytes that were altered. */
export class WrongPassphraseError extends MercuryError {
  override readonly name = 'WrongPassphraseError'
  constructor(options?: ErrorOptions) {
    super('WRONG_PASSPHRASE', 'the passphrase is wrong, or the vault was altered', options)
  }
}

export class PassphraseNeededError extends MercuryError {
  override readonly name = 'PassphraseNeededError'
  constructor() {
    super('PASSPHRASE_NEEDED', 'a passphrase that is not empty is needed')
  }
}

/**
 * The bytes of a vault that holds `personas`. Sealing takes about a second, in slices that let other work through.
 *
 * @throws PassphraseNeededError when the passphrase is empty, LimitError over 128 personas
 */
export const sealVault = async (personas: readonly Persona[], protection: VaultProtection, { random = randomBytes, log2N = SCRYPT_LOG2_N, ...options }: SealVaultOptions = {}): Promise<Uint8Array> => {
  checkLimit('vault personas', MAX_VAULT_PERSONAS, personas.length)
  const entries = personas.map(encodePersona)
  if (!('passphrase' in protection)) return encodeCbor({ v: VERSION, personas: entries })
  const kdf = { log2N, r: 8, p: 1, salt: random(SALT_BYTES) }
  const header = { v: VERSION, kdf, nonce: random(NONCE_BYTES) }
  const plaintext = encodeCbor(entries)
  const key = await deriveKey(protection.passphrase, readKdf(kdf), options)
  const box = xchacha20poly1305(key, header.nonce, encodeCbor(header)).encrypt(plaintext)
  for (const secret of [key, plaintext]) secret.fill(0)
  return encodeCbor({ ...header, box })
}

/**
 * The personas of a vault. A passphrase for one that is unprotected is not looked at.
 *
 * @throws PassphraseNeededError, WrongPassphraseError, InvalidVaultError, LimitError over 65,536 bytes, UnsupportedError for a later version
 */
export const openVault = async (bytes: Uint8Array, passphrase?: string, options: VaultOptions = {}): Promise<Persona[]> => {
  checkLimit('vault bytes', MAX_VAULT_BYTES, bytes.byteLength)
  const vault = asMap(decode(bytes), 'it')
  if (typeof vault.v !== 'number') throw new InvalidVaultError('it has no version')
  if (vault.v !== VERSION) throw new UnsupportedError(`vault version ${vault.v}`)
  if ('personas' in vault && !('box' in vault)) return readPersonas(vault.personas)
  const { box, ...header } = vault
  const kdf = readKdf(header.kdf)
  const nonce = readBytes(header.nonce, NONCE_BYTES, 'nonce')
  if (!(box instanceof Uint8Array)) throw new InvalidVaultError('it has neither personas nor a box')
  if (passphrase === undefined) throw new PassphraseNeededError()
  const key = await deriveKey(passphrase, kdf, options)
  const plaintext = unseal(xchacha20poly1305(key, nonce, encodeCbor(header)), box)
  try {
    return await readPersonas(decode(plaintext))
  } finally {
    for (const secret of [key, plaintext]) secret.fill(0)
  }
}

const encodePersona = ({ index, generation, leaves, pledge }: Persona): CborMap => ({ index, generation, leaves: LEAF_ROLES.map((role) => leaves[role]), next: pledge.next, sig: pledge.sig })

const readPersonas = async (value: CborValue | undefined): Promise<Persona[]> => {
  if (!Array.isArray(value)) throw new InvalidVaultError('its personas are not a list')
  checkLimit('vault personas', MAX_VAULT_PERSONAS, value.length)
  const personas: Persona[] = []
  for (const entry of value as readonly CborValue[]) personas.push(await readPersona(asMap(entry, 'a persona')))
  return personas
}

const readPersona = async ({ index, generation, leaves, next, sig }: CborMap): Promise<Persona> => {
  if (!Array.isArray(leaves) || leaves.length !== LEAF_ROLES.length) throw new InvalidVaultError(`a persona does not have ${LEAF_ROLES.length} leaf keys`)
  if (typeof index !== 'number' || typeof generation !== 'number') throw new InvalidVaultError('a persona has no index or no generation')
  const keys = Object.fromEntries(LEAF_ROLES.map((role, i) => [role, readBytes(leaves[i], KEY_BYTES, 'leaf key')])) as unknown as LeafKeys
  const pledge = { next: readBytes(next, 32, 'next'), sig: readBytes(sig, 64, 'sig') }
  try {
    return await createPersona(keys, pledge, { index, generation })
  } catch (error) {
    throw new InvalidVaultError(`persona ${index} does not hold together`, { cause: error })
  }
}

interface Kdf { readonly log2N: number; readonly r: number; readonly p: number; readonly salt: Uint8Array }

const readKdf = (value: CborValue | undefined): Kdf => {
  const kdf = asMap(value, 'its kdf')
  const bounded = (name: keyof typeof SCRYPT_BOUNDS): number => {
    const [min, max] = SCRYPT_BOUNDS[name]
    const parameter = kdf[name]
    if (typeof parameter !== 'number' || parameter < min || parameter > max) throw new InvalidVaultError(`its scrypt parameter ${name} is not from ${min} to ${max}`)
    return parameter
  }
  return { log2N: bounded('log2N'), r: bounded('r'), p: bounded('p'), salt: readBytes(kdf.salt, SALT_BYTES, 'salt') }
}

const deriveKey = async (passphrase: string, { log2N, r, p, salt }: Kdf, { signal, onProgress }: VaultOptions): Promise<Uint8Array> => {
  if (passphrase === '') throw new PassphraseNeededError()
  signal?.throwIfAborted()
  return scryptAsync(utf8(passphrase.normalize('NFKC')), salt, {
    N: 2 ** log2N, r, p, dkLen: KEY_BYTES,
    onProgress: (fraction) => {
      signal?.throwIfAborted()
      onProgress?.(fraction)
    }
  })
}

const unseal = (cipher: { decrypt(box: Uint8Array): Uint8Array }, box: Uint8Array): Uint8Array => {
  try {
    return cipher.decrypt(box)
  } catch (error) {
    throw new WrongPassphraseError({ cause: error })
  }
}

const decode = (bytes: Uint8Array): CborValue => {
  try {
    return decodeCbor(bytes)
  } catch (error) {
    throw new InvalidVaultError('it is not canonical DAG-CBOR', { cause: error })
  }
}

const asMap = (value: CborValue | undefined, what: string): CborMap => {
  if (!isCborMap(value)) throw new InvalidVaultError(`${what} is not a map`)
  return value
}

const readBytes = (value: CborValue | undefined, length: number, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.byteLength !== length) throw new InvalidVaultError(`its ${what} is not ${length} bytes`)
  return value
}
