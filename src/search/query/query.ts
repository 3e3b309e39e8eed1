import { utf8Length } from '../../bytes.ts'
import { MercuryError, checkLimit } from '../../errors.ts'
import { bigramsOf, formOf, runsOf } from '../analyser/words.ts'

export const MAX_QUERY_BYTES = 256
export const MAX_QUERY_TERMS = 16
export const MAX_QUERY_TAGS = 16
const MAX_TAG_QUERY_BYTES = 256

export class InvalidQueryError extends MercuryError {
  override readonly name = 'InvalidQueryError'
  constructor (reason: string, options?: ErrorOptions) {
    super('INVALID_QUERY', `the query cannot be answered: ${reason}`, options)
  }
}

/** What a hit must have beside the words; all of it. */
export interface QueryFilters {
  /** Whole tags, in any spelling. */
  tags?: readonly string[]
  /** Degrees, and metres from there to where the profile says it is. */
  near?: { lat: number; lon: number; radiusMetres: number }
  kind?: string
  /** A language of BCP 47; `en` finds `en-GB` too. */
  lang?: string
}

/** A query as the analyser reads it. */
export interface Query {
  readonly text: string
  /** Each once, in order; all must be found. */
  readonly words: readonly string[]
  /** The last word, which may also be the beginning of a word of the name. */
  readonly prefix?: string
  /** Compared with the form of a name; empty without words. */
  readonly form: string
  readonly tags: readonly { readonly form: string; readonly words: readonly string[] }[]
  readonly near?: { readonly lat: number; readonly lon: number; readonly radiusMetres: number }
  readonly kind?: string
  readonly lang?: string
}

/**
 * Reads what somebody typed. Nothing in it is an operator: every character is text, or parts words.
 *
 * @param text at most 256 UTF-8 bytes and 16 words; may be empty where there is a filter
 * @throws LimitError, InvalidQueryError where there is nothing to look for: no word of two characters (one in Chinese, Japanese or Korean) and no filter, or a filter that makes no sense
 */
export const parseQuery = (text: string, { tags = [], near, kind, lang }: QueryFilters = {}): Query => {
  if (typeof text !== 'string') throw new InvalidQueryError('it is not text')
  if (!Array.isArray(tags)) throw new InvalidQueryError('tags are no list')
  checkLimit('query bytes', MAX_QUERY_BYTES, utf8Length(text))
  checkLimit('query tags', MAX_QUERY_TAGS, tags.length)
  const runs = runsOf(text)
  checkLimit('query terms', MAX_QUERY_TERMS, runs.length)
  const words = [...new Set(runs.flatMap((run) => (run.bigrams ? wholeBigrams(run.text) : [run.text])))]
  const hasFilter = tags.length > 0 || Boolean(near) || kind !== undefined || lang !== undefined
  if (words.length === 0 && text.trim() !== '') throw new InvalidQueryError('there is no letter and no digit in it')
  if (words.length === 0 && !hasFilter) throw new InvalidQueryError('it is empty')
  if (words.length > 0 && !runs.some((run) => run.bigrams || run.text.length > 1)) throw new InvalidQueryError('a word of one letter would find everybody; type two')
  const last = runs.at(-1)
  return {
    text,
    words,
    ...(last ? { prefix: last.bigrams ? wholeBigrams(last.text).at(-1)! : last.text } : {}),
    form: formOf(runs),
    tags: tags.map(parseTag),
    ...(near ? { near: checkNear(near) } : {}),
    ...(kind === undefined ? {} : { kind: checkWord('kind', kind) }),
    ...(lang === undefined ? {} : { lang: checkWord('lang', lang).toLowerCase() })
  }
}

/** The pairs of a run; the character alone where it is one. What follows the last pair in a name is not known. */
const wholeBigrams = (run: string): string[] => {
  const bigrams = bigramsOf(run)
  return bigrams.length > 0 ? bigrams : [run]
}

const parseTag = (tag: string): Query['tags'][number] => {
  if (typeof tag !== 'string') throw new InvalidQueryError('a tag is not text')
  checkLimit('tag bytes', MAX_TAG_QUERY_BYTES, utf8Length(tag))
  const runs = runsOf(tag)
  if (runs.length === 0) throw new InvalidQueryError('there is no letter and no digit in a tag')
  return { form: formOf(runs), words: [...new Set(runs.flatMap((run) => (run.bigrams ? wholeBigrams(run.text) : [run.text])))] }
}

/** `LAT,LON,KM` as people type it: degrees, and kilometres. @throws InvalidQueryError */
export const parseNear = (text: string): NonNullable<QueryFilters['near']> => {
  const parts = text.split(',').map((part) => part.trim())
  const [lat, lon, km] = parts.map((part) => (/^-?\d{1,5}(\.\d{1,9})?$/.test(part) ? Number(part) : Number.NaN))
  if (parts.length !== 3 || [lat, lon, km].some((part) => part === undefined || Number.isNaN(part))) throw new InvalidQueryError('near is LAT,LON,KM, as in 51.75,-1.25,20')
  return { lat: lat!, lon: lon!, radiusMetres: km! * 1_000 }
}

const MAX_RADIUS_METRES = 20_100_000

const checkNear = ({ lat, lon, radiusMetres }: NonNullable<QueryFilters['near']>): NonNullable<Query['near']> => {
  if (!(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180)) throw new InvalidQueryError('near needs a latitude from -90 to 90 and a longitude from -180 to 180')
  if (!(radiusMetres > 0 && radiusMetres <= MAX_RADIUS_METRES)) throw new InvalidQueryError('near needs a distance above 0 and at most 20,100 km')
  return { lat, lon, radiusMetres }
}

const checkWord = (what: string, value: string): string => {
  if (typeof value !== 'string' || value === '' || utf8Length(value) > 64 || !value.isWellFormed()) throw new InvalidQueryError(`${what} is not a word of at most 64 bytes`)
  return value
}
