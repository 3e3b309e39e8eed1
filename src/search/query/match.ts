import { compareUtf8 } from '../../bytes.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { cellsOf, distanceMetres } from '../analyser/geo-cell.ts'
import { expandNickname } from '../analyser/nicknames.ts'
import { isTypoOf, takesTypos } from '../analyser/typo.ts'
import type { MatchClass } from '../rank.ts'
import { profileWordsOf, type ProfileWords } from './profile-words.ts'
import type { Query } from './query.ts'

/** Where a word of the query was found in a profile. */
export interface WordMatch {
  readonly word: string
  readonly how: 'exact' | 'prefix' | 'nickname' | 'typo'
  readonly field: 'name' | 'tags' | 'place' | 'bio'
  /** The word of the profile, folded. */
  readonly matched: string
}

/** In a longer query no word is taken for a short form: each of them would be a look-up for every other word. */
export const MAX_NICKNAME_WORDS = 4

export interface Match {
  readonly class: MatchClass
  readonly words: readonly WordMatch[]
  /** From the middle of `near` to where the profile says it is. */
  readonly distanceMetres?: number
}

/**
 * How `document` matches, by the best class that holds; computed from the document alone, it is what an index is held to.
 *
 * @returns `undefined` when it does not, when a filter does not hold, and when the profile is not listed or gone
 */
export const matchDocument = (query: Query, document: ProfileDocument): Match | undefined => {
  if (document.listed !== true || document.gone === true) return undefined
  if (query.kind !== undefined && document.kind !== query.kind) return undefined
  const profile = profileWordsOf(document)
  if (query.lang !== undefined && !speaks(profile.lang, query.lang)) return undefined
  if (!query.tags.every(({ form }) => profile.tags.has(form))) return undefined
  const distance = query.near && profile.location && distanceMetres(query.near, profile.location)
  if (query.near && !(distance !== undefined && distance <= query.near.radiusMetres && isPlaced(profile))) return undefined
  const match = matchWords(query, profile)
  return match && { ...match, ...(distance === undefined ? {} : { distanceMetres: distance }) }
}

const speaks = (spoken: string | undefined, wanted: string): boolean => spoken === wanted || spoken?.split('-', 1)[0] === wanted

/** Who says no nearer than some hundred kilometres where he is has no cell, and is near nobody. */
const isPlaced = ({ location }: ProfileWords): boolean => location !== undefined && cellsOf(location, location.precision).length > 0

const matchWords = (query: Query, profile: ProfileWords): Pick<Match, 'class' | 'words'> | undefined => {
  const { words, form } = query
  if (words.length === 0) return { class: 'anywhere', words: [] }
  if (form !== '' && form === profile.form) return { class: 'exact-name', words: words.map((word) => exactly(word, 'name')) }
  const strange = words.filter((word) => !profile.name.has(word))
  if (strange.length === 0) return { class: 'name', words: words.map((word) => exactly(word, 'name')) }
  return (strange.length === 1 ? matchOneStrange(query, profile, strange[0]!) : undefined) ?? matchEverywhere(query, profile) ?? (strange.length === 1 ? matchTypo(query, profile, strange[0]!) : undefined)
}

/** All words but one are words of the name; it is the beginning of one, or short for one. */
const matchOneStrange = ({ words, prefix }: Query, { name }: ProfileWords, strange: string): Pick<Match, 'class' | 'words'> | undefined => {
  const continued = strange === prefix ? firstWhere(name, (word) => word.startsWith(strange)) : undefined
  if (continued !== undefined) return withOne(words, { word: strange, how: 'prefix', field: 'name', matched: continued }, 'name-prefix')
  if (words.length > MAX_NICKNAME_WORDS) return undefined
  const full = expandNickname(strange).find((word) => name.has(word))
  return full === undefined ? undefined : withOne(words, { word: strange, how: 'nickname', field: 'name', matched: full }, 'nickname')
}

const matchTypo = ({ words, form }: Query, { name, form: whole }: ProfileWords, strange: string): Pick<Match, 'class' | 'words'> | undefined => {
  if (!takesTypos(strange)) return undefined
  const meant = [...name].filter((word) => takesTypos(word) && isTypoOf(strange, word))
  const exactly = meant.find((word) => withReplaced(form, strange, word) === whole)
  const matched = exactly ?? meant[0]
  return matched === undefined ? undefined : withOne(words, { word: strange, how: 'typo', field: 'name', matched }, exactly === undefined ? 'typo' : 'exact-typo')
}

/** The form of a query in which `word` was meant to be `meant`. */
export const withReplaced = (form: string, word: string, meant: string): string => form.split(' ').map((part) => (part === word ? meant : part)).sort(compareUtf8).join(' ')

const matchEverywhere = ({ words }: Query, profile: ProfileWords): Pick<Match, 'class' | 'words'> | undefined => {
  const found: WordMatch[] = []
  for (const word of words) {
    const field = profile.name.has(word) ? 'name' : profile.tagWords.has(word) ? 'tags' : profile.place.has(word) ? 'place' : profile.bio.has(word) ? 'bio' : undefined
    if (!field) return undefined
    found.push(exactly(word, field))
  }
  return { class: found.some(({ field }) => field === 'bio') ? 'bio' : 'anywhere', words: found }
}

const exactly = (word: string, field: WordMatch['field']): WordMatch => ({ word, how: 'exact', field, matched: word })

const withOne = (words: readonly string[], strange: WordMatch, matchClass: MatchClass): Pick<Match, 'class' | 'words'> =>
  ({ class: matchClass, words: words.map((word) => (word === strange.word ? strange : exactly(word, 'name'))) })

const firstWhere = (words: Iterable<string>, holds: (word: string) => boolean): string | undefined => {
  for (const word of words) if (holds(word)) return word
  return undefined
}
