import type { IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { createHttpClient, readAtMost, type FailureOptions, type HttpClient, type HttpClientOptions } from '../../src/adapters/http-client.ts'
import { serve, writeEndlessly, watchLeftovers } from './loopback-server.ts'

class Failed extends Error {
  readonly options: FailureOptions

  constructor (reason: string, options: FailureOptions = {}) {
    super(reason, options)
    this.options = options
  }
}

const clientOf = (url: string, options: Partial<HttpClientOptions> = {}): HttpClient =>
  createHttpClient({ url, what: 'client', allowPrivate: true, fail: (reason, given) => new Failed(reason, given), ...options })

const text = (response: Response): Promise<string> => response.text()
const statusOf = async ({ status }: Response): Promise<number> => status
const atMost = (max: number) => async (response: Response) => readAtMost(response, max, () => new Failed('too long'))

describe('createHttpClient', () => {
  test('asks for an uncompressed answer, without cookies, over one connection', async () => {
    const seen: IncomingMessage[] = []
    const server = await serve((request, response) => {
      seen.push(request)
      response.setHeader('set-cookie', 'a=b').end('answer')
    })
    const client = clientOf(`${server.url}/base`, { headers: { authorization: 'Bearer secret' } })
    for (let i = 0; i < 3; i++) {
      expect(await client.request(`path/${i}?q=1`, { headers: { accept: 'text/plain' } }, text)).toBe('answer')
      // fetch gives a connection back a moment after the body has ended.
      await new Promise(setImmediate)
    }
    expect(seen.map(({ url }) => url)).toEqual(['/base/path/0?q=1', '/base/path/1?q=1', '/base/path/2?q=1'])
    for (const { headers } of seen) {
      expect(headers).toMatchObject({ accept: 'text/plain', authorization: 'Bearer secret', 'accept-encoding': 'identity' })
      expect(headers).not.toHaveProperty('cookie')
      expect(headers).not.toHaveProperty('referer')
    }
    expect(server.connections).toBe(1)
  })

  test('follows no redirect that is not allowed, on its own host neither', async () => {
    const paths: string[] = []
    const server = await serve((request, response) => {
      paths.push(request.url!)
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    expect(await clientOf(server.url).request('start', {}, statusOf)).toBe(302)
    expect(paths).toEqual(['/start'])
  })

  test('follows a redirect to a host that is allowed, and takes nothing secret there', async () => {
    const there: IncomingMessage['headers'][] = []
    const other = await serve(({ headers }, response) => {
      there.push(headers)
      response.end('from there')
    })
    const server = await serve((request, response) => void (request.url === '/start' ? response.writeHead(302, { location: '/again' }) : response.writeHead(307, { location: `http://localhost:${new URL(other.url).port}/x` })).end())
    const client = clientOf(server.url, { headers: { authorization: 'Bearer secret' }, redirectHosts: ['localhost'] })
    expect(await client.request('start', { headers: { accept: 'text/plain', 'x-amz-security-token': 'secret' } }, text)).toBe('from there')
    expect(there[0]).toMatchObject({ accept: 'text/plain' })
    expect(JSON.stringify(there)).not.toContain('secret')
  })

  test.each([
    ['another host', 'http://127.0.0.2:1/'],
    ['another port', 'http://127.0.0.1:1/'],
    ['no URL', 'http://['],
    ['another scheme', 'file:///etc/passwd']
  ])('fails on a redirect to %s where others are allowed', async (_, location) => {
    const server = await serve((_request, response) => response.writeHead(302, { location }).end())
    await expect(clientOf(server.url, { redirectHosts: ['allowed.example', '.allowed.example'] }).request('', {}, text)).rejects.toThrow('which is not allowed')
  })

  test('fails on a redirect to a private address, and on one from https to http', async () => {
    const redirectTo = (location: string): typeof fetch => async () => new Response(null, { status: 302, headers: { location } })
    for (const location of ['https://192.168.1.1/', 'https://[::1]/', 'http://names.example/']) {
      const client = clientOf('https://names.example', { allowPrivate: false, redirectHosts: ['192.168.1.1', '[::1]'], fetch: redirectTo(location) })
      await expect(client.request('', {}, text)).rejects.toThrow('which is not allowed')
    }
  })

  test('follows three redirects and no PUT', async () => {
    let requests = 0
    const server = await serve((_request, response) => {
      requests++
      response.writeHead(302, { location: `/${requests}` }).end()
    })
    const client = clientOf(server.url, { redirectHosts: ['127.0.0.1'] })
    await expect(client.request('', {}, text)).rejects.toThrow('more than 3 times')
    expect(requests).toBe(4)
    expect(await client.request('', { method: 'PUT', body: 'body' }, statusOf)).toBe(302)
    expect(requests).toBe(5)
  })

  test('stops reading a body over the cap and lets go of the connection', async () => {
    const server = await serve(writeEndlessly)
    await expect(clientOf(server.url).request('', {}, atMost(100_000))).rejects.toThrow('too long')
    await server.idle()
  })

  test('counts a compressed body as it is decompressed, and refuses one that is compressed twice', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1_048_576))
    const server = await serve((request, response) => {
      const twice = request.url === '/twice'
      response.writeHead(200, { 'content-encoding': twice ? 'gzip, gzip' : 'gzip' }).end(twice ? gzipSync(bomb) : bomb)
    })
    const before = process.memoryUsage().arrayBuffers
    await expect(clientOf(server.url).request('once', {}, atMost(1_000_000))).rejects.toThrow('too long')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1_048_576)
    await expect(clientOf(server.url).request('twice', {}, atMost(1_000_000))).rejects.toThrow('compressed more than once')
  })

  test('tells no header that HTTP does not carry', async () => {
    const refusal = { code: 'INVALID_HEADER', message: expect.not.stringContaining('se') as string }
    const client = clientOf('http://127.0.0.1:1')
    for (const value of ['se\ncret', 'sécret', ' se', 'se ', '']) {
      expect(() => clientOf('http://127.0.0.1:1', { headers: { authorization: value } })).toThrow(expect.objectContaining(refusal))
      await expect(client.request('', { headers: { authorization: value } }, text)).rejects.toMatchObject(refusal)
    }
  })

  test.each([
    ['that never answers', () => undefined],
    ['that stops in the middle', (_request: unknown, response: { write(text: string): void }) => response.write('half')]
  ])('an abandoned request to a server %s leaves no socket and no timer', async (_, listener) => {
    const asked = Promise.withResolvers<void>()
    const server = await serve((request, response) => {
      listener(request, response)
      asked.resolve()
    })
    const nothingIsLeft = watchLeftovers()
    const controller = new AbortController()
    const reason = new Error('the reason')
    const request = clientOf(server.url, { timeoutMs: 3_600_000 }).request('', {}, text, { signal: controller.signal })
    await asked.promise
    expect(server.open).toBe(1)
    controller.abort(reason)
    await expect(request).rejects.toBe(reason)
    await server.idle()
    await nothingIsLeft()
  })

  test('ends at its timeout, leaving no socket', async () => {
    const server = await serve(() => undefined)
    const nothingIsLeft = watchLeftovers()
    await expect(clientOf(server.url, { timeoutMs: 20 }).request('', {}, text)).rejects.toThrow('no whole answer within 20 ms')
    await server.idle()
    await nothingIsLeft()
  })

  test('is held by no fetch that does not listen to its signal', async () => {
    const client = clientOf('http://127.0.0.1:1', { fetch: () => new Promise(() => {}) })
    const controller = new AbortController()
    const request = client.request('', {}, text, { signal: controller.signal })
    controller.abort(new Error('the reason'))
    await expect(request).rejects.toThrow('the reason')
    const other = client.request('', {}, text)
    client.close()
    await expect(other).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(client.request('', {}, text)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('says whether a connection broke before any answer', async () => {
    const server = await serve((request, response) => {
      const breakOff = (): void => void request.socket.destroy()
      if (request.url === '/before') breakOff()
      else response.writeHead(200, { 'content-length': '10' }).write('half', breakOff)
    })
    const client = clientOf(server.url)
    await expect(client.request('before', {}, text)).rejects.toMatchObject({ options: { unanswered: true } })
    await expect(client.request('within', {}, text)).rejects.toMatchObject({ options: { unanswered: false } })
    await server.close()
    await expect(client.request('nobody', {}, text)).rejects.toMatchObject({ options: { unanswered: true } })
  })
})
