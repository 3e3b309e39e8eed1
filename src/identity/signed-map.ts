import { concat } from 'uint8arrays'
import { utf8 } from '../bytes.ts'
import { encodeCbor, type CborValue } from '../cbor.ts'
import { verifySignature } from './ed25519.ts'
import { publicKeyOf, type ProfileId } from './profile-id.ts'

/** What signing needs of a {@link Signer}. */
export interface MessageSigner {
  readonly id: ProfileId
  sign(bytes: Uint8Array, options?: { signal?: AbortSignal }): Promise<Uint8Array>
}

/**
 * The bytes that a signature covers: UTF-8 context, 0x00, the canonical DAG-CBOR of the map without its signature.
 * A context belongs to one type of message, so that a signature cannot be replayed in another role.
 */
export const signedBytes = (context: string, encodedMap: Uint8Array): Uint8Array => concat([utf8(context), SEPARATOR, encodedMap])

const SEPARATOR = Uint8Array.from([0])

/** Signs `map`, which must not hold its own signature. @returns 64 bytes */
export const signMap = async (context: string, map: { readonly [key: string]: CborValue }, signer: MessageSigner, options?: { signal?: AbortSignal }): Promise<Uint8Array> =>
  signer.sign(signedBytes(context, encodeCbor(map)), options)

/** Whether `signature` is by `id` over `map` in `context`. */
export const verifyMap = async (context: string, map: { readonly [key: string]: CborValue }, id: ProfileId, signature: Uint8Array): Promise<boolean> =>
  verifyEncodedMap(context, encodeCbor(map), id, signature)

/** As {@link verifyMap}, of the canonical encoding of the map without its signature. */
export const verifyEncodedMap = async (context: string, encodedMap: Uint8Array, id: ProfileId, signature: Uint8Array): Promise<boolean> =>
  verifySignature(publicKeyOf(id), signature, signedBytes(context, encodedMap))
