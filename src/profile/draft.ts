import { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { utf8Length } from '../bytes.ts'
import { decodeCbor, encodeCbor, type CborMap, type CborValue } from '../cbor.ts'
import { MercuryError } from '../errors.ts'
import { MAX_ATTRIBUTE_KEY_LENGTH, MAX_AVATAR_BYTES, MAX_BIO_BYTES, MAX_KIND_BYTES, MAX_NAME_BYTES, MAX_TAGS, MAX_TAG_BYTES } from '../limits.ts'
import { LINK_SCHEMES, MAX_LINKS, MAX_MEDIA_TYPE_BYTES, MAX_PRECISION_METRES, MAX_URL_BYTES, MICRODEGREES, hasControls, hasLinkScheme, isAttributeKey, isLanguageTag } from './attribute.ts'
import { viewAttribute, type Avatar, type Location, type ProfileLink } from './view.ts'

/**
 * What an owner writes: the attributes of a profile, `listed` and, for others than personas, `kind`. It is the shape of the YAML file.
 *
 * Attributes that are `null`, `''` or `[]` are left out. Keys are 1 to 64 of `a-z 0-9 . _ - /`; an application's own start with its
 * reversed domain (`org.example.app/…`). Values hold no floats but `location`'s degrees.
 */
export interface ProfileDraft {
  kind?: string
  listed?: boolean
  /** <= 256 bytes, without control characters and bidirectional overrides. */
  name?: string | null
  /** <= 4,096 bytes. */
  bio?: string | null
  /** <= 32 of <= 64 bytes. */
  tags?: readonly string[] | null
  type?: string | null
  /** BCP 47. */
  lang?: string | null
  /** Degrees; `precision` in metres. */
  location?: Location | null
  /** <= 1 MiB; `attach` makes one. */
  avatar?: Avatar | { cid: string; type: string; size: number } | null
  /** Schemes http, https, mailto, tel, xmpp, matrix, ipfs, ipns, mercury. */
  links?: readonly ProfileLink[] | null
  [attribute: string]: unknown
}

export class InvalidDraftError extends MercuryError {
  override readonly name = 'InvalidDraftError'
  /** The attribute, with the index where it is a list. */
  readonly path: string
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super('INVALID_DRAFT', `${path} ${reason}`, options)
    this.path = path
  }
}

const RESERVED: ReadonlySet<string> = new Set(['kind', 'listed'])

/**
 * The `attrs` map of a document.
 *
 * Of `base`, other applications' attributes (those with a `/`) that `draft` does not name are carried over. Where `before` is given, the
 * draft that was read from `base` and then changed, exactly what the change did not touch is carried over, as it stands in `base`.
 *
 * @throws InvalidDraftError
 */
export const encodeAttributes = (draft: ProfileDraft, base: CborMap = {}, before?: ProfileDraft): CborMap => {
  const isCarried = (key: string): boolean => {
    if (!before) return key.includes('/') && draft[key] === undefined
    // A draft cannot name these as attributes, so no change can have touched them.
    return RESERVED.has(key) || isSame(draft[key], before[key])
  }
  const carried = Object.entries(base).filter(([key]) => isCarried(key))
  const carriedKeys = new Set(carried.map(([key]) => key))
  const written = Object.keys(draft)
    .filter((key) => !RESERVED.has(key) && !carriedKeys.has(key) && !isEmpty(draft[key]))
    .map((key): [string, CborValue] => [key, encodeAttribute(key, draft[key])])
  return Object.fromEntries([...carried, ...written])
}

/** The kind that `draft` asks for; undefined when it does not say. @throws InvalidDraftError */
export const readKind = ({ kind }: ProfileDraft): string | undefined => {
  const asked: unknown = kind ?? undefined
  if (asked === undefined) return undefined
  if (typeof asked !== 'string' || asked === '' || !asked.isWellFormed() || utf8Length(asked) > MAX_KIND_BYTES) throw new InvalidDraftError('kind', `must be text of 1 to ${MAX_KIND_BYTES} bytes`)
  return asked
}

/** Whether `draft` asks to be indexed for search. @throws InvalidDraftError when it says neither true nor false: `'no'` must not mean yes */
export const readListed = ({ listed }: ProfileDraft): boolean => {
  const asked: unknown = listed ?? false
  if (typeof asked !== 'boolean') throw new InvalidDraftError('listed', 'must be true or false')
  return asked
}

/** The draft that stands for a document: every attribute that a view can read, as a writer would write it. */
export const draftOf = ({ kind, listed, attrs }: { kind: string; listed?: boolean; attrs: CborMap }): ProfileDraft => {
  const draft: ProfileDraft = { kind, ...(listed ? { listed } : {}) }
  for (const [key, value] of Object.entries(attrs)) {
    const viewed = viewAttribute(key, value)
    if ('value' in viewed && !RESERVED.has(key)) draft[key] = viewed.value
  }
  return draft
}

const encodeAttribute = (key: string, value: unknown): CborValue => {
  if (!isAttributeKey(key)) throw new InvalidDraftError(JSON.stringify(key.slice(0, 80)), `is not an attribute key: 1 to ${MAX_ATTRIBUTE_KEY_LENGTH} of a-z 0-9 . _ - /`)
  const encoder = Object.hasOwn(encoders, key) ? encoders[key] : undefined
  if (encoder) return encoder(key, value)
  try {
    // A copy, read back from as deep as it stands in the document: what a document cannot hold is refused here, by name.
    const [attrs] = decodeCbor(encodeCbor([{ [key]: value as CborValue }])) as readonly [CborMap]
    return attrs[key]!
  } catch (error) {
    throw new InvalidDraftError(key, `has a value that a profile cannot hold: ${(error as Error).message}`, { cause: error })
  }
}

const text = (maxBytes: number) => (path: string, value: unknown): string => {
  if (typeof value !== 'string' || value === '') throw new InvalidDraftError(path, 'must be text')
  if (!value.isWellFormed()) throw new InvalidDraftError(path, 'has a lone surrogate')
  const normalised = value.normalize('NFC')
  if (utf8Length(normalised) > maxBytes) throw new InvalidDraftError(path, `must be at most ${maxBytes} bytes; it has ${utf8Length(normalised)}`)
  return normalised
}

const name = (path: string, value: unknown): string => {
  const normalised = text(MAX_NAME_BYTES)(path, value)
  if (hasControls(normalised)) throw new InvalidDraftError(path, 'has a control character or a bidirectional override')
  return normalised
}

const tags = (path: string, value: unknown): CborValue => list(path, value, MAX_TAGS).map((tag, i) => text(MAX_TAG_BYTES)(`${path}[${i}]`, tag))

const lang = (path: string, value: unknown): string => {
  if (typeof value !== 'string' || !isLanguageTag(value)) throw new InvalidDraftError(path, 'must be a BCP 47 language tag such as en or pt-BR')
  return value
}

const location = (path: string, value: unknown): CborMap => {
  const { lat, lon, precision, ...rest } = map(path, value)
  checkNoRest(path, rest, 'lat, lon and precision')
  if (precision !== undefined && !isWhole(precision, 0, MAX_PRECISION_METRES)) throw new InvalidDraftError(`${path}.precision`, `must be whole metres from 0 to ${MAX_PRECISION_METRES}`)
  return { lat: degrees(`${path}.lat`, lat, 90), lon: degrees(`${path}.lon`, lon, 180), ...(precision === undefined ? {} : { precision: precision as number }) }
}

const degrees = (path: string, value: unknown, max: number): number => {
  if (typeof value !== 'number' || !(Math.abs(value) <= max)) throw new InvalidDraftError(path, `must be degrees from -${max} to ${max}`)
  return Math.round(value * MICRODEGREES) + 0
}

const avatar = (path: string, value: unknown): CborMap => {
  const { cid, type, size, ...rest } = map(path, value)
  checkNoRest(path, rest, 'cid, type and size')
  if (!isWhole(size, 1, MAX_AVATAR_BYTES)) throw new InvalidDraftError(`${path}.size`, `must be 1 to ${MAX_AVATAR_BYTES} bytes`)
  return { cid: link(`${path}.cid`, cid), type: text(MAX_MEDIA_TYPE_BYTES)(`${path}.type`, type), size: size as number }
}

const link = (path: string, value: unknown): CID => {
  try {
    const cid = typeof value === 'string' && value.length <= 128 ? CID.parse(value) : CID.asCID(value)
    if (cid) return cid
  } catch (error) {
    throw new InvalidDraftError(path, 'must be a CID', { cause: error })
  }
  throw new InvalidDraftError(path, 'must be a CID')
}

const links = (path: string, value: unknown): CborValue =>
  list(path, value, MAX_LINKS).map((entry, i) => {
    const { label, url, ...rest } = map(`${path}[${i}]`, entry)
    checkNoRest(`${path}[${i}]`, rest, 'label and url')
    return { ...(isEmpty(label) ? {} : { label: text(MAX_NAME_BYTES)(`${path}[${i}].label`, label) }), url: linkUrl(`${path}[${i}].url`, url) }
  })

const linkUrl = (path: string, value: unknown): string => {
  const url = text(MAX_URL_BYTES)(path, value)
  if (!hasLinkScheme(url)) throw new InvalidDraftError(path, `must start with one of ${[...LINK_SCHEMES].join(', ')}`)
  return url
}

const encoders: Readonly<Record<string, (path: string, value: unknown) => CborValue>> = { name, bio: text(MAX_BIO_BYTES), tags, type: text(MAX_NAME_BYTES), lang, location, avatar, links }

const list = (path: string, value: unknown, max: number): readonly unknown[] => {
  if (!Array.isArray(value)) throw new InvalidDraftError(path, 'must be a list')
  if (value.length > max) throw new InvalidDraftError(path, `must have at most ${max} entries; it has ${value.length}`)
  return value
}

const map = (path: string, value: unknown): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidDraftError(path, 'must be a map')
  return value as Record<string, unknown>
}

const checkNoRest = (path: string, rest: object, known: string): void => {
  const [key] = Object.keys(rest)
  if (key !== undefined) throw new InvalidDraftError(`${path}.${key}`, `is not one of ${known}`)
}

const isWhole = (value: unknown, min: number, max: number): boolean => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)

const isSame = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array || b instanceof Uint8Array) return a instanceof Uint8Array && b instanceof Uint8Array && equals(a, b)
  const cid = CID.asCID(a)
  if (cid) return cid.equals(CID.asCID(b) ?? undefined)
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
}
