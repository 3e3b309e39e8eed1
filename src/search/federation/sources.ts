import { SECOND_MS } from '../../limits.ts'
import type { LocalIndex } from '../local/local-index.ts'
import type { PublishedIndex } from '../published/open-index.ts'
import type { SearchSource } from './source-lane.ts'

/** A local index as one of several that are asked. How many profiles it has it says where no change waits to be written. */
export const localSource = (index: LocalIndex, name = 'local'): SearchSource => ({
  name,
  async open (query, options) {
    const stream = await index.stream(query, options)
    const { documents, pending } = await index.status(options)
    return { stream, ...(pending === 0 ? { documents } : {}) }
  }
})

/**
 * A published index as one of several that are asked.
 *
 * @param open finds it: what that throws is told of it in the report
 */
export const publishedSource = (name: string, open: (options: { signal?: AbortSignal }) => Promise<PublishedIndex>): SearchSource => ({
  name,
  async open (query, options) {
    const index = await open(options)
    return { stream: index.stream(query, options), documents: index.manifest.documents, madeAt: index.manifest.time * SECOND_MS }
  }
})
