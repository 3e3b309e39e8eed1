import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { createHashStore, createMemoryStore, createLocalRouter, createProfiles, type KeyValueStore, type Profiles } from '../../src/index.ts'
import { DAY_MS } from '../../src/limits.ts'
import { hashName } from '../../src/store/hash-store.ts'
import { NOON, signerOf } from './world.ts'

const alice = await signerOf(1)

/** A store whose `failing`-th operation fails, and with it, like a disk, every one after it. */
const failingStore = (store: KeyValueStore, failing: number): { store: KeyValueStore; operations: () => number } => {
  let operations = 0
  const step = (): void => {
    if (++operations >= failing) throw new Error(`disk failed at operation ${operations}`)
  }
  return {
    operations: () => operations,
    store: {
      supports: store.supports,
      get: async (key, options) => { step(); return store.get(key, options) },
      put: async (key, value, options) => { step(); return store.put(key, value, options) },
      delete: async (key, options) => { step(); return store.delete(key, options) },
      batch: async (batch, options) => { step(); return store.batch(batch, options) },
      entries: async function * (range, options) { step(); yield * store.entries(range, options) },
      close: async () => {}
    }
  }
}

const open = (state: KeyValueStore, blocks: KeyValueStore, names: KeyValueStore, now = NOON): Profiles =>
  createProfiles({ state, blocks: createHashStore(blocks), routers: [createLocalRouter(names)], volatile: true, clock: () => now })

/** Each journey starts from one published version. */
const journeys: Record<string, (profiles: Profiles) => Promise<{ sequence: bigint }>> = {
  publish: (profiles) => profiles.publish({ name: 'two' }, alice, { wait: 'all' }),
  'publish with a picture': async (profiles) => profiles.publish({ name: 'two', avatar: await profiles.attach(new Uint8Array(9_000), { type: 'image/png' }) }, alice, { wait: 'all' }),
  edit: (profiles) => profiles.edit(alice, (draft) => ({ ...draft, name: 'two' }), { wait: 'all' }),
  resolve: (profiles) => profiles.resolve(alice.id, { keep: true })
}

describe.each(Object.entries(journeys))('%s over a store that fails at its n-th operation, for every n', (_, journey) => {
  it.each(['state', 'blocks', 'names'] as const)('%s: ends in an error or in what it promised, and leaves an intact store', async (failing) => {
    let reached = 0
    for (let n = 1; ; n++) {
      const stores = { state: createMemoryStore(), blocks: createMemoryStore(), names: createMemoryStore() }
      const before = open(stores.state, stores.blocks, stores.names)
      const first = await before.publish({ name: 'one' }, alice, { wait: 'all' })
      await before.close()

      const faulty = failingStore(stores[failing], n)
      const profiles = open(...(Object.values({ ...stores, [failing]: faulty.store }) as [KeyValueStore, KeyValueStore, KeyValueStore]))
      const acknowledged = await journey(profiles).then(({ sequence }) => sequence, (error: unknown) => {
        expect(error).toBeInstanceOf(Error)
        return undefined
      })
      await profiles.close()

      const after = open(stores.state, stores.blocks, stores.names)
      const { sequence } = await after.resolve(alice.id, { policy: 'offline' })
      expect([first.sequence, first.sequence + 1n]).toContain(sequence)
      if (acknowledged !== undefined) expect(sequence).toBe(acknowledged)
      await after.keepAlive()
      expect(await Array.fromAsync(after.owed())).toEqual([])
      const next = await after.publish({ name: 'three' }, alice, { wait: 'all' })
      expect(next.sequence).toBe(sequence + 1n)
      await after.close()
      expect((await open(createMemoryStore(), stores.blocks, stores.names).resolve(alice.id)).profile.name).toBe('three')
      if (faulty.operations() < n) break
      reached = n
    }
    if (failing === 'state') expect(reached).toBeGreaterThan(2)
  })
})

describe.each(['state', 'blocks', 'names'] as const)('a picture is attached and published over %s that fail at the n-th operation, for every n', (failing) => {
  it('is there when that was acknowledged, though another drops the same one, and a day later nothing is left of it that nobody needs', async () => {
    const bob = await signerOf(2)
    const bytes = new Uint8Array(9_000)
    for (let n = 1; ; n++) {
      const stores = { state: createMemoryStore(), blocks: createMemoryStore(), names: createMemoryStore() }
      const other = open(stores.state, stores.blocks, stores.names)
      await other.publish({ avatar: await other.attach(bytes, { type: 'image/png' }) }, bob, { wait: 'all' })
      const faulty = failingStore(stores[failing], n)
      const profiles = open(...(Object.values({ ...stores, [failing]: faulty.store }) as [KeyValueStore, KeyValueStore, KeyValueStore]))
      const avatar = await profiles.attach(bytes, { type: 'image/png' }).catch(() => undefined)
      await other.publish({ name: 'Bob' }, bob, { wait: 'all' })
      const isSaved = avatar && await profiles.publish({ avatar }, alice, { wait: 'local', first: true }).then(() => true, () => false)
      await profiles.flush().catch(() => undefined)
      await profiles.close()

      const after = open(stores.state, stores.blocks, stores.names, NOON + DAY_MS)
      await after.keepAlive()
      expect(await Array.fromAsync(after.owed()), `operation ${n}`).toEqual([])
      if (isSaved) expect(await createHashStore(stores.blocks).get(avatar.cid), `operation ${n}`).toEqual(bytes)
      await after.publish({ name: 'Alice' }, alice, { wait: 'all' })
      const left = [...await Array.fromAsync(stores.state.entries()), ...await Array.fromAsync(stores.blocks.entries({ prefix: 'pin/' }))].filter(([key]) => key.includes('attached/') || (avatar && key.includes(hashName(avatar.cid))))
      expect(left, `operation ${n}`).toEqual([])
      for (const client of [other, after]) await client.close()
      if (faulty.operations() < n) break
    }
  })
})

it('one profile that is damaged in the store holds up no other, and is found damaged when it is asked for', async () => {
  const bob = await signerOf(2)
  const stores = { state: createMemoryStore(), blocks: createMemoryStore(), names: createMemoryStore() }
  const before = open(stores.state, stores.blocks, stores.names)
  for (const signer of [alice, bob]) await before.publish({ name: 'one' }, signer, { wait: 'all' })
  await before.close()
  await stores.state.put(`record/${alice.id}`, new Uint8Array([1, 2, 3]))
  await stores.state.put(`outbox/${alice.id}`, (await stores.state.get(`outbox/${bob.id}`)) ?? encodeCbor({ record: new Uint8Array(32), targets: ['local'] }))

  const after = open(stores.state, stores.blocks, createMemoryStore())
  const kept: [string, readonly string[], number][] = []
  await after.keepAlive({ all: true, onProgress: ({ id, relayed, failed }) => kept.push([id, relayed, failed.length]) })
  expect(new Map(kept.map(([id, ...rest]) => [id, rest]))).toEqual(new Map([[alice.id, [[], 1]], [bob.id, [['local'], 0]]] as [string, unknown[]][]))
  await expect(after.resolve(alice.id, { policy: 'offline' })).rejects.toMatchObject({ code: 'INVALID_RECORD' })
  await after.close()
})
