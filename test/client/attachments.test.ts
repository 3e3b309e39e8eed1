import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { ATTACHMENT_MS, Attachments } from '../../src/client/attachments.ts'
import { PINS } from '../../src/client/pin-books.ts'
import { createHashStore, createMemoryStore, type Avatar, type HashStore, type KeyValueStore, type ProfileDraft, type Profiles, type ProfilesOptions, type Signer } from '../../src/index.ts'
import { HOUR_MS } from '../../src/limits.ts'
import { RAW, putBlock } from '../../src/store/block.ts'
import { hashName } from '../../src/store/hash-store.ts'
import { createPinSet } from '../../src/store/pins.ts'
import { createPrefixStore } from '../../src/store/prefix-store.ts'
import { NOON, openDevice, signerOf } from './world.ts'

const [alice, bob, carol] = [await signerOf(1), await signerOf(2), await signerOf(3)]
const picture = new Uint8Array(9_000).fill(7)
const png = { type: 'image/png' }
const all = { wait: 'all', first: true } as const

/** One state and one block store that processes share. */
const createShared = () => {
  const [state, blockMemory] = [createMemoryStore(), createMemoryStore()]
  const blocks = createHashStore(blockMemory)
  let now = NOON
  const keysOf = async (store: KeyValueStore, prefix: string): Promise<string[]> => (await Array.fromAsync(store.entries({ prefix }))).map(([key]) => key)
  return {
    state,
    blocks,
    open: (options: Partial<ProfilesOptions> = {}): Profiles => openDevice({ state, blocks, clock: () => now, ...options }).profiles,
    sleep: (ms: number): void => { now += ms },
    /** Whether the block is there, pinned. */
    async has (cid: CID): Promise<boolean> {
      const isPinned = (await keysOf(blockMemory, 'pin/')).length > 0
      return isPinned && (await blocks.get(cid)) !== undefined
    },
    /** What the state remembers of attachments. */
    held: async (): Promise<string[]> => [...(await keysOf(state, 'attached/')), ...(await keysOf(state, 'pins/owner/attached/')), ...(await keysOf(state, 'pins/need/')).filter((key) => key.includes('/attached/'))]
  }
}

const owed = async (profiles: Profiles): Promise<unknown[]> => Array.fromAsync(profiles.owed())

describe('a picture that is attached', () => {
  it.each([['one process', true], ['two processes', false]])('stays until it is published, whoever drops the same picture meanwhile (%s)', async (_, isOne) => {
    const world = createShared()
    const one = world.open()
    const other = isOne ? one : world.open()
    await other.publish({ name: 'Bob', avatar: await other.attach(picture, png) }, bob, all)
    const avatar = await one.attach(picture, png)
    await other.publish({ name: 'Bob, without a picture' }, bob, all)
    const { pending } = await one.publish({ name: 'Alice', avatar }, alice, all)
    expect(pending).toEqual([])
    expect(await world.has(avatar.cid)).toBe(true)
    await one.publish({ name: 'Alice, without a picture' }, alice, all)
    expect(await world.blocks.get(avatar.cid)).toBeUndefined()
    expect(await world.held()).toEqual([])
  })

  /** Every order in which two who attach, publish and drop may come. */
  const orders = (a: readonly string[], b: readonly string[]): string[][] => {
    if (a.length === 0 || b.length === 0) return [[...a, ...b]]
    return [...orders(a.slice(1), b).map((rest) => [a[0]!, ...rest]), ...orders(a, b.slice(1)).map((rest) => [b[0]!, ...rest])]
  }

  it.each([['one process', true], ['two processes', false]])('is there for both that publish it, in any order, and for nobody when both have dropped it (%s)', async (_, isOne) => {
    for (const order of orders(['attach a', 'publish a', 'drop a'], ['attach b', 'publish b', 'drop b'])) {
      const world = createShared()
      const one = world.open()
      const profiles: Record<string, [Profiles, Signer]> = { a: [one, alice], b: [isOne ? one : world.open(), bob] }
      let cid: CID | undefined
      const using = new Set<string>()
      for (const step of order) {
        const [what, who] = step.split(' ') as [string, string]
        const [client, signer] = profiles[who]!
        if (what === 'attach') cid = (await client.attach(picture, png)).cid
        else await client.publish(what === 'publish' ? { avatar: { cid: cid!, type: 'image/png', size: picture.byteLength } } : { name: 'none' }, signer, all)
        if (what === 'drop') using.delete(who)
        else using.add(who)
        expect(await owed(one), `${order.join(', ')}: after ${step}`).toEqual([])
        expect(await world.blocks.get(cid!) !== undefined, `${order.join(', ')}: after ${step}`).toBe(using.size > 0)
      }
      expect(await world.held()).toEqual([])
      for (const [client] of Object.values(profiles)) await client.close()
    }
  })

  it('is held by the profile from when a version is saved, however long that is owed', async () => {
    const world = createShared()
    const offline = world.open({ blocks: refusingPins(world.blocks) })
    const avatar = await offline.attach(picture, png)
    await offline.publish({ name: 'Alice', avatar }, alice, { wait: 'local', first: true })
    expect(await world.held()).toEqual([])
    await offline.close()
    world.sleep(72 * HOUR_MS)
    const other = world.open({ carries: (id) => id === bob.id })
    await other.publish({ avatar: await other.attach(picture, png) }, bob, all)
    await other.publish({ name: 'Bob' }, bob, all)
    await other.keepAlive()
    expect(await world.blocks.get(avatar.cid)).toBeDefined()
    const later = world.open()
    expect((await owed(later)).length).toBe(1)
    await later.flush()
    expect(await owed(later)).toEqual([])
    expect(await world.has(avatar.cid)).toBe(true)
  })

  it('is let go by the edit that puts it in, and not by one that leaves it as it was', async () => {
    const world = createShared()
    const profiles = world.open()
    const avatar = await profiles.attach(picture, png)
    await profiles.publish({ name: 'Alice' }, alice, all)
    expect(await world.held()).toHaveLength(3)
    await profiles.edit(alice, (draft) => ({ ...draft, avatar }), { wait: 'all' })
    expect(await world.held()).toEqual([])
    await profiles.attach(picture, png)
    await profiles.edit(alice, (draft) => ({ ...draft, bio: 'Curious.' }), { wait: 'all' })
    expect(await world.held()).toHaveLength(3)
    await profiles.edit(alice, ({ name, bio }) => ({ name, bio }), { wait: 'all' })
    await profiles.publish({ name: 'Bob', avatar }, bob, all)
    expect(await world.has(avatar.cid)).toBe(true)
    expect(await world.held()).toEqual([])
  })

  it('is there when it was attached while another process was unpinning it', async () => {
    const world = createShared()
    const one = world.open()
    let attaching: Promise<Avatar> | undefined
    const other = world.open({ blocks: { ...world.blocks, unpin: async (cid, options) => {
      attaching = one.attach(picture, png)
      for (let turn = 0; turn < 20; turn++) await nextTurn()
      await world.blocks.unpin(cid, options)
    } } })
    const before = await other.attach(picture, png)
    await other.publish({ avatar: before }, bob, all)
    await other.publish({ avatar: { ...before, cid: (await other.attach(new Uint8Array(1), png)).cid } }, bob, all)
    const avatar = (await attaching)!
    expect((await one.publish({ avatar }, alice, all)).pending).toEqual([])
    expect(await world.blocks.get(avatar.cid)).toBeDefined()
  })

  it('is not dropped by a version from before it that arrives late', async () => {
    const world = createShared()
    const { promise, resolve } = Promise.withResolvers<void>()
    let puts = 0
    const profiles = world.open({ blocks: { ...world.blocks, put: async (cid, bytes, options) => {
      if (puts++ === 0) await promise
      await world.blocks.put(cid, bytes, options)
    } } })
    await profiles.publish({ name: 'Alice' }, alice, { wait: 'local', first: true })
    await expect.poll(() => puts).toBe(1)
    const avatar = await profiles.attach(picture, png)
    const publishing = profiles.publish({ avatar }, alice, { wait: 'all', first: true })
    await expect.poll(world.held).toEqual([])
    resolve()
    expect((await publishing).pending).toEqual([])
    expect(await world.blocks.get(avatar.cid)).toBeDefined()
  })

  it('is saved with a version though the block store never answers', async () => {
    const world = createShared()
    const never = (): Promise<never> => new Promise(() => {})
    const before = world.open()
    const other = await before.attach(new Uint8Array(1), png)
    await before.close()
    world.sleep(24 * HOUR_MS)
    const failing = world.open({ blocks: { ...world.blocks, unpin: async () => { throw new Error('down') } } })
    await failing.keepAlive()
    await failing.close()
    const hanging = world.open({ blocks: { ...world.blocks, get: never, pin: never, unpin: never } })
    const avatar = await hanging.attach(picture, png)
    await hanging.publish({ avatar }, alice, { wait: 'local', first: true })
    expect((await world.held()).filter((key) => !key.includes(hashName(other.cid)))).toEqual([])
    await hanging.close()
  })

  it.each([[24 * HOUR_MS, false], [24 * HOUR_MS - 1, true], [-24 * HOUR_MS, false]])('is held for a day by the clock of the device (%d ms later: %s)', async (ms, isHeld) => {
    const world = createShared()
    const profiles = world.open()
    const { cid } = await profiles.attach(picture, png)
    await profiles.keepAlive()
    expect(await world.held()).toHaveLength(3)
    world.sleep(ms)
    await profiles.keepAlive()
    expect(await world.blocks.get(cid) !== undefined).toBe(isHeld)
    expect(await world.held()).toHaveLength(isHeld ? 3 : 0)
  })

  it('is held for a day from when it was attached last', async () => {
    const world = createShared()
    const [one, other] = [world.open(), world.open()]
    const { cid } = await one.attach(picture, png)
    world.sleep(20 * HOUR_MS)
    await other.attach(picture, png)
    world.sleep(20 * HOUR_MS)
    await one.keepAlive()
    expect(await world.blocks.get(cid)).toBeDefined()
    expect(await world.held()).toHaveLength(3)
    world.sleep(4 * HOUR_MS)
    await one.keepAlive()
    expect(await world.blocks.get(cid)).toBeUndefined()
    expect(await world.held()).toEqual([])
  })

  it('is let go in passes of bounded work, and what cannot be let go is tried again', async () => {
    const world = createShared()
    const profiles = world.open()
    const [first] = await Promise.all(Array.from({ length: 1_030 }, () => profiles.attach(new Uint8Array([1]), png)))
    world.sleep(24 * HOUR_MS)
    await profiles.keepAlive()
    expect(await world.held()).toHaveLength(3 * 6)
    let down = true
    const flaky = world.open({ blocks: { ...world.blocks, unpin: async (...args) => { if (down) throw new Error('down'); await world.blocks.unpin(...args) } } })
    await flaky.keepAlive()
    expect(await world.blocks.get(first!.cid)).toBeDefined()
    down = false
    await flaky.keepAlive()
    expect(await world.held()).toEqual([])
    expect(await world.blocks.get(first!.cid)).toBeUndefined()
  })

  it('is put where nothing can be pinned, and nothing is held', async () => {
    const world = createShared()
    const profiles = world.open({ blocks: { ...world.blocks, supports: { ...world.blocks.supports, pin: false } } })
    const avatar = await profiles.attach(picture, png)
    expect(await world.held()).toEqual([])
    expect((await profiles.publish({ avatar }, alice, all)).pending).toEqual([])
    await profiles.keepAlive()
  })

  it('waits no longer than its signal says', async () => {
    const world = createShared()
    const state: KeyValueStore = { ...world.state, put: () => new Promise(() => {}), batch: () => new Promise(() => {}) }
    const cancel = new AbortController()
    const attaching = world.open({ state }).attach(picture, { ...png, signal: cancel.signal })
    const reason = new Error('enough')
    setTimeout(() => cancel.abort(reason), 1)
    await expect(attaching).rejects.toBe(reason)
  })

  it('is held on when a newer version has overtaken the one that it was published with, for its day', async () => {
    const world = createShared()
    const [store, signal] = [world.state, new AbortController().signal]
    const pins = createPinSet({ state: createPrefixStore(store, PINS), blocks: world.blocks })
    let now = NOON
    const attachments = new Attachments({ store, blocks: world.blocks, pins, clock: () => now })
    const cid = await attachments.attach(picture, { signal })
    await pins.hold(alice.id, [await putBlock(world.blocks, new Uint8Array(1), RAW)], { version: 2n })
    await attachments.handOver({ id: alice.id, sequence: 1n, links: [cid] }, { signal })
    expect(await world.held()).toHaveLength(3)
    now += ATTACHMENT_MS
    await attachments.expire({ signal })
    expect(await world.held()).toEqual([])
    expect(await world.blocks.get(cid)).toBeUndefined()
  })

  it('is not let go by a version that others signed', async () => {
    const [world, elsewhere] = [createShared(), createShared()]
    const [here, there] = [world.open(), elsewhere.open()]
    const signed = async (draft: ProfileDraft): Promise<{ document: Uint8Array; record: Uint8Array }> => {
      await there.publish(draft, carol, { wait: 'all' })
      const { documentBytes, recordBytes } = await there.resolve(carol.id, { policy: 'offline' })
      return { document: documentBytes, record: recordBytes }
    }
    await there.publish({}, carol, all)
    const avatar = await there.attach(picture, png)
    const [withPicture, without] = [await signed({ avatar }), await signed({ name: 'Carol' })]
    await here.attach(picture, png)
    await here.accept(withPicture, { wait: 'all' })
    await here.accept(without, { wait: 'all' })
    await here.publish({ name: 'Alice', avatar }, alice, all)
    expect(await world.has(avatar.cid)).toBe(true)
  })
})

/** `blocks` of a node that is not running: they are put, and pins are refused. */
const refusingPins = (blocks: HashStore): HashStore => {
  const refuse = async (): Promise<never> => { throw new Error('offline') }
  return { ...blocks, put: async (cid, bytes, { pin, ...options } = {}) => { await blocks.put(cid, bytes, options); if (pin) await refuse() }, pin: refuse, unpin: refuse }
}
