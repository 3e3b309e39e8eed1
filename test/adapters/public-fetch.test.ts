import type { RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { buffer as collect } from 'node:stream/consumers'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { describe, expect, test, vi } from 'vitest'
import { createPublicFetch, type PublicFetchOptions } from '../../src/adapters/public-fetch.ts'
import { serve, writeEndlessly, watchLeftovers } from './loopback-server.ts'

/** Dials loopback, which alone can be dialled here; what a name resolves to is for `resolve` to say. */
const fetchOf = (options: PublicFetchOptions = {}): typeof fetch => createPublicFetch({ isPrivate: (host) => host === '10.0.0.1', resolve: async () => ['127.0.0.1'], ...options })!

const portOf = (url: string): string => new URL(url).port

describe('createPublicFetch', () => {
  test.each([
    'http://127.0.0.1', 'http://127.1', 'http://2130706433', 'http://0x7f000001', 'http://0x7f.0.0.1', 'http://017700000001', 'http://0177.0.0.1', 'http://127.0.0.1.', 'http://①②⑦.⓪.⓪.①', 'http://%31%32%37.0.0.1',
    'http://0', 'http://10.0.0.1', 'http://100.64.0.1', 'http://169.254.169.254', 'http://172.16.0.1', 'http://192.168.0.1', 'http://255.255.255.255',
    'http://[::1]', 'http://[::]', 'http://[::ffff:127.0.0.1]', 'http://[::ffff:a00:1]', 'http://[::127.0.0.1]', 'http://[64:ff9b::10.0.0.1]', 'http://[64:ff9b:1::a00:1]', 'http://[2002:a00:1::1]', 'http://[fe80::1]', 'http://[fc00::1]',
    'http://localhost', 'http://LOCALHOST.', 'http://a.localhost', 'http://router.local', 'http://metadata.google.internal'
  ])('refuses %s and looks nothing up', async (url) => {
    const resolve = vi.fn<NonNullable<PublicFetchOptions['resolve']>>()
    await expect(createPublicFetch({ resolve })!(url)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
    expect(resolve).not.toHaveBeenCalled()
  })

  test.each([
    ['127.0.0.1'], ['10.0.0.1'], ['169.254.169.254'], ['0.0.0.0'], ['::1'], ['::ffff:127.0.0.1'], ['::ffff:8.8.8.8'], ['64:ff9b::a00:1'], ['2002:7f00:1::'], ['fe80::1%lo'], ['fd00::1'],
    ['not an address'], ['2130706433'], ['127.1']
  ])('refuses a name that is at %s, alone or beside a global address', async (address) => {
    for (const addresses of [[address], ['1.1.1.1', address], [address, '1.1.1.1']]) {
      await expect(createPublicFetch({ resolve: async () => addresses })!('https://innocent.example')).rejects.toMatchObject({ code: 'ADDRESS_REFUSED', message: 'innocent.example is at an address that is not global' })
    }
  })

  test('refuses a name without addresses', async () => {
    await expect(createPublicFetch({ resolve: async () => [] })!('https://nowhere.example')).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
  })

  test('resolves once and connects to the address that it checked, whatever the name is a moment later', async () => {
    const server = await serve((request, response) => response.end(request.headers.host))
    const asked: string[] = []
    const rebound = fetchOf({
      resolve: async (name) => {
        asked.push(name)
        return asked.length === 1 ? ['127.0.0.1'] : ['10.0.0.1']
      }
    })
    const host = `rebound.example:${portOf(server.url)}`
    const response = await rebound(`http://${host}/path`)
    expect(await response.text()).toBe(host)
    expect(asked).toEqual(['rebound.example'])
    await expect(rebound(`http://${host}/path`)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
    expect(server.connections).toBe(1)
  })

  test('gives redirects back and follows none', async () => {
    const paths: string[] = []
    const server = await serve((request, response) => {
      paths.push(request.url!)
      response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
    })
    const response = await fetchOf()(`http://a.example:${portOf(server.url)}/start`)
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://169.254.169.254/'])
    expect(paths).toEqual(['/start'])
    await response.body?.cancel()
  })

  test('gives status, headers and body as they came, compressed ones too, and keeps no connection', async () => {
    const seen: unknown[] = []
    const server = await serve((request, response) => {
      seen.push([request.method, request.headers.accept, request.headers.connection, request.headers.cookie])
      response.writeHead(404, { 'content-type': 'text/plain', 'content-encoding': 'gzip', 'set-cookie': ['a=1', 'b=2'] }).end('no gzip')
    })
    const url = `http://a.example:${portOf(server.url)}/`
    const response = await fetchOf()(new URL(url), { headers: { accept: 'text/plain' } })
    expect([response.status, response.ok, response.headers.get('content-type'), response.headers.getSetCookie(), await response.text()]).toEqual([404, false, 'text/plain', ['a=1', 'b=2'], 'no gzip'])
    const head = await fetchOf()(url, { method: 'HEAD' })
    expect([head.status, head.body]).toEqual([404, null])
    expect(seen).toEqual([['GET', 'text/plain', 'close', undefined], ['HEAD', undefined, 'close', undefined]])
    await server.idle()
  })

  test.each(['PUT', 'POST', 'DELETE'])('sends the body of a %s with its length, whatever the caller says of it', async (method) => {
    const seen: unknown[] = []
    const server = await serve((request, response) => void collect(request).then((body) => {
      seen.push([request.method, request.headers['content-length'], request.headers['transfer-encoding'], request.headers.host, body.toString()])
      return response.end('taken')
    }))
    const host = `a.example:${portOf(server.url)}`
    for (const body of [Uint8Array.of(0x61, 0x62, 0x63), 'abc', new Uint8Array(), undefined]) {
      const response = await fetchOf()(`http://${host}/`, { method, body, headers: { 'content-length': '1', 'transfer-encoding': 'chunked', host: 'other.example', expect: '100-continue' } })
      expect(await response.text()).toBe('taken')
    }
    expect(seen).toEqual([[method, '3', undefined, host, 'abc'], [method, '3', undefined, host, 'abc'], [method, '0', undefined, host, ''], [method, '0', undefined, host, '']])
    await server.idle()
  })

  test('sends nothing to an address that is not global, and gives an answer that comes before the body was read', async () => {
    const server = await serve((_request, response) => response.writeHead(413, { connection: 'close' }).end('too long'))
    const init = { method: 'PUT', body: new Uint8Array(16 * 1_048_576) }
    await expect(createPublicFetch({ resolve: async () => ['127.0.0.1'] })!(`http://a.example:${portOf(server.url)}/`, init)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
    expect(server.connections).toBe(0)
    const response = await fetchOf()(`http://a.example:${portOf(server.url)}/`, init)
    expect(response.status).toBe(413)
    await response.body?.cancel()
    await server.idle()
  })

  test('speaks TLS to the name that was asked for, and to nobody who cannot prove it', async () => {
    const server = await serve((_request, response) => response.end('over TLS'), (listener: RequestListener) => createTlsServer({ key: KEY, cert: CERTIFICATE }, listener) as never)
    const port = portOf(server.url)
    await expect(fetchOf()(`https://hint.example:${port}/`)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    const trusted = getCACertificates('default')
    setDefaultCACertificates([...trusted, CERTIFICATE])
    try {
      expect(await (await fetchOf()(`https://hint.example:${port}/`)).text()).toBe('over TLS')
      await expect(fetchOf()(`https://other.example:${port}/`)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    } finally {
      setDefaultCACertificates(trusted)
    }
    await server.idle()
  })

  test.each([
    ['another method', 'http://a.example/', { method: 'PATCH' }],
    ['a body where none belongs', 'http://a.example/', { body: 'x' }],
    ['a body of unknown length', 'http://a.example/', { method: 'PUT', body: new ReadableStream() }],
    ['another scheme', 'file:///etc/passwd', {}],
    ['another scheme of the network', 'ftp://a.example/', {}]
  ])('refuses %s', async (_, url, init) => {
    await expect(fetchOf()(url, init)).rejects.toBeInstanceOf(TypeError)
  })

  test.each([
    ['a status that is none', 'HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(200_000)}\r\n\r\n`],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['nothing', '']
  ])('rejects when the answer is %s', async (_, text) => {
    const server = createTcpServer((socket) => void socket.on('error', () => undefined).resume().end(text)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await expect(fetchOf()(`http://a.example:${port}/`)).rejects.toBeInstanceOf(Error)
    await new Promise((resolve) => server.close(resolve))
  })

  test('a request that is given up leaves no socket: looking up, waiting, reading, or with its body let go', async () => {
    const nothingIsLeft = watchLeftovers()
    const silent = await serve(() => undefined)
    const endless = await serve(writeEndlessly)
    const reason = new Error('the reason')
    const given = AbortSignal.abort(reason)
    await expect(fetchOf()('http://a.example/', { signal: given })).rejects.toBe(reason)

    const controllers = [new AbortController(), new AbortController(), new AbortController()] as const
    const lookingUp = fetchOf({ resolve: () => new Promise(() => {}) })('http://a.example/', { signal: controllers[0].signal })
    controllers[0].abort(reason)
    await expect(lookingUp).rejects.toBe(reason)

    const waiting = fetchOf()(`http://a.example:${portOf(silent.url)}/`, { signal: controllers[1].signal })
    while (silent.open === 0) await new Promise(setImmediate)
    controllers[1].abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await silent.idle()

    const read = await fetchOf()(`http://a.example:${portOf(endless.url)}/`, { signal: controllers[2].signal })
    const reader = read.body!.getReader()
    await reader.read()
    controllers[2].abort(reason)
    await expect((async () => { while (!(await reader.read()).done); })()).rejects.toBeInstanceOf(Error)
    await endless.idle()

    await (await fetchOf()(`http://a.example:${portOf(endless.url)}/`)).body!.cancel()
    await endless.idle()
    await Promise.all([silent.close(), endless.close()])
    await nothingIsLeft()
  })

  test('is not there without Node', () => {
    vi.stubGlobal('process', { ...process, getBuiltinModule: undefined })
    expect(createPublicFetch()).toBeUndefined()
    vi.unstubAllGlobals()
  })
})

/** Of hint.example, signed by itself; good from 2020 to 2120. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrRqtd1Auwl5AtJbC
/5OqebARL04qPVsM3mLxJKDb/ZGhRANCAAR0d/eWyUwK8McvPtZ9Xl6ryuVnG1ei
I5HgGkfC80OkXn6VD1lgFLQ2h1b75eAlYXKCZ18HHOPMGm5IvGOM4UxW
-----END PRIVATE KEY-----
`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBazCCARCgAwIBAgIBATAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxoaW50LmV4
YW1wbGUwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBcxFTATBgNV
BAMMDGhpbnQuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHR395bJ
TArwxy8+1n1eXqvK5WcbV6IjkeAaR8LzQ6RefpUPWWAUtDaHVvvl4CVhcoJnXwcc
48wabki8Y4zhTFajSzBJMBcGA1UdEQQQMA6CDGhpbnQuZXhhbXBsZTAPBgNVHRMB
Af8EBTADAQH/MB0GA1UdDgQWBBSUFsjWQmOprZv4xDS0jIRZFHbP7DAKBggqhkjO
PQQDAgNJADBGAiEAoc+xa3U+PhxkInBzlrRVCi+60u8Fxy6bdQCfnNO8zXACIQCO
FB2/m9lun6f9vouSxJ7kvDL82yWimLHw4jTnlj641A==
-----END CERTIFICATE-----
`
