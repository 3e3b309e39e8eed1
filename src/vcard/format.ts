import { checkLimit } from '../errors.ts'
import { formatProfileId, type ProfileId } from '../identity/profile-id.ts'
import { MAX_AVATAR_BYTES } from '../limits.ts'
import { draftOf, encodeAttributes, readKind, readListed, type ProfileDraft } from '../profile/draft.ts'
import type { Avatar, Location, ProfileLink } from '../profile/view.ts'
import { verifyBlock } from '../store/block.ts'
import { escapeComponent, escapeText, formatContentLine } from './content-line.ts'
import { formatGeo } from './geo.ts'
import { vcardKind } from './kind.ts'
import { formatPhoto, isImageType, type VcardPhoto } from './photo.ts'

export interface FormatVcardOptions {
  /** Whose profile it is; goes in as `did:key:…`. */
  id?: ProfileId
  /** The picture of the profile: its bytes go into the card. */
  photo?: VcardPhoto
  /** When the profile was changed. */
  revised?: Date
}

export interface FormattedVcard {
  /** RFC 6350: lines of at most 75 octets that end with CRLF. */
  text: string
  /** What the card does not hold, or not whole, by attribute: `listed`, `links[2]`, `org.example.app/…`. */
  lost: string[]
}

/**
 * A vCard 4.0 of what one can hold of a profile; `draftOf` makes a draft of a document.
 *
 * A picture is in it only as bytes: address books do not fetch from IPFS. Where the profile has one already, `photo` must be that one.
 *
 * @throws InvalidDraftError, LimitError for a picture over 1 MiB, BlockMismatchError for another picture than the profile's
 * @see https://www.rfc-editor.org/rfc/rfc6350
 */
export const formatVcard = async (draft: ProfileDraft, { id, photo, revised }: FormatVcardOptions = {}): Promise<FormattedVcard> => {
  const kind = readKind(draft)
  const listed = readListed(draft)
  const { name, bio, tags, lang, location, avatar, links, ...others } = attributesOf(draft)
  const parts = [
    ...kindPart(kind),
    property('UID', id && formatProfileId(id, 'did')),
    ...namePart(name),
    ...textPart('NOTE', 'bio', bio),
    ...tagsPart(tags),
    property('LANG', lang),
    property('GEO', location && formatGeo(location)),
    ...await photoPart(avatar, photo),
    ...linksPart(links),
    property('REV', revised && formatTime(revised)),
    ...Object.keys({ ...(listed ? { listed } : {}), ...others }).map(missing)
  ]
  const lines = ['BEGIN:VCARD\r\n', 'VERSION:4.0\r\n', ...parts.flatMap((part) => part.lines ?? []), 'END:VCARD\r\n']
  return { text: lines.join(''), lost: parts.flatMap((part) => part.lost ?? []) }
}

/** What one attribute comes to. */
interface Part {
  readonly lines?: readonly string[]
  readonly lost?: readonly string[]
}

interface Attributes extends Record<string, unknown> {
  name?: string
  bio?: string
  tags?: readonly string[]
  lang?: string
  location?: Location
  avatar?: Avatar
  links?: readonly ProfileLink[]
}

/** As the profile would hold them: what it could not is refused here. */
const attributesOf = (draft: ProfileDraft): Attributes => {
  const { kind: _, ...attributes } = draftOf({ kind: '', attrs: encodeAttributes(draft) })
  return attributes as Attributes
}

const property = (name: string, value: string | undefined): Part => (value === undefined ? {} : { lines: [formatContentLine(name, value)] })

const missing = (path: string): Part => ({ lost: [path] })

const kindPart = (kind: string | undefined): Part[] => {
  const known = kind === undefined ? undefined : vcardKind(kind)
  return kind !== undefined && known === undefined ? [missing('kind')] : [property('KIND', known)]
}

/** `FN` must be there; `N`, not divided, is for the programs that show nothing else. */
const namePart = (name: string | undefined): Part[] => [property('FN', escapeText(name ?? '')), property('N', name && `;${escapeComponent(name)};;;`)]

const textPart = (name: string, path: string, text: string | undefined): Part[] => {
  if (text === undefined) return []
  const held = withoutControls(text)
  return [...(held === '' ? [] : [property(name, escapeText(held))]), ...(held === text ? [] : [missing(path)])]
}

const tagsPart = (tags: readonly string[] = []): Part[] => {
  const held = tags.map(withoutControls)
  const written = held.filter((tag) => tag !== '').map(escapeText)
  return [property('CATEGORIES', written.length === 0 ? undefined : written.join(',')), ...tags.flatMap((tag, i) => (tag === held[i] ? [] : [missing(`tags[${i}]`)]))]
}

const photoPart = async (avatar: Avatar | undefined, photo: VcardPhoto | undefined): Promise<Part[]> => {
  if (!photo) return avatar ? [missing('avatar')] : []
  checkLimit('photo bytes', MAX_AVATAR_BYTES, photo.bytes.byteLength)
  if (avatar) await verifyBlock(avatar.cid, photo.bytes)
  const type = (avatar ?? photo).type.toLowerCase()
  return [isImageType(type) && photo.bytes.byteLength > 0 ? property('PHOTO', formatPhoto({ bytes: photo.bytes, type })) : missing('avatar')]
}

/** A label stands in a group with its URL, as `X-ABLabel`: what Apple's, Google's and most other address books read and write. */
const linksPart = (links: readonly ProfileLink[] = []): Part[] => links.flatMap(({ label, url }, i): Part[] => {
  // Written otherwise it would be another URL; a backslash some readers take for an escape.
  if (withoutControls(url) !== url || /[\n\\]/.test(url)) return [missing(`links[${i}]`)]
  if (label === undefined) return [property('URL', url)]
  const group = `item${i + 1}`
  const isWhole = withoutControls(label) === label && !isBuiltInLabel(label)
  return [
    { lines: [formatContentLine('URL', url, isWhole ? { group } : {})] },
    isWhole ? { lines: [formatContentLine('X-ABLabel', escapeText(label), { group })] } : missing(`links[${i}].label`)
  ]
})

/** How Apple marks labels that it translates, as in `_$!<HomePage>!$_`. */
export const isBuiltInLabel = (label: string): boolean => label.startsWith('_$!<') && label.endsWith('>!$_')

/** What the lines of a vCard may hold: no C0 but tabs and line ends, no DEL. */
const withoutControls = (text: string): string => text.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')

/** Seconds, in the basic format that RFC 6350 asks for. */
const formatTime = (time: Date): string => `${time.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
