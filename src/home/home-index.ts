import { createKeptHeads } from '../client/profile-heads.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../limits.ts'
import type { NameRouter } from '../naming/name-router.ts'
import { openLocalIndex, type LocalIndex } from '../search/local/local-index.ts'
import { createCoverageCounter } from '../search/published/count-coverage.ts'
import { MAX_PROVIDERS } from '../search/published/manifest.ts'
import { publishedRecord } from '../search/published/published-record.ts'
import { publishIndex } from '../search/published/publish.ts'
import { releaseSuperseded } from '../search/published/release.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { createPrefixStore } from '../store/prefix-store.ts'
import type { ChangeLog } from './change-log.ts'
import { isFound, type Hosting } from './hosting.ts'

/** How long a change waits at least after the last publication. */
export const INDEX_MS = 10 * MINUTE_MS
/** Routers forget: the record is given to them again so often, changed or not. */
const ANNOUNCE_MS = 4 * HOUR_MS

export interface HomeIndexParts {
  /** That of the client; the index keeps itself below `home/search/`, and reads marks below `home/unindexed/`. */
  state: KeyValueStore
  blocks: HashStore
  routers: readonly NameRouter[]
  hosting: Pick<Hosting, 'standing'>
  changes: Pick<ChangeLog, 'drain'>
  /** The key of the index; without it nothing is published. */
  signer: Signer | undefined
  /** Where the blocks are had: multiaddrs and URLs. */
  addresses: () => readonly string[]
  /** @default 10 minutes */
  indexMs?: number | undefined
  clock: () => number
}

/** The search index of a home: whom it hosts and who is listed, found at once over HTTP, and published for whoever does not want to ask. */
export interface HomeIndex {
  /** Under which it is published. */
  readonly name: ProfileId | undefined
  readonly local: LocalIndex
  /** The record under its name, where it was published. */
  record(): Promise<Uint8Array | undefined>
  /** Writes what has changed into the index, and publishes it when it is due. */
  keepCurrent(signal: AbortSignal): Promise<void>
}

export const createHomeIndex = ({ state, blocks, routers, hosting, changes, signer, addresses, indexMs = INDEX_MS, clock }: HomeIndexParts): HomeIndex => {
  const heads = createKeptHeads(state)
  const local = openLocalIndex({
    state: createPrefixStore(state, 'home/'),
    ...heads,
    isShown: async (id, options) => isFound(await hosting.standing(id, options)),
    // Every change leaves a mark in the log, which passes it on to the index when it is drained.
    catchUp: (options) => changes.drain(options),
    clock
  })
  const counter = createCoverageCounter()
  let published: { version: string; at: number } | undefined

  const publish = async (own: Signer, signal: AbortSignal): Promise<void> => {
    const now = clock()
    const { version, documents } = await local.status({ signal })
    const isDue = !published || (version !== published.version ? now - published.at >= indexMs : now - published.at >= ANNOUNCE_MS)
    if (!isDue || (documents === 0 && !(await publishedRecord(own.id, state, { signal })))) return
    const snapshot = await local.snapshot({ signal })
    const coverage = await counter.count(snapshot, { oldest: Math.floor((await heads.oldestCheck({ signal }) ?? now) / SECOND_MS), signal })
    await publishIndex({ snapshot, signer: own, routers, coverage, providers: addresses().slice(0, MAX_PROVIDERS), state, blocks, clock, signal })
    published = { version, at: now }
    await releaseSuperseded(own.id, { state, blocks, clock, signal })
  }

  return {
    name: signer?.id,
    local,
    record: async () => (signer ? publishedRecord(signer.id, state) : undefined),
    async keepCurrent (signal) {
      await local.refresh({ signal })
      if (signer) await publish(signer, signal)
    }
  }
}
