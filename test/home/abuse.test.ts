import { createPrivateKey, createPublicKey } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { createClientAddresses, networkOf } from '../../src/home/client-address.ts'
import { openServer, type HomeServer } from '../../src/home/server.ts'
import { AddressCounts, HEADERS_TIMEOUT_MS, IDLE_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_BODY_BYTES, MAX_HEADER_BYTES, REQUEST_TIMEOUT_MS, createRequestBudget } from '../../src/home/request-limits.ts'
import type { Route } from '../../src/home/route.ts'
import { MAX_STREAMS, MAX_STREAMS_PER_ADDRESS } from '../../src/home/routes/events.ts'
import { createStrangerRecords } from '../../src/home/stranger-records.ts'
import { parseProfileId, type ProfileId } from '../../src/index.ts'
import { MAX_PINNED_BLOCKS, MAX_PINNED_DEPTH } from '../../src/limits.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import { DAG_CBOR, RAW, putBlock } from '../../src/store/block.ts'
import { NOON, routerOf, signerOf } from '../client/world.ts'
import { openTestHome, versionOf, type TestHome } from './home-server.ts'

const alice = await signerOf(1)
const record = await versionOf(alice, 'Alice')
const MANY = { connectionsPerAddress: 64, burst: 1e6, requestsPerSecond: 1e6 }

let home: TestHome
const sockets: Socket[] = []
const servers: HomeServer[] = []

beforeEach(async () => {
  home = await openTestHome({ limits: MANY })
  await home.profiles.accept({ record }, { wait: 'local' })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) await server.close({ graceMs: 0 })
  await home.close()
})

const hosted = (): string => `/routing/v1/ipns/${alice.id}`
const isServed = async (): Promise<boolean> => (await fetch(home.server.url + hosted())).status === 200

/** @param localAddress any of 127.0.0.0/8: each is an address of its own to the home */
const dial = (localAddress = '127.0.0.1', url = home.server.url): Socket => {
  const { hostname, port } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, localAddress })
  socket.on('error', () => undefined)
  sockets.push(socket)
  return socket
}

const answerOn = async (socket: Socket, request: string): Promise<string> => {
  socket.write(request)
  return String((await once(socket, 'data') as [Buffer])[0])
}

/** The server of Node that answers as the home. */
const serverOf = async (): Promise<Server> => {
  let found: Server | undefined
  const listen = (message: unknown): void => { found = (message as { server: Server }).server }
  subscribe('http.server.request.start', listen)
  await (await fetch(`${home.server.url}/healthz`)).arrayBuffer()
  unsubscribe('http.server.request.start', listen)
  return found!
}

test('waits as long as it says for a head, a request, the next one, and somebody who does not go on', async () => {
  expect([HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS, KEEP_ALIVE_MS, IDLE_TIMEOUT_MS, MAX_BODY_BYTES]).toEqual([10_000, 30_000, 5_000, 30_000, 1_048_576])
  const { headersTimeout, requestTimeout, keepAliveTimeout, timeout } = await serverOf()
  expect({ headersTimeout, requestTimeout, keepAliveTimeout, timeout }).toEqual({ headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000, timeout: 30_000 })
})

test.each([
  ['a head', { headersTimeout: 200 }, 'GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ', ' 408 '],
  ['a body', { headersTimeout: 200, requestTimeout: 200 }, `PUT ${hosted()} HTTP/1.1\r\nhost: x\r\ncontent-type: ${IPNS_RECORD_TYPE}\r\ncontent-length: 1000\r\n\r\nabc`, ' 408 '],
  ['the next request', { keepAliveTimeout: 1, keepAliveTimeoutBuffer: 1 }, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n', ' 200 ']
])('ends the connection of somebody who takes longer than that for %s, and nobody else\'s', async (_, shorter, sent, answer) => {
  Object.assign(await serverOf(), shorter)
  const slow = dial()
  let text = ''
  slow.on('data', (data) => { text += String(data) })
  slow.write(sent)
  await once(slow, 'close')
  expect(text).toContain(answer)
  expect(await isServed()).toBe(true)
})

test('a head of 16 KiB is read, and a longer one is not', async () => {
  const ask = async (length: number) => answerOn(dial(), `GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(length)}\r\n\r\n`)
  expect(await ask(MAX_HEADER_BYTES - 100)).toContain(' 200 ')
  expect(await ask(MAX_HEADER_BYTES + 1)).toContain(' 431 ')
})

test('a body of 1 MiB is read, and one byte more is not, announced or not; a compressed one is refused', async () => {
  const echo: Route = { method: 'POST', pattern: '/echo', operation: { operationId: 'echo', summary: '', tags: [], responses: {} }, handle: async (request) => ({ status: 200, headers: {}, body: new TextEncoder().encode(String((await request.body(MAX_BODY_BYTES)).byteLength)) }) }
  const server = await openServer({ routes: [echo] })
  servers.push(server)
  const post = async (body: RequestInit['body'], headers: Record<string, string> = {}) => fetch(`${server.url}/echo`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
  expect(await (await post(new Uint8Array(MAX_BODY_BYTES))).text()).toBe('1048576')
  expect((await post(new Uint8Array(MAX_BODY_BYTES + 1))).status).toBe(413)
  expect(await (await post(new Blob([new Uint8Array(MAX_BODY_BYTES)]).stream())).text()).toBe('1048576')
  const chunked = dial('127.0.0.1', server.url)
  const answered = once(chunked, 'data') as Promise<[Buffer]>
  chunked.write('POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n100001\r\n')
  chunked.write(Buffer.alloc(MAX_BODY_BYTES + 1))
  expect(String((await answered)[0])).toContain(' 413 ')
  expect((await post(gzipSync('x'), { 'content-encoding': 'gzip' })).status).toBe(415)
  expect((await post('x', { 'content-encoding': 'identity' })).status).toBe(200)
})

test('5,000 connections that only wait make room for who asks', async () => {
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 5_000; i++) {
    const socket = dial(`127.0.${1 + (i >> 6)}.${1 + (i % 64)}`)
    if (i % 250 === 249) await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  }
  expect(await isServed()).toBe(true)
  expect(home.server.connections).toBeLessThanOrEqual(1_024)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1_048_576)
}, 30_000)

test('heads and bodies that never end keep nobody out', async () => {
  for (let i = 0; i < 30; i++) {
    dial('127.0.0.2').write(`GET ${hosted()} HTTP/1.1\r\nhost: x\r\nx-slow: `)
    dial('127.0.0.3').write(`PUT ${hosted()} HTTP/1.1\r\nhost: x\r\ncontent-type: ${IPNS_RECORD_TYPE}\r\ncontent-length: 1000\r\n\r\nabc`)
  }
  await Promise.all(Array.from({ length: 20 }, async () => expect(await isServed()).toBe(true)))
})

test('an address gets its burst and its share a second, and no more; others are not held up', () => {
  let now = 0
  const budget = createRequestBudget({ burst: 3, requestsPerSecond: 2 }, () => now)
  expect([1, 2, 3, 4].map(() => budget.take('a'))).toEqual([true, true, true, false])
  expect(budget.take('b')).toBe(true)
  now = 499
  expect(budget.take('a')).toBe(false)
  now = 500
  expect([budget.take('a'), budget.take('a')]).toEqual([true, false])
  now = 60_000
  expect([1, 2, 3, 4].map(() => budget.take('a'))).toEqual([true, true, true, false])
  const counts = new AddressCounts(2)
  expect([counts.add('a'), counts.add('a'), counts.add('a'), counts.add('b')]).toEqual([true, true, false, true])
  counts.remove('a')
  expect(counts.add('a')).toBe(true)
})

test('16,384 addresses are remembered, and the one that has rested longest is forgotten first', () => {
  const budget = createRequestBudget({ burst: 1, requestsPerSecond: 0 }, () => 0)
  expect(Array.from({ length: 16_384 }, (_, i) => budget.take(String(i))).every(Boolean)).toBe(true)
  expect(budget.take('0')).toBe(false)
  expect(budget.take('another')).toBe(true)
  expect([budget.take('0'), budget.take('2'), budget.take('1')]).toEqual([false, false, true])
})

test('a flood from one address is refused, and others are served', async () => {
  await home.close()
  home = await openTestHome({ limits: { burst: 50, requestsPerSecond: 1 } })
  await home.profiles.accept({ record }, { wait: 'local' })
  const flood = dial('127.0.0.9')
  const refused = once(flood, 'data')
  for (let i = 0; i < 60; i++) await answerOn(flood, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
  await refused
  expect(await answerOn(flood, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')).toContain(' 429 ')
  expect(await isServed()).toBe(true)
})

test('behind a proxy that is trusted its last word counts, and nobody else is believed', async () => {
  const addresses = createClientAddresses(['127.0.0.1', '10.0.0.0/8'])
  expect(addresses.clientOf('127.0.0.1', '1.1.1.1, 2.2.2.2')).toBe('2.2.2.2')
  expect(addresses.clientOf('::ffff:127.0.0.1', '2.2.2.2, 10.1.2.3')).toBe('2.2.2.2')
  expect(addresses.clientOf('127.0.0.1', 'nonsense')).toBe('127.0.0.1')
  expect(addresses.clientOf('127.0.0.1', undefined)).toBe('127.0.0.1')
  expect(addresses.clientOf('127.0.0.2', '2.2.2.2')).toBe('127.0.0.2')
  expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0')
  expect(networkOf('2001:DB8:0:0:ffff::2')).toBe('2001:db8:0:0')
  expect(networkOf('::1')).toBe('0:0:0:0')
  expect(() => createClientAddresses(['example.org'])).toThrow('IP address')

  await home.close()
  home = await openTestHome({ limits: { burst: 2, requestsPerSecond: 0.001 }, trustProxy: ['127.0.0.1'] })
  const statusOf = async (client: string) => (await fetch(`${home.server.url}/healthz`, { headers: { 'x-forwarded-for': client } })).status
  expect([await statusOf('1.1.1.1'), await statusOf('1.1.1.1'), await statusOf('1.1.1.1'), await statusOf('2.2.2.2'), await statusOf('1.1.1.1, 3.3.3.3')]).toEqual([200, 200, 429, 200, 200])
})

test('names that nobody hosts leave nothing in the state, and hosted ones are answered meanwhile', async () => {
  let asked = 0
  await home.close()
  home = await openTestHome({ limits: MANY, routers: [routerOf('empty', async function * () { asked++ })] })
  await home.profiles.accept({ record }, { wait: 'local' })
  const ids = names(500)
  for (let i = 0; i < ids.length; i += 25) {
    const statuses = await Promise.all(ids.slice(i, i + 25).map(async (id) => (await fetch(`${home.server.url}/routing/v1/ipns/${id}`, { method: 'HEAD' })).status))
    expect(new Set(statuses)).toEqual(new Set([404]))
    expect(await isServed()).toBe(true)
  }
  expect(asked).toBe(500)
  const all = new Set<string>(ids)
  const keys = await Array.fromAsync(home.state.entries(), ([key]) => key)
  expect(keys.filter((key) => key.split('/').some((part) => all.has(part)))).toEqual([])
}, 60_000)

test('10,000 names that nobody hosts take little memory: 1,024 are remembered, those that were asked for last', async () => {
  let asked = 0
  const strangers = createStrangerRecords({ routers: [routerOf('empty', async function * () { asked++ })], clock: () => NOON })
  // Nobody has a record of them, so nobody looks whether they are keys.
  const ids = Array.from({ length: 10_000 }, (_, i) => nameOfKey(bytesOf(i)) as ProfileId)
  const before = process.memoryUsage().heapUsed
  const find = async (some: readonly ProfileId[]): Promise<void> => {
    for (let i = 0; i < some.length; i += 64) expect(new Set(await Promise.all(some.slice(i, i + 64).map((id) => strangers.find(id))))).toEqual(new Set([undefined]))
  }
  await find(ids)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1_048_576)
  expect([strangers.size, asked]).toEqual([{ underWay: 0, remembered: 1_024 }, 10_000])
  await find(ids.slice(-1_024))
  expect(asked).toBe(10_000)
  await find(ids.slice(-1_025, -1_024))
  expect([strangers.size, asked]).toEqual([{ underWay: 0, remembered: 1_024 }, 10_001])
})

test('64 look-ups at once and no more; one for all who ask for a name; an answer is asked for again after a minute', async () => {
  let now = NOON
  let asked = 0
  const gate = Promise.withResolvers<void>()
  const strangers = createStrangerRecords({ routers: [routerOf('slow', async function * () { asked++; await gate.promise })], clock: () => now })
  const ids = names(65)
  const underWay = [...ids.slice(0, 64), ids[0]!].map((id) => strangers.find(id))
  await expect(strangers.find(ids[64]!)).rejects.toMatchObject({ code: 'BUSY' })
  gate.resolve()
  await Promise.all(underWay)
  expect(asked).toBe(64)
  now += 59_999
  await strangers.find(ids[0]!)
  expect(asked).toBe(64)
  now += 1
  await strangers.find(ids[0]!)
  expect(asked).toBe(65)
  strangers.close()
  await expect(strangers.find(ids[1]!)).rejects.toMatchObject({ code: 'CLOSED' })
})

test('a CAR of too wide or too deep a DAG ends early, and is never whole', async () => {
  const leaf = await putBlock(home.blocks, Uint8Array.of(0), RAW)
  const carOf = async (root: string) => (await (await fetch(`${home.server.url}/ipfs/${root}?format=car`)).arrayBuffer()).byteLength
  const deepUnder = async (levels: number) => {
    let cid = leaf
    for (let i = 1; i < levels; i++) cid = await putBlock(home.blocks, encodeCbor([cid, i]), DAG_CBOR)
    return cid.toString()
  }
  expect(await carOf(await deepUnder(MAX_PINNED_DEPTH))).toBeGreaterThan(0)
  await expect(carOf(await deepUnder(MAX_PINNED_DEPTH + 1))).rejects.toThrow()
  const wide = async (blocks: number) => (await putBlock(home.blocks, encodeCbor(await Promise.all(Array.from({ length: blocks - 1 }, async (_, i) => putBlock(home.blocks, Uint8Array.of(i >> 8, i), RAW)))), DAG_CBOR)).toString()
  expect(await carOf(await wide(MAX_PINNED_BLOCKS))).toBeGreaterThan(0)
  await expect(carOf(await wide(MAX_PINNED_BLOCKS + 1))).rejects.toThrow()
  // A bomb: every level links twice to the next; each block is sent once.
  let bomb = leaf
  for (let i = 0; i < 30; i++) bomb = await putBlock(home.blocks, encodeCbor([bomb, bomb]), DAG_CBOR)
  expect(await carOf(bomb.toString())).toBeLessThan(10_000)
  expect(await isServed()).toBe(true)
})

test('who does not read his answer holds one block, and the home goes on', async () => {
  const chunks = await Promise.all(Array.from({ length: 7 }, async (_, i) => putBlock(home.blocks, new Uint8Array(1_048_576).fill(i), RAW)))
  const root = await putBlock(home.blocks, encodeCbor(chunks), DAG_CBOR)
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 20; i++) {
    const socket = dial(`127.0.1.${i + 1}`)
    socket.pause()
    socket.write(`GET /ipfs/${root.toString()}?format=car HTTP/1.1\r\nhost: x\r\n\r\n`)
  }
  await delay(200)
  expect(await isServed()).toBe(true)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 5 * 1_048_576)
})

test('an address follows in 8 streams and all in 512, and no more; one that ends makes room', async () => {
  const follow = async (address: string): Promise<{ socket: Socket; answer: string }> => {
    const socket = dial(address)
    return { socket, answer: await answerOn(socket, 'GET /events/v1 HTTP/1.1\r\nhost: x\r\n\r\n') }
  }
  const open: Socket[] = []
  for (let i = 0; i < MAX_STREAMS; i += MAX_STREAMS_PER_ADDRESS) {
    const address = `127.0.3.${i / MAX_STREAMS_PER_ADDRESS + 1}`
    const streams = await Promise.all(Array.from({ length: MAX_STREAMS_PER_ADDRESS }, async () => follow(address)))
    for (const { socket, answer } of streams) {
      expect(answer).toContain(' 200 ')
      open.push(socket)
    }
    if (i === 0) expect((await follow(address)).answer).toContain(' 429 ')
  }
  expect([MAX_STREAMS, MAX_STREAMS_PER_ADDRESS, open.length]).toEqual([512, 8, 512])
  expect((await follow('127.0.4.1')).answer).toContain(' 503 ')
  open[0]!.destroy()
  while (!(await follow('127.0.4.2')).answer.includes(' 200 ')) await delay(5)
  expect(await isServed()).toBe(true)
})

test('stops taking, lets what is under way end, and then cuts', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const begun: string[] = []
  const slow: Route = { method: 'GET', pattern: '/{n}', operation: { operationId: 'slow', summary: '', tags: [], responses: {} }, handle: async ({ parameter }) => { begun.push(parameter); await gates[Number(parameter)]!.promise; return { status: 200, headers: {} } } }
  const server = await openServer({ routes: [slow] })
  const [ends, hangs] = [fetch(`${server.url}/0`), fetch(`${server.url}/1`).catch(() => 'cut')]
  while (begun.length < 2) await delay(5)
  const closed = server.close({ graceMs: 300 })
  expect(server.close()).toBe(closed)
  gates[0]!.resolve()
  expect([(await ends).status, (await ends).headers.get('connection')]).toEqual([200, 'close'])
  await expect(fetch(`${server.url}/0`)).rejects.toThrow()
  await closed
  expect(await hangs).toBe('cut')
})

/** PKCS #8 of an Ed25519 key, up to its 32 bytes (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

const bytesOf = (i: number): Buffer => {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32BE(i + 1_000)
  return bytes
}

const nameOfKey = (publicKey: Uint8Array): string => CID.createV1(0x72, createDigest(0, Uint8Array.from([0x08, 0x01, 0x12, 32, ...publicKey]))).toString(base36)

const names = (count: number): ProfileId[] => Array.from({ length: count }, (_, i) => {
  const { x } = createPublicKey(createPrivateKey({ key: Buffer.concat([PKCS8, bytesOf(i)]), format: 'der', type: 'pkcs8' })).export({ format: 'jwk' })
  return parseProfileId(nameOfKey(Buffer.from(x!, 'base64url')))
})
