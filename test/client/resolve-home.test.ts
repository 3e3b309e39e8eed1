import { afterEach, describe, expect, it } from 'vitest'
import { addressOfUrl } from '../../src/hosting/home-address.ts'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import { acceptHosting, createHomeRouter, createLocalRouter, createMemoryStore, createSuccession, createSigner, type HomeEntry, type NameRouter, type Signer } from '../../src/index.ts'
import { openSmallHome, openTransport, type SmallHome } from './small-home.ts'
import { NOON, openDevice, signerOf, type Device } from './world.ts'

const alice = await signerOf(1)
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const close of closing.splice(0)) await close() })

const openHome = async (options: Parameters<typeof openSmallHome>[0]): Promise<SmallHome> => {
  const home = await openSmallHome(options)
  closing.push(() => home.stop())
  return home
}

const device = (routers: readonly NameRouter[], homes: HomeTransport = openTransport()): Device => {
  const opened = openDevice({ routers, homes })
  closing.push(() => opened.profiles.close())
  return opened
}

/** Alice, hosted by the last of `homes` first, with a router that knows her. */
const hosted = async (homes: readonly SmallHome[]): Promise<{ owner: Device; router: NameRouter }> => {
  const router = createLocalRouter(createMemoryStore(), { name: 'north' })
  const owner = device([router])
  for (const { url } of homes) await owner.profiles.join(alice, url)
  await owner.profiles.flush()
  return { owner, router }
}

/** Publishes a version of Alice that lists `homes`, as no honest program would. */
const list = async ({ profiles }: Device, homes: readonly HomeEntry[]): Promise<void> => {
  await profiles.edit(alice, (draft) => draft, { wait: 'any', fields: () => ({ homes }) })
  await profiles.flush()
}

describe('resolveHome', () => {
  it('takes one request where the router that is asked is the home', async () => {
    const home = await openHome({ seed: 50 })
    await hosted([home])
    const transport = openTransport()
    const router = createHomeRouter({ transport, urls: [home.url], trusted: true })
    const found = await device([router], transport).profiles.resolveHome(alice.id)
    expect(found).toMatchObject({ home: home.id, addresses: [addressOfUrl(home.url)], confirmed: true, passedOver: [], resolved: { id: alice.id, freshness: 'confirmed' } })
    expect(transport.sent).toEqual([`GET ${home.url}profiles/v1/${alice.id}`])
  })

  it('takes one where a link names the home', async () => {
    const home = await openHome({ seed: 50 })
    await hosted([home])
    const transport = openTransport()
    expect(await device([], transport).profiles.resolveHome(alice.id, { hints: [addressOfUrl(home.url)] })).toMatchObject({ home: home.id, confirmed: true })
    expect(transport.sent).toHaveLength(1)
  })

  it('takes one where another router knew the profile: the home is asked itself', async () => {
    const home = await openHome({ seed: 50 })
    const { router } = await hosted([home])
    const transport = openTransport()
    expect(await device([router], transport).profiles.resolveHome(alice.id)).toMatchObject({ home: home.id, confirmed: true })
    expect(transport.sent).toEqual([`GET ${home.url}profiles/v1/${alice.id}`])
  })

  it('reaches nobody else where that is not wanted', async () => {
    const home = await openHome({ seed: 50 })
    const { router } = await hosted([home])
    const transport = openTransport()
    expect(await device([router], transport).profiles.resolveHome(alice.id, { reach: false })).toMatchObject({ home: home.id, addresses: [addressOfUrl(home.url)], confirmed: false })
    expect(transport.sent).toEqual([])
  })

  it('says that a profile has no home, and knows one that is gone or unknown apart', async () => {
    const router = createLocalRouter(createMemoryStore())
    const { profiles } = device([router])
    await expect(profiles.resolveHome(alice.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await profiles.publish({ name: 'Alice' }, alice)
    await expect(profiles.resolveHome(alice.id)).rejects.toMatchObject({ code: 'NO_HOME', passedOver: [] })
    await profiles.remove(alice)
    await expect(profiles.resolveHome(alice.id)).rejects.toMatchObject({ code: 'GONE' })
  })

  const faults: Record<string, [code: string, spoil: (home: SmallHome, owner: Device) => unknown]> = {
    'has ended the agreement': ['ENDED', (home) => { home.agreements.get(alice.id)!.state = 'ended' }],
    'keeps the profile without an agreement': ['NOT_HOSTED', (home) => { home.agreements.clear() }],
    'has banned it': ['BANNED', (home) => { home.bans.add(alice.id) }],
    'is dead': ['HOME_UNREACHABLE', (home) => home.stop()],
    'fails': ['HOME_UNREACHABLE', (home) => { home.lie = (_, response) => { response.writeHead(500).end(); return true } }],
    'sends the caller elsewhere': ['HOME_REFUSED', (home) => { home.lie = (_, response) => { response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(); return true } }],
    'never ends its answer': ['HOME_UNREACHABLE', (home) => { home.lie = async (_, response) => { const chunk = new Uint8Array(65_536); while (!response.destroyed && response.writableLength < 1_048_576) { response.write(chunk); await new Promise((resolve) => { setImmediate(resolve) }) } return true } }],
    'has nothing of it': ['NOT_HOSTED', (home) => { home.lie = (_, response) => { response.writeHead(404).end(); return true } }],
    'answers with garbage': ['INVALID_CBOR', (home) => { home.lie = (_, response) => { response.end('garbage'); return true } }],
    'gives a record that does not verify': ['INVALID_RECORD', (home) => { home.alter = (answer) => ({ ...answer, record: answer.record.slice(0, -1) }) }],
    'gives its own record as that of the profile': ['INVALID_SIGNATURE', (home) => { home.alter = (answer) => ({ ...answer, record: answer.home! }) }],
    'says nothing of itself': ['NOT_A_HOME', (home) => { home.alter = ({ hosting, record }) => ({ hosting, record }) }],
    'gives the record of the profile as its own': ['INVALID_SIGNATURE', async (home) => { home.alter = (answer) => ({ ...answer, home: answer.record }) }],
    'is gone for good': ['GONE', (home) => home.profiles.remove(home.signer, { wait: 'local' })]
  }
  it.each(Object.entries(faults))('passes over a home that %s, and takes the next', async (_, [code, spoil]) => {
    const [next, first] = await Promise.all([openHome({ seed: 51 }), openHome({ seed: 50 })])
    const { owner, router } = await hosted([next, first])
    await spoil(first, owner)
    const reader = device([router])
    // What the home is, is known elsewhere.
    const own = await first.profiles.record(first.id, { policy: 'offline' }).catch(() => undefined)
    if (own && code !== 'GONE') await router.put(first.id, own)
    const found = await reader.profiles.resolveHome(alice.id)
    expect(found).toMatchObject({ home: next.id, confirmed: true, passedOver: [{ home: first.id, code }] })
    expect(found.passedOver[0]!.reason).not.toBe('')
  })

  it('passes over a home with an older version than the newest, and follows one with a newer', async () => {
    const [next, first] = await Promise.all([openHome({ seed: 51 }), openHome({ seed: 50 })])
    const { owner, router } = await hosted([next, first])
    first.lie = ({ method }, response) => { if (method !== 'PUT') return false; response.writeHead(503).end(); return true }
    await owner.profiles.edit(alice, (draft) => ({ ...draft, name: 'Alice' }), { wait: 'any' })
    await owner.profiles.flush()
    expect(await device([router]).profiles.resolveHome(alice.id)).toMatchObject({ home: next.id, passedOver: [{ home: first.id, code: 'OLDER' }] })
    const stale = createLocalRouter(createMemoryStore())
    await stale.put(alice.id, await first.profiles.record(alice.id, { policy: 'offline' }))
    first.lie = undefined
    await owner.profiles.flush()
    await owner.profiles.leave(alice, first.id)
    expect(await device([stale]).profiles.resolveHome(alice.id)).toMatchObject({ home: next.id, confirmed: true, passedOver: [] })
  })

  it('is held up by no home that takes its time', async () => {
    const homes = await Promise.all([53, 52, 51, 50].map((seed) => openHome({ seed })))
    const { router } = await hosted(homes)
    const [last, ...others] = homes as [SmallHome, ...SmallHome[]]
    last.requests.length = 0
    let waiting = 0
    for (const home of others) home.lie = () => { waiting++; return true }
    const found = await device([router]).profiles.resolveHome(alice.id)
    expect(found).toMatchObject({ home: last.id, confirmed: true })
    expect(found.passedOver.map(({ code }) => code)).toEqual(['HOME_UNREACHABLE', 'HOME_UNREACHABLE', 'HOME_UNREACHABLE'])
    expect(waiting).toBe(3)
    expect(last.requests.filter((request) => request === `GET /profiles/v1/${alice.id}`)).toHaveLength(1)
  })

  it('names the first home that does not answer, unconfirmed, where none does', async () => {
    const [next, first] = await Promise.all([openHome({ seed: 51 }), openHome({ seed: 50 })])
    const { router } = await hosted([next, first])
    for (const home of [next, first]) await home.stop()
    expect(await device([router]).profiles.resolveHome(alice.id)).toMatchObject({ home: first.id, confirmed: false, addresses: [addressOfUrl(first.url)], passedOver: [] })
    const { profiles } = device([router], openTransport({ allowPrivate: false }))
    expect(await profiles.resolveHome(alice.id)).toMatchObject({ home: first.id, confirmed: false })
  })

  it('says of each home why it is none', async () => {
    const [next, first] = await Promise.all([openHome({ seed: 51 }), openHome({ seed: 50 })])
    const { router } = await hosted([next, first])
    first.bans.add(alice.id)
    next.agreements.get(alice.id)!.state = 'ended'
    await expect(device([router]).profiles.resolveHome(alice.id)).rejects.toMatchObject({ code: 'NO_HOME', passedOver: [{ home: first.id, code: 'BANNED' }, { home: next.id, code: 'ENDED' }] })
  })

  const forged: Record<string, [code: string, forge: (home: Signer, genuine: HomeEntry) => Promise<HomeEntry>]> = {
    'for another persona': ['INVALID_SIGNATURE', async (home) => acceptHosting({ persona: (await signerOf(2)).id, since: NOON / 1_000, next: alice.pledge!.next }, home)],
    'for another next key': ['INVALID_SIGNATURE', async (home) => acceptHosting({ persona: alice.id, since: NOON / 1_000, next: null }, home)],
    'with a broken signature': ['INVALID_SIGNATURE', async (_, genuine) => ({ ...genuine, sig: genuine.sig.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) })],
    'that has ended': ['ACCEPTANCE_ENDED', async (home) => acceptHosting({ persona: alice.id, since: NOON / 1_000 - 60, until: NOON / 1_000 - 1, next: alice.pledge!.next }, home)],
    'of a persona that is no home': ['NOT_A_HOME', async () => acceptHosting({ persona: alice.id, since: NOON / 1_000, next: alice.pledge!.next }, await signerOf(3))]
  }
  it.each(Object.entries(forged))('passes over an acceptance %s', async (_, [code, forge]) => {
    const home = await openHome({ seed: 50 })
    const { owner, router } = await hosted([home])
    const genuine = home.agreements.get(alice.id)!.entry
    await owner.profiles.publish({ name: 'Bob' }, await signerOf(3), { wait: 'any' })
    await list(owner, [{ ...await forge(home.signer, genuine), addrs: [addressOfUrl(home.url)] }, genuine])
    const found = await device([router]).profiles.resolveHome(alice.id)
    expect(found.passedOver.map((passed) => passed.code)).toEqual([code])
    expect(found.home).toBe(home.id)
  })

  it('takes a home until the last moment of its agreement, and not from then on', async () => {
    const home = await openHome({ seed: 50 })
    const { owner, router } = await hosted([home])
    const genuine = home.agreements.get(alice.id)!
    const entry = { ...await acceptHosting({ persona: alice.id, since: NOON / 1_000, until: NOON / 1_000 + 60, next: alice.pledge!.next }, home.signer), addrs: [addressOfUrl(home.url)] }
    home.agreements.set(alice.id, { ...genuine, entry })
    await list(owner, [entry])
    const reader = device([router])
    reader.sleep(59_999)
    expect(await reader.profiles.resolveHome(alice.id)).toMatchObject({ home: home.id, confirmed: true, passedOver: [] })
    reader.sleep(1)
    await expect(reader.profiles.resolveHome(alice.id)).rejects.toMatchObject({ code: 'NO_HOME', passedOver: [{ home: home.id, code: 'ACCEPTANCE_ENDED' }] })
  })

  it('goes where the own document of the home says, whoever answers at the address that the profile gives', async () => {
    const home = await openHome({ seed: 50 })
    const { owner, router } = await hosted([home])
    const impostor = await openHome({ seed: 52 })
    await router.put(home.id, await home.profiles.record(home.id, { policy: 'offline' }))
    const entry = { ...home.agreements.get(alice.id)!.entry, addrs: [addressOfUrl(impostor.url)] }
    await list(owner, [entry])
    home.agreements.get(alice.id)!.state = 'active'
    expect(await device([router]).profiles.resolveHome(alice.id)).toMatchObject({ home: home.id, addresses: [addressOfUrl(home.url)], confirmed: true, passedOver: [] })
    // It hands out all that is public, and says that it is the home.
    const said = { record: await home.profiles.record(alice.id, { policy: 'offline' }), home: await home.profiles.record(home.id, { policy: 'offline' }) }
    await impostor.profiles.accept({ record: said.record }, { wait: 'local' })
    impostor.alter = () => ({ hosting: 'ended', ...said })
    expect(await device([router]).profiles.resolveHome(alice.id)).toMatchObject({ home: home.id, confirmed: true })
    impostor.alter = () => ({ hosting: 'active', ...said })
    await home.stop()
    expect(await device([router]).profiles.resolveHome(alice.id)).toMatchObject({ home: home.id, confirmed: false, addresses: [addressOfUrl(home.url)] })
  })

  it('reports a succession that the pledge stands for, and no other', async () => {
    const home = await openHome({ seed: 50 })
    await hosted([home])
    const next = await createSigner(new Uint8Array(32).fill(101))
    const succession = await createSuccession({ from: alice.id, pledge: alice.pledge!, last: null, time: 1 }, next)
    home.alter = (answer) => ({ ...answer, succession })
    const router = createHomeRouter({ transport: openTransport(), urls: [home.url], trusted: true })
    expect((await device([router]).profiles.resolveHome(alice.id)).succession).toMatchObject({ from: alice.id, to: next.id })
    home.alter = (answer) => ({ ...answer, succession: { ...succession, time: 2 } })
    expect((await device([router]).profiles.resolveHome(alice.id)).succession).toBeUndefined()
  })
})
