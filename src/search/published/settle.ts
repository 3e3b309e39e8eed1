import type { CID } from 'multiformats/cid'
import { hashName, type HashStore } from '../../store/hash-store.ts'
import type { PinSet } from '../../store/pins.ts'
import { documentsOf } from '../segment/document-table.ts'
import { documentCidOf } from '../segment/leaf.ts'
import type { Segment, TombstoneSlice } from '../segment/segment.ts'
import { readDead } from '../segment/tombstones.ts'
import { CHUNK_BLOCKS, randomInstance } from './block-writer.ts'
import { verifyManifest } from './manifest.ts'
import type { PinnedSegment, Publication, PublishedHead } from './publication.ts'
import { readFrom } from './segment-blocks.ts'

interface SettleParts {
  readonly pins: PinSet
  /** Where the version that is settled was published. */
  readonly blocks: HashStore
  readonly signal: AbortSignal | undefined
}

/**
 * Lets the documents go that died in segments which the newest version shares with the one before: their part is retired by this version, so that they stay as long as that one does.
 * A version whose publication was cut off before this is settled by the next call.
 *
 * @returns the newest version as it stands then
 * @throws ConflictError when another process publishes the same index
 */
export const settleTombstones = async (publication: Publication, { pins, blocks, signal }: SettleParts): Promise<{ head: PublishedHead | undefined; bytes: Uint8Array | undefined }> => {
  let { head, bytes } = await publication.head(signal)
  if (!head) return { head, bytes }
  const { manifest } = await verifyManifest(head.manifest, { name: publication.name })
  for (const [i, segment] of manifest.segments.entries()) {
    const pinned: PinnedSegment = head.segments[i]!
    if (sameSlices(pinned.settled, segment.dead)) continue
    const died = await diedSince(pinned, segment, { blocks, signal })
    const dead = await documentsByChunk(segment, died, { blocks, signal })
    const part = { instance: randomInstance(), chunks: dead.size, seq: head.seq }
    // First that they are on their way out: what is cut off after this is found by its retired part.
    bytes = await publication.amend(head, { before: bytes, also: [part], signal })
    let owner = 0
    for (const [chunk, cids] of dead) {
      const names = new Set(cids.map(hashName))
      const kept = (await publication.chunk(pinned.documents, chunk, signal)).filter((cid) => !names.has(hashName(cid)))
      await publication.keepChunk(pinned.documents, chunk, kept, signal)
      await pins.hold(publication.ownerOf(part, owner++), cids, { from: [publication.ownerOf(pinned.documents, chunk)], signal })
    }
    head = { ...head, segments: head.segments.with(i, { ...pinned, settled: segment.dead }) }
    bytes = await publication.amend(head, { before: bytes, signal })
  }
  return { head, bytes }
}

/**
 * Whether all that was dead when `pinned` was last looked at is dead in `segment` too: the documents of the others are pinned, then.
 *
 * @param stores `before` has the tombstones of the version before, `now` those of `segment`
 */
export const isSettledBy = async (pinned: PinnedSegment, segment: Segment, { before, now, signal }: { before: HashStore; now: HashStore; signal: AbortSignal | undefined }): Promise<boolean> => {
  if (sameSlices(pinned.settled, segment.dead)) return true
  const dead = await readFrom(now, readDead(segment), { signal })
  const settled = await readFrom(before, readDead({ ...segment, dead: pinned.settled }), { signal })
  return [...settled].every((number) => dead.has(number))
}

const diedSince = async ({ settled }: PinnedSegment, segment: Segment, { blocks, signal }: Omit<SettleParts, 'pins'>): Promise<readonly number[]> => {
  const known = new Map(settled.map((slice) => [slice.slice, slice]))
  const changed = segment.dead.filter(({ slice, cid }) => known.get(slice)?.cid.equals(cid) !== true)
  const before = changed.flatMap(({ slice }) => known.get(slice) ?? [])
  const dead = await readFrom(blocks, readDead({ ...segment, dead: changed }), { signal })
  const was = await readFrom(blocks, readDead({ ...segment, dead: before }), { signal })
  return [...dead].filter((number) => !was.has(number))
}

const documentsByChunk = async (segment: Segment, numbers: readonly number[], { blocks, signal }: Omit<SettleParts, 'pins'>): Promise<Map<number, CID[]>> => {
  const cidsByChunk = new Map<number, CID[]>()
  for (const { number, digest } of await readFrom(blocks, documentsOf(segment, numbers), { signal })) {
    const chunk = Math.floor(number / CHUNK_BLOCKS)
    const cids = cidsByChunk.get(chunk)
    if (cids) cids.push(documentCidOf(digest))
    else cidsByChunk.set(chunk, [documentCidOf(digest)])
  }
  return cidsByChunk
}

const sameSlices = (a: readonly TombstoneSlice[], b: readonly TombstoneSlice[]): boolean => a.length === b.length && a.every(({ cid }, i) => cid.equals(b[i]!.cid))
