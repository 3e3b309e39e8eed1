import { datasetProfile, type DatasetProfile } from './dataset.ts'
import type { Script } from './populations.ts'

/** What the answers of queries are judged by, made without the analyser that is measured. */
export interface Person {
  readonly profile: DatasetProfile
  /** Words of the name, folded: without case and accents, in the order in which they stand. */
  readonly words: readonly string[]
  /** The same for every spelling and order of one name. */
  readonly form: string
}

/** Scripts whose words are not told apart by spaces: a name is looked at as one run of characters. */
const UNSPACED: ReadonlySet<Script> = new Set(['japanese', 'hangul', 'han'])

export const isUnspaced = (script: Script): boolean => UNSPACED.has(script)

export const createPeople = (count: number): readonly Person[] => Array.from({ length: count }, (_, index) => {
  const profile = datasetProfile(index)
  const words = foldedWords(profile.name)
  return { profile, words, form: formOf(words, profile.script) }
})

export const formOf = (words: readonly string[], script: Script): string => (isUnspaced(script) ? words.join('') : [...words].sort().join(' '))

/** Folded words of any text. An apostrophe or a joiner is within a word: O'Brien is one. */
export const foldedWords = (text: string): readonly string[] => typedWords(text).map(withoutJoiners)

/** The same as somebody types them, with what is within them. */
export const typedWords = (text: string): readonly string[] => (foldText(text).match(/[\p{L}\p{M}\p{N}'\u2019\u02bc\u200c]+/gu) ?? []).filter((word) => withoutJoiners(word) !== '')

export const withoutJoiners = (word: string): string => word.replace(/['\u2019\u02bc\u200c]/g, '')

/** Marks are left where they are letters' parts, in Indic and Thai; the same Arabic letters are typed with an Arabic and with a Persian keyboard. */
export const foldText = (text: string): string =>
  text.normalize('NFKD').toLowerCase().replace(/[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670]/g, '').replace(/[łøđßæœþðıςىیک]/g, (letter) => LETTERS[letter]!).normalize('NFC')

const LETTERS: Readonly<Record<string, string>> = { ł: 'l', ø: 'o', đ: 'd', ß: 'ss', æ: 'ae', œ: 'oe', þ: 'th', ð: 'd', ı: 'i', ς: 'σ', ى: 'ي', ی: 'ي', ک: 'ك' }

/** Metres on a sphere. */
export const metresBetween = (a: { lat: number; lon: number }, b: { lat: number; lon: number }): number => {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const [north, east] = [radians(b.lat - a.lat), radians(b.lon - a.lon)]
  const h = Math.sin(north / 2) ** 2 + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(east / 2) ** 2
  return 2 * 6_371_008.8 * Math.asin(Math.min(1, Math.sqrt(h)))
}
