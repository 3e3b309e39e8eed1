import { sha256 } from '@noble/hashes/sha2.js'
import { equals } from 'uint8arrays'
import { admitPublicKey } from './ed25519.ts'
import { encodeProfileId, type ProfileId } from './profile-id.ts'
import { signMap, verifyMap, type MessageSigner } from './signed-map.ts'

/**
 * The owner's commitment to the key that comes after this one: whoever saw it first follows no other.
 *
 * `next` is the sha2-256 of the raw next public key (32 bytes); `sig` signs `{v: 1, id, next}` in the context `mercury/pledge/1`.
 */
export interface Pledge {
  readonly next: Uint8Array
  readonly sig: Uint8Array
}

export const PLEDGE_CONTEXT = 'mercury/pledge/1'

const DIGEST_BYTES = 32

/**
 * Commits `signer` to `nextPublicKey` (32 raw bytes, of which only the digest is published).
 *
 * @throws InvalidPublicKeyError when it is no key that could ever succeed: a pledge cannot be taken back
 */
export const createPledge = async (signer: MessageSigner, nextPublicKey: Uint8Array): Promise<Pledge> => {
  admitPublicKey(nextPublicKey)
  return pledgeTo(sha256(nextPublicKey), signer)
}

/** Commits `signer` to the key that another pledge names by its digest `next`, where the key itself is not here. */
export const pledgeTo = async (next: Uint8Array, signer: MessageSigner): Promise<Pledge> => ({ next, sig: await signMap(PLEDGE_CONTEXT, pledgeBody(signer.id, next), signer) })

/** Whether `pledge` is to `publicKey`, whoever made it. */
export const isPledgedTo = ({ next }: Pledge, publicKey: Uint8Array): boolean => equals(next, sha256(publicKey))

/** Whether `pledge` was made by `id`. */
export const verifyPledge = async (id: ProfileId, pledge: Pledge): Promise<boolean> =>
  pledge.next.byteLength === DIGEST_BYTES && verifyMap(PLEDGE_CONTEXT, pledgeBody(id, pledge.next), id, pledge.sig)

const pledgeBody = (id: ProfileId, next: Uint8Array) => ({ v: 1, id: encodeProfileId(id), next })
