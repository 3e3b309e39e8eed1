import { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { decodeCborMap, encodeCbor } from '../cbor.ts'
import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { follows, type ProfileDocument } from '../profile/document.ts'
import type { ProfileRecord } from './record.ts'

/** The highest version of a profile that this device ever accepted. It only rises and is never evicted. */
export interface Floor {
  /** The record's. */
  readonly sequence: bigint
  /** The document's; at most `sequence`. */
  readonly seq: number
  readonly cid: CID
  readonly kind: string
  readonly next: Uint8Array | null
  readonly prev: Uint8Array | null
  readonly gone: boolean
  /** Its document was not made over the one that was here before it. */
  readonly branch: boolean
}

/** An authentic head that breaks what is fixed for good, or falls behind what this device has accepted. */
export class RefusedHeadError extends MercuryError {
  override readonly name = 'RefusedHeadError'
  constructor(code: 'SEQUENCE_MISMATCH' | 'ROLLED_BACK' | 'KIND_CHANGED' | 'CONTESTED', message: string) {
    super(code, message)
  }
}

export const encodeFloor = ({ cid, sequence, ...rest }: Floor): Uint8Array => encodeCbor({ ...rest, sequence, cid }, { uint64: true })

/** @throws InvalidCborError; the bytes are this device's own, so anything else than what was written is damage */
export const decodeFloor = (bytes: Uint8Array): Floor => {
  const floor = decodeCborMap(bytes, { uint64: true }) as unknown as Floor
  return { ...floor, sequence: BigInt(floor.sequence) }
}

/**
 * The floor that follows from accepting `document` under `record`.
 *
 * @param pinnedNext the pledge digest that a link pinned
 * @throws RefusedHeadError: a document above its record, a sequence that fell, another kind, a second pledge
 */
export const raiseFloor = (id: ProfileId, record: Pick<ProfileRecord, 'sequence' | 'cid'>, document: ProfileDocument, floor: Floor | undefined, pinnedNext?: Uint8Array): Floor => {
  if (BigInt(document.seq) > record.sequence) throw new RefusedHeadError('SEQUENCE_MISMATCH', `the document of ${id} says version ${document.seq}, its record only ${record.sequence}`)
  if (floor && (record.sequence < floor.sequence || document.seq < floor.seq)) throw new RefusedHeadError('ROLLED_BACK', `version ${document.seq} of ${id} is older than ${floor.seq}, which this device has seen`)
  if (floor && document.kind !== floor.kind) throw new RefusedHeadError('KIND_CHANGED', `${id} was a ${floor.kind} and cannot become a ${document.kind}`)
  if (floor && !sameDigest(document.next, floor.next)) throw contested(id)
  if (pinnedNext && !sameDigest(document.next, pinnedNext)) throw contested(id)
  const step = { cid: record.cid, sequence: record.sequence, seq: document.seq, kind: document.kind, next: document.next, prev: document.prev, gone: document.gone === true }
  return { ...step, branch: floor !== undefined && isBranch(document, record.cid, floor) }
}

const contested = (id: ProfileId): RefusedHeadError => new RefusedHeadError('CONTESTED', `${id} shows another pledge than the one known first; neither is followed`)

/**
 * Whether `document` passed over the one at the floor. Only where it can be told: both were made over the same one, or no version fits between them.
 * A `prev` that is simply unknown may be several honest steps ahead.
 */
const isBranch = (document: ProfileDocument, cid: CID, floor: Floor): boolean => {
  if (cid.equals(floor.cid)) return floor.branch
  if (follows(document, floor.cid)) return false
  return document.seq === floor.seq || document.seq === floor.seq + 1 || document.prev === null || sameDigest(document.prev, floor.prev)
}

const sameDigest = (a: Uint8Array | null, b: Uint8Array | null): boolean => (a === null || b === null ? a === b : equals(a, b))
