import { seededRandom } from '../profiles.ts'
import { datasetProfile } from './dataset.ts'
import { isUnspaced, typedWords } from './people.ts'
import { pick, type Random } from './sampler.ts'
import { TYPING_ERRORS, mistype } from './typing-errors.ts'

/** Queries whose cost is measured, as often for a name as there are people who have it. */
export const QUERY_SHAPES = ['one word', 'beginning of a word', 'two words', 'misspelled word', 'two words, one misspelled'] as const
export type QueryShape = (typeof QUERY_SHAPES)[number]

const SEED = 67

/** `count` of a shape, asked among the first `profiles` of the set. */
export const commonQueries = (shape: QueryShape, { profiles, count }: { profiles: number; count: number }): readonly string[] => {
  const random = seededRandom(SEED + QUERY_SHAPES.indexOf(shape))
  const queries: string[] = []
  while (queries.length < count) {
    const { name, script, stuffs } = datasetProfile(Math.floor(random() * profiles))
    const query = stuffs ? undefined : shapes[shape](isUnspaced(script) ? [name] : typedWords(name), random)
    if (query !== undefined) queries.push(query)
  }
  return queries
}

const shapes: Readonly<Record<QueryShape, (words: readonly string[], random: Random) => string | undefined>> = {
  'one word': (words, random) => longEnough(pick(words, random), 2),
  'beginning of a word': (words, random) => longEnough(Array.from(pick(words, random)).slice(0, 3 + Math.floor(random() * 3)).join(''), 3),
  'two words': (words) => (words.length < 2 ? undefined : `${words[0]} ${words.at(-1)}`),
  'misspelled word': (words, random) => mistype([pick(words, random)], pick(TYPING_ERRORS, random), random)?.[0],
  'two words, one misspelled': (words, random) => (words.length < 2 ? undefined : mistype([words[0]!, words.at(-1)!], pick(TYPING_ERRORS, random), random)?.join(' '))
}

const longEnough = (word: string, length: number): string | undefined => (Array.from(word).length >= length ? word : undefined)
