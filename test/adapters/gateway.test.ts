import type { IncomingMessage, RequestListener } from 'node:http'
import { gzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { concat } from 'uint8arrays'
import { describe, expect, test, vi } from 'vitest'
import { createGatewayStore, createPublicFetch, type GatewayStoreOptions } from '../../src/adapters/gateway.ts'
import { utf8 } from '../../src/bytes.ts'
import { DAG_CBOR, RAW, cidOf } from '../../src/store/block.ts'
import { encodeCar } from '../../src/store/car.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import { serve, writeEndlessly, watchLeftovers } from './loopback-server.ts'

const RAW_TYPE = 'application/vnd.ipld.raw'
const CAR_TYPE = 'application/vnd.ipld.car'
/** Longer than any test takes: the next gateway is asked for another reason, or not at all. */
const NEVER_MS = 3_600_000

const bytes = utf8('a block')
const cid = await cidOf(bytes, RAW)
const other = { cid: await cidOf(utf8('another'), RAW), bytes: utf8('another') }

const storeOf = (servers: readonly { url: string }[], options: Partial<GatewayStoreOptions> = {}): HashStore => createGatewayStore({ urls: servers.map(({ url }) => url), allowPrivate: true, hedgeMs: NEVER_MS, ...options })

const give = (body: Uint8Array | string, type = RAW_TYPE, headers: Record<string, string> = {}): RequestListener => (_request, response) => response.writeHead(200, { 'content-type': type, ...headers }).end(body)

const say = (status: number, headers: Record<string, string> = {}): RequestListener => (_request, response) => response.writeHead(status, headers).end('some words')

const isRawRequest = ({ url, headers }: IncomingMessage): boolean => headers.accept === RAW_TYPE || url!.includes('format=raw')

/** Counts requests, and keeps what they asked for. */
const counted = async (listener: RequestListener) => {
  const requests: string[] = []
  const server = await serve((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.accept}`)
    listener(request, response)
  })
  return Object.assign(server, { requests })
}

/** Fetches from hints, `https://a.example` for example, at the loopback server of that name. */
const hintsAt = (urlByHost: Readonly<Record<string, string>>): { fetch: typeof fetch; asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    fetch: async (input, init) => {
      const { host, pathname, search } = new URL(String(input))
      asked.push(host)
      return fetch(`${urlByHost[host]}${pathname}${search}`, init)
    }
  }
}

describe('a gateway', () => {
  test('is asked for the raw block, in one request, below its base', async () => {
    const server = await counted(give(bytes))
    const store = createGatewayStore({ urls: [`${server.url}/base`], allowPrivate: true })
    expect(await store.get(cid)).toEqual(bytes)
    expect(server.requests).toEqual([`GET /base/ipfs/${cid.toString()}?format=raw ${RAW_TYPE}`])
  })

  test.each<[string, RequestListener]>([
    ['400', say(400)], ['406', say(406)], ['415', say(415)], ['501', say(501)],
    ['a web page', give('<html></html>', 'text/html')],
    ['no type', (_request, response) => response.writeHead(200).end(bytes)]
  ])('that answers with %s is asked for a CAR of the block, and from then on for nothing else', async (_, noRaw) => {
    const server = await counted((request, response) => (isRawRequest(request) ? noRaw : give(encodeCar([cid], [{ cid, bytes }]), `${CAR_TYPE}; version=1; order=dfs`))(request, response))
    const store = storeOf([server])
    expect(await store.get(cid)).toEqual(bytes)
    expect(await store.get(cid)).toEqual(bytes)
    const car = `GET /ipfs/${cid.toString()}?format=car&dag-scope=block ${CAR_TYPE}`
    expect(server.requests).toEqual([`GET /ipfs/${cid.toString()}?format=raw ${RAW_TYPE}`, car, car])
  })

  test('may be asked for CARs from the start; their roots are not looked at, and the codec of the block neither', async () => {
    const cbor = CID.createV1(DAG_CBOR, cid.multihash)
    const server = await counted(give(encodeCar([], [other, { cid: cbor, bytes }]), CAR_TYPE))
    expect(await storeOf([server], { format: 'car' }).get(cid)).toEqual(bytes)
    expect(server.requests).toHaveLength(1)
  })

  test.each<[string, RequestListener, string]>([
    ['other bytes under the CID', give(encodeCar([cid], [{ cid, bytes: other.bytes }]), CAR_TYPE), 'the bytes are not those of the CID'],
    ['another block', give(encodeCar([other.cid], [other]), CAR_TYPE), 'its CAR does not hold the block'],
    ['no block', give(encodeCar([cid], []), CAR_TYPE), 'its CAR does not hold the block'],
    ['no CAR', give('<html></html>', CAR_TYPE), 'its CAR is damaged'],
    ['a CAR that is cut', give(encodeCar([cid], [{ cid, bytes }]).subarray(0, -1), CAR_TYPE), 'its CAR is damaged'],
    ['a longer CAR than one of a block', give(concat([encodeCar([cid], [{ cid, bytes }]), new Uint8Array(1_060_000)]), CAR_TYPE), 'longer than one of a single block'],
    ['an endless CAR', (request, response) => { response.writeHead(200, { 'content-type': CAR_TYPE }); writeEndlessly(request, response) }, 'longer than one of a single block'],
    ['another type', give(bytes, RAW_TYPE), `the answer's type is ${RAW_TYPE}`],
    ['that it does no CARs', say(400), 'status 400']
  ])('that gives %s, instead of a CAR with the block, has failed', async (_, listener, reason) => {
    const server = await serve(listener)
    await expect(storeOf([server], { format: 'car' }).get(cid)).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(reason) as string })
  })

  test.each<[string, RequestListener, string]>([
    ['other bytes', give(other.bytes), 'the bytes are not those of the CID'],
    ['fewer bytes', give(bytes.subarray(1)), 'the bytes are not those of the CID'],
    ['1 MiB and a byte', give(new Uint8Array(1_048_577)), 'over 1048576 bytes'],
    ['bytes without end', (request, response) => { response.writeHead(200, { 'content-type': RAW_TYPE }); writeEndlessly(request, response) }, 'over 1048576 bytes'],
    ['a compressed bomb', give(gzipSync(new Uint8Array(64 * 1_048_576)), RAW_TYPE, { 'content-encoding': 'gzip' }), 'over 1048576 bytes'],
    ['a redirect', say(301, { location: 'http://127.0.0.1:1/' }), 'it redirects, which is not followed'],
    ['a server error', say(500), 'status 500'],
    ['a timeout of its own', say(504), 'status 504'],
    ['a rate limit', say(429), 'status 429'],
    ['half an answer', (_request, response) => { response.writeHead(200, { 'content-type': RAW_TYPE, 'content-length': '7' }).write('a b', () => response.socket?.destroy()) }, '.']
  ])('that answers with %s has failed, and is named with what it did', async (_, listener, reason) => {
    const server = await serve(listener)
    await expect(storeOf([server]).get(cid)).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringMatching(`${server.host}: .*${reason}`) as string })
  })

  test('may redirect to a host that is allowed', async () => {
    const target = await counted(give(bytes))
    const server = await serve((request, response) => say(301, { location: `http://localhost:${new URL(target.url).port}${request.url}` })(request, response))
    expect(await storeOf([server], { redirectHosts: ['localhost'] }).get(cid)).toEqual(bytes)
    expect(target.requests).toEqual([`GET /ipfs/${cid.toString()}?format=raw ${RAW_TYPE}`])
  })
})

describe('several gateways', () => {
  test('are asked one at a time while the first has the block', async () => {
    const [first, second] = [await counted(give(bytes)), await counted(give(bytes))]
    const nothingIsLeft = watchLeftovers()
    expect(await storeOf([first, second]).get(cid)).toEqual(bytes)
    expect([first.requests.length, second.requests.length]).toEqual([1, 0])
    await Promise.all([first.close(), second.close()])
    await nothingIsLeft()
  })

  test.each<[string, RequestListener]>([
    ['does not have it', say(404)], ['has it no more', say(410)], ['fails', say(500)], ['lies', give(other.bytes)], ['breaks off', (request) => void request.socket.destroy()]
  ])('are asked at once after one that %s', async (_, listener) => {
    const servers = [await counted(listener), await counted(listener), await counted(give(bytes)), await counted(give(bytes))]
    expect(await storeOf(servers).get(cid)).toEqual(bytes)
    expect(servers.map(({ requests }) => requests.length)).toEqual([1, 1, 1, 0])
  })

  test('are asked beside one that is silent, whose connection is given up when another has the block', async () => {
    const nothingIsLeft = watchLeftovers()
    const silent = await serve(() => undefined)
    const half = await serve((_request, response) => { response.writeHead(200, { 'content-type': RAW_TYPE, 'content-length': '7' }).write('a b') })
    const good = await serve(give(bytes))
    expect(await storeOf([silent, half, good], { hedgeMs: 5, timeoutMs: NEVER_MS }).get(cid)).toEqual(bytes)
    expect([silent.connections, half.connections]).toEqual([1, 1])
    await Promise.all([silent.idle(), half.idle()])
    await Promise.all([silent.close(), half.close(), good.close()])
    await nothingIsLeft()
  })

  test('are waited for beside a liar that is faster', async () => {
    const lied = Promise.withResolvers<void>()
    const honest = await serve((request, response) => void lied.promise.then(() => give(bytes)(request, response)))
    const liar = await serve((request, response) => {
      response.on('close', () => setImmediate(lied.resolve))
      give(other.bytes)(request, response)
    })
    expect(await storeOf([honest, liar], { hedgeMs: 5 }).get(cid)).toEqual(bytes)
  })

  test('have no block when each of them says so, and only then', async () => {
    const [absent, gone] = [await serve(say(404)), await serve(say(410))]
    expect(await storeOf([absent, gone]).get(cid)).toBeUndefined()
    const broken = await serve(say(500))
    for (const servers of [[absent, broken], [broken, absent], [gone, broken, absent]]) {
      const { message, code } = await storeOf(servers).get(cid).then(() => ({ message: '', code: '' }), (error: { message: string; code: string }) => error)
      expect(code).toBe('STORE_FAILED')
      for (const { host } of servers) expect(message).toContain(host === broken.host ? `${host}: it answered with status 500` : `${host}: does not have it`)
    }
  })

  test('are each given up at their timeout', async () => {
    const silent = await serve(() => undefined)
    await expect(storeOf([silent], { timeoutMs: 20 }).get(cid)).rejects.toThrow('no whole answer within 20 ms')
    await silent.idle()
  })

  test('are all let go of when the signal says so, or when the store is closed', async () => {
    for (const end of ['abort', 'close'] as const) {
      const nothingIsLeft = watchLeftovers()
      const servers = [await serve(() => undefined), await serve(() => undefined)]
      const store = storeOf(servers, { hedgeMs: 5, timeoutMs: NEVER_MS })
      const controller = new AbortController()
      const outcome = Promise.allSettled([store.get(cid, { signal: controller.signal })])
      while (servers.some(({ open }) => open === 0)) await new Promise(setImmediate)
      if (end === 'abort') controller.abort(new Error('the reason'))
      else await store.close()
      expect((await outcome)[0]).toMatchObject({ status: 'rejected', reason: end === 'abort' ? { message: 'the reason' } : { code: 'CLOSED' } })
      for (const server of servers) {
        await server.idle()
        await server.close()
      }
      await nothingIsLeft()
    }
  })

  test('are none of them asked offline, nor for a hash that cannot be checked', async () => {
    const server = await counted(give(bytes))
    const hint = hintsAt({ 'a.example': server.url })
    const store = storeOf([server], { hintFetch: hint.fetch })
    expect(await store.get(cid, { offline: true, hints: ['https://a.example'] })).toBeUndefined()
    await expect(store.get(CID.createV1(RAW, createDigest(0x00, bytes)))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect([server.requests, hint.asked]).toEqual([[], []])
  })

  test.each<[string, Partial<GatewayStoreOptions>, string]>([
    ['none', { urls: [] }, 'INVALID_ARGUMENT'],
    ['more than 16', { urls: Array.from({ length: 17 }, (_, i) => `https://gateway${i}.example`) }, 'INVALID_ARGUMENT'],
    ['no URL', { urls: ['gateway.example'] }, 'INVALID_URL'],
    ['one at a private address', { urls: ['https://gateway.example', 'http://192.168.1.1:8080'], allowPrivate: false }, 'INVALID_URL']
  ])('cannot be %s', (_, options, code) => {
    expect(() => storeOf([], options)).toThrow(expect.objectContaining({ code }))
  })
})

describe('hints', () => {
  test('that are https URLs are asked after the gateways, four at most, each host once', async () => {
    const absent = await counted(say(404))
    const hint = await counted(say(404))
    const { fetch: hintFetch, asked } = hintsAt(Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((host) => [`${host}.example`, hint.url])))
    const store = storeOf([absent], { hintFetch })
    expect(await store.get(cid, { hints: ['https://a.example/', 'https://b.example', 'https://a.example/other', 'HTTPS://C.example', 'https://d.example', 'https://e.example'] })).toBeUndefined()
    expect(asked).toEqual(['a.example', 'b.example', 'c.example', 'd.example'])
    expect(absent.requests).toHaveLength(1)
  })

  test('are not asked when a gateway has the block', async () => {
    const { fetch: hintFetch, asked } = hintsAt({})
    expect(await storeOf([await serve(give(bytes))], { hintFetch }).get(cid, { hints: ['https://a.example'] })).toEqual(bytes)
    expect(asked).toEqual([])
  })

  test('give the block when no gateway does, and lie in vain', async () => {
    const [absent, good, liar] = [await serve(say(404)), await serve(give(bytes)), await serve(give(other.bytes))]
    const { fetch: hintFetch } = hintsAt({ 'liar.example': liar.url, 'good.example': good.url })
    const store = storeOf([absent], { hintFetch })
    expect(await store.get(cid, { hints: ['https://liar.example', 'https://good.example'] })).toEqual(bytes)
    await expect(store.get(cid, { hints: ['https://liar.example'] })).rejects.toThrow('liar.example: the bytes are not those of the CID')
  })

  test('are passed over when they are anything else, or told to be', async () => {
    const absent = await serve(say(404))
    const { fetch: hintFetch, asked } = hintsAt({})
    const hints = ['http://a.example', '/ip4/1.1.1.1/tcp/4001', 'https://', 'https://127.0.0.1', 'https://[::1]', 'https://0x7f.1', 'https://localhost', 'https://user:secret@a.example', 'https://a.example/?x', 'https://a.example/#x', ` https://a.example`, `https://a.example/${'x'.repeat(2_048)}`, 'nonsense', '']
    for (const hint of hints) expect(await storeOf([absent], { hintFetch }).get(cid, { hints: [hint] })).toBeUndefined()
    expect(await storeOf([absent], { hintFetch, hints: 'ignore' }).get(cid, { hints: ['https://a.example'] })).toBeUndefined()
    expect(asked).toEqual([])
  })

  test('go to no redirect and, by name, to no private address, though gateways may', async () => {
    const [absent, redirecting] = [await serve(say(404)), await serve(say(302, { location: 'http://127.0.0.1:1/' }))]
    const { fetch: hintFetch } = hintsAt({ 'a.example': redirecting.url })
    await expect(storeOf([absent], { hintFetch, redirectHosts: ['127.0.0.1'] }).get(cid, { hints: ['https://a.example'] })).rejects.toThrow('a.example: it redirects, which is not followed')
    const publicFetch = createPublicFetch({ resolve: async () => ['169.254.169.254'] })!
    await expect(storeOf([absent], { hintFetch: publicFetch }).get(cid, { hints: ['https://metadata.example'] })).rejects.toThrow('metadata.example is at an address that is not global')
  })

  test('are not asked where there is no Node to ask them safely', async () => {
    const absent = await serve(say(404))
    vi.stubGlobal('process', { ...process, getBuiltinModule: undefined })
    const store = storeOf([absent])
    vi.unstubAllGlobals()
    expect(await store.get(cid, { hints: ['https://nobody.invalid'] })).toBeUndefined()
  })
})
