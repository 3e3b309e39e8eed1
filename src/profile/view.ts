import { CID } from 'multiformats/cid'
import { utf8Length } from '../bytes.ts'
import { isCborMap, type CborMap, type CborValue } from '../cbor.ts'
import { MAX_AVATAR_BYTES, MAX_BIO_BYTES, MAX_NAME_BYTES, MAX_TAGS, MAX_TAG_BYTES } from '../limits.ts'
import { MAX_LINKS, MAX_MEDIA_TYPE_BYTES, MAX_PRECISION_METRES, MAX_URL_BYTES, MICRODEGREES, hasControls, hasLinkScheme, isAttributeKey, isLanguageTag } from './attribute.ts'

export interface Location {
  /** Degrees north. */
  lat: number
  /** Degrees east. */
  lon: number
  /** Metres. */
  precision?: number
}

export interface Avatar {
  cid: CID
  /** Media type. */
  type: string
  /** Bytes, 1 to 1,048,576. */
  size: number
}

export interface ProfileLink {
  label?: string
  url: string
}

/** A verified document as a program shows it. Attributes of another shape than the well-known ones are left out and listed under `ignored`. */
export interface Profile {
  kind: string
  name?: string
  bio?: string
  tags: readonly string[]
  type?: string
  lang?: string
  location?: Location
  avatar?: Avatar
  links: readonly ProfileLink[]
  listed: boolean
  /** Every attribute that could be read, the well-known ones too, in the shape of a draft. */
  attributes: Readonly<Record<string, unknown>>
  ignored: readonly { key: string; reason: string }[]
}

/** The typed view of a document's attributes. Never throws: acceptance does not depend on what an attribute looks like. */
export const viewProfile = ({ kind, attrs, listed }: { kind: string; attrs: CborMap; listed?: boolean }): Profile => {
  const attributes: Record<string, unknown> = {}
  const ignored: { key: string; reason: string }[] = []
  for (const [key, value] of Object.entries(attrs)) {
    const viewed = viewAttribute(key, value)
    if ('value' in viewed) attributes[key] = viewed.value
    else ignored.push({ key, reason: viewed.reason })
  }
  const known = Object.fromEntries(WELL_KNOWN.filter((key) => attributes[key] !== undefined).map((key) => [key, attributes[key]]))
  return { tags: [], links: [], ...known, kind, listed: listed === true, attributes, ignored }
}

/** One attribute as a draft would hold it, or the reason why a view leaves it out. */
export const viewAttribute = (key: string, value: CborValue): { value: unknown } | { reason: string } => {
  if (!isAttributeKey(key)) return { reason: 'its key is not an attribute key' }
  const view = Object.hasOwn(views, key) ? views[key] : undefined
  if (!view) return { value }
  const viewed = view(value)
  return viewed === undefined ? { reason: `it is not a well-formed ${key}` } : { value: viewed }
}

const text = (maxBytes: number) => (value: CborValue | undefined): string | undefined =>
  typeof value === 'string' && value !== '' && utf8Length(value) <= maxBytes ? value : undefined

/** A forger writes with a program of his own: what no writer may put into a name, no view may show. */
const name = (value: CborValue): string | undefined => {
  const shown = text(MAX_NAME_BYTES)(value)
  return shown !== undefined && !hasControls(shown) ? shown : undefined
}

const lang = (value: CborValue): string | undefined => (typeof value === 'string' && isLanguageTag(value) ? value : undefined)

const list = <T>(max: number, view: (value: CborValue) => T | undefined) => (value: CborValue): T[] | undefined => {
  if (!Array.isArray(value) || value.length > max) return undefined
  const entries = value.map(view)
  return entries.every((entry) => entry !== undefined) ? entries : undefined
}

const location = (value: CborValue): Location | undefined => {
  if (!isCborMap(value)) return undefined
  const { lat, lon, precision } = value
  if (!isWithin(lat, 90 * MICRODEGREES) || !isWithin(lon, 180 * MICRODEGREES)) return undefined
  if (precision !== undefined && !(typeof precision === 'number' && precision >= 0 && precision <= MAX_PRECISION_METRES)) return undefined
  return { lat: lat / MICRODEGREES, lon: lon / MICRODEGREES, ...(precision === undefined ? {} : { precision }) }
}

const isWithin = (value: CborValue | undefined, max: number): value is number => typeof value === 'number' && Math.abs(value) <= max

const avatar = (value: CborValue): Avatar | undefined => {
  if (!isCborMap(value)) return undefined
  const cid = CID.asCID(value.cid)
  const type = text(MAX_MEDIA_TYPE_BYTES)(value.type)
  const { size } = value
  if (!cid || !type || typeof size !== 'number' || size < 1 || size > MAX_AVATAR_BYTES) return undefined
  return { cid, type, size }
}

const link = (value: CborValue): ProfileLink | undefined => {
  if (!isCborMap(value)) return undefined
  const url = text(MAX_URL_BYTES)(value.url)
  const label = value.label === undefined ? undefined : text(MAX_NAME_BYTES)(value.label)
  if (!url || !hasLinkScheme(url) || (value.label !== undefined && label === undefined)) return undefined
  return { ...(label === undefined ? {} : { label }), url }
}

const WELL_KNOWN = ['name', 'bio', 'tags', 'type', 'lang', 'location', 'avatar', 'links'] as const
const views: Readonly<Record<string, (value: CborValue) => unknown>> = {
  name,
  bio: text(MAX_BIO_BYTES),
  tags: list(MAX_TAGS, text(MAX_TAG_BYTES)),
  type: text(MAX_NAME_BYTES),
  lang,
  location,
  avatar,
  links: list(MAX_LINKS, link)
}
