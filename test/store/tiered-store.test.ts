import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { StoreError } from '../../src/errors.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { createTieredStore } from '../../src/store/tiered-store.ts'

const block = utf8('block')
const cid = await cidOf(block, RAW)

/** A tier that tells what it was asked. */
const createTier = (faults: Partial<HashStore> = {}, supports: Partial<HashStore['supports']> = {}) => {
  const store = createHashStore(createMemoryStore())
  const calls: string[] = []
  const told = <A extends unknown[], T>(name: string, call: (...args: A) => Promise<T>) => async (...args: A): Promise<T> => {
    calls.push(name)
    return call(...args)
  }
  const changed = { ...store, ...faults }
  const tier: HashStore = { ...changed, supports: { ...store.supports, ...supports }, get: told('get', changed.get), put: told('put', changed.put), pin: told('pin', changed.pin), unpin: told('unpin', changed.unpin), close: told('close', changed.close) }
  return { tier, calls, store }
}
const failing = (error: Error) => async (): Promise<never> => { throw error }
const broken = new StoreError('broken')
const silent = new StoreError('silent')

describe('get', () => {
  it('stops at the first tier that has the block and fills the faster ones that take it', async () => {
    const tiers = [createTier(), createTier({}, { put: false }), createTier(), createTier()]
    await tiers[2]!.store.put(cid, block)
    expect(await createTieredStore(tiers.map(({ tier }) => tier)).get(cid)).toEqual(block)
    expect(tiers.map(({ calls }) => calls)).toEqual([['get', 'put'], ['get'], ['get'], []])
    expect(await tiers[0]!.store.get(cid)).toEqual(block)
  })

  it('answers absence only when every tier said so, each asked once', async () => {
    const tiers = [createTier(), createTier()]
    expect(await createTieredStore(tiers.map(({ tier }) => tier)).get(cid)).toBeUndefined()
    expect(tiers.map(({ calls }) => calls)).toEqual([['get'], ['get']])
  })

  it('passes over a tier that fails or lies, and mends it', async () => {
    const lying = createTier({ get: async () => utf8('other') })
    const good = createTier()
    await good.store.put(cid, block)
    expect(await createTieredStore([createTier({ get: failing(broken) }).tier, lying.tier, good.tier]).get(cid)).toEqual(block)
    expect(await lying.store.get(cid)).toEqual(block)
  })

  it('tells a lie or a failure rather than absence', async () => {
    const lying = createTier({ get: async () => utf8('other') }).tier
    const large = createTier({ get: async () => new Uint8Array(2 * 1_048_576) }).tier
    const [empty, dead, mute] = [createTier().tier, createTier({ get: failing(broken) }).tier, createTier({ get: failing(silent) }).tier]
    await expect(createTieredStore([empty, lying, empty]).get(cid)).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
    await expect(createTieredStore([large, empty]).get(cid)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await expect(createTieredStore([dead, empty]).get(cid)).rejects.toBe(broken)
    await expect(createTieredStore([dead, empty, mute]).get(cid)).rejects.toMatchObject({ code: 'STORE_FAILED', errors: [broken, silent] })
  })

  it('answers although a faster tier cannot be filled', async () => {
    const slow = createTier()
    await slow.store.put(cid, block)
    expect(await createTieredStore([createTier({ put: failing(broken) }).tier, slow.tier]).get(cid)).toEqual(block)
  })

  it('passes on offline, hints and the signal', async () => {
    const asked: unknown[] = []
    const { tier } = createTier({ get: async (_, options) => { asked.push(options); return undefined } })
    const options = { offline: true, hints: ['hint'], signal: AbortSignal.timeout(60_000) }
    await createTieredStore([tier, tier]).get(cid, options)
    expect(asked).toEqual([options, options])
  })

  it('asks no further tier once it is aborted', async () => {
    const controller = new AbortController()
    const reason = new Error('the reason')
    const first = createTier({ get: async () => { controller.abort(reason); throw new Error('cut off') } })
    const second = createTier()
    await expect(createTieredStore([first.tier, second.tier]).get(cid, { signal: controller.signal })).rejects.toBe(reason)
    expect(second.calls).toEqual([])
  })
})

describe('put', () => {
  it('is done when the slowest tier that takes blocks has it', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => { release = resolve })
    const [slow, fast, reading] = [createTier({ put: () => held }), createTier(), createTier({}, { put: false })]
    let done = false
    const store = createTieredStore([fast.tier, slow.tier, reading.tier])
    const putting = (async () => {
      await store.put(cid, block)
      done = true
    })()
    await new Promise((resolve) => setImmediate(resolve))
    expect([done, await fast.store.get(cid)]).toEqual([false, block])
    release()
    await putting
    expect(reading.calls).toEqual([])
  })

  it('rejects when a tier fails, after all have settled', async () => {
    const good = createTier({ put: async (...args) => { await new Promise((resolve) => setImmediate(resolve)); await goodStore.put(...args) } })
    const goodStore = good.store
    const [dead, mute] = [createTier({ put: failing(broken) }).tier, createTier({ put: failing(silent) }).tier]
    await expect(createTieredStore([dead, good.tier]).put(cid, block)).rejects.toBe(broken)
    expect(await good.store.get(cid)).toEqual(block)
    await expect(createTieredStore([dead, good.tier, mute]).put(cid, block)).rejects.toMatchObject({ code: 'STORE_FAILED', errors: [broken, silent] })
  })

  it('pins where pins are kept', async () => {
    const puts: unknown[] = []
    const put: HashStore['put'] = async (_, __, options) => { puts.push(options?.pin) }
    await createTieredStore([createTier({ put }).tier, createTier({ put }, { pin: false }).tier]).put(cid, block, { pin: true })
    expect(puts).toEqual([true, false])
    const pinning = createTier({ pin: async () => undefined }, { put: false })
    await createTieredStore([createTier({ put }, { pin: false }).tier, pinning.tier]).put(cid, block, { pin: true })
    expect(pinning.calls).toEqual(['pin'])
    await expect(createTieredStore([createTier({ put }, { pin: false }).tier]).put(cid, block, { pin: true })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  it('rejects with the reason of the signal', async () => {
    const controller = new AbortController()
    const reason = new Error('the reason')
    const { tier } = createTier({ put: async () => { controller.abort(reason); throw new Error('cut off') } })
    await expect(createTieredStore([tier, tier]).put(cid, block, { signal: controller.signal })).rejects.toBe(reason)
  })
})

describe('pin and unpin', () => {
  it('go to every tier that pins, and a tier that lacks the block is given it', async () => {
    const [has, lacks, reading] = [createTier(), createTier(), createTier({}, { pin: false })]
    await has.store.put(cid, block)
    const store = createTieredStore([lacks.tier, has.tier, reading.tier])
    await store.pin(cid)
    expect(has.calls.filter((call) => call === 'pin')).toHaveLength(1)
    expect(reading.calls).toEqual([])
    await has.store.unpin(cid)
    expect(await lacks.store.get(cid)).toEqual(block)
    await store.unpin(cid)
    expect(await lacks.store.get(cid)).toBeUndefined()
    expect(reading.calls).toEqual([])
  })

  it('take the block to pin from a tier that does not pin', async () => {
    const [cache, archive] = [createTier({}, { pin: false }), createTier()]
    await cache.store.put(cid, block)
    await createTieredStore([cache.tier, archive.tier]).pin(cid)
    expect(await archive.store.get(cid)).toEqual(block)
  })

  it('tell the failures of any tier, after all have settled', async () => {
    const good = createTier()
    await good.store.put(cid, block)
    const dead = createTier({ pin: failing(broken), unpin: failing(silent) }).tier
    await expect(createTieredStore([dead, good.tier]).pin(cid)).rejects.toBe(broken)
    await expect(createTieredStore([dead, good.tier]).unpin(cid)).rejects.toBe(silent)
    expect(await good.store.get(cid)).toBeUndefined()
  })
})

it('does what any of its tiers does, but keeps only what a tier keeps that takes blocks', () => {
  const no = { put: false, pin: false, persistence: false, network: false }
  const supports = (...tiers: Partial<HashStore['supports']>[]): HashStore['supports'] => createTieredStore(tiers.map((tier) => createTier({}, { ...no, ...tier }).tier)).supports
  expect(supports({}, {})).toEqual(no)
  expect(supports({ put: true }, { network: true })).toEqual({ ...no, put: true, network: true })
  expect(supports({ put: true }, { persistence: true })).toEqual({ ...no, put: true })
  expect(supports({ pin: true }, { put: true, persistence: true })).toEqual({ put: true, pin: true, persistence: true, network: false })
})

it('closes nothing but itself', async () => {
  const tiers = [createTier(), createTier()]
  await createTieredStore(tiers.map(({ tier }) => tier)).close()
  expect(tiers.flatMap(({ calls }) => calls)).toEqual([])
})

it('refuses no tiers and tiers of several spaces', () => {
  expect(() => createTieredStore([])).toThrow(expect.objectContaining({ code: 'INVALID_TIERS' }))
  expect(() => createTieredStore([createTier().tier, { ...createTier().tier, space: 'bittorrent' }])).toThrow(expect.objectContaining({ code: 'INVALID_TIERS' }))
})
