import { isWordCharacter } from './word-characters.ts'

/** What the analyser makes of a text is part of the format of an index: with any change here this number rises, and every index is built anew. */
export const ANALYSER_VERSION = 1

/**
 * One spelling for all that people take for the same: case, accents, width, presentation forms, letters that do not decompose.
 *
 * Marks fall only after bases of Latin, Greek, Cyrillic, Hebrew and Arabic: in other scripts they make another word. Characters that cannot be seen fall everywhere, apostrophes too: O’Brien is obrien. A zero width non-joiner after an Arabic letter is a space.
 */
export const foldText = (text: string): string => (isLowerAscii(text) ? text : foldUnicode(text))

const foldUnicode = (text: string): string => {
  let folded = ''
  let base = 0
  for (const character of Array.from(text, known).join('').normalize('NFKD').toLowerCase()) {
    const codePoint = character.codePointAt(0)!
    if (codePoint >= 0x80 && isMarkThatFalls(codePoint)) {
      if (base !== 0 && !losesMarks(base)) folded += character
      continue
    }
    if (codePoint === ZERO_WIDTH_NON_JOINER && isArabic(base)) {
      // Persian writes it where others put a space: between the parts of a name.
      folded += ' '
      base = 0
      continue
    }
    if (isInvisible(codePoint) || isApostrophe(codePoint)) continue
    base = codePoint
    folded += codePoint < 0x80 ? character : (LETTERS.get(character) ?? character)
  }
  return folded.normalize('NFC')
}

/**
 * A space instead of what decomposes otherwise, or not at all, where a runtime has another version of Unicode: only what is a letter, mark or digit in 15.0 goes on, what falls, and signs with letters in them that no version will change.
 */
const known = (character: string): string => {
  const codePoint = character.codePointAt(0)!
  return codePoint < 0x80 || isWordCharacter(codePoint) || isInvisible(codePoint) || isApostrophe(codePoint) || isLetteredSign(codePoint) ? character : ' '
}

/** ℃, ⓐ, ㎏, 🄰: blocks of signs that decompose into letters, all of them assigned long before 15.0. */
const isLetteredSign = (codePoint: number): boolean =>
  (codePoint >= 0x2100 && codePoint <= 0x214f) || (codePoint >= 0x2460 && codePoint <= 0x24ff) || (codePoint >= 0x3220 && codePoint <= 0x33ff) || (codePoint >= 0x1f100 && codePoint <= 0x1f1ad)

/** Nothing to fold: the usual word of a query, and of a profile after the first fold. */
const isLowerAscii = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x7f || unit === APOSTROPHE || unit === GRAVE || (unit >= 0x41 && unit <= 0x5a)) return false
  }
  return true
}

const ZERO_WIDTH_NON_JOINER = 0x200c

const isArabic = (codePoint: number): boolean => (codePoint >= 0x600 && codePoint <= 0x6ff) || (codePoint >= 0x750 && codePoint <= 0x77f) || (codePoint >= 0x870 && codePoint <= 0x8ff)

const APOSTROPHE = 0x27
const GRAVE = 0x60

const isApostrophe = (codePoint: number): boolean =>
  codePoint === APOSTROPHE || codePoint === GRAVE || codePoint === 0xb4 || (codePoint >= 0x2b9 && codePoint <= 0x2bf) || codePoint === 0x2018 || codePoint === 0x2019 || codePoint === 0x201b || codePoint === 0x5f3 || codePoint === 0x5f4

/** Soft hyphen, tatweel, joiners, directions, byte order mark, variation selectors: they part no word and are no letter of it. */
const isInvisible = (codePoint: number): boolean =>
  codePoint === 0xad || codePoint === 0x34f || codePoint === 0x61c || codePoint === 0x640 || (codePoint >= 0x200b && codePoint <= 0x200f) || (codePoint >= 0x202a && codePoint <= 0x202e) ||
  (codePoint >= 0x2060 && codePoint <= 0x206f) || (codePoint >= 0xfe00 && codePoint <= 0xfe0f) || codePoint === 0xfeff || (codePoint >= 0xe0100 && codePoint <= 0xe01ef)

/** The combining marks that are written on Latin, Greek, Cyrillic, Hebrew and Arabic letters. */
const isMarkThatFalls = (codePoint: number): boolean => MARKS.some(([first, last]) => codePoint >= first && codePoint <= last)

const MARKS: readonly (readonly [number, number])[] = [
  [0x300, 0x36f], [0x483, 0x489], [0x591, 0x5bd], [0x5bf, 0x5bf], [0x5c1, 0x5c2], [0x5c4, 0x5c5], [0x5c7, 0x5c7], [0x610, 0x61a], [0x64b, 0x65f], [0x670, 0x670], [0x6d6, 0x6dc], [0x6df, 0x6e4],
  [0x6e7, 0x6e8], [0x6ea, 0x6ed], [0x898, 0x89f], [0x8ca, 0x8e1], [0x8e3, 0x8ff], [0x1ab0, 0x1ace], [0x1dc0, 0x1dff], [0x20d0, 0x20f0], [0x2de0, 0x2dff], [0xa66f, 0xa672], [0xa674, 0xa67d], [0xa69e, 0xa69f], [0xfe20, 0xfe2f]
]

/** Also Armenian, which has no marks. */
const losesMarks = (base: number): boolean =>
  base < 0x700 || (base >= 0x750 && base <= 0x77f) || (base >= 0x870 && base <= 0x8ff) || (base >= 0x1c80 && base <= 0x1c8f) || (base >= 0x1d00 && base <= 0x1fff) ||
  (base >= 0x2c60 && base <= 0x2c7f) || (base >= 0xa640 && base <= 0xa69f) || (base >= 0xa720 && base <= 0xa7ff) || (base >= 0xab30 && base <= 0xab6f)

/** What decomposition leaves and people type otherwise. */
const LETTERS: ReadonlyMap<string, string> = new Map([
  ...pairs('ø o ł l đ d ħ h ŧ t ŋ n ı i ȷ j ß ss ẞ ss æ ae œ oe þ th ð d ĸ k ɓ b ɖ d ɗ d ɣ g ɩ i ɨ i ƙ k ɲ n ɔ o ɵ o ʃ s ʉ u ʋ v ƴ y ə e ɛ e'),
  // Greek final sigma; Hebrew final letters.
  ...pairs('ς σ ך כ ם מ ן נ ף פ ץ צ'),
  // Arabic, Persian and Urdu write the same letter in several ways; so are digits.
  ...pairs('ٱ ا ى ي ی ي ې ي ے ي ة ه ہ ه ۀ ه ە ه ھ ه ک ك ګ گ ۇ و ٠ 0 ١ 1 ٢ 2 ٣ 3 ٤ 4 ٥ 5 ٦ 6 ٧ 7 ٨ 8 ٩ 9 ۰ 0 ۱ 1 ۲ 2 ۳ 3 ۴ 4 ۵ 5 ۶ 6 ۷ 7 ۸ 8 ۹ 9'),
  // Ukrainian and Belarusian beside Russian typing.
  ...pairs('ґ г')
])

function * pairs (text: string): Iterable<[string, string]> {
  const parts = text.split(' ')
  for (let i = 0; i < parts.length; i += 2) yield [parts[i]!, parts[i + 1]!]
}
