import type { CID } from 'multiformats/cid'
import { isCborMap, type CborMap, type CborValue } from '../../cbor.ts'
import { NODE, LEAF, InvalidIndexBlockError, areIndexLinks, isIndexLink, type IndexBlock } from './index-block.ts'

/** More would not be numbered; one of these holds the people of a large town. */
export const MAX_SEGMENT_DOCUMENTS = 2 ** 22
/** Numbers that one block of tombstones speaks of. */
export const TOMBSTONE_SLICE = 32_768

/**
 * An immutable part of an index: profiles in the order of their rank, numbered from 0, and for every key which numbers it has.
 *
 * It is a pure function of the profiles and of the analyser; tombstones alone are not, they say which numbers are dead since it was built.
 */
export interface Segment {
  readonly documents: number
  /** The top of the tree of keys. Its CID is that of the block it stands in. */
  readonly keys: IndexBlock
  /** The top of the table that gives a number its document's hash. */
  readonly table: IndexBlock
  readonly dead: readonly TombstoneSlice[]
}

export interface TombstoneSlice {
  /** The numbers from this times 32,768 on. */
  readonly slice: number
  readonly count: number
  readonly cid: CID
}

export const deadCountOf = ({ dead }: Segment): number => dead.reduce((sum, { count }) => sum + count, 0)

/** As it stands in a manifest or a head. */
export const encodeSegment = ({ documents, keys, table, dead }: Segment): CborMap => ({
  documents,
  keys: { data: keys.data, links: keys.links },
  table: { data: table.data, links: table.links },
  dead: dead.map(({ slice, count, cid }) => [slice, count, cid])
})

/** @param cid the block that the segment stands in @throws InvalidIndexBlockError naming it */
export const decodeSegment = (value: CborValue | undefined, cid: CID): Segment => {
  const fail = (reason: string): never => {
    throw new InvalidIndexBlockError(cid, `a segment of it is wrong: ${reason}`)
  }
  if (!isCborMap(value)) return fail('not a map')
  const { documents, keys, table, dead, ...unknown } = value
  if (Object.keys(unknown).length > 0) fail('unknown keys')
  if (typeof documents !== 'number' || documents < 1 || documents > MAX_SEGMENT_DOCUMENTS) return fail('its number of documents')
  const root = decodeTop(keys, cid) ?? fail('the top of its keys')
  if (root.data[0] !== NODE && root.data[0] !== LEAF) fail('the top of its keys')
  const top = decodeTop(table, cid) ?? fail('the top of its table')
  if (!Array.isArray(dead) || dead.length > Math.ceil(documents / TOMBSTONE_SLICE)) return fail('its tombstones')
  let last = -1
  const slices = dead.map((entry): TombstoneSlice => {
    if (!Array.isArray(entry) || entry.length !== 3) return fail('its tombstones')
    const [slice, count, link] = entry as readonly CborValue[]
    if (typeof slice !== 'number' || slice <= last || slice * TOMBSTONE_SLICE >= documents) return fail('the order of its tombstones')
    if (typeof count !== 'number' || count < 1 || count > Math.min(TOMBSTONE_SLICE, documents - slice * TOMBSTONE_SLICE) || !isIndexLink(link)) return fail('its tombstones')
    last = slice
    return { slice, count, cid: link }
  })
  return { documents, keys: root, table: top, dead: slices }
}

const decodeTop = (value: CborValue | undefined, cid: CID): IndexBlock | undefined => {
  if (!isCborMap(value)) return undefined
  const { data, links, ...unknown } = value
  return Object.keys(unknown).length === 0 && data instanceof Uint8Array && Array.isArray(links) && areIndexLinks(links) ? { cid, data, links } : undefined
}
