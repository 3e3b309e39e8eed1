import { equals } from 'uint8arrays'
import type { ProfileId } from '../../identity/profile-id.ts'
import { matchDocument } from '../query/match.ts'
import type { Query } from '../query/query.ts'
import { compareRanks } from '../rank.ts'
import type { Hit } from '../engine/search-answer.ts'
import { indexableOf, type IndexableProfile, type ProfileHeads } from './heads.ts'
import type { Mark } from './marks.ts'

/** Profiles that have changed since they were indexed, as they are now; few enough to look at each of them. */
export class PendingProfiles {
  private readonly heads: ProfileHeads
  private known = new Map<ProfileId, { mark: Uint8Array; profile: IndexableProfile | undefined }>()

  constructor (heads: ProfileHeads) {
    this.heads = heads
  }

  /** Reads the profiles of `marks`; one whose mark is as it was is not read again. */
  async load (marks: readonly Mark[], options: { signal?: AbortSignal }): Promise<ReadonlyMap<ProfileId, IndexableProfile | undefined>> {
    const before = this.known
    this.known = new Map(await Promise.all(marks.map(async ({ id, value }) => {
      const known = before.get(id)
      return [id, known && equals(known.mark, value) ? known : { mark: value, profile: await indexableOf(id, this.heads, options) }] as const
    })))
    return new Map([...this.known].map(([id, { profile }]) => [id, profile]))
  }
}

/** The hits among `profiles`, the best first. */
export const hitsAmong = (profiles: Iterable<IndexableProfile | undefined>, query: Query): Hit[] => {
  const hits: Hit[] = []
  for (const profile of profiles) {
    const match = profile && matchDocument(query, profile.document)
    if (match) hits.push({ id: profile.id, cid: profile.cid, bytes: profile.bytes, document: profile.document, match, rank: { class: match.class, quality: profile.quality, digest: profile.cid.multihash.digest } })
  }
  return hits.sort((a, b) => compareRanks(a.rank, b.rank))
}
