import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createInvitation, formatHomeLink } from '../../src/hosting/invitation.ts'
import { addressOfUrl } from '../../src/hosting/home-address.ts'
import { acceptHosting, copyState, createHashStore, createMemoryStore, type HashStore, type KeyValueStore, type NameRouter } from '../../src/index.ts'
import { decodeProfileId } from '../../src/identity/profile-id.ts'
import { DAY_MS } from '../../src/limits.ts'
import { killedAfter } from './killed.ts'
import { openSmallHome, openTransport, type SmallHome } from './small-home.ts'
import { NOON, openDevice, openWorld, signerOf, type Device } from './world.ts'

const alice = await signerOf(1)
const bob = await signerOf(2)
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const close of closing.splice(0)) await close() })

const openHome = async (options: Parameters<typeof openSmallHome>[0]): Promise<SmallHome> => {
  const home = await openSmallHome(options)
  closing.push(() => home.stop())
  return home
}

const device = (world: { routers?: readonly NameRouter[]; blocks?: HashStore; state?: KeyValueStore } = {}, transport = openTransport()): Device & { transport: ReturnType<typeof openTransport> } => {
  const opened = openDevice({ ...world, homes: transport })
  closing.push(() => opened.profiles.close())
  return { ...opened, transport }
}

const homesOf = async ({ profiles }: Device, id = alice.id): Promise<string[]> => ((await profiles.resolve(id, { policy: 'all' })).document.homes ?? []).map((entry) => decodeProfileId(entry.id))

describe('join', () => {
  it('has an open home, named by its URL, host a new persona, and publishes a version that says so', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles, transport } = device(openWorld())
    const steps: string[] = []
    const joined = await profiles.join(alice, home.url.slice(0, -1), { onProgress: ({ type }) => steps.push(type) })
    expect(joined).toMatchObject({ home: home.id, already: false, media: { blocks: 0 } })
    expect(home.agreements.get(alice.id)!.state).toBe('active')
    expect(await homesOf(device({ routers: [] }), home.id).catch(() => 'unknown elsewhere')).toBe('unknown elsewhere')
    expect((await home.profiles.resolve(alice.id, { policy: 'offline' })).sequence).toBe(joined.published!.sequence)
    expect(steps.filter((step) => ['described', 'agreed', 'uploaded', 'saved', 'active'].includes(step))).toEqual(['described', 'agreed', 'uploaded', 'saved', 'active'])
    expect(transport.sent.map((request) => request.replace(home.url, '/').replace(alice.id, 'alice').replace(home.id, 'home'))).toEqual([
      'GET /hosting/v1', 'GET /profiles/v1/home', 'POST /hosting/v1/agreements', 'PUT /routing/v1/ipns/alice', 'GET /profiles/v1/alice'
    ])
  })

  it('keeps what the profile says, and brings its picture', async () => {
    const home = await openHome({ seed: 50 })
    const world = openWorld()
    const { profiles } = device(world)
    const picture = crypto.getRandomValues(new Uint8Array(9_000))
    const avatar = await profiles.attach(picture, { type: 'image/png' })
    await profiles.publish({ name: 'Alice', tags: ['chess'], avatar }, alice, { first: true })
    const { media } = await profiles.join(alice, home.url)
    expect(media).toMatchObject({ blocks: 2, missing: [] })
    expect(await home.blocks.get(avatar.cid)).toEqual(picture)
    const { profile } = await device({ routers: world.routers }).profiles.resolve(alice.id)
    expect(profile).toMatchObject({ name: 'Alice', tags: ['chess'] })
  })

  it('does nothing, and says so, where it joined already', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles } = device(openWorld())
    const first = await profiles.join(alice, home.url)
    const again = await profiles.join(alice, home.url)
    expect(again).toMatchObject({ already: true, acceptance: { sig: first.acceptance.sig } })
    expect(again.published).toBeUndefined()
    expect(home.requests.filter((request) => request.startsWith('POST'))).toHaveLength(1)
  })

  it('asks for another agreement when the one before is over', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles } = device(openWorld())
    await profiles.join(alice, home.url)
    const over = await acceptHosting({ persona: alice.id, since: NOON / 1_000 - 60, until: NOON / 1_000 - 1, next: alice.pledge!.next }, home.signer)
    home.agreements.set(alice.id, { state: 'active', entry: over, next: alice.pledge!.next })
    await profiles.edit(alice, (draft) => draft, { fields: () => ({ homes: [over] }) })
    home.agreements.delete(alice.id)
    const joined = await profiles.join(alice, home.url)
    expect(joined).toMatchObject({ already: false })
    expect(joined.acceptance.until).toBeUndefined()
  })

  it('uses the invitation of a link once, and tells a home that wants one apart', async () => {
    const home = await openHome({ seed: 50, policy: 'invitation' })
    const { profiles } = device(openWorld())
    await expect(profiles.join(alice, home.url)).rejects.toMatchObject({ code: 'HOME_REFUSED', refusal: 'INVITATION_NEEDED' })
    const link = formatHomeLink({ home: home.id, addresses: [addressOfUrl(home.url)], voucher: await createInvitation({ expires: NOON / 1_000 + 60 }, home.signer) })
    expect(await profiles.join(alice, link)).toMatchObject({ home: home.id, already: false })
    await expect(profiles.join(await signerOf(2), link)).rejects.toMatchObject({ code: 'HOME_REFUSED', refusal: 'INVITATION_USED' })
  })

  it('asks whether the user agrees to terms, and to the very text that it then signs for', async () => {
    const home = await openHome({ seed: 50, terms: 'Be kind.' })
    const { profiles } = device(openWorld())
    await expect(profiles.join(alice, home.url)).rejects.toMatchObject({ code: 'TERMS_NOT_AGREED' })
    await expect(profiles.join(alice, home.url, { agreesTo: () => false })).rejects.toMatchObject({ code: 'TERMS_NOT_AGREED' })
    expect(home.agreements.size).toBe(0)
    const read: string[] = []
    await profiles.join(alice, home.url, { agreesTo: (terms) => { read.push(terms); return true } })
    expect(read).toEqual(['Be kind.'])
  })

  it('finds a home by its ID alone', async () => {
    const home = await openHome({ seed: 50 })
    const world = openWorld()
    const publisher = device(world)
    const { documentBytes, recordBytes } = await home.profiles.resolve(home.id, { policy: 'offline' })
    await publisher.profiles.accept({ document: documentBytes, record: recordBytes }, { id: home.id })
    expect(await device(world).profiles.join(alice, home.id, { first: true })).toMatchObject({ home: home.id })
  })

  it('finds a home by its ID where the user has named it before, private or not', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles } = device(openWorld(), openTransport({ allowPrivate: false }))
    await profiles.join(alice, home.url)
    await profiles.leave(alice, home.id)
    expect(await profiles.join(alice, home.id)).toMatchObject({ home: home.id, already: false })
    expect(await homesOf({ profiles } as Device)).toEqual([home.id])
  })

  it('takes four homes, and refuses a fifth before anything is sent', async () => {
    const { profiles, transport } = device(openWorld())
    const homes = await Promise.all([50, 51, 52, 53, 54].map((seed) => openHome({ seed })))
    for (const { url } of homes.slice(0, 4)) await profiles.join(alice, url)
    const newest = homes.slice(0, 4).reverse().map(({ id }) => id)
    expect(await homesOf({ profiles } as Device)).toEqual(newest)
    transport.sent.length = 0
    await expect(profiles.join(alice, homes[4]!.url)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: 4, value: 5 })
    expect(homes[4]!.agreements.size).toBe(0)
    expect(transport.sent.filter((request) => /POST|PUT|DELETE/.test(request))).toEqual([])
  })

  it('is not there without a way to homes', async () => {
    const { profiles } = openDevice(openWorld())
    closing.push(() => profiles.close())
    for (const call of [() => profiles.join(alice, 'https://home.example'), () => profiles.leave(alice), () => profiles.move(alice, 'https://home.example'), () => profiles.resolveHome(alice.id)]) {
      await expect(call()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    }
  })
})

describe('leave', () => {
  it('publishes a version without the home, tells it, and ends the agreement', async () => {
    const [one, two] = await Promise.all([openHome({ seed: 50 }), openHome({ seed: 51 })])
    const { profiles } = device(openWorld())
    await profiles.join(alice, one.url)
    await profiles.join(alice, two.url)
    const left = await profiles.leave(alice, one.id)
    expect(left).toMatchObject({ homes: [{ home: one.id, ended: true }] })
    expect(await homesOf({ profiles } as Device)).toEqual([two.id])
    expect(one.agreements.get(alice.id)!.state).toBe('ended')
    expect((await one.profiles.resolve(alice.id, { policy: 'offline' })).sequence).toBe(left.published!.sequence)
    expect(two.agreements.get(alice.id)!.state).toBe('active')
  })

  it('leaves all homes where none is named, dead ones too', async () => {
    const [one, two] = await Promise.all([openHome({ seed: 50 }), openHome({ seed: 51 })])
    const { profiles } = device(openWorld())
    await profiles.join(alice, one.url)
    await profiles.join(alice, two.url)
    await one.stop()
    const { homes } = await profiles.leave(alice)
    expect(homes).toMatchObject([{ home: two.id, ended: true }, { home: one.id, ended: false, code: 'HOME_UNREACHABLE' }])
    expect(await homesOf({ profiles } as Device)).toEqual([])
  })
})

describe('leave, cut off', () => {
  it('ends everywhere when it is called again, wherever it was killed', async () => {
    let last = 1
    for (; ; last++) {
      const [one, two] = await Promise.all([openHome({ seed: 50 }), openHome({ seed: 51 })])
      const world = openWorld()
      const state = createMemoryStore()
      const first = device({ ...world, state }).profiles
      for (const { url } of [two, one]) await first.join(alice, url, { wait: 'all' })
      await first.close()
      const killed = killedAfter(last, world, state)
      const second = openDevice({ ...killed.world, state: killed.state, homes: killed.transport }).profiles
      const left = await second.leave(alice, one.id).then(() => true, () => false)
      await second.close()
      const { profiles } = device({ ...world, state })
      const again = await profiles.leave(alice, one.id)
      expect(again.homes, `killed before step ${last}`).toEqual([{ home: one.id, ended: true }])
      await profiles.flush()
      expect(await homesOf(device(world))).toEqual([two.id])
      expect([one, two].map(({ agreements }) => agreements.get(alice.id)!.state), `killed before step ${last}`).toEqual(['ended', 'active'])
      expect((await one.profiles.resolve(alice.id, { policy: 'offline' })).document.homes, `killed before step ${last}`).toHaveLength(1)
      expect(await Array.fromAsync(state.entries({ prefix: 'leave/' }))).toEqual([])
      for (const close of closing.splice(0)) await close()
      if (left) break
    }
    expect(last).toBeGreaterThan(6)
  })
})

describe('join, cut off', () => {
  it.each([['on this device', true], ['on another', false]])('is finished by another call %s, wherever it was killed', async (_, isSame) => {
    let last = 1
    for (; ; last++) {
      const home = await openHome({ seed: 50, policy: 'invitation' })
      const link = formatHomeLink({ home: home.id, addresses: [addressOfUrl(home.url)], voucher: await createInvitation({ expires: NOON / 1_000 + 60 }, home.signer) })
      const world = openWorld()
      const state = createMemoryStore()
      const first = openDevice({ ...world, state }).profiles
      const avatar = await first.attach(new Uint8Array(9_000).fill(7), { type: 'image/png' })
      await first.publish({ name: 'Alice', avatar }, alice, { first: true, wait: 'all' })
      await first.close()
      const killed = killedAfter(last, world, state)
      const second = openDevice({ ...killed.world, state: killed.state, homes: killed.transport }).profiles
      const joined = await second.join(alice, link).then(() => true, () => false)
      await second.close()
      const { profiles } = device({ ...world, ...(isSame ? { state } : {}) })
      expect(await profiles.join(alice, link), `killed before step ${last}`).toMatchObject({ home: home.id })
      await profiles.flush()
      expect(home.agreements.get(alice.id)!.state, `killed before step ${last}`).toBe('active')
      expect(await home.blocks.get(avatar.cid), `killed before step ${last}`).toBeDefined()
      expect(await homesOf(device(world)), `killed before step ${last}`).toEqual([home.id])
      for (const close of closing.splice(0)) await close()
      if (joined) break
    }
    expect(last).toBeGreaterThan(6)
  })
})

describe('join at a home that lies', () => {
  const json = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
  const altering = (path: RegExp, change: (answer: Record<string, unknown>) => object): ((home: SmallHome) => void) => (home) => {
    home.lie = async ({ method, path: asked, headers, body }, response) => {
      if (!path.test(`${method} ${asked}`)) return false
      home.lie = undefined
      const answer = await fetch(new URL(asked, home.url), { method, headers, ...(body.byteLength > 0 ? { body: Uint8Array.from(body) } : {}) })
      response.end(json(change(await answer.json() as Record<string, unknown>)))
      return true
    }
  }
  const always = (path: RegExp, answer: (response: ServerResponse) => unknown): ((home: SmallHome) => void) => (home) => {
    home.lie = async ({ method, path: asked }, response) => {
      if (!path.test(`${method} ${asked}`)) return false
      await answer(response)
      return true
    }
  }
  const lies: Record<string, [code: string, spoil: (home: SmallHome, state: KeyValueStore) => unknown]> = {
    'says that it is another': ['NOT_A_HOME', altering(/GET .hosting.v1$/, (answer) => ({ ...answer, home: bob.id }))],
    'gives a record of its own that does not verify': ['NOT_A_HOME', (home) => { home.alter = (answer) => ({ ...answer, record: answer.record.map((byte, i) => (i === 20 ? byte ^ 1 : byte)) }) }],
    'gives an older record of its own than is known': ['NOT_A_HOME', async (home, state) => {
      const { record } = (await home.profiles.stored(home.id))!
      await home.profiles.edit(home.signer, (draft) => ({ ...draft, name: 'newer' }), { wait: 'local' })
      let asked = 0
      home.alter = (answer) => (asked++ === 0 ? answer : { ...answer, record })
      await device({ state }).profiles.resolve(home.id, { hints: [addressOfUrl(home.url)] })
    }],
    'is a persona': ['NOT_A_HOME', async (home) => {
      await home.profiles.publish({ name: 'Bob' }, bob, { wait: 'local', first: true })
      altering(/GET .hosting.v1$/, (answer) => ({ ...answer, home: bob.id }))(home)
    }],
    'is gone for good': ['NOT_A_HOME', (home) => home.profiles.remove(home.signer, { wait: 'local' })],
    'signs its acceptance wrongly': ['INVALID_SIGNATURE', altering(/POST .*agreements/, (answer) => ({ ...answer, since: 1 }))],
    'accepts another persona': ['INVALID_MESSAGE', altering(/POST .*agreements/, (answer) => ({ ...answer, persona: bob.id }))],
    'accepts for another home': ['INVALID_MESSAGE', altering(/POST .*agreements/, (answer) => ({ ...answer, home: bob.id }))],
    'answers with an agreement that has ended': ['NOT_ACTIVE', altering(/POST .*agreements/, (answer) => ({ ...answer, state: 'ended' }))],
    'answers with an acceptance that is over': ['INVALID_SIGNATURE', altering(/POST .*agreements/, (answer) => ({ ...answer, until: 1 }))],
    'answers with garbage': ['INVALID_MESSAGE', always(/GET .hosting/, (response) => response.end('garbage'))],
    'fails': ['HOME_REFUSED', always(/./, (response) => response.writeHead(500).end())],
    'sends the persona elsewhere': ['HOME_REFUSED', always(/./, (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end())],
    'never ends its answer': ['HOME_UNREACHABLE', always(/GET .hosting/, async (response) => {
      const chunk = new Uint8Array(65_536)
      for (let sent = 0; sent < 64 && !response.destroyed; sent++) {
        response.write(chunk)
        await new Promise((resolve) => { setImmediate(resolve) })
      }
    })],
    'takes no uploads': ['HOME_REFUSED', always(/POST .*blocks/, (response) => response.writeHead(413).end())]
  }
  it.each(Object.entries(lies))('that %s: nothing is published', async (_, [code, spoil]) => {
    const home = await openHome({ seed: 50 })
    const state = createMemoryStore()
    await spoil(home, state)
    const world = openWorld()
    const { profiles } = device({ ...world, state })
    const avatar = await profiles.attach(new Uint8Array(9_000).fill(7), { type: 'image/png' })
    const { sequence } = await profiles.publish({ name: 'Alice', avatar }, alice, { first: true, wait: 'all' })
    await expect(profiles.join(alice, home.url)).rejects.toMatchObject({ code })
    const found = await device(world).profiles.resolve(alice.id, { policy: 'all' })
    expect(found.sequence).toBe(sequence)
    expect(found.document.homes).toBeUndefined()
    expect(await Array.fromAsync(state.entries({ prefix: 'outbox/' }))).toEqual([])
  })

  it('that a link names is another', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles } = device(openWorld())
    await expect(profiles.join(alice, formatHomeLink({ home: bob.id, addresses: [addressOfUrl(home.url)] }))).rejects.toMatchObject({ code: 'OTHER_HOME' })
    expect(home.requests).toEqual(['GET /hosting/v1'])
  })

  it('that takes the version and does not host it: said, and told to nobody as done', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles } = device(openWorld())
    home.alter = (answer) => ({ ...answer, hosting: 'offered' })
    await expect(profiles.join(alice, home.url)).rejects.toMatchObject({ code: 'NOT_ACTIVE' })
    home.alter = undefined
    expect(await profiles.join(alice, home.url)).toMatchObject({ already: true })
  })

  it('at an address out of a document that is private: it is not dialled', async () => {
    const home = await openHome({ seed: 50 })
    const world = openWorld()
    const publisher = device(world)
    const { documentBytes, recordBytes } = await home.profiles.resolve(home.id, { policy: 'offline' })
    await publisher.profiles.accept({ document: documentBytes, record: recordBytes }, { id: home.id })
    const { profiles, transport } = device(world, openTransport({ allowPrivate: false }))
    await expect(profiles.join(alice, home.id, { first: true })).rejects.toMatchObject({ code: 'HOME_UNREACHABLE' })
    expect(transport.sent).toEqual([])
  })

  it('ends at once when it is aborted, whatever it waits for', async () => {
    const home = await openHome({ seed: 50 })
    home.lie = () => true
    const { profiles } = device(openWorld())
    const abort = new AbortController()
    const reason = new Error('changed my mind')
    const joining = profiles.join(alice, home.url, { signal: abort.signal })
    setTimeout(() => abort.abort(reason), 20)
    await expect(joining).rejects.toBe(reason)
  })
})

describe('a version of a profile with homes', () => {
  it('is sent to each of them, with what it links to, and found there by who knows the profile', async () => {
    const [one, two] = await Promise.all([openHome({ seed: 50 }), openHome({ seed: 51 })])
    const world = openWorld()
    const { profiles, transport } = device(world)
    await profiles.join(alice, one.url)
    await profiles.join(alice, two.url)
    const reader = device({ routers: world.routers })
    await reader.profiles.resolve(alice.id)
    await one.stop()
    const avatar = await profiles.attach(new Uint8Array(9_000).fill(7), { type: 'image/png' })
    transport.sent.length = 0
    const published = await profiles.edit(alice, (draft) => ({ ...draft, name: 'Alice', avatar }), { wait: 'any' })
    await profiles.flush()
    expect((await two.profiles.resolve(alice.id, { policy: 'offline' })).sequence).toBe(published.sequence)
    expect(await two.blocks.get(avatar.cid)).toBeDefined()
    expect(await Array.fromAsync(profiles.owed())).toEqual([{ id: alice.id, targets: [`home:${one.id}`] }])
    const { answers, sequence } = await device({ routers: [], state: reader.state }).profiles.resolve(alice.id, { policy: 'all' })
    expect(sequence).toBe(published.sequence)
    expect(answers.map(({ router, outcome }) => [router, outcome])).toEqual([[`home:${two.id}`, 'found'], [`home:${one.id}`, 'failed']])
  })

  it('costs one request for a home, and one more for each thing that it links to', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles, transport } = device(openWorld())
    await profiles.join(alice, home.url)
    transport.sent.length = 0
    await profiles.edit(alice, (draft) => ({ ...draft, name: 'Alice' }), { wait: 'all' })
    expect(transport.sent.map((request) => request.split(' ')[0])).toEqual(['GET', 'PUT'])
  })

  it('is sent to a home with a private address where the user named it, over a copy of the state too, and nowhere else', async () => {
    const home = await openHome({ seed: 50 })
    const world = openWorld()
    const here = device(world, openTransport({ allowPrivate: false }))
    await here.profiles.join(alice, home.url)
    await here.profiles.edit(alice, (draft) => ({ ...draft, name: 'here' }), { wait: 'all' })
    const state = createMemoryStore()
    await copyState({ from: here.state, to: state, clock: () => NOON })
    await device({ ...world, state }, openTransport({ allowPrivate: false })).profiles.edit(alice, (draft) => ({ ...draft, name: 'over a copy' }), { wait: 'all' })
    expect((await home.profiles.resolve(alice.id, { policy: 'offline' })).profile.name).toBe('over a copy')
    const { profiles } = device(world, openTransport({ allowPrivate: false }))
    await expect(profiles.edit(alice, (draft) => ({ ...draft, name: 'elsewhere' }), { wait: 'all' })).rejects.toMatchObject({ code: 'UNDELIVERED', published: { pending: [`home:${home.id}`] } })
  })

  it('is renewed there too before it ends', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles, sleep } = device(openWorld())
    await profiles.join(alice, home.url)
    const { expiresAt } = await profiles.resolve(alice.id, { policy: 'offline' })
    sleep(100 * DAY_MS)
    await profiles.keepAlive({ all: true, signers: [alice] })
    const renewed = await home.profiles.resolve(alice.id, { policy: 'offline' })
    expect(renewed.expiresAt.getTime() - expiresAt.getTime()).toBe(100 * DAY_MS)
  })

  it('is found at a home that a link names', async () => {
    const home = await openHome({ seed: 50 })
    const { profiles } = device({ routers: [], blocks: createHashStore(createMemoryStore()) })
    await profiles.join(alice, home.url, { first: true })
    const stranger = device({ routers: [] })
    const { answers } = await stranger.profiles.resolve(alice.id, { hints: [addressOfUrl(home.url), '/ip4/127.0.0.1/tcp/4001', 'https://gateway.example/ipfs/'] })
    expect(answers).toMatchObject([{ router: `hint:${home.url}`, outcome: 'found' }])
  })
})
