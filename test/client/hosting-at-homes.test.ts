import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { createHomeTransport } from '../../src/adapters/home-transport.ts'
import { openLevelStore } from '../../src/adapters/level.ts'
import { decodeProfileId } from '../../src/identity/profile-id.ts'
import { createHashStore, createHomeRouter, createMemoryStore, createPrefixStore, createProfiles, type HashStore, type KeyValueStore, type NameRouter, type Profiles } from '../../src/index.ts'
import { openHome, type RunningHome } from '../home/running-home.ts'
import { openSmallHome } from './small-home.ts'
import { openWorld, signerOf } from './world.ts'

const alice = await signerOf(1)
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const close of closing.splice(0).reverse()) await close() })

const open = async (seed: number, options: Parameters<typeof openHome>[0] = {}): Promise<RunningHome> => {
  const home = await openHome({ signer: await signerOf(seed), settings: { policy: 'open' }, ...options })
  closing.push(() => home.close())
  return home
}

interface World { routers: readonly NameRouter[]; blocks?: HashStore; state?: KeyValueStore }

const device = ({ routers, blocks = createHashStore(createMemoryStore()), state = createMemoryStore() }: World, { allowPrivate = false } = {}): Profiles => {
  const homes = createHomeTransport({ allowPrivate })
  const profiles = createProfiles({ routers, blocks, state, homes, volatile: true, routerTimeoutMs: 5_000, deliveryTimeoutMs: 5_000 })
  closing.push(async () => {
    await profiles.close()
    await homes.close()
  })
  return profiles
}

const homesOf = async (profiles: Profiles): Promise<string[]> => ((await profiles.resolve(alice.id, { policy: 'all' })).document.homes ?? []).map((entry) => decodeProfileId(entry.id))

describe('at homes as they run', () => {
  it('joins by an invitation, publishes, is resolved in one round trip, leaves', async () => {
    const home = await open(50, { settings: { policy: 'invitation', terms: 'Be kind.' } })
    const owner = device(openWorld())
    await expect(owner.join(alice, home.url, { agreesTo: () => true })).rejects.toMatchObject({ code: 'HOME_REFUSED' })
    const { link } = await home.home.invite({ uses: 1, days: 1 })
    const avatar = await owner.attach(new Uint8Array(300_000).fill(7), { type: 'image/png' })
    await owner.publish({ name: 'Alice', avatar }, alice, { first: true })
    expect(await owner.join(alice, link, { agreesTo: (terms) => terms === 'Be kind.' })).toMatchObject({ home: home.home.id, media: { blocks: 2, missing: [] } })
    expect(await owner.join(alice, home.url, { agreesTo: () => false })).toMatchObject({ already: true })
    await expect(owner.join(await signerOf(2), link, { first: true, agreesTo: () => true })).rejects.toMatchObject({ code: 'HOME_REFUSED' })

    await owner.edit(alice, (draft) => ({ ...draft, bio: 'Curious.' }), { wait: 'all' })
    expect(await home.client.hasBlock(avatar.cid)).toBe(true)
    const reader = device({ routers: [createHomeRouter({ transport: createHomeTransport(), urls: [home.url], trusted: true })] })
    expect(await reader.resolveHome(alice.id)).toMatchObject({ home: home.home.id, confirmed: true, addresses: home.home.description.addresses, resolved: { profile: { bio: 'Curious.' } } })

    expect(await owner.leave(alice)).toMatchObject({ homes: [{ home: home.home.id, ended: true }] })
    await expect(reader.resolveHome(alice.id)).rejects.toMatchObject({ code: 'NO_HOME' })
  })

  it('reaches a home with a private address only where the user named it', async () => {
    const home = await open(50)
    const world = openWorld()
    const owner = device(world)
    await owner.join(alice, home.url, { first: true })
    await owner.edit(alice, (draft) => ({ ...draft, name: 'Alice' }), { wait: 'all' })
    expect(await owner.resolveHome(alice.id)).toMatchObject({ confirmed: true })
    const found = await device(world).resolveHome(alice.id)
    expect(found).toMatchObject({ home: home.home.id, confirmed: false })
    expect(await device(world, { allowPrivate: true }).resolveHome(alice.id)).toMatchObject({ confirmed: true })
  })

  it('says of a home that bans, and of one that hosts no longer, that it is passed over', async () => {
    const [one, two] = [await open(50), await open(51)]
    const world = openWorld()
    const owner = device(world)
    await owner.join(alice, two.url, { first: true })
    await owner.join(alice, one.url)
    expect(await owner.resolveHome(alice.id)).toMatchObject({ home: one.home.id, confirmed: true })
    await one.home.ban(alice.id, 'spam')
    expect(await owner.resolveHome(alice.id)).toMatchObject({ home: two.home.id, confirmed: true, passedOver: [{ home: one.home.id, code: 'BANNED' }] })
    await two.client.end(alice)
    await expect(owner.resolveHome(alice.id)).rejects.toMatchObject({ code: 'NO_HOME', passedOver: [{ home: one.home.id, code: 'BANNED' }, { home: two.home.id, code: 'ENDED' }] })
    await one.home.unban(alice.id)
    await expect(owner.resolveHome(alice.id)).rejects.toMatchObject({ passedOver: [{ home: one.home.id, code: 'NOT_HOSTED' }, { code: 'ENDED' }] })
  })

  it('moves with the old home killed', async () => {
    const [old, next] = [await open(50), await open(51)]
    const world = openWorld()
    const owner = device(world)
    const avatar = await owner.attach(new Uint8Array(9_000).fill(7), { type: 'image/png' })
    await owner.publish({ name: 'Alice', avatar }, alice, { first: true })
    await owner.join(alice, old.url)
    await old.close()
    expect(await owner.move(alice, next.url)).toMatchObject({ home: next.home.id, media: { missing: [] }, left: [{ home: old.home.id, ended: false }] })
    expect(await homesOf(device(world, { allowPrivate: true }))).toEqual([next.home.id])
    expect(await owner.resolveHome(alice.id)).toMatchObject({ home: next.home.id, confirmed: true })
  })
})

describe('a move whose process is killed', () => {
  /** Runs the process until it stands at its `last`-th report, and kills it there. @returns whether it ended by itself */
  const killAt = async (last: number, directory: string, router: string, home: string): Promise<boolean> => {
    const child = spawn(process.execPath, [new URL('moving-process.ts', import.meta.url).pathname, directory, '1', router, home, String(last)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [output, errors] = ['', '']
    child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes('waiting\n')) child.kill('SIGKILL')
    })
    const by = await new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)))
    if (by !== 'SIGKILL' && !output.includes('moved\n')) throw new Error(`the process failed: ${errors}`)
    return output.includes('moved\n')
  }

  it.each([4, 8, 12, 16])('goes on from another device: killed at its report %i', async (last) => {
    const directory = await mkdtemp(join(tmpdir(), 'mercury-move-'))
    closing.push(() => rm(directory, { recursive: true, force: true }))
    const [old, next] = [await open(50), await open(51)]
    // It is nobody's home: a router with a record of its own.
    const north = await openSmallHome({ seed: 60 })
    closing.push(() => north.stop())
    north.agreements.set(alice.id, { state: 'offered', next: null, entry: { id: new Uint8Array(), since: 0, sig: new Uint8Array() } })
    const router = createDelegatedRouter({ url: north.url, name: 'north', allowPrivate: true })

    const store = await openLevelStore({ location: directory })
    const first = device({ routers: [router], state: createPrefixStore(store, 'state/'), blocks: createHashStore(createPrefixStore(store, 'blocks/')) })
    const avatar = await first.attach(new Uint8Array(9_000).fill(7), { type: 'image/png' })
    await first.publish({ name: 'Alice', avatar }, alice, { first: true, wait: 'all' })
    await first.join(alice, old.url)
    await first.flush()
    await first.close()
    await store.close()

    const moved = await killAt(last, directory, north.url, next.url)
    const elsewhere = device({ routers: [router] }, { allowPrivate: true })
    const result = await elsewhere.move(alice, next.url)
    expect(result.media.missing).toEqual([])
    if (moved) expect(result).toMatchObject({ already: true })
    const reader = device({ routers: [router] }, { allowPrivate: true })
    expect(await homesOf(reader)).toEqual([next.home.id])
    expect(await reader.resolveHome(alice.id)).toMatchObject({ home: next.home.id, confirmed: true, passedOver: [], resolved: { profile: { name: 'Alice' } } })
    await expect(old.client.profile(alice.id)).resolves.toMatchObject({ hosting: 'ended' })
    expect((await elsewhere.resolve(alice.id, { policy: 'offline' })).sequence).toBe((await reader.resolve(alice.id, { policy: 'offline' })).sequence)
  })
})
