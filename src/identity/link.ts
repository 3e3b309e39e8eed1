import { base32 } from 'multiformats/bases/base32'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { utf8Length } from '../bytes.ts'
import { MercuryError, checkLimit } from '../errors.ts'
import { MAX_ADDRESS_BYTES, MAX_LINK_ADDRESSES, MAX_LINK_TEXT_LENGTH, MAX_NAME_BYTES } from '../limits.ts'
import { parseProfileId, type ProfileId } from './profile-id.ts'

/** A profile ID with hints on where it may be found. Hints speed a look-up and are never believed, but for `next`. */
export interface Link {
  readonly id: ProfileId
  /** The profile ID of a home that may have it. */
  readonly home?: ProfileId
  /** Multiaddrs of that home, at most 16 of at most 128 bytes; only their form as text is checked. */
  readonly addresses: readonly string[]
  /** A document of the profile: CIDv1, dag-cbor, sha2-256. */
  readonly cid?: CID
  /** What whoever made the link calls the profile, at most 256 bytes; not its name. */
  readonly name?: string
  /** 32 bytes: the digest of the next public key. Pins the pledge: with another `next` it is not this profile. */
  readonly next?: Uint8Array
}

/** What {@link formatLink} takes; no addresses by default. */
export type LinkDraft = Omit<Link, 'addresses'> & { readonly addresses?: readonly string[] }

export class InvalidLinkError extends MercuryError {
  override readonly name = 'InvalidLinkError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_LINK', `not a mercury link: ${reason}`, options)
  }
}

const SCHEME = 'mercury:'
const DAG_CBOR = 0x71
const SHA2_256 = 0x12
const DIGEST_BYTES = 32
/** RFC 3986, section 3.4: what a query is made of. */
const QUERY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/
/** C0, C1, and the controls that make text run the other way. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

/**
 * Reads `mercury:<profile ID>[?home=…&addr=…&cid=…&name=…&next=<base64url>]`; any other spelling of a profile ID is a link without hints.
 * `addr` may be repeated, the others not; parameters of other names are ignored.
 *
 * @throws InvalidLinkError, LimitError, InvalidProfileIdError for the ID and for `home`
 */
export const parseLink = (text: string): Link => {
  if (!text.startsWith(SCHEME)) return { id: parseProfileId(text), addresses: [] }
  checkLimit('link characters', MAX_LINK_TEXT_LENGTH, text.length)
  const end = text.indexOf('?')
  if (end < 0) return { id: parseProfileId(text), addresses: [] }
  const id = parseProfileId(text.slice(0, end))
  const values = parseQuery(text.slice(end + 1))
  const home = single(values, 'home')
  const cid = single(values, 'cid')
  const name = single(values, 'name')
  const next = single(values, 'next')
  return {
    id,
    ...(home === undefined ? {} : { home: parseProfileId(home) }),
    addresses: checkAddresses(values.get('addr') ?? []),
    ...(cid === undefined ? {} : { cid: parseDocumentCid(cid) }),
    ...(name === undefined ? {} : { name: checkName(name) }),
    ...(next === undefined ? {} : { next: parseDigest(next) })
  }
}

/**
 * The text of a link, that {@link parseLink} reads back.
 *
 * @throws InvalidLinkError, LimitError
 */
export const formatLink = ({ id, home, addresses = [], cid, name, next }: LinkDraft): string => {
  const parameters = [
    ...(home === undefined ? [] : [`home=${home}`]),
    ...checkAddresses(addresses).map((address) => `addr=${encodeValue(address)}`),
    ...(cid === undefined ? [] : [`cid=${checkDocumentCid(cid).toString(base32)}`]),
    ...(name === undefined ? [] : [`name=${encodeValue(checkName(name))}`]),
    ...(next === undefined ? [] : [`next=${base64url.encode(checkDigest(next)).slice(1)}`])
  ]
  const text = SCHEME + id + (parameters.length > 0 ? `?${parameters.join('&')}` : '')
  checkLimit('link characters', MAX_LINK_TEXT_LENGTH, text.length)
  return text
}

/** Values by name. `+` stands for itself, as in every URI that is not a form. */
const parseQuery = (query: string): Map<string, string[]> => {
  if (!QUERY.test(query)) throw new InvalidLinkError('its query has a character that must be percent-encoded, or a % without two hexadecimal digits')
  const values = new Map<string, string[]>()
  for (const parameter of query.split('&')) {
    const [, name, value] = /^([^=]+)(?:=(.*))?$/.exec(parameter) ?? []
    if (name === undefined) throw new InvalidLinkError('it has a parameter without a name')
    const key = decodeValue(name)
    values.set(key, [...(values.get(key) ?? []), decodeValue(value ?? '')])
  }
  return values
}

const decodeValue = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded)
  } catch (error) {
    throw new InvalidLinkError('it percent-encodes what is not UTF-8', { cause: error })
  }
}

/** Leaves what a query may hold and multiaddrs are full of as it is. */
const encodeValue = (value: string): string => encodeURIComponent(value).replaceAll('%2F', '/').replaceAll('%3A', ':')

const single = (values: ReadonlyMap<string, readonly string[]>, name: string): string | undefined => {
  const given = values.get(name)
  if (given && given.length > 1) throw new InvalidLinkError(`it has ${name} more than once`)
  return given?.[0]
}

const checkAddresses = (addresses: readonly string[]): string[] => {
  checkLimit('link addresses', MAX_LINK_ADDRESSES, addresses.length)
  return addresses.map((address) => {
    checkText('addr', MAX_ADDRESS_BYTES, address)
    if (!address.startsWith('/')) throw new InvalidLinkError('an addr is not a multiaddr')
    return address
  })
}

const checkName = (name: string): string => {
  checkText('name', MAX_NAME_BYTES, name)
  return name
}

const checkText = (what: string, maxBytes: number, text: string): void => {
  checkLimit(`link ${what} bytes`, maxBytes, utf8Length(text))
  if (text === '') throw new InvalidLinkError(`its ${what} is empty`)
  if (!text.isWellFormed()) throw new InvalidLinkError(`its ${what} has a lone surrogate`)
  if (CONTROLS.test(text)) throw new InvalidLinkError(`its ${what} has control characters`)
}

const parseDocumentCid = (text: string): CID => {
  const cid = checkDocumentCid(decodeBase('cid', () => CID.decode(base32.decode(text))))
  if (base32.encode(cid.bytes) !== text) throw new InvalidLinkError('its cid is not spelled canonically')
  return cid
}

const checkDocumentCid = (cid: CID): CID => {
  const { version, code, multihash } = cid
  if (version !== 1 || code !== DAG_CBOR || multihash.code !== SHA2_256 || multihash.digest.byteLength !== DIGEST_BYTES) throw new InvalidLinkError('its cid is not of a document: version 1, dag-cbor, sha2-256')
  return cid
}

const parseDigest = (text: string): Uint8Array => {
  const next = checkDigest(decodeBase('next', () => base64url.decode(base64url.prefix + text)))
  if (base64url.encode(next).slice(1) !== text) throw new InvalidLinkError('its next is not spelled canonically')
  return next
}

const checkDigest = (next: Uint8Array): Uint8Array => {
  if (next.byteLength !== DIGEST_BYTES) throw new InvalidLinkError(`its next has ${next.byteLength} bytes, not ${DIGEST_BYTES}`)
  return next
}

const decodeBase = <T>(what: string, decode: () => T): T => {
  try {
    return decode()
  } catch (error) {
    throw new InvalidLinkError(`its ${what} does not decode`, { cause: error })
  }
}
