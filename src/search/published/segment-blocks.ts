import type { CID } from 'multiformats/cid'
import { encodeCbor } from '../../cbor.ts'
import { getBlock } from '../../store/block.ts'
import { mapConcurrently } from '../../store/concurrent.ts'
import { BlockNotFoundError, hashName, type HashStore } from '../../store/hash-store.ts'
import { sha256 } from '../../store/sha256.ts'
import type { Reading } from '../reading.ts'
import { documentsOf } from '../segment/document-table.ts'
import { MAX_INDEX_BLOCK_BYTES, decodeIndexBlock } from '../segment/index-block.ts'
import { documentCidOf } from '../segment/leaf.ts'
import { readWith } from '../segment/read-table.ts'
import type { IndexBlockReader } from '../segment/segment-entries.ts'
import { encodeSegment, type Segment } from '../segment/segment.ts'
import { deadAmong } from '../segment/tombstones.ts'
import { CHUNK_BLOCKS } from './block-writer.ts'

interface SignalOption {
  signal?: AbortSignal | undefined
}

/** Tells a segment from others, whatever has died in it. 32 bytes. */
export const segmentId = async (segment: Segment): Promise<Uint8Array> => sha256(encodeCbor(encodeSegment({ ...segment, dead: [] })))

/**
 * The blocks that a segment links to, each once, tombstones apart; for who trusts the segment, as it has no other bound than the segment itself.
 *
 * @throws BlockNotFoundError, InvalidIndexBlockError and what {@link getBlock} throws
 */
export const indexBlocksOf = async function * ({ keys, table }: Segment, blocks: HashStore, { signal }: SignalOption = {}): AsyncGenerator<CID> {
  const seen = new Set<string>()
  const waiting: CID[] = [...table.links, ...keys.links].reverse()
  while (waiting.length > 0) {
    const next = waiting.splice(-READ_AHEAD).reverse().filter((cid) => {
      const name = hashName(cid)
      return !seen.has(name) && seen.add(name)
    })
    const read = await indexReaderOf(blocks, { signal })(next)
    yield * next
    waiting.push(...read.flatMap(({ links }) => links).reverse())
  }
}

const READ_AHEAD = 8

/** The documents of a segment that are not dead: in the list at n those with numbers from 1,024 n on. */
export const liveDocumentsOf = async function * (segment: Segment, blocks: HashStore, options: SignalOption = {}): AsyncGenerator<readonly CID[]> {
  for (let from = 0; from < segment.documents; from += CHUNK_BLOCKS) {
    const numbers = Array.from({ length: Math.min(CHUNK_BLOCKS, segment.documents - from) }, (_, i) => from + i)
    const dead = await readFrom(blocks, deadAmong(segment, numbers), options)
    const documents = await readFrom(blocks, documentsOf(segment, numbers.filter((_, i) => !dead[i])), options)
    yield documents.map(({ digest }) => documentCidOf(digest))
  }
}

/** Runs a reading of index blocks over a store that is at hand. */
export const readFrom = <T>(blocks: HashStore, reading: Reading<T>, options: SignalOption = {}): Promise<T> => readWith(indexReaderOf(blocks, options), reading)

/** Reads index blocks of `blocks`, 8 at a time; for who needs neither a cache nor a budget. */
export const indexReaderOf = (blocks: HashStore, { signal }: SignalOption = {}): IndexBlockReader => (cids) => mapConcurrently(cids, async (cid) => {
  const bytes = await getBlock(blocks, cid, { maxBytes: MAX_INDEX_BLOCK_BYTES, signal })
  if (!bytes) throw new BlockNotFoundError(cid)
  return decodeIndexBlock(cid, bytes)
})
