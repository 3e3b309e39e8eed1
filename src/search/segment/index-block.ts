import type { CID } from 'multiformats/cid'
import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { MercuryError, checkLimit, reasonOf } from '../../errors.ts'
import { DAG_CBOR, isBlockCid } from '../../store/block.ts'

/** A block of a search index: packed bytes, and the blocks that it links to, so that any IPFS software can walk and pin it. */
export interface IndexBlock {
  readonly cid: CID
  readonly data: Uint8Array
  readonly links: readonly CID[]
}

export const MAX_INDEX_BLOCK_BYTES = 65_536

/** What the first byte of a block's data says. */
export const LEAF = 1
export const NODE = 2
export const POSTINGS = 3
export const TABLE_LEAF = 4
export const TABLE_NODE = 5
export const TOMBSTONES = 6

/** A block of an index is missing, or is not what it must be: whoever published the index broke it, or whoever serves it withholds. */
export class InvalidIndexBlockError extends MercuryError {
  override readonly name = 'InvalidIndexBlockError'
  readonly cid: CID
  readonly reason: string

  constructor (cid: CID, reason: string, options?: ErrorOptions) {
    super('INVALID_INDEX_BLOCK', `a block of the search index is wrong: ${reason}; cid=${cid.toString()}`, options)
    this.cid = cid
    this.reason = reason
  }
}

/** Canonical DAG-CBOR `{v, data, links}`. @throws LimitError over 65,536 bytes */
export const encodeIndexBlock = ({ data, links }: Pick<IndexBlock, 'data' | 'links'>): Uint8Array => {
  const bytes = encodeCbor({ v: 1, data, links })
  checkLimit('index block bytes', MAX_INDEX_BLOCK_BYTES, bytes.byteLength)
  return bytes
}

/** @param bytes hash to `cid`: the caller has checked that @throws InvalidIndexBlockError */
export const decodeIndexBlock = (cid: CID, bytes: Uint8Array): IndexBlock => {
  if (bytes.byteLength > MAX_INDEX_BLOCK_BYTES) throw new InvalidIndexBlockError(cid, `${bytes.byteLength} bytes, limited to ${MAX_INDEX_BLOCK_BYTES}`)
  let map
  try {
    map = decodeCborMap(bytes)
  } catch (error) {
    throw new InvalidIndexBlockError(cid, reasonOf(error), { cause: error })
  }
  const { v, data, links, ...unknown } = map
  if (v !== 1) throw new InvalidIndexBlockError(cid, 'its version is not 1')
  if (!(data instanceof Uint8Array) || !Array.isArray(links) || !areIndexLinks(links) || Object.keys(unknown).length > 0) throw new InvalidIndexBlockError(cid, 'it is not a map of v, data and links')
  return { cid, data, links }
}

export const areIndexLinks = (links: readonly unknown[]): links is readonly CID[] => links.every((link) => isIndexLink(link))

/** Whether it is the CID of what an index may link to: DAG-CBOR by sha2-256. */
export const isIndexLink = (link: unknown): link is CID => typeof link === 'object' && link !== null && 'multihash' in link && isBlockCid(link as CID, DAG_CBOR)
