import { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { utf8Length } from '../bytes.ts'
import { decodeCborMap, encodeCbor, type CborValue } from '../cbor.ts'
import { ConflictError, StoreError, checkLimit } from '../errors.ts'
import { MAX_PINNED_BLOCKS, SECOND_MS } from '../limits.ts'
import { untilAborted } from '../until-aborted.ts'
import { mapConcurrently } from './concurrent.ts'
import { hashName, type HashStore } from './hash-store.ts'
import { checkKey, type KeyValueStore, type Operation } from './key-value-store.ts'
import { createLock } from './lock.ts'
import { NotSupportedError } from './not-supported.ts'
import { createSweeper, needKey, releasedKey } from './sweep.ts'
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
   * @param options `version`, at most 2^64 - 1: a call with a lower one than another had for this owner pins nothing and lets go of blocks that are not his; so it does not matter which of two processes comes last.
   * `given`: blocks among them that the caller has at hand, unverified; they are put with their pin instead of being fetched
   * @throws ConflictError when other processes change what is pinned for this owner again and again, BlockNotFoundError when a block cannot be had, LimitError for a DAG over 8 MiB, 1,024 blocks or 32 levels, and what {@link walkDag} throws
   */
  pin(owner: string, roots: readonly CID[], options?: { version?: bigint; given?: readonly GivenBlock[]; signal?: AbortSignal; hints?: readonly string[] }): Promise<void>
  /**
   * Notes that `owner` needs the blocks of `cids` too, until his next `pin` or `unpin`. From then on nobody unpins them.
   *
   * Only the books are written, so a block may be held that comes later, and while `blocks` cannot be asked; none is pinned, nor looked at for what it links to.
   *
   * @param options `version`, as of {@link PinSet.pin}: a call with a lower one than another had for this owner holds nothing; from one with a higher one, `pin` with a lower one pins nothing.
   * `from`: owners that need them no more, for this one does; they let go in the same write. At most 1,024
   * @returns whether the blocks are held: not when a call with a higher version was first
   * @throws ConflictError as `pin` does, LimitError when there would be over 2,048 blocks for this owner, UnsupportedError for another hash than sha2-256
   */
  hold(owner: string, cids: readonly CID[], options?: { version?: bigint; from?: readonly string[]; signal?: AbortSignal }): Promise<boolean>
  /**
   * Unpins what nobody else needs; an unknown owner is no error.
   *
   * @param options `write`: the one batch, on `state`, after which the owner needs nothing; a caller may write more in the same batch. It is called again after a conflict, and once also where the owner is unknown
   */
  unpin(owner: string, options?: { signal?: AbortSignal; write?: (operations: readonly Operation[]) => Promise<void> }): Promise<void>
}

export interface GivenBlock {
  readonly cid: CID
  readonly bytes: Uint8Array
}

export const MAX_OWNER_BYTES = 256

/** Where the books of the pin set over the blocks of a client stand in its state. Whoever else pins there shares them: two who do not know of each other would unpin each other's blocks. */
export const PIN_BOOKS = 'pins/'

/** Those of two versions: while one takes the place of the other, both are needed. */
const MAX_HELD_BLOCKS = 2 * MAX_PINNED_BLOCKS
/** How long a call waits at most for another process that works on one of its blocks and may have been killed. */
const LEASE_MS = 30 * SECOND_MS
/** How often a call is begun again, at least, that other processes got in the way of; more often as long as they may hold a lease. */
const TRIES = 16
const MAX_PAUSE_MS = 100

/**
 * A pin set over `blocks` that keeps its books in `state`, its own, a view behind a prefix for example.
 *
 * Several pin sets, of several processes, may work on one `state` and one `blocks` at a time: every change of the books is conditional on what it was computed from, and nobody unpins what another comes to need meanwhile.
 * Of calls for one owner at the same time one comes last, unless they say their versions. A block is one, however many CIDs it has: needs are counted by hash.
 * A process that is killed while another replaces the blocks of the same owner may leave one pinned that nobody needs, never the other way round.
 *
 * @param options `leaseMs`: how long a process that unpins a block is waited for that may have been killed, 30 s by default; it gives up after half of that. 0 where no two work at a time
 * @throws NotSupportedError when `blocks` has no pins or `state` no atomic and conditional batches
 */
export const createPinSet = ({ state, blocks, leaseMs = LEASE_MS }: { state: KeyValueStore; blocks: HashStore; leaseMs?: number }): PinSet => {
  if (!blocks.supports.pin) throw new NotSupportedError('pins')
  if (!state.supports.atomicBatch) throw new NotSupportedError('atomic batches')
  if (!state.supports.conditionalBatch) throw new NotSupportedError('checks in a batch')
  const lock = createLock()
  const sweeper = createSweeper({ state, blocks, lock, leaseMs })

  /** What stands in `state` between the steps is enough to go on from, or to go back. @throws ConflictError when another process got in the way */
  const replace = async (owner: string, wanted: Blocks, { version, given = NOTHING_GIVEN, signal }: Replacement): Promise<void> => {
    const before = await readRecord(state, owner, signal)
    const { kept, pending } = before
    if (version !== undefined && version < (before.version ?? 0n)) return letGo(owner, wanted, before, signal)
    const next = version ?? before.version
    const abandoned = without(pending, kept, wanted)
    const added = without(wanted, kept, pending)
    const dropped = without(kept, wanted)
    let record = before.bytes
    if (added.size > 0 || pending.size > 0) {
      const begun = encodeRecord({ kept, pending: wanted, version: next })
      await change(owner, record, begun, [added, abandoned], [...need(owner, added), ...release(owner, abandoned)], signal)
      record = begun
    }
    try {
      await mapConcurrently([...wanted], ([hash, cid]) => lock(`block/${hash}`, () => {
        const bytes = given.get(hash)
        return bytes ? blocks.put(cid, bytes, { pin: true, signal }) : blocks.pin(cid, { signal })
      }))
    } catch (error) {
      // A block that another process has let go of is gone, and by now perhaps nobody wants it.
      if (!signal?.aborted && (await hasChanged(owner, record, signal))) throw inTheWay(owner, { cause: error })
      throw error
    }
    if (record !== before.bytes || dropped.size > 0 || next !== before.version) {
      await change(owner, record, encodeRecord({ kept: wanted, pending: NONE, version: next }), [dropped], release(owner, dropped), signal)
    } else if (await hasChanged(owner, record, signal)) {
      throw inTheWay(owner)
    }
    await sweeper.sweep([...abandoned.keys(), ...dropped.keys()], signal)
  }

  /** One write, and nothing left to finish. @throws ConflictError when another process got in the way */
  const add = async (owner: string, wanted: Blocks, { version, from, signal }: Addition): Promise<boolean> => {
    const { bytes, kept, pending, version: before } = await readRecord(state, owner, signal)
    if (version !== undefined && version < (before ?? 0n)) return false
    const next = version ?? before
    const together: Blocks = new Map([...wanted, ...kept])
    const passed = (await mapConcurrently([...new Set(from)], (other) => passOn(other, wanted, signal))).flat()
    if (together.size === kept.size && next === before && passed.length === 0) return true
    checkLimit('held blocks', MAX_HELD_BLOCKS, together.size)
    const added = without(wanted, kept, pending)
    await change(owner, bytes, encodeRecord({ kept: together, pending, version: next }), [added], [...need(owner, added), ...passed], signal)
    return true
  }

  /** For a batch after which another needs `blocks`: `owner` lets go of them. So nothing is released, and there is nothing to sweep. */
  const passOn = async (owner: string, blocks: Blocks, signal: AbortSignal | undefined): Promise<Operation[]> => {
    const record = await readRecord(state, owner, signal)
    const needed = new Map([...record.kept, ...record.pending])
    const [kept, pending] = [without(record.kept, blocks), without(record.pending, blocks)]
    const passed = [...blocks.keys()].filter((hash) => needed.has(hash))
    if (passed.length === 0) return []
    return [{ type: 'check', key: OWNER + owner, value: record.bytes }, putRecord(owner, { ...record, kept, pending }), ...passed.map((hash): Operation => ({ type: 'delete', key: needKey(hash, owner) }))]
  }

  /** What is cut off after the batch is swept by a later call. @throws ConflictError when another process got in the way */
  const drop = async (owner: string, write: (operations: readonly Operation[]) => Promise<void>, signal: AbortSignal | undefined): Promise<void> => {
    const { bytes, kept, pending } = await readRecord(state, owner, signal)
    const dropped: Blocks = new Map([...kept, ...pending])
    await change(owner, bytes, undefined, [dropped], release(owner, dropped), signal, write)
    await sweeper.sweep(dropped.keys(), signal)
  }

  /** One batch on the books of `owner`, unless they changed or a block of `touched` is being swept. */
  const change = (owner: string, before: Uint8Array | undefined, after: Uint8Array | undefined, touched: readonly Blocks[], operations: readonly Operation[], signal: AbortSignal | undefined, batch: (operations: readonly Operation[]) => Promise<void> = (all) => state.batch(all, { signal })): Promise<void> => {
    const key = OWNER + owner
    // In one order, so that two calls never wait for each other.
    const hashes = touched.flatMap((blocks) => [...blocks.keys()]).sort()
    const write = (): Promise<void> => batch([{ type: 'check', key, value: before }, ...sweeper.unmarked(hashes), after ? { type: 'put', key, value: after } : { type: 'delete', key }, ...operations])
    // Here a sweep is waited for; only those of other processes refuse the batch.
    return hashes.reduceRight((inner, hash) => () => lock(`block/${hash}`, inner), write)()
  }

  const hasChanged = async (owner: string, record: Uint8Array | undefined, signal: AbortSignal | undefined): Promise<boolean> => {
    const { bytes } = await readRecord(state, owner, signal)
    return !(bytes && record ? equals(bytes, record) : bytes === record)
  }

  /** Unpins what of `given` neither `owner`, whose books are `record`, nor anybody else needs. */
  const letGo = async (owner: string, given: Blocks, { bytes, kept, pending }: OwnerRecord & { bytes: Uint8Array | undefined }, signal: AbortSignal | undefined): Promise<void> => {
    const strays = without(given, kept, pending)
    if (strays.size === 0) return
    await change(owner, bytes, bytes, [strays], release(owner, strays), signal)
    await sweeper.sweep(strays.keys(), signal)
  }

  /** Runs `work` again while other processes get in its way, as long as that may be because of one that was killed, and a little longer. */
  const patiently = async <T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const started = performance.now()
    for (let tries = 1; ; tries++) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof ConflictError) || (tries >= TRIES && performance.now() - started > 2 * leaseMs)) throw error
      }
      await sweeper.clearMarks(signal)
      await pause(Math.random() * Math.min(2 ** tries, MAX_PAUSE_MS), signal)
    }
  }

  const run = (owner: string, work: () => Promise<void>): Promise<void> => lock(`owner/${owner}`, async () => {
    try {
      await work()
    } catch (error) {
      sweeper.forget()
      throw error
    }
  })

  return {
    async pin (owner, roots, { version, given = [], signal, hints = [] } = {}) {
      checkOwner(owner)
      const fixed = [...roots]
      const atHand = new Map(blocks.supports.put ? given.map(({ cid, bytes }) => [hashName(cid), Uint8Array.from(bytes)]) : [])
      await run(owner, async () => {
        const wanted = await walkDag(withBlocks(blocks, atHand), fixed, { hints, signal })
        await patiently(() => replace(owner, wanted, { version, given: atHand, signal }), signal)
      })
    },
    async hold (owner, cids, { version, from = [], signal } = {}) {
      for (const name of [owner, ...from]) checkOwner(name)
      checkLimit('owners to take over from', MAX_PINNED_BLOCKS, from.length)
      const wanted: Blocks = new Map(cids.map((cid) => [hashName(cid), cid]))
      // Not in turn: a call for this owner may be waiting for a block, and this one asks nobody. To it, this is another process.
      const work = patiently(() => add(owner, wanted, { version, from: from.filter((other) => other !== owner), signal }), signal)
      return signal ? untilAborted(work, signal) : work
    },
    async unpin (owner, { signal, write } = {}) {
      checkOwner(owner)
      await run(owner, () => patiently(() => (write ? drop(owner, write, signal) : replace(owner, NONE, { signal })), signal))
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

interface Addition {
  readonly version: bigint | undefined
  readonly from: readonly string[]
  readonly signal: AbortSignal | undefined
}

interface Replacement {
  readonly version?: bigint | undefined
  readonly given?: ReadonlyMap<string, Uint8Array>
  readonly signal: AbortSignal | undefined
}

const NOTHING_GIVEN: ReadonlyMap<string, Uint8Array> = new Map()

/** `blocks`, as if it had what is at hand. */
const withBlocks = (blocks: HashStore, atHand: ReadonlyMap<string, Uint8Array>): HashStore => ({ ...blocks, get: async (cid, options) => atHand.get(hashName(cid)) ?? blocks.get(cid, options) })

/** What is promised to an owner, and what a call is about to promise instead. */
interface OwnerRecord {
  readonly kept: Blocks
  readonly pending: Blocks
  /** Of the last call that said one. */
  readonly version: bigint | undefined
}

const OWNER = 'owner/'
const NEEDED = new Uint8Array()

/** @returns with the `bytes` that it was read from */
const readRecord = async (state: KeyValueStore, owner: string, signal: AbortSignal | undefined): Promise<OwnerRecord & { bytes: Uint8Array | undefined }> => {
  const bytes = await state.get(OWNER + owner, { signal })
  if (!bytes) return { kept: NONE, pending: NONE, version: undefined, bytes }
  const { kept, pending, version } = decodeCborMap(bytes, { uint64: true })
  if (version !== undefined && typeof version !== 'number' && typeof version !== 'bigint') throw damaged()
  return { kept: decodeBlocks(kept), pending: decodeBlocks(pending), version: version === undefined ? undefined : BigInt(version), bytes }
}

/** `undefined` when there is nothing to remember. */
const encodeRecord = ({ kept, pending, version }: OwnerRecord): Uint8Array | undefined =>
  kept.size + pending.size === 0
    ? undefined
    : encodeCbor({ kept: [...kept.values()], pending: [...pending.values()], ...(version === undefined ? {} : { version }) }, { uint64: true })

const putRecord = (owner: string, record: OwnerRecord): Operation => {
  const value = encodeRecord(record)
  return value ? { type: 'put', key: OWNER + owner, value } : { type: 'delete', key: OWNER + owner }
}

const need = (owner: string, added: Blocks): Operation[] => [...added.keys()].map((hash) => ({ type: 'put', key: needKey(hash, owner), value: NEEDED }))

const release = (owner: string, dropped: Blocks): Operation[] =>
  [...dropped].flatMap(([hash, cid]): Operation[] => [{ type: 'delete', key: needKey(hash, owner) }, { type: 'put', key: releasedKey(hash), value: cid.bytes }])

const inTheWay = (owner: string, options?: ErrorOptions): ConflictError => new ConflictError(`another process replaces the blocks of ${owner}`, options)

const pause = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  try {
    await (signal ? untilAborted(promise, signal) : promise)
  } finally {
    clearTimeout(timer)
  }
}

const without = (blocks: Blocks, ...others: readonly Blocks[]): Blocks => new Map([...blocks].filter(([hash]) => !others.some((other) => other.has(hash))))

const decodeBlocks = (value: CborValue | undefined): Blocks => {
  if (!Array.isArray(value)) throw damaged()
  return new Map(value.map((item: CborValue) => {
    const cid = CID.asCID(item)
    if (!cid) throw damaged()
    return [hashName(cid), cid]
  }))
}

const damaged = (): StoreError => new StoreError('the books of the pin set are damaged')

const checkOwner = (owner: string): void => {
  checkKey(owner)
  checkLimit('owner bytes', MAX_OWNER_BYTES, utf8Length(owner))
}
