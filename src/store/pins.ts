import { CID } from 'multiformats/cid'
import { utf8Length } from '../bytes.ts'
import { decodeCborMap, encodeCbor, type CborValue } from '../cbor.ts'
import { StoreError, checkLimit } from '../errors.ts'
import { mapConcurrently } from './concurrent.ts'
import { hashName, type HashStore } from './hash-store.ts'
import { checkKey, type KeyValueStore, type Operation } from './key-value-store.ts'
import { createLock } from './lock.ts'
import { NotSupportedError } from './not-supported.ts'
import { walkDag } from './walk-dag.ts'

/** Says which owner needs which blocks, and pins a block for as long as anybody needs it. */
export interface PinSet {
  /**
   * Pins every block that can be reached from `roots` for `owner`, instead of what was pinned for him before.
   *
   * The new blocks are pinned before the old ones are unpinned. A call that was cut off, by an error or a crash, leaves the old ones pinned;
   * the same call again, or another for this owner, finishes the work.
   *
   * @param owner 1 to 256 UTF-8 bytes
   * @throws BlockNotFoundError when a block cannot be had, LimitError for a DAG over 8 MiB, 1,024 blocks or 32 levels, and what {@link walkDag} throws
   */
  pin(owner: string, roots: readonly CID[], options?: { signal?: AbortSignal; hints?: readonly string[] }): Promise<void>
  /** Unpins what nobody else needs; an unknown owner is no error. */
  unpin(owner: string, options?: { signal?: AbortSignal }): Promise<void>
}

export const MAX_OWNER_BYTES = 256

/**
 * A pin set over `blocks` that keeps its books in `state`.
 *
 * `state` is its own, a view behind a prefix for example, and no second pin set may work on either at the same time: whether a block is needed is looked up and acted on in this process.
 * A block is one, however many CIDs it has: needs are counted by hash.
 *
 * @throws NotSupportedError when `blocks` has no pins or `state` no atomic batches
 */
export const createPinSet = ({ state, blocks }: { state: KeyValueStore; blocks: HashStore }): PinSet => {
  if (!blocks.supports.pin) throw new NotSupportedError('pins')
  if (!state.supports.atomicBatch) throw new NotSupportedError('atomic batches')
  const lock = createLock()
  /**
   * Hashes that were released and that no call has taken to sweep yet: those that an earlier process left, and after a failure all that there are.
   * Were all of them listed for every call, many calls at a time would take time with the square of their number.
   */
  let unswept: Promise<Set<string>> | undefined

  /** What stands in `state` between the steps is enough to go on from, or to go back. */
  const replace = async (owner: string, wanted: Blocks, signal: AbortSignal | undefined): Promise<void> => {
    const { kept, pending } = await readRecord(state, owner, signal)
    const abandoned = without(pending, kept, wanted)
    const added = without(wanted, kept, pending)
    if (added.size > 0 || pending.size > 0) {
      await releasing(abandoned, () => state.batch([putRecord(owner, { kept, pending: wanted }), ...need(owner, added), ...release(owner, abandoned)], { signal }))
    }
    await mapConcurrently([...wanted], ([hash, cid]) => lock(`block/${hash}`, () => blocks.pin(cid, { signal })))
    const dropped = without(kept, wanted)
    if (added.size > 0 || pending.size > 0 || dropped.size > 0) {
      await releasing(dropped, () => state.batch([putRecord(owner, { kept: wanted, pending: NONE }), ...release(owner, dropped)], { signal }))
    }
    await sweep([...abandoned.keys(), ...dropped.keys()], signal)
  }

  /** Writes while no sweep is looking at these blocks: it would take away the mark of this release together with the one that it has looked into. */
  const releasing = (released: Blocks, write: () => Promise<void>): Promise<void> =>
    // In one order, so that two calls never wait for each other.
    [...released.keys()].sort().reduceRight((inner, hash) => () => lock(`block/${hash}`, inner), write)()

  /** Unpins what of `released`, and of what calls that were cut off left behind, is needed by nobody. */
  const sweep = async (released: readonly string[], signal: AbortSignal | undefined): Promise<void> => {
    const waiting = await (unswept ??= readReleased(state))
    for (const hash of released) waiting.add(hash)
    const taken = [...waiting]
    waiting.clear()
    await mapConcurrently(taken, (hash) => lock(`block/${hash}`, () => sweepOne(hash, signal)))
  }

  const sweepOne = async (hash: string, signal: AbortSignal | undefined): Promise<void> => {
    const cid = await state.get(RELEASED + hash, { signal })
    // Another call may have swept it, and somebody may need it again by now.
    if (!cid) return
    if (!(await isNeeded(state, hash, signal))) await blocks.unpin(CID.decode(cid), { signal })
    await state.delete(RELEASED + hash, { signal })
  }

  const run = (owner: string, work: () => Promise<void>): Promise<void> => lock(`owner/${owner}`, async () => {
    try {
      await work()
    } catch (error) {
      // What the call had released by then is found in `state`.
      unswept = undefined
      throw error
    }
  })

  return {
    async pin (owner, roots, { signal, hints = [] } = {}) {
      checkOwner(owner)
      const fixed = [...roots]
      await run(owner, async () => replace(owner, await walkDag(blocks, fixed, { hints, signal }), signal))
    },
    async unpin (owner, { signal } = {}) {
      checkOwner(owner)
      await run(owner, () => replace(owner, NONE, signal))
    }
  }
}

/**
 * What makes the books in `to` hold of `owner` what those in `from` hold: for a batch there. Blocks that only `to` had for him are let go by the next pin set over it.
 * No pin set may work on either meanwhile.
 */
export const copyPinBooks = async (owner: string, { from, to, signal }: { from: KeyValueStore; to: KeyValueStore; signal?: AbortSignal | undefined }): Promise<Operation[]> => {
  const [record, there] = await Promise.all([readRecord(from, owner, signal), readRecord(to, owner, signal)])
  const [blocks, blocksThere] = [record, there].map(({ kept, pending }): Blocks => new Map([...kept, ...pending])) as [Blocks, Blocks]
  return [...release(owner, without(blocksThere, blocks)), putRecord(owner, record), ...need(owner, blocks)]
}

/** Blocks by the base32 of their hash. */
type Blocks = ReadonlyMap<string, CID>
const NONE: Blocks = new Map()

/** What is promised to an owner, and what a call is about to promise instead. */
interface OwnerRecord {
  readonly kept: Blocks
  readonly pending: Blocks
}

const OWNER = 'owner/'
const NEED = 'need/'
const RELEASED = 'released/'
const NEEDED = new Uint8Array()

const readRecord = async (state: KeyValueStore, owner: string, signal: AbortSignal | undefined): Promise<OwnerRecord> => {
  const bytes = await state.get(OWNER + owner, { signal })
  if (!bytes) return { kept: NONE, pending: NONE }
  const { kept, pending } = decodeCborMap(bytes)
  return { kept: decodeBlocks(kept), pending: decodeBlocks(pending) }
}

const putRecord = (owner: string, { kept, pending }: OwnerRecord): Operation =>
  kept.size + pending.size === 0
    ? { type: 'delete', key: OWNER + owner }
    : { type: 'put', key: OWNER + owner, value: encodeCbor({ kept: [...kept.values()], pending: [...pending.values()] }) }

const need = (owner: string, added: Blocks): Operation[] => [...added.keys()].map((hash) => ({ type: 'put', key: `${NEED}${hash}/${owner}`, value: NEEDED }))

const release = (owner: string, dropped: Blocks): Operation[] =>
  [...dropped].flatMap(([hash, cid]): Operation[] => [{ type: 'delete', key: `${NEED}${hash}/${owner}` }, { type: 'put', key: RELEASED + hash, value: cid.bytes }])

const readReleased = async (state: KeyValueStore): Promise<Set<string>> => {
  const hashes = new Set<string>()
  for await (const [key] of state.entries({ prefix: RELEASED })) hashes.add(key.slice(RELEASED.length))
  return hashes
}

const isNeeded = async (state: KeyValueStore, hash: string, signal: AbortSignal | undefined): Promise<boolean> => {
  for await (const _ of state.entries({ prefix: `${NEED}${hash}/`, limit: 1 }, { signal })) return true
  return false
}

const without = (blocks: Blocks, ...others: readonly Blocks[]): Blocks => new Map([...blocks].filter(([hash]) => !others.some((other) => other.has(hash))))

const decodeBlocks = (value: CborValue | undefined): Blocks => {
  if (!Array.isArray(value)) throw new StoreError('the books of the pin set are damaged')
  return new Map(value.map((item: CborValue) => {
    const cid = CID.asCID(item)
    if (!cid) throw new StoreError('the books of the pin set are damaged')
    return [hashName(cid), cid]
  }))
}

const checkOwner = (owner: string): void => {
  checkKey(owner)
  checkLimit('owner bytes', MAX_OWNER_BYTES, utf8Length(owner))
}
