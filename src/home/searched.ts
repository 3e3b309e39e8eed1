import type { StoredRecord } from '../client/profile-state.ts'
import type { Profiles } from '../client/profiles.ts'
import { SECOND_MS } from '../limits.ts'
import type { Hit } from '../search/engine/search-answer.ts'
import type { LocalIndex, LocalSearchOptions } from '../search/local/local-index.ts'
import { ProblemError } from './problem.ts'

/** For one query: a stranger gets no more of the home's time. */
export const QUERY_MS = 2 * SECOND_MS

export interface SearchParts {
  profiles: Pick<Profiles, 'stored'>
  index: Pick<LocalIndex, 'search' | 'status'>
}

/** A page of whom a home hosts. */
export interface Searched {
  /** Each with what is stored of it, of the very version that was found. */
  readonly hits: readonly { readonly hit: Hit; readonly stored: StoredRecord }[]
  readonly cursor?: string
  /** Profiles that can be found. */
  readonly documents: number
  /** Hits may be missing. */
  readonly rebuilding: boolean
}

/**
 * Asks the index of a home, for two seconds at most.
 *
 * @throws InvalidQueryError, InvalidCursorError, LimitError, the signal's reason; ProblemError `BUSY` when the time is over
 */
export const searchHome = async (text: string, options: Omit<LocalSearchOptions, 'signal'>, { index, profiles }: SearchParts, signal: AbortSignal): Promise<Searched> => {
  const late = AbortSignal.timeout(QUERY_MS)
  const until = { signal: AbortSignal.any([signal, late]) }
  try {
    const { hits, cursor, rebuilding = false } = await index.search(text, { ...options, ...until })
    const [{ documents }, found] = await Promise.all([index.status(until), Promise.all(hits.map(async (hit) => ({ hit, stored: await profiles.stored(hit.id, { document: true }) })))])
    return {
      // A profile may have changed under the query: its record then says something else than what was found.
      hits: found.flatMap(({ hit, stored }) => (stored?.cid.equals(hit.cid) ? [{ hit, stored }] : [])),
      ...(cursor === undefined ? {} : { cursor }),
      documents,
      rebuilding
    }
  } catch (error) {
    if (late.aborted && !signal.aborted) throw new ProblemError(503, 'BUSY', 'the query took too long; ask for less', { headers: { 'retry-after': '5' }, cause: error })
    throw error
  }
}
