import type { CborValue } from '../../cbor.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { viewAttribute } from '../../profile/view.ts'
import type { Point } from '../analyser/geo-cell.ts'
import { bigramsOf, formOf, lastCharacter, runsOf, wordsOf, type Run } from '../analyser/words.ts'
import { prefixesOf } from './keys.ts'

/** Of a name; a run without spaces is one, of at most 24 pairs in all. */
/** Of a name, so many words are indexed. */
export const MAX_NAME_WORDS = 6
const MAX_NAME_BIGRAMS = 24
const MAX_TAG_WORDS = 32
const MAX_PLACE_WORDS = 8
const MAX_BIO_WORDS = 128

export const MAX_PROFILE_KEYS = 256
/** Owner, kind, two of a language, five of a place, the form of the name. */
const OTHER_KEYS = 10

/** What of a profile can be searched, within the bounds of an index: what is beyond them is not found, in no index. */
export interface ProfileWords {
  readonly name: ReadonlySet<string>
  /** What makes two names the same; empty without a name. */
  readonly form: string
  /** The form of each tag all of whose words count. */
  readonly tags: ReadonlySet<string>
  readonly tagWords: ReadonlySet<string>
  readonly place: ReadonlySet<string>
  readonly bio: ReadonlySet<string>
  readonly location?: Point & { readonly precision?: number }
  readonly lang?: string
}

export const profileWordsOf = ({ attrs }: ProfileDocument): ProfileWords => {
  const name = runsOf(textOf(attrs.name, 'name'))
  const tags = (viewed('tags', attrs.tags) as readonly string[] | undefined) ?? []
  const nameWords = nameWordsOf(name)
  const tagWords = firstOf(tags.flatMap((tag) => wordsOf(tag)), MAX_TAG_WORDS)
  const place = firstOf(wordsOf(typeof attrs.place === 'string' ? attrs.place.slice(0, 256) : '', MAX_PLACE_WORDS), MAX_PLACE_WORDS)
  const prefixes = new Set([...nameWords].flatMap(prefixesOf)).size
  const left = MAX_PROFILE_KEYS - OTHER_KEYS - nameWords.size - prefixes - tagWords.size - place.size
  return {
    name: nameWords,
    form: formOf(name),
    tags: new Set(tags.filter((tag) => wordsOf(tag).every((word) => tagWords.has(word))).map((tag) => formOf(runsOf(tag)))),
    tagWords,
    place,
    bio: firstOf(wordsOf(textOf(attrs.bio, 'bio'), 2 * MAX_BIO_WORDS), Math.min(MAX_BIO_WORDS, left)),
    location: viewed('location', attrs.location) as ProfileWords['location'],
    lang: (viewed('lang', attrs.lang) as string | undefined)?.toLowerCase()
  }
}

/** The words of a name; between two runs without spaces there is a pair too, so that it does not matter whether a space stands there. */
export const nameWordsOf = (runs: readonly Run[]): Set<string> => {
  const words = new Set<string>()
  let bigrams = 0
  let last: Run | undefined
  for (const run of runs.slice(0, MAX_NAME_WORDS)) {
    const pairs = run.bigrams ? [...(last?.bigrams ? [lastCharacter(last.text) + run.text.slice(0, run.text.codePointAt(0)! > 0xffff ? 2 : 1)] : []), ...bigramsOf(run.text), lastCharacter(run.text)] : []
    for (const pair of pairs) {
      if (bigrams === MAX_NAME_BIGRAMS) break
      if (!words.has(pair)) bigrams++
      words.add(pair)
    }
    if (!run.bigrams) words.add(run.text)
    last = run
  }
  return words
}

const firstOf = (words: readonly string[], max: number): Set<string> => {
  const first = new Set<string>()
  for (const word of words) {
    if (first.size === max) break
    first.add(word)
  }
  return first
}

const viewed = (key: string, value: CborValue | undefined): unknown => {
  if (value === undefined) return undefined
  const view = viewAttribute(key, value)
  return 'value' in view ? view.value : undefined
}

const textOf = (value: CborValue | undefined, key: string): string => (viewed(key, value) as string | undefined) ?? ''
