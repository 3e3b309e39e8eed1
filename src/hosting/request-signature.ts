import { sha256 } from '@noble/hashes/sha2.js'
import { base64pad } from 'multiformats/bases/base64'
import { equals } from 'uint8arrays'
import { utf8 } from '../bytes.ts'
import { MercuryError } from '../errors.ts'
import { SIGNATURE_BYTES, verifySignature } from '../identity/ed25519.ts'
import { parseProfileId, publicKeyOf, type ProfileId } from '../identity/profile-id.ts'
import type { MessageSigner } from '../identity/signed-map.ts'
import { SECOND_MS } from '../limits.ts'

export const SIGNATURE_TAG = 'mercury'
/** How far `created` may be from the clock of whoever checks it, either way. */
export const SIGNATURE_WINDOW_S = 60

const ALGORITHM = 'ed25519'
const LABEL = 'mercury'
const COVERED = ['"@method"', '"@target-uri"', '"content-digest"']
const MAX_HEADER_LENGTH = 1_024
const NONCE_BYTES = 16
const NONCE = /^[\w-]{16,64}$/

export type RequestRefusal = 'SIGNATURE_MISSING' | 'SIGNATURE_MALFORMED' | 'SIGNATURE_EXPIRED' | 'SIGNATURE_INVALID' | 'ALGORITHM_REFUSED' | 'DIGEST_MISMATCH' | 'SIGNATURE_REPLAYED' | 'NOT_YOURS'

/** A request is not signed as it must be; `code` says how. */
export class RequestRefusedError extends MercuryError {
  override readonly name = 'RequestRefusedError'
  constructor(code: RequestRefusal, reason: string, options?: ErrorOptions) {
    super(code, reason, options)
  }
}

export interface RequestToSign {
  /** In upper case. */
  readonly method: string
  /** The whole URL as it is requested, without a fragment. */
  readonly url: string
  /** @default none */
  readonly body?: Uint8Array
}

export interface SignOptions {
  /** Milliseconds since 1970. @default `Date.now()` */
  now?: number
  /** 16 to 64 letters, digits, `-` or `_`, for one request alone. @default a random one */
  nonce?: string
  signal?: AbortSignal
}

/** The headers of a signed request. */
export type SignatureHeaders = Record<'content-digest' | 'signature-input' | 'signature', string>

/**
 * Signs a request to a home: HTTP Message Signatures over the method, the URL and the digest of the body, with the key of a profile.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9421
 * @see https://www.rfc-editor.org/rfc/rfc9530
 */
export const signRequest = async ({ method, url, body = new Uint8Array() }: RequestToSign, signer: MessageSigner, { now = Date.now(), nonce = randomNonce(), signal }: SignOptions = {}): Promise<SignatureHeaders> => {
  const digest = formatDigest(body)
  const parameters = `(${COVERED.join(' ')});created=${Math.floor(now / SECOND_MS)};nonce="${nonce}";keyid="${signer.id}";alg="${ALGORITHM}";tag="${SIGNATURE_TAG}"`
  const signature = await signer.sign(signatureBase({ method, url, digest }, COVERED, parameters), { signal })
  return { 'content-digest': digest, 'signature-input': `${LABEL}=${parameters}`, signature: `${LABEL}=:${base64pad.baseEncode(signature)}:` }
}

export interface RequestHead {
  readonly method: string
  /** What the URL may have been for whoever signed: a proxy may have changed the scheme. */
  readonly urls: readonly string[]
  /** By name in lower case; values that were sent apart are joined by a comma. */
  readonly headers: Readonly<Partial<Record<string, string | readonly string[]>>>
}

export interface SignedHead {
  readonly signer: ProfileId
  /** Its user remembers it until `created` is out of the window, and refuses it the second time. */
  readonly nonce: string
  /** Unix seconds. */
  readonly created: number
  /** sha2-256 of the body: see {@link checkDigest}. */
  readonly digest: Uint8Array
}

/**
 * Checks the signature of a request before its body is read. Whether the nonce was used before is the caller's affair, and so is what the signer may do.
 *
 * @param options `now`: milliseconds since 1970
 * @throws RequestRefusedError
 */
export const verifyRequestHead = async ({ method, urls, headers }: RequestHead, { now }: { now: number }): Promise<SignedHead> => {
  const { label, covered, parameters, text } = parseInput(single(headers, 'signature-input'))
  const signature = parseSignature(single(headers, 'signature'), label)
  const digestText = single(headers, 'content-digest')
  const digest = parseDigest(digestText)
  const { keyid, nonce, created, expires, alg, tag } = parameters
  if (tag !== SIGNATURE_TAG) throw malformed(`its tag is not ${SIGNATURE_TAG}`)
  if (alg !== ALGORITHM) throw new RequestRefusedError('ALGORITHM_REFUSED', `a request is signed with alg="${ALGORITHM}" and nothing else`)
  if (typeof nonce !== 'string' || !NONCE.test(nonce)) throw malformed('its nonce is not 16 to 64 letters, digits, - or _')
  const signer = readKeyId(keyid)
  checkTime({ created, expires }, now)
  const isValid = async (url: string): Promise<boolean> => verifySignature(publicKeyOf(signer), signature, signatureBase({ method, url, digest: digestText }, covered, text))
  for (const url of urls) if (await isValid(url)) return { signer, nonce, created: created as number, digest }
  throw new RequestRefusedError('SIGNATURE_INVALID', `the signature is not by ${signer} over this method, this URL and this digest`)
}

/** @throws RequestRefusedError (`DIGEST_MISMATCH`) when `body` is another than was signed */
export const checkDigest = ({ digest }: Pick<SignedHead, 'digest'>, body: Uint8Array): void => {
  if (!equals(sha256(body), digest)) throw new RequestRefusedError('DIGEST_MISMATCH', 'the body is another than the one whose digest was signed')
}

/** RFC 9421, section 2.5. */
const signatureBase = ({ method, url, digest }: { method: string; url: string; digest: string }, covered: readonly string[], parameters: string): Uint8Array => {
  const values: Readonly<Record<string, string>> = { '"@method"': method, '"@target-uri"': url, '"content-digest"': digest }
  return utf8([...covered.map((name) => `${name}: ${values[name]}`), `"@signature-params": ${parameters}`].join('\n'))
}

const formatDigest = (body: Uint8Array): string => `sha-256=:${base64pad.baseEncode(sha256(body))}:`

interface SignatureInput {
  label: string
  covered: readonly string[]
  parameters: Readonly<Partial<Record<string, string | number>>>
  /** As it was sent, without the label: what is signed. */
  text: string
}

/** One signature, of the covered components that this protocol knows, each once, and of parameters that it knows, each once. */
const parseInput = (header: string): SignatureInput => {
  const [, label, text, list, tail] = /^([a-z*][a-z0-9_.*-]*)=(\(([^()]*)\)((?:;[a-z]+=(?:\d{1,15}|"[^"\\]*"))+))$/.exec(header) ?? []
  if (label === undefined || text === undefined || list === undefined || tail === undefined) throw malformed('Signature-Input is not one list of components with its parameters')
  const covered = list.split(' ')
  const missing = COVERED.find((name) => !covered.includes(name))
  if (missing !== undefined) throw malformed(`it does not cover ${missing}`)
  if (covered.length !== COVERED.length) throw malformed(`it covers something else than ${COVERED.join(' ')}, or one of them twice`)
  const parameters: Record<string, string | number> = Object.create(null) as Record<string, string | number>
  for (const [, name = '', quoted, number] of tail.matchAll(/;([a-z]+)=(?:"([^"\\]*)"|(\d+))/g)) {
    if (!['created', 'expires', 'nonce', 'keyid', 'alg', 'tag'].includes(name)) throw malformed(`its parameter ${name} is not known`)
    if (name in parameters) throw malformed(`its parameter ${name} is there twice`)
    parameters[name] = quoted ?? Number(number)
  }
  return { label, covered, parameters, text }
}

const parseSignature = (header: string, label: string): Uint8Array => {
  const [, name, text] = /^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]+={0,2}):$/.exec(header) ?? []
  const bytes = text === undefined ? undefined : decodeBase64(text)
  if (name !== label || bytes?.byteLength !== SIGNATURE_BYTES) throw malformed(`Signature is not the ${SIGNATURE_BYTES} bytes of what Signature-Input calls ${label}`)
  return bytes
}

const parseDigest = (header: string): Uint8Array => {
  const [, text] = /^sha-256=:([A-Za-z0-9+/]+={0,2}):$/.exec(header) ?? []
  const bytes = text === undefined ? undefined : decodeBase64(text)
  if (bytes?.byteLength !== 32) throw malformed('Content-Digest is not one sha-256')
  return bytes
}

const readKeyId = (keyid: string | number | undefined): ProfileId => {
  try {
    const signer = parseProfileId(String(keyid))
    if (signer === keyid) return signer
  } catch (error) {
    throw malformed('its keyid is not a profile ID', { cause: error })
  }
  throw malformed('its keyid is not a profile ID in its one spelling, k51…')
}

const checkTime = ({ created, expires }: { created: string | number | undefined; expires: string | number | undefined }, now: number): void => {
  if (typeof created !== 'number') throw malformed('it does not say when it was created')
  const seconds = now / SECOND_MS
  if (Math.abs(seconds - created) > SIGNATURE_WINDOW_S) throw new RequestRefusedError('SIGNATURE_EXPIRED', `it was created ${Math.abs(Math.round(seconds - created))} s ${created > seconds ? 'ahead of' : 'before'} the clock here; at most ${SIGNATURE_WINDOW_S} s are allowed`)
  if (expires === undefined) return
  if (typeof expires !== 'number') throw malformed('its expires is not a number')
  if (seconds > expires) throw new RequestRefusedError('SIGNATURE_EXPIRED', 'it has expired')
}

const single = (headers: RequestHead['headers'], name: string): string => {
  const value = headers[name]
  if (value === undefined) throw new RequestRefusedError('SIGNATURE_MISSING', `the request must be signed; it has no ${name} header`)
  if (typeof value !== 'string') throw malformed(`the ${name} header is there more than once`)
  if (value.length > MAX_HEADER_LENGTH) throw malformed(`the ${name} header is over ${MAX_HEADER_LENGTH} characters`)
  return value
}

/** Only the one canonical spelling. */
const decodeBase64 = (text: string): Uint8Array | undefined => {
  try {
    const bytes = base64pad.baseDecode(text)
    return base64pad.baseEncode(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}

const randomNonce = (): string => Array.from(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)), (byte) => byte.toString(16).padStart(2, '0')).join('')

const malformed = (reason: string, options?: ErrorOptions): RequestRefusedError => new RequestRefusedError('SIGNATURE_MALFORMED', `the signature of the request cannot be used: ${reason}`, options)
