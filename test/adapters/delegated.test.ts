import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { MAX_RECORD_BYTES } from '../../src/limits.ts'
import { openRelay } from '../relay.ts'

const { id } = await createSigner(new Uint8Array(32).fill(7))
const record = Uint8Array.from({ length: 900 }, (_, i) => i % 251)

let server: Server | undefined

const serve = async (listener: RequestListener): Promise<string> => {
  server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
  server = undefined
})

const answer = (response: ServerResponse, status: number, body: Uint8Array | string = '', headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': IPNS_RECORD_TYPE, ...headers })
  response.end(body)
}

const all = async (records: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> => {
  const read: Uint8Array[] = []
  for await (const bytes of records) read.push(bytes)
  return read
}

const bodyOf = async (request: IncomingMessage): Promise<Uint8Array> => Uint8Array.from(Buffer.concat(await request.toArray()))

describe('createDelegatedRouter', () => {
  test('puts with the media type of IPNS records and gets the same bytes back', async () => {
    const stored = new Map<string, Uint8Array>()
    const seen: IncomingMessage['headers'][] = []
    const keep = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      stored.set(request.url!, await bodyOf(request))
      answer(response, 200)
    }
    const url = await serve((request, response) => {
      seen.push(request.headers)
      if (request.method === 'PUT') return void keep(request, response)
      const found = stored.get(request.url!)
      return found ? answer(response, 200, found) : answer(response, 404)
    })
    const router = createDelegatedRouter({ url: `${url}/base`, allowPrivate: true })
    await router.put(id, record)
    expect([...stored.keys()]).toEqual([`/base/routing/v1/ipns/${id}`])
    expect(seen[0]).toMatchObject({ 'content-type': IPNS_RECORD_TYPE, 'content-length': '900' })
    expect(await all(router.get(id))).toEqual([record])
    expect(seen[1]).toMatchObject({ accept: IPNS_RECORD_TYPE })
    expect(seen[1]).not.toHaveProperty('cookie')
    await router.close()
  })

  test.each([
    ['404', 404, {}],
    ['200 with plain text (IPIP-0513)', 200, { 'content-type': 'text/plain; charset=utf-8' }]
  ])('takes %s as: there is none', async (_, status, headers) => {
    const url = await serve((_request, response) => answer(response, status, 'nothing here', headers))
    expect(await all(createDelegatedRouter({ url, allowPrivate: true }).get(id))).toEqual([])
  })

  test('takes a media type with parameters and in capitals', async () => {
    const url = await serve((_request, response) => answer(response, 200, record, { 'content-type': 'Application/VND.ipfs.ipns-record; v=1' }))
    expect(await all(createDelegatedRouter({ url, allowPrivate: true }).get(id))).toEqual([record])
  })

  test.each([
    ['a server error', 500, {}, 500],
    ['a rate limit', 429, {}, 429],
    ['another success', 204, {}, 204],
    ['a redirect to another origin', 302, { location: 'http://127.0.0.1:1/' }, 302],
    ['a permanent redirect', 308, { location: '/elsewhere' }, 308],
    ['a page instead of a record', 200, { 'content-type': 'text/html' }, 200],
    ['JSON instead of a record', 200, { 'content-type': 'application/json' }, 200]
  ])('fails on %s and follows nothing', async (_, status, headers, expected) => {
    let requests = 0
    const url = await serve((_request, response) => {
      requests++
      answer(response, status, status === 204 ? '' : record, headers)
    })
    const router = createDelegatedRouter({ url, allowPrivate: true })
    await expect(all(router.get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED', status: expected })
    expect(requests).toBe(1)
  })

  test.each([[400], [302], [500]])('a put that is answered with %d fails', async (status) => {
    const url = await serve((_request, response) => answer(response, status, 'no', { location: '/elsewhere' }))
    await expect(createDelegatedRouter({ url, allowPrivate: true }).put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED', status })
  })

  test('takes a record of the greatest size, not one byte more', async () => {
    let size = MAX_RECORD_BYTES
    const url = await serve((_request, response) => answer(response, 200, new Uint8Array(size)))
    const router = createDelegatedRouter({ url, allowPrivate: true })
    expect((await all(router.get(id)))[0]?.byteLength).toBe(MAX_RECORD_BYTES)
    size++
    await expect(all(router.get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await expect(router.put(id, new Uint8Array(size))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  test('stops reading an endless body and lets go of the connection', async () => {
    let sent = 0
    const closed = Promise.withResolvers<void>()
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': IPNS_RECORD_TYPE })
      const timer = setInterval(() => { sent += response.write(new Uint8Array(4_096)) ? 4_096 : 0 }, 1)
      response.on('close', () => { clearInterval(timer); closed.resolve() })
    })
    await expect(all(createDelegatedRouter({ url, allowPrivate: true }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await closed.promise
    expect(sent).toBeLessThan(1_048_576)
  })

  test('counts a compressed body after decompression', async () => {
    const bomb = gzipSync(new Uint8Array(50 * 1_048_576))
    const url = await serve((_request, response) => answer(response, 200, bomb, { 'content-encoding': 'gzip' }))
    const before = process.memoryUsage().arrayBuffers
    await expect(all(createDelegatedRouter({ url, allowPrivate: true }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1_048_576)
  })

  test('fails on a body that is cut half way', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': IPNS_RECORD_TYPE, 'content-length': '900' })
      response.write(record.subarray(0, 450), () => response.socket?.destroy())
    })
    await expect(all(createDelegatedRouter({ url, allowPrivate: true }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  test('fails on a huge header', async () => {
    const url = await serve((_request, response) => answer(response, 200, record, { 'x-huge': 'x'.repeat(200_000) }))
    await expect(all(createDelegatedRouter({ url, allowPrivate: true }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  test('fails on a server that never answers, and on one that stops in the middle', async () => {
    const url = await serve((request, response) => {
      if (request.method !== 'GET') return
      response.writeHead(200, { 'content-type': IPNS_RECORD_TYPE })
      response.write(record.subarray(0, 10))
    })
    const router = createDelegatedRouter({ url, timeoutMs: 100, allowPrivate: true })
    await expect(router.put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await expect(all(router.get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  test('fails when nobody listens', async () => {
    const url = await serve(() => undefined)
    await new Promise((resolve) => server!.close(resolve))
    await expect(all(createDelegatedRouter({ url, allowPrivate: true }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  test('an abort rejects with its reason and closes the socket', async () => {
    const asked = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const url = await serve((request) => {
      request.socket.on('close', () => closed.resolve())
      asked.resolve()
    })
    const controller = new AbortController()
    const reading = all(createDelegatedRouter({ url, timeoutMs: 3_600_000, allowPrivate: true }).get(id, { signal: controller.signal }))
    await asked.promise
    const reason = new Error('no longer wanted')
    controller.abort(reason)
    await expect(reading).rejects.toBe(reason)
    await closed.promise
  })

  test('return() cancels a request that hangs, closes the socket and ends the waiting next()', async () => {
    const asked = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const url = await serve((request) => {
      request.socket.on('close', () => closed.resolve())
      asked.resolve()
    })
    const reader = createDelegatedRouter({ url, timeoutMs: 3_600_000, allowPrivate: true }).get(id)[Symbol.asyncIterator]()
    const waiting = reader.next()
    await asked.promise
    await reader.return!()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await reader.next()).toEqual({ done: true, value: undefined })
    await closed.promise
  })

  test('close() fails what is under way and every later call with CLOSED', async () => {
    const asked = Promise.withResolvers<void>()
    const url = await serve(() => asked.resolve())
    const router = createDelegatedRouter({ url, allowPrivate: true })
    const reading = all(router.get(id))
    await asked.promise
    await router.close()
    await router.close()
    await expect(reading).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(router.put(id, record)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(all(router.get(id))).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('a get is one request, and the next one goes over the same connection, when the server is 50 ms away', async () => {
    let requests = 0
    const url = await serve((_request, response) => {
      requests++
      answer(response, 200, record)
    })
    const relay = await openRelay({ port: Number(new URL(url).port) }, { delayMs: 25 })
    const router = createDelegatedRouter({ url: `http://127.0.0.1:${relay.port}`, allowPrivate: true })
    for (const expected of [1, 2]) {
      const start = performance.now()
      expect(await all(router.get(id))).toEqual([record])
      // One round trip is 50 ms; the first one may need another to connect.
      expect(performance.now() - start).toBeGreaterThanOrEqual(49)
      expect({ requests, connections: relay.connections }).toEqual({ requests: expected, connections: 1 })
      // fetch gives a connection back a moment after the body has ended.
      await new Promise(setImmediate)
    }
    await relay.close()
  })

  test('uses the fetch it is given', async () => {
    const asked: string[] = []
    const router = createDelegatedRouter({
      url: 'https://names.example/',
      fetch: async (input, init) => {
        asked.push(`${init?.method ?? 'GET'} ${String(input)} ${init?.redirect} ${init?.credentials}`)
        return new Response(record, { headers: { 'content-type': IPNS_RECORD_TYPE } })
      }
    })
    expect(await all(router.get(id))).toEqual([record])
    expect(asked).toEqual([`GET https://names.example/routing/v1/ipns/${id} manual omit`])
    expect(router.name).toBe('delegated:names.example')
  })

  test.each([
    ['nonsense'], ['ftp://names.example'], ['file:///etc/passwd'], ['https://user:secret@names.example'], ['https://names.example/?key=1'], ['https://names.example/#x'],
    ['http://127.0.0.1'], ['http://localhost:8080'], ['http://2130706433'], ['http://0x7f.1'], ['http://[::1]'], ['http://[::ffff:10.0.0.1]'], ['http://192.168.1.1'], ['http://169.254.169.254'], ['http://home.local']
  ])('refuses the URL %s', (url) => {
    expect(() => createDelegatedRouter({ url })).toThrow(expect.objectContaining({ code: 'INVALID_URL' }))
  })
})
