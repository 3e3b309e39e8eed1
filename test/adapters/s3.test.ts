import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, test, vi } from 'vitest'
import { createS3Store, type S3StoreOptions } from '../../src/adapters/s3.ts'
import { utf8 } from '../../src/bytes.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { hashName, type HashStore } from '../../src/store/hash-store.ts'
import { serve, writeEndlessly, watchLeftovers } from './loopback-server.ts'
import { faultOfSignature, type SignedRequest } from './sigv4.ts'

const adapter = new URL('../../src/adapters/s3.ts', import.meta.url).href
const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'the/secret+of=the-tests' }
const bytes = utf8('a block')
const cid = await cidOf(bytes, RAW)
const name = hashName(cid)

const storeAt = (endpoint: string, options: Partial<S3StoreOptions> = {}): HashStore => createS3Store({ endpoint, bucket: 'blocks', credentials, allowPrivate: true, ...options })

const errorXml = (code: string): string => `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>Some words</Message></Error>`

const answer = (status: number, body: string | Uint8Array = '', headers: Record<string, string> = {}): RequestListener => (request, response) => {
  request.resume()
  response.writeHead(status, headers).end(body)
}

/** Keeps what it was asked, and answers `status`. */
const record = (status = 200, body = ''): { requests: SignedRequest[]; listener: RequestListener } => {
  const requests: SignedRequest[] = []
  const keep = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push({ method: request.method!, target: request.url!, headers: request.headers, body: Buffer.concat(await request.toArray() as Buffer[]) })
    response.writeHead(status).end(body)
  }
  return { requests, listener: (request, response) => void keep(request, response) }
}

const everyCall = (store: HashStore): [string, () => Promise<unknown>][] => [['put', () => store.put(cid, bytes)], ['get', () => store.get(cid)], ['pin', () => store.pin(cid)], ['unpin', () => store.unpin(cid)]]

/** What an error tells, its causes too. */
const told = (error: unknown): string => (error instanceof Error ? `${error.stack}\n${JSON.stringify(error)}\n${told(error.cause)}` : String(error))

const failureOf = async (work: Promise<unknown>): Promise<Error & { code?: string }> => work.then(() => { throw new Error('it did not fail') }, (error: Error) => error)

describe('the check of signatures', () => {
  const awsSecret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
  const host = 'examplebucket.s3.amazonaws.com'
  const nothing = new Uint8Array()

  test.each<[string, SignedRequest]>([
    ['GET Object', {
      method: 'GET',
      target: '/test.txt',
      headers: { host, range: 'bytes=0-9', 'x-amz-content-sha256': createHash('sha256').digest('hex'), 'x-amz-date': '20130524T000000Z', authorization: 'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41' },
      body: nothing
    }],
    ['PUT Object', {
      method: 'PUT',
      target: '/test%24file.text',
      headers: { host, date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072', 'x-amz-date': '20130524T000000Z', 'x-amz-storage-class': 'REDUCED_REDUNDANCY', authorization: 'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd' },
      body: utf8('Welcome to Amazon S3.')
    }]
  ])('takes the example %s of the AWS documentation', (_, request) => {
    expect(faultOfSignature(request, awsSecret)).toBeUndefined()
    expect(faultOfSignature({ ...request, method: 'DELETE' }, awsSecret)).toBe('the signature is another')
    expect(faultOfSignature(request, credentials.secretAccessKey)).toBe('the signature is another')
  })
})

describe('createS3Store', () => {
  test.each<[string, Partial<S3StoreOptions>, string]>([
    ['no prefix', {}, `/blocks/${name}`],
    ['a prefix', { prefix: 'mercury/' }, `/blocks/mercury/${name}`],
    ['a prefix that needs encoding', { prefix: "a b+c&=?#%/ü'(!*)~/" }, `/blocks/a%20b%2Bc%26%3D%3F%23%25/%C3%BC%27%28%21%2A%29~/${name}`],
    ['a session token and a region', { credentials: { ...credentials, sessionToken: 'IQoJ//token+==' }, region: 'eu-west-1' }, `/blocks/${name}`]
  ])('makes one request for each call, signed, with the hash of its body: %s', async (_, options, target) => {
    const { requests, listener } = record()
    const server = await serve(listener)
    const store = storeAt(server.url, options)
    await store.put(cid, bytes, { pin: true })
    await store.put(cid, bytes)
    await store.get(cid)
    await store.pin(cid)
    await store.unpin(cid)
    expect(requests.map((request) => `${request.method} ${request.target}`)).toEqual(['PUT', 'PUT', 'GET', 'HEAD', 'DELETE'].map((method) => `${method} ${target}`))
    for (const request of requests) {
      expect(faultOfSignature(request, credentials.secretAccessKey)).toBeUndefined()
      expect(request.headers).toMatchObject({ host: server.host, 'accept-encoding': 'identity', authorization: expect.stringContaining(`/${options.region ?? 'us-east-1'}/s3/`) as string })
      expect(request.headers['x-amz-security-token']).toBe((options.credentials as { sessionToken?: string } | undefined)?.sessionToken)
    }
    expect(Uint8Array.from(requests[0]!.body)).toEqual(bytes)
  })

  test('keeps a path of the endpoint', async () => {
    const { requests, listener } = record()
    const server = await serve(listener)
    await storeAt(`${server.url}/storage/v1/s3`).put(cid, bytes)
    expect(requests[0]!.target).toBe(`/storage/v1/s3/blocks/${name}`)
    expect(faultOfSignature(requests[0]!, credentials.secretAccessKey)).toBeUndefined()
  })

  test.each<[string, Partial<S3StoreOptions>, string]>([
    ['AWS has a host for each bucket', { region: 'eu-west-1' }, `https://blocks.s3.eu-west-1.amazonaws.com/${name}`],
    ['but for one with a dot, which its certificate does not cover', { bucket: 'my.blocks' }, `https://s3.us-east-1.amazonaws.com/my.blocks/${name}`],
    ['in China, too', { region: 'cn-north-1' }, `https://blocks.s3.cn-north-1.amazonaws.com.cn/${name}`],
    ['others have one for all', { endpoint: 'https://gateway.storjshare.io' }, `https://gateway.storjshare.io/blocks/${name}`],
    ['unless told otherwise', { endpoint: 'https://s3.example:9000', pathStyle: false }, `https://blocks.s3.example:9000/${name}`],
    ['and AWS may be told to', { endpoint: 'https://s3.eu-west-1.amazonaws.com', pathStyle: true }, `https://s3.eu-west-1.amazonaws.com/blocks/${name}`]
  ])('%s', async (_, options, url) => {
    const asked: SignedRequest[] = []
    const urls: string[] = []
    const fetchAway: typeof fetch = async (input, init) => {
      const { host, pathname } = new URL(String(input))
      urls.push(String(input))
      asked.push({ method: init!.method!, target: pathname, headers: { host, ...(init!.headers as Record<string, string>) }, body: new Uint8Array() })
      return new Response(bytes)
    }
    expect(await createS3Store({ bucket: 'blocks', credentials, fetch: fetchAway, ...options }).get(cid)).toEqual(bytes)
    expect(urls).toEqual([url])
    expect(faultOfSignature(asked[0]!, credentials.secretAccessKey)).toBeUndefined()
  })

  test('asks for credentials before every request, and keeps none', async () => {
    const { requests, listener } = record()
    const server = await serve(listener)
    let asked = 0
    const store = storeAt(server.url, { credentials: async () => ({ ...credentials, accessKeyId: `KEY${++asked}`, secretAccessKey: `secret ${asked}`.replace(' ', '-') }) })
    for (let i = 0; i < 40; i++) await store.put(cid, bytes)
    for (const [i, request] of requests.entries()) {
      expect(request.headers.authorization).toContain(`Credential=KEY${i + 1}/`)
      expect(faultOfSignature(request, `secret-${i + 1}`)).toBeUndefined()
    }
  })

  test('tells credentials that could not be had, and those that cannot be any, without what they are', async () => {
    const source = storeAt('http://127.0.0.1:1', { credentials: async () => { throw new Error('the vault is sealed') } })
    await expect(source.get(cid)).rejects.toMatchObject({ code: 'STORE_FAILED', cause: expect.objectContaining({ message: 'the vault is sealed' }) as Error })
    for (const odd of [{ ...credentials, secretAccessKey: 'sec\nret' }, { ...credentials, accessKeyId: 'sec ret' }, { ...credentials, sessionToken: 'sec\nret' }, { ...credentials, secretAccessKey: '' }, { accessKeyId: 'sec' } as never]) {
      const error = await failureOf(storeAt('http://127.0.0.1:1', { credentials: async () => odd }).get(cid))
      expect(error.code).toBe('INVALID_CREDENTIALS')
      expect(told(error)).not.toContain('sec\n')
      expect(told(error)).not.toContain('sec ret')
      expect(() => storeAt('http://127.0.0.1:1', { credentials: odd })).toThrow(expect.objectContaining({ code: 'INVALID_CREDENTIALS' }))
    }
  })

  test.each<[string, Partial<S3StoreOptions>, string]>([
    ['no bucket', { bucket: '' }, 'INVALID_ARGUMENT'],
    ['a bucket of two dots', { bucket: 'a..b' }, 'INVALID_ARGUMENT'],
    ['a bucket that is a path', { bucket: 'blocks/../other' }, 'INVALID_ARGUMENT'],
    ['a bucket with an at sign', { bucket: 'blocks@evil' }, 'INVALID_ARGUMENT'],
    ['a region that is a host', { region: 'evil.example/', endpoint: undefined }, 'INVALID_ARGUMENT'],
    ['a prefix that climbs', { prefix: 'a/../../other/' }, 'INVALID_ARGUMENT'],
    ['a prefix of one dot', { prefix: './a' }, 'INVALID_ARGUMENT'],
    ['a prefix with an empty segment', { prefix: 'a//b' }, 'INVALID_ARGUMENT'],
    ['a prefix from the root', { prefix: '/a' }, 'INVALID_ARGUMENT'],
    ['a prefix with a line break', { prefix: 'a\nb' }, 'INVALID_ARGUMENT'],
    ['a prefix that is no text', { prefix: '\ud800' }, 'INVALID_ARGUMENT'],
    ['a prefix over 512 bytes', { prefix: 'ü'.repeat(257) }, 'INVALID_ARGUMENT'],
    ['an endpoint with credentials', { endpoint: 'https://key:secret@s3.example' }, 'INVALID_URL'],
    ['a private endpoint', { allowPrivate: false }, 'INVALID_URL'],
    ['an address with a host for each bucket', { pathStyle: false }, 'INVALID_URL']
  ])('refuses %s', (_, options, code) => {
    expect(() => storeAt('http://127.0.0.1:9000', options)).toThrow(expect.objectContaining({ code }))
  })

  test('refuses a block over 1 MiB and a hash that cannot be checked, before anything is sent', async () => {
    const { requests, listener } = record()
    const store = storeAt((await serve(listener)).url)
    const identity = CID.createV1(RAW, createDigest(0x00, utf8('../other')))
    await expect(store.put(cid, new Uint8Array(1_048_577))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await expect(store.get(identity)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(requests).toEqual([])
  })
})

describe('what an S3 server answers', () => {
  test('is absence when it says NoSuchKey, and nothing else is', async () => {
    const absent = storeAt((await serve(answer(404, errorXml('NoSuchKey')))).url)
    expect(await absent.get(cid)).toBeUndefined()
    await absent.unpin(cid)
    await expect(absent.pin(cid)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(absent.put(cid, bytes)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    for (const body of [errorXml('NoSuchBucket'), '<html>nothing here</html>', '', errorXml('<Code>NoSuchKey</Code>'.repeat(2_000))]) {
      const store = storeAt((await serve(answer(404, body))).url)
      for (const call of [store.get, store.unpin]) await expect(call(cid)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    }
    await expect(storeAt((await serve(answer(404, errorXml('NoSuchBucket')))).url).get(cid)).rejects.toThrow('make the bucket first')
  })

  test.each([
    [301, errorXml('PermanentRedirect')],
    [307, errorXml('TemporaryRedirect')],
    [400, errorXml('AuthorizationHeaderMalformed')],
    [403, errorXml('SignatureDoesNotMatch')]
  ])('names the region to set when it answers %d from another one, and is not asked again', async (status, body) => {
    let requests = 0
    const server = await serve((request, response) => {
      requests++
      answer(status, body, { 'x-amz-bucket-region': 'eu-central-1', location: 'http://127.0.0.1:1/blocks' })(request, response)
    })
    for (const [, call] of everyCall(storeAt(server.url))) await expect(call()).rejects.toThrow("set region: 'eu-central-1'")
    expect(requests).toBe(4)
  })

  test('names no region that could not be one', async () => {
    const store = storeAt((await serve(answer(301, errorXml('PermanentRedirect'), { 'x-amz-bucket-region': "x'; rm -rf" }))).url)
    const { message } = await failureOf(store.get(cid))
    expect(message).toContain('set the region and the endpoint of the bucket')
    expect(message).not.toContain('rm -rf')
  })

  test('is told in one sentence when it refuses the credentials, without them', async () => {
    const secret = { accessKeyId: 'AKIDSECRET', secretAccessKey: 'secret-one', sessionToken: 'secret-two' }
    const server = await serve((request, response) => answer(403, `${errorXml('InvalidAccessKeyId')}${String(request.headers.authorization)}${String(request.headers['x-amz-security-token'])}`)(request, response))
    for (const [, call] of everyCall(storeAt(server.url, { credentials: secret }))) {
      const error = await failureOf(call())
      expect(error).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('wrong credentials, a clock that is off, or no right') as string })
      for (const text of Object.values(secret)) expect(told(error)).not.toContain(text)
    }
  })

  test('is asked for twice more while it is too busy or broken', async () => {
    await Promise.all(([[503, 'SlowDown'], [503, 'ServiceUnavailable'], [500, 'InternalError']] as const).map(async ([status, code]) => {
      const requestsByMethod = new Map<string, number>()
      const server = await serve((request, response) => {
        const requests = (requestsByMethod.get(request.method!) ?? 0) + 1
        requestsByMethod.set(request.method!, requests)
        answer(requests % 3 === 0 ? 200 : status, errorXml(code))(request, response)
      })
      await Promise.all(everyCall(storeAt(server.url)).map(([, call]) => call()))
      expect(Object.fromEntries(requestsByMethod)).toEqual({ PUT: 3, GET: 3, HEAD: 3, DELETE: 3 })
    }))
    let requests = 0
    const busy = await serve((request, response) => {
      requests++
      answer(503, errorXml('SlowDown'))(request, response)
    })
    await expect(storeAt(busy.url).put(cid, bytes)).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('503 SlowDown') as string })
    expect(requests).toBe(3)
  })

  test('is asked for again when the connection broke before it, and not when it had begun', async () => {
    let requests = 0
    const before = await serve((request, response) => {
      return ++requests < 3 ? void request.socket.destroy() : answer(200, bytes)(request, response)
    })
    expect(await storeAt(before.url).get(cid)).toEqual(bytes)
    expect(requests).toBe(3)
    const within = await serve((request, response) => {
      requests++
      response.writeHead(200, { 'content-length': '7' })
      response.write('a b', () => request.socket.destroy())
    })
    await expect(storeAt(within.url).get(cid)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(requests).toBe(4)
  })

  test('is not asked for again once the signal says so', async () => {
    let requests = 0
    const server = await serve((request, response) => {
      requests++
      answer(503, errorXml('SlowDown'))(request, response)
    })
    const nothingIsLeft = watchLeftovers()
    const { setTimeout: set } = globalThis
    const waiting = Promise.withResolvers<void>()
    vi.stubGlobal('setTimeout', (callback: () => void, ms: number) => {
      const isTheWait = ms >= 50 && ms <= 100
      if (isTheWait) waiting.resolve()
      return set(callback, isTheWait ? 3_600_000 : ms)
    })
    const controller = new AbortController()
    const put = storeAt(server.url).put(cid, bytes, { signal: controller.signal })
    await waiting.promise
    controller.abort(new Error('the reason'))
    await expect(put).rejects.toThrow('the reason')
    expect(requests).toBe(1)
    await nothingIsLeft()
  })

  test('is read up to 1 MiB, decompressed, and no further', async () => {
    const most = new Uint8Array(1_048_576)
    const full = await storeAt((await serve(answer(200, most))).url).get(cid)
    expect(Buffer.compare(full!, most)).toBe(0)
    for (const listener of [answer(200, new Uint8Array(1_048_577)), answer(200, gzipSync(new Uint8Array(64 * 1_048_576)), { 'content-encoding': 'gzip' }), writeEndlessly]) {
      const server = await serve(listener)
      await expect(storeAt(server.url).get(cid)).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('over 1048576 bytes') as string })
      if (listener === writeEndlessly) await server.idle()
    }
  })

  test('is not read to its end when it is an endless error', async () => {
    const server = await serve((request, response) => {
      request.resume()
      response.writeHead(400)
      writeEndlessly(request, response)
    })
    for (const [, call] of everyCall(storeAt(server.url)).filter(([what]) => what !== 'pin')) await expect(call()).rejects.toThrow('status 400')
    await server.idle()
  })
})

test('names the package that is missing', async () => {
  const hooks = 'import { registerHooks } from "node:module"; registerHooks({ resolve: (name, context, next) => next(name === "aws4fetch" ? "not-installed" : name, context) })'
  const script = `const { createS3Store } = await import(${JSON.stringify(adapter)}); const store = createS3Store({ bucket: 'blocks', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } }); await store.get((await import(${JSON.stringify(import.meta.resolve('multiformats/cid'))})).CID.parse(${JSON.stringify(cid.toString())})).catch((error) => console.log(error.code, error.message))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(hooks)}`, '--input-type=module', '-e', script])
  expect(stdout).toMatch(/^MISSING_DEPENDENCY .*npm install aws4fetch@1\.0\.20\n$/)
})

describe('a call of the S3 store', () => {
  test('that is given up or closed leaves no socket and no timer', async () => {
    for (const end of ['abort', 'close'] as const) {
      const server = await serve((request) => void request.resume())
      const nothingIsLeft = watchLeftovers()
      const store = storeAt(server.url, { timeoutMs: 3_600_000 })
      const controller = new AbortController()
      const calls = [store.put(cid, bytes, { signal: controller.signal }), store.get(cid, { signal: controller.signal }), store.pin(cid, { signal: controller.signal })]
      const outcomes = Promise.allSettled(calls)
      while (server.open < 3) await new Promise(setImmediate)
      if (end === 'abort') controller.abort(new Error('the reason'))
      else await store.close()
      for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: end === 'abort' ? { message: 'the reason' } : { code: 'CLOSED' } })
      await server.idle()
      await nothingIsLeft()
    }
  })

  test('is not held by credentials that never come', async () => {
    const controller = new AbortController()
    const get = storeAt('http://127.0.0.1:1', { credentials: () => new Promise(() => {}) }).get(cid, { signal: controller.signal })
    controller.abort(new Error('the reason'))
    await expect(get).rejects.toThrow('the reason')
  })

  test('goes over the connection of the one before', async () => {
    let requests = 0
    const server = await serve((request, response) => {
      requests++
      if (request.method === 'GET') answer(404, errorXml('NoSuchKey'))(request, response)
      else answer(200)(request, response)
    })
    const store = storeAt(server.url)
    for (let i = 0; i < 10; i++) {
      await store.put(cid, bytes)
      await new Promise(setImmediate)
      await store.get(cid)
      await new Promise(setImmediate)
    }
    expect({ requests, connections: server.connections }).toEqual({ requests: 20, connections: 1 })
  })
})
