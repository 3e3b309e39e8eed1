import MiniSearch, { type SearchOptions } from 'minisearch'
import type { DatasetProfile } from './dataset.ts'
import { foldText, foldedWords, metresBetween } from './people.ts'
import type { Question, Subject } from './subject.ts'

const CONTINUOUS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u
const RUNS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{M}ー々]+|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]+/gu

/**
 * MiniSearch as its documentation advises for names: folded words, the name above everything else, the last word also as a prefix, wrong letters allowed,
 * and where no profile has all words, any of them. Of several settings that were tried these find the most. Scripts without spaces are given to it in pairs of characters, which its own tokenizer would not do.
 */
export const createMiniSearch = (profiles: Iterable<DatasetProfile>): Subject => {
  const byIndex: DatasetProfile[] = []
  const index = new MiniSearch<DatasetProfile>({
    idField: 'index',
    fields: ['name', 'tags', 'place', 'bio'],
    extractField: (profile, field) => (field === 'tags' ? profile.tags.join(' \n') : String(profile[field as keyof DatasetProfile] ?? '')),
    tokenize,
    processTerm: (term) => term
  })
  for (const profile of profiles) {
    byIndex[profile.index] = profile
    index.add(profile)
  }
  return {
    name: 'MiniSearch',
    search: ({ text, filters }, limit) => {
      const options: SearchOptions = { ...SEARCH, filter: ({ id }) => passes(byIndex[id as number]!, filters) }
      const all = index.search(text === '' ? MiniSearch.wildcard : text, { ...options, combineWith: 'AND' })
      const found = all.length > 0 ? all : index.search(text, { ...options, combineWith: 'OR' })
      return found.slice(0, limit).map(({ id }) => id as number)
    },
    close: () => index.removeAll()
  }
}

const FUZZY_BY_LENGTH = [false, false, false, 1, 1, 2]

const SEARCH: SearchOptions = {
  boost: { name: 8, tags: 2 },
  // Two: to it, two letters the other way round are two errors.
  fuzzy: (term) => FUZZY_BY_LENGTH[Math.min(FUZZY_BY_LENGTH.length - 1, Array.from(term).length)]!,
  prefix: (_term, i, terms) => i === terms.length - 1,
  weights: { fuzzy: 0.1, prefix: 0.5 }
}

const tokenize = (text: string): string[] => foldedWords(text).flatMap((word) => (CONTINUOUS.test(word) ? (word.match(RUNS) ?? []).flatMap(pairsOf) : [word]))

const pairsOf = (run: string): string[] => {
  const letters = Array.from(run)
  return !CONTINUOUS.test(run) || letters.length < 2 ? [run] : letters.slice(1).map((letter, i) => `${letters[i]}${letter}`)
}

/** What a program with these profiles in memory would ask of each result. */
const passes = ({ tags, kind, lang, location }: DatasetProfile, filters: Question['filters']): boolean =>
  (filters.tags ?? []).every((tag) => tags.some((other) => foldText(other) === foldText(tag)))
  && (filters.kind === undefined || filters.kind === kind)
  && (filters.lang === undefined || filters.lang === lang)
  && (filters.near === undefined || (location !== undefined && metresBetween(location, filters.near) <= filters.near.radiusMetres))
