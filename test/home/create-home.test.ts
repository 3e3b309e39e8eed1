import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createHome } from '../../src/home/create-home.ts'
import { createHashStore, createLocalRouter, createMemoryStore, createProfiles, type Signer } from '../../src/index.ts'
import { parseHomeLink } from '../../src/hosting/invitation.ts'
import { RELAY_PERIOD_MS, passLimit } from '../../src/client/schedule.ts'
import { DAY_MS } from '../../src/limits.ts'
import { NOON, signerOf } from '../client/world.ts'
import { openHome as open, requestOf, versionOf, type RunningHome } from './running-home.ts'

const PASS_MS = 20
const opened: RunningHome[] = []
const openHome = async (options?: Parameters<typeof open>[0]): Promise<RunningHome> => {
  const home = await open(options)
  opened.push(home)
  return home
}
afterEach(async () => {
  for (const home of opened.splice(0)) await home.close()
})

/** Joins and publishes. */
const settle = async ({ home, client }: RunningHome, persona: Signer, { seq = 1, now = Date.now() }: { seq?: number; now?: number } = {}): Promise<void> => {
  const { voucher } = await home.invite()
  const { acceptance } = await client.agree(requestOf(persona, { voucher }), home.id, persona)
  await client.putRecord(persona.id, (await versionOf(persona, { seq, homes: [acceptance], now })).record)
}

describe('what a home says of itself', () => {
  test('is made anew when its name or its addresses change, above what it said before, and only then', async () => {
    const [state, blocks, routers] = [createMemoryStore(), createHashStore(createMemoryStore()), [createLocalRouter(createMemoryStore())]]
    const sequences: bigint[] = []
    for (const name of [undefined, undefined, 'North', 'North', undefined]) {
      const profiles = createProfiles({ blocks, routers, state, volatile: true })
      const home = await createHome({ signer: await signerOf(1), profiles, state, blocks, http: false, addresses: () => ['/ip4/127.0.0.1/tcp/1'], ...(name === undefined ? {} : { settings: { name } }) })
      const { sequence, document } = await profiles.resolve(home.id)
      expect(document).toMatchObject({ kind: 'home', addrs: ['/ip4/127.0.0.1/tcp/1'] })
      expect(document.attrs.name).toBe(name)
      sequences.push(sequence)
      await home.close()
      await profiles.close()
    }
    const [a, b, c, d, e] = sequences as [bigint, bigint, bigint, bigint, bigint]
    expect([a === b, c > b, d === c, e > d]).toEqual([true, true, true, true])
  })

  test('goes on above its past on another machine, which has the key alone', async () => {
    const router = createLocalRouter(createMemoryStore())
    const later = NOON + 10 * DAY_MS
    const first = await openHome({ clock: () => later, profilesOptions: { routers: [router] } })
    await first.profiles.flush()
    const { sequence } = await first.profiles.resolve(first.home.id)
    const second = await openHome({ clock: () => NOON, profilesOptions: { routers: [router] } })
    expect((await second.profiles.resolve(second.home.id)).sequence).toBeGreaterThan(sequence)
  })

  test('is nothing for the key of a persona', async () => {
    const state = createMemoryStore()
    const blocks = createHashStore(createMemoryStore())
    const profiles = createProfiles({ blocks, routers: [], state, volatile: true })
    const alice = await signerOf(2)
    await profiles.publish({ name: 'Alice' }, alice, { wait: 'local', first: true })
    await expect(createHome({ signer: alice, profiles, state, blocks })).rejects.toMatchObject({ code: 'KIND_CHANGED' })
    await profiles.close()
  })

  test('names its public URLs, not where it listens', async () => {
    const { home, client } = await openHome({ settings: { publicUrls: ['https://home.example'], terms: 'Be kind.', name: 'North' } })
    expect(home.urls).toEqual(['https://home.example'])
    expect(home.description).toMatchObject({ addresses: ['/dns/home.example/tcp/443/https'] })
    expect(await client.describe()).toEqual(home.description)
    expect(parseHomeLink(home.link)).toEqual({ home: home.id, addresses: ['/dns/home.example/tcp/443/https'] })
  })
})

describe('the operator', () => {
  test('invites with one line, and sees whom he hosts, page by page', async () => {
    const running = await openHome()
    const { home } = running
    const { link, voucher, uses } = await home.invite({ uses: 2, days: 1 })
    expect(parseHomeLink(link)).toMatchObject({ home: home.id, voucher })
    expect(uses).toBe(2)
    for (const uses of [0, 1.5, 1_001]) await expect(home.invite({ uses })).rejects.toMatchObject({ code: expect.stringMatching(/INVALID_ARGUMENT|LIMIT_EXCEEDED/) })
    for (const days of [0, 367]) await expect(home.invite({ days })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const personas = await Promise.all([2, 3, 4, 5, 6].map((seed) => signerOf(seed)))
    for (const persona of personas) await settle(running, persona)
    await running.client.end(personas[4]!)
    const seen: string[] = []
    let after: any
    for (let pages = 0; pages < 5; pages++) {
      const page = await home.list({ limit: 2, ...(after ? { after } : {}) })
      seen.push(...page.profiles.map(({ id }) => id))
      after = page.next
      if (!after) break
    }
    expect(seen).toEqual(personas.map(({ id }) => id).sort())
    expect((await home.list({ state: 'ended' })).profiles).toMatchObject([{ id: personas[4]!.id, state: 'ended' }])
    expect(await home.stats()).toEqual({ hosted: 4, maxProfiles: 100_000, policy: 'invitation' })
    await home.quota(personas[0]!.id, 5)
    expect((await running.client.agreement(home.id, personas[0]!.pledge!.next, personas[0]!))!.quotaBytes).toBe(5)
    await expect(home.quota((await signerOf(9)).id, 5)).rejects.toMatchObject({ code: 'NOT_HOSTED' })
  })

  test('bans, and the home stops serving at once', async () => {
    const running = await openHome()
    const { home, client } = running
    const alice = await signerOf(2)
    await settle(running, alice)
    await home.ban(alice.id, 'spam')
    await expect(client.record(alice.id)).rejects.toMatchObject({ status: 410, refusal: 'BANNED' })
    await expect(client.profile(alice.id)).rejects.toMatchObject({ status: 410, refusal: 'BANNED' })
    await expect(client.putRecord(alice.id, (await versionOf(alice, { seq: 2 })).record)).rejects.toMatchObject({ status: 403, refusal: 'BANNED' })
    await expect(client.agreement(home.id, alice.pledge!.next, alice)).rejects.toMatchObject({ refusal: 'BANNED' })
    await expect(client.agree(requestOf(alice), home.id, alice)).rejects.toMatchObject({ refusal: 'BANNED' })
    expect(await running.profiles.stored(alice.id)).toBeUndefined()
    expect((await home.list({ state: 'banned' })).profiles).toMatchObject([{ id: alice.id, state: 'banned', reason: 'spam' }])
    expect(await home.unban(alice.id)).toBe(true)
    await settle(running, alice, { seq: 3 })
    expect((await client.profile(alice.id))!.hosting).toBe('active')
  })
})

describe('a version of somebody who has no agreement', () => {
  test('is refused, and leaves nothing', async () => {
    const running = await openHome()
    const alice = await signerOf(2)
    const { record } = await versionOf(alice, { seq: 1 })
    const keys = async (): Promise<string[]> => (await Array.fromAsync(running.state.entries(), ([key]) => key)).filter((key) => key.includes(alice.id))
    const put = async () => {
      const response = await fetch(`${running.url}routing/v1/ipns/${alice.id}`, { method: 'PUT', headers: { 'content-type': 'application/vnd.ipfs.ipns-record' }, body: Uint8Array.from(record) })
      return [response.status, response.headers.get('content-type'), ((await response.json()) as { code: string }).code]
    }
    expect(await put()).toEqual([403, 'application/problem+json', 'NOT_HOSTED'])
    expect(await keys()).toEqual([])
    await running.home.ban(alice.id, 'spam')
    const banned = await keys()
    expect(await put()).toEqual([403, 'application/problem+json', 'BANNED'])
    expect(await keys()).toEqual(banned)
  })
})

describe('two processes over one state', () => {
  test('are one home: each knows at once what the other was told', async () => {
    const [state, blocks] = [createMemoryStore(), createHashStore(createMemoryStore())]
    const [one, two] = [await openHome({ state, blocks }), await openHome({ state, blocks })]
    const alice = await signerOf(2)
    const { voucher } = await one.home.invite()
    const { acceptance } = await one.client.agree(requestOf(alice, { voucher }), one.home.id, alice)
    await two.client.putRecord(alice.id, (await versionOf(alice, { seq: 1, homes: [acceptance] })).record)
    expect((await one.client.agreement(one.home.id, alice.pledge!.next, alice))!.state).toBe('active')
    await two.home.ban(alice.id)
    await expect(one.client.record(alice.id)).rejects.toMatchObject({ status: 410 })
  })
})

test('a version that comes another way than by HTTP changes an agreement, too', async () => {
  const running = await openHome()
  const alice = await signerOf(2)
  await settle(running, alice)
  await running.profiles.accept(await versionOf(alice, { seq: 5 }), { id: alice.id, wait: 'local' })
  for (let tries = 0; tries < 500 && (await running.home.stats()).hosted > 0; tries++) await delay(20)
  expect((await running.home.list()).profiles).toMatchObject([{ id: alice.id, state: 'ended' }])
})

test('of two processes one passes names on and does the chores, and the other takes over when it has ended', async () => {
  const [state, blocks] = [createMemoryStore(), createHashStore(createMemoryStore())]
  let now = Date.now()
  const relayed = { one: 0, two: 0 }
  // Behind one balancer: at addresses of their own, whoever has the lease publishes the home's profile anew, which is then due later.
  const start = (name: 'one' | 'two') => openHome({ state, blocks, clock: () => now, passMs: PASS_MS, settings: { policy: 'open', publicUrls: ['https://home.example'] }, onKept: () => { relayed[name]++ } })
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => { while (!(await holds())) await delay(5) }
  const one = await start('one')
  const alice = await signerOf(2)
  await one.client.agree(requestOf(alice), one.home.id, alice)
  const holder = async (): Promise<string> => String((await state.get('home/lease/chores'))?.join())
  await until(async () => (await holder()) !== 'undefined')
  const two = await start('two')
  now += 25 * 3_600_000
  await until(async () => (await two.home.stats()).hosted === 0)
  /** The pace gives the one name that is kept here a turn every eight hours: two turns on, it is due. */
  const relaying = async (holds: () => boolean): Promise<void> => {
    let pass = Math.floor((now + RELAY_PERIOD_MS * 1.5) / PASS_MS)
    while (passLimit(1, { now: pass * PASS_MS, passMs: PASS_MS }) === 0) pass++
    now = pass * PASS_MS
    await until(holds)
  }
  await relaying(() => relayed.one + relayed.two > 0)
  // So long a leap ends the lease of whoever had it; either may be next.
  const [holding, other] = relayed.one > 0 ? [one, 'two'] as const : [two, 'one'] as const
  expect(relayed[other]).toBe(0)
  await holding.home.close()
  await relaying(() => relayed[other] > 0)
})

test('of two processes at addresses of their own one says where the home is', async () => {
  const [state, blocks] = [createMemoryStore(), createHashStore(createMemoryStore())]
  const looks = [0, 0]
  const start = (i: number) => openHome({ state, blocks, passMs: PASS_MS, addresses: () => { looks[i]!++; return [`/ip4/127.0.0.1/tcp/${i + 1}`] } })
  const [one] = [await start(0), await start(1)]
  const turns = async (): Promise<void> => {
    const before = [...looks]
    while (looks.some((count, i) => count < before[i]! + 20)) await delay(5)
  }
  await turns()
  const { sequence } = (await one.profiles.stored(one.home.id))!
  await turns()
  expect((await one.profiles.stored(one.home.id))!.sequence).toBe(sequence)
})

test('a home that is closed answers no more, and may be closed twice', async () => {
  const running = await open()
  await Promise.all([running.home.close(), running.home.close()])
  await expect(fetch(running.url)).rejects.toThrow()
  await running.close()
})

test('a home has terms of 65,536 characters, and not one more', async () => {
  const running = await openHome({ settings: { policy: 'open', terms: 'x'.repeat(65_536) } })
  expect((await running.client.describe()).terms?.text).toHaveLength(65_536)
  await expect(open({ settings: { terms: 'x'.repeat(65_537) } })).rejects.toMatchObject({ code: 'INVALID_SETTING', message: expect.stringContaining('terms') })
})

test('a ban has a reason of 1,024 bytes, and not one more', async () => {
  const { home } = await openHome()
  const { id } = await signerOf(2)
  await expect(home.ban(id, 'é'.repeat(513))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', value: 1_026 })
  expect((await home.list({ state: 'banned' })).profiles).toEqual([])
  await home.ban(id, 'é'.repeat(512))
  expect((await home.list({ state: 'banned' })).profiles).toMatchObject([{ id, reason: 'é'.repeat(512) }])
})

test.each([
  ['policy', 'everybody'], ['terms', ''], ['maxProfiles', -1], ['quotaBytes', 1.5], ['unhostedDays', NaN], ['offerHours', 0], ['agreementDays', 0]
])('a home with a wrong %s does not start', async (name, value) => {
  await expect(open({ settings: { [name]: value } as object })).rejects.toMatchObject({ code: 'INVALID_SETTING', message: expect.stringContaining(name) })
})
