import { utf8Length } from '../bytes.ts'
import { MercuryError, checkLimit } from '../errors.ts'
import { parseProfileId, type ProfileId } from '../identity/profile-id.ts'
import { hasLinkScheme, isLanguageTag } from '../profile/attribute.ts'
import { encodeAttributes, type ProfileDraft } from '../profile/draft.ts'
import type { ProfileLink } from '../profile/view.ts'
import { parseContentLines, splitValue, unescapeText, unescapeUri, type ContentLine } from './content-line.ts'
import { isBuiltInLabel } from './format.ts'
import { parseGeo } from './geo.ts'
import { InvalidVcardError } from './invalid-vcard.ts'
import { profileKind } from './kind.ts'
import { parsePhoto, type VcardPhoto } from './photo.ts'

/** Room for a picture of 1 MiB, in base64 and folded. */
export const MAX_VCARD_BYTES = 2 * 1_048_576
/** What is read as text is no longer than a document. */
const MAX_VALUE_LENGTH = 65_536

export interface ParsedVcard {
  /** Without the picture: `attach` makes an avatar of it. */
  draft: ProfileDraft
  photo?: VcardPhoto
  /** Whose profile the card says that it is of: nobody signed that. */
  id?: ProfileId
  /** The properties that a profile does not hold, or not whole, in upper case and sorted: `BDAY`, `TEL`. */
  lost: string[]
}

/**
 * Reads one vCard of version 4.0 or 3.0. Nothing is fetched, and nothing is cut off: what is over a limit of a profile is an error.
 *
 * `EMAIL`, `TEL`, `IMPP` and `ADR` are never taken over: a card is for friends, a profile for everybody and for good.
 *
 * @throws LimitError over 2 MiB, 1,024 properties or a picture of 1 MiB; InvalidVcardError; InvalidDraftError for what a profile must not hold
 */
export const parseVcard = async (vcard: string | Uint8Array): Promise<ParsedVcard> => {
  checkLimit('vCard bytes', MAX_VCARD_BYTES, typeof vcard === 'string' ? utf8Length(vcard) : vcard.byteLength)
  const properties = new Properties(readCard(typeof vcard === 'string' ? vcard : decode(vcard)))
  const kind = properties.one('KIND', ({ value }) => profileKind(value))
  const name = readName(properties)
  const bio = properties.one('NOTE', text)
  const tags = properties.all('CATEGORIES').flatMap((line) => splitValue(short(line), ',').map(unescapeText)).filter((tag) => tag !== '')
  const lang = properties.one('LANG', ({ value }) => (isLanguageTag(value) ? value : undefined))
  const geo = properties.one('GEO', ({ value }) => parseGeo(unescapeUri(value)))
  if (geo?.isWhole === false) properties.lose('GEO')
  const photo = properties.one('PHOTO', parsePhoto)
  const links = readLinks(properties)
  const id = properties.one('UID', readId)
  const draft = { ...present({ kind, name, bio, lang, location: geo?.location }), ...(tags.length > 0 ? { tags } : {}), ...(links.length > 0 ? { links } : {}) }
  encodeAttributes(draft)
  return { draft, ...present({ photo, id }), lost: properties.lost() }
}

/** Whether a file is a vCard, by how it starts. */
export const isVcard = (bytes: Uint8Array): boolean => /^\ufeff?\s*BEGIN:VCARD/i.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, 64)))

/** What describes the card and not whom it is of. */
const OF_THE_CARD: ReadonlySet<string> = new Set(['VERSION', 'PRODID', 'REV'])

/** The properties of a card; what nobody asked for or could use is lost. */
class Properties {
  private readonly linesByName: Map<string, ContentLine[]>
  private readonly lostNames = new Set<string>()

  constructor (lines: readonly ContentLine[]) {
    const said = lines.filter(({ name, value }) => !OF_THE_CARD.has(name) && value !== '')
    for (const { name } of said.filter(isEncoded)) this.lose(name)
    this.linesByName = Map.groupBy(said.filter((line) => !isEncoded(line)), ({ name }) => name)
  }

  /** All of a name. */
  all (name: string): ContentLine[] {
    const lines = this.linesByName.get(name) ?? []
    this.linesByName.delete(name)
    return lines
  }

  /** The preferred one of a name that `read` can use; the others are lost. */
  one<T> (name: string, read: (line: ContentLine) => T | undefined): T | undefined {
    const lines = this.all(name).sort((a, b) => preference(a) - preference(b))
    const values = lines.map(read)
    const used = values.findIndex((value) => value !== undefined)
    if (lines.length > 1 || (lines.length === 1 && used < 0)) this.lose(name)
    return values[used]
  }

  lose (name: string): void {
    this.lostNames.add(name)
  }

  lost (): string[] {
    const unread = [...this.linesByName.values()].flat().filter(({ value }) => !/^[\s,;]*$/.test(value)).map(({ name }) => name)
    return [...new Set([...this.lostNames, ...unread])].sort()
  }
}

const readCard = (text: string): ContentLine[] => {
  const lines = parseContentLines(text.replace(/^\ufeff/, ''))
  const [first, ...rest] = lines
  const last = rest.pop()
  if (!first || !isBoundary(first, 'BEGIN')) throw new InvalidVcardError('it does not start with BEGIN:VCARD')
  if (rest.some((line) => isBoundary(line, 'BEGIN'))) throw new InvalidVcardError('it holds more than one card; put each into a file of its own')
  if (!last || !isBoundary(last, 'END') || rest.some(({ name }) => name === 'BEGIN' || name === 'END')) throw new InvalidVcardError('it does not end with END:VCARD')
  const version = rest.find(({ name }) => name === 'VERSION')?.value.trim()
  if (version === '2.1') throw new InvalidVcardError('it is of version 2.1; export it again as version 3.0 or 4.0')
  if (version !== '3.0' && version !== '4.0') throw new InvalidVcardError('it is not of version 3.0 or 4.0')
  return rest
}

const isBoundary = ({ name, value }: ContentLine, boundary: 'BEGIN' | 'END'): boolean => name === boundary && value.trim().toUpperCase() === 'VCARD'

const decode = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new InvalidVcardError('it is not UTF-8 text', { cause: error })
  }
}

/** The name as it is written; where there is none, its parts put together. How `N` divides it is lost. */
const readName = (properties: Properties): string | undefined => {
  const formatted = properties.one('FN', text)
  const parts = properties.one('N', (line) => splitValue(short(line), ';').map(unescapeText))
  const [family, given, additional, prefix, suffix] = (parts ?? []).map((part) => part.trim())
  const composed = [prefix, given, additional, family, suffix].filter((part) => part !== undefined && part !== '')
  if (composed.length > 1 || (composed.length === 1 && formatted !== undefined && composed[0] !== formatted.trim())) properties.lose('N')
  return formatted ?? (composed.length === 0 ? undefined : composed.join(' '))
}

const readLinks = (properties: Properties): ProfileLink[] => {
  const labels = properties.all('X-ABLABEL')
  const labelByGroup = new Map(labels.map((line) => [line.group, readLabel(text(line))]))
  const urls = properties.all('URL')
  if (labels.length > labelByGroup.size || labels.some(({ group }) => group === undefined || !urls.some((url) => url.group === group))) properties.lose('X-ABLABEL')
  return urls.flatMap((line): ProfileLink[] => {
    const url = unescapeUri(short(line)).trimStart()
    if (!hasLinkScheme(url)) {
      properties.lose('URL')
      return []
    }
    const label = line.group === undefined ? undefined : labelByGroup.get(line.group)
    return [{ ...present({ label }), url }]
  })
}

const readLabel = (label: string): string => (isBuiltInLabel(label) ? label.slice('_$!<'.length, -'>!$_'.length) : label)

const readId = ({ value }: ContentLine): ProfileId | undefined => {
  try {
    return parseProfileId(unescapeText(value.slice(0, MAX_VALUE_LENGTH)))
  } catch (error) {
    if (error instanceof MercuryError) return undefined
    throw error
  }
}

const text = (line: ContentLine): string => unescapeText(short(line))

const short = ({ name, value }: ContentLine): string => {
  checkLimit(`vCard ${name} characters`, MAX_VALUE_LENGTH, value.length)
  return value
}

/** Quoted-printable is of version 2.1, and base64 of pictures: read as it stands a text would be garbage. */
const isEncoded = ({ name, parameters }: ContentLine): boolean => name !== 'PHOTO' && parameters.has('ENCODING')

/** 1 is preferred most; version 3.0 has a type for it. */
const preference = ({ parameters }: ContentLine): number => {
  if (parameters.get('TYPE')?.some((type) => type.toLowerCase() === 'pref')) return 1
  const given = Number(parameters.get('PREF')?.[0] ?? Infinity)
  return given >= 1 ? given : Infinity
}

const present = <T extends Record<string, unknown>>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }
