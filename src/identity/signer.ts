import { publicKeyOfPrivate, signWith } from './ed25519.ts'
import type { Pledge } from './pledge.ts'
import { profileIdFromPublicKey, type ProfileId } from './profile-id.ts'

/** Signs bytes for one profile and never gives out the key; hardware can implement it. */
export interface Signer {
  readonly id: ProfileId
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** The commitment to the next key; without one, documents say that there will never be a next key. */
  readonly pledge?: Pledge
  /** A 64-byte Ed25519 signature of exactly `bytes`. */
  sign(bytes: Uint8Array, options?: { signal?: AbortSignal }): Promise<Uint8Array>
}

/**
 * A signer over a private key held in memory.
 *
 * @param privateKey the 32-byte Ed25519 seed (RFC 8032)
 * @throws InvalidPublicKeyError when it has another length
 */
export const createSigner = async (privateKey: Uint8Array, options: { pledge?: Pledge } = {}): Promise<Signer> => {
  const publicKey = publicKeyOfPrivate(privateKey)
  const sign = await signWith(privateKey)
  return {
    id: profileIdFromPublicKey(publicKey),
    publicKey,
    ...(options.pledge ? { pledge: options.pledge } : {}),
    async sign (bytes, { signal } = {}) {
      signal?.throwIfAborted()
      return sign(bytes)
    }
  }
}
