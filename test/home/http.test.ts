import { request as httpRequest, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { RAW_BLOCK_TYPE } from '../../src/home/gateway-block.ts'
import { openHttpServer, type HttpServerOptions } from './open-http-server.ts'
import type { HomeServer } from '../../src/home/server.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import { BURST_REQUESTS, MAX_CONNECTIONS_PER_ADDRESS } from '../../src/home/request-limits.ts'
import { createHashStore, createMemoryStore, createRecord, signDocument, type HashStore, type KeyValueStore, type NameRouter, type Profiles, type Signer } from '../../src/index.ts'
import { MAX_RECORD_BYTES } from '../../src/limits.ts'
import { NOON, openDevice, routerOf, signerOf } from '../client/world.ts'

const alice = await signerOf(1)
const bob = await signerOf(2)

let server: HomeServer
let profiles: Profiles
let blocks: HashStore
let state: KeyValueStore

const open = async ({ routers = [], ...options }: { routers?: NameRouter[] } & Partial<HttpServerOptions> = {}) => {
  blocks = createHashStore(createMemoryStore())
  const device = openDevice({ blocks, routers })
  profiles = device.profiles
  state = device.state
  server = await openHttpServer({ profiles, blocks, state, routers, clock: () => NOON, ...options })
}
const again = async (options: Parameters<typeof open>[0]) => {
  await server.close()
  await open(options)
}

beforeEach(async () => open())
afterEach(async () => server.close())

/** A record of version `seq`, with its document in it unless that is too large. */
const recordOf = async (signer: Signer, name: string, { seq = 1_795_000_000, bio = '', now = NOON }: { seq?: number; bio?: string; now?: number } = {}) => {
  const signed = await signDocument({ name, bio }, signer, { seq, prev: null, time: 1_795_000_000 })
  return { record: await createRecord(signed, signer, { now }), ...signed }
}

const url = (path: string): string => server.url + path
const put = async (id: string, body: Uint8Array, headers: Record<string, string> = { 'content-type': IPNS_RECORD_TYPE }) => fetch(url(`/routing/v1/ipns/${id}`), { method: 'PUT', body: Uint8Array.from(body), headers })
const get = async (id: string) => fetch(url(`/routing/v1/ipns/${id}`))
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer())

describe('/routing/v1/ipns', () => {
  test('takes a record and gives it back, to the delegated router of any client', async () => {
    const { record } = await recordOf(alice, 'Alice')
    expect((await put(alice.id, record)).status).toBe(200)
    const response = await get(alice.id)
    expect([response.status, response.headers.get('content-type'), response.headers.get('access-control-allow-origin')]).toEqual([200, IPNS_RECORD_TYPE, '*'])
    expect(await bytesOf(response)).toEqual(record)
    expect((await profiles.resolve(alice.id, { policy: 'offline' })).profile.name).toBe('Alice')
    const router = createDelegatedRouter({ url: server.url, allowPrivate: true })
    const found = []
    for await (const candidate of router.get(alice.id)) found.push(candidate)
    expect(found).toEqual([record])
    await router.put(bob.id, (await recordOf(bob, 'Bob')).record)
    expect((await get(bob.id)).status).toBe(200)
  })

  test('answers HEAD without a body', async () => {
    const { record } = await recordOf(alice, 'Alice')
    await put(alice.id, record)
    const response = await fetch(url(`/routing/v1/ipns/${alice.id}`), { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(record.byteLength)])
    expect(await bytesOf(response)).toEqual(new Uint8Array())
  })

  test('what nobody knows is 404; what could not be asked is 502', async () => {
    await again({ routers: [routerOf('empty', async function * () {})] })
    expect((await get(alice.id)).status).toBe(404)
    await again({ routers: [routerOf('down', () => ({ [Symbol.asyncIterator]: () => ({ next: async () => { throw new Error('down') } }) }))] })
    expect((await get(alice.id)).status).toBe(502)
  })

  test('finds through its routers what it does not have, in one look-up for all who ask', async () => {
    const { record } = await recordOf(alice, 'Alice')
    let asked = 0
    const slow = routerOf('slow', async function * () {
      asked++
      await new Promise((resolve) => setTimeout(resolve, 100))
      yield record
    })
    await again({ routers: [slow] })
    const answers = await Promise.all(Array.from({ length: 10 }, async () => bytesOf(await get(alice.id))))
    for (const answer of answers) expect(answer).toEqual(record)
    expect(asked).toBe(1)
  })

  test('a tombstone is passed on', async () => {
    await profiles.publish({ name: 'Alice' }, alice, { first: true })
    await profiles.remove(alice, { wait: 'local' })
    expect((await get(alice.id)).status).toBe(200)
  })

  test('an older record does not push out a newer one; the same one again is no news', async () => {
    const sent: Uint8Array[] = []
    await again({ routers: [routerOf('other', async function * () {}, async (_, record) => { sent.push(record) })] })
    const [older, newer] = [await recordOf(alice, 'Older', { seq: 1_795_000_000 }), await recordOf(alice, 'Newer', { seq: 1_795_000_001 })]
    expect((await put(alice.id, newer.record)).status).toBe(200)
    const refused = await put(alice.id, older.record)
    expect([refused.status, refused.headers.get('content-type'), (await refused.json() as { code: string }).code]).toEqual([409, 'application/problem+json', 'ROLLED_BACK'])
    expect((await put(alice.id, newer.record)).status).toBe(200)
    expect(await bytesOf(await get(alice.id))).toEqual(newer.record)
    expect(sent).toEqual([newer.record])
  })

  test('two homes that pass on to each other come to rest', async () => {
    let puts = 0
    const counting = (to: () => string, name: string): NameRouter => routerOf(name, async function * () {}, async (id, record) => {
      puts++
      await createDelegatedRouter({ url: to(), allowPrivate: true }).put(id, record)
    })
    let other: HomeServer | undefined
    await again({ routers: [counting(() => other!.url, 'other')] })
    const otherBlocks = createHashStore(createMemoryStore())
    const { profiles: otherProfiles, state: otherState } = openDevice({ blocks: otherBlocks, routers: [counting(() => server.url, 'this')] })
    other = await openHttpServer({ profiles: otherProfiles, blocks: otherBlocks, state: otherState })
    await put(alice.id, (await recordOf(alice, 'Alice')).record)
    await Promise.all([profiles.flush(), otherProfiles.flush()])
    await profiles.close()
    await otherProfiles.close()
    await other.close()
    expect(puts).toBeGreaterThanOrEqual(2)
    expect(puts).toBeLessThanOrEqual(4)
  })

  test('a record without its document needs the block', async () => {
    const { record, cid, bytes } = await recordOf(alice, 'Alice', { bio: 'x'.repeat(4_000) })
    const large = await signDocument({ name: 'Alice', 'org.example/notes': 'x'.repeat(12_000) }, alice, { seq: 1_795_000_000, prev: null, time: 1_795_000_000 })
    const bare = await createRecord(large, alice, { now: NOON })
    const refused = await put(alice.id, bare)
    expect([refused.status, (await refused.json() as { code: string }).code]).toEqual([400, 'DOCUMENT_MISSING'])
    await blocks.put(large.cid, large.bytes)
    expect((await put(alice.id, bare)).status).toBe(200)
    // One that carries it needs no block, and its own is then here to be had.
    expect((await put(alice.id, (await recordOf(alice, 'Alice', { seq: 1_795_000_001 })).record)).status).toBe(200)
    expect([cid.code, bytes.byteLength > 4_000, record.byteLength > 4_000]).toEqual([0x71, true, true])
  })

  test.each([
    ['no name', 'nonsense'],
    ['a hashed key', 'k2k4r8jl0yz8qjgqbmc2cdu5hkqek5rj6flgnlkyywynci20j0iuyfuj'],
    ['a CID', 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi']
  ])('%s is 400', async (_, name) => {
    for (const response of [await get(name), await put(name, new Uint8Array(10))]) expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
  })

  test('what is no record of the name is 400, and is not kept', async () => {
    const { record } = await recordOf(bob, 'Bob')
    const expired = await createRecord(await signDocument({ name: 'Alice' }, alice, { seq: 1, prev: null, time: 1 }), alice, { now: 0 })
    const flipped = record.slice()
    flipped[flipped.length - 1]! ^= 1
    for (const bytes of [record, expired, new Uint8Array(), new Uint8Array(100), record.slice(0, -1)]) expect((await put(alice.id, bytes)).status).toBe(400)
    expect((await put(bob.id, flipped)).status).toBe(400)
    expect((await get(alice.id)).status).toBe(404)
    expect(await Array.fromAsync(profiles.kept())).toEqual([])
  })

  test('another media type is 415, and so is a compressed body', async () => {
    const { record } = await recordOf(alice, 'Alice')
    expect((await put(alice.id, record, { 'content-type': 'application/octet-stream' })).status).toBe(415)
    expect((await put(alice.id, record, {})).status).toBe(415)
    expect((await put(alice.id, gzipSync(record), { 'content-type': IPNS_RECORD_TYPE, 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await put(alice.id, record, { 'content-type': `${IPNS_RECORD_TYPE.toUpperCase()}; v=1` })).status).toBe(200)
  })

  test('10,240 bytes are read, one more is 413, whether it is announced or not', async () => {
    expect((await put(alice.id, new Uint8Array(MAX_RECORD_BYTES))).status).toBe(400)
    expect((await put(alice.id, new Uint8Array(MAX_RECORD_BYTES + 1))).status).toBe(413)
    const endless = httpRequest(url(`/routing/v1/ipns/${alice.id}`), { method: 'PUT', headers: { 'content-type': IPNS_RECORD_TYPE, 'transfer-encoding': 'chunked' } })
    endless.on('error', () => undefined)
    const answered = once(endless, 'response') as Promise<[IncomingMessage]>
    endless.write(Buffer.alloc(MAX_RECORD_BYTES))
    endless.write(Buffer.alloc(1))
    const [response] = await answered
    expect(response.statusCode).toBe(413)
    endless.destroy()
  })

  test('keeps so many profiles and no more; those it keeps go on', async () => {
    await again({ maxProfiles: 1 })
    expect((await put(alice.id, (await recordOf(alice, 'Alice')).record)).status).toBe(200)
    expect((await put(bob.id, (await recordOf(bob, 'Bob')).record)).status).toBe(403)
    expect((await put(alice.id, (await recordOf(alice, 'Alice', { seq: 1_795_000_009 })).record)).status).toBe(200)
  })
})

describe('/ipfs', () => {
  const text = new TextEncoder().encode('hello')
  const cid = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'

  beforeEach(async () => blocks.put(CID.parse(cid), text))

  test('gives raw blocks that are here, for good', async () => {
    for (const response of [await fetch(url(`/ipfs/${cid}?format=raw`)), await fetch(url(`/ipfs/${cid}`), { headers: { accept: RAW_BLOCK_TYPE } })]) {
      expect(response.status).toBe(200)
      expect(Object.fromEntries(response.headers)).toMatchObject({ 'content-type': RAW_BLOCK_TYPE, 'content-length': '5', etag: `"${cid}.raw"`, 'cache-control': 'public, max-age=29030400, immutable', 'x-content-type-options': 'nosniff', 'content-disposition': `attachment; filename="${cid}.bin"` })
      expect(await bytesOf(response)).toEqual(text)
    }
    const head = await fetch(url(`/ipfs/${cid}?format=raw`), { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), (await bytesOf(head)).byteLength]).toEqual([200, '5', 0])
    expect((await fetch(url(`/ipfs/${cid}?format=raw`), { headers: { 'if-none-match': `W/"${cid}.raw"` } })).status).toBe(304)
  })

  test('the probe of gateways is answered', async () => {
    const response = await fetch(url('/ipfs/bafkqaaa?format=raw'))
    expect([response.status, (await bytesOf(response)).byteLength]).toEqual([200, 0])
  })

  test('gives nothing else', async () => {
    const statuses = async (...paths: string[]) => Promise.all(paths.map(async (path) => (await fetch(url(path))).status))
    expect(await statuses(`/ipfs/${cid}`, `/ipfs/${cid}?format=tar`)).toEqual([406, 406])
    expect(await statuses('/ipfs/bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?format=raw')).toEqual([404])
    expect(await statuses('/ipfs/nonsense?format=raw', `/ipfs/${'b'.repeat(200)}?format=raw`)).toEqual([400, 400])
    expect(await statuses('/x', '/ipfs/', `/ipfs/${cid}/a?format=raw`, '/ipns/', '/routing/v1/providers/x', '/%', '//x')).toEqual([404, 404, 404, 404, 404, 404, 404])
  })

  test('fetches nothing for strangers', async () => {
    const fetching: HashStore = { ...blocks, get: async (_, { offline = false } = {}) => (offline ? undefined : text) }
    await again({ blocks: fetching })
    expect((await fetch(url(`/ipfs/${cid}?format=raw`))).status).toBe(404)
  })

  test('a store that lies is not passed on', async () => {
    await blocks.put(CID.parse(cid), new TextEncoder().encode('other'))
    const response = await fetch(url(`/ipfs/${cid}?format=raw`))
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'WRONG_BLOCK' })
  })
})

describe('the server', () => {
  test('says that it is healthy', async () => {
    expect(await (await fetch(url('/healthz'))).json()).toEqual({ status: 'ok' })
  })

  test('lets pages of any origin ask', async () => {
    const response = await fetch(url(`/routing/v1/ipns/${alice.id}`), { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'PUT' } })
    expect([response.status, response.headers.get('access-control-allow-origin'), response.headers.get('access-control-allow-methods')]).toEqual([204, '*', 'GET, HEAD, PUT, OPTIONS'])
  })

  test('refuses other methods and says which there are', async () => {
    const response = await fetch(url(`/routing/v1/ipns/${alice.id}`), { method: 'DELETE' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, OPTIONS'])
    expect((await fetch(url('/healthz'), { method: 'POST', body: 'x' })).status).toBe(405)
  })

  test('an address that asks too much is told to wait', async () => {
    const statuses = new Set<number>()
    for (let i = 0; i < BURST_REQUESTS * 50 && !statuses.has(429); i += 4) {
      const ask = async () => {
        const response = await fetch(url('/healthz'))
        // A connection whose answer is not read is not used again.
        await response.arrayBuffer()
        return response.status
      }
      for (const status of await Promise.all(Array.from({ length: 4 }, ask))) statuses.add(status)
    }
    expect([...statuses].sort((a, b) => a - b)).toEqual([200, 429])
  })

  test('an address has so many connections and no more', async () => {
    const { hostname, port } = new URL(server.url)
    const sockets = Array.from({ length: MAX_CONNECTIONS_PER_ADDRESS + 1 }, () => connect(Number(port), hostname))
    try {
      await Promise.all(sockets.map(async (socket) => once(socket, 'connect')))
      await Promise.race(sockets.map(async (socket) => once(socket, 'close')))
      const request = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'
      const answered = await Promise.all(sockets.filter(({ closed }) => !closed).map(async (socket) => {
        socket.write(request)
        return (await once(socket, 'data')).toString()
      }))
      expect(answered).toHaveLength(MAX_CONNECTIONS_PER_ADDRESS)
      for (const answer of answered) expect(answer).toContain('200 OK')
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })

  test('closes while somebody hangs on', async () => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    socket.write(`PUT /routing/v1/ipns/${alice.id} HTTP/1.1\r\nhost: x\r\ncontent-type: ${IPNS_RECORD_TYPE}\r\ncontent-length: 100\r\n\r\nabc`)
    await once(socket, 'connect')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await server.close({ graceMs: 50 })
    await closed
    await open()
  })

  test('an address in use is told', async () => {
    await expect(openHttpServer({ profiles, blocks, state, port: Number(new URL(server.url).port) })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
    await expect(openHttpServer({ profiles, blocks, state, host: '192.0.2.1' })).rejects.toMatchObject({ code: 'ADDRESS_UNAVAILABLE' })
  })
})

