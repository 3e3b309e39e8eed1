import { compareUtf8, utf8Length } from '../../bytes.ts'
import { foldText } from './fold.ts'
import { isWordCharacter } from './word-characters.ts'

export const MAX_WORD_BYTES = 64
/** A form stands in a key; over this only its beginning is compared. */
const MAX_FORM_BYTES = 192

/** A stretch of folded text without anything that parts words: a word of a script with spaces, or a run of one without. */
export interface Run {
  readonly text: string
  /** Han, Kana, Hangul, Thai, Lao, Burmese and Khmer: words are not parted, so pairs of characters stand for them. */
  readonly bigrams: boolean
}

/** The runs of `text`, folded, in order, at most `max`. */
export const runsOf = (text: string, max = Number.POSITIVE_INFINITY): Run[] => {
  const folded = foldText(text)
  const runs: Run[] = []
  let start = -1
  let bigrams = false
  for (let at = 0; at < folded.length && runs.length < max;) {
    const codePoint = folded.codePointAt(at)!
    const isWord = codePoint < 0x80 ? isAsciiWord(codePoint) : isWordCharacter(codePoint)
    const isBigram = isWord && codePoint >= 0xe00 && isBigramScript(codePoint)
    if (start >= 0 && (!isWord || isBigram !== bigrams)) {
      runs.push({ text: folded.slice(start, at), bigrams })
      start = -1
    }
    if (isWord && start < 0) {
      start = at
      bigrams = isBigram
    }
    at += codePoint > 0xffff ? 2 : 1
  }
  if (start >= 0 && runs.length < max) runs.push({ text: folded.slice(start), bigrams })
  return runs.map((run) => (run.bigrams ? run : { text: cutToBytes(run.text, MAX_WORD_BYTES), bigrams: false }))
}

/** The words of `text`, in order; a run without spaces as its pairs of characters and its last character alone. */
export const wordsOf = (text: string, max = Number.POSITIVE_INFINITY): string[] => {
  const words: string[] = []
  for (const run of runsOf(text, max)) {
    if (words.length >= max) break
    if (run.bigrams) words.push(...bigramsOf(run.text), lastCharacter(run.text))
    else words.push(run.text)
  }
  return words.length > max ? words.slice(0, max) : words
}

/** Pairs of neighbouring characters; none in a run of one. */
export const bigramsOf = (run: string): string[] => {
  const characters = Array.from(run)
  return characters.slice(1).map((character, i) => characters[i]! + character)
}

export const lastCharacter = (run: string): string => Array.from(run).at(-1)!

/**
 * What makes two names the same: all words of it in order of their code points, runs without spaces joined.
 * So `Liddell, Alice` is Alice Liddell, and 山田 太郎 is 山田太郎.
 */
export const formOf = (runs: readonly Run[]): string => {
  const parts: string[] = []
  let joining = false
  for (const { text, bigrams } of runs) {
    if (bigrams && joining) parts[parts.length - 1] += text
    else parts.push(text)
    joining = bigrams
  }
  return cutToBytes(parts.length > 1 ? parts.sort(compareUtf8).join(' ') : (parts[0] ?? ''), MAX_FORM_BYTES)
}

/** The longest beginning of `text` that takes at most `maxBytes` in UTF-8. */
export const cutToBytes = (text: string, maxBytes: number): string => {
  if (text.length * 3 <= maxBytes || utf8Length(text) <= maxBytes) return text
  let bytes = 0
  let cut = ''
  for (const character of text) {
    bytes += utf8Length(character)
    if (bytes > maxBytes) break
    cut += character
  }
  return cut
}

const isAsciiWord = (unit: number): boolean => (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x30 && unit <= 0x39)

/** Whether a word of folded text is of a script without spaces. */
export const isBigramWord = (word: string): boolean => {
  const codePoint = word.codePointAt(0)!
  return codePoint >= 0xe00 && isBigramScript(codePoint)
}

const isBigramScript = (codePoint: number): boolean => BIGRAM_SCRIPTS.some(([first, last]) => codePoint >= first && codePoint <= last)

const BIGRAM_SCRIPTS: readonly (readonly [number, number])[] = [
  [0xe00, 0xeff], [0x1000, 0x109f], [0x1100, 0x11ff], [0x1780, 0x17ff], [0x2e80, 0x2fdf], [0x3005, 0x3007], [0x3021, 0x303c], [0x3041, 0x312f], [0x3131, 0x318e], [0x31a0, 0x31bf], [0x31f0, 0x31ff],
  [0x3400, 0x4dbf], [0x4e00, 0x9fff], [0xa960, 0xa97f], [0xaa60, 0xaa7f], [0xac00, 0xd7ff], [0xf900, 0xfaff], [0x1aff0, 0x1b16f], [0x20000, 0x3ffff]
]
