import { cellsNear } from '../analyser/geo-cell.ts'
import { expandNickname } from '../analyser/nicknames.ts'
import { firstTypoVariants, takesTypos, typoVariants } from '../analyser/typo.ts'
import { isBigramWord } from '../analyser/words.ts'
import { MAX_PREFIX_CHARACTERS, formKey, geoKey, kindKey, langKey, typoKey, wordKey } from '../query/keys.ts'
import { MAX_NICKNAME_WORDS, withReplaced } from '../query/match.ts'
import { MAX_NAME_WORDS } from '../query/profile-words.ts'
import type { Query } from '../query/query.ts'
import type { MatchClass } from '../rank.ts'

/** Keys of which one is enough. */
export type KeyChoice = readonly string[]

/** A way to match: of every choice one key. A profile that matches in a class is in at least one way of it. */
export type Way = readonly KeyChoice[]

/** Where a beginning is longer than prefix keys are, the words that start with it are looked for in the leaves. */
export const scannedStart = ({ prefix }: Query): string | undefined => (prefix !== undefined && Array.from(prefix).length > MAX_PREFIX_CHARACTERS ? prefix : undefined)

/**
 * The ways of a class that need no look-up to be known; none for slips.
 *
 * @param continued for a beginning longer than prefix keys are: the keys of the words that start with it
 */
export const waysOf = (matchClass: MatchClass, query: Query, continued: KeyChoice | undefined): readonly Way[] => {
  const { words, form, prefix } = query
  if (words.length === 0) return matchClass === 'anywhere' ? [[]] : []
  switch (matchClass) {
    case 'exact-name': return form === '' ? [] : [[[formKey(form)]]]
    case 'name': return [words.map((word) => [wordKey(word, 'name')])]
    case 'name-prefix': return prefix === undefined ? [] : [words.map((word) => (word === prefix ? (continued ?? [prefixKeyOf(word)]) : [wordKey(word, 'name')]))]
    case 'nickname': return words.length > MAX_NICKNAME_WORDS ? [] : words.flatMap((word) => withWord(words, word, expandNickname(word)))
    case 'anywhere': return [words.map((word) => [...(words.length === 1 ? [] : [wordKey(word, 'name')]), wordKey(word, 'tag'), wordKey(word, 'place')])]
    case 'bio': return words.length === 1 ? [[[wordKey(words[0]!, 'bio')]]] : [words.map((word) => [wordKey(word, 'name'), wordKey(word, 'tag'), wordKey(word, 'place'), wordKey(word, 'bio')])]
    default: return []
  }
}

/** The ways in which the whole name is meant, but for a slip in `word`. */
export const withWordExactly = (form: string, word: string, meant: readonly string[]): readonly Way[] => meant.map((other) => [[formKey(withReplaced(form, word, other))]])

/** The ways in which `word` was meant to be one of `meant`. */
export const withWord = (words: readonly string[], word: string, meant: readonly string[]): readonly Way[] =>
  meant.map((other) => words.map((each) => [wordKey(each === word ? other : each, 'name')]))

/** What every way needs beside its words. */
export const filtersOf = ({ tags, near, kind, lang }: Query): readonly KeyChoice[] => {
  const cells = near && cellsNear(near)
  return [
    ...tags.flatMap(({ words }) => words.map(tagKeysOf)),
    ...(cells ? [cells.map(geoKey)] : []),
    ...(kind === undefined ? [] : [[kindKey(kind)]]),
    ...(lang === undefined ? [] : [[langKey(lang)]])
  ]
}

/** Of a pair also its first character: the last of a run, where the profile has a space between the two. */
const tagKeysOf = (word: string): KeyChoice => [...new Set(isBigramWord(word) ? [word, String.fromCodePoint(word.codePointAt(0)!)] : [word])].map((each) => wordKey(each, 'tag'))

/** The keys under which words that `word` may be a slip of are listed. */
export interface SlipKeys {
  readonly word: string
  readonly keys: readonly string[]
  /** Those of `keys` under which a word of another first letter stands, which is far away from all others. */
  readonly keysOfFirst: readonly string[]
}

export const typoKeysOf = ({ words }: Query): readonly SlipKeys[] =>
  words.length > MAX_NAME_WORDS ? [] : words.filter(takesTypos).map((word) => ({ word, keys: typoVariants(word).map(typoKey), keysOfFirst: firstTypoVariants(word).map(typoKey) }))

/** The longest prefix key there is for a beginning. */
const prefixKeyOf = (word: string): string => wordKey(Array.from(word).slice(0, MAX_PREFIX_CHARACTERS).join(''), 'prefix')
