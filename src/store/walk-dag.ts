import type { CID } from 'multiformats/cid'
import { checkLimit } from '../errors.ts'
import { MAX_BLOCK_BYTES, MAX_PINNED_BLOCKS, MAX_PINNED_BYTES, MAX_PINNED_DEPTH } from '../limits.ts'
import { getBlock, isIdentity } from './block.ts'
import { linksOf } from './block-links.ts'
import { mapConcurrently } from './concurrent.ts'
import { BlockNotFoundError, hashName, type HashStore } from './hash-store.ts'

/**
 * Fetches and verifies every block that can be reached from `roots`, breadth first, each once.
 *
 * @param options `onFailure` hears of a block that cannot be had or read, and the walk goes on without it; else its error is thrown
 * @returns the blocks by the base32 of their hash; those that stand in their own CID are followed, but not among them
 * @throws BlockNotFoundError when one cannot be had; LimitError over 8 MiB, 1,024 blocks or 32 levels (roots are the first);
 * UnsupportedError for a codec or a hash that cannot be read, and whatever else {@link getBlock} and {@link linksOf} throw
 */
export const walkDag = async (blocks: HashStore, roots: readonly CID[], { onFailure, ...options }: WalkOptions = {}): Promise<Map<string, CID>> => {
  const blockByHash = new Map<string, CID>()
  const seen = new Set<string>()
  let bytes = 0

  const visit = async (cid: CID): Promise<CID[]> => {
    const found = await read(cid).catch((error: unknown) => {
      if (!onFailure) throw error
      onFailure(cid, error)
    })
    if (!found) return []
    bytes += found.block.byteLength
    checkLimit('pinned bytes', MAX_PINNED_BYTES, bytes)
    if (!isIdentity(cid)) blockByHash.set(hashName(cid), cid)
    return found.links
  }

  const read = async (cid: CID): Promise<{ block: Uint8Array; links: CID[] }> => {
    const block = await getBlock(blocks, cid, { ...options, maxBytes: MAX_BLOCK_BYTES })
    if (!block) throw new BlockNotFoundError(cid)
    return { block, links: linksOf(cid, block) }
  }

  const unseen = (cids: readonly CID[]): CID[] => cids.filter((cid) => {
    const name = cid.toString()
    if (seen.has(name)) return false
    seen.add(name)
    return true
  })

  let level = unseen(roots)
  for (let depth = 1; level.length > 0; depth++) {
    checkLimit('pinned depth', MAX_PINNED_DEPTH, depth)
    checkLimit('pinned blocks', MAX_PINNED_BLOCKS, seen.size)
    level = unseen((await mapConcurrently(level, visit)).flat())
  }
  return blockByHash
}

export interface WalkOptions {
  signal?: AbortSignal | undefined
  hints?: readonly string[]
  onFailure?: (cid: CID, error: unknown) => void
}
