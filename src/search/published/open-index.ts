import type { ProfileId } from '../../identity/profile-id.ts'
import { SECOND_MS } from '../../limits.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { untilAborted } from '../../until-aborted.ts'
import { DEFAULT_PAGE_HITS, checkPageLimit, type PageOptions } from '../engine/answer-page.ts'
import { createBlockCache, type BlockCache } from '../engine/block-cache.ts'
import { QueryStopped, createBlockSource, type BlockSource } from '../engine/block-source.ts'
import { openHitStream } from '../engine/hit-stream.ts'
import type { HitStream, SearchAnswer } from '../engine/search-answer.ts'
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
  /** Hits as far as they are taken, within the limits of one query: 128 blocks, 1 MiB. @throws InvalidCursorError for a cursor of another version */
  stream(query: Query, options?: { cursor?: string }): HitStream
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
  const source = (): BlockSource => createBlockSource({ blocks, verify: 'signature', cache, hints: where })
  const open = (query: Query, source: BlockSource, cursor: string | undefined): HitStream => openHitStream({ segments: manifest.segments, query, source, head: cid.toString(), cursor, judge })
  return {
    ...version,
    stream: (query, { cursor } = {}) => open(query, source(), cursor),
    async search (text, { limit = DEFAULT_PAGE_HITS, cursor, timeoutMs = QUERY_TIMEOUT_MS, signal, ...filters } = {}) {
      checkPageLimit(limit)
      const opened = open(parseQuery(text, filters), endingAt(AbortSignal.timeout(timeoutMs), source()), cursor)
      const hits = await opened.take(limit, { signal })
      const next = opened.cursor()
      return { hits, report: opened.report, ...(next === undefined ? {} : { cursor: next }) }
    },
    coverage: ({ signal } = {}) => readCoverage(version, { blocks, hints, signal })
  }
}

/** `source` until `deadline`; what a query has found by then stands. */
const endingAt = (deadline: AbortSignal, source: BlockSource): BlockSource => ({
  work: source.work,
  async read (needs, { signal } = {}) {
    const until = signal ? AbortSignal.any([signal, deadline]) : deadline
    try {
      return await untilAborted(source.read(needs, { signal: until }), until)
    } catch (error) {
      if (deadline.aborted && !signal?.aborted) throw new QueryStopped('time')
      throw error
    }
  }
})
