import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createHashStore, createLocalRouter, createMemoryStore, createRecord, createSigner, signDocument, type HashStore, type KeyValueStore, type NameRouter, type ProfileDraft, type ProfileId, type Profiles } from '../../src/index.ts'
import { NOON, openDevice, routerOf, signerOf } from './world.ts'

// The keys are made here, and to examine thousands of them would be the greater part of this test.
vi.mock('../../src/identity/ed25519-subgroup.ts', () => ({ isInPrimeSubgroup: () => true }))

const signersOf = async (count: number) => Promise.all(Array.from({ length: count }, async (_, i) => {
  const key = new Uint8Array(32).fill(9)
  new DataView(key.buffer).setUint32(0, i)
  return createSigner(key)
}))

const versionsOf = async (count: number, seqs: readonly number[] = [1], draft: ProfileDraft = {}) => (await Promise.all((await signersOf(count)).map(async (signer) => Promise.all(seqs.map(async (seq) => {
  const signed = await signDocument({ ...draft, name: `v${seq}` }, signer, { seq, prev: null, time: NOON / 1_000 })
  return { id: signer.id, document: signed.bytes, record: await createRecord(signed, signer, { now: NOON }) }
}))))).flat()

const acceptAll = async (profiles: Profiles, versions: Awaited<ReturnType<typeof versionsOf>>): Promise<void> => {
  const queue = versions.values()
  await Promise.all(Array.from({ length: 64 }, async () => { for (const { id, ...signed } of queue) await profiles.accept(signed, { id, wait: 'local' }) }))
}

/** A router that answers when it is let. */
const createGatedRouter = () => {
  const waiting: { id: ProfileId; open: () => void }[] = []
  let most = 0
  const router: NameRouter = routerOf('gated', async function * () {}, (id, _, { signal } = {}) => new Promise((resolve, reject) => {
    const entry = { id, open: () => { waiting.splice(waiting.indexOf(entry), 1); resolve() } }
    waiting.push(entry)
    most = Math.max(most, waiting.length)
    signal!.addEventListener('abort', () => reject(signal!.reason as Error), { once: true })
  }))
  return { router, waiting, most: () => most }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const heapBytes = (): number => {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What is measured here is what goes to routers. */
const noBlocks: HashStore = { ...createHashStore(createMemoryStore()), supports: { put: false, pin: false, persistence: false, network: false } }

const opened: Profiles[] = []
afterEach(async () => { for (const profiles of opened.splice(0)) await profiles.close() })

const open = (router: NameRouter, options: { maxDeliveries?: number; state?: KeyValueStore } = {}): Profiles => {
  const { profiles } = openDevice({ routers: [router], blocks: noBlocks, deliveryTimeoutMs: 1_000_000, ...options })
  opened.push(profiles)
  return profiles
}

/** Until `done`, or 5,000 turns of the event loop. */
const until = async (done: () => boolean | Promise<boolean>): Promise<void> => { for (let i = 0; i < 5_000 && !(await done()); i++) await nextTurn() }

const owedOf = async (profiles: Profiles): Promise<ProfileId[]> => (await Array.fromAsync(profiles.owed())).map(({ id }) => id)

describe('deliveries', () => {
  it('are under way for so many profiles at most; what is over is taken up in order as slots come free', async () => {
    const { router, waiting, most } = createGatedRouter()
    const profiles = open(router, { maxDeliveries: 3 })
    const versions = await versionsOf(10)
    for (const { id, ...signed } of versions) await profiles.accept(signed, { id, wait: 'local' })
    await until(() => waiting.length === 3)
    const order: ProfileId[] = []
    while (order.length < versions.length) {
      await until(() => waiting.length > 0)
      order.push(waiting[0]!.id)
      waiting[0]!.open()
      await nextTurn()
    }
    await until(async () => (await owedOf(profiles)).length === 0)
    expect(await owedOf(profiles)).toEqual([])
    expect(order).toEqual(versions.map(({ id }) => id))
    expect(most()).toBe(3)
  })

  it('answer who waits for them, though all slots are taken', async () => {
    const { router, waiting } = createGatedRouter()
    const profiles = open(router, { maxDeliveries: 1 })
    const [first, second, third] = await versionsOf(3)
    await profiles.accept(first!, { wait: 'local' })
    await profiles.accept(second!, { wait: 'local' })
    const answer = profiles.accept(third!, { wait: 'all' })
    for (let i = 0; i < 3; i++) {
      await until(() => waiting.length > 0)
      waiting[0]!.open()
    }
    expect((await answer).pending).toEqual([])
  })

  it('leave who stops waiting at once, and bring his version when it is its turn', async () => {
    const { router, waiting } = createGatedRouter()
    const profiles = open(router, { maxDeliveries: 1 })
    const [first, second] = await versionsOf(2)
    await profiles.accept(first!, { wait: 'local' })
    const stop = new AbortController()
    const answer = profiles.accept(second!, { wait: 'all', signal: stop.signal })
    await until(async () => (await owedOf(profiles)).length === 2)
    stop.abort(new Error('enough'))
    await expect(answer).rejects.toThrow('enough')
    await until(() => waiting.length > 0)
    waiting[0]!.open()
    await until(() => waiting[0]?.id === second!.id)
    waiting[0]!.open()
    await until(async () => (await owedOf(profiles)).length === 0)
    expect(await owedOf(profiles)).toEqual([])
  })

  it('end with the client, those that wait for a slot too, and go on with the next one', async () => {
    const state = createMemoryStore()
    const { router, waiting } = createGatedRouter()
    const { profiles } = openDevice({ state, routers: [router], blocks: noBlocks, maxDeliveries: 1, deliveryTimeoutMs: 1_000_000 })
    const versions = await versionsOf(3)
    await profiles.accept(versions[0]!, { wait: 'local' })
    await profiles.accept(versions[1]!, { wait: 'local' })
    const answer = profiles.accept(versions[2]!, { wait: 'all' })
    await until(() => waiting.length === 1)
    await nextTurn()
    await profiles.close()
    await expect(answer).rejects.toMatchObject({ code: expect.stringMatching(/CLOSED|UNDELIVERED/) })
    const next = open(createLocalRouter(createMemoryStore(), { name: 'gated' }), { state })
    await next.flush()
    expect(await owedOf(next)).toEqual([])
  })

  it('go through the outbox page by page where names did not fit the queue, and leave nothing behind', async () => {
    const state = createMemoryStore()
    let scans = 0
    const counting: KeyValueStore = { ...state, entries: (range, options) => { if (range?.prefix === 'outbox/') scans++; return state.entries(range, options) } }
    const { router, waiting, most } = createGatedRouter()
    const profiles = open(router, { state: counting, maxDeliveries: 8 })
    const versions = await versionsOf(500)
    await acceptAll(profiles, versions)
    await until(() => waiting.length === 8)
    const before = scans
    await sleep(20)
    expect(scans).toBe(before)
    const opening = setInterval(() => { for (const entry of waiting.slice()) entry.open() }, 0)
    while ((await Array.fromAsync(state.entries({ prefix: 'outbox/', limit: 1 }))).length > 0) await sleep(50)
    clearInterval(opening)
    expect(most()).toBe(8)
    expect(scans - before).toBeLessThan(500 / 64 + 10)
  })

  it('keep a bounded number of versions in memory while many pour in over a router that never answers', async () => {
    let handed = 0
    const router = routerOf('silent', async function * () {}, () => {
      handed++
      return new Promise(() => {})
    })
    const versions = await versionsOf(300, [1, 2, 3, 4, 5, 6, 7], { bio: 'x'.repeat(4_000), 'org.example.app/bio': 'y'.repeat(4_000) })
    const profiles = open(router)
    const before = heapBytes()
    await acceptAll(profiles, versions)
    expect(handed).toBeLessThanOrEqual(64)
    expect((await owedOf(profiles)).length).toBe(300)
    // The state holds 300 of the 2,100 versions, of 17 kB each with what was read from them.
    expect(heapBytes() - before).toBeLessThan(15_000_000)
  })

  it('are not put off by one that fails at once', async () => {
    const down = routerOf('down', async function * () {})
    const profiles = open(down, { maxDeliveries: 2 })
    const puts = vi.spyOn(down, 'put')
    const versions = await versionsOf(20)
    for (const { id, ...signed } of versions) await profiles.accept(signed, { id, wait: 'local' })
    await until(() => puts.mock.calls.length >= 20)
    await sleep(20)
    expect(puts).toHaveBeenCalledTimes(20)
    expect((await owedOf(profiles)).length).toBe(20)
    await profiles.flush()
    expect(puts).toHaveBeenCalledTimes(40)
    await expect(profiles.publish({}, await signerOf(1), { wait: 'any', first: true })).rejects.toMatchObject({ code: 'UNDELIVERED' })
  })
})
