import type { CID } from 'multiformats/cid'
import { decodeCborMap, encodeCbor, isCborMap, type CborValue } from '../../cbor.ts'
import { MercuryError } from '../../errors.ts'
import { DAG_CBOR, cidOf } from '../../store/block.ts'
import { ANALYSER_VERSION } from '../analyser/fold.ts'
import { decodeSegment, encodeSegment, type Segment } from '../segment/segment.ts'

/** A segment of the local index, and where its blocks are kept. */
export interface LocalSegment {
  readonly segment: Segment
  /** Its blocks stand below this name, and nothing else does. */
  readonly place: string
  /** Milliseconds since 1970: when the first profile of it died that is still in it. */
  readonly oldestDead?: number
}

/** One version of the local index: written whole, in one batch. */
export interface LocalHead {
  /** At most one for each level, small ones first. */
  readonly segments: readonly LocalSegment[]
  /** While the index is built anew: profiles up to this ID are in it; empty before the first. */
  readonly rebuiltTo?: string
}

export const EMPTY_HEAD: LocalHead = { segments: [], rebuiltTo: '' }

export const encodeHead = ({ segments, rebuiltTo }: LocalHead): Uint8Array => encodeCbor({
  v: 1,
  analyser: ANALYSER_VERSION,
  segments: segments.map(({ segment, place, oldestDead }) => ({ segment: encodeSegment(segment), place, ...(oldestDead === undefined ? {} : { oldestDead }) })),
  ...(rebuiltTo === undefined ? {} : { rebuiltTo })
})

/** @returns `undefined` for a head of another version or analyser, and for one that is damaged: the index is built anew */
export const decodeHead = async (bytes: Uint8Array): Promise<LocalHead | undefined> => {
  try {
    const { v, analyser, segments, rebuiltTo } = decodeCborMap(bytes)
    if (v !== 1 || analyser !== ANALYSER_VERSION || !Array.isArray(segments)) return undefined
    const cid = await cidOf(bytes, DAG_CBOR)
    return { segments: segments.map((entry) => decodeLocalSegment(entry, cid)), ...(typeof rebuiltTo === 'string' ? { rebuiltTo } : {}) }
  } catch (error) {
    if (error instanceof MercuryError) return undefined
    throw error
  }
}

const decodeLocalSegment = (entry: CborValue, cid: CID): LocalSegment => {
  if (!isCborMap(entry) || typeof entry.place !== 'string') throw new MercuryError('INVALID_INDEX', 'a segment without its place')
  return { segment: decodeSegment(entry.segment, cid), place: entry.place, ...(typeof entry.oldestDead === 'number' ? { oldestDead: entry.oldestDead } : {}) }
}
