import type { CID } from 'multiformats/cid'
import { decodeCborMap } from '../../cbor.ts'
import { encodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { DAY_MS } from '../../limits.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { getBlock } from '../../store/block.ts'
import { ownerKey } from '../query/keys.ts'
import { termsOf } from '../query/profile-terms.ts'
import type { Reading } from '../reading.ts'
import { documentsOf } from '../segment/document-table.ts'
import { findKeys } from '../segment/find-keys.ts'
import { documentCidOf, type NumberedDocument } from '../segment/leaf.ts'
import { buildSegment } from '../segment/build-segment.ts'
import { mergeSegments, type MergeInput } from '../segment/merge-segments.ts'
import { numbersOf, type IndexBlockReader } from '../segment/segment-entries.ts'
import { deadCountOf, type Segment } from '../segment/segment.ts'
import { deadAmong, readDead, readDeadBeside, writeDead } from '../segment/tombstones.ts'
import { createBlockSource, runReading, type BlockSource } from '../engine/block-source.ts'
import { newPlace, type BlockPlaces } from './block-places.ts'
import { isOf, type IndexableProfile } from './heads.ts'
import type { LocalHead, LocalSegment } from './local-head.ts'

/** The most profiles of each level; a segment that outgrows its level is merged into the next. */
const LEVELS = [512, 20_480, Number.POSITIVE_INFINITY] as const
/** A segment of which more is dead is written anew, and one whose dead are older. */
const MAX_DEAD_SHARE = 0.05
const MAX_DEAD_AGE_MS = 30 * DAY_MS

/** What changes of profiles make of an index. */
export interface Rewritten {
  readonly head: LocalHead
  /** Places whose segments are no longer part of it. */
  readonly left: readonly string[]
  /** Documents that can no longer be found in it. */
  readonly leftDocuments: readonly CID[]
}

/**
 * Writes the next version of an index: profiles of `changed` as they are now, whatever of them was in it dead.
 *
 * Nothing that the head before needs is touched; who does not make the new head the head calls it garbage.
 *
 * @param changed the profile, or `undefined` for one that is not to be found
 * @throws InvalidIndexBlockError when the index is damaged
 */
export const rewrite = async (head: LocalHead, changed: ReadonlyMap<ProfileId, IndexableProfile | undefined>, { places, now, signal }: { places: BlockPlaces; now: number; signal?: AbortSignal }): Promise<Rewritten> => {
  const source = sourceOf(places, head)
  const before = await findOld(head, [...changed.keys()], { source, places, signal })
  const added: IndexableProfile[] = []
  const leftDocuments: CID[] = []
  const deadBySegment = head.segments.map((): number[] => [])
  for (const [id, profile] of changed) {
    const old = before.get(id) ?? []
    const kept = profile && old.find(({ document }) => document.quality === profile.quality && documentCidOf(document.digest).equals(profile.cid))
    for (const each of old) {
      if (each === kept) continue
      deadBySegment[each.segment]!.push(each.document.number)
      if (!profile?.cid.equals(documentCidOf(each.document.digest))) leftDocuments.push(documentCidOf(each.document.digest))
    }
    if (profile && !kept) added.push(profile)
  }
  const marked = await Promise.all(head.segments.map((segment, i) => markDead(segment, deadBySegment[i]!, { places, source, now, signal })))
  const { segments, left } = await addProfiles(marked, added, { places, now, signal })
  return { head: { ...head, segments }, left, leftDocuments }
}

interface OldDocument {
  readonly segment: number
  readonly document: NumberedDocument
}

/** Where profiles stand in the index, those that are alive. */
const findOld = async ({ segments }: LocalHead, ids: readonly ProfileId[], { source, places, signal }: { source: BlockSource; places: BlockPlaces; signal?: AbortSignal | undefined }): Promise<Map<ProfileId, OldDocument[]>> => {
  const found = new Map<ProfileId, OldDocument[]>()
  const read = indexReader(source)
  for (const [i, { segment }] of segments.entries()) {
    const entries = await runReading(findKeys(segment, ids.map((id) => ownerKey(encodeProfileId(id)))), source, options(signal))
    for (const [at, entry] of entries.entries()) {
      if (!entry) continue
      const id = ids[at]!
      const numbers = [...(await numbersOf(segment, entry, read))]
      for (const document of await runReading(aliveOf(segment, numbers), source, options(signal))) {
        // Two owners may share the key: the document says whose it is. One that is missing is of no use to anybody.
        const bytes = await getBlock(places.documents, documentCidOf(document.digest), options(signal))
        if (bytes && !isOf(decodeCborMap(bytes) as ProfileDocument, id)) continue
        found.set(id, [...(found.get(id) ?? []), { segment: i, document }])
      }
    }
  }
  return found
}

function * aliveOf (segment: Segment, numbers: readonly number[]): Reading<readonly NumberedDocument[]> {
  const dead = yield * deadAmong(segment, numbers)
  return yield * documentsOf(segment, numbers.filter((_, i) => !dead[i]))
}

const markDead = async (local: LocalSegment, numbers: readonly number[], { places, source, now, signal }: { places: BlockPlaces; source: BlockSource; now: number; signal?: AbortSignal | undefined }): Promise<LocalSegment> => {
  if (numbers.length === 0) return local
  const slices = await runReading(readDeadBeside(local.segment, numbers), source, options(signal))
  return { ...local, segment: await writeDead(local.segment, slices, places.sink(local.place)), oldestDead: local.oldestDead ?? now }
}

/** A segment of the new profiles, merged upwards until every segment is in its level, and segments with many dead written anew. */
const addProfiles = async (marked: readonly LocalSegment[], added: readonly IndexableProfile[], { places, now, signal }: { places: BlockPlaces; now: number; signal?: AbortSignal | undefined }): Promise<{ segments: LocalSegment[]; left: string[] }> => {
  for (const { cid, bytes } of added) await places.documents.put(cid, bytes, options(signal))
  let carried = added.length > 0 ? await build(added, { places, now }) : undefined
  const segments: LocalSegment[] = []
  const left: string[] = []
  const waiting = [...marked]
  for (const max of LEVELS) {
    const own = waiting.filter(({ segment }) => segment.documents <= max)
    waiting.splice(0, own.length)
    const inputs = carried ? [...own, carried] : own
    const live = inputs.reduce((sum, { segment }) => sum + segment.documents - deadCountOf(segment), 0)
    if (inputs.length === 0) continue
    const mergesUp = live > max
    if (!mergesUp && inputs.length === 1 && !needsRewriting(inputs[0]!, now)) {
      segments.push(inputs[0]!)
      carried = undefined
      continue
    }
    const merged = inputs.length === 1 && !needsRewriting(inputs[0]!, now) ? inputs[0] : await merge(inputs, { places, now, signal })
    left.push(...inputs.filter((input) => input !== merged).map(({ place }) => place))
    carried = mergesUp ? merged : undefined
    if (!mergesUp && merged) segments.push(merged)
  }
  return { segments, left }
}

const needsRewriting = ({ segment, oldestDead }: LocalSegment, now: number): boolean => {
  const dead = deadCountOf(segment)
  return dead > 0 && (dead > segment.documents * MAX_DEAD_SHARE || now - (oldestDead ?? now) > MAX_DEAD_AGE_MS)
}

const build = async (profiles: readonly IndexableProfile[], { places, now }: { places: BlockPlaces; now: number }): Promise<LocalSegment> => {
  const place = newPlace(now)
  const inputs = profiles.map(({ cid, document, bytes, quality }) => ({ digest: cid.multihash.digest, quality, keys: termsOf(document, bytes.byteLength)!.keys }))
  return { place, segment: await buildSegment(inputs, places.sink(place)) }
}

const merge = async (segments: readonly LocalSegment[], { places, now, signal }: { places: BlockPlaces; now: number; signal?: AbortSignal | undefined }): Promise<LocalSegment | undefined> => {
  const source = sourceOf(places, { segments })
  const inputs = await Promise.all(segments.map(async ({ segment }): Promise<MergeInput> => ({ segment, dead: await runReading(readDead(segment), source, options(signal)) })))
  const place = newPlace(now)
  const segment = await mergeSegments(inputs, (cids) => indexReader(sourceOf(places, { segments }))(cids), places.sink(place))
  return segment && { place, segment }
}

const sourceOf = (places: BlockPlaces, { segments }: Pick<LocalHead, 'segments'>): BlockSource =>
  createBlockSource({ blocks: places.reader(segments), verify: 'hash', maxBlocks: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY })

const indexReader = (source: BlockSource): IndexBlockReader => async (cids) =>
  (await source.read(cids.map((cid) => ({ cid, as: 'index' })))) as Awaited<ReturnType<IndexBlockReader>>

const options = (signal: AbortSignal | undefined): { signal?: AbortSignal } => (signal ? { signal } : {})
