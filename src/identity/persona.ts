import { equals } from 'uint8arrays'
import { InvalidSignatureError, MercuryError } from '../errors.ts'
import { InvalidPublicKeyError, PRIVATE_KEY_BYTES } from './ed25519.ts'
import { encryptionPrivateKey, x25519PublicKey } from './encryption-key.ts'
import { isPledgedTo, pledgeTo, verifyPledge, type Pledge } from './pledge.ts'
import { createSigner, type Signer } from './signer.ts'
import { MAX_KEY_INDEX, checkKeyIndex } from './slip10.ts'

/** The private keys of one generation of a persona, 32 bytes each, none of which leads to another or to the next generation. */
export interface LeafKeys {
  /** Ed25519: signs the profile. */
  readonly identity: Uint8Array
  /** What {@link encryptionPrivateKey} derives the X25519 key from. */
  readonly encryption: Uint8Array
  /** Ed25519: the libp2p peer identity. */
  readonly peer: Uint8Array
  /** Ed25519: signs requests to the home. */
  readonly homeAccess: Uint8Array
  /** Ed25519: signs the published search index. */
  readonly searchIndex: Uint8Array
}

/** In the order of their roles in the key tree: `m/7169394'/persona'/role'/generation'`. */
export const LEAF_ROLES: readonly (keyof LeafKeys)[] = ['identity', 'encryption', 'peer', 'homeAccess', 'searchIndex']

/** There must be a generation after the last one that is used, to pledge. */
export const MAX_GENERATION = MAX_KEY_INDEX - 1

/** One of the identities of a seed, in its current generation: a signer, the other keys that go with it and the pledge to the next generation. */
export interface Persona extends Signer {
  readonly index: number
  readonly generation: number
  readonly pledge: Pledge
  /** 32 bytes, X25519: others encrypt for this persona with it. */
  readonly encryptionPublicKey: Uint8Array
  /** Copies; not enumerable, so that no log, spread or JSON takes them along. */
  readonly leaves: LeafKeys
}

/** Where a persona stands in its seed: both from 0. */
export interface PersonaPosition {
  readonly index: number
  readonly generation: number
}

/**
 * A persona of its leaf keys alone, without the seed.
 *
 * @throws InvalidKeyIndexError, InvalidPublicKeyError when a key is not 32 bytes, InvalidSignatureError when the pledge is not by the identity key
 */
export const createPersona = async (leaves: LeafKeys, pledge: Pledge, { index, generation }: PersonaPosition): Promise<Persona> => {
  checkPosition({ index, generation })
  const kept = copyOf(leaves)
  const signer = await createSigner(kept.identity, { pledge })
  if (!(await verifyPledge(signer.id, pledge))) throw new InvalidSignatureError('pledge')
  const persona = { ...signer, pledge, index, generation, encryptionPublicKey: x25519PublicKey(encryptionPrivateKey(kept.encryption)) }
  return Object.defineProperty(persona, 'leaves', { get: () => copyOf(kept), enumerable: false }) as Persona
}

/**
 * The persona that signs with a key from elsewhere in the place of `slot`. All other keys are the slot's, and so is the next generation that it is
 * pledged to: the words that made the slot do not bring this key back, but they lead on from it.
 *
 * @param privateKey the 32-byte Ed25519 seed
 * @throws InvalidPublicKeyError when it has another length, MercuryError `KEY_IN_USE` when the slot has it for something else
 */
export const adoptKey = async (privateKey: Uint8Array, slot: Persona): Promise<Persona> => {
  const signer = await createSigner(privateKey)
  if (holdsKey(slot, privateKey, signer.publicKey)) throw new MercuryError('KEY_IN_USE', 'the key has a place among the keys of this persona already; a profile needs a key of its own')
  return createPersona({ ...slot.leaves, identity: privateKey }, await pledgeTo(slot.pledge.next, signer), slot)
}

/** Whether the key is one of those of `persona`, whatever its role, or the next one that it is pledged to. */
export const holdsKey = ({ leaves, pledge }: Persona, privateKey: Uint8Array, publicKey: Uint8Array): boolean =>
  LEAF_ROLES.some((role) => equals(leaves[role], privateKey)) || isPledgedTo(pledge, publicKey)

/** @throws InvalidKeyIndexError */
export const checkPosition = ({ index, generation }: PersonaPosition): void => {
  checkKeyIndex('persona index', index)
  checkKeyIndex('generation', generation, MAX_GENERATION)
}

const copyOf = (leaves: LeafKeys): LeafKeys => {
  const { identity, encryption, peer, homeAccess, searchIndex } = leaves
  return { identity: copyOfKey(identity), encryption: copyOfKey(encryption), peer: copyOfKey(peer), homeAccess: copyOfKey(homeAccess), searchIndex: copyOfKey(searchIndex) }
}

const copyOfKey = (key: Uint8Array): Uint8Array => {
  if (key.byteLength !== PRIVATE_KEY_BYTES) throw new InvalidPublicKeyError(`a private key has ${PRIVATE_KEY_BYTES} bytes, not ${key.byteLength}`)
  return Uint8Array.from(key)
}
