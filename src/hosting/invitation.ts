import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from 'multiformats/bases/base32'
import { base64url } from 'multiformats/bases/base64'
import { decodeCborMap, encodeCbor } from '../cbor.ts'
import { InvalidSignatureError, MercuryError, UnsupportedError, checkLimit } from '../errors.ts'
import { formatLink, parseLink } from '../identity/link.ts'
import { PROFILE_ID_BYTES, decodeProfileId, encodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import { signMap, verifyMap, type MessageSigner } from '../identity/signed-map.ts'
import { SECOND_MS } from '../limits.ts'
import { Shape } from '../profile/shape.ts'

export const INVITATION_CONTEXT = 'mercury/invitation/1'
/** How often one voucher may be used at most. */
export const MAX_INVITATION_USES = 1_000

const NONCE_BYTES = 16
const MAX_VOUCHER_LENGTH = 512
const PARAMETER = 'invitation'

/** What a home signs for somebody whom it will host. */
export interface Invitation {
  readonly home: ProfileId
  /** Unix seconds: from then on it is of no use. */
  readonly expires: number
  /** 1 to 1,000. */
  readonly uses: number
}

/** An invitation as it was read, with what its uses are counted under. */
export interface VerifiedInvitation extends Invitation {
  /** base32 of the sha2-256 of its bytes. */
  readonly digest: string
}

/** Whoever shows a voucher may join as often as it says: text of base64url, for one line. @throws LimitError over 1,000 uses */
export const createInvitation = async ({ expires, uses = 1 }: { expires: number; uses?: number }, home: MessageSigner): Promise<string> => {
  checkLimit('uses of an invitation', MAX_INVITATION_USES, uses)
  const body = { v: 1, home: encodeProfileId(home.id), expires, uses, nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)) }
  const bytes = encodeCbor({ ...body, sig: await signMap(INVITATION_CONTEXT, body, home) })
  const voucher = base64url.baseEncode(bytes)
  await verifyInvitation(voucher, { home: home.id })
  return voucher
}

/**
 * Checks a voucher; how often it was used is the home's affair.
 *
 * @param expect the home that must have signed it, and `now` in milliseconds since 1970 where its end matters
 * @throws MercuryError `INVALID_INVITATION` or `INVITATION_EXPIRED`, InvalidShapeError (`INVALID_INVITATION`), InvalidSignatureError, UnsupportedError
 */
export const verifyInvitation = async (voucher: string, { home: expected, now }: { home: ProfileId; now?: number }): Promise<VerifiedInvitation> => {
  const bytes = decodeVoucher(voucher)
  const { sig: _, ...body } = decodeMap(bytes)
  const shape = new Shape(decodeMap(bytes), 'INVALID_INVITATION', 'invitation')
  if (shape.uint('v') !== 1) throw new UnsupportedError(`invitation version ${shape.uint('v')}`)
  const home = decodeProfileId(shape.bytes('home', PROFILE_ID_BYTES))
  const expires = shape.uint('expires')
  const uses = shape.uint('uses')
  shape.bytes('nonce', NONCE_BYTES)
  if (home !== expected) shape.fail('home', `is ${home}, not ${expected}`)
  if (uses < 1 || uses > MAX_INVITATION_USES) shape.fail('uses', `must be 1 to ${MAX_INVITATION_USES}`)
  if (!(await verifyMap(INVITATION_CONTEXT, body, home, shape.bytes('sig', 64)))) throw new InvalidSignatureError('invitation')
  if (now !== undefined && now >= expires * SECOND_MS) throw new MercuryError('INVITATION_EXPIRED', `the invitation was good until ${new Date(expires * SECOND_MS).toISOString()}`)
  return { home, expires, uses, digest: base32.baseEncode(sha256(bytes)) }
}

/** Where to join, in one line: `mercury:<home>?addr=…&invitation=…`. */
export interface HomeLink {
  readonly home: ProfileId
  /** Multiaddrs, the best first. */
  readonly addresses: readonly string[]
  readonly voucher?: string
}

export const formatHomeLink = ({ home, addresses, voucher }: HomeLink): string => {
  const link = formatLink({ id: home, addresses })
  return voucher === undefined ? link : `${link}${link.includes('?') ? '&' : '?'}${PARAMETER}=${voucher}`
}

/** @throws what `parseLink` throws, MercuryError `INVALID_INVITATION` */
export const parseHomeLink = (text: string): HomeLink => {
  const { id, addresses } = parseLink(text)
  const [, voucher] = new RegExp(`[?&]${PARAMETER}=([^&]*)`).exec(text) ?? []
  if (voucher !== undefined) decodeVoucher(voucher)
  return { home: id, addresses, ...(voucher === undefined ? {} : { voucher }) }
}

const decodeVoucher = (voucher: string): Uint8Array => {
  try {
    if (voucher.length > 0 && voucher.length <= MAX_VOUCHER_LENGTH) return base64url.baseDecode(voucher)
  } catch (error) {
    throw new MercuryError('INVALID_INVITATION', 'the invitation is not base64url', { cause: error })
  }
  throw new MercuryError('INVALID_INVITATION', `an invitation has 1 to ${MAX_VOUCHER_LENGTH} characters; got ${voucher.length}`)
}

const decodeMap = (bytes: Uint8Array) => {
  try {
    return decodeCborMap(bytes)
  } catch (error) {
    throw new MercuryError('INVALID_INVITATION', 'the invitation was damaged on its way', { cause: error })
  }
}
