import type { ProfileDocument } from '../../profile/document.ts'
import { cellsOf } from '../analyser/geo-cell.ts'
import { formKey, geoKey, kindKey, langKey, ownerKey, prefixesOf, wordKey } from './keys.ts'
import { profileWordsOf } from './profile-words.ts'

export const MAX_INDEXED_DOCUMENT_BYTES = 4_096

export interface ProfileTerms {
  /** Each once, at most 256; in no order. Typo keys are not among them: they are made of an index's vocabulary. */
  readonly keys: readonly string[]
}

/** Whether a document may stand in an index at all. @param bytes of its block */
export const isIndexable = ({ listed, gone }: ProfileDocument, bytes: number): boolean => listed === true && gone !== true && bytes <= MAX_INDEXED_DOCUMENT_BYTES

/**
 * The keys under which a profile is found.
 *
 * @param bytes how long the document's block is
 * @returns `undefined` for a document that is not indexed: not listed, gone, or over 4,096 bytes
 */
export const termsOf = (document: ProfileDocument, bytes: number): ProfileTerms | undefined => {
  if (!isIndexable(document, bytes)) return undefined
  const words = profileWordsOf(document)
  const keys = new Set<string>([ownerKey(document.id), kindKey(document.kind)])
  if (words.lang !== undefined) for (const lang of langsOf(words.lang)) keys.add(langKey(lang))
  if (words.location) for (const cell of cellsOf(words.location, words.location.precision)) keys.add(geoKey(cell))
  for (const word of words.name) {
    keys.add(wordKey(word, 'name'))
    for (const prefix of prefixesOf(word)) keys.add(wordKey(prefix, 'prefix'))
  }
  if (words.form !== '') keys.add(formKey(words.form))
  for (const word of words.tagWords) keys.add(wordKey(word, 'tag'))
  for (const word of words.place) keys.add(wordKey(word, 'place'))
  for (const word of words.bio) keys.add(wordKey(word, 'bio'))
  return { keys: [...keys] }
}

/** A language and what it is a kind of: `en-gb`, `en`. */
const langsOf = (lang: string): string[] => {
  const primary = lang.split('-', 1)[0]!
  return primary === lang ? [lang] : [lang, primary]
}
