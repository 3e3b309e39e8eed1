import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { createBittorrentRouter, openBittorrentNode, type BittorrentNode } from '../../src/adapters/bittorrent/index.ts'
import { itemSignedBytes } from '../../src/adapters/bittorrent/item.ts'
import { createSigner, type Signer } from '../../src/identity/signer.ts'
import { DAY_MS } from '../../src/limits.ts'
import type { NameRouter } from '../../src/naming/name-router.ts'
import { createRecord } from '../../src/naming/record.ts'
import { signDocument } from '../../src/profile/document.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { addressOf, getPlainly, makeHostile, openBittorrentNetwork, openPlainNode, closePlainNode, openSwarm, putPlainly, type BittorrentNetwork } from '../bittorrent-network.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

const now = Date.now()
const alice = await createSigner(new Uint8Array(32).fill(1))
const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest()

const openNetwork = async (count = 5): Promise<BittorrentNetwork> => {
  const network = await openBittorrentNetwork(count)
  closers.push(network.close)
  return network
}

/** A record whose document's biography makes it exactly `bytes` long, where that is given. */
const recordOf = async ({ seq = 1, bytes, validityMs = 365 * DAY_MS, sequence, signer = alice }: { seq?: number; bytes?: number; validityMs?: number; sequence?: bigint; signer?: Signer } = {}): Promise<Uint8Array> => {
  const make = async (filling: number): Promise<Uint8Array> => {
    const draft = { name: 'Alice', bio: 'x'.repeat(Math.min(filling, 4_000)), 'org.example/filling': 'x'.repeat(Math.max(1, filling - 4_000)) }
    return createRecord(await signDocument(draft, signer, { seq, prev: null, time: 1_790_000_000 }), signer, { now, validityMs, ...(sequence === undefined ? {} : { sequence }) })
  }
  if (bytes === undefined) return make(1)
  let filling = Math.max(1, bytes - 1_000)
  let record = await make(filling)
  while (record.byteLength !== bytes) record = await make(filling += bytes - record.byteLength)
  return record
}

const collect = async (router: NameRouter, id = alice.id): Promise<Uint8Array[]> => Array.fromAsync(router.get(id))

const putItem = async (network: BittorrentNetwork, { seq, v, signer = alice }: { seq: number; v: Buffer | Buffer[]; signer?: Signer }): Promise<number> => {
  const sig = Buffer.from(await signer.sign(itemSignedBytes({}, { seq, v })))
  return putPlainly(network.plain[0]!, { k: Buffer.from(signer.publicKey), seq, v, sig })
}

describe('the layout of records', () => {
  it('a node without code of ours finds the record under the hash of the key', async () => {
    const network = await openNetwork()
    const record = await recordOf({ seq: 7 })
    expect(record.byteLength).toBeLessThanOrEqual(996)
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, record)
    const found = await getPlainly(network.plain[3]!, sha1(alice.publicKey))
    expect(found).toMatchObject({ v: Buffer.from(record), k: Buffer.from(alice.publicKey), seq: 7 })
  })

  it('reads what a node without code of ours put', async () => {
    const network = await openNetwork()
    const record = await recordOf({ seq: 7 })
    expect(await putItem(network, { seq: 7, v: Buffer.from(record) })).toBeGreaterThan(0)
    expect(await collect(createBittorrentRouter(await network.join()))).toEqual([record])
  })

  it.each([996, 997, 1_992, 1_993, 10_240])('a record of %i bytes comes back, in one item or in pieces of 996 bytes', async (bytes) => {
    const network = await openNetwork()
    const record = await recordOf({ bytes })
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, record)
    expect(await collect(createBittorrentRouter(await network.join()))).toEqual([record])
    const { v } = (await getPlainly(network.plain[1]!, sha1(alice.publicKey)))!
    if (bytes === 996) return expect(v).toEqual(Buffer.from(record))
    expect(v).toHaveLength(Math.ceil(bytes / 996))
    for (const [i, target] of (v as Buffer[]).entries()) {
      const piece = Buffer.from(record.subarray(i * 996, (i + 1) * 996))
      expect(target).toEqual(sha1(Buffer.concat([Buffer.from(`${piece.byteLength}:`), piece])))
      expect((await getPlainly(network.plain[2]!, target))?.v).toEqual(piece)
    }
  })

  it('refuses a record over its limit, and one that is not of the name', async () => {
    const router = createBittorrentRouter(await (await openNetwork(1)).join(), { signers: [alice] })
    await expect(router.put(alice.id, new Uint8Array(10_241))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'record bytes', max: 10_240 })
    const mallory = await createSigner(new Uint8Array(32).fill(2))
    await expect(router.put(alice.id, await recordOf({ signer: mallory }))).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
  })

  it('takes sequences to 2^53 - 1, and none above', async () => {
    const network = await openNetwork()
    const router = createBittorrentRouter(await network.join(), { signers: [alice] })
    await expect(router.put(alice.id, await recordOf({ sequence: 2n ** 53n }))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'BitTorrent item number', max: Number.MAX_SAFE_INTEGER })
    const record = await recordOf({ sequence: 2n ** 53n - 1n })
    await router.put(alice.id, record)
    expect(await collect(router)).toEqual([record])
  })
})

describe('versions', () => {
  it('an older record does not replace a newer one', async () => {
    const network = await openNetwork()
    const [older, newer] = [await recordOf({ seq: 1 }), await recordOf({ seq: 2 })]
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, newer)
    const other = createBittorrentRouter(await network.join(), { signers: [alice] })
    await expect(other.put(alice.id, older)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('sequence is 2') })
    expect(await collect(other)).toEqual([newer])
  })

  it('a refreshed record of the same sequence replaces the one before, also from another device, and not the other way round', async () => {
    const network = await openNetwork()
    const [shorter, longer] = [await recordOf({ seq: 5, validityMs: DAY_MS }), await recordOf({ seq: 5, validityMs: 2 * DAY_MS })]
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, shorter)
    const other = createBittorrentRouter(await network.join(), { signers: (id) => (id === alice.id ? alice : undefined) })
    await other.put(alice.id, longer)
    expect(await collect(other)).toEqual([longer])
    expect((await getPlainly(network.plain[0]!, sha1(alice.publicKey)))?.seq).toBe(6)
    await expect(other.put(alice.id, shorter)).rejects.toMatchObject({ code: 'CONFLICT' })
    const next = await recordOf({ seq: 6 })
    await other.put(alice.id, next)
    expect((await getPlainly(network.plain[0]!, sha1(alice.publicKey)))?.seq).toBe(7)
    expect(await collect(other)).toEqual([next])
  })

  it('what is no record of ours under the key gives way, and is no absence', async () => {
    const network = await openNetwork()
    expect(await putItem(network, { seq: 900, v: Buffer.from('something else') })).toBeGreaterThan(0)
    const router = createBittorrentRouter(await network.join(), { signers: [alice] })
    const record = await recordOf({ seq: 3 })
    await router.put(alice.id, record)
    expect(await collect(router)).toEqual([record])
    expect((await getPlainly(network.plain[1]!, sha1(alice.publicKey)))?.seq).toBe(901)
  })

  it('an item whose pieces cannot be had is no absence, and no older record is put over it', async () => {
    const network = await openNetwork()
    expect(await putItem(network, { seq: 900, v: [Buffer.alloc(20, 7)] })).toBeGreaterThan(0)
    const router = createBittorrentRouter(await network.join(), { signers: [alice] })
    await expect(collect(router)).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await expect(router.put(alice.id, await recordOf({ seq: 899 }))).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('item 900') })
    const record = await recordOf({ seq: 900 })
    await router.put(alice.id, record)
    expect(await collect(router)).toEqual([record])
    expect((await getPlainly(network.plain[1]!, sha1(alice.publicKey)))?.seq).toBe(901)
  })
})

describe('without the signer', () => {
  it('keeps a name alive: puts again the item that the DHT holds, and one that the DHT has forgotten', async () => {
    const [network, later] = [await openNetwork(), await openNetwork()]
    const record = await recordOf({ bytes: 10_240 })
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, record)
    const state = createMemoryStore()
    await createBittorrentRouter(await network.join(), { state }).put(alice.id, record)
    // The first network is gone, its items with it; what the keeper has in its store is enough.
    const keeper = createBittorrentRouter(await later.join(), { state })
    expect(await collect(keeper)).toEqual([])
    await keeper.put(alice.id, record)
    expect(await collect(createBittorrentRouter(await later.join()))).toEqual([record])
  })

  it('cannot put what the owner did not publish there', async () => {
    const network = await openNetwork()
    const keyless = createBittorrentRouter(await network.join(), { signers: [await createSigner(new Uint8Array(32).fill(9))] })
    await expect(keyless.put(alice.id, await recordOf())).rejects.toMatchObject({ code: 'SIGNER_MISSING', id: alice.id })
    expect(await collect(keyless)).toEqual([])
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, await recordOf({ seq: 1 }))
    await expect(keyless.put(alice.id, await recordOf({ seq: 2 }))).rejects.toMatchObject({ code: 'SIGNER_MISSING' })
  })

  it('a signer that signs something else is found out', async () => {
    const network = await openNetwork()
    const broken: Signer = { ...alice, sign: async () => new Uint8Array(64).fill(1) }
    await expect(createBittorrentRouter(await network.join(), { signers: [broken] }).put(alice.id, await recordOf())).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
  })

  it('signs nothing that could stand for another message of a profile', async () => {
    const network = await openNetwork()
    const signed: Uint8Array[] = []
    const watched: Signer = { ...alice, sign: async (bytes) => { signed.push(bytes); return alice.sign(bytes) } }
    const record = await recordOf()
    await createBittorrentRouter(await network.join(), { signers: [watched] }).put(alice.id, record)
    expect(signed.map((bytes) => Buffer.from(bytes).toString('latin1'))).toEqual([`3:seqi1e1:v${record.byteLength}:${Buffer.from(record).toString('latin1')}`])
  })
})

describe('nodes that lie', () => {
  it('items that are not signed by the key are passed over', async () => {
    const network = await openNetwork()
    const [record, other] = [await recordOf({ seq: 1 }), Buffer.from(await recordOf({ seq: 9 }))]
    const mallory = await createSigner(new Uint8Array(32).fill(2))
    const k = Buffer.from(alice.publicKey)
    const forged = Buffer.from(await mallory.sign(itemSignedBytes({}, { seq: 9, v: other })))
    const ofAnotherNumber = Buffer.from(await alice.sign(itemSignedBytes({}, { seq: 8, v: other })))
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, record)
    makeHostile(network.plain[0]!, () => ({ v: other, k, sig: forged, seq: 9 }))
    makeHostile(network.plain[1]!, () => ({ v: other, k, sig: ofAnotherNumber, seq: 9 }))
    makeHostile(network.plain[2]!, () => ({ v: other, k: Buffer.from(mallory.publicKey), sig: forged, seq: 9 }))
    makeHostile(network.plain[3]!, () => ({ v: other, seq: 9 }))
    expect(await collect(createBittorrentRouter(await network.join()))).toEqual([record])
  })

  it('pieces that do not hash to their target are passed over; withheld ones are no absence', async () => {
    const network = await openNetwork()
    const record = await recordOf({ bytes: 3_000 })
    await createBittorrentRouter(await network.join(), { signers: [alice] }).put(alice.id, record)
    for (const node of network.plain.slice(0, 4)) makeHostile(node, () => ({ v: Buffer.alloc(996, 1) }))
    const reader = createBittorrentRouter(await network.join())
    expect(await collect(reader)).toEqual([record])
    const holder = network.plain[4]!
    const get = Reflect.get(holder, '_onget') as (query: { a: { target: Buffer } }, peer: unknown) => void
    Reflect.set(holder, '_onget', (query: { a: { target: Buffer } }, peer: unknown) => { if (query.a.target.equals(sha1(alice.publicKey))) get.call(holder, query, peer) })
    const hurried = createBittorrentRouter(await network.join({ answerMs: 100 }))
    await expect(collect(hurried)).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  it('a swarm that names ever closer nodes does not make a walk endless', async () => {
    const swarm = await openSwarm(400, sha1(alice.publicKey), () => ({}))
    const node = await openBittorrentNode({ host: '127.0.0.1', bootstrap: swarm.bootstrap })
    closers.push(swarm.close, node.close)
    expect(await collect(createBittorrentRouter(node))).toEqual([])
    expect(swarm.asked()).toBe(256)
  })

  it('old items of the owner, repeated by a swarm, are 64 candidates at most', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const unsigned = { seq: i + 1, v: Buffer.from(await recordOf({ seq: i + 1 })) }
      return { ...unsigned, k: alice.publicKey, sig: await alice.sign(itemSignedBytes({}, unsigned)) }
    }))
    const swarm = await openSwarm(100, sha1(alice.publicKey), (i) => answers[i]!)
    const node = await openBittorrentNode({ host: '127.0.0.1', bootstrap: swarm.bootstrap })
    closers.push(swarm.close, node.close)
    expect(await collect(createBittorrentRouter(node))).toHaveLength(64)
  })

  it('of old items in pieces, four beside the first are put together, the highest', async () => {
    const records = await Promise.all(Array.from({ length: 10 }, async (_, i) => recordOf({ seq: i + 1, bytes: 1_100 })))
    const items = records.map((record) => [Buffer.from(record.subarray(0, 996)), Buffer.from(record.subarray(996))])
    const network = await openNetwork()
    for (const piece of items.flat()) await putPlainly(network.plain[0]!, { v: piece })
    const lies = await Promise.all(items.map(async (pieces, i) => {
      const unsigned = { seq: i + 1, v: pieces.map((piece) => sha1(Buffer.concat([Buffer.from(`${piece.byteLength}:`), piece]))) }
      return { ...unsigned, k: Buffer.from(alice.publicKey), sig: Buffer.from(await alice.sign(itemSignedBytes({}, unsigned))) }
    }))
    const swarm = await openSwarm(10, sha1(alice.publicKey), (i) => lies[i]!)
    closers.push(swarm.close)
    const found = await collect(createBittorrentRouter(await network.join({ bootstrap: [...network.bootstrap, ...swarm.bootstrap] })))
    expect(found.length).toBeLessThanOrEqual(5)
    expect(found).toContainEqual(records[9])
  })
})

describe('out of reach', () => {
  const unreachable = async (): Promise<BittorrentNode> => {
    const gone = await openPlainNode({ bootstrap: false })
    const bootstrap = [addressOf(gone)]
    await closePlainNode(gone)
    const node = await openBittorrentNode({ host: '127.0.0.1', bootstrap, answerMs: 100 })
    closers.push(node.close)
    return node
  }

  it('is an error, not absence', async () => {
    const router = createBittorrentRouter(await unreachable(), { signers: [alice], name: 'mainline' })
    await expect(collect(router)).rejects.toMatchObject({ code: 'ROUTER_FAILED', router: 'mainline', message: expect.stringContaining('no node answered') })
    await expect(router.put(alice.id, await recordOf())).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  it('a node that knows nobody is out of reach too', async () => {
    const node = await openBittorrentNode({ host: '127.0.0.1' })
    closers.push(node.close)
    await expect(collect(createBittorrentRouter(node))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })

  it('an abort ends a call at once, and so does closing router or node', async () => {
    const network = await openNetwork(1)
    const node = await network.join()
    makeHostile(network.plain[0]!, () => undefined)
    const router = createBittorrentRouter(node, { signers: [alice] })
    const record = await recordOf()
    const controller = new AbortController()
    const reason = new Error('enough')
    const calls = [Array.fromAsync(router.get(alice.id, { signal: controller.signal })), router.put(alice.id, record, { signal: controller.signal })]
    await delay(10)
    controller.abort(reason)
    for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ status: 'rejected', reason })
    const others = [collect(router), router.put(alice.id, record)]
    await delay(10)
    await router.close()
    for (const outcome of await Promise.allSettled(others)) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
    const last = createBittorrentRouter(node, { signers: [alice] })
    const waiting = [collect(last), last.put(alice.id, record)]
    await delay(10)
    await node.close()
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
  })
})

