import { MercuryError } from '../errors.ts'
import { checkDigest, verifyRequestHead, type SignedHead } from '../hosting/request-signature.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { RequestRefusedError } from '../hosting/request-signature.ts'
import { headers, problemResponse, type Parameter, type ResponseObject } from './operation.ts'
import type { RouteRequest } from './route.ts'

/** A request whose signature holds; its body has not been read. */
export interface SignedRequest {
  readonly head: SignedHead
  /** Reads the body, which must be the one that was signed. @throws RequestRefusedError (`DIGEST_MISMATCH`), and what `RouteRequest.body` throws */
  body(maxBytes: number): Promise<Uint8Array>
}

/**
 * Checks who makes a request. Whether it was made before is the book of nonces' affair.
 *
 * @throws RequestRefusedError; MercuryError `WRONG_HOST`
 */
export const readSigned = async (request: RouteRequest, { clock }: { clock: () => number }): Promise<SignedRequest> => {
  const { method, urls, headers } = request
  if (urls.length === 0) throw new MercuryError('WRONG_HOST', 'the request is for another host than this home')
  const head = await verifyRequestHead({ method, urls, headers }, { now: clock() })
  return {
    head,
    async body (maxBytes) {
      const bytes = await request.body(maxBytes)
      checkDigest(head, bytes)
      return bytes
    }
  }
}

/** @throws RequestRefusedError (`NOT_YOURS`) unless the signer is the profile that the request is about */
export const requireOwner = ({ signer }: SignedHead, id: ProfileId): void => {
  if (signer !== id) throw new RequestRefusedError('NOT_YOURS', 'a profile may ask this for itself alone')
}

const SIGNED = 'RFC 9421: one signature over "@method", "@target-uri" and "content-digest", with created, nonce, keyid (a profile ID), alg="ed25519" and tag="mercury".'

/** What every signed request carries. */
export const SIGNATURE_PARAMETERS: readonly Parameter[] = [
  { name: 'content-digest', in: 'header', required: true, description: 'RFC 9530: sha-256 of the body, also of an empty one.', schema: { type: 'string' } },
  { name: 'signature-input', in: 'header', required: true, description: SIGNED, schema: { type: 'string' } },
  { name: 'signature', in: 'header', required: true, description: 'RFC 9421.', schema: { type: 'string' } }
]

/** How a signed request may be refused, whatever it asks for. */
export const SIGNATURE_RESPONSES: Readonly<Record<string, ResponseObject>> = {
  400: problemResponse('The body or a parameter is not what it must be, or another body than was signed.', ['DIGEST_MISMATCH', 'WRONG_HOST', 'BODY_INCOMPLETE', '…']),
  401: problemResponse('The request is not signed as it must be.', ['SIGNATURE_MISSING', 'SIGNATURE_MALFORMED', 'SIGNATURE_EXPIRED', 'SIGNATURE_INVALID', 'SIGNATURE_REPLAYED', 'ALGORITHM_REFUSED'])
}

export const UNCACHED = headers({ 'cache-control': 'Always no-store.' })
