import { setTimeout as delay } from 'node:timers/promises'
import type { Helia } from '@helia/interface'
import type { CID } from 'multiformats/cid'
import { concat, toString } from 'uint8arrays'
import { SECOND_MS } from '../../limits.ts'
import { untilAborted } from '../../until-aborted.ts'

const LINGER_MS = 30 * SECOND_MS
const MAX_LINGERING = 256
const SWEEP_MS = 100

interface Fetch {
  readonly block: Promise<Uint8Array>
  readonly controller: AbortController
  /** Resolves when a new fetch of the block may begin. */
  readonly over: Promise<void>
  readers: number
  lingering?: NodeJS.Timeout
}

/**
 * The block, from this Helia or from the network; a rejection with the signal's reason if that aborts first.
 *
 * A want of Bitswap (@helia/bitswap 4.0) does not survive an abort well: there is one entry a block, which whoever aborts first takes away from everybody;
 * peers are not told, send the block to nobody, and do not send it again for 5 s; and a want within 10 ms of the abort is lost.
 * So all who want a block share one want, and one that everybody has left goes on for 30 s, at most 256 of them: a block that arrives late is kept for the next who asks.
 */
export const fetchBlock = async (helia: Helia, cid: CID, signal: AbortSignal): Promise<Uint8Array> => {
  const fetchByBlock = fetchesOf(helia)
  const name = toString(cid.multihash.bytes, 'base64')
  let fetch = fetchByBlock.get(name)
  while (fetch?.controller.signal.aborted) {
    await untilAborted(fetch.over, signal)
    fetch = fetchByBlock.get(name)
  }
  if (!fetch) fetchByBlock.set(name, fetch = start(helia, cid, () => fetchByBlock.delete(name)))
  clearTimeout(fetch.lingering)
  delete fetch.lingering
  fetch.readers++
  try {
    return await untilAborted(fetch.block, signal)
  } finally {
    if (--fetch.readers === 0) linger(fetch, fetchByBlock)
  }
}

const start = (helia: Helia, cid: CID, remove: () => void): Fetch => {
  const controller = new AbortController()
  const block = collect(withoutLock(helia.blockstore).get(cid, { signal: controller.signal }))
  const end = async (): Promise<void> => {
    await Promise.allSettled([block])
    if (controller.signal.aborted) await delay(SWEEP_MS, undefined, { ref: false })
    remove()
  }
  return { block, controller, over: end(), readers: 0 }
}

/**
 * Helia holds its lock against garbage collection, one for all nodes of a process, until a block arrives: a collection that waits for it would stop everything else.
 * What is read here is not pinned, so nothing is lost when it is collected at the same time.
 */
const withoutLock = (blocks: Helia['blockstore']): Pick<Helia['blockstore'], 'get'> => {
  const unwrap: unknown = Reflect.get(blocks, 'unwrap')
  return typeof unwrap === 'function' ? unwrap.call(blocks) as Helia['blockstore'] : blocks
}

const linger = (fetch: Fetch, fetchByBlock: ReadonlyMap<string, Fetch>): void => {
  fetch.lingering = setTimeout(() => fetch.controller.abort(), LINGER_MS)
  fetch.lingering.unref()
  const left = [...fetchByBlock.values()].filter(({ lingering }) => lingering)
  if (left.length > MAX_LINGERING) left[0]!.controller.abort()
}

/** Shared by all stores over one Helia, as its list of wants is. */
const fetchesOf = (helia: Helia): Map<string, Fetch> => {
  const known = fetchesByHelia.get(helia)
  if (known) return known
  const fetches = new Map<string, Fetch>()
  fetchesByHelia.set(helia, fetches)
  return fetches
}

const fetchesByHelia = new WeakMap<Helia, Map<string, Fetch>>()

/** One block of the parts in which Helia gives it. */
export const collect = async (parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const collected: Uint8Array[] = []
  for await (const part of parts) collected.push(part)
  return concat(collected)
}
