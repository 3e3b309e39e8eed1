import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { delegatedRoutingV1HttpApiClient } from '@helia/delegated-routing-v1-http-api-client'
import { trustlessGatewayBlockBroker } from '@helia/trustless-gateway-client'
import type { ComponentLogger, Logger } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createGatewayStore } from '../../src/adapters/gateway.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { decodeProfileAnswer } from '../../src/hosting/profile-answer.ts'
import { CAR_TYPE, RAW_BLOCK_TYPE } from '../../src/home/gateway-block.ts'
import { DAG_CBOR, RAW, putBlock } from '../../src/store/block.ts'
import { parseCar } from '../../src/store/car.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import { routerOf, signerOf } from '../client/world.ts'
import { openTestHome, versionOf, type TestHome } from './home-server.ts'
import { openValidatedFetch, type ValidatedFetch } from './validated-fetch.ts'

const alice = await signerOf(1)
const bob = await signerOf(2)
const record = await versionOf(alice, 'Alice')

let home: TestHome
let ask: ValidatedFetch
beforeEach(async () => {
  home = await openTestHome({ routers: [routerOf('empty', async function * () {})] })
  ask = await openValidatedFetch(home.server.url)
})
afterEach(async () => home.close())

const put = async (id: string, bytes: Uint8Array) => ask(`/routing/v1/ipns/${id}`, { method: 'PUT', headers: { 'content-type': IPNS_RECORD_TYPE }, body: Uint8Array.from(bytes) })
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer())
const codeOf = async (response: Response) => [response.status, (await response.json() as { code: string }).code]

describe('the description', () => {
  test('is OpenAPI 3.1', async () => {
    const schema = JSON.parse(await readFile(new URL('openapi-3.1.schema.json', import.meta.url), 'utf8')) as object
    const ajv = new Ajv2020({ strict: false, formats: { 'media-range': true } })
    addFormats.default(ajv)
    const validate = ajv.compile(schema)
    const document = await (await ask('/openapi.json')).json() as object
    expect(validate(document) ? [] : validate.errors).toEqual([])
    expect(validate({ ...document, paths: { x: 1 } })).toBe(false)
  })

  test('is held against what is asked and answered', async () => {
    await expect(ask('/nothing')).rejects.toThrow('not documented')
    await expect(ask('/healthz?x=1')).rejects.toThrow('not documented')
    await expect(ask('/healthz', { headers: { 'x-odd': '1' } })).rejects.toThrow('not documented')
    await expect(ask('/healthz', { method: 'DELETE' })).rejects.toThrow('not documented')
    expect((await ask('/healthz', { method: 'DELETE', misuse: true })).status).toBe(405)
  })
})

describe('records', () => {
  test('are put, got, and not got again', async () => {
    expect((await put(alice.id, record)).status).toBe(200)
    const response = await ask(`/routing/v1/ipns/${alice.id}`)
    expect([await bytesOf(response), response.headers.get('cache-control')]).toEqual([record, 'public, max-age=300'])
    const etag = response.headers.get('etag')!
    for (const given of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await ask(`/routing/v1/ipns/${alice.id}`, { headers: { 'if-none-match': given } })
      expect([again.status, again.headers.get('etag'), (await bytesOf(again)).byteLength]).toEqual([304, etag, 0])
    }
    expect((await ask(`/routing/v1/ipns/${alice.id}`, { headers: { 'if-none-match': '"x"' } })).status).toBe(200)
    expect((await ask(`/routing/v1/ipns/${alice.id}`, { headers: { 'if-match': `W/${etag}` } })).status).toBe(412)
    expect((await ask(`/routing/v1/ipns/${alice.id}`, { headers: { 'if-match': etag } })).status).toBe(200)
    expect((await ask(`/routing/v1/ipns/${alice.id}`, { method: 'HEAD' })).headers.get('content-length')).toBe(String(record.byteLength))
    expect((await ask(`/routing/v1/ipns/${alice.id}`, { method: 'OPTIONS' })).status).toBe(204)
  })

  test('are refused with a reason', async () => {
    await put(alice.id, await versionOf(alice, 'Newer', { seq: 1_795_000_001 }))
    expect(await codeOf(await put(alice.id, record))).toEqual([409, 'ROLLED_BACK'])
    expect(await codeOf(await put(bob.id, record))).toEqual([400, 'INVALID_SIGNATURE'])
    expect(await codeOf(await ask(`/routing/v1/ipns/${bob.id}`))).toEqual([404, 'NOT_FOUND'])
    expect(await codeOf(await ask('/routing/v1/ipns/nonsense'))).toEqual([400, 'INVALID_PROFILE_ID'])
  })

  test('go to a gateway client too', async () => {
    await put(alice.id, record)
    expect(await bytesOf(await ask(`/ipns/${alice.id}?format=ipns-record`))).toEqual(record)
    expect(await bytesOf(await ask(`/ipns/${alice.id}`, { headers: { accept: IPNS_RECORD_TYPE } }))).toEqual(record)
    expect(await codeOf(await ask(`/ipns/${alice.id}`))).toEqual([406, 'NOT_ACCEPTABLE'])
  })

  test('and to the routing client of Helia, unmodified', async () => {
    const client = delegatedRoutingV1HttpApiClient({ url: home.server.url })({ logger: SILENT })
    const name = CID.parse(alice.id, base36) as CID<unknown, 0x72, 0x00, 1>
    await client.putIPNS(name, record)
    expect(await client.getIPNS(name)).toEqual(record)
  })
})

describe('blocks', () => {
  const leaf = new TextEncoder().encode('leaf')
  let leafCid: CID
  let root: CID

  beforeEach(async () => {
    leafCid = await putBlock(home.blocks, leaf, RAW)
    const middle = await putBlock(home.blocks, encodeCbor({ to: leafCid }), DAG_CBOR)
    root = await putBlock(home.blocks, encodeCbor([middle, leafCid, middle]), DAG_CBOR)
  })

  const car = async (cid: CID, query = '', init: RequestInit = {}) => {
    const response = await ask(`/ipfs/${cid.toString()}?format=car${query}`, init)
    const { roots, blocks } = parseCar(await bytesOf(response), (reason) => new Error(reason))
    return { response, roots: roots.map(String), cids: [...blocks].map((block) => block.cid.toString()) }
  }

  test('are given in whole and in part', async () => {
    const path = `/ipfs/${leafCid.toString()}?format=raw`
    const etag = `"${leafCid.toString()}.raw"`
    const ranges = async (range: string, headers: Record<string, string> = {}) => {
      const response = await ask(path, { headers: { range, ...headers } })
      return [response.status, response.headers.get('content-range'), response.status === 416 ? '' : await response.text()]
    }
    expect(await (await ask(path)).text()).toBe('leaf')
    expect(await ranges('bytes=1-2')).toEqual([206, 'bytes 1-2/4', 'ea'])
    expect(await ranges('bytes=2-')).toEqual([206, 'bytes 2-3/4', 'af'])
    expect(await ranges('bytes=-1')).toEqual([206, 'bytes 3-3/4', 'f'])
    expect(await ranges('bytes=-9')).toEqual([206, 'bytes 0-3/4', 'leaf'])
    expect(await ranges('bytes=0-99')).toEqual([206, 'bytes 0-3/4', 'leaf'])
    expect(await ranges('bytes=4-')).toEqual([416, 'bytes */4', ''])
    expect(await ranges('bytes=-0')).toEqual([416, 'bytes */4', ''])
    for (const odd of ['bytes=2-1', 'bytes=0-0,2-2', 'lines=1-2', 'bytes=-']) expect(await ranges(odd)).toEqual([200, null, 'leaf'])
    expect(await ranges('bytes=1-2', { 'if-range': etag })).toEqual([206, 'bytes 1-2/4', 'ea'])
    expect(await ranges('bytes=1-2', { 'if-range': '"other"' })).toEqual([200, null, 'leaf'])
    expect((await ask(path, { headers: { 'if-none-match': etag, range: 'bytes=1-2' } })).status).toBe(304)
  })

  test('come as a CAR, each once and depth first', async () => {
    const whole = await car(root)
    expect(whole.response.headers.get('content-type')).toBe('application/vnd.ipld.car; version=1; order=dfs; dups=n')
    expect([whole.roots, whole.cids.length, whole.cids[0], whole.cids[2]]).toEqual([[root.toString()], 3, root.toString(), leafCid.toString()])
    expect((await car(root, '&dag-scope=block')).cids).toEqual([root.toString()])
    expect((await car(root, '&dag-scope=entity')).cids).toHaveLength(3)
    const etag = whole.response.headers.get('etag')!
    expect((await ask(`/ipfs/${root.toString()}?format=car`, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await ask(`/ipfs/${root.toString()}`, { headers: { accept: `${CAR_TYPE};version=1;order=dfs;dups=y` } })).status).toBe(200)
    expect((await ask(`/ipfs/${root.toString()}`, { headers: { accept: RAW_BLOCK_TYPE } })).headers.get('content-type')).toBe(RAW_BLOCK_TYPE)
    expect((await ask(`/ipfs/${root.toString()}?format=car`, { method: 'HEAD' })).status).toBe(200)
    expect(await codeOf(await ask(`/ipfs/${root.toString()}?format=car&dag-scope=some`, { misuse: true }))).toEqual([400, 'INVALID_QUERY'])
  })

  test('a CAR that cannot be whole is cut off, never ended', async () => {
    const absent = CID.parse('bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
    const gap = await putBlock(home.blocks, encodeCbor([leafCid, absent]), DAG_CBOR)
    await expect(car(gap)).rejects.toThrow()
    expect(await codeOf(await ask(`/ipfs/${absent.toString()}?format=car`))).toEqual([404, 'NOT_FOUND'])
    expect(await codeOf(await ask(`/ipfs/${absent.toString()}?format=raw`, { headers: { 'cache-control': 'only-if-cached' } }))).toEqual([412, 'NOT_CACHED'])
  })

  test('reach the gateway client of Helia, unmodified', async () => {
    const { port } = new URL(home.server.url)
    const routing = { async * findProviders () { yield { multiaddrs: [multiaddr(`/ip4/127.0.0.1/tcp/${port}/http`)], fallback: false, router: 'home' } } }
    const broker = trustlessGatewayBlockBroker({ allowInsecure: true, allowLocal: true })({ routing, logger: SILENT } as unknown as Parameters<ReturnType<typeof trustlessGatewayBlockBroker>>[0])
    expect(new Uint8Array(await broker.retrieve!(leafCid))).toEqual(leaf)
  })

  test('reach the gateway adapter of this project', async () => {
    const gateway = createGatewayStore({ urls: [home.server.url], allowPrivate: true })
    expect(await gateway.get(leafCid)).toEqual(leaf)
    await gateway.close()
  })
})

describe('the rest', () => {
  test('a profile in one answer, and nothing when it is current', async () => {
    await put(alice.id, record)
    const response = await ask(`/profiles/v1/${alice.id}`)
    const etag = response.headers.get('etag')!
    expect(decodeProfileAnswer(await bytesOf(response))).toEqual({ hosting: 'kept', record })
    expect((await ask(`/profiles/v1/${alice.id}`, { headers: { 'if-none-match': etag } })).status).toBe(304)
    await put(alice.id, await versionOf(alice, 'Newer', { seq: 1_795_000_001 }))
    expect((await ask(`/profiles/v1/${alice.id}`, { headers: { 'if-none-match': etag } })).status).toBe(200)
    expect(await codeOf(await ask(`/profiles/v1/${bob.id}`))).toEqual([404, 'NOT_HOSTED'])
  })

  test('changes as they come, and again after a break', async () => {
    const leaving = new AbortController()
    const response = await ask(`/events/v1?id=${alice.id}&id=${bob.id}`, { signal: leaving.signal })
    await put(alice.id, record)
    const text = await readUntil(response, 'event: profile')
    expect(text).toContain(alice.id)
    const [, first = ''] = /id: (\S+)/.exec(text) ?? []
    leaving.abort()
    await put(alice.id, await versionOf(alice, 'Newer', { seq: 1_795_000_001 }))
    await put(bob.id, await versionOf(bob, 'Bob'))
    const resumed = new AbortController()
    const again = await readUntil(await ask('/events/v1', { headers: { 'last-event-id': first }, signal: resumed.signal }), bob.id)
    expect([again.includes('1795000001'), again.includes('missed')]).toEqual([true, false])
    resumed.abort()
    const lost = new AbortController()
    expect(await readUntil(await ask('/events/v1', { headers: { 'last-event-id': first.replace('1', '0') }, signal: lost.signal }), bob.id)).toContain('event: missed')
    lost.abort()
    expect(await codeOf(await ask('/events/v1', { headers: { 'last-event-id': 'x' } }))).toEqual([400, 'INVALID_QUERY'])
  })

  test('100 profiles are followed in one stream, and not one more', async () => {
    const following = new AbortController()
    const follow = async (count: number, init: Parameters<ValidatedFetch>[1] = {}) => ask(`/events/v1?${Array.from({ length: count }, () => `id=${alice.id}`).join('&')}`, { signal: following.signal, ...init })
    const response = await follow(100)
    expect(response.status).toBe(200)
    await put(alice.id, record)
    expect(await readUntil(response, 'event: profile')).toContain(alice.id)
    following.abort()
    expect(await codeOf(await follow(101, { misuse: true, signal: null }))).toEqual([400, 'INVALID_QUERY'])
  })

  test('health, counters, a page for people and a line in the log', async () => {
    await put(alice.id, record)
    await ask(`/routing/v1/ipns/${alice.id}`)
    await ask('/routing/v1/ipns/nonsense')
    expect((await ask('/healthz')).status).toBe(200)
    const metrics = await (await ask('/metrics')).text()
    expect(metrics).toContain('mercury_requests_total{method="GET",route="/routing/v1/ipns/{name}",status="200"} 1\n')
    expect(metrics).toContain('mercury_refusals_total{code="INVALID_PROFILE_ID"} 1\n')
    expect(metrics).toContain('mercury_hosted_profiles 1\n')
    const page = await ask('/')
    expect([page.headers.get('content-security-policy')?.startsWith("default-src 'none'"), (await page.text()).includes('<script')]).toEqual([true, false])
    const line = JSON.parse(home.lines.find((text) => text.includes('PUT'))!) as Record<string, unknown>
    expect(line).toEqual({ time: expect.any(String), method: 'PUT', route: '/routing/v1/ipns/{name}', status: 200, ms: expect.any(Number), bytes: 3 })
    expect(home.lines.join('')).not.toMatch(new RegExp(`${alice.id}|127\\.0\\.0\\.1`))
  })

  test('curl', async () => {
    await put(alice.id, record)
    const { stdout } = await promisify(execFile)('curl', ['--silent', '--fail', '--include', `${home.server.url}/routing/v1/ipns/${alice.id}`], { encoding: 'latin1' })
    expect(stdout).toContain('HTTP/1.1 200 OK')
    expect(Buffer.from(stdout.slice(stdout.indexOf('\r\n\r\n') + 4), 'latin1')).toEqual(Buffer.from(record))
  })
})

const log: Logger = Object.assign(() => {}, { error: () => {}, trace: () => {}, enabled: false, newScope: () => log })
const SILENT: ComponentLogger = { forComponent: () => log }

const readUntil = async (response: Response, wanted: string): Promise<string> => {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`the stream ended: ${text}`)
    text += value
  }
  return text
}
