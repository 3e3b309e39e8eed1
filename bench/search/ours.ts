import { createBlockCache, type BlockCache } from '../../src/search/engine/block-cache.ts'
import { createBlockSource } from '../../src/search/engine/block-source.ts'
import { openHitStream } from '../../src/search/engine/hit-stream.ts'
import type { QueryReport } from '../../src/search/engine/search-answer.ts'
import { parseQuery } from '../../src/search/query/query.ts'
import type { BuiltIndex } from './built-index.ts'
import type { Question, Subject } from './subject.ts'

export interface Answer {
  /** Indices of the profiles found. */
  readonly found: readonly number[]
  readonly report: QueryReport
}

/** One query to an index; without a cache, as by somebody who has nothing of it but the manifest. */
export const askIndex = async ({ segments, blocks, documents }: BuiltIndex, { text, filters }: Question, { limit, cache }: { limit: number; cache?: BlockCache }): Promise<Answer> => {
  const stream = openHitStream({
    segments,
    query: parseQuery(text, filters),
    source: createBlockSource({ blocks: blocks.store, verify: 'hash', ...(cache ? { cache } : {}) }),
    head: segments[0]!.keys.cid.toString()
  })
  const hits = await stream.take(limit)
  return { found: hits.map(({ cid }) => documents.indexOf(cid.multihash.digest)), report: stream.report }
}

/** As a program asks that has the index at home, and remembers the blocks that it has read. */
export const createOurs = (index: BuiltIndex): Subject => {
  const cache = createBlockCache()
  return {
    name: 'ours',
    search: async (question, limit) => (await askIndex(index, question, { limit, cache })).found,
    close: () => {}
  }
}
