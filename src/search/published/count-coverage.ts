import type { CID } from 'multiformats/cid'
import { decodeCborMap } from '../../cbor.ts'
import { decodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { getBlock } from '../../store/block.ts'
import { mapConcurrently } from '../../store/concurrent.ts'
import { BlockNotFoundError, hashName, type HashStore } from '../../store/hash-store.ts'
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

export interface CoverageCounter {
  /**
   * Counts whose profiles a snapshot has, as an auditor will: each at the first home that has accepted it. The 400 homes with the most profiles are listed, the rest is counted together.
   *
   * @throws BlockNotFoundError when the snapshot lacks a document
   */
  count(snapshot: IndexSnapshot, options: CountCoverageOptions): Promise<Coverage>
}

/** Counts one version after another: it reads only documents that the version before did not have, and keeps some 150 bytes in memory for each. */
export const createCoverageCounter = (): CoverageCounter => {
  let homeByDocument = new Map<string, ProfileId | undefined>()
  return {
    async count ({ segments, blocks }, { oldest, heads, signal }) {
      const counted = new Map<string, ProfileId | undefined>()
      const countByHome = new Map<ProfileId | undefined, number>()
      for (const segment of segments) {
        for await (const cids of liveDocumentsOf(segment, blocks, { signal })) {
          await mapConcurrently(cids, async (cid) => {
            const name = hashName(cid)
            const home = homeByDocument.has(name) ? homeByDocument.get(name) : await homeOf(cid, blocks, signal)
            counted.set(name, home)
            countByHome.set(home, (countByHome.get(home) ?? 0) + 1)
          })
        }
      }
      homeByDocument = counted
      return coverageOf(countByHome, { oldest, heads })
    }
  }
}

/** As {@link CoverageCounter.count}, once. */
export const countCoverage = (snapshot: IndexSnapshot, options: CountCoverageOptions): Promise<Coverage> => createCoverageCounter().count(snapshot, options)

const homeOf = async (cid: CID, blocks: HashStore, signal: AbortSignal | undefined): Promise<ProfileId | undefined> => {
  const bytes = await getBlock(blocks, cid, { signal })
  if (!bytes) throw new BlockNotFoundError(cid)
  const document = decodeCborMap(bytes) as ProfileDocument
  return document.homes ? acceptedHomeOf({ id: decodeProfileId(document.id), document }) : undefined
}

const coverageOf = (countByHome: ReadonlyMap<ProfileId | undefined, number>, { oldest, heads }: Pick<CountCoverageOptions, 'oldest' | 'heads'>): Coverage => {
  const all = [...countByHome].flatMap(([id, documents]) => (id === undefined ? [] : [{ id, documents }])).sort((a, b) => b.documents - a.documents)
  const listed = all.slice(0, MAX_COVERAGE_HOMES).map(({ id, documents }) => ({ id, ...(heads?.has(id) ? { head: heads.get(id)! } : {}), documents, oldest }))
  const others = (countByHome.get(undefined) ?? 0) + all.slice(MAX_COVERAGE_HOMES).reduce((sum, { documents }) => sum + documents, 0)
  return { homes: listed, ...(others > 0 ? { others: { documents: others, oldest } } : {}) }
}
