import { describe, expect, it } from 'vitest'
import { copyState, createHashStore, createLocalRouter, createMemoryStore, createProfiles, type CopiedProfile, type KeyValueStore, type NameRouter, type Profiles } from '../../src/index.ts'
import { NOON, openDevice, signerOf } from './world.ts'

const [alice, bob] = [await signerOf(1), await signerOf(2)]

const openOver = (state: KeyValueStore, { blocks = createMemoryStore(), router = createLocalRouter(createMemoryStore()) }: { blocks?: KeyValueStore; router?: NameRouter } = {}): Profiles =>
  createProfiles({ state, blocks: createHashStore(blocks), routers: [router], volatile: true, clock: () => NOON })

const copy = async (from: KeyValueStore, to: KeyValueStore, options: { ids?: (typeof alice.id)[] } = {}): Promise<CopiedProfile[]> => {
  const told: CopiedProfile[] = []
  await copyState({ from, to, clock: () => NOON, ...options, onProfile: (profile) => told.push(profile) })
  return told
}

const keysOf = async (store: KeyValueStore): Promise<string[]> => (await Array.fromAsync(store.entries())).map(([key]) => key)

describe('copyState', () => {
  it('copies everything of every profile, so that a client goes on over the copy', async () => {
    const [from, to, blocks] = [createMemoryStore(), createMemoryStore(), createMemoryStore()]
    const down: NameRouter = { ...createLocalRouter(createMemoryStore()), put: async () => { throw new Error('down') } }
    const before = openOver(from, { blocks, router: down })
    const avatar = await before.attach(new Uint8Array(9_000), { type: 'image/png' })
    const { sequence } = await before.publish({ name: 'Alice', avatar }, alice, { wait: 'local', first: true })
    await before.publish({ name: 'Bob', 'org.example/large': 'x'.repeat(12_000) }, bob, { wait: 'local', first: true })
    await before.flush()
    await before.close()

    expect(await copy(from, to)).toEqual([alice, bob].map(({ id }) => ({ id, outcome: 'copied' })).sort((a, b) => (a.id < b.id ? -1 : 1)))
    expect(await keysOf(to)).toEqual(await keysOf(from))
    const after = openOver(to, { blocks })
    expect((await after.resolve(bob.id, { policy: 'offline' })).profile.name).toBe('Bob')
    await after.flush()
    expect(await Array.fromAsync(after.owed())).toEqual([])
    const next = await after.publish({ name: 'Alice, without a picture' }, alice, { wait: 'all' })
    expect(next.sequence).toBe(sequence + 1n)
    // The books came along: the picture that nobody needs any more is let go.
    expect(await createHashStore(blocks).get(avatar.cid)).toBeUndefined()
    await after.close()
  })

  it('can be made again, and never lowers a floor', async () => {
    const [from, to] = [createMemoryStore(), createMemoryStore()]
    const old = openOver(from)
    await old.publish({ name: 'one' }, alice, { wait: 'all', first: true })
    expect((await copy(from, to)).map(({ outcome }) => outcome)).toEqual(['copied'])
    expect((await copy(from, to)).map(({ outcome }) => outcome)).toEqual(['present'])
    const newer = openOver(to)
    await newer.publish({ name: 'two' }, alice, { wait: 'all' })
    await newer.flush()
    expect((await copy(from, to)).map(({ outcome }) => outcome)).toEqual(['present'])
    expect((await newer.resolve(alice.id, { policy: 'offline' })).profile.name).toBe('two')
    expect((await copy(to, from)).map(({ outcome }) => outcome)).toEqual(['copied'])
    const holds = async (store: KeyValueStore): Promise<string[]> => (await keysOf(store)).filter((key) => !key.startsWith('pins/released/'))
    expect(await holds(from)).toEqual(await holds(to))
    await old.close()
    await newer.close()
  })

  it('copies the named profiles alone, and tells what is damaged or not there', async () => {
    const [from, to] = [createMemoryStore(), createMemoryStore()]
    const profiles = openOver(from)
    for (const signer of [alice, bob]) await profiles.publish({ name: 'x' }, signer, { wait: 'local', first: true })
    await profiles.close()
    const stranger = await signerOf(3)
    expect((await copy(from, to, { ids: [alice.id, stranger.id] })).map(({ outcome }) => outcome)).toEqual(['copied', 'failed'])
    expect((await keysOf(to)).some((key) => key.includes(bob.id))).toBe(false)
    await from.put(`record/${bob.id}`, new Uint8Array([1, 2, 3]))
    const told = await copy(from, to)
    expect(told.find(({ id }) => id === bob.id)).toMatchObject({ outcome: 'failed', error: { code: 'INVALID_RECORD' } })
    expect(told.find(({ id }) => id === alice.id)).toMatchObject({ outcome: 'present' })
    expect((await keysOf(to)).some((key) => key.includes(bob.id))).toBe(false)
  })

  it('gives way to whoever raises the floor meanwhile', async () => {
    const [from, to] = [createMemoryStore(), createMemoryStore()]
    const [old, other] = [openOver(from), openOver(to)]
    await old.publish({ name: 'one' }, alice, { wait: 'local', first: true })
    let batches = 0
    const racing: KeyValueStore = {
      ...to,
      async batch (...args) {
        if (batches++ === 0) for (const name of ['rival', 'rival again']) await other.publish({ name }, alice, { wait: 'local', first: true })
        await to.batch(...args)
      }
    }
    expect(await copy(from, racing)).toEqual([{ id: alice.id, outcome: 'present' }])
    expect((await other.resolve(alice.id, { policy: 'offline' })).profile.name).toBe('rival again')
    await old.close()
    await other.close()
  })
})

it('of a profile that was forgotten the floor is copied, and nothing is lowered by it', async () => {
  const source = openDevice()
  await source.profiles.publish({ name: 'one' }, alice, { wait: 'all', first: true })
  const { sequence } = await source.profiles.publish({ name: 'two' }, alice, { wait: 'all' })
  await source.profiles.forget(alice.id)
  const outcomes: unknown[] = []
  const to = createMemoryStore()
  for (let i = 0; i < 2; i++) await copyState({ from: source.state, to, onProfile: ({ outcome }) => outcomes.push(outcome) })
  expect(outcomes).toEqual(['copied', 'present'])
  expect((await openDevice({ state: to }).profiles.publish({ name: 'three' }, alice, { wait: 'all' })).sequence).toBe(sequence + 1n)
})
