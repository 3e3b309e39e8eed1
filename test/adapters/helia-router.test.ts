import type { HeliaWithLibp2p } from '@helia/libp2p'
import type { KadDHT, QueryEvent } from '@libp2p/kad-dht'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readOwnRecord, routingKeyOf } from '../../src/adapters/helia/dht-records.ts'
import { createHeliaRouter, openHeliaNode, type HeliaNode, type HeliaRouterOptions } from '../../src/adapters/helia/index.ts'
import { MAX_CANDIDATES, MAX_RECORD_BYTES } from '../../src/limits.ts'
import { openNetwork, type Network } from '../network.ts'
import { signProfile } from '../signed-profile.ts'

const read = async (records: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> => {
  const found: Uint8Array[] = []
  for await (const record of records) found.push(record)
  return found
}

const { signer: { id } } = await signProfile()

describe('among nodes', () => {
  let network: Network
  beforeAll(async () => { network = await openNetwork(6) })
  afterAll(async () => network.close())

  const routerAt = (index: number, options?: HeliaRouterOptions) => createHeliaRouter(network.nodes[index]!.helia, options)

  test('a record comes back byte for byte, document and all, once', async () => {
    const { signer: { id }, signed, record } = await signProfile({ seed: 1 })
    await routerAt(0).put(id, record)
    const found = await read(routerAt(5).get(id))
    expect(found).toEqual([record])
    expect(Buffer.from(found[0]!).includes(Buffer.from(signed.bytes))).toBe(true)
  })

  test('a node that joins later, as a client, finds it', async () => {
    const { signer: { id }, record } = await signProfile({ seed: 2 })
    await routerAt(1).put(id, record)
    const late = await network.join({ dht: 'client' })
    expect(await read(createHeliaRouter(late.helia).get(id))).toEqual([record])
    await late.close()
  })

  test('an unknown name has no record', async () => {
    expect(await read(routerAt(0).get((await signProfile({ seed: 3 })).signer.id))).toEqual([])
  })

  test('the newer version takes the place of the older one, not the other way round', async () => {
    const [one, two] = [await signProfile({ seed: 4, seq: 1 }), await signProfile({ seed: 4, seq: 2 })]
    const { id } = one.signer
    await routerAt(0).put(id, one.record)
    await routerAt(1).put(id, two.record)
    expect(await read(routerAt(2).get(id))).toContainEqual(two.record)
    await expect(routerAt(3).put(id, one.record)).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    expect(await readOwnRecord(network.nodes[3]!.helia.datastore, routingKeyOf(id))).toEqual(two.record)
    const late = await network.join({ dht: 'client' })
    expect((await read(createHeliaRouter(late.helia).get(id)))).toContainEqual(two.record)
    await late.close()
  })

  test('a node that keeps a name hears of each newer version at once, once, and not of older ones', async () => {
    const versions = [await signProfile({ seed: 12, seq: 1 }), await signProfile({ seed: 12, seq: 2 }), await signProfile({ seed: 12, seq: 3 })] as const
    const { id } = versions[0].signer
    const watching = routerAt(2).watch!(id)[Symbol.asyncIterator]()
    const other = routerAt(2).watch!((await signProfile({ seed: 13 })).signer.id)[Symbol.asyncIterator]()
    const nothing = other.next()
    for (const index of [0, 2]) {
      const next = watching.next()
      await routerAt(0).put(id, versions[index]!.record)
      expect((await next).value).toEqual(versions[index]!.record)
    }
    await expect(routerAt(1).put(id, versions[1].record)).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    const last = watching.next()
    await watching.return!()
    expect(await last).toEqual({ done: true, value: undefined })
    await other.return!()
    expect(await nothing).toEqual({ done: true, value: undefined })
  })

  test('a record over 10,240 bytes is refused before anything is sent', async () => {
    await expect(routerAt(0).put((await signProfile()).signer.id, new Uint8Array(MAX_RECORD_BYTES + 1))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  test('a record that is not authentic is not even kept here', async () => {
    const { signer: { id }, record } = await signProfile({ seed: 5 })
    await expect(routerAt(0).put(id, record.with(9, record[9]! ^ 1))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    expect(await readOwnRecord(network.nodes[0]!.helia.datastore, routingKeyOf(id))).toBeUndefined()
  })

  test('close() ends its own calls and leaves the node running', async () => {
    const router = routerAt(2)
    const { signer: { id }, record } = await signProfile({ seed: 6 })
    await router.close()
    await router.close()
    await expect(router.put(id, record)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(read(router.get(id))).rejects.toMatchObject({ code: 'CLOSED' })
    await routerAt(2).put(id, record)
  })
})

describe('alone', () => {
  let node: HeliaNode
  beforeAll(async () => { node = await openHeliaNode({ allowPrivate: true, dht: 'server' }) })
  afterAll(async () => node.close())

  test('a put fails, but the node answers with its own copy from then on', async () => {
    const router = createHeliaRouter(node.helia, { peerWaitMs: 20 })
    const { signer: { id }, record } = await signProfile()
    await expect(router.put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('knows no peer') })
    const reader = router.get(id)[Symbol.asyncIterator]()
    expect(await reader.next()).toEqual({ done: false, value: record })
    await expect(reader.next()).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    const peer = await openHeliaNode({ allowPrivate: true })
    await peer.dial(node.addresses()[0]!)
    expect(await read(createHeliaRouter(peer.helia).get(id))).toEqual([record])
    await peer.close()
  })

  test('return() ends a get that waits, an abort rejects it with its reason', async () => {
    const router = createHeliaRouter(node.helia, { peerWaitMs: 3_600_000 })
    const { id } = (await signProfile({ seed: 9 })).signer
    const reader = router.get(id)[Symbol.asyncIterator]()
    const waiting = reader.next()
    await reader.return!()
    expect(await waiting).toEqual({ done: true, value: undefined })

    const controller = new AbortController()
    const reading = read(router.get(id, { signal: controller.signal }))
    const putting = router.put(id, (await signProfile({ seed: 9 })).record, { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(reading).rejects.toBe(reason)
    await expect(putting).rejects.toBe(reason)
  })
})

describe('with peers that say what the test says', () => {
  const answer = (value?: Uint8Array, index = 0) => ({ name: 'PEER_RESPONSE', path: { index }, record: value && { value } }) as unknown as QueryEvent

  const routerOver = (events: () => AsyncGenerator<QueryEvent>, options?: HeliaRouterOptions) => createHeliaRouter({
    datastore: { has: async () => false },
    libp2p: { services: { dht: { get: events, put: events, validators: { ipns: () => undefined }, selectors: {} } } }
  } as unknown as HeliaWithLibp2p<{ dht: KadDHT }>, options)

  const bytes = (n: number): Uint8Array => Uint8Array.of(n >> 8, n & 0xff)

  test('a get ends when as many peers as the quorum agree, and stops the walk', async () => {
    let asked = 0
    let stopped = false
    const router = routerOver(async function * () {
      try {
        for (;;) {
          asked++
          yield answer(bytes(asked % 2))
        }
      } finally {
        stopped = true
      }
    }, { quorum: 3 })
    expect(await read(router.get(id))).toEqual([bytes(1), bytes(0)])
    expect({ asked, stopped }).toEqual({ asked: 5, stopped: true })
  })

  test('a get yields at most 64 candidates', async () => {
    let asked = 0
    const router = routerOver(async function * () { for (;;) yield answer(bytes(asked++)) })
    expect(await read(router.get(id))).toHaveLength(MAX_CANDIDATES)
    expect(asked).toBe(MAX_CANDIDATES)
  })

  test('a candidate over the limit is dropped, the others are not', async () => {
    const router = routerOver(async function * () {
      yield answer(new Uint8Array(MAX_RECORD_BYTES + 1))
      yield answer(new Uint8Array(MAX_RECORD_BYTES))
    })
    expect(await read(router.get(id))).toEqual([new Uint8Array(MAX_RECORD_BYTES)])
  })

  test('a get does not wait while kad-dht corrects peers', async () => {
    let corrected = false
    const router = routerOver(async function * () {
      yield answer(bytes(1))
      yield { name: 'DIAL_PEER', path: { index: -1 } } as unknown as QueryEvent
      corrected = true
    })
    expect(await read(router.get(id))).toEqual([bytes(1)])
    expect(corrected).toBe(false)
  })

  test('a get that nobody answers fails; answers without a record are: none', async () => {
    await expect(read(routerOver(async function * () { yield { name: 'QUERY_ERROR', path: { index: 0 } } as unknown as QueryEvent }).get(id))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    expect(await read(routerOver(async function * () { yield answer() }).get(id))).toEqual([])
  })

  test('a put that ends without a peer that took this very record fails', async () => {
    const router = routerOver(async function * () {
      yield answer()
      yield answer(bytes(1))
    })
    await router.put(id, bytes(1))
    await expect(router.put(id, bytes(2))).rejects.toMatchObject({ code: 'ROUTER_FAILED', message: expect.stringContaining('no peer took') })
  })

  test('a walk that takes too long fails after what it found', async () => {
    const router = routerOver(async function * () {
      yield answer(bytes(1))
      await new Promise(() => undefined)
    }, { getTimeoutMs: 20, putTimeoutMs: 20 })
    const reader = router.get(id)[Symbol.asyncIterator]()
    expect((await reader.next()).value).toEqual(bytes(1))
    await expect(reader.next()).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await router.put(id, bytes(1))
    await expect(router.put(id, bytes(2))).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
  })
})
