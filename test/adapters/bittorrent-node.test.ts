import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createAllowance } from '../../src/adapters/bittorrent/allowance.ts'
import { createBittorrentRouter, createBittorrentStore, openBittorrentNode, type BittorrentNode, type BittorrentNodeOptions } from '../../src/adapters/bittorrent/index.ts'
import { decodeBencode, encodeBencode } from '../../src/adapters/bittorrent/bencode.ts'
import { itemSignedBytes } from '../../src/adapters/bittorrent/item.ts'
import { openKrpcSocket, type Query } from '../../src/adapters/bittorrent/krpc-socket.ts'
import { BITTORRENT_PACKAGES } from '../../src/adapters/bittorrent/node.ts'
import { createTurns } from '../../src/adapters/slots.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { closePlainNode, getPlainly, makeHostile, openBittorrentNetwork, openPlainNode, openSwarm, putPlainly, until } from '../bittorrent-network.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

const open = async (options: BittorrentNodeOptions = {}): Promise<BittorrentNode> => {
  const node = await openBittorrentNode({ host: '127.0.0.1', ...options })
  closers.push(node.close)
  return node
}

/** A node of the library that knows `node` alone. */
const openNeighbour = async (node: BittorrentNode) => {
  const neighbour = await openPlainNode({ bootstrap: [`127.0.0.1:${node.address().port}`] })
  closers.push(async () => closePlainNode(neighbour))
  return neighbour
}

const run = async (script: string, ...args: string[]): Promise<{ code: unknown; output: string }> =>
  new Promise((resolve) => execFile(process.execPath, [...args, '--input-type=module-typescript', '--eval', script], (error, stdout, stderr) => resolve({ code: error ? error.code : 0, output: stdout + stderr })))

const alice = await createSigner(new Uint8Array(32).fill(1))
const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest()

describe('a node', () => {
  it('that serves keeps what a node without code of ours puts, and gives it back', async () => {
    const node = await open({ dht: 'server' })
    const neighbour = await openNeighbour(node)
    expect(await putPlainly(neighbour, { v: Buffer.from('immutable') })).toBe(1)
    const unsigned = { seq: 4, v: Buffer.from('mutable') }
    const item = { ...unsigned, k: Buffer.from(alice.publicKey), sig: Buffer.from(await alice.sign(itemSignedBytes({}, unsigned))) }
    expect(await putPlainly(neighbour, item)).toBe(1)
    const reader = await openNeighbour(node)
    expect((await getPlainly(reader, sha1(Buffer.from('9:immutable'))))?.v).toEqual(Buffer.from('immutable'))
    expect(await getPlainly(reader, sha1(alice.publicKey))).toMatchObject({ seq: 4, v: Buffer.from('mutable') })
  })

  it('that serves keeps no item whose signature does not verify', async () => {
    const node = await open({ dht: 'server' })
    const neighbour = await openNeighbour(node)
    const k = Buffer.from(alice.publicKey)
    const sig = Buffer.from(await alice.sign(itemSignedBytes({}, { seq: 4, v: Buffer.from('other') })))
    await expect(putPlainly(neighbour, { v: Buffer.from('forged'), k, seq: 4, sig })).rejects.toThrow('All queries failed')
    expect(await getPlainly(await openNeighbour(node), sha1(alice.publicKey))).toBeNull()
  })

  it('that only asks is not put into the table of one of ours that serves', async () => {
    const server = await open({ dht: 'server' })
    const bootstrap = [`127.0.0.1:${server.address().port}`]
    const client = await open({ bootstrap })
    const other = await open({ bootstrap, dht: 'server' })
    await until(() => client.peers() > 0 && other.peers() > 0)
    for (const node of [client, other]) await node.dht.getImmutable(new Uint8Array(20), { signal: new AbortController().signal })
    expect(server.peers()).toBe(1)
  })

  it('takes an answer from the address that it asked, and from no other', async () => {
    const [asked, other] = await Promise.all([0, 1].map(async () => {
      const socket = createSocket('udp4')
      socket.bind(0, '127.0.0.1')
      await once(socket, 'listening')
      closers.push(async () => { socket.close() })
      return socket
    })) as [Socket, Socket]
    let answering = other
    asked.on('message', (packet: Buffer, from) => {
      const { t } = decodeBencode(packet, 4_096) as { t: Buffer }
      answering.send(encodeBencode({ t, y: Buffer.from('r'), r: { id: Buffer.alloc(20, 1) } }), from.port, from.address)
    })
    const node = await open({ bootstrap: [`127.0.0.1:${asked.address().port}`], answerMs: 100 })
    const { signal } = new AbortController()
    await expect(node.dht.getImmutable(new Uint8Array(20), { signal })).rejects.toMatchObject({ code: 'UNREACHABLE' })
    answering = asked
    expect(await node.dht.getImmutable(new Uint8Array(20), { signal })).toBeUndefined()
  })

  it('puts an item at the eight nodes that are closest to it', async () => {
    const network = await openBittorrentNetwork(14)
    closers.push(network.close)
    const node = await network.join({ dht: 'client' })
    const value = Buffer.from('value')
    const target = sha1(Buffer.from('5:value'))
    const distance = (id: Buffer): string => Buffer.from(id.map((byte, i) => byte ^ target[i]!)).toString('hex')
    const at: Buffer[] = []
    for (const plain of network.plain) plain.on('put', () => at.push(plain.nodeId))
    await node.dht.putImmutable(value, { signal: new AbortController().signal })
    expect(at.map(distance).sort()).toEqual(network.plain.map(({ nodeId }) => distance(nodeId)).sort().slice(0, 8))
  })

  it('has nothing under way for a walk that was aborted, and asks no more for it', async () => {
    const silent = await openKrpcSocket({ host: '127.0.0.1', port: 0, answers: false, allowPrivate: true })
    const socket = await openKrpcSocket({ host: '127.0.0.1', port: 0, answers: false, allowPrivate: true, answerMs: 3_600_000 })
    for (const each of [silent, socket]) closers.push(async () => new Promise((resolve) => each.destroy(resolve)))
    const peer = { host: '127.0.0.1', port: silent.address().port }
    const ask = async (message: Query): Promise<unknown> => new Promise((resolve) => { socket.query(peer, message, (error) => resolve(error?.code)) })
    const [walk, other] = [0, 1].map((): Query => ({ q: 'ping', a: { id: Buffer.alloc(20) } })) as [Query, Query]
    const controller = new AbortController()
    socket.bound(walk, { signal: controller.signal, maxQueries: 2 })
    const asked = [ask(walk), ask(walk)]
    expect(await ask(walk)).toBe('ECANCELLED')
    void ask(other)
    expect(socket.inflight).toBe(3)
    controller.abort()
    expect(socket.inflight).toBe(1)
    expect(await Promise.all(asked)).toEqual(['ECANCELLED', 'ECANCELLED'])
    expect(await ask(walk)).toBe('ECANCELLED')
  })

  it('waits for nobody once it has the item', async () => {
    const network = await openBittorrentNetwork(5)
    closers.push(network.close)
    const { dht } = await network.join({ answerMs: 3_600_000 })
    const { signal } = new AbortController()
    await dht.putImmutable(Buffer.from('value'), { signal })
    for (const plain of network.plain.slice(1)) makeHostile(plain, () => undefined)
    expect(await dht.getImmutable(sha1(Buffer.from('5:value')), { signal })).toEqual(Buffer.from('value'))
  })

  it('asks no private address unless it may', async () => {
    const swarm = await openSwarm(1, Buffer.alloc(20), () => ({}))
    closers.push(swarm.close)
    const { signal } = new AbortController()
    const shy = await open({ bootstrap: swarm.bootstrap, allowPrivate: false })
    await expect(shy.dht.getImmutable(new Uint8Array(20), { signal })).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(swarm.asked()).toBe(0)
    const bold = await open({ bootstrap: swarm.bootstrap })
    expect(await bold.dht.getImmutable(new Uint8Array(20), { signal })).toBeUndefined()
    expect(swarm.asked()).toBe(1)
  })

  it('looks up the names of bootstrap nodes, and one that leads nowhere is no error', async () => {
    const swarm = await openSwarm(1, Buffer.alloc(20), () => ({}))
    closers.push(swarm.close)
    const node = await open({ bootstrap: [swarm.bootstrap[0]!.replace('127.0.0.1', 'localhost'), 'a..b:1'] })
    await until(() => node.peers() === 1)
  })

  it('cannot have a port that somebody has', async () => {
    const { port } = (await open()).address()
    await expect(openBittorrentNode({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'LISTEN_FAILED', message: `cannot listen on UDP 127.0.0.1:${port}` })
  })

  it('may be closed twice, and refuses everything afterwards', async () => {
    const node = await open()
    await node.close()
    await node.close()
    await expect(node.dht.putImmutable(1, { signal: new AbortController().signal })).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('leaves no timer and no socket when it is closed in the middle of its work, so that the process ends by itself', async () => {
    const { code, output } = await run(`
      import { openBittorrentNetwork, makeHostile } from './test/bittorrent-network.ts'
      import { createBittorrentRouter, createBittorrentStore } from './src/adapters/bittorrent/index.ts'
      import { createMemoryStore } from './src/store/memory-store.ts'
      import { cidOf, RAW } from './src/store/block.ts'
      import { createSigner } from './src/identity/signer.ts'
      const network = await openBittorrentNetwork(5)
      const node = await network.join()
      makeHostile(network.plain[0], () => undefined)
      const store = createBittorrentStore(node, { state: createMemoryStore() })
      const router = createBittorrentRouter(node)
      const { id } = await createSigner(new Uint8Array(32).fill(1))
      const bytes = new Uint8Array(5_000)
      const calls = [store.put(await cidOf(bytes, RAW), bytes), store.get(await cidOf(new Uint8Array(1), RAW)), Array.fromAsync(router.get(id))]
      await new Promise((resolve) => setTimeout(resolve, 10))
      await node.close()
      console.log((await Promise.allSettled(calls)).map(({ reason }) => reason.code).join())
      await store.close()
      await router.close()
      await network.close()
      // A handle that was closed is gone in the next round of the event loop.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      console.log(process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap').join())
    `)
    expect({ code, output }).toEqual({ code: 0, output: 'CLOSED,CLOSED,CLOSED\n\n' })
  })
})

describe('the library', () => {
  it('is named with its install line where it is missing, and only then', async () => {
    const hooks = `data:text/javascript,${encodeURIComponent(`
      import { registerHooks } from 'node:module'
      registerHooks({ resolve: (specifier, context, next) => {
        if (specifier === 'bittorrent-dht') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
        return next(specifier, context)
      } })
    `)}`
    const { output } = await run(`
      import { openBittorrentNode } from './src/adapters/bittorrent/index.ts'
      await openBittorrentNode({ host: '127.0.0.1' }).catch((error) => console.log(error.code, error.message))
    `, '--import', hooks)
    expect(output).toMatch(/^MISSING_DEPENDENCY .*npm install bittorrent-dht@11\.0\.12\n$/)
  })

  it('has the version that this repository is tested with in its install line', async () => {
    const { version } = JSON.parse(await readFile('node_modules/bittorrent-dht/package.json', 'utf8')) as { version: string }
    expect(BITTORRENT_PACKAGES).toEqual([`bittorrent-dht@${version}`])
  })
})

it('an allowance is a second\'s worth at once, and so many a second', () => {
  let ms = 0
  const take = createAllowance(100, () => ms)
  const taken = (): number => Array.from({ length: 1_000 }, take).filter(Boolean).length
  expect(taken()).toBe(100)
  ms += 500
  expect(taken()).toBe(50)
  ms += 60_000
  expect(taken()).toBe(100)
})

it('turns are taken in order, so many at once; who is aborted loses his place', async () => {
  const takeTurn = createTurns(2)
  const { signal } = new AbortController()
  const controller = new AbortController()
  const works = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const begun: number[] = []
  const turns = works.map(async ({ promise }, i) => takeTurn(i === 2 ? controller.signal : signal, async () => {
    begun.push(i)
    await promise
  }))
  const reason = new Error('enough')
  controller.abort(reason)
  await expect(turns[2]).rejects.toBe(reason)
  expect(begun).toEqual([0, 1])
  works[0]!.resolve()
  await turns[0]
  await new Promise(setImmediate)
  expect(begun).toEqual([0, 1, 3])
  for (const { resolve } of works) resolve()
  await Promise.all([turns[1], turns[3]])
  await takeTurn(signal, async () => undefined)
})

it('store and router take a node as it is opened', async () => {
  const node = await open()
  expect(createBittorrentStore(node).supports).toEqual({ put: true, pin: false, persistence: false, network: true })
  expect(createBittorrentRouter(node).name).toBe('bittorrent')
})
