import { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { ConflictError, StoreError } from '../errors.ts'
import { untilAborted } from '../until-aborted.ts'
import { mapConcurrently } from './concurrent.ts'
import type { HashStore } from './hash-store.ts'
import type { KeyValueStore, Operation } from './key-value-store.ts'
import type { Lock } from './lock.ts'

/**
 * Unpins released blocks that nobody needs. Several processes may do so over one state and one block store.
 *
 * While one looks whether a block is needed and unpins it, `sweeping/<hash>` stands in the state. Who adds a need or a release of that block meanwhile finds its batch refused ({@link Sweeper.unmarked}) and waits:
 * a need that came in between would go unseen, and the block be unpinned behind its back.
 * The process that made a mark may be killed. A mark that another has seen for a whole lease counts for nothing; who made it begins no unpin after half of one, and waits for none longer than that. No two clocks are compared.
 */
export interface Sweeper {
  /** Unpins what of `released`, and of what calls that were cut off left behind, is needed by nobody. What another process is at is left for a later call. */
  sweep(released: Iterable<string>, signal: AbortSignal | undefined): Promise<void>
  /** Has the next sweep look for everything that was released: a call failed, and what it had released by then is found in the state. */
  forget(): void
  /** For a batch that changes who needs the blocks of `hashes`: nobody is sweeping them. */
  unmarked(hashes: Iterable<string>): Operation[]
  /** Takes marks away that have stood for a lease. */
  clearMarks(signal: AbortSignal | undefined): Promise<void>
}

export interface SweeperParts {
  state: KeyValueStore
  blocks: HashStore
  /** Of this process: `block/<hash>` is held while a block is pinned, released or swept. */
  lock: Lock
  /** 0 when no other process is there: marks are then from one that was killed. */
  leaseMs: number
}

const NEED = 'need/'
const RELEASED = 'released/'
const SWEEPING = 'sweeping/'
const TOKEN_BYTES = 16

export const needKey = (hash: string, owner: string): string => `${NEED}${hash}/${owner}`

/** Its value is a CID of the block. */
export const releasedKey = (hash: string): string => RELEASED + hash

export const createSweeper = ({ state, blocks, lock, leaseMs }: SweeperParts): Sweeper => {
  /**
   * Hashes that were released and that no call has taken to sweep yet: those that an earlier process left, and after a failure all that there are.
   * Were all of them listed for every call, many calls at a time would take time with the square of their number.
   */
  let unswept: Promise<Set<string>> | undefined
  /** When a mark was first seen here, by its hash; no two marks are the same. */
  const seen = new Map<string, { mark: Uint8Array; since: number }>()
  /** Marks of this process. */
  const own = new Map<string, Uint8Array>()

  const sweepOne = async (hash: string, waiting: Set<string>, signal: AbortSignal | undefined): Promise<void> => {
    const released = await state.get(RELEASED + hash, { signal })
    // Another call may have swept it.
    if (!released) return
    const started = performance.now()
    const mark = await takeMark(hash, released, signal)
    if (!mark) {
      waiting.add(hash)
      return
    }
    // Somebody may need it again by now.
    if (!(await isNeeded(state, hash, signal))) await unpin(CID.decode(released), started, signal)
    await ignoringConflict(state.batch([{ type: 'check', key: SWEEPING + hash, value: mark }, { type: 'delete', key: SWEEPING + hash }, { type: 'delete', key: RELEASED + hash }], { signal }))
    own.delete(hash)
    seen.delete(hash)
  }

  /** @returns `undefined` when another process is at this block */
  const takeMark = async (hash: string, released: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> => {
    const mark = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES))
    const put = (before: Uint8Array | undefined): Promise<boolean> => ignoringConflict(state.batch([
      { type: 'check', key: SWEEPING + hash, value: before },
      { type: 'check', key: RELEASED + hash, value: released },
      { type: 'put', key: SWEEPING + hash, value: mark }
    ], { signal }))
    const previous = own.get(hash)
    own.set(hash, mark)
    if (await put(undefined)) return mark
    const found = await state.get(SWEEPING + hash, { signal })
    // One of an attempt of this process that failed is over.
    const isOver = found && ((previous && equals(found, previous)) || isDead(hash, found))
    if (isOver && (await put(found))) return mark
    return undefined
  }

  const unpin = async (cid: CID, started: number, signal: AbortSignal | undefined): Promise<void> => {
    if (leaseMs === 0) return blocks.unpin(cid, { signal })
    const left = leaseMs / 2 - (performance.now() - started)
    const late = AbortSignal.timeout(Math.max(0, Math.floor(left)))
    const until = signal ? AbortSignal.any([signal, late]) : late
    try {
      if (left <= 0) throw new StoreError(`the state took over ${leaseMs / 2} ms`)
      await untilAborted(blocks.unpin(cid, { signal: until }), until)
    } catch (error) {
      if (signal?.aborted || !late.aborted) throw error
      throw new StoreError(`unpinning took over ${leaseMs / 2} ms; cid=${cid.toString()}`, { cause: error })
    }
  }

  const isDead = (hash: string, mark: Uint8Array): boolean => {
    const now = performance.now()
    const first = seen.get(hash)
    if (first && equals(first.mark, mark)) return now - first.since >= leaseMs
    seen.set(hash, { mark, since: now })
    return leaseMs === 0
  }

  return {
    async sweep (released, signal) {
      const waiting = await (unswept ??= readReleased(state))
      for (const hash of released) waiting.add(hash)
      const taken = [...waiting]
      waiting.clear()
      await mapConcurrently(taken, (hash) => lock(`block/${hash}`, () => sweepOne(hash, waiting, signal)))
    },
    forget () {
      unswept = undefined
    },
    unmarked: (hashes) => Array.from(hashes, (hash) => ({ type: 'check', key: SWEEPING + hash, value: undefined })),
    async clearMarks (signal) {
      const standing = new Set<string>()
      for await (const [key, mark] of state.entries({ prefix: SWEEPING }, { signal })) {
        const hash = key.slice(SWEEPING.length)
        standing.add(hash)
        if (isDead(hash, mark)) await ignoringConflict(state.batch([{ type: 'check', key, value: mark }, { type: 'delete', key }], { signal }))
      }
      for (const hash of seen.keys()) if (!standing.has(hash)) seen.delete(hash)
    }
  }
}

const readReleased = async (state: KeyValueStore): Promise<Set<string>> => {
  const hashes = new Set<string>()
  for await (const [key] of state.entries({ prefix: RELEASED })) hashes.add(key.slice(RELEASED.length))
  return hashes
}

const isNeeded = async (state: KeyValueStore, hash: string, signal: AbortSignal | undefined): Promise<boolean> => {
  for await (const _ of state.entries({ prefix: `${NEED}${hash}/`, limit: 1 }, { signal })) return true
  return false
}

/** Whether the batch was written. */
const ignoringConflict = async (batch: Promise<void>): Promise<boolean> => {
  try {
    await batch
    return true
  } catch (error) {
    if (error instanceof ConflictError) return false
    throw error
  }
}
