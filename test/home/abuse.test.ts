import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { createClientAddresses, networkOf } from '../../src/home/client-address.ts'
import { openServer, type HomeServer } from '../../src/home/server.ts'
import { AddressCounts, HEADERS_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_BODY_BYTES, REQUEST_TIMEOUT_MS, SERVER_OPTIONS, createRequestBudget } from '../../src/home/request-limits.ts'
import type { Route } from '../../src/home/route.ts'
import { createStrangerRecords } from '../../src/home/stranger-records.ts'
import { createSigner, parseProfileId, profileIdFromPublicKey, type ProfileId } from '../../src/index.ts'
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

test('waits as long as it says for a head, a request and the next one', () => {
  expect([HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_BODY_BYTES]).toEqual([10_000, 30_000, 5_000, 1_048_576])
  expect(SERVER_OPTIONS).toMatchObject({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS })
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

test('names that nobody hosts leave nothing in the state and little in memory', async () => {
  let asked = 0
  const strangers = createStrangerRecords({ routers: [routerOf('empty', async function * () { asked++ })], clock: () => NOON })
  const ids = await names(1_100)
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < ids.length; i += 50) expect(new Set(await Promise.all(ids.slice(i, i + 50).map((id) => strangers.find(id))))).toEqual(new Set([undefined]))
  expect(strangers.size).toEqual({ underWay: 0, remembered: 1_024 })
  // What was asked last is remembered.
  const last = asked
  await strangers.find(ids.at(-1)!)
  expect(asked).toBe(last)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1_048_576)
  const some = ids.slice(0, 50)
  for (const id of some) expect((await fetch(`${home.server.url}/routing/v1/ipns/${id}`)).status).toBe(404)
  const keys = await Array.fromAsync(home.state.entries(), ([key]) => key)
  expect(keys.filter((key) => some.some((id) => key.includes(id)))).toEqual([])
})

test('64 look-ups at once and no more; one for all who ask for a name; an answer is asked for again after a minute', async () => {
  let now = NOON
  let asked = 0
  const gate = Promise.withResolvers<void>()
  const strangers = createStrangerRecords({ routers: [routerOf('slow', async function * () { asked++; await gate.promise })], clock: () => now })
  const ids = await names(65)
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

const names = async (count: number): Promise<ProfileId[]> => Promise.all(Array.from({ length: count }, async (_, i) => {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, i + 1_000)
  return parseProfileId(profileIdFromPublicKey((await createSigner(key)).publicKey))
}))
