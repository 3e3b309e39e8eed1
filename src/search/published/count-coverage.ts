import { decodeCborMap } from '../../cbor.ts'
import { decodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { getBlock } from '../../store/block.ts'
import { mapConcurrently } from '../../store/concurrent.ts'
import { BlockNotFoundError } from '../../store/hash-store.ts'
import { acceptedHomeOf } from './accepted-home.ts'
import { MAX_COVERAGE_HOMES, type Coverage } from './coverage.ts'
import type { IndexSnapshot } from './publish.ts'
import { liveDocumentsOf } from './segment-blocks.ts'

export interface CountCoverageOptions {
  /** Unix seconds: none of the profiles was last asked for before. */
  oldest: number
  /** How far the changes of a home were followed, in its own words. */
  heads?: ReadonlyMap<ProfileId, string>
  signal?: AbortSignal
}

/**
 * Counts whose profiles a snapshot has, as an auditor will: it reads every document, and verifies the acceptance of a home in each that lists one.
 *
 * The 400 homes with the most profiles are listed, the rest is counted together.
 *
 * @throws BlockNotFoundError when the snapshot lacks a document
 */
export const countCoverage = async ({ segments, blocks }: IndexSnapshot, { oldest, heads, signal }: CountCoverageOptions): Promise<Coverage> => {
  const countByHome = new Map<ProfileId | undefined, number>()
  for (const segment of segments) {
    for await (const cids of liveDocumentsOf(segment, blocks, { signal })) {
      const homes = await mapConcurrently(cids, async (cid) => {
        const bytes = await getBlock(blocks, cid, { signal })
        if (!bytes) throw new BlockNotFoundError(cid)
        const document = decodeCborMap(bytes) as ProfileDocument
        return acceptedHomeOf({ id: decodeProfileId(document.id), document })
      })
      for (const home of homes) countByHome.set(home, (countByHome.get(home) ?? 0) + 1)
    }
  }
  const homes = [...countByHome].flatMap(([id, documents]) => (id === undefined ? [] : [{ id, documents }])).sort((a, b) => b.documents - a.documents)
  const listed = homes.slice(0, MAX_COVERAGE_HOMES).map(({ id, documents }) => ({ id, ...(heads?.has(id) ? { head: heads.get(id)! } : {}), documents, oldest }))
  const others = (countByHome.get(undefined) ?? 0) + homes.slice(MAX_COVERAGE_HOMES).reduce((sum, { documents }) => sum + documents, 0)
  return { homes: listed, ...(others > 0 ? { others: { documents: others, oldest } } : {}) }
}
