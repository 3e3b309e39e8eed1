import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createHomeTransport } from '../src/adapters/home-transport.ts'
import { DEFAULT_HTTP, openHome, openOperator, type OpenedHome } from '../src/home.ts'
import { createHomeClient } from '../src/hosting/home-client.ts'
import { parseHomeLink } from '../src/hosting/invitation.ts'
import { parseProfileId } from '../src/identity/profile-id.ts'
import { generateSeedPhrase, openSeed } from '../src/identity/seed.ts'
import { acceptHosting } from '../src/index.ts'
import { openMercury, type Mercury } from '../src/node.ts'
import { versionOf } from './home/running-home.ts'

const LOCAL = { blocks: 'level', routers: [], dhtProtocol: '/test/kad/1.0.0', env: {} } as const
const NETWORK = { dhtProtocol: '/test/kad/1.0.0', env: {} } as const

let folder: string
const opened: { close(): Promise<void> }[] = []
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'mercury-home-')) })
afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close()
  await rm(folder, { recursive: true })
})

const keep = <T extends { close(): Promise<void> }>(part: T): T => {
  opened.push(part)
  return part
}
const home = async (options: Partial<Parameters<typeof openHome>[0]> = {}): Promise<OpenedHome> => keep(await openHome({ directory: join(folder, 'home'), http: { port: 0 }, ...LOCAL, ...options }))
const persona = async () => (await openSeed(generateSeedPhrase())).persona(0)
const device = async (options: Partial<Parameters<typeof openMercury>[0]> = {}): Promise<Mercury> => keep(await openMercury({ directory: join(folder, 'device'), ...LOCAL, ...options }))

describe('openHome', () => {
  test('runs everything of a home in an empty directory, and is the same one the next time', async () => {
    const first = await home()
    expect(await readdir(join(folder, 'home'))).toEqual(expect.arrayContaining(['home-vault', 'home-words', 'state']))
    expect(first.wordsFile).toBe(join(folder, 'home', 'home-words'))
    expect(parseHomeLink(first.link)).toMatchObject({ home: first.id, addresses: first.description.addresses })
    expect((await fetch(`${first.url}/profiles/v1/${first.id}`)).headers.get('content-type')).toContain('cbor')
    await first.close()
    await first.close()
    const again = await home()
    expect(again.id).toBe(first.id)
  })

  test('hosts whom it invited: joined, found, and looked after', async () => {
    const running = await home()
    const alice = await persona()
    const { profiles } = await device()
    const { link } = await running.invite({ uses: 1 })
    await profiles.publish({ name: 'Alice' }, alice, { wait: 'local', first: true })
    await profiles.join(alice, link)
    expect(await profiles.resolveHome(alice.id)).toMatchObject({ home: running.id, confirmed: true })
    expect((await running.list()).profiles).toMatchObject([{ id: alice.id, state: 'active' }])
    await running.ban(alice.id, 'spam')
    await expect(profiles.resolveHome(alice.id)).rejects.toMatchObject({ code: 'NO_HOME' })
  })

  test('goes to no address that the profiles of others give', async () => {
    let dialled = 0
    const trap = createServer().on('connection', (socket) => { dialled++; socket.destroy() }).listen(0, '127.0.0.1')
    await once(trap, 'listening')
    try {
      const address = `/ip4/127.0.0.1/tcp/${(trap.address() as AddressInfo).port}/http`
      const running = await home({ policy: 'open' })
      const [alice, elsewhere] = [await persona(), await persona()]
      const next = alice.pledge?.next ?? null
      const client = createHomeClient({ transport: keep(createHomeTransport()), urls: [`${running.url}/`], trusted: true, clock: Date.now })
      const { acceptance } = await client.agree({ persona: alice.id, next, ...(alice.pledge ? { pledge: alice.pledge.sig } : {}) }, running.id, alice)
      const trapped = { ...await acceptHosting({ persona: alice.id, since: acceptance.since, next }, elsewhere), addrs: [address] }
      const { record } = await versionOf(alice, { seq: 1, homes: [acceptance, trapped] })
      await client.putRecord(alice.id, record)
      // What the home owes to others because of this version is done.
      await expect.poll(async () => dialled > 0 || (await running.mercury.state.get(`outbox/${alice.id}`)) === undefined, { timeout: 30_000 }).toBe(true)
      expect((await client.profile(alice.id))?.hosting).toBe('active')
      expect(dialled).toBe(0)
      await fetch(`http://127.0.0.1:${(trap.address() as AddressInfo).port}/`).catch(() => undefined)
      expect(dialled).toBe(1)
    } finally {
      trap.close()
    }
  })

  test('its book can be opened while it does not run', async () => {
    const running = await home()
    const { id } = running
    await running.close()
    const mercury = await device({ directory: join(folder, 'home'), offline: true })
    const operator = keep(await openOperator({ directory: join(folder, 'home'), mercury }))
    expect(operator.id).toBe(id)
    expect(parseHomeLink((await operator.invite()).link)).toMatchObject({ home: id, addresses: [expect.stringContaining('/http')] })
    expect(await operator.stats()).toMatchObject({ hosted: 0 })
  })

  test('is a node of the network, too: its own peer, WebSocket where asked, and a relay for whoever lives here', async () => {
    const running = await home({ ...NETWORK, blocks: undefined, routers: undefined, listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] })
    expect(running.mercury.addresses.filter((address) => address.includes('/ws'))).toHaveLength(1)
    expect(running.description.peer).toBe(running.mercury.peerId)
    const alice = await persona()
    const { profiles, peerId } = await device({ ...NETWORK, blocks: undefined, routers: undefined, bootstrap: [running.mercury.addresses[0]!], peerKey: alice.leaves.peer })
    expect(await running.relaysFor(parseProfileId(peerId!))).toBe(false)
    await profiles.join(alice, (await running.invite()).link, { peer: peerId!, first: true })
    expect(await running.relaysFor(parseProfileId(peerId!))).toBe(true)
    expect((await profiles.resolve(running.id)).profile.kind).toBe('home')
  })

  test('takes a free port where the default one is taken, and none without HTTP', async () => {
    const busy = createServer().listen(DEFAULT_HTTP.port, DEFAULT_HTTP.host)
    await once(busy, 'listening').catch(() => undefined)
    try {
      const elsewhere = await home({ http: undefined })
      expect(elsewhere.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(elsewhere.url).not.toContain(`:${DEFAULT_HTTP.port}`)
      await elsewhere.close()
      await expect(home({ http: DEFAULT_HTTP })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
      expect((await home({ http: false })).url).toBeUndefined()
    } finally {
      busy.close()
    }
  })

  test.each([[{ policy: 'friends' as never }, 'INVALID_SETTING'], [{ publicUrls: ['home.example'] }, 'INVALID_URL'], [{ blocks: 'nowhere' }, 'INVALID_PLACE']])('refuses %j, and gives the directory back', async (options, code) => {
    await expect(home(options)).rejects.toMatchObject({ code })
    await home()
  })
})

test('the example of its documentation runs as it is printed there', async () => {
  const source = await readFile(new URL('../src/home.ts', import.meta.url), 'utf8')
  const [, block] = /```ts\n([\s\S]*?)\n \* ```/.exec(source)!
  const code = block!.replaceAll(/^ \* ?/gm, '')
    .replace('mercury-profiles/home', new URL('../src/home.ts', import.meta.url).href)
    .replace("directory: '/srv/home'", `directory: ${JSON.stringify(join(folder, 'example'))}, http: { port: 0 }, blocks: 'level', routers: []`)
  await writeFile(join(folder, 'example.mjs'), code)
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'example.mjs')])
  expect(stdout.trim().split('\n')).toEqual([expect.stringMatching(/^mercury:k51\w+\?addr=\/dns\/home\.example\/tcp\/443\/https$/), expect.stringMatching(/^mercury:k51.*&invitation=[\w-]+$/)])
})
