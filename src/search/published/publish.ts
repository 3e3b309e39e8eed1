import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { encodeCbor } from '../../cbor.ts'
import { MercuryError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { Signer } from '../../identity/signer.ts'
import { SECOND_MS } from '../../limits.ts'
import { UnreachableError } from '../../naming/answer.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { createValidRecord, readProfileRecord, type ProfileRecord } from '../../naming/record.ts'
import { getBlock } from '../../store/block.ts'
import { BlockNotFoundError, type HashStore } from '../../store/hash-store.ts'
import { NotSupportedError } from '../../store/not-supported.ts'
import type { GivenBlock } from '../../store/pins.ts'
import { encodeSegment, type Segment } from '../segment/segment.ts'
import type { Announcement } from './announce.ts'
import { BlockWriter, inChunks, type Written } from './block-writer.ts'
import { checkCoverage, encodeCoverage, type Coverage } from './coverage.ts'
import { fitSegments } from './fit-segments.ts'
import { lookUpRecord } from './index-record.ts'
import { MAX_MANIFEST_BYTES, manifestLength, signManifest, verifyManifest, type Manifest } from './manifest.ts'
import { Publication, type Part, type PinnedSegment, type PublishedHead } from './publication.ts'
import { announceHead, reannounceIndex } from './reannounce.ts'
import { pinsOf, type PublisherParts } from './release.ts'
import { indexBlocksOf, liveDocumentsOf, segmentId } from './segment-blocks.ts'
import { isSettledBy, settleTombstones } from './settle.ts'

/** What is published: segments, and where their blocks are. */
export interface IndexSnapshot {
  readonly segments: readonly Segment[]
  /** Has the blocks of the segments, and the documents that can be found in them. */
  readonly blocks: HashStore
}

export interface PublishIndexOptions extends PublisherParts {
  readonly snapshot: IndexSnapshot
  /** The key of the index: its ID is the name under which the index is found. */
  readonly signer: Signer
  /** Those that the record goes to. */
  readonly routers: readonly NameRouter[]
  /** Whose profiles these are; it must count as many as can be found. */
  readonly coverage: Coverage
  /** Multiaddrs and URLs where readers may have the blocks, at most 16 of 128 bytes. */
  readonly providers?: readonly string[]
  /** Puts all blocks again, whatever the books say: for a store that has lost some. */
  readonly rewrite?: boolean
  /** How long resolvers may answer from memory; 5 minutes by default. */
  readonly ttlMs?: number
  /** For each router; 30 s by default. */
  readonly routerTimeoutMs?: number
  /** Hears what has been put so far, after every 1,024 blocks at most. */
  readonly onProgress?: (written: Written) => void
}

export interface PublishedVersion {
  readonly name: ProfileId
  readonly record: ProfileRecord
  readonly manifest: Manifest
  /** Whether there is a new version: not when nothing has changed since the last one. */
  readonly isNew: boolean
  /** Blocks that had to be put. */
  readonly written: Written
  /** What became of the record, router by router. Where none took it, {@link reannounceIndex} or the next publication tries again. */
  readonly announcements: readonly Announcement[]
}

/**
 * Publishes the segments of `snapshot` as the newest version of the index that `signer` has the key of: puts and pins the blocks that the version before did not have, then the manifest, then gives its record to all routers.
 *
 * Whatever the moment at which it is cut off, the version before stays whole, and the next call, or {@link reannounceIndex}, finishes or replaces what was begun.
 * What only the version before needed stays until {@link releaseSuperseded} finds it superseded for 24 hours.
 * Where `state` knows no version yet, the routers are asked for one first: a key that was restored goes above what it has signed before.
 *
 * @throws InvalidManifestError and LimitError when the segments, the coverage or the providers do not make a manifest, BlockNotFoundError when `snapshot` lacks a block, UnreachableError when `state` is new and no router answers,
 * NotSupportedError when `blocks` does not put and pin, ConflictError when another process publishes the same index, and what the stores throw
 */
export const publishIndex = async (options: PublishIndexOptions): Promise<PublishedVersion> => {
  const { signer, snapshot, routers, coverage, providers = [], state, blocks, rewrite = false, clock = Date.now, ttlMs, routerTimeoutMs, signal, onProgress } = options
  if (!blocks.supports.put) throw new NotSupportedError('writing')
  const name = signer.id
  const publication = new Publication(state, name)
  const pins = pinsOf(state, blocks)
  const covered = await encodeCoverage(coverage)
  const { segments, blocks: tops } = await fitSegments(snapshot.segments, (fitted) => manifestLength({ segments: fitted, coverage: covered.cid, providers }, name) <= MAX_MANIFEST_BYTES)
  const { head: before, bytes } = await settleTombstones(publication, { pins, blocks, signal })
  const known = before && (await verifyManifest(before.manifest, { name })).manifest
  if (known && !rewrite && isSame(known, { segments, coverage: covered.cid, providers })) {
    const { record, announcements } = await reannounceIndex(name, { state, routers, signer, clock, routerTimeoutMs, signal })
    return { name, record, manifest: known, isNew: false, written: { blocks: 0, bytes: 0 }, announcements }
  }
  const now = clock()
  const past = before ? pastOf(await readProfileRecord(name, before.record, { now })) : await findPast(name, options, now)
  const time = Math.floor(now / SECOND_MS)
  const seq = nextSequence(past?.sequence ?? 0n, time)
  // Signed before anything is put: what does not make a manifest leaves nothing behind.
  const signed = await signManifest({ seq, time, segments, coverage: covered.cid, providers, prev: past?.digest ?? null }, signer, { signal })
  checkCoverage(covered.cid, coverage, signed.manifest)
  const writer = new BlockWriter({ publication, pins, blocks, now, signal, onProgress })
  const reused: (PinnedSegment | undefined)[] = []
  for (const segment of snapshot.segments) reused.push(rewrite ? undefined : await reuse(segment, before, options))
  const retired = retiredBy(reused, before)
  if (!rewrite) await writer.learn(retired)
  const pinned: PinnedSegment[] = []
  for (const [i, segment] of snapshot.segments.entries()) pinned.push(reused[i] ?? (await writeSegment(segment, writer, options)))
  const own = await writeOwn([...tops, covered, signed], writer, options)
  const record = await createValidRecord(signed, signer, { now: clock(), ttlMs, signal })
  const head: PublishedHead = { record: record.bytes, manifest: signed.bytes, seq, own, segments: pinned }
  await publication.commit(head, { before: bytes, begun: writer.begun, retired, signal })
  await settleTombstones(publication, { pins, blocks, signal })
  const announcements = await announceHead(publication, head, routers, { now: clock(), routerTimeoutMs, signal })
  return { name, record, manifest: signed.manifest, isNew: true, written: writer.written, announcements }
}

const isSame = (known: Manifest, next: Pick<Manifest, 'segments' | 'coverage' | 'providers'>): boolean => equals(encodeContent(known), encodeContent(next))

const encodeContent = ({ segments, coverage, providers }: Pick<Manifest, 'segments' | 'coverage' | 'providers'>): Uint8Array => encodeCbor([segments.map(encodeSegment), coverage, [...providers]])

interface Past {
  readonly sequence: bigint
  /** Of the manifest; null where the record named something else. */
  readonly digest: Uint8Array | null
}

const pastOf = ({ sequence, cid }: ProfileRecord): Past => ({ sequence, digest: cid.multihash.digest })

/** The newest record that routers know of a name that this state has never published. @throws UnreachableError when nobody can say that there is none */
const findPast = async (name: ProfileId, { routers, routerTimeoutMs, signal }: PublishIndexOptions, now: number): Promise<Past | undefined> => {
  const { record, elsewhere, answers } = await lookUpRecord(name, routers, { ask: 'all', now, timeoutMs: routerTimeoutMs, signal })
  const newest = elsewhere ? { sequence: elsewhere.record.sequence, digest: null } : record && pastOf(record)
  const nobodySays = answers.length > 0 && !answers.some(({ outcome }) => outcome === 'none')
  if (!newest && nobodySays) throw new UnreachableError(name, answers, { what: `nobody says whether the index ${name} was published before` })
  return newest
}

/** Above every version known, and above the owner's own past even where a router withholds it. */
const nextSequence = (highest: bigint, time: number): number => {
  const next = highest + 1n > BigInt(time) ? highest + 1n : BigInt(time)
  if (next > BigInt(Number.MAX_SAFE_INTEGER)) throw new MercuryError('SEQUENCE_EXHAUSTED', `there is no version above ${highest}; the index needs another key`)
  return Number(next)
}

/** What is pinned for `segment` already, where the version before had it; not when profiles of it came back to life, whose documents may be gone. */
const reuse = async (segment: Segment, before: PublishedHead | undefined, { snapshot, blocks, signal }: PublishIndexOptions): Promise<PinnedSegment | undefined> => {
  const id = await segmentId(segment)
  const pinned = before?.segments.find((known) => equals(known.id, id))
  if (!pinned || !(await isSettledBy(pinned, segment, { before: blocks, now: snapshot.blocks, signal }))) return undefined
  return pinned
}

const writeSegment = async (segment: Segment, writer: BlockWriter, { snapshot, signal }: PublishIndexOptions): Promise<PinnedSegment> => {
  const read = reader(snapshot.blocks, signal)
  return {
    id: await segmentId(segment),
    index: await writer.write(inChunks(indexBlocksOf(segment, snapshot.blocks, { signal })), read),
    documents: await writer.write(liveDocumentsOf(segment, snapshot.blocks, { signal }), read),
    settled: segment.dead
  }
}

/** Last, as it makes the rest of them readable: what only this version has. */
const writeOwn = async (given: readonly GivenBlock[], writer: BlockWriter, { snapshot: { segments, blocks }, signal }: PublishIndexOptions): Promise<Part> => {
  const read = reader(blocks, signal)
  const tombstones = segments.flatMap(({ dead }) => dead.map(({ cid }) => cid))
  return writer.write(inChunks([...tombstones, ...given.map(({ cid }) => cid)]), async (cid) => given.find((block) => block.cid.equals(cid))?.bytes ?? read(cid))
}

const reader = (blocks: HashStore, signal: AbortSignal | undefined) => async (cid: CID): Promise<Uint8Array> => {
  const bytes = await getBlock(blocks, cid, { signal })
  if (!bytes) throw new BlockNotFoundError(cid)
  return bytes
}

/** What the version before had and the new one, which shares `reused` with it, does not. */
const retiredBy = (reused: readonly (PinnedSegment | undefined)[], before: PublishedHead | undefined): readonly Part[] => {
  if (!before) return []
  const kept = new Set(reused.map((pinned) => pinned?.index.instance))
  return [before.own, ...before.segments.filter(({ index }) => !kept.has(index.instance)).flatMap(({ index, documents }) => [index, documents])]
}
