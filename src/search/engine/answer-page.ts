import { base64url } from 'multiformats/bases/base64'
import { encodeCbor } from '../../cbor.ts'
import { checkLimit } from '../../errors.ts'
import { MATCH_CLASSES, classRank, compareRanks, type Rank } from '../rank.ts'
import { InvalidCursorError, decodeCursorMap } from './cursor.ts'
import type { HitStream, SearchAnswer } from './search-answer.ts'

export const DEFAULT_PAGE_HITS = 10
export const MAX_PAGE_HITS = 100
/** Over all pages of a query. */
export const MAX_HITS = 1_000

export interface PageOptions {
  /** 1 to 100; 10 by default. */
  limit?: number
  /** Of the page before. */
  cursor?: string
  signal?: AbortSignal
}

/**
 * A page of a stream that starts at the best hit. A cursor is the rank of the last hit shown: the stream is read again up to there, which stays right when the index has changed.
 *
 * @throws LimitError, InvalidCursorError
 */
export const answerPage = async (stream: HitStream, { limit = DEFAULT_PAGE_HITS, cursor, signal }: PageOptions): Promise<Pick<SearchAnswer, 'hits' | 'cursor' | 'report'>> => {
  checkPageLimit(limit)
  const after = cursor === undefined ? undefined : decodeRankCursor(cursor)
  let shown = after?.shown ?? 0
  const wanted = Math.min(limit, MAX_HITS - shown)
  // One more tells whether there is a next page.
  const hits = [...(await stream.take(shown + wanted + 1, { signal }))]
  let fresh = after ? hits.filter(({ rank }) => compareRanks(rank, after.rank) > 0) : hits
  for (let missing = wanted + 1 - fresh.length; missing > 0; missing = wanted + 1 - fresh.length) {
    const more = await stream.take(missing, { signal })
    if (more.length === 0) break
    fresh = [...fresh, ...(after ? more.filter(({ rank }) => compareRanks(rank, after.rank) > 0) : more)]
  }
  const page = fresh.slice(0, wanted)
  shown += page.length
  const hasMore = fresh.length > wanted && shown < MAX_HITS
  return { hits: page, report: stream.report, ...(hasMore ? { cursor: encodeRankCursor(page.at(-1)!.rank, shown) } : {}) }
}

/** @throws LimitError over 100 or under 1 */
export const checkPageLimit = (limit: number): void => {
  checkLimit('hits on a page', MAX_PAGE_HITS, Number.isSafeInteger(limit) && limit >= 1 ? limit : Number.POSITIVE_INFINITY)
}

const encodeRankCursor = ({ class: matchClass, quality, digest }: Rank, shown: number): string => base64url.baseEncode(encodeCbor({ class: classRank(matchClass), quality, digest, shown }))

const decodeRankCursor = (cursor: string): { rank: Rank; shown: number } => {
  const { class: rank, quality, digest, shown } = decodeCursorMap(cursor)
  const matchClass = typeof rank === 'number' ? MATCH_CLASSES[rank] : undefined
  if (!matchClass || typeof quality !== 'number' || !(digest instanceof Uint8Array) || digest.byteLength !== 32 || typeof shown !== 'number' || shown < 1 || shown >= MAX_HITS) throw new InvalidCursorError('it is not one')
  return { rank: { class: matchClass, quality, digest }, shown }
}
