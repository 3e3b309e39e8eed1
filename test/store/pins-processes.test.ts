import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { RAW, cidOf, putBlock } from '../../src/store/block.ts'
import { createHashStore, hashName, type HashStore } from '../../src/store/hash-store.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { createPinSet, type PinSet } from '../../src/store/pins.ts'

const names = ['a', 'b', 'c', 'd']
const cids = new Map(await Promise.all(names.map(async (name): Promise<[string, CID]> => [name, await cidOf(utf8(name), RAW)])))

/** One state and one block store, which several pin sets share as processes do. */
const createWorld = () => {
  const state = createMemoryStore()
  const blockMemory = createMemoryStore()
  const blocks = createHashStore(blockMemory)
  const namesOf = async (prefix: string): Promise<string[]> => {
    const found = await Array.fromAsync(blockMemory.entries({ prefix }))
    return found.map(([key]) => names.find((name) => hashName(cids.get(name)!) === key.slice(prefix.length)) ?? key).sort()
  }
  return {
    state,
    blocks,
    async lay (...laid: string[]): Promise<CID[]> {
      for (const name of laid) await putBlock(blocks, utf8(name), RAW)
      return laid.map((name) => cids.get(name)!)
    },
    pinned: () => namesOf('pin/'),
    stored: () => namesOf('block/'),
    books: async () => (await Array.fromAsync(state.entries())).map(([key]) => key)
  }
}

/** Runs `between` once, when `when` first holds of a call, before the call is done. */
const interrupted = <Store extends object>(store: Store, when: (method: string, args: readonly unknown[]) => boolean, between: () => Promise<unknown>): Store => {
  let hasRun = false
  return new Proxy(store, {
    get (target, method, receiver) {
      const member = Reflect.get(target, method, receiver) as unknown
      if (typeof member !== 'function' || method === 'entries') return member
      return async (...args: unknown[]) => {
        if (!hasRun && when(String(method), args)) {
          hasRun = true
          await between()
        }
        return (member as (...args: unknown[]) => unknown).apply(target, args)
      }
    }
  })
}

describe('two pin sets over one state', () => {
  it('do not unpin what the other has come to need meanwhile', async () => {
    const world = createWorld()
    const other = createPinSet(world)
    const [a] = await world.lay('a')
    let pinning: Promise<void> | undefined
    // It has looked up that nobody needs the block, and is about to unpin it.
    const blocks: HashStore = interrupted(world.blocks, (method) => method === 'unpin', async () => {
      pinning = other.pin('other', [a!])
      for (let turn = 0; turn < 20; turn++) await nextTurn()
    })
    const pins = createPinSet({ ...world, blocks })
    await pins.pin('owner', [a!])
    await pins.unpin('owner')
    const [outcome] = await Promise.allSettled([pinning])
    // It may be told that the block is gone, but never that it is pinned when it is not.
    if (outcome.status === 'rejected') {
      expect(outcome.reason).toMatchObject({ code: 'NOT_FOUND' })
      await world.lay('a')
      await other.pin('other', [a!])
    }
    expect(await world.pinned()).toEqual(['a'])
    await other.unpin('other')
    expect([await world.pinned(), await world.stored(), await world.books()]).toEqual([[], [], []])
  })

  it('lose nothing of each other when both replace the blocks of one owner', async () => {
    for (let at = 1; at <= 3; at++) {
      const world = createWorld()
      const [a, b, c] = await world.lay('a', 'b', 'c')
      const other = createPinSet(world)
      await other.pin('owner', [a!])
      let batches = 0
      const state: KeyValueStore = interrupted(world.state, (method) => method === 'batch' && ++batches === at, async () => {
        await other.pin('owner', [b!])
        // It let go of what the call under way was about to promise.
        await world.lay('c')
      })
      await createPinSet({ ...world, state }).pin('owner', [c!])
      expect(await world.pinned(), `in batch ${at}`).toEqual(at < 3 ? ['c'] : ['b'])
      await other.unpin('owner')
      expect([await world.pinned(), await world.books()]).toEqual([[], []])
    }
  })

  it('notice when the blocks of an owner were let go while they are pinned again', async () => {
    const world = createWorld()
    const [a] = await world.lay('a')
    const other = createPinSet(world)
    await other.pin('owner', [a!])
    const blocks = interrupted(world.blocks, (method) => method === 'pin', async () => {
      await other.unpin('owner')
      await world.lay('a')
    })
    await createPinSet({ ...world, blocks }).pin('owner', [a!])
    expect(await world.pinned()).toEqual(['a'])
    await other.unpin('owner')
    expect([await world.pinned(), await world.stored(), await world.books()]).toEqual([[], [], []])
  })

  it('let no lower version take the place of a higher one, whoever comes last', async () => {
    const world = createWorld()
    const [a, b, c] = await world.lay('a', 'b', 'c')
    const other = createPinSet(world)
    await other.pin('owner', [b!], { version: 2n ** 63n })
    await createPinSet(world).pin('owner', [a!], { version: 2n ** 63n - 1n })
    expect([await world.pinned(), await world.stored()]).toEqual([['b'], ['b', 'c']])
    let batches = 0
    const state: KeyValueStore = interrupted(world.state, (method) => method === 'batch' && ++batches === 2, () => other.pin('owner', [c!], { version: 2n ** 63n + 1n }))
    await world.lay('a')
    await createPinSet({ ...world, state }).pin('owner', [a!], { version: 2n ** 63n })
    expect([await world.pinned(), await world.stored()]).toEqual([['c'], ['c']])
    // Its blocks are gone before it has pinned them: it is not told, for nobody wants them any more.
    const [d] = await world.lay('d')
    const blocks = interrupted(world.blocks, (method) => method === 'pin', () => other.pin('owner', [c!], { version: 2n ** 63n + 3n }))
    await createPinSet({ ...world, blocks }).pin('owner', [d!], { version: 2n ** 63n + 2n })
    expect([await world.pinned(), await world.stored()]).toEqual([['c'], ['c']])
    await other.pin('owner', await world.lay('d'))
    expect(await world.pinned()).toEqual(['d'])
    await other.unpin('owner')
    expect([await world.pinned(), await world.stored(), await world.books()]).toEqual([[], [], []])
  })

  it('wait for one that was killed while it unpinned, and go on when its time is over', async () => {
    const world = createWorld()
    const [a] = await world.lay('a')
    const killed = new Promise<never>(() => {})
    const hanging: HashStore = { ...world.blocks, unpin: () => killed }
    const first = createPinSet({ ...world, blocks: hanging, leaseMs: 200 })
    await first.pin('owner', [a!])
    void first.unpin('owner').catch(() => undefined)
    while (!(await world.books()).some((key) => key.startsWith('sweeping/'))) await nextTurn()
    const second = createPinSet({ ...world, leaseMs: 200 })
    const started = performance.now()
    await second.unpin('nobody')
    expect(await world.pinned()).toEqual(['a'])
    await second.pin('other', [a!])
    expect(performance.now() - started).toBeGreaterThan(150)
    expect(await world.pinned()).toEqual(['a'])
    await second.unpin('other')
    expect([await world.pinned(), await world.books()]).toEqual([[], []])
  })

  it('clear away what one that was killed had released, a lease later', async () => {
    const world = createWorld()
    const [a] = await world.lay('a')
    const first = createPinSet({ ...world, blocks: { ...world.blocks, unpin: () => new Promise<never>(() => {}) }, leaseMs: 50 })
    await first.pin('owner', [a!])
    void first.unpin('owner').catch(() => undefined)
    while (!(await world.books()).some((key) => key.startsWith('sweeping/'))) await nextTurn()
    const second = createPinSet({ ...world, leaseMs: 50 })
    await expect.poll(async () => { await second.unpin('nobody'); return world.books() }).toEqual([])
    expect(await world.pinned()).toEqual([])
  })

  it('lose nothing that an owner comes to need while another takes over from him', async () => {
    const world = createWorld()
    const other = createPinSet(world)
    const [a, b] = [cids.get('a')!, cids.get('b')!]
    await other.hold('other', [a])
    const state: KeyValueStore = interrupted(world.state, (method) => method === 'batch', () => other.hold('other', [b]))
    await createPinSet({ ...world, state }).hold('owner', [a], { from: ['other'] })
    await world.lay('a', 'b')
    await other.pin('last', [a, b])
    await other.unpin('last')
    expect(await world.pinned()).toEqual(['a', 'b'])
    await other.unpin('other')
    expect(await world.pinned()).toEqual(['a'])
    await other.unpin('owner')
    expect([await world.stored(), await world.books()]).toEqual([[], []])
  })

  it('hold a block whose pinning hangs no longer than the signal says', async () => {
    const world = createWorld()
    const [a] = await world.lay('a')
    const { promise: begun, resolve } = Promise.withResolvers<void>()
    const pins = createPinSet({ ...world, blocks: { ...world.blocks, pin: () => { resolve(); return new Promise<never>(() => {}) } } })
    void pins.pin('owner', [a!]).catch(() => undefined)
    await begun
    const controller = new AbortController()
    const holding = pins.hold('other', [a!], { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(holding).rejects.toBe(reason)
  })

  it('end a wait at once when its signal aborts, and in time when the other never lets go', async () => {
    const world = createWorld()
    const [a] = await world.lay('a')
    const key = `sweeping/${hashName(a!)}`
    await world.state.put(key, utf8('another'))
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = createPinSet(world).pin('owner', [a!], { signal: controller.signal })
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    const stubborn: KeyValueStore = interrupted(world.state, (method, [operations]) => {
      if (method === 'batch' && (operations as { type: string }[]).some(({ type }) => type === 'delete')) void world.state.put(key, utf8(`${Math.random()}`))
      return false
    }, async () => undefined)
    await expect(createPinSet({ ...world, state: stubborn, leaseMs: 20 }).pin('owner', [a!])).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})

it('agrees with a model, whoever of three processes pins what at the same time, and finds all that was held before it was laid', async () => {
  const call = fc.record({ process: fc.nat(2), owner: fc.constantFrom('o', 'p'), roots: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 }) })
  await fc.assert(fc.asyncProperty(fc.array(fc.array(call, { minLength: 2, maxLength: 5 }), { maxLength: 4 }), fc.infiniteStream(fc.nat(3)), async (rounds, delays) => {
    const world = createWorld()
    const delay = async (): Promise<void> => { for (let turns = delays.next().value as number; turns > 0; turns--) await nextTurn() }
    const slow = <Store extends object>(store: Store): Store => new Proxy(store, {
      get (target, method, receiver) {
        const member = Reflect.get(target, method, receiver) as unknown
        if (typeof member !== 'function' || method === 'entries') return member
        return async (...args: unknown[]) => {
          await delay()
          const answer: unknown = await (member as (...args: unknown[]) => unknown).apply(target, args)
          await delay()
          return answer
        }
      }
    })
    const processes: PinSet[] = [0, 1, 2].map(() => createPinSet({ state: slow(world.state), blocks: slow(world.blocks), leaseMs: 10_000 }))
    const last = new Map<string, string[]>()
    for (const round of rounds) {
      await Promise.all(round.map(async ({ process, owner, roots }, i) => {
        await processes[process]!.hold(`call ${i}`, roots.map((name) => cids.get(name)!))
        await processes[process]!.pin(owner, await world.lay(...roots))
      }))
      for (const { owner, roots } of round) last.set(owner, roots)
      // Nobody can say which of them came last for an owner. What any of them needed is there for this.
      await Promise.all(Array.from(last, ([owner, roots], i) => processes[i]!.pin(owner, roots.map((name) => cids.get(name)!))))
      await Promise.all(round.map(async ({ process, owner, roots }, i) => {
        const isLast = roots.every((name) => last.get(owner)!.includes(name))
        await (isLast ? processes[process]!.hold(owner, roots.map((name) => cids.get(name)!), { from: [`call ${i}`] }) : processes[process]!.unpin(`call ${i}`))
      }))
      for (const process of processes) await process.unpin('nobody')
      expect(await world.pinned()).toEqual([...new Set([...last.values()].flat())].sort())
    }
    for (const owner of last.keys()) await processes[0]!.unpin(owner)
    expect([await world.pinned(), await world.books()]).toEqual([[], []])
  }), { numRuns: 60 })
})
