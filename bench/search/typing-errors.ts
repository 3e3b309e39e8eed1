import { pick, type Random } from './sampler.ts'

/** What a hand does wrong; `first` is any of the four, on the first letter of a word. */
export const TYPING_ERRORS = ['insert', 'delete', 'replace', 'transpose', 'first'] as const
export type TypingError = (typeof TYPING_ERRORS)[number]

/** Shorter words are left as they are: one letter off, "Li" is any name of two. */
const MIN_WORD_LENGTH = 4

/** `words` with one error in one of them; `undefined` when none is long enough. */
export const mistype = (words: readonly string[], error: TypingError, random: Random): readonly string[] | undefined => {
  const at = pick(words.flatMap((word, i) => (Array.from(word).length >= MIN_WORD_LENGTH ? [i] : [])), random)
  if (at === undefined) return undefined
  const wrong = mistypeWord(words[at]!, error, random)
  return wrong === words[at] ? undefined : words.map((word, i) => (i === at ? wrong : word))
}

const mistypeWord = (word: string, error: TypingError, random: Random): string => {
  const letters = Array.from(word)
  const first = error === 'first'
  const kind = first ? pick(TYPING_ERRORS.slice(0, 4), random) : error
  const at = first ? 0 : 1 + Math.floor(random() * (letters.length - 2))
  // A letter of the same word is of its script, and is one that this hand had just typed.
  const other = pick(letters, random)
  if (kind === 'insert') letters.splice(at, 0, other)
  else if (kind === 'delete') letters.splice(at, 1)
  else if (kind === 'replace') letters[at] = other
  else letters.splice(at, 2, letters[at + 1]!, letters[at]!)
  return letters.join('')
}
