import type { ProfileId } from '../../identity/profile-id.ts'
import { SECOND_MS } from '../../limits.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { DEFAULT_PAGE_HITS, checkPageLimit, type PageOptions } from '../engine/answer-page.ts'
import { createBlockCache, type BlockCache } from '../engine/block-cache.ts'
import { MAX_QUERY_BLOCKS, MAX_QUERY_FETCHED_BYTES, createBlockSource } from '../engine/block-source.ts'
import { openHitStream } from '../engine/hit-stream.ts'
import { MAX_FALSE_HITS, type HitStream, type SearchAnswer } from '../engine/search-answer.ts'
import { MAX_INDEXED_DOCUMENT_BYTES } from '../query/profile-terms.ts'
import { parseQuery, type Query, type QueryFilters } from '../query/query.ts'
import type { Coverage } from './coverage.ts'
import { findIndex, hintsOf, readCoverage, type FindIndexOptions, type IndexVersion } from './find-index.ts'

const QUERY_TIMEOUT_MS = 2 * SECOND_MS

export interface OpenIndexOptions extends FindIndexOptions {
  /** Blocks that were read before, of this index or of any; one of its own by default. */
  cache?: BlockCache
  /** Whether a hit is the newest version that the caller knows of its profile; `stale` ones are dropped and counted. */
  judge?: (id: ProfileId, document: ProfileDocument) => Promise<'current' | 'stale' | 'hidden'>
}

/** A published index, at one version: every block is checked by its hash, every hit by its owner's signature. */
export interface PublishedIndex extends IndexVersion {
  /**
   * Hits as far as they are taken, within the limits of one query: 128 blocks, 1 MiB.
   *
   * @param options `deadline` ends it with what has come. `passedOver`: documents that are read and not shown, as on the pages before; each may cost one block more
   * @throws InvalidCursorError for a cursor of another version
   */
  stream(query: Query, options?: { cursor?: string; deadline?: AbortSignal; passedOver?: number }): HitStream
  /**
   * One page. Its cursor is a place in this version, where the next page goes on without reading the first again.
   * What comes too late is left out; the report says that the search was stopped.
   *
   * @throws InvalidQueryError, InvalidCursorError, LimitError, InvalidIndexBlockError naming the block that is missing or wrong, and what the store throws
   */
  search(text: string, options?: PublishedSearchOptions): Promise<SearchAnswer>
  /** Whose profiles it has, as its publisher says. @throws as {@link readCoverage} */
  coverage(options?: { signal?: AbortSignal }): Promise<Coverage>
}

export interface PublishedSearchOptions extends QueryFilters, PageOptions {
  /** @default 2 s */
  timeoutMs?: number
}

/** Opens the newest version of an index for queries. @throws as {@link findIndex} */
export const openIndex = async (id: ProfileId, options: OpenIndexOptions): Promise<PublishedIndex> => indexAt(await findIndex(id, options), options)

/** A version that was found, open for queries; it reads nothing until it is asked. */
export const indexAt = (version: IndexVersion, { blocks, hints, cache = createBlockCache(), judge }: Pick<OpenIndexOptions, 'blocks' | 'hints' | 'cache' | 'judge'>): PublishedIndex => {
  const { manifest, cid } = version
  const where = hintsOf(manifest, hints)
  const stream: PublishedIndex['stream'] = (query, { cursor, deadline, passedOver = 0 } = {}) => openHitStream({
    segments: manifest.segments,
    query,
    source: createBlockSource({ blocks, verify: 'signature', cache, hints: where, deadline, maxBlocks: MAX_QUERY_BLOCKS + passedOver, maxBytes: MAX_QUERY_FETCHED_BYTES + passedOver * MAX_INDEXED_DOCUMENT_BYTES }),
    head: cid.toString(),
    cursor,
    maxFalseHits: MAX_FALSE_HITS,
    judge
  })
  return {
    ...version,
    stream,
    async search (text, { limit = DEFAULT_PAGE_HITS, cursor, timeoutMs = QUERY_TIMEOUT_MS, signal, ...filters } = {}) {
      checkPageLimit(limit)
      const opened = stream(parseQuery(text, filters), { cursor, deadline: AbortSignal.timeout(timeoutMs) })
      const hits = await opened.take(limit, { signal })
      const next = opened.cursor()
      return { hits, report: opened.report, ...(next === undefined ? {} : { cursor: next }) }
    },
    coverage: ({ signal } = {}) => readCoverage(version, { blocks, hints, signal })
  }
}
