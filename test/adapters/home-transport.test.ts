import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { buffer as collect } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { createHomeTransport, type HomeTransportOptions } from '../../src/adapters/home-transport.ts'
import { createPublicFetch } from '../../src/adapters/public-fetch.ts'
import type { HomeRequest, HomeResponse } from '../../src/hosting/home-transport.ts'
import { serve, watchLeftovers, writeEndlessly } from './loopback-server.ts'

const send = (url: string, request: Partial<HomeRequest> = {}, { signal, ...options }: HomeTransportOptions & { signal?: AbortSignal } = {}): Promise<HomeResponse> =>
  createHomeTransport(options).send({ url, method: 'GET', headers: {}, maxBytes: 1_000, trusted: true, ...request }, { signal })

/** Dials loopback for a stranger's name, as nothing else can be dialled here. */
const loopbackFetch = createPublicFetch({ isPrivate: (host) => host === '10.0.0.1', resolve: async () => ['127.0.0.1'] })!

/** Both ways of going to a home, to one server. */
const WAYS = [
  ['a home that the user named', (url: string) => url, { trusted: true }, {}],
  ['an address out of a document', (url: string) => url.replace('127.0.0.1', 'home.example'), { trusted: false }, { publicFetch: loopbackFetch }]
] as const

describe.each(WAYS)('a request to %s', (_way, urlOf, trust, options) => {
  test('carries method, headers and body, and brings status, headers and body', async () => {
    const seen: unknown[] = []
    const server = await serve((request, response) => void collect(request).then((body) => {
      seen.push([request.method, request.url, request.headers['x-sent'], request.headers.cookie, body.toString()])
      return response.writeHead(409, { 'X-Answer': 'yes', 'set-cookie': 'a=b' }).end('body')
    }))
    for (const method of ['PUT', 'POST', 'DELETE'] as const) {
      const response = await send(`${urlOf(server.url)}/a/b?c=d`, { method, headers: { 'x-sent': 'sent' }, body: new TextEncoder().encode('abc'), ...trust }, options)
      expect(response).toMatchObject({ status: 409, headers: { 'x-answer': 'yes' }, body: new TextEncoder().encode('body') })
    }
    expect(seen).toEqual(['PUT', 'POST', 'DELETE'].map((method) => [method, '/a/b?c=d', 'sent', undefined, 'abc']))
  })

  test.each([[1_000, 1_000], [0, 0]])('takes an answer of %i bytes, and not one more', async (maxBytes, length) => {
    const server = await serve((request, response) => response.end(Buffer.alloc(request.url === '/fits' ? length : length + 1, 1)))
    const { body } = await send(`${urlOf(server.url)}/fits`, { maxBytes, ...trust }, options)
    expect(body.byteLength).toBe(length)
    await expect(send(`${urlOf(server.url)}/over`, { maxBytes, ...trust }, options)).rejects.toMatchObject({ code: 'HOME_UNREACHABLE', message: expect.stringContaining(`longer than ${maxBytes} bytes`) as string })
  })

  test('gives up an answer without end at its cap, and lets go of the connection', async () => {
    const server = await serve(writeEndlessly)
    await expect(send(urlOf(server.url), { maxBytes: 100_000, ...trust }, options)).rejects.toMatchObject({ code: 'HOME_UNREACHABLE' })
    await server.idle()
  })

  test('follows no redirect', async () => {
    const paths: string[] = []
    const server = await serve((request, response) => {
      paths.push(request.url!)
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    expect(await send(`${urlOf(server.url)}/start`, { method: 'PUT', body: Uint8Array.of(1), ...trust }, options)).toMatchObject({ status: 307 })
    expect(paths).toEqual(['/start'])
  })

  test.each([
    ['that never answers', () => undefined],
    ['that stops in the middle', (_request: unknown, response: { write(text: string): void }) => response.write('half')],
    ['that drips', (_request: unknown, response: { write(text: string): boolean; on(event: string, listener: () => void): void }) => {
      const timer = setInterval(() => response.write('.'), 5)
      response.on('close', () => clearInterval(timer))
    }]
  ])('ends in time with a home %s, and at once when it is aborted, leaving nothing', async (_, listener) => {
    const reason = new Error('the reason')
    for (const outcome of ['late', 'aborted']) {
      const asked = Promise.withResolvers<void>()
      const server = await serve((request, response) => {
        listener(request, response as never)
        asked.resolve()
      })
      const nothingIsLeft = watchLeftovers()
      const controller = new AbortController()
      const given = send(urlOf(server.url), trust, { ...options, ...(outcome === 'late' ? { timeoutMs: 40 } : { signal: controller.signal }) })
      if (outcome === 'late') {
        await expect(given).rejects.toMatchObject({ code: 'HOME_UNREACHABLE', message: expect.stringContaining('within 40 ms') as string })
      } else {
        await asked.promise
        controller.abort(reason)
        await expect(given).rejects.toBe(reason)
      }
      await server.idle()
      await nothingIsLeft()
    }
  })

  test.each([
    ['a content length that is too long', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort'],
    ['two content lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nshort'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['nothing', '']
  ])('fails on an answer with %s', async (_, text) => {
    const server = createTcpServer((socket) => void socket.on('error', () => undefined).resume().end(text)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    await expect(send(urlOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`), trust, options)).rejects.toMatchObject({ code: 'HOME_UNREACHABLE' })
    await new Promise((resolve) => server.close(resolve))
  })

  test('fails with CLOSED when it is closed, what is under way, too', async () => {
    const asked = Promise.withResolvers<void>()
    const server = await serve(() => asked.resolve())
    const transport = createHomeTransport(options)
    const request: HomeRequest = { url: urlOf(server.url), method: 'GET', headers: {}, maxBytes: 1, ...trust }
    const given = transport.send(request)
    await asked.promise
    await transport.close()
    await expect(given).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(transport.send(request)).rejects.toMatchObject({ code: 'CLOSED' })
    await server.idle()
  })
})

describe('createHomeTransport', () => {
  test('keeps the connection to a home that the user named, and no other', async () => {
    const server = await serve((_request, response) => response.end('answer'))
    for (let i = 0; i < 3; i++) {
      await send(server.url)
      // fetch gives a connection back a moment after the body has ended.
      await new Promise(setImmediate)
    }
    expect(server.connections).toBe(1)
    for (let i = 0; i < 2; i++) await send(server.url.replace('127.0.0.1', 'home.example'), { trusted: false }, { publicFetch: loopbackFetch })
    expect(server.connections).toBe(3)
  })

  test('counts a compressed answer as it is decompressed', async () => {
    const server = await serve((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(16 * 1_048_576))))
    await expect(send(server.url, { maxBytes: 1_000_000 })).rejects.toMatchObject({ code: 'HOME_UNREACHABLE' })
  })

  test('sends nothing to a private address that a stranger gave, by number or by name, unless that is allowed', async () => {
    const server = await serve((_request, response) => response.end('answer'))
    const fetch = vi.fn<typeof globalThis.fetch>()
    await expect(send(server.url, { trusted: false }, { fetch })).rejects.toMatchObject({ code: 'INVALID_URL' })
    const publicFetch = createPublicFetch({ resolve: async () => ['127.0.0.1'] })!
    await expect(send(server.url.replace('127.0.0.1', 'home.example'), { trusted: false }, { fetch, publicFetch })).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
    expect(fetch).not.toHaveBeenCalled()
    expect(server.connections).toBe(0)
    expect(await send(server.url, { trusted: false }, { allowPrivate: true })).toMatchObject({ status: 200 })
  })

  test.each(['ftp://home.example/', 'nonsense', 'http://user:secret@home.example/'])('refuses the URL %s without telling a secret', async (url) => {
    for (const trusted of [true, false]) await expect(send(url, { trusted })).rejects.toMatchObject({ code: 'INVALID_URL', message: expect.not.stringContaining('secret') as string })
  })
})
