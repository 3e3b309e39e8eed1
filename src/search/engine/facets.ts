import { viewProfile } from '../../profile/view.ts'
import { MAX_HITS } from './answer-page.ts'
import type { FacetCount, Facets, HitStream } from './search-answer.ts'

/** Values of each attribute that are told, the most frequent first. */
const MAX_VALUES = 32

/** Counts tags, kinds and languages of the first 1,000 matches. @param stream from its start */
export const countFacets = async (stream: HitStream, options: { signal?: AbortSignal } = {}): Promise<Facets> => {
  const hits = await stream.take(MAX_HITS + 1, options)
  const tags = new Map<string, number>()
  const kinds = new Map<string, number>()
  const langs = new Map<string, number>()
  for (const { document } of hits.slice(0, MAX_HITS)) {
    const profile = viewProfile(document)
    for (const tag of new Set(profile.tags)) count(tags, tag)
    count(kinds, profile.kind)
    if (profile.lang !== undefined) count(langs, profile.lang)
  }
  return { tags: ranked(tags), kinds: ranked(kinds), langs: ranked(langs), atLeast: hits.length > MAX_HITS }
}

const count = (counts: Map<string, number>, value: string): void => {
  counts.set(value, (counts.get(value) ?? 0) + 1)
}

const ranked = (counts: ReadonlyMap<string, number>): FacetCount[] =>
  [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, MAX_VALUES)
