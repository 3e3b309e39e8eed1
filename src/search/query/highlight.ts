import type { ProfileDocument } from '../../profile/document.ts'
import { viewProfile } from '../../profile/view.ts'
import { foldText } from '../analyser/fold.ts'
import { isWordCharacter } from '../analyser/word-characters.ts'
import { isBigramWord, runsOf } from '../analyser/words.ts'
import type { Match } from './match.ts'

/** A stretch of an attribute that the query matched. */
export interface Highlight {
  readonly attribute: 'name' | 'tags' | 'place' | 'bio'
  /** Of `tags`: which of them. */
  readonly item?: number
  /** UTF-16 offsets into the text. */
  readonly start: number
  readonly end: number
}

/** At most so many; a bio may hold a word very often. */
const MAX_HIGHLIGHTS = 64

/** Where in the document's own spelling the words of a match stand, for whoever shows it. */
export const highlightsOf = ({ words }: Match, document: ProfileDocument): readonly Highlight[] => {
  const { name, tags, bio } = viewProfile(document)
  const { place } = document.attrs
  const texts: { attribute: Highlight['attribute']; item?: number; text: string }[] = [
    ...(name === undefined ? [] : [{ attribute: 'name' as const, text: name }]),
    ...tags.map((text, item) => ({ attribute: 'tags' as const, item, text })),
    ...(typeof place === 'string' ? [{ attribute: 'place' as const, text: place }] : []),
    ...(bio === undefined ? [] : [{ attribute: 'bio' as const, text: bio }])
  ]
  const marks = new Map(words.map(({ matched, how, word }) => [matched, how === 'prefix' ? word : matched]))
  return texts.flatMap(({ text, ...where }) => stretchesOf(text, marks).map((stretch) => ({ ...where, ...stretch }))).slice(0, MAX_HIGHLIGHTS)
}

interface Stretch {
  readonly start: number
  readonly end: number
}

/** @param marks the folded words that are marked, each with as much of its beginning as is */
const stretchesOf = (text: string, marks: ReadonlyMap<string, string>): Stretch[] => {
  const stretches: Stretch[] = []
  for (const token of tokensOf(text)) {
    const raw = text.slice(token.start, token.end)
    const runs = runsOf(raw)
    if (runs.length === 1 && !runs[0]!.bigrams) {
      const marked = marks.get(runs[0]!.text)
      if (marked !== undefined) stretches.push({ start: token.start, end: token.start + lengthOfBeginning(raw, marked) })
    } else if (runs.length > 0) stretches.push(...pairsIn(raw, marks).map(({ start, end }) => ({ start: token.start + start, end: token.start + end })))
  }
  return stretches
}

/** Stretches without anything that parts words, each of scripts with spaces or of those without. */
const tokensOf = (text: string): Stretch[] => {
  const tokens: Stretch[] = []
  let start = -1
  let bigrams = false
  let last = ''
  for (let at = 0; at < text.length;) {
    const character = String.fromCodePoint(text.codePointAt(at)!)
    const folded = foldText(character)
    // What folds to nothing parts no word: apostrophes, joiners, marks; but a non-joiner does after some letters.
    const isPart = folded === '' ? start >= 0 && !foldText(last + character).endsWith(' ') : isWordCharacter(folded.codePointAt(0)!)
    const isOther = isPart && folded !== '' && isBigramWord(folded) !== bigrams
    if (start >= 0 && (!isPart || isOther)) {
      tokens.push({ start, end: at })
      start = -1
    }
    if (isPart && start < 0) {
      start = at
      bigrams = isBigramWord(folded)
    }
    if (folded !== '') last = character
    at += character.length
  }
  if (start >= 0) tokens.push({ start, end: text.length })
  return tokens
}

/** How much of `raw` folds to `beginning`. */
const lengthOfBeginning = (raw: string, beginning: string): number => {
  let end = 0
  for (const character of raw) {
    end += character.length
    // What cannot be seen makes nothing longer, and a word may hold thousands of it.
    if (foldText(character) !== '' && foldText(raw.slice(0, end)).length >= beginning.length) break
  }
  return beginning.length >= foldText(raw).length ? raw.length : end
}

/** The marked pairs of a run without spaces; those that touch are one stretch. */
const pairsIn = (raw: string, marks: ReadonlyMap<string, string>): Stretch[] => {
  const stretches: Stretch[] = []
  const characters = Array.from(raw)
  let at = 0
  for (const [i, character] of characters.entries()) {
    const next = characters[i + 1]
    const pair = next === undefined ? undefined : marks.get(foldText(character + next))
    const single = marks.get(foldText(character))
    const length = pair !== undefined && Array.from(pair).length > 1 ? character.length + next!.length : pair !== undefined || single !== undefined ? character.length : 0
    if (length > 0) {
      const last = stretches.at(-1)
      if (last && last.end >= at) stretches[stretches.length - 1] = { start: last.start, end: Math.max(last.end, at + length) }
      else stretches.push({ start: at, end: at + length })
    }
    at += character.length
  }
  return stretches
}
