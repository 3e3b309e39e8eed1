import type { CID } from 'multiformats/cid'
import { LimitError, MercuryError, reasonOf } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { NotFoundError, UnreachableError, type RouterAnswer } from '../../naming/answer.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { compareRecords, type ProfileRecord } from '../../naming/record.ts'
import { getBlock } from '../../store/block.ts'
import type { HashStore } from '../../store/hash-store.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'
import { untilAborted } from '../../until-aborted.ts'
import { MAX_COVERAGE_BYTES, decodeCoverage, type Coverage } from './coverage.ts'
import { ROUTER_TIMEOUT_MS, lookUpRecord } from './index-record.ts'
import { keepKnownIndex, readKnownIndex, type KnownIndex } from './known-index.ts'
import { MAX_MANIFEST_BYTES, verifyManifest, type Manifest } from './manifest.ts'

export interface FindIndexOptions {
  /** Where the name is looked up. */
  routers: readonly NameRouter[]
  /** Where the blocks are had: any store, it is not trusted. */
  blocks: HashStore
  /** Keeps the newest version seen of each index: an older one is refused from then on, and while its record is fresh nobody is asked. */
  state?: KeyValueStore
  /** Where blocks may be had, beside what the manifest says. */
  hints?: readonly string[]
  /** The name of the index that a home or a persona lists in its document; for who opens an index by a profile's ID. */
  indexOf?: (id: ProfileId) => Promise<ProfileId | undefined>
  /** `first`, the default, takes the first router that ends with a version that is not older than the one known; `all` waits for every one. */
  ask?: 'first' | 'all'
  /** For each router and for the manifest; 30 s by default. */
  timeoutMs?: number
  /** Milliseconds since 1970. */
  clock?: () => number
  signal?: AbortSignal
}

/** One version of an index, authentic and not older than any seen before. */
export interface IndexVersion {
  readonly name: ProfileId
  readonly manifest: Manifest
  /** Of the manifest: names the version. */
  readonly cid: CID
  readonly record: ProfileRecord
  /** Its record is past its validity: authentic, and the newest that is known. */
  readonly expired: boolean
  /** There is a newer record, whose manifest could not be had. */
  readonly behind: boolean
  /** Milliseconds since 1970: when a router last gave this record. */
  readonly checkedAt: number
  /** What the routers did; empty when none was asked. */
  readonly answers: readonly RouterAnswer[]
}

/**
 * Finds the newest version of an index.
 *
 * @param id the name of the index, or, with `indexOf`, the ID of a profile that lists one
 * @throws NotFoundError, UnreachableError when neither routers nor `state` have it, or nobody has its manifest; NotAProfileError when the name points elsewhere; InvalidManifestError, InvalidSignatureError, UnsupportedError, LimitError for its manifest;
 * RefusedHeadError for one that falls behind; a version that is wrong is never passed over for an older one
 */
export const findIndex = async (id: ProfileId, options: FindIndexOptions): Promise<IndexVersion> => {
  const { routers, state, indexOf, ask = 'first', timeoutMs, clock = Date.now, signal } = options
  const name = (await indexOf?.(id)) ?? id
  const now = clock()
  const known = state && (await readKnownIndex(state, name, { now, signal }))
  if (known && now >= known.checkedAt && now - known.checkedAt < known.record.ttlMs && ask === 'first') return versionOf(known, { behind: false, answers: [] })
  const { record, elsewhere, confirmedBy, answers } = await lookUpRecord(name, routers, { known: known?.record, ask, now, timeoutMs, signal })
  if (elsewhere) throw elsewhere.error
  if (!record) throw answers.length > 0 && answers.every(({ outcome }) => outcome === 'none') ? new NotFoundError(name, answers) : new UnreachableError(name, answers)
  if (known && compareRecords(record, known.record) <= 0) {
    const version = await versionOf(known, { behind: false, answers })
    if (confirmedBy === undefined) return version
    // Only one that can be read is confirmed: a program that cannot goes on asking for the next.
    await keepKnownIndex(state, { ...known, checkedAt: now }, { now, signal })
    return { ...version, checkedAt: now }
  }
  const bytes = await fetchManifest(record, options).catch((error: unknown) => {
    signal?.throwIfAborted()
    if (error instanceof LimitError) throw error
    if (!known) throw new UnreachableError(name, answers, { what: `the record of the index ${name} was found, but nobody had its manifest: ${reasonOf(error)}`, cause: error })
  })
  if (!bytes) return versionOf(known!, { behind: true, answers })
  const { manifest: { seq } } = await verifyManifest(bytes, { name, cid: record.cid })
  return versionOf(await keepKnownIndex(state, { record, seq, manifestBytes: bytes, checkedAt: now }, { now, signal }), { behind: false, answers })
}

const versionOf = async ({ record, manifestBytes, checkedAt }: KnownIndex, { behind, answers }: { behind: boolean; answers: readonly RouterAnswer[] }): Promise<IndexVersion> => {
  const { id: name, expired } = record
  const { manifest, cid } = await verifyManifest(manifestBytes, { name, cid: record.cid })
  return { name, manifest, cid, record, expired, behind, checkedAt, answers }
}

/** The manifest's bytes, unverified but for their hash. */
const fetchManifest = async ({ cid, documentBytes }: ProfileRecord, { blocks, hints, timeoutMs = ROUTER_TIMEOUT_MS, signal }: FindIndexOptions): Promise<Uint8Array> => {
  if (documentBytes) return documentBytes
  const late = AbortSignal.timeout(timeoutMs)
  const until = signal ? AbortSignal.any([signal, late]) : late
  const bytes = await untilAborted(getBlock(blocks, cid, { maxBytes: MAX_MANIFEST_BYTES, hints, signal: until }), until)
  if (!bytes) throw new MercuryError('NOT_FOUND', 'the store does not have it')
  return bytes
}

/** Whose profiles an index has, as its publisher says. @throws UnreachableError, InvalidManifestError also when it counts other profiles than the index has, and what the store throws */
export const readCoverage = async ({ name, manifest }: Pick<IndexVersion, 'name' | 'manifest'>, { blocks, hints, signal }: Pick<FindIndexOptions, 'blocks' | 'hints' | 'signal'>): Promise<Coverage> => {
  const bytes = await getBlock(blocks, manifest.coverage, { maxBytes: MAX_COVERAGE_BYTES, hints: hintsOf(manifest, hints), signal })
  if (!bytes) throw new UnreachableError(name, [], { what: `nobody had the coverage of the index ${name}` })
  return decodeCoverage(manifest.coverage, bytes, manifest)
}

/** Where the blocks of a version may be had. */
export const hintsOf = ({ providers }: Pick<Manifest, 'providers'>, hints: readonly string[] = []): readonly string[] => [...new Set([...hints, ...providers])]
