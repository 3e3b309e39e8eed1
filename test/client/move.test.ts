import { afterEach, describe, expect, it } from 'vitest'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import { createMemoryStore, type KeyValueStore, type NameRouter } from '../../src/index.ts'
import { decodeProfileId } from '../../src/identity/profile-id.ts'
import { killedAfter, type SharedWorld } from './killed.ts'
import { openSmallHome, openTransport, type SmallHome } from './small-home.ts'
import { openDevice, openWorld, signerOf, type Device } from './world.ts'

const alice = await signerOf(1)
const closing: (() => Promise<unknown>)[] = []
const closeAll = async (): Promise<void> => { for (const close of closing.splice(0)) await close() }
afterEach(closeAll)

const openHome = async (seed: number): Promise<SmallHome> => {
  const home = await openSmallHome({ seed })
  closing.push(() => home.stop())
  return home
}

const device = (world: SharedWorld, state: KeyValueStore = createMemoryStore(), homes: HomeTransport = openTransport()): Device => {
  const opened = openDevice({ ...world, state, homes })
  closing.push(() => opened.profiles.close())
  return opened
}

const picture = new Uint8Array(9_000).fill(7)

/** Alice with a picture, hosted by an old home. */
const settled = async () => {
  const world = openWorld()
  const [old, next] = await Promise.all([openHome(50), openHome(51)])
  const state = createMemoryStore()
  const first = openDevice({ ...world, state, homes: openTransport() }).profiles
  const avatar = await first.attach(picture, { type: 'image/png' })
  await first.publish({ name: 'Alice', avatar }, alice, { first: true, wait: 'all' })
  await first.join(alice, old.url)
  await first.flush()
  await first.close()
  return { world, old, next, state, avatar }
}

const expectMoved = async ({ world, old, next, avatar }: Awaited<ReturnType<typeof settled>>, what: string, { oldLives = true } = {}): Promise<void> => {
  const { document, profile, sequence } = await device(world).profiles.resolve(alice.id, { policy: 'all' })
  expect(document.homes?.map(({ id }) => decodeProfileId(id)), what).toEqual([next.id])
  expect(profile.name, what).toBe('Alice')
  expect(next.agreements.get(alice.id)!.state, what).toBe('active')
  expect((await next.profiles.resolve(alice.id, { policy: 'offline' })).sequence, what).toBe(sequence)
  expect(await next.blocks.get(avatar.cid), what).toEqual(picture)
  if (oldLives) {
    expect(old.agreements.get(alice.id)!.state, what).toBe('ended')
    expect((await old.profiles.resolve(alice.id, { policy: 'offline' })).document.homes?.map(({ id }) => decodeProfileId(id)), what).toEqual([next.id])
  }
}

describe('move', () => {
  it('goes from one home to another, step by step', async () => {
    const before = await settled()
    const steps: string[] = []
    const moved = await device(before.world, before.state).profiles.move(alice, before.next.url, { onProgress: (progress) => { if (progress.type === 'step') steps.push(progress.step) } })
    expect(moved).toMatchObject({ home: before.next.id, already: false, left: [{ home: before.old.id, ended: true }], media: { blocks: 2, missing: [] } })
    expect(steps).toEqual(['agree', 'media', 'publish', 'read-back', 'withdraw', 'end'])
    expect(await Array.fromAsync(before.state.entries({ prefix: 'move/' }))).toEqual([])
    await expectMoved(before, 'once')
    const again = await device(before.world, before.state).profiles.move(alice, before.next.url)
    expect(again).toMatchObject({ already: true, left: [] })
    expect(again.published).toBeUndefined()
    await expect(device(before.world).profiles.move(alice)).rejects.toMatchObject({ code: 'NOTHING_TO_MOVE' })
  })

  it('needs nothing of the old home: what it had comes from wherever else it is', async () => {
    const before = await settled()
    await before.old.stop()
    const { left } = await device(before.world).profiles.move(alice, before.next.url)
    expect(left).toMatchObject([{ home: before.old.id, ended: false, code: 'HOME_UNREACHABLE' }])
    await expectMoved(before, 'without it', { oldLives: false })
  })

  it('has what no other holder has from the old home, on a device with the words alone', async () => {
    const before = await settled()
    const elsewhere = { routers: before.world.routers, blocks: openWorld().blocks }
    const { media } = await device(elsewhere).profiles.move(alice, before.next.url)
    expect(media).toMatchObject({ blocks: 2, missing: [] })
    await expectMoved(before, 'by the words')
  })

  it('has it from another home where one gives something else instead', async () => {
    const before = await settled()
    const liar = await openHome(53)
    const here = device(before.world, before.state)
    await here.profiles.join(alice, liar.url)
    await here.profiles.flush()
    liar.lie = ({ path }, response) => {
      if (!path.startsWith('/ipfs/')) return false
      response.end('something else')
      return true
    }
    const { media } = await device({ routers: before.world.routers, blocks: openWorld().blocks }).profiles.move(alice, before.next.url)
    expect(media).toMatchObject({ blocks: 2, missing: [] })
    expect(await before.next.blocks.get(before.avatar.cid)).toEqual(picture)
  })

  it('says what nobody has, and moves on', async () => {
    const before = await settled()
    await before.old.stop()
    const { media } = await device({ routers: before.world.routers, blocks: openWorld().blocks }).profiles.move(alice, before.next.url)
    expect(media.missing.map(String)).toEqual([before.avatar.cid.toString()])
  })

  it('keeps the old home as long as no router but the new one has the new version', async () => {
    const before = await settled()
    const [north] = before.world.routers
    const deaf: NameRouter = { ...north!, put: async () => { throw new Error('down') } }
    await expect(device({ ...before.world, routers: [deaf] }, before.state).profiles.move(alice, before.next.url)).rejects.toMatchObject({ code: 'NOT_READ_BACK' })
    expect(before.old.agreements.get(alice.id)!.state).toBe('active')
    await device(before.world, before.state).profiles.move(alice)
    await expectMoved(before, 'when it has')
  })

  it('ends at the old home also when the new one has died meanwhile', async () => {
    const before = await settled()
    const reached = new Error('killed')
    const onProgress = ({ type, step }: { type: string; step?: string }): void => { if (type === 'step' && step === 'end') throw reached }
    await expect(device(before.world, before.state).profiles.move(alice, before.next.url, { onProgress })).rejects.toBe(reached)
    expect(before.old.agreements.get(alice.id)!.state).toBe('ended')
    before.old.agreements.get(alice.id)!.state = 'active'
    await before.next.stop()
    expect(await device(before.world, before.state).profiles.move(alice)).toMatchObject({ home: before.next.id, left: [{ home: before.old.id, ended: true }] })
    expect(await Array.fromAsync(before.state.entries({ prefix: 'move/' }))).toEqual([])
  })

  it('goes elsewhere when the user changes their mind, and leaves where the first move led', async () => {
    const before = await settled()
    const killed = killedAfter(12, before.world, before.state)
    await expect(device(killed.world, killed.state, killed.transport).profiles.move(alice, before.next.url)).rejects.toThrow()
    const third = await openHome(52)
    const { left } = await device(before.world, before.state).profiles.move(alice, third.url)
    expect(left.map(({ home }) => home).sort()).toEqual([before.old.id, before.next.id].sort())
    for (const home of [before.old, before.next]) expect(['ended', undefined]).toContain(home.agreements.get(alice.id)?.state)
    expect(third.agreements.get(alice.id)!.state).toBe('active')
  })

  it.each([['on this device, told nothing', true], ['on another, with the words alone', false]])('goes on %s, wherever it was killed', async (_, isSame) => {
    let last = 1
    for (; ; last++) {
      const before = await settled()
      const killed = killedAfter(last, before.world, before.state)
      const first = openDevice({ ...killed.world, state: killed.state, homes: killed.transport }).profiles
      const moved = await first.move(alice, before.next.url).then(() => true, () => false)
      await first.close()
      const wasBegun = (await Array.fromAsync(before.state.entries({ prefix: 'move/' }))).length > 0
      const { profiles } = device(before.world, isSame ? before.state : createMemoryStore())
      await profiles.move(alice, isSame && wasBegun ? undefined : before.next.url)
      await profiles.flush()
      await expectMoved(before, `killed before step ${last}`)
      expect(await Array.fromAsync(profiles.owed()), `killed before step ${last}`).toEqual([])
      await closeAll()
      if (moved) break
    }
    expect(last).toBeGreaterThan(15)
  })
})
