import { utf8Length } from '../bytes.ts'
import { checkLimit } from '../errors.ts'
import { InvalidVcardError } from './invalid-vcard.ts'

/** One property of a vCard. @see https://www.rfc-editor.org/rfc/rfc6350#section-3.3 */
export interface ContentLine {
  /** Lower case. */
  readonly group?: string
  /** Upper case: letters, digits and hyphens. */
  readonly name: string
  /** Values by upper-case name. */
  readonly parameters: ReadonlyMap<string, readonly string[]>
  /** As it stands, escapes too. */
  readonly value: string
}

export const MAX_VCARD_PROPERTIES = 1_024
const MAX_HEADER_LENGTH = 4_096
const MAX_LINE_OCTETS = 75

const LINE_END = /\r\n|\r|\n/
const FOLD = /(?:\r\n|\r|\n)[ \t]/g
const NAME = /^(?:([A-Za-z0-9-]{1,64})\.)?([A-Za-z0-9-]{1,64})(?=;|$)/
const PARAMETER = /;([A-Za-z0-9-]+)(?:=((?:"[^"]*"|[^";:])*))?/gy
const PARAMETER_VALUE = /(?:"[^"]*"|[^",])+/g

/**
 * The properties of `text`, in order; `BEGIN` and `END` are among them.
 *
 * @throws LimitError over 1,024 properties, InvalidVcardError
 */
export const parseContentLines = (text: string): ContentLine[] => {
  const lines = text.replace(FOLD, '').split(LINE_END).filter((line) => line.trim() !== '')
  checkLimit('vCard properties', MAX_VCARD_PROPERTIES, lines.length)
  return lines.map(parseContentLine)
}

/** A property with its line end, folded at 75 octets; never within a character. */
export const formatContentLine = (name: string, value: string, { group }: { group?: string } = {}): string => `${fold(`${group === undefined ? '' : `${group}.`}${name}:${value}`)}\r\n`

/** @see https://www.rfc-editor.org/rfc/rfc6350#section-3.4 */
export const escapeText = (text: string): string => text.replace(/[\\,\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))

/** As {@link escapeText}, for a part of a compound value. */
export const escapeComponent = (text: string): string => escapeText(text).replaceAll(';', '\\;')

/** What version 3.0 escapes too is read in both. */
export const unescapeText = (value: string): string => value.replace(/\\([\\,;:nN])/g, (_, character: string) => (character === 'n' || character === 'N' ? '\n' : character))

/** A URI needs no escapes, but many writers put them. */
export const unescapeUri = (value: string): string => value.replace(/\\([,;:])/g, '$1')

/** Parts of a value that `delimiter` separates, still escaped. */
export const splitValue = (value: string, delimiter: ',' | ';'): string[] => {
  const parts: string[] = []
  let start = 0
  for (let i = 0; i < value.length; i++) {
    if (value[i] === '\\') i++
    else if (value[i] === delimiter) {
      parts.push(value.slice(start, i))
      start = i + 1
    }
  }
  return [...parts, value.slice(start)]
}

const parseContentLine = (line: string, index: number): ContentLine => {
  const end = endOfHeader(line)
  if (end === undefined) throw new InvalidVcardError(`property ${index + 1} has no colon behind its name`)
  const header = line.slice(0, end)
  const [named, group, name] = NAME.exec(header) ?? []
  if (name === undefined) throw new InvalidVcardError(`property ${index + 1} has a name that is none`)
  return { ...(group === undefined ? {} : { group: group.toLowerCase() }), name: name.toUpperCase(), parameters: parseParameters(header.slice(named!.length), name), value: line.slice(end + 1) }
}

/** Where the first colon outside quotes stands: long before what could make the expressions below slow. */
const endOfHeader = (line: string): number | undefined => {
  let quoted = false
  for (let i = 0; i < Math.min(line.length, MAX_HEADER_LENGTH); i++) {
    if (line[i] === '"') quoted = !quoted
    else if (line[i] === ':' && !quoted) return i
  }
  return undefined
}

const parseParameters = (text: string, property: string): Map<string, readonly string[]> => {
  const valuesByName = new Map<string, readonly string[]>()
  let end = 0
  for (const [whole, name, values] of text.matchAll(PARAMETER)) {
    // Version 2.1 had types without a name, and programs still write them.
    const key = values === undefined ? 'TYPE' : name!.toUpperCase()
    valuesByName.set(key, [...(valuesByName.get(key) ?? []), ...(values === undefined ? [name!] : parseValues(values))])
    end += whole.length
  }
  if (end < text.length) throw new InvalidVcardError(`${property.toUpperCase()} has a parameter that cannot be read`)
  return valuesByName
}

/** @see https://www.rfc-editor.org/rfc/rfc6868 */
const parseValues = (values: string): string[] =>
  (values.match(PARAMETER_VALUE) ?? []).map((value) => value.replaceAll('"', '').replace(/\^([n^'])/g, (_, character: string) => (character === 'n' ? '\n' : character === '\'' ? '"' : '^')))

const fold = (line: string): string => {
  const parts: string[] = []
  let start = 0
  let octets = 0
  for (let i = 0; i < line.length;) {
    const character = String.fromCodePoint(line.codePointAt(i)!)
    const length = utf8Length(character)
    if (octets + length > MAX_LINE_OCTETS) {
      parts.push(line.slice(start, i))
      start = i
      // The space that a continued line starts with.
      octets = 1
    }
    octets += length
    i += character.length
  }
  return [...parts, line.slice(start)].join('\r\n ')
}
