import { base64url } from 'multiformats/bases/base64'

/**
 * The keys of an index: text of at most 256 UTF-8 bytes, in the order of its bytes. Words stand as they are; what is not a word starts with a character that no word holds.
 *
 * What a query may rely on, for a document that is indexed at all: `exact-name` has its form key; `name` has the name key of each word; `name-prefix` that of each word but the last,
 * and for the last the prefix key of its first 4 characters, or its own where it is shorter; `nickname` and `typo` as `name`, with the other word; `anywhere` a name, tag or place key for each word;
 * `bio` that or a bio key. A tag filter has the tag key of each of its words, or for a pair of a run without spaces that of its first character.
 */
export type Field = 'name' | 'tag' | 'place' | 'bio' | 'exact' | 'prefix'

const FIELD_LETTERS: Readonly<Record<Field, string>> = { name: 'n', tag: 't', place: 'p', bio: 'b', exact: 'e', prefix: 'f' }
const SEPARATOR = '\u0000'
/** The last code point there is, so that these come after all words: a merge makes them of the words it has seen. */
const TYPO = '\u{10ffff}'
const GEO = '\u0002'
const FILTER = '\u0003'
const OWNER = '\u0004'
const FORM = '\u0005'

export const MAX_PREFIX_CHARACTERS = 4

export const wordKey = (word: string, field: Field): string => word + SEPARATOR + FIELD_LETTERS[field]

/** The profiles whose name is `form`; the form of one word stands beside the word. */
export const formKey = (form: string): string => (form.includes(' ') ? FORM + form : wordKey(form, 'exact'))

/** Lists words of names, not profiles. */
export const typoKey = (variant: string): string => TYPO + variant

export const isTypoKey = (key: string): boolean => key.startsWith(TYPO)

export const geoKey = (cell: string): string => GEO + cell

export const kindKey = (kind: string): string => `${FILTER}kind=${kind}`

export const langKey = (lang: string): string => `${FILTER}lang=${lang}`

/** Finds the profile of an owner again: 6 bytes of his public key, so that two may share one. @param id the 38 bytes of a profile ID */
export const ownerKey = (id: Uint8Array): string => OWNER + base64url.baseEncode(id.subarray(6, 12))

/** The word of a name key; `undefined` for any other. */
export const nameWordOf = (key: string): string | undefined => (fieldOf(key) === FIELD_LETTERS.name ? key.slice(0, -2) : undefined)

/** Whether an entry of this key carries its best profiles with their hash. */
export const carriesHits = (key: string): boolean => {
  if (key.startsWith(FORM)) return true
  const field = fieldOf(key)
  return field === FIELD_LETTERS.name || field === FIELD_LETTERS.prefix || field === FIELD_LETTERS.exact || field === FIELD_LETTERS.tag
}

const fieldOf = (key: string): string | undefined => (key.charCodeAt(0) > 0x1f && key.at(-2) === SEPARATOR ? key.at(-1) : undefined)

/** The beginnings of a word that have keys of their own. */
export const prefixesOf = (word: string): string[] => {
  const prefixes: string[] = []
  let end = 0
  for (const character of word) {
    end += character.length
    prefixes.push(word.slice(0, end))
    if (prefixes.length === MAX_PREFIX_CHARACTERS) break
  }
  return prefixes
}
