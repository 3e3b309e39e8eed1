import { gzipSync } from 'node:zlib'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createKuboRouter, createKuboStore } from '../../src/adapters/kubo/index.ts'
import { dialable } from '../../src/adapters/kubo/hints.ts'
import { utf8 } from '../../src/bytes.ts'
import { createMemoryStore, createProfiles } from '../../src/index.ts'
import { MAX_BLOCK_BYTES, MAX_CANDIDATES, MAX_RECORD_BYTES } from '../../src/limits.ts'
import { DAG_CBOR, DAG_PB, RAW, cidOf, getBlock, putBlock } from '../../src/store/block.ts'
import { openKuboNetwork, openKuboService, type KuboService } from '../services/kubo.ts'
import { describeWithService } from '../services/service.ts'
import { signProfile } from '../signed-profile.ts'
import { serve, watchLeftovers, writeEndlessly, type LoopbackServer } from './loopback-server.ts'

const SECRET = 'the-secret-of-the-tests'
const { signer: { id }, record, signed } = await signProfile({ seed: 7 })
const block = utf8('a block')
const cid = await cidOf(block, RAW)

interface Answer {
  status?: number
  body?: string | Uint8Array
  headers?: Record<string, string>
}

/** A server that says what it is told instead of what Kubo would: by command, the query behind it. */
const lie = async (answer: (command: string, query: URLSearchParams) => Answer | 'endless' | 'silent'): Promise<LoopbackServer & { asked: string[]; headers: Record<string, unknown>[] }> => {
  const asked: string[] = []
  const headers: Record<string, unknown>[] = []
  const server = await serve((request, response) => {
    const url = new URL(request.url!, 'http://kubo')
    const command = url.pathname.replace('/api/v0/', '')
    asked.push(`${request.method} ${command}`)
    headers.push(request.headers)
    const said = answer(command, url.searchParams)
    if (said === 'endless') writeEndlessly(request, response)
    else if (said !== 'silent') response.writeHead(said.status ?? 200, { 'content-type': 'application/json', ...said.headers }).end(said.body)
  })
  return Object.defineProperties({ asked, headers }, Object.getOwnPropertyDescriptors(server)) as LoopbackServer & { asked: string[]; headers: Record<string, unknown>[] }
}

const failure = (message: string): Answer => ({ status: 500, body: JSON.stringify({ Message: message, Code: 0, Type: 'error' }) })
const event = (extra: unknown, type: unknown = 5): string => `${JSON.stringify({ ID: '', Type: type, Responses: null, Extra: extra })}\n`
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const peers = (count: number): Answer => ({ body: JSON.stringify({ Peers: count === 0 ? null : Array.from({ length: count }, () => ({ Addr: '', Peer: '' })) }) })

/** Everything that an error tells, its causes too. */
const told = (error: unknown): string => (error instanceof Error ? `${error.message}\n${error.stack}\n${JSON.stringify(error)}\n${told(error.cause)}` : '')
const errorOf = async (work: Promise<unknown>): Promise<Error & { code: string }> => work.then(() => { throw new TypeError('it resolved') }, (error: unknown) => error as Error & { code: string })

describe('credentials', () => {
  test('go to the host of the URL alone, and stand in no name', async () => {
    const elsewhere = await lie(() => ({}))
    const server = await lie(() => ({ status: 307, headers: { location: `${elsewhere.url}/` } }))
    const store = createKuboStore({ url: server.url, authorization: `Bearer ${SECRET}` })
    expect(await errorOf(store.get(cid))).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('redirects') })
    expect(server.headers[0]).toMatchObject({ authorization: `Bearer ${SECRET}` })
    expect(elsewhere.connections).toBe(0)
    expect(createKuboRouter({ url: server.url, authorization: `Bearer ${SECRET}` }).name).toBe(`kubo:${server.host}`)
    expect(() => createKuboStore({ url: `http://user:${SECRET}@127.0.0.1:1` })).toThrow(expect.objectContaining({ code: 'INVALID_URL', message: expect.not.stringContaining(SECRET) }))
  })

  test.each([[401], [403]])('that are refused with %d are told in a sentence, and missing ones too', async (status) => {
    const server = await lie(() => ({ status, body: SECRET, headers: { 'content-type': 'text/plain' } }))
    const options = { url: server.url, authorization: `Bearer ${SECRET}` }
    for (const [work, code] of [[createKuboStore(options).get(cid), 'STORE_FAILED'], [createKuboRouter(options).put(id, record), 'ROUTER_FAILED']] as const) {
      const error = await errorOf(work)
      expect([error.code, error.message]).toEqual([code, expect.stringContaining('it refuses the authorization that it was given')])
      expect(told(error)).not.toContain(SECRET)
    }
    expect((await errorOf(createKuboStore({ url: server.url }).get(cid))).message).toContain('it asks for an authorization')
  })

  test('that are sent back in an error are not told', async () => {
    const server = await lie(() => failure(`no, ${SECRET} is wrong`))
    const error = await errorOf(createKuboStore({ url: server.url, authorization: `Bearer ${SECRET}` }).get(cid))
    expect(error).toMatchObject({ code: 'STORE_FAILED' })
    expect(told(error)).not.toContain(SECRET)
  })

  test('that no header can carry are refused without being told', () => {
    for (const authorization of [`Bearer ${SECRET}\n`, `${SECRET}é`, '']) expect(() => createKuboStore({ url: 'http://127.0.0.1:1', authorization })).toThrow(expect.objectContaining({ code: 'INVALID_HEADER', message: expect.not.stringContaining(SECRET) }))
  })
})

describe('what Kubo says of a failure', () => {
  test('is the reason, cut short and without control characters', async () => {
    const server = await lie(() => failure(`disk\u001b[31m full ${'x'.repeat(5_000)}`))
    const { message } = await errorOf(createKuboStore({ url: server.url }).put(cid, block))
    expect(message).toContain('disk?[31m full xxx')
    expect(message.length).toBeLessThan(300)
  })

  test.each<[string, Answer]>([
    ['no JSON', { status: 500, body: '{' }],
    ['JSON without a Message', { status: 500, body: '{"Message":7}' }],
    ['a page', { status: 500, body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['another status', { status: 404, body: '404 page not found', headers: { 'content-type': 'text/plain' } }],
    ['an error over its limit', { status: 500, body: JSON.stringify({ Message: 'x'.repeat(100_000) }) }]
  ])('may be %s', async (_, answer) => {
    const { url } = await lie(() => answer)
    await expect(createKuboStore({ url }).unpin(cid)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await expect(createKuboRouter({ url }).put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })
})

describe('an RPC API that lies', () => {
  test('cannot say that it stored other bytes', async () => {
    const other = await cidOf(utf8('another'), RAW)
    for (const Key of [other.toString(), 'nonsense', '', null, 7, CID.createV1(RAW, identity.digest(block)).toString()]) {
      const { url } = await lie(() => ({ body: JSON.stringify({ Key, Size: 7 }) }))
      await expect(createKuboStore({ url }).put(cid, block)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    }
  })

  test('cannot have another block believed', async () => {
    const { url } = await lie(() => ({ body: 'another block' }))
    await expect(getBlock(createKuboStore({ url }), cid)).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
  })

  test('cannot send more than a block, compressed neither', async () => {
    const bomb = gzipSync(new Uint8Array(50 * 1_048_576))
    for (const answer of ['endless', { body: bomb, headers: { 'content-encoding': 'gzip' } }, { body: new Uint8Array(MAX_BLOCK_BYTES + 1) }] as const) {
      const server = await lie(() => answer)
      for (const offline of [true, false]) await expect(createKuboStore({ url: server.url }).get(cid, { offline })).rejects.toMatchObject({ code: 'STORE_FAILED' })
      if (answer === 'endless') await server.idle()
    }
  })

  test.each<[string, string]>([
    ['no event', ''],
    ['no JSON', 'record'],
    ['a list', '[]\n'],
    ['an event without a type', '{"Extra":""}\n'],
    ['a record that is no text', event(7)],
    ['a record that is no base64', event('?')],
    ['a record in base64 that is not canonical', event('YR==')],
    ['a record over 10,240 bytes', event(base64(new Uint8Array(MAX_RECORD_BYTES + 1)))],
    ['only events of other types', event('', 1) + event('', 6)],
    ['a half line behind a record', event(base64(record)) + '{"Ty']
  ])('fails with %s instead of a record', async (_, body) => {
    const { url } = await lie(() => ({ body }))
    await expect(Array.fromAsync(createKuboRouter({ url }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  test('gives at most 64 candidates, each once, of a stream that has an end', async () => {
    const many = Array.from({ length: MAX_CANDIDATES + 5 }, (_, i) => event(base64(utf8(`candidate ${i}`)))).join('')
    const { url } = await lie(() => ({ body: event('', 0) + event(base64(record)) + event(base64(record)) + many }))
    const found = await Array.fromAsync(createKuboRouter({ url }).get(id))
    expect([found.length, found[0]]).toEqual([MAX_CANDIDATES, record])
    const endless = await lie(() => 'endless')
    await expect(Array.fromAsync(createKuboRouter({ url: endless.url }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await endless.idle()
  })

  test('cannot have a forged record or another document believed', async () => {
    const forged = record.with(9, record[9]! ^ 1)
    const stranger = (await signProfile({ seed: 8 })).record
    const { url } = await lie((command) => (command === 'routing/get' ? { body: event(base64(forged)) + event(base64(stranger)) } : { body: 'another document' }))
    const profiles = createProfiles({ blocks: createKuboStore({ url }), routers: [createKuboRouter({ url, name: 'liar' })], state: createMemoryStore(), volatile: true })
    onTestFinished(profiles.close)
    await expect(profiles.resolve(id)).rejects.toMatchObject({ code: 'UNREACHABLE', answers: [{ router: 'liar', outcome: 'invalid' }] })
  })

  test('cannot say that it took a record which it does not give back', async () => {
    const older = (await signProfile({ seed: 7, seq: 0 })).record
    for (const held of [failure('datastore: key not found'), failure('routing: not found'), { body: event(base64(older)) }, { body: event(base64(utf8('garbage'))) }]) {
      const { url } = await lie((command) => (command === 'routing/get' ? held : command === 'swarm/peers' ? peers(1) : {}))
      await expect(createKuboRouter({ url }).put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('did not take the record') })
    }
  })
})

describe('a Kubo that is connected to nobody', () => {
  test('can neither say that there is no record nor spread one', async () => {
    const answer = (count: number) => (command: string, query: URLSearchParams): Answer => (command === 'swarm/peers' ? peers(count) : command === 'routing/put' ? {} : query.has('offline') ? { body: event(base64(record)) } : failure('routing: not found'))
    const alone = createKuboRouter({ url: (await lie(answer(0))).url })
    await expect(Array.fromAsync(alone.get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('connected to nobody') })
    await expect(alone.put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('connected to nobody') })
    const connected = createKuboRouter({ url: (await lie(answer(1))).url })
    expect(await Array.fromAsync(connected.get(id))).toEqual([])
    await connected.put(id, record)
  })
})

describe('what is not asked', () => {
  test('is a block that stands in its CID, and one of another hash', async () => {
    const server = await lie(() => failure('asked'))
    const store = createKuboStore({ url: server.url })
    const inline = CID.createV1(RAW, identity.digest(block))
    expect(await getBlock(store, inline)).toEqual(block)
    for (const work of [store.get(inline), store.put(inline, block), store.pin(inline), store.unpin(inline)]) await expect(work).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(store.put(await cidOf(new Uint8Array(MAX_BLOCK_BYTES + 1), RAW), new Uint8Array(MAX_BLOCK_BYTES + 1))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(server.asked).toEqual([])
  })
})

describe('a call that is given up', () => {
  afterEach(() => { vi.useRealTimers() })

  test('leaves no connection and no timer', async () => {
    const server = await lie(() => 'silent')
    const nothingLeft = watchLeftovers()
    const options = { url: server.url }
    const reason = new Error('no longer wanted')
    for (const call of [(signal: AbortSignal) => createKuboStore(options).get(cid, { signal, hints: ['/ip4/1.1.1.1/tcp/1/p2p/12D3KooW'] }), (signal: AbortSignal) => createKuboStore(options).put(cid, block, { signal, pin: true }), (signal: AbortSignal) => createKuboRouter(options).put(id, record, { signal })]) {
      const { connections } = server
      const controller = new AbortController()
      const settled = errorOf(call(controller.signal))
      while (server.connections === connections) await new Promise(setImmediate)
      controller.abort(reason)
      expect(await settled).toBe(reason)
    }
    await server.idle()
    await nothingLeft()
  })

  test('by Kubo itself is a failure 10 s after Kubo should have given up', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const urls: string[] = []
    const store = createKuboStore({ url: 'http://127.0.0.1:1', timeoutMs: 300, fetch: async (url) => { urls.push(String(url)); return new Promise(() => {}) } })
    const settled = errorOf(store.get(cid))
    await vi.advanceTimersByTimeAsync(10_300)
    expect(await settled).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('no whole answer within 10300 ms') })
    expect(urls).toEqual([`http://127.0.0.1:1/api/v0/block/get?arg=${cid.toString()}&timeout=300ms`])
  })
})

describe('hints', () => {
  const peer = 'p2p/12D3KooWEJbxek1BHt6JTqc34eBDKAyXj3nPiCwrsQ5p6iW9Qjac'
  const resolve = async (name: string) => (name === 'public.example' ? [{ address: '1.1.1.1', family: 4 }] : name === 'six.example' ? [{ address: '2606:4700::1', family: 6 }] : [{ address: '1.1.1.1', family: 4 }, { address: '10.0.0.1', family: 4 }])

  test.each([
    `/ip4/127.0.0.1/tcp/4001/${peer}`, `/ip4/10.0.0.1/tcp/4001/${peer}`, `/ip4/169.254.169.254/tcp/80/${peer}`, `/ip4/0x7f.1/tcp/1/${peer}`, `/ip4/127.1/tcp/1/${peer}`,
    `/ip6/::1/tcp/1/${peer}`, `/ip6/::ffff:10.0.0.1/tcp/1/${peer}`, `/ip6/fe80::1/tcp/1/${peer}`, `/ip6zone/lo/ip6/fe80::1/tcp/1/${peer}`,
    `/dns4/localhost/tcp/1/${peer}`, `/dns/rebound.example/tcp/1/${peer}`, `/dnsaddr/public.example/${peer}`, `/unix/tmp%2fsocket/${peer}`, `/${peer}`,
    '/ip4/1.1.1.1/tcp/1/p2p/12D3KooW/p2p-circuit/ip4/10.0.0.1/tcp/1/p2p/12D3KooW', `/ip4/1.1.1.1/tcp/1`, 'https://public.example', '', `/ip4/1.1.1.1/tcp/1\0/${peer}`, `/ip4/1.1.1.1/tcp/1/${'x'.repeat(200)}/${peer}`
  ])('leave %j undialled', async (hint) => {
    expect(await dialable([hint], { allowPrivate: false, resolve })).toEqual([])
  })

  test('are dialled where they are global, names by the address that was looked at, four at most', async () => {
    expect(await dialable([`/ip4/1.1.1.1/tcp/4001/${peer}`, `/dns4/public.example/tcp/4001/${peer}`, 'nonsense', `/dns6/six.example/udp/4001/quic-v1/${peer}`, '/ip4/1.1.1.1/tcp/1/p2p/12D3KooWRelay/p2p-circuit/p2p/12D3KooWPeer', `/ip4/1.0.0.1/tcp/1/${peer}`], { allowPrivate: false, resolve })).toEqual([
      `/ip4/1.1.1.1/tcp/4001/${peer}`, `/ip4/1.1.1.1/tcp/4001/${peer}`, `/ip6/2606:4700::1/udp/4001/quic-v1/${peer}`, '/ip4/1.1.1.1/tcp/1/p2p/12D3KooWRelay/p2p-circuit/p2p/12D3KooWPeer'
    ])
  })
})

describeWithService('Kubo', 'a real Kubo', () => {
  let kubos: readonly KuboService[]
  let stranger: KuboService
  let closeAll: () => Promise<void>
  beforeAll(async () => {
    const network = await openKuboNetwork(2)
    stranger = await openKuboService()
    kubos = network.nodes
    closeAll = async () => { await Promise.all([network.close(), stranger.close()]) }
  })
  afterAll(async () => closeAll())

  const near = (timeoutMs = 10_000) => createKuboStore({ url: kubos[0]!.rpc, timeoutMs })
  const pinsOf = async (of: CID): Promise<unknown> => {
    const { Keys } = await (await kubos[0]!.post('pin/ls', 'names=true')).json() as { Keys: Record<string, unknown> }
    return Keys[of.toString()]
  }

  test('gives a block of another node, says that nobody has one after its time, and offline that it is not here', async () => {
    const theirs = await putBlock(createKuboStore({ url: kubos[1]!.rpc }), utf8('theirs'), RAW)
    expect(await near().get(theirs, { offline: true })).toBeUndefined()
    expect(await near().get(theirs)).toEqual(utf8('theirs'))
    expect(await near().get(theirs, { offline: true })).toEqual(utf8('theirs'))
    const nowhere = await cidOf(utf8('nowhere'), RAW)
    expect(await errorOf(near(100).get(nowhere))).toMatchObject({ code: 'UNREACHABLE', message: `nobody gave the block ${nowhere.toString()} within 100 ms` })
    expect(await near().get(nowhere, { offline: true })).toBeUndefined()
  })

  test('finds a block by a hint, at a private address only where that is allowed', async () => {
    const hidden = await putBlock(createKuboStore({ url: stranger.rpc }), utf8('hidden'), RAW)
    const hints = ['nonsense', stranger.address]
    await expect(near(200).get(hidden, { hints })).rejects.toMatchObject({ code: 'UNREACHABLE' })
    const open = createKuboStore({ url: kubos[0]!.rpc, allowPrivate: true })
    expect(await open.get(hidden, { hints })).toEqual(utf8('hidden'))
  })

  test('pins one block under our name, also one that it has to fetch', async () => {
    const theirs = await putBlock(createKuboStore({ url: kubos[1]!.rpc }), utf8('to be fetched and pinned'), RAW)
    await near().pin(theirs)
    expect(await pinsOf(theirs)).toEqual({ Type: 'direct', Name: 'mercury' })
    await near().unpin(theirs)
    expect(await pinsOf(theirs)).toBeUndefined()
  })

  test('keeps the pins of others as they were', async () => {
    const store = near()
    const [recursive, direct, later] = await Promise.all(['recursive', 'direct', 'later'].map((text) => putBlock(store, utf8(text), RAW))) as [CID, CID, CID]
    await kubos[0]!.post('pin/add', `arg=${recursive.toString()}`)
    await kubos[0]!.post('pin/add', `arg=${direct.toString()}&recursive=false&name=hers`)
    for (const pinned of [recursive, direct, later]) await store.pin(pinned)
    await kubos[0]!.post('pin/add', `arg=${later.toString()}&name=his`)
    for (const pinned of [recursive, direct, later]) await store.unpin(pinned)
    expect([await pinsOf(recursive), await pinsOf(direct), await pinsOf(later)]).toEqual([{ Type: 'recursive', Name: '' }, { Type: 'direct', Name: 'hers' }, { Type: 'recursive', Name: 'his' }])
  })

  test('keeps what is pinned when it collects, whatever the bytes and the codec are', async () => {
    const store = near()
    const odd: [Uint8Array, number][] = [[signed.bytes, DAG_CBOR], [utf8('no CBOR at all'), DAG_CBOR], [utf8('no protobuf'), DAG_PB], [utf8('a codec that nobody has'), 0x300539], [utf8('raw'), RAW]]
    const cids = await Promise.all(odd.map(([bytes, codec]) => putBlock(store, bytes, codec, { pin: true })))
    const loose = await putBlock(store, utf8('loose'), RAW)
    await kubos[0]!.post('repo/gc', '')
    for (const [i, pinned] of cids.entries()) expect(await store.get(pinned, { offline: true })).toEqual(odd[i]![0])
    expect(await store.get(loose, { offline: true })).toBeUndefined()
    expect(await pinsOf(cids[0]!)).toEqual({ Type: 'direct', Name: 'mercury' })
    for (const pinned of cids) await store.unpin(pinned)
    await kubos[0]!.post('repo/gc', '')
    for (const pinned of cids) expect(await store.get(pinned, { offline: true })).toBeUndefined()
  })

  test('shows a block that we put as what its codec says', async () => {
    const node = dagPb.encode(dagPb.prepare({ Data: utf8('\u0008\u0002\u0012\u0005hello\u0018\u0005'), Links: [] }))
    const page = await putBlock(near(), node, DAG_PB)
    expect((await kubos[1]!.ipfs(['cat', page.toString()])).toString()).toBe('hello')
  })

  test('says yes to any record; we say whether it took it', async () => {
    const router = createKuboRouter({ url: kubos[0]!.rpc })
    const [old, young, expired] = await Promise.all([signProfile({ seed: 20, seq: 1 }), signProfile({ seed: 20, seq: 2 }), signProfile({ seed: 21, now: Date.now() - 10_000, validityMs: 5_000 })])
    await router.put(young.signer.id, young.record)
    await expect(router.put(old.signer.id, old.record)).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('it holds one that it prefers') })
    await expect(router.put(young.signer.id, utf8('garbage'))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await expect(router.put(expired.signer.id, expired.record)).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringMatching(/it did not take the record$/) })
    expect(await Array.fromAsync(router.get(young.signer.id))).toEqual([young.record])
  })

  test('that knows nobody holds a record for those who ask, but has not spread it', async () => {
    const kubo = await openKuboService()
    onTestFinished(kubo.close)
    const router = createKuboRouter({ url: kubo.rpc })
    await expect(router.put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('connected to nobody') })
    expect(await Array.fromAsync(router.get(id))).toEqual([record])
    const other = (await signProfile({ seed: 22 })).signer
    await expect(Array.fromAsync(router.get(other.id))).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('connected to nobody') })
  })
})
