import type { CID } from 'multiformats/cid'
import { checkLimit } from '../errors.ts'
import { MAX_PINNED_BLOCKS, MAX_PINNED_BYTES, MAX_PINNED_DEPTH } from '../limits.ts'
import { getBlock, isIdentity } from '../store/block.ts'
import { linksOf } from '../store/block-links.ts'
import { encodeCar } from '../store/car.ts'
import { BlockNotFoundError, type HashStore } from '../store/hash-store.ts'

export interface CarStreamOptions {
  /** Every block that can be reached, or the root alone. */
  whole: boolean
  signal: AbortSignal
}

/**
 * A CAR v1 of what stands under `root`, in pieces of one block: depth first, each block once, those that stand in their own CID left out.
 * One block is in memory at a time, and the CIDs that are still to come.
 *
 * Ends with an error, so that nobody takes a part for the whole: BlockNotFoundError for a block that is not here; LimitError over 8 MiB, 1,024 blocks or
 * 32 levels; what {@link getBlock} and {@link linksOf} throw.
 *
 * @param first the block of `root`
 */
export async function * streamCar (root: CID, first: Uint8Array, blocks: HashStore, { whole, signal }: CarStreamOptions): AsyncGenerator<Uint8Array> {
  yield encodeCar([root], [])
  const sent = new Set<string>()
  /** Sent, or still to come. */
  const known = new Set<string>([root.toString()])
  const stack: { cid: CID; depth: number }[] = [{ cid: root, depth: 1 }]
  let bytes = 0
  for (let next = stack.pop(); next; next = stack.pop()) {
    signal.throwIfAborted()
    const { cid, depth } = next
    if (sent.has(cid.toString())) continue
    sent.add(cid.toString())
    const block = cid === root ? first : await getBlock(blocks, cid, { offline: true, signal })
    if (!block) throw new BlockNotFoundError(cid)
    checkLimit('CAR bytes', MAX_PINNED_BYTES, bytes += block.byteLength)
    if (!isIdentity(cid)) yield encodeSection(cid, block)
    if (!whole) return
    const links = unsent(linksOf(cid, block), sent)
    for (const name of links.keys()) known.add(name)
    checkLimit('CAR blocks', MAX_PINNED_BLOCKS, known.size)
    if (links.size > 0) checkLimit('CAR depth', MAX_PINNED_DEPTH, depth + 1)
    for (const link of [...links.values()].reverse()) stack.push({ cid: link, depth: depth + 1 })
  }
}

/** Each once, in their order. */
const unsent = (links: readonly CID[], sent: ReadonlySet<string>): Map<string, CID> => {
  const byName = new Map<string, CID>()
  for (const link of links) {
    const name = link.toString()
    if (!sent.has(name) && !byName.has(name)) byName.set(name, link)
  }
  return byName
}

const HEADER_BYTES = encodeCar([], []).byteLength

const encodeSection = (cid: CID, bytes: Uint8Array): Uint8Array => encodeCar([], [{ cid, bytes }]).subarray(HEADER_BYTES)
