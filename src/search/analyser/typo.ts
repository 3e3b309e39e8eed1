import { isBigramWord } from './words.ts'

/** A shorter word has too many neighbours, and a run without spaces is not mistyped by letters. */
const MIN_TYPO_CHARACTERS = 3
/** Variants are made of the beginning alone, which keeps them few; what follows is judged by {@link isTypoOf}. */
const VARIANT_CHARACTERS = 7

/**
 * What a word and one that differs by a slip have in common: any two words one insertion, deletion, replacement or swap of neighbours apart share a variant.
 *
 * The word itself where it has at most 6 characters, and its first 7 characters with each of them left out.
 *
 * @returns none for a word that is not searched for with slips
 */
export const typoVariants = (word: string): string[] => {
  if (!takesTypos(word)) return []
  const characters = Array.from(word).slice(0, VARIANT_CHARACTERS)
  const variants = new Set(characters.map((_, i) => characters.slice(0, i).join('') + characters.slice(i + 1).join('')))
  if (characters.length < VARIANT_CHARACTERS) variants.add(word)
  return [...variants]
}

/** Those of {@link typoVariants} of which a word and one that differs in its first character, whether it has that or not, share one. */
export const firstTypoVariants = (word: string): string[] => {
  const characters = Array.from(word).slice(0, VARIANT_CHARACTERS)
  return [characters.slice(1).join(''), characters.slice(0, VARIANT_CHARACTERS - 1).join('')]
}

export const takesTypos = (word: string): boolean => !isBigramWord(word) && (word.length >= 2 * MIN_TYPO_CHARACTERS || Array.from(word).length >= MIN_TYPO_CHARACTERS)

/** Whether one insertion, deletion, replacement or swap of neighbours, no more and no less, makes one word of the other. */
export const isTypoOf = (a: string, b: string): boolean => {
  if (a === b || Math.abs(a.length - b.length) > 2) return false
  const x = Array.from(a)
  const y = Array.from(b)
  let start = 0
  while (start < x.length && start < y.length && x[start] === y[start]) start++
  let end = 0
  while (end < x.length - start && end < y.length - start && x[x.length - 1 - end] === y[y.length - 1 - end]) end++
  const left = x.slice(start, x.length - end)
  const right = y.slice(start, y.length - end)
  if (left.length <= 1 && right.length <= 1) return true
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0]
}
