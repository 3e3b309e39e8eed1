import * as fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { encodeCbor, type CborMap } from '../../src/cbor.ts'
import { StoreError } from '../../src/errors.ts'
import { DAG_CBOR, RAW, cidOf, putBlock } from '../../src/store/block.ts'
import { createHashStore, hashName, type HashStore } from '../../src/store/hash-store.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { createPinSet, type PinSet } from '../../src/store/pins.ts'

/** Leaves a to e, and lists of them. */
const leafNames = ['a', 'b', 'c', 'd', 'e']
const leaves = new Map(await Promise.all(leafNames.map(async (name): Promise<[string, CID]> => [name, await cidOf(utf8(name), RAW)])))
const listBytes = (names: string): Uint8Array => encodeCbor(Array.from(names, (name) => leaves.get(name)!))
const listCid = (names: string): Promise<CID> => cidOf(listBytes(names), DAG_CBOR)

const createWorld = () => {
  const stateMemory = createMemoryStore()
  const blockMemory = createMemoryStore()
  const blocks = createHashStore(blockMemory)
  /** Lays the blocks of a list down, unpinned. */
  const lay = async (names: string): Promise<CID> => {
    for (const name of names) await putBlock(blocks, utf8(name), RAW)
    return putBlock(blocks, listBytes(names), DAG_CBOR)
  }
  const keys = async (store: KeyValueStore): Promise<string[]> => {
    const found: string[] = []
    for await (const [key] of store.entries()) found.push(key)
    return found
  }
  return {
    state: stateMemory,
    blocks,
    lay,
    /** The names of pinned leaves and lists. */
    async pinned (lists: string[]): Promise<string[]> {
      const names = new Map<string, string>()
      for (const [name, cid] of leaves) names.set(hashName(cid), name)
      for (const list of lists) names.set(hashName(await listCid(list)), `[${list}]`)
      return (await keys(blockMemory)).filter((key) => key.startsWith('pin/')).map((key) => names.get(key.slice('pin/'.length)) ?? 'unknown').sort()
    },
    async everything (): Promise<unknown> {
      const found: [string, string][] = []
      for (const store of [stateMemory, blockMemory]) for await (const [key, value] of store.entries()) found.push([key, Buffer.from(value).toString('hex')])
      return found
    }
  }
}

describe('createPinSet', () => {
  it('pins what can be reached from the roots and unpins what was pinned before', async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    const [ab, bc] = [await world.lay('ab'), await world.lay('bc')]
    await pins.pin('owner', [ab])
    expect(await world.pinned(['ab', 'bc'])).toEqual(['[ab]', 'a', 'b'])
    await pins.pin('owner', [bc])
    expect(await world.pinned(['ab', 'bc'])).toEqual(['[bc]', 'b', 'c'])
    expect(await world.blocks.get(leaves.get('a')!)).toBeUndefined()
    await pins.pin('owner', [])
    expect(await world.pinned(['ab', 'bc'])).toEqual([])
    expect(await world.everything()).toEqual([])
  })

  it('puts what the caller has at hand with its pin, and fetches it from nobody', async () => {
    const world = createWorld()
    for (const name of 'ab') await putBlock(world.blocks, utf8(name), RAW)
    const gets: string[] = []
    const blocks = { ...world.blocks, get: (cid: CID, options?: object) => { gets.push(hashName(cid)); return world.blocks.get(cid, options) } }
    const pins = createPinSet({ ...world, blocks })
    const list = await listCid('ab')
    await pins.pin('owner', [list], { given: [{ cid: list, bytes: listBytes('ab') }] })
    expect(await world.pinned(['ab'])).toEqual(['[ab]', 'a', 'b'])
    expect(gets.sort()).toEqual(['a', 'b'].map((name) => hashName(leaves.get(name)!)).sort())
    await expect(pins.pin('owner', [list], { given: [{ cid: list, bytes: utf8('something else') }] })).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
    await pins.unpin('owner')
    expect(await world.everything()).toEqual([])
  })

  it('keeps a block for as long as anybody needs it', async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    await pins.pin('one', [await world.lay('ab')])
    await pins.pin('other', [await world.lay('bc')])
    await pins.unpin('one')
    expect(await world.pinned(['ab', 'bc'])).toEqual(['[bc]', 'b', 'c'])
    await pins.unpin('one')
    await pins.unpin('nobody')
    await pins.unpin('other')
    expect(await world.everything()).toEqual([])
  })

  it('writes nothing to its books when nothing changes, but pins again what was lost', async () => {
    const world = createWorld()
    const batches: unknown[] = []
    const pins = createPinSet({ ...world, state: { ...world.state, batch: async (...args) => { batches.push(args); await world.state.batch(...args) } } })
    const ab = await world.lay('ab')
    await pins.pin('owner', [ab])
    const { length } = batches
    await world.blocks.unpin(leaves.get('a')!)
    await world.lay('a')
    await pins.pin('owner', [ab])
    expect(batches).toHaveLength(length)
    expect(await world.pinned(['ab'])).toEqual(['[ab]', 'a', 'b'])
  })

  it('tells a block that cannot be had, leaves the old ones pinned, and is mended by a second call', async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    await pins.pin('owner', [await world.lay('ab')])
    const cd = await world.lay('cd')
    await world.blocks.unpin(leaves.get('d')!)
    await expect(pins.pin('owner', [cd])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await world.pinned(['ab', 'cd'])).toEqual(['[ab]', 'a', 'b'])
    await world.lay('d')
    await pins.pin('owner', [cd])
    expect(await world.pinned(['ab', 'cd'])).toEqual(['[cd]', 'c', 'd'])
  })

  it('forgets what calls that were cut off had begun, so that its books stay bounded', async () => {
    const world = createWorld()
    const unpinnable: HashStore = { ...world.blocks, pin: async () => { throw new StoreError('full') } }
    await createPinSet(world).pin('owner', [await world.lay('a')])
    for (const names of ['ab', 'bc', 'cd', 'de']) await expect(createPinSet({ ...world, blocks: unpinnable }).pin('owner', [await world.lay(names)])).rejects.toThrow('full')
    const needs: string[] = []
    for await (const [key] of world.state.entries({ prefix: 'need/' })) needs.push(key)
    expect(needs).toHaveLength(5)
    await createPinSet(world).pin('owner', [await world.lay('ac')])
    expect(await world.pinned(['ac'])).toEqual(['[ac]', 'a', 'c'])
    await createPinSet(world).unpin('owner')
    for await (const [key] of world.state.entries()) expect(key).toBe('nothing')
  })

  it('does as much work for a call among many as for one alone', async () => {
    const operationsOf = async (owners: number): Promise<number> => {
      const world = createWorld()
      let operations = 0
      const counted: KeyValueStore = {
        ...world.state,
        get: async (...args) => { operations++; return world.state.get(...args) },
        async * entries (...args) { for await (const entry of world.state.entries(...args)) { operations++; yield entry } }
      }
      const pins = createPinSet({ ...world, state: counted })
      const lay = (version: string) => Promise.all(Array.from({ length: owners }, (_, i) => putBlock(world.blocks, utf8(`${version} ${i}`), RAW)))
      const pinAll = async (cids: CID[]): Promise<void> => { await Promise.all(cids.map((cid, i) => pins.pin(`owner ${i}`, [cid]))) }
      await pinAll(await lay('old'))
      const fresh = await lay('new')
      operations = 0
      await pinAll(fresh)
      return operations
    }
    expect(await operationsOf(100)).toBe(100 * await operationsOf(1))
  })

  it('does the calls of one owner one after the other', async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    const cids = [await world.lay('ab'), await world.lay('bc'), await world.lay('cd')]
    for (const name of leafNames) await putBlock(world.blocks, utf8(name), RAW)
    await Promise.all(cids.map((cid) => pins.pin('owner', [cid])))
    expect(await world.pinned(['ab', 'bc', 'cd'])).toEqual(['[cd]', 'c', 'd'])
  })

  it('takes owners of 1 to 256 bytes, with any characters', async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    const a = await world.lay('a')
    const owners = ['/', '../x', 'o'.repeat(256), 'o', 'o/o', 'owner/o']
    for (const owner of owners) await pins.pin(owner, [a])
    for (const owner of owners.slice(1)) await pins.unpin(owner)
    expect(await world.pinned(['a'])).toEqual(['[a]', 'a'])
    await pins.unpin(owners[0]!)
    expect(await world.everything()).toEqual([])
    await expect(pins.pin('', [a])).rejects.toMatchObject({ code: 'INVALID_KEY' })
    await expect(pins.pin('o'.repeat(257), [a])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('holds blocks that come later, without asking the block store, until the owner pins or unpins', async () => {
    const world = createWorld()
    const refuse = async (): Promise<never> => { throw new StoreError('not asked') }
    const holding = createPinSet({ ...world, blocks: { ...world.blocks, put: refuse, get: refuse, pin: refuse, unpin: refuse } })
    const [a, b] = [leaves.get('a')!, leaves.get('b')!]
    await holding.hold('holder', [a])
    await holding.hold('holder', [a, b, b])
    const pins = createPinSet(world)
    const ab = await world.lay('ab')
    await pins.pin('owner', [ab])
    await pins.unpin('owner')
    expect(await world.pinned(['ab'])).toEqual(['a', 'b'])
    await pins.pin('holder', [a])
    expect(await world.pinned(['ab'])).toEqual(['a'])
    expect(await world.blocks.get(b)).toBeUndefined()
    await pins.unpin('holder')
    expect(await world.everything()).toEqual([])
  })

  it('holds nothing for a lower version, and pins none after a higher one is held', async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    const [a, b, c] = [await world.lay('a'), await world.lay('b'), await world.lay('c')]
    await pins.pin('owner', [a], { version: 1n })
    expect(await pins.hold('owner', [leaves.get('b')!], { version: 3n })).toBe(true)
    expect(await pins.hold('owner', [leaves.get('c')!], { version: 2n })).toBe(false)
    await pins.pin('owner', [c], { version: 2n })
    expect(await world.pinned(['a', 'b', 'c'])).toEqual(['[a]', 'a'])
    await pins.pin('owner', [b], { version: 3n })
    expect(await world.pinned(['a', 'b', 'c'])).toEqual(['[b]', 'b'])
    await pins.unpin('owner')
    expect(await world.everything()).toEqual([])
  })

  it('takes over what others held, in one write, and nothing else of theirs', async () => {
    const world = createWorld()
    const batches: unknown[] = []
    const pins = createPinSet({ ...world, state: { ...world.state, batch: async (...args) => { batches.push(args); await world.state.batch(...args) } } })
    const [a, b] = [leaves.get('a')!, leaves.get('b')!]
    await pins.hold('one', [a])
    await pins.hold('other', [a, b])
    batches.length = 0
    await pins.hold('owner', [a], { from: ['one', 'other', 'other', 'owner', 'nobody'] })
    expect(batches).toHaveLength(1)
    await world.lay('ab')
    await pins.pin('last', [await listCid('ab')])
    for (const owner of ['last', 'one']) await pins.unpin(owner)
    expect(await world.pinned(['ab'])).toEqual(['a', 'b'])
    await pins.unpin('other')
    expect(await world.pinned(['ab'])).toEqual(['a'])
    await pins.unpin('owner')
    expect(await world.everything()).toEqual([])
  })

  it('holds 2,048 blocks at most for one owner, and takes over from 1,024 others', async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    const cids = await Promise.all(Array.from({ length: 2_049 }, (_, i) => cidOf(utf8(`${i}`), RAW)))
    await pins.hold('owner', cids.slice(1))
    await expect(pins.hold('owner', cids)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'held blocks', max: 2_048, value: 2_049 })
    const others = Array.from({ length: 1_025 }, (_, i) => `${i}`)
    await pins.hold('another', cids.slice(1, 2), { from: others.slice(1) })
    await expect(pins.hold('another', cids.slice(1, 2), { from: others })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'owners to take over from', max: 1_024, value: 1_025 })
  })

  it('refuses stores that cannot do it', () => {
    const { state, blocks } = createWorld()
    expect(() => createPinSet({ state, blocks: { ...blocks, supports: { ...blocks.supports, pin: false } } })).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    expect(() => createPinSet({ blocks, state: { ...state, supports: { ...state.supports, atomicBatch: false } } })).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
  })

  it('tells damaged books', async () => {
    const world = createWorld()
    for (const damaged of [{ kept: 1, pending: [] }, { kept: ['x'], pending: [] }, {}] as CborMap[]) {
      await world.state.put('owner/o', encodeCbor(damaged))
      await expect(createPinSet(world).unpin('o')).rejects.toMatchObject({ code: 'STORE_FAILED' })
    }
  })
})

/** Counts the operations on both stores and fails the n-th: before it happens or after, alone or with all that follow. */
const failing = ({ state, blocks }: { state: KeyValueStore; blocks: HashStore }, at: number, after: boolean, forGood: boolean) => {
  let count = 0
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    const fails = ++count === at || (forGood && count > at)
    if (fails && !(after && count === at)) throw new StoreError('cut off')
    const result = await work()
    if (fails) throw new StoreError('cut off')
    return result
  }
  return {
    counted: () => count,
    state: {
      ...state,
      get: (...args) => step(() => state.get(...args)),
      put: (...args) => step(() => state.put(...args)),
      delete: (...args) => step(() => state.delete(...args)),
      batch: (...args) => step(() => state.batch(...args)),
      async * entries (...args) { await step(async () => undefined); yield * state.entries(...args) }
    } satisfies KeyValueStore,
    blocks: {
      ...blocks,
      get: (...args) => step(() => blocks.get(...args)),
      pin: (...args) => step(() => blocks.pin(...args)),
      unpin: (...args) => step(() => blocks.unpin(...args))
    } satisfies HashStore
  }
}

const calls: [call: string, run: (pins: PinSet) => Promise<void>][] = [
  ['replaces the roots', async (pins) => pins.pin('owner', [await listCid('bc')])],
  ['unpins', async (pins) => pins.unpin('owner')],
  ['takes over and pins', async (pins) => {
    await pins.hold('owner', [leaves.get('e')!], { from: ['other'] })
    await pins.pin('owner', [await listCid('bc'), leaves.get('e')!])
  }]
]

describe.each(calls)('a call that %s and is cut off', (_, run) => {
  const prepare = async () => {
    const world = createWorld()
    const pins = createPinSet(world)
    await pins.pin('owner', [await world.lay('abd')])
    await pins.pin('other', [await world.lay('ade')])
    await world.lay('bc')
    return world
  }

  it.each([[false, false], [false, true], [true, false], [true, true]])('at any operation (after it: %s, for good: %s) loses nothing and is finished by the same call', async (after, forGood) => {
    const clean = await prepare()
    await run(createPinSet(clean))
    const expected = await clean.everything()
    for (let at = 1; ; at++) {
      const world = await prepare()
      const stores = failing(world, at, after, forGood)
      const [outcome] = await Promise.allSettled([run(createPinSet(stores))])
      if (at > stores.counted()) {
        expect(outcome.status).toBe('fulfilled')
        expect(at).toBeGreaterThan(10)
        return
      }
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'STORE_FAILED' } })
      // Somebody else's call clears away what was released.
      const next = createPinSet({ ...world, leaseMs: 0 })
      await next.unpin('nobody')
      const pinned = await world.pinned(['abd', 'ade', 'bc'])
      expect(pinned).toEqual(expect.arrayContaining(['[ade]', 'a', 'd', 'e']))
      const kept = [['[abd]', 'a', 'b', 'd'], ['[bc]', 'b', 'c']].some((list) => list.every((name) => pinned.includes(name)))
      if (run !== calls[1]![1]) expect(kept, `neither the old nor the new roots are whole after operation ${at}`).toBe(true)
      await run(next)
      expect(await world.everything(), `after operation ${at}`).toEqual(expected)
    }
  })
})

it('agrees with a model, whoever pins what at the same time, and finds all that was held before it was laid', async () => {
  const owners = ['o', 'p', 'q']
  const lists = ['a', 'ab', 'bc', 'cde', 'ae', '']
  const call = fc.record({ owner: fc.constantFrom(...owners), roots: fc.uniqueArray(fc.constantFrom(...lists), { maxLength: 2 }) })
  await fc.assert(fc.asyncProperty(fc.array(fc.array(call, { minLength: 1, maxLength: 4 }), { maxLength: 6 }), async (rounds) => {
    const world = createWorld()
    const pins = createPinSet(world)
    const rootsByOwner = new Map<string, string[]>()
    for (const round of rounds) {
      await Promise.all(round.map(async ({ owner, roots }, i) => {
        const held = await Promise.all([...roots.map(listCid), ...new Set(roots.join(''))].map(async (name) => (typeof name === 'string' ? leaves.get(name)! : name)))
        await pins.hold(`call ${i}`, held)
        const cids: CID[] = []
        for (const list of roots) cids.push(await world.lay(list))
        await (roots.length === 0 ? pins.unpin(owner) : pins.pin(owner, cids))
        rootsByOwner.set(owner, roots)
        await pins.unpin(`call ${i}`)
      }))
      const wanted = new Set([...rootsByOwner.values()].flat().flatMap((list) => [`[${list}]`, ...Array.from(list)]))
      expect(await world.pinned(lists)).toEqual([...wanted].sort())
    }
  }), { numRuns: 60 })
})
