import type { CID } from 'multiformats/cid'
import { cidOf, DAG_CBOR } from '../../src/store/block.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import { decodeIndexBlock, POSTINGS } from '../../src/search/segment/index-block.ts'

/** What was read since the last `reset`. */
export interface Reads {
  blocks: number
  bytes: number
  /** Of the bytes, those of lists of profiles. */
  postingBytes: number
}

/** Blocks in memory, each once, that say what is read of them. */
export interface CountedBlocks {
  readonly store: HashStore
  /** Of all blocks, together. */
  readonly size: { bytes: number; blocks: number }
  readonly reads: Reads
  reset(): void
  /** Takes a block of an index in. */
  put(bytes: Uint8Array): Promise<CID>
}

/** @param documents has the blocks that are not here: of profiles */
export const createCountedBlocks = (documents?: HashStore): CountedBlocks => {
  const blocks = new Map<string, Uint8Array>()
  const size = { bytes: 0, blocks: 0 }
  const reads: Reads = { blocks: 0, bytes: 0, postingBytes: 0 }
  const keyOf = ({ multihash: { digest } }: CID): string => Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('latin1')
  const keep = (cid: CID, bytes: Uint8Array): void => {
    const key = keyOf(cid)
    if (blocks.has(key)) return
    blocks.set(key, Uint8Array.from(bytes))
    size.blocks++
    size.bytes += bytes.byteLength
  }
  const find = async (cid: CID): Promise<Uint8Array | undefined> => {
    const block = blocks.get(keyOf(cid))
    if (!block) return documents?.get(cid)
    if (decodeIndexBlock(cid, block).data[0] === POSTINGS) reads.postingBytes += block.byteLength
    return Uint8Array.from(block)
  }
  return {
    size,
    reads,
    reset: () => void Object.assign(reads, { blocks: 0, bytes: 0, postingBytes: 0 }),
    async put (bytes) {
      const cid = await cidOf(bytes, DAG_CBOR)
      keep(cid, bytes)
      return cid
    },
    store: {
      space: 'ipfs',
      supports: { put: true, pin: true, persistence: false, network: false },
      async get (cid) {
        const bytes = await find(cid)
        if (bytes) {
          reads.blocks++
          reads.bytes += bytes.byteLength
        }
        return bytes
      },
      async put (cid, bytes) {
        keep(cid, bytes)
      },
      pin: () => Promise.resolve(),
      unpin: () => Promise.resolve(),
      close: () => Promise.resolve()
    }
  }
}
