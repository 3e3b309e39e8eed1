import { describe, expect, it } from 'vitest'
import { compareUtf8, utf8 } from '../../src/bytes.ts'
import { MAX_BLOCK_BYTES } from '../../src/limits.ts'
import { RAW } from '../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import { hashStoreClauses, runClause, type Factory, type HashStoreSetup } from '../../src/testing/index.ts'

type Change = (store: HashStore, disk: HashStore) => HashStore

/** Stands in for a disk: what is opened later sees what was put before. */
const soundFactory = (change: Change = (store) => store): Factory<HashStore, HashStoreSetup> => ({
  async create () {
    const memory = createMemoryStore()
    const disk = createHashStore({ ...memory, supports: { ...memory.supports, persistence: true } })
    return { open: async () => change(createHashStore({ ...memory, supports: { ...memory.supports, persistence: true } }), disk), maxBlockBytes: MAX_BLOCK_BYTES }
  }
})

/** A gateway: it reads what somebody else put. */
const readOnlyFactory = (change: Change = (store) => store): Factory<HashStore, HashStoreSetup> => ({
  async create () {
    const memory = createMemoryStore()
    const behind = createHashStore(memory)
    const refuse = async (): Promise<never> => { throw new NotSupportedError('writing') }
    return {
      async open () {
        const store = createHashStore(memory)
        return change({ ...store, supports: { put: false, pin: false, persistence: false, network: true }, put: refuse, pin: refuse, unpin: refuse }, behind)
      },
      give: (cid, bytes) => behind.put(cid, bytes)
    }
  }
})

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const absent = 'an absent block is answered with undefined'
const bytes = 'a block comes back byte for byte, of 0 bytes to 1 MiB and under any codec'
const tooLarge = 'a block over a limit of the store\'s own is refused with LIMIT_EXCEEDED'
const again = 'a block may be put again, and many at once'
const copiedIn = 'what goes in is copied'
const copiedOut = 'what comes out is copied, as plain Uint8Array'
const hints = 'hints that a store does not understand are ignored'
const pin = 'pin keeps a block and is idempotent'
const notFound = 'pin of a block that cannot be had rejects with NOT_FOUND'
const unpin = 'unpin lets a block go, and what is not pinned is no error'
const notSupported = 'where supports says no, the call rejects with NOT_SUPPORTED'
const aborted = 'a call whose signal is aborted already rejects with the reason'
const closed = 'after close every call rejects with CLOSED, and close may be called twice'
const survives = 'blocks survive close and open where persistence is yes, and only there'
const twice = 'a second open shares the blocks or rejects with STORE_LOCKED, and the first works on'
const facts = 'space and supports are facts that do not change'

const faults: [fault: string, clause: string, change: Change][] = [
  ['throws on absence', absent, (store) => ({ ...store, async get (...args) { const got = await store.get(...args); if (!got) throw new Error('absent'); return got } })],
  ['answers absence with empty bytes', absent, (store) => ({ ...store, get: async (...args) => (await store.get(...args)) ?? new Uint8Array() })],
  ['takes an empty block for absence', bytes, (store) => ({ ...store, get: async (...args) => { const got = await store.get(...args); return got?.byteLength ? got : undefined } })],
  ['cuts large blocks', bytes, (store) => ({ ...store, get: async (...args) => (await store.get(...args))?.slice(0, 1_048_575) })],
  ['keeps no block under a codec that it does not know', bytes, (store) => ({ ...store, get: async (cid, options) => (cid.code === RAW ? store.get(cid, options) : undefined) })],
  ['takes what is too large and drops it', tooLarge, (store) => ({ ...store, async put (cid, block, options) { if (block.byteLength <= MAX_BLOCK_BYTES) await store.put(cid, block, options) } })],
  ['rejects the second put', again, (store) => ({ ...store, async put (cid, ...args) { if (await store.get(cid)) throw new Error('there'); await store.put(cid, ...args) } })],
  ['loses all but one of many puts', again, (store) => { let busy = false; return { ...store, async put (...args) { if (busy) return; busy = true; await tick(); await store.put(...args); busy = false } } }],
  ['copies too late', copiedIn, (store) => ({ ...store, async put (...args) { await tick(); await store.put(...args) } })],
  ['hands out Buffers', copiedOut, (store) => ({ ...store, get: async (...args) => { const got = await store.get(...args); return got && Buffer.from(got) } })],
  ['hands out its own array', copiedOut, (store) => { let kept: Uint8Array | undefined; return { ...store, get: async (...args) => (kept ??= await store.get(...args)) } }],
  ['rejects what it does not understand', hints, (store) => ({ ...store, async get (cid, options) { for (const hint of options?.hints ?? []) void new URL(hint); return store.get(cid, options) } })],
  ['rejects the second pin', pin, (store) => { const pinned = new Set<string>(); return { ...store, async pin (cid, options) { if (pinned.has(cid.toString())) throw new Error('pinned'); pinned.add(cid.toString()); await store.pin(cid, options) } } }],
  ['unpins at the second pin', pin, (store) => { const pinned = new Set<string>(); return { ...store, async pin (cid, options) { if (pinned.has(cid.toString())) await store.unpin(cid, options); pinned.add(cid.toString()) } } }],
  ['pins what is absent', notFound, (store) => ({ ...store, pin: async (cid, options) => { if (await store.get(cid)) await store.pin(cid, options) } })],
  ['tells absence by another code', notFound, (store) => ({ ...store, pin: async () => { throw new Error('not found') } })],
  ['rejects the second unpin', unpin, (store) => ({ ...store, async unpin (cid, options) { if (!(await store.get(cid))) throw new Error('not pinned'); await store.unpin(cid, options) } })],
  ['unpins the neighbour', unpin, (store, disk) => { const put: Parameters<HashStore['put']>[0][] = []; return { ...store, async put (cid, ...args) { put.push(cid); await store.put(cid, ...args) }, async unpin () { for (const cid of put) await disk.unpin(cid) } } }],
  ['buries what was unpinned', unpin, (store) => { const buried = new Set<string>(); return { ...store, async unpin (cid) { buried.add(cid.toString()) }, get: async (cid, options) => (buried.has(cid.toString()) ? undefined : store.get(cid, options)) } }],
  ['says nothing when it cannot pin', notSupported, (store) => ({ ...store, supports: { ...store.supports, pin: false } })],
  ['ignores pin in put where it cannot pin', notSupported, (store) => ({ ...store, supports: { ...store.supports, pin: false }, pin: async () => { throw new NotSupportedError('pins') }, unpin: async () => { throw new NotSupportedError('pins') } })],
  ['takes puts that it says it does not take', notSupported, (store) => ({ ...store, supports: { ...store.supports, put: false } })],
  ['ignores the signal', aborted, (store) => ({ ...store, get: async (cid) => store.get(cid) })],
  ['rejects with an error of its own', aborted, (store) => ({ ...store, async put (cid, block, options) { if (options?.signal?.aborted) throw new DOMException('aborted', 'AbortError'); await store.put(cid, block) } })],
  ['works on after close', closed, (store, disk) => ({ ...store, get: (...args) => disk.get(...args) })],
  ['closes only once', closed, (store) => { let open = true; return { ...store, async close () { if (!open) throw new Error('closed'); open = false; await store.close() } } }],
  ['keeps what it says that it forgets', survives, (store) => ({ ...store, supports: { ...store.supports, persistence: false } })],
  ['forgets what it says that it keeps', survives, () => { const memory = createMemoryStore(); return createHashStore({ ...memory, supports: { ...memory.supports, persistence: true } }) }],
  ['serves its copy of the blocks', twice, () => { const memory = createMemoryStore(); return createHashStore({ ...memory, supports: { ...memory.supports, persistence: true } }) }],
  ['changes its mind', facts, (store) => { let open = true; return { ...store, get supports () { return { ...store.supports, network: open } }, async close () { open = false; await store.close() } } }],
  ['names no space', facts, (store) => ({ ...store, space: '' })]
]

const clauseNamed = (name: string): (typeof hashStoreClauses)[number] => hashStoreClauses.find((clause) => clause.name === name)!

describe('the suite for hash stores', () => {
  it.each(hashStoreClauses)('passes sound stores: $name', async (clause) => {
    await runClause(clause, soundFactory())
    await runClause(clause, readOnlyFactory())
    await runClause(clause, { create: async () => ({ open: async () => createHashStore(createMemoryStore()) }) })
  })

  it.each(faults)('fails a store that %s', async (_, name, change) => {
    await expect(runClause(clauseNamed(name), soundFactory(change))).rejects.toThrow()
  })

  it('fails a store without put that gives other bytes, and one that says nothing when it cannot put', async () => {
    await expect(runClause(clauseNamed(bytes), readOnlyFactory((store) => ({ ...store, get: async () => utf8('other') })))).rejects.toThrow()
    await expect(runClause(clauseNamed(notSupported), readOnlyFactory((store) => ({ ...store, put: async () => undefined })))).rejects.toThrow()
  })

  it('fails a store whose second open is locked by another code or ends the first', async () => {
    const opening = (second: (first: HashStore) => Promise<HashStore>): Factory<HashStore, HashStoreSetup> => ({
      async create () {
        let first: HashStore | undefined
        return { open: async () => (first ? second(first) : (first = createHashStore(createMemoryStore()))) }
      }
    })
    await expect(runClause(clauseNamed(twice), opening(async () => { throw new Error('busy') }))).rejects.toThrow('busy')
    await expect(runClause(clauseNamed(twice), opening(async (first) => { await first.close(); return createHashStore(createMemoryStore()) }))).rejects.toThrow()
  })

  it('passes a store that keeps nothing, and fails one that only says so', async () => {
    const passingOn = (offline: boolean): Factory<HashStore, HashStoreSetup> => ({
      async create () {
        const others = createHashStore(createMemoryStore())
        const get: HashStore['get'] = async (cid, options) => (options?.offline && !offline ? undefined : others.get(cid))
        return { open: async () => ({ ...createHashStore(createMemoryStore()), put: others.put, get }), keepsNothing: true }
      }
    })
    for (const name of [again, twice]) await runClause(clauseNamed(name), passingOn(false))
    await expect(runClause(clauseNamed(again), passingOn(true))).rejects.toThrow()
  })

  it('has a broken store for every clause', () => {
    expect(hashStoreClauses.map(({ name }) => name).sort(compareUtf8)).toEqual([...new Set(faults.map(([, clause]) => clause))].sort(compareUtf8))
  })
})
