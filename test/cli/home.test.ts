import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseHomeLink } from '../../src/hosting/invitation.ts'
import { cleanUp, errorOf, mercury, nextLine, start, temporaryFolder, type Ended, type RunOptions, type Told } from './mercury.ts'

/** No node: what homes and their personas say to each other is HTTP alone, between private addresses of one network. */
const CONFIG = 'blocks: level\nrouters: []\ndhtProtocol: /test/kad/1.0.0\n'

interface Started extends Told {
  policy: string
  urls: string[]
  wordsFile?: string
}

let folder: string
const children: ChildProcessWithoutNullStreams[] = []
beforeEach(async () => { folder = await temporaryFolder() })
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const closed = once(child, 'close')
    child.stdout.resume()
    child.kill('SIGKILL')
    await closed
  }
})
afterAll(cleanUp)

const make = async (name: string, config = ''): Promise<void> => {
  await mkdir(join(folder, name), { recursive: true, mode: 0o700 })
  await writeFile(join(folder, name, 'mercury.config.yaml'), CONFIG + config)
}

const on = async (name: string, argv: readonly string[], options?: RunOptions): Promise<Ended> => mercury(['--directory', join(folder, name), '--json', ...argv], options)

/** What a command answered, which must have gone well. */
const told = async (name: string, argv: readonly string[], options?: RunOptions): Promise<any> => {
  const ended = await on(name, argv, options)
  expect([argv, ended.status, ended.status === 0 ? '' : ended.stderr]).toEqual([argv, 0, ''])
  return ended.json
}

const serve = async (name: string, argv: readonly string[] = [], options?: RunOptions): Promise<{ child: ChildProcessWithoutNullStreams; started: Started }> => {
  if (!(await stat(join(folder, name)).catch(() => undefined))) await make(name)
  const child = start(['--directory', join(folder, name), '--json', 'serve', '--http', '127.0.0.1:0', ...argv], options)
  children.push(child)
  return { child, started: await nextLine(child, ({ event }) => event === 'started') as Started }
}

const stop = async (child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown[]> => {
  const closed = once(child, 'close')
  child.stdout.resume()
  child.stderr.resume()
  child.kill(signal)
  return closed
}

const init = async (name: string): Promise<string> => {
  await make(name)
  return (await told(name, ['init', '--unprotected'])).id as string
}

const invite = async (name: string, ...argv: string[]): Promise<string> => (await told(name, ['home', 'invite', ...argv])).link as string

describe('mercury serve', () => {
  test('makes a home of an empty folder, and comes back as the same one', async () => {
    const { child, started } = await serve('home')
    expect(started).toEqual({ event: 'started', directory: join(folder, 'home'), id: expect.stringMatching(/^k51/), link: expect.stringMatching(/^mercury:k51\w+\?addr=\/ip4\/127\.0\.0\.1\/tcp\/\d+\/http$/), policy: 'invitation', http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/), urls: [started.http], addresses: [], wordsFile: join(folder, 'home', 'home-words'), pid: child.pid })
    expect(parseHomeLink(started.link).home).toBe(started.id)
    expect(await (await fetch(`${started.http}/healthz`)).json()).toEqual({ status: 'ok' })
    expect(await (await fetch(`${started.http}/hosting/v1`)).json()).toMatchObject({ home: started.id, policy: 'invitation', limits: { profiles: 100_000, quotaBytes: 67_108_864, unhostedDays: 30, offerHours: 24 } })
    expect(await stop(child)).toEqual([0, null])
    const words = await readFile(started.wordsFile!, 'utf8')
    await rm(started.wordsFile!)
    const again = await serve('home')
    expect([again.started.id, again.started.wordsFile]).toEqual([started.id, undefined])
    // The words alone bring it back elsewhere.
    await make('other')
    await writeFile(join(folder, 'other', 'home-words'), words, { mode: 0o600 })
    expect((await serve('other')).started.id).toBe(started.id)
  })

  test('takes its settings by option, environment and file', async () => {
    await make('home', 'policy: closed\nquota: 1MiB\nname: By file\nterms: terms.txt\n')
    await writeFile(join(folder, 'home', 'terms.txt'), 'Be kind.\n')
    const { started } = await serve('home', ['--policy', 'open', '--public-url', 'https://home.example'], { env: { MERCURY_QUOTA: '2MiB', MERCURY_POLICY: 'invitation', MERCURY_MAX_PROFILES: '7' } })
    expect(started).toMatchObject({ policy: 'open', urls: ['https://home.example'] })
    expect(await (await fetch(`${started.http}/hosting/v1`)).json()).toMatchObject({ policy: 'open', addresses: ['/dns/home.example/tcp/443/https'], terms: { text: 'Be kind.\n' }, limits: { profiles: 7, quotaBytes: 2_097_152 } })
  })

  test.each([
    [['--policy', 'friends'], {}, 2, 'MISUSE', '--policy is one of open, invitation, closed'],
    [[], { MERCURY_QUOTA: 'much' }, 1, 'INVALID_SETTING', 'MERCURY_QUOTA in the environment is a size'],
    [['--terms', 'nowhere.txt'], {}, 1, 'FILE_NOT_FOUND', 'nowhere.txt'],
    [['--terms', '/dev/null'], {}, 1, 'FILE_UNREADABLE', 'name a file'],
    [['--trust-proxy', 'proxy.example'], {}, 2, 'MISUSE', 'an IP address']
  ])('does not start with %j and %j', async (argv, env, status, code, message) => {
    await make('home')
    const ended = await on('home', ['serve', ...argv], { env })
    expect([ended.status, errorOf(ended).code]).toEqual([status, code])
    expect(errorOf(ended).message).toContain(message)
    expect(await readdir(join(folder, 'home'))).toEqual(['mercury.config.yaml'])
  })

  test('where its port is taken it says so, or takes another where none was asked for', async () => {
    const busy = createServer().listen(8080, '127.0.0.1')
    await once(busy, 'listening').catch(() => undefined)
    try {
      await make('home')
      expect(errorOf(await on('home', ['serve', '--http', '127.0.0.1:8080'])).code).toBe('ADDRESS_IN_USE')
      const child = start(['--directory', join(folder, 'home'), '--json', 'serve'])
      children.push(child)
      let warned = ''
      child.stderr.on('data', (part: Buffer) => { warned += part.toString() })
      const started = await nextLine(child, ({ event }) => event === 'started')
      expect(started.http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(started.http).not.toContain(':8080')
      expect(warned).toContain('ADDRESS_IN_USE')
    } finally {
      busy.close()
    }
  })

  test('runs without HTTP', async () => {
    await make('home')
    const child = start(['--directory', join(folder, 'home'), '--json', 'serve', '--http', 'none'])
    children.push(child)
    expect(await nextLine(child, ({ event }) => event === 'started')).not.toHaveProperty('http')
    const invited = await on('home', ['home', 'invite'])
    expect([invited.status, invited.stderr]).toEqual([0, expect.stringContaining('NO_ADDRESS')])
  })

  test('a passphrase seals its keys', async () => {
    const env = { MERCURY_PASSPHRASE: 'rabbit' }
    const { child, started } = await serve('home', [], { env })
    await stop(child)
    expect(errorOf(await on('home', ['serve'], { env: { MERCURY_PASSPHRASE: 'hare' } })).code).toBe('WRONG_PASSPHRASE')
    expect(errorOf(await on('home', ['home', 'stats'])).code).toBe('NO_TERMINAL')
    expect((await told('home', ['home', 'stats'], { env })).home).toBe(started.id)
  })

  test('people are told the same, and help lists every setting', async () => {
    await make('home')
    const child = start(['--directory', join(folder, 'home'), 'serve', '--http', '127.0.0.1:0'])
    children.push(child)
    let text = ''
    for await (const part of child.stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      text += part.toString()
      if (text.includes('Ctrl-C')) break
    }
    for (const part of ['Home', 'k51', 'mercury:k51', 'http://127.0.0.1:', 'mercury home invite', 'home-words', 'write them down']) expect(text).toContain(part)
    const words = (await readFile(join(folder, 'home', 'home-words'), 'utf8')).trim()
    expect(text).not.toContain(words)
    const help = (await mercury(['serve', '--help'])).stdout
    for (const part of ['--http HOST:PORT', 'MERCURY_HTTP, http:', '--trust-proxy', 'MERCURY_STATE, state:', 'MERCURY_ROUTERS, routers:', 'unhostedDays:', '64MiB', '--announce', '--dht-protocol']) expect(help).toContain(part)
  })
})

describe('a persona and its homes', () => {
  test('joins by invitation, is found there, publishes to it, and leaves', async () => {
    const { started: home } = await serve('home')
    const id = await init('alice')
    const link = await invite('home')
    const joined = await told('alice', ['join', link])
    expect(joined).toMatchObject({ id, home: home.id, already: false, addresses: [expect.stringContaining('/http')] })
    expect(await told('alice', ['join', link])).toMatchObject({ already: true })
    expect(await told('home', ['home', 'list'])).toMatchObject({ profiles: [{ id, state: 'active' }] })
    expect((await told('alice', ['persona', 'show'])).homes).toEqual([{ id: home.id, addresses: joined.addresses, since: expect.any(String) }])
    expect((await told('alice', ['status'])).homes[0].id).toBe(home.id)
    expect((await told('home', ['status'])).home).toMatchObject({ id: home.id, hosted: 1, http: home.http })
    const published = await told('alice', ['publish', '-'], { stdin: 'name: Alice\navatar: alice.png', cwd: join(process.cwd(), 'examples') })
    expect(published.receipts).toContainEqual(expect.objectContaining({ target: `home:${home.id}`, outcome: 'delivered' }))
    await make('reader')
    const where = published.link as string
    expect(where).toContain(`?home=${home.id}&addr=${joined.addresses[0]}`)
    expect((await told('alice', ['persona', 'show'])).link).toContain(`?home=${home.id}&addr=`)
    expect(await told('reader', ['resolve', where])).toMatchObject({ id, profile: { name: 'Alice', avatar: { type: 'image/png' } } })
    expect(await told('reader', ['resolve', '--home', where])).toMatchObject({ id, home: home.id, confirmed: true, passedOver: [] })
    expect(await told('alice', ['leave'])).toMatchObject({ id, left: [{ home: home.id, ended: true }] })
    expect(await told('home', ['home', 'list', '--state', 'ended'])).toMatchObject({ profiles: [{ id }] })
    expect((await told('alice', ['persona', 'show'])).homes).toEqual([])
    expect(await told('alice', ['leave'])).toMatchObject({ left: [] })
  })

  test('moves with the old home killed', async () => {
    const [old, next] = [await serve('old', ['--policy', 'open']), await serve('next')]
    const id = await init('alice')
    await told('alice', ['join', old.started.http])
    await told('alice', ['publish', '-'], { stdin: 'name: Moving' })
    await stop(old.child, 'SIGKILL')
    const moved = await told('alice', ['move', await invite('next')])
    expect(moved).toMatchObject({ id, home: next.started.id, left: [{ home: old.started.id, ended: false }] })
    expect((await told('alice', ['persona', 'show'])).homes.map((home: { id: string }) => home.id)).toEqual([next.started.id])
    expect(errorOf(await on('alice', ['move'])).code).toBe('NOTHING_TO_MOVE')
    await make('reader')
    expect(await told('reader', ['resolve', '--home', `mercury:${id}?addr=${moved.addresses[0]}`])).toMatchObject({ home: next.started.id, confirmed: true })
  })

  test('is shown the terms, and has to agree', async () => {
    await make('home', 'terms: terms.txt\npolicy: open\n')
    await writeFile(join(folder, 'home', 'terms.txt'), 'Be kind.\n')
    const { started } = await serve('home')
    await init('alice')
    const refused = await on('alice', ['join', started.http])
    expect([refused.status, errorOf(refused)]).toEqual([1, { code: 'TERMS_NOT_AGREED', message: expect.stringContaining('--yes') }])
    expect(refused.stderr).toContain('Be kind.')
    expect(await told('home', ['home', 'list'])).toEqual({ profiles: [] })
    expect(await told('alice', ['join', '--yes', started.http])).toMatchObject({ home: started.id })
  })

  test('what a home refuses is said with what to do', async () => {
    const { started, child } = await serve('home')
    await init('alice')
    await init('bob')
    expect(errorOf(await on('alice', ['join', started.http]))).toMatchObject({ code: 'HOME_REFUSED', message: expect.stringContaining('give mercury join its link') })
    const link = await invite('home')
    await told('alice', ['join', link])
    expect(errorOf(await on('bob', ['join', link]))).toMatchObject({ code: 'HOME_REFUSED', message: expect.stringContaining('ask for another invitation') })
    expect(errorOf(await on('bob', ['join', `${link}!`])).code).toBe('INVALID_INVITATION')
    expect(errorOf(await on('bob', ['join', 'https://home.example/path'])).code).toBe('INVALID_URL')
    expect(errorOf(await on('bob', ['join', 'nonsense'])).code).toBe('INVALID_PROFILE_ID')
    expect((await on('bob', ['--offline', 'join', link])).status).toBe(2)
    expect((await on('bob', ['join'])).status).toBe(2)
    await stop(child)
    expect(errorOf(await on('bob', ['join', link]))).toMatchObject({ code: 'HOME_UNREACHABLE', message: expect.stringContaining('when it is up') })
    await make('nobody')
    expect(errorOf(await on('nobody', ['join', link])).code).toBe('NOT_INITIALISED')
    const single = (await on('bob', ['join', link])).stderr.trim().split('\n')
    expect(single).toHaveLength(1)
  })

  test('of the directory of a home lives at another one, through its node', async () => {
    const { started: other } = await serve('other', ['--policy', 'open'])
    const id = await init('home')
    const { started } = await serve('home')
    expect(await told('home', ['join', other.http])).toMatchObject({ id, home: other.id })
    const published = await told('home', ['publish', '-'], { stdin: 'name: Both' })
    expect(published.receipts).toContainEqual(expect.objectContaining({ target: `home:${other.id}`, outcome: 'delivered' }))
    for (const { http } of [other, started]) expect((await fetch(`${http}/routing/v1/ipns/${id}`)).status).toBe(200)
  })
})

describe('mercury home', () => {
  test.each([['while it runs', true], ['on the directory', false]])('looks after whom it hosts, %s', async (_, running) => {
    const { child, started } = await serve('home')
    const id = await init('alice')
    await told('alice', ['join', await invite('home', '--uses', '2', '--days', '1')])
    if (!running) await stop(child)
    expect(await told('home', ['home', 'stats'])).toEqual({ home: started.id, running, hosted: 1, maxProfiles: 100_000, policy: 'invitation' })
    expect(await told('home', ['home', 'quota', id, '1GB'])).toEqual({ id, quotaBytes: 1_000_000_000 })
    expect((await told('home', ['home', 'list'])).profiles).toMatchObject([{ id, state: 'active', quotaBytes: 1_000_000_000 }])
    await told('home', ['home', 'quota', id, 'default'])
    expect((await told('home', ['home', 'list', '--limit', '1'])).profiles).toMatchObject([{ id, quotaBytes: 67_108_864 }])
    expect(await told('home', ['home', 'list', '--after', id])).toEqual({ profiles: [] })
    const { link, voucher, uses } = await told('home', ['home', 'invite', '--uses', '3'])
    expect(parseHomeLink(link)).toMatchObject({ home: started.id, voucher, addresses: [expect.stringContaining('/http')] })
    expect(uses).toBe(3)
    expect(await told('home', ['home', 'ban', `mercury:${id}`, '--reason', 'too curious'])).toEqual({ id, banned: true })
    expect((await told('home', ['home', 'list', '--state', 'banned'])).profiles).toMatchObject([{ id, reason: 'too curious' }])
    expect((await told('home', ['home', 'stats'])).hosted).toBe(0)
    const http = running ? started.http : (await serve('home')).started.http
    expect((await fetch(`${http}/routing/v1/ipns/${id}`)).status).toBe(410)
    expect(await told('home', ['home', 'unban', id])).toEqual({ id, banned: false, wasBanned: true })
    expect(await told('home', ['home', 'unban', id])).toMatchObject({ wasBanned: false })
  })

  test('wrong input is refused in one sentence', async () => {
    const { started } = await serve('home')
    const cases: [string[], number, string, string][] = [
      [['home'], 2, 'MISUSE', 'mercury home invite'],
      [['home', 'invit'], 2, 'MISUSE', 'did you mean invite?'],
      [['home', 'ban'], 2, 'MISUSE', 'mercury home ban ID'],
      [['home', 'ban', 'a', 'b'], 2, 'MISUSE', 'one word too many'],
      [['home', 'ban', 'nonsense'], 1, 'INVALID_PROFILE_ID', 'copy it again'],
      [['home', 'ban', started.id], 1, 'INVALID_ARGUMENT', 'the home itself'],
      [['home', 'quota', started.id, 'much'], 2, 'MISUSE', 'write it as 64MiB'],
      [['home', 'quota', started.id, '1MiB'], 1, 'NOT_HOSTED', 'mercury home list'],
      [['home', 'invite', '--uses', '0'], 2, 'MISUSE', '--uses is a whole number from 1 to 1000'],
      [['home', 'invite', '--days', '367'], 2, 'MISUSE', '--days is a whole number from 1 to 366'],
      [['home', 'invite', '--reason', 'x'], 2, 'MISUSE', '--reason is not for mercury home invite'],
      [['home', 'list', '--state', 'gone'], 2, 'MISUSE', '--state must be one of'],
      [['home', 'list', '--limit', '1001'], 2, 'MISUSE', '--limit is a whole number']
    ]
    for (const [argv, status, code, message] of cases) {
      const ended = await on('home', argv)
      expect([argv, ended.status, errorOf(ended).code]).toEqual([argv, status, code])
      expect(errorOf(ended).message).toContain(message)
    }
    await make('nobody')
    expect(errorOf(await on('nobody', ['home', 'stats']))).toMatchObject({ code: 'NO_HOME_HERE', message: expect.stringContaining('mercury serve') })
    expect(await readdir(join(folder, 'nobody'))).toEqual(['mercury.config.yaml'])
  })
})
