import { checkLimit } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { createBlockCache, type BlockCache } from '../engine/block-cache.ts'
import { createBlockSource } from '../engine/block-source.ts'
import { openHitStream } from '../engine/hit-stream.ts'
import type { HitStream, SearchAnswer } from '../engine/search-answer.ts'
import { parseQuery, type Query, type QueryFilters } from '../query/query.ts'
import type { Coverage } from './coverage.ts'
import { findIndex, hintsOf, readCoverage, type FindIndexOptions, type IndexVersion } from './find-index.ts'

export const MAX_PAGE_HITS = 100
const PAGE_HITS = 10

export interface OpenIndexOptions extends FindIndexOptions {
  /** Blocks that were read before, of this index or of any; one of its own by default. */
  cache?: BlockCache
  /** Whether a hit is the newest version that the caller knows of its profile; `stale` ones are dropped and counted. */
  judge?: (id: ProfileId, document: ProfileDocument) => Promise<'current' | 'stale' | 'hidden'>
}

/** A published index, at one version: every block is checked by its hash, every hit by its owner's signature. */
export interface PublishedIndex extends IndexVersion {
  /** Hits as far as they are taken, within the limits of one query: 128 blocks, 1 MiB. @throws InvalidCursorError for a cursor of another version */
  stream(query: Query, options?: { cursor?: string }): HitStream
  /**
   * One page.
   *
   * @param options `limit`: 10 by default, at most 100
   * @throws InvalidQueryError, InvalidCursorError, LimitError, InvalidIndexBlockError naming the block that is missing or wrong, and what the store throws
   */
  search(text: string, options?: PublishedSearchOptions): Promise<SearchAnswer>
  /** Whose profiles it has, as its publisher says. @throws as {@link readCoverage} */
  coverage(options?: { signal?: AbortSignal }): Promise<Coverage>
}

export interface PublishedSearchOptions extends QueryFilters {
  limit?: number
  cursor?: string
  signal?: AbortSignal
}

/** Opens the newest version of an index for queries. @throws as {@link findIndex} */
export const openIndex = async (id: ProfileId, options: OpenIndexOptions): Promise<PublishedIndex> => indexAt(await findIndex(id, options), options)

/** A version that was found, open for queries; it reads nothing until it is asked. */
export const indexAt = (version: IndexVersion, { blocks, hints, cache = createBlockCache(), judge }: Pick<OpenIndexOptions, 'blocks' | 'hints' | 'cache' | 'judge'>): PublishedIndex => {
  const { manifest, cid } = version
  const where = hintsOf(manifest, hints)
  const stream = (query: Query, { cursor }: { cursor?: string } = {}): HitStream =>
    openHitStream({ segments: manifest.segments, query, source: createBlockSource({ blocks, verify: 'signature', cache, hints: where }), head: cid.toString(), cursor, judge })
  return {
    ...version,
    stream,
    async search (text, { limit = PAGE_HITS, cursor, signal, ...filters } = {}) {
      checkLimit('hits of a page', MAX_PAGE_HITS, limit)
      const opened = stream(parseQuery(text, filters), { cursor })
      const hits = await opened.take(limit, { signal })
      const next = opened.cursor()
      return { hits, report: opened.report, ...(next === undefined ? {} : { cursor: next }) }
    },
    coverage: ({ signal } = {}) => readCoverage(version, { blocks, hints, signal })
  }
}
