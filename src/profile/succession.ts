import { sha256 } from '@noble/hashes/sha2.js'
import { decodeCborMap, encodeCbor, isCborMap, type CborMap, type CborValue } from '../cbor.ts'
import { InvalidSignatureError, UnsupportedError } from '../errors.ts'
import { verifyPledge, type Pledge } from '../identity/pledge.ts'
import { PROFILE_ID_BYTES, decodeProfileId, encodeProfileId, profileIdFromPublicKey, type ProfileId } from '../identity/profile-id.ts'
import { signMap, verifyMap } from '../identity/signed-map.ts'
import type { Signer } from '../identity/signer.ts'
import { InvalidShapeError, Shape } from './shape.ts'

export const SUCCESSION_CONTEXT = 'mercury/succession/1'

/** The step from one profile ID to the key it was pledged to; signed by that next key. Unknown keys are kept and signed too. */
export type Succession = CborMap & {
  readonly v: 1
  readonly from: Uint8Array
  /** The raw next public key, 32 bytes; the new profile ID is derived from it. */
  readonly key: Uint8Array
  /** The pledge of `from`, 64 bytes. */
  readonly pledge: Uint8Array
  /** Digest of the last document that the owner stands by, or null for none. */
  readonly last: Uint8Array | null
  /** Unix seconds. */
  readonly time: number
  readonly sig: Uint8Array
}

export interface VerifiedSuccession {
  readonly from: ProfileId
  readonly to: ProfileId
  readonly last: Uint8Array | null
  readonly time: number
}

/** The succession from `from` to `next`, whose key `pledge` of `from` covers. */
export const createSuccession = async ({ from, pledge, last, time }: { from: ProfileId; pledge: Pledge; last: Uint8Array | null; time: number }, next: Signer): Promise<Succession> => {
  const body = { v: 1 as const, from: encodeProfileId(from), key: next.publicKey, pledge: pledge.sig, last, time }
  // Read back, so that it shares no bytes with the arguments.
  const succession = decodeCborMap(encodeCbor({ ...body, sig: await signMap(SUCCESSION_CONTEXT, body, next) })) as Succession
  await verifySuccession(succession)
  return succession
}

/**
 * Valid when sha2-256 of `key` is the `next` that the pledge of `from` covers, and `key` signed it.
 *
 * @param value a decoded map
 * @throws InvalidShapeError (`INVALID_SUCCESSION`), InvalidSignatureError, InvalidProfileIdError, InvalidPublicKeyError, UnsupportedError
 */
export const verifySuccession = async (value: CborValue): Promise<VerifiedSuccession> => {
  if (!isCborMap(value)) throw new InvalidShapeError('INVALID_SUCCESSION', 'succession', 'it', 'must be a map')
  const shape = new Shape(value, 'INVALID_SUCCESSION', 'succession')
  if (shape.uint('v') !== 1) throw new UnsupportedError(`succession version ${shape.uint('v')}`)
  const from = decodeProfileId(shape.bytes('from', PROFILE_ID_BYTES))
  const key = shape.bytes('key', 32)
  const to = profileIdFromPublicKey(key)
  const last = shape.bytesOrNull('last', 32)
  const time = shape.uint('time')
  if (from === to) shape.fail('key', 'is the key of from itself')
  if (!(await verifyPledge(from, { next: sha256(key), sig: shape.bytes('pledge', 64) }))) throw new InvalidSignatureError('pledge')
  const { sig: _, ...body } = value
  if (!(await verifyMap(SUCCESSION_CONTEXT, body, to, shape.bytes('sig', 64)))) throw new InvalidSignatureError('succession')
  return { from, to, last, time }
}
