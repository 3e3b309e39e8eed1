import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openLevelStore } from '../../src/adapters/level.ts'
import { cleanUp, errorOf, mercury, nextLine, start, temporaryFolder, type RunOptions } from './mercury.ts'
import { freePort } from '../services/service.ts'
import { openTestNetwork, type TestNetwork } from './network.ts'

let network: TestNetwork
let directory: string
const children: ChildProcessWithoutNullStreams[] = []

beforeAll(async () => { network = await openTestNetwork() })
beforeEach(async () => { directory = join(await temporaryFolder(), 'mercury') })
afterEach(async () => {
  await Promise.all(children.splice(0).map(async (child) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  }))
})
afterAll(async () => {
  await network.close()
  await cleanUp()
})

const run = async (argv: readonly string[], options?: RunOptions) => mercury(['--directory', directory, '--json', ...argv], options)

/** `mercury serve` on the directory, and what it said when it was ready. */
const serve = async (argv: readonly string[] = [], options?: RunOptions) => {
  const child = start(['--directory', directory, '--json', ...network.flags, 'serve', ...argv], options)
  children.push(child)
  return { child, started: await nextLine(child, ({ event }) => event === 'started') }
}

const stop = async (child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals = 'SIGTERM') => {
  const closed = once(child, 'close')
  child.kill(signal)
  child.stdout.resume()
  return closed
}

describe('serve', () => {
  test('is waited for by a command that comes while it starts', async () => {
    const port = await freePort()
    const child = start(['--directory', directory, '--json', ...network.flags, 'serve', '--http', `127.0.0.1:${port}`])
    children.push(child)
    child.stdout.resume()
    // It answers over HTTP before it takes commands.
    while (!(await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined))) await delay(5)
    expect(await run(['home', 'stats'])).toMatchObject({ status: 0 })
  })

  test('tells where it is, and other commands go through it', async () => {
    await run(['init', '--unprotected'])
    const { child, started } = await serve()
    expect(started).toEqual({ event: 'started', directory, id: expect.stringMatching(/^k51/), link: expect.stringMatching(/^mercury:k51\w+\?addr=\/ip4\/127\.0\.0\.1\/tcp\/\d+\/http&addr=/), policy: 'invitation', http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/), urls: [started.http], wordsFile: join(directory, 'home-words'), peerId: expect.stringMatching(/^12D3Koo/), addresses: [expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3Koo/)], pid: child.pid })
    expect((await stat(join(directory, 'mercury.sock'))).mode & 0o777).toBe(0o600)
    expect((await run(['status'])).json.node).toEqual({ peerId: started.peerId, addresses: started.addresses })
    const published = await run(['publish', '-'], { stdin: 'name: Served\navatar: alice.png', cwd: join(process.cwd(), 'examples') })
    expect(published).toMatchObject({ status: 0, stderr: '' })
    expect((await run(['resolve', published.json.id])).json.profile).toMatchObject({ name: 'Served', avatar: { type: 'image/png' } })
    const exported = await mercury(['--directory', directory, 'export', published.json.id])
    expect((await mercury(['--json', 'verify', '-'], { stdin: exported.bytes })).json).toMatchObject({ name: 'Served', blocks: 2, missing: [] })
    expect(await stop(child)).toEqual([0, null])
    expect((await run(['status'])).json.node).toBeNull()
  })

  test('forwards exit statuses, errors and misuse', async () => {
    await serve()
    expect(errorOf(await run(['persona', 'list'])).code).toBe('NOT_INITIALISED')
    expect(errorOf(await run(['publish', '/nowhere.yaml'])).code).toBe('FILE_NOT_FOUND')
    expect(await run(['watch', 'k51', '--every', 'x'])).toMatchObject({ status: expect.any(Number) })
    expect((await run(['persona', 'nonsense'])).status).toBe(2)
    expect((await mercury(['--directory', directory, 'persona', 'list'])).stderr).toMatch(/^mercury: there are no personas .*\n$/)
  })

  test('asks for the passphrase that the command has, not that the node has', async () => {
    await run(['init'], { env: { MERCURY_PASSPHRASE: 'one' } })
    await serve([], { env: { MERCURY_PASSPHRASE: 'one' } })
    const publish = async (env: Record<string, string>) => run(['publish', '-'], { stdin: 'name: A', env })
    expect(errorOf(await publish({})).code).toBe('NO_TERMINAL')
    expect(errorOf(await publish({ MERCURY_PASSPHRASE: 'two' })).code).toBe('WRONG_PASSPHRASE')
    expect((await publish({ MERCURY_PASSPHRASE: 'one' })).status).toBe(0)
  })

  test('does not start with a wrong passphrase', async () => {
    await run(['init'], { env: { MERCURY_PASSPHRASE: 'one' } })
    expect(errorOf(await run([...network.flags, 'serve'], { env: { MERCURY_PASSPHRASE: 'two' } })).code).toBe('WRONG_PASSPHRASE')
  })

  test('a network of one\'s own or offline sending makes no sense through it', async () => {
    await run(['init', '--unprotected'])
    await serve()
    for (const argv of [['--router', 'http://127.0.0.1:1', 'status'], ['--bootstrap', network.addressOf(0), 'status'], ['--offline', 'publish', '-'], ['--offline', 'remove']]) {
      expect([argv, errorOf(await run(argv, { stdin: 'name: A' })).code]).toEqual([argv, 'NODE_RUNNING'])
    }
    // The home's own profile.
    expect((await run(['status'])).json.kept).toBe(1)
  })

  test('speaks for one persona, for good', async () => {
    await run(['init', '--unprotected'])
    const { child } = await serve()
    const first = (await run(['publish', '-'], { stdin: 'name: First' })).json.id
    const second = (await run(['persona', 'create', 'second'])).json.id
    await run(['persona', 'use', 'second'])
    const refused = await run(['publish', '-'], { stdin: 'name: Second' })
    expect(refused.status).toBe(1)
    expect(errorOf(refused)).toMatchObject({ code: 'PERSONAS_WOULD_LINK', message: expect.stringContaining(first) })
    expect(errorOf(await run(['remove'])).code).toBe('PERSONAS_WOULD_LINK')
    await stop(child)
    // By itself the second one can be published, with a peer identity of its own; the node still does not carry it.
    expect((await run([...network.flags, 'publish', '-'], { stdin: 'name: Second' })).json).toMatchObject({ id: second, pending: [] })
    const { started } = await serve()
    expect(started.persona.id).toBe(first)
    expect(errorOf(await run(['publish', '-'], { stdin: 'name: Second' })).code).toBe('PERSONAS_WOULD_LINK')
  })

  test('keeps what is owed from before a restart, and answers for it', async () => {
    await run(['init', '--unprotected'])
    const { json: { id } } = await run(['--offline', 'publish', '-'], { stdin: 'name: Owed' })
    const { started } = await serve()
    expect(started.persona).toEqual({ id, link: expect.stringContaining(`mercury:${id}?addr=`) })
    while ((await run(['status'])).json.owed.length > 0);
    const reader = join(await temporaryFolder(), 'reader')
    expect((await mercury(['--directory', reader, '--json', ...network.flags, 'resolve', id])).json.profile.name).toBe('Owed')
  })

  test('a killed node leaves a socket that is in nobody\'s way', async () => {
    await run(['init', '--unprotected'])
    const { child, started } = await serve()
    await run(['publish', '-'], { stdin: 'name: Before' })
    await stop(child, 'SIGKILL')
    expect((await stat(join(directory, 'mercury.sock'))).isSocket()).toBe(true)
    const status = await run(['status'])
    expect(status.json).toMatchObject({ node: null, kept: 2 })
    const again = await serve()
    expect(again.started.peerId).toBe(started.peerId)
    expect((await run(['status'])).json.node?.addresses).toEqual(again.started.addresses)
    expect((await run(['--offline', 'resolve', status.json.current])).json.profile.name).toBe('Before')
  })

  test('a command whose node is killed says so', async () => {
    const { child } = await serve()
    const watching = run(['watch', 'k51qzi5uqu5dkghbugk78xndgxbqgc71vutwz1zwkv3u6xgsz96kwwtfxx701f'])
    while ((await connections(join(directory, 'mercury.sock'))) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    await stop(child, 'SIGKILL')
    expect(errorOf(await watching)).toMatchObject({ code: 'NODE_STOPPED', message: expect.stringContaining('run it again') })
  })

  test('stops while a command watches, and that one ends', async () => {
    await run(['init', '--unprotected'])
    const { child } = await serve()
    const { json: { id } } = await run(['publish', '-'], { stdin: 'name: Watched' })
    const watcher = start(['--directory', directory, '--json', 'watch', id])
    children.push(watcher)
    await nextLine(watcher)
    const watched = once(watcher, 'close')
    watcher.stdout.resume()
    expect(await stop(child, 'SIGINT')).toEqual([0, null])
    expect((await watched)[0]).toBe(0)
  })

  test('an interrupted command ends in the node too', async () => {
    const { child } = await serve()
    const watcher = start(['--directory', directory, '--json', 'watch', 'k51qzi5uqu5dkghbugk78xndgxbqgc71vutwz1zwkv3u6xgsz96kwwtfxx701f'])
    children.push(watcher)
    while ((await connections(join(directory, 'mercury.sock'))) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await stop(watcher, 'SIGINT')).toEqual([130, null])
    while ((await connections(join(directory, 'mercury.sock'))) > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await stop(child)).toEqual([0, null])
  })

  test('takes many commands at once', async () => {
    await run(['init', '--unprotected'])
    const { started } = await serve()
    const [published, ...created] = await Promise.all([
      run(['publish', '-'], { stdin: 'name: Busy' }),
      ...['a', 'b', 'c'].map(async (label) => run(['persona', 'create', label])),
      ...Array.from({ length: 3 }, async () => run(['status']))
    ])
    expect(published.status).toBe(0)
    for (const { status, stderr } of created) expect([status, stderr]).toEqual(status === 0 ? [0, ''] : [1, expect.stringContaining('CONFLICT')])
    const { personas } = (await run(['persona', 'list'])).json
    expect(new Set(personas.map(({ id }: { id: string }) => id)).size).toBe(personas.length)
    expect((await run(['status'])).json.node?.peerId).toBe(started.peerId)
  })

  test('where the directory\'s name is too long for a socket, it listens elsewhere', async () => {
    directory = join(await temporaryFolder(), 'm'.repeat(120))
    await run(['init', '--unprotected'])
    const { child, started } = await serve()
    await expect(stat(join(directory, 'mercury.sock'))).rejects.toMatchObject({ code: 'ENOENT' })
    expect((await run(['status'])).json.node?.peerId).toBe(started.peerId)
    await stop(child)
    expect((await run(['status'])).json.node).toBeNull()
  })

  test('answers over HTTP, to a command that knows it as its home', async () => {
    await run(['init', '--unprotected'])
    const { started } = await serve(['--http', '127.0.0.1:0'])
    expect(started.http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await (await fetch(`${started.http}/healthz`)).json()).toEqual({ status: 'ok' })
    const [other, reader] = [join(await temporaryFolder(), 'other'), join(await temporaryFolder(), 'reader')]
    const config = join(await temporaryFolder(), 'mercury.config.yaml')
    await writeFile(config, 'blocks: level\nrouters: []\ndhtProtocol: /nobody/kad/1.0.0\n')
    const apart = ['--config', config, '--router', started.http]
    await mercury(['--directory', other, 'init', '--unprotected'])
    // Strangers are not hosted.
    const refused = await mercury(['--directory', other, '--json', ...apart, 'publish', '-'], { stdin: 'name: Stranger' })
    expect([refused.status, errorOf(refused).code]).toEqual([1, 'UNDELIVERED'])
    const { link } = (await run(['home', 'invite'])).json
    expect((await mercury(['--directory', other, '--json', ...apart, 'join', link])).status).toBe(0)
    const published = await mercury(['--directory', other, '--json', ...apart, 'publish', '-'], { stdin: 'name: Hosted' })
    expect(published.status).toBe(0)
    expect(published.json.receipts).toContainEqual(expect.objectContaining({ target: expect.stringContaining('delegated:127.0.0.1'), outcome: 'delivered' }))
    const resolved = await mercury(['--directory', reader, '--json', ...apart, 'resolve', published.json.id])
    expect(resolved.json).toMatchObject({ profile: { name: 'Hosted' }, source: expect.stringContaining('delegated:') })
    expect((await run(['status'])).json.kept).toBe(2)
  })

  test.each([['8080'], ['localhost'], ['127.0.0.1:99999'], ['::1:8080'], ['127.0.0.1:http']])('--http %s is misuse', async (address) => {
    expect((await run(['serve', '--http', address])).status).toBe(2)
  })

  test('an HTTP address in use is told, and the directory is given back', async () => {
    const busy = createServer().listen(0, '127.0.0.1')
    await once(busy, 'listening')
    const { port } = busy.address() as { port: number }
    expect(errorOf(await run([...network.flags, 'serve', '--http', `127.0.0.1:${port}`]))).toMatchObject({ code: 'ADDRESS_IN_USE', message: expect.stringContaining('--http') })
    busy.close()
    expect((await run(['status'])).status).toBe(0)
  })
})

describe('a directory in use', () => {
  test('by something that is no node: STORE_LOCKED', async () => {
    await run(['init', '--unprotected'])
    const store = await openLevelStore({ location: join(directory, 'state') })
    for (const argv of [['status'], ['persona', 'create'], ['--offline', 'publish', '-'], ['serve']]) {
      const refused = await run(argv, { stdin: 'name: A' })
      expect([argv, refused.status, errorOf(refused).code]).toEqual([argv, 1, 'STORE_LOCKED'])
    }
    await store.close()
    expect((await run(['status'])).status).toBe(0)
  })

  test('by a node: there is one', async () => {
    await serve()
    const second = await run([...network.flags, 'serve'])
    expect([second.status, errorOf(second).code]).toEqual([1, 'STORE_LOCKED'])
    expect((await run(['status'])).json.node).not.toBeNull()
  })

  test('a directory that cannot be one', async () => {
    const folder = await temporaryFolder()
    directory = join(folder, 'file')
    await writeFile(directory, '')
    expect(errorOf(await run(['init', '--unprotected']))).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(directory) })
    directory = join(folder, 'odd')
    await mkdir(directory)
    await writeFile(join(directory, 'mercury.sock'), 'no socket')
    expect((await run(['init', '--unprotected'])).status).toBe(0)
  })
})

/** How many processes are connected to a Unix socket. */
const connections = async (path: string): Promise<number> => {
  const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n').filter((line) => line.endsWith(` ${path}`))
  // The listening socket has flag 00010000; the accepted ones carry its name too.
  return lines.filter((line) => line.split(/\s+/)[3] !== '00010000').length
}
