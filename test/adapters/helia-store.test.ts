import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CID } from 'multiformats/cid'
import { utf8 } from '../../src/bytes.ts'
import { createHeliaStore, openHeliaNode, type HeliaNode } from '../../src/adapters/helia/index.ts'
import { DAG_CBOR, RAW, cidOf } from '../../src/store/block.ts'
import { openNetwork, type Network } from '../network.ts'

const unpinnedNow = async ({ helia }: HeliaNode): Promise<void> => helia.gc()

describe('among nodes', () => {
  let network: Network
  beforeAll(async () => { network = await openNetwork(4) })
  afterAll(async () => network.close())

  const storeAt = (index: number, options?: Parameters<typeof createHeliaStore>[1]) => createHeliaStore(network.nodes[index]!.helia, options)

  test('a block that one node put is had by another, which keeps it', async () => {
    const bytes = utf8('a block')
    const cid = await cidOf(bytes, DAG_CBOR)
    await storeAt(0).put(cid, bytes)
    expect(await storeAt(3).get(cid, { offline: true })).toBeUndefined()
    expect(await storeAt(3).get(cid)).toEqual(bytes)
    expect(await storeAt(3).get(cid, { offline: true })).toEqual(bytes)
  })

  test('a block nobody has is unreachable, not absent', async () => {
    const cid = await cidOf(utf8('nobody has it'), RAW)
    await expect(storeAt(0, { timeoutMs: 50 }).get(cid)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(await storeAt(0).get(cid, { offline: true })).toBeUndefined()
  })

  test('an abort ends a get with its reason', async () => {
    const controller = new AbortController()
    const reading = storeAt(0).get(await cidOf(utf8('nobody has it either'), RAW), { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(reading).rejects.toBe(reason)
  })

  test('who gives up takes nothing away from others who want the block, now or a moment later', async () => {
    const bytes = utf8('wanted by two')
    const cid = await cidOf(bytes, RAW)
    const store = storeAt(1)
    const controller = new AbortController()
    const impatient = store.get(cid, { signal: controller.signal })
    const patient = store.get(cid)
    await new Promise((resolve) => setTimeout(resolve, 20))
    controller.abort()
    await expect(impatient).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 50))
    // Nobody had the block until now, so it comes from a want that is still there.
    await storeAt(0).put(cid, bytes)
    expect(await patient).toEqual(bytes)

    const later = utf8('wanted again')
    const laterCid = await cidOf(later, RAW)
    await expect(storeAt(2).get(laterCid, { signal: AbortSignal.timeout(20) })).rejects.toThrow()
    const again = createHeliaStore(network.nodes[1]!.helia)
    await expect(again.get(laterCid, { signal: AbortSignal.timeout(20) })).rejects.toThrow()
    await storeAt(0).put(laterCid, later)
    expect(await again.get(laterCid)).toEqual(later)
  })

  test('a block that arrives after its reader has left is kept', async () => {
    const bytes = utf8('late')
    const cid = await cidOf(bytes, RAW)
    await expect(storeAt(1).get(cid, { signal: AbortSignal.timeout(50) })).rejects.toThrow()
    await storeAt(0).put(cid, bytes)
    while (!(await storeAt(1).get(cid, { offline: true }))) await new Promise((resolve) => setTimeout(resolve, 10))
  })

  test('close() ends a get that waits', async () => {
    const store = storeAt(0)
    const reading = store.get(await cidOf(utf8('nor this'), RAW))
    await store.close()
    await expect(reading).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('pinning a block fetches it', async () => {
    const bytes = utf8('to be pinned elsewhere')
    const cid = await cidOf(bytes, RAW)
    await storeAt(0).put(cid, bytes)
    await storeAt(1).pin(cid)
    expect(await storeAt(1).get(cid, { offline: true })).toEqual(bytes)
  })

  test('what is put is announced to the DHT, so that a node that knows only a stranger finds it', async () => {
    const bytes = utf8('announced')
    const cid = await cidOf(bytes, RAW)
    await storeAt(0).put(cid, bytes)
    const providers = async (): Promise<string[]> => {
      const found: string[] = []
      for await (const { id } of network.nodes[2]!.helia.routing.findProviders(cid)) found.push(id.toString())
      return found
    }
    const expected = network.nodes[0]!.helia.libp2p.peerId.toCID().toString()
    while (!(await providers()).includes(expected)) await new Promise((resolve) => setTimeout(resolve, 10))
  })
})

describe('with hints', () => {
  let holder: HeliaNode
  let reader: HeliaNode
  const bytes = utf8('hinted at')
  let cid: CID

  beforeAll(async () => {
    holder = await openHeliaNode({ allowPrivate: true })
    reader = await openHeliaNode({ allowPrivate: true })
    cid = await cidOf(bytes, RAW)
    await createHeliaStore(holder.helia).put(cid, bytes)
  })
  afterAll(async () => {
    await holder.close()
    await reader.close()
  })

  test('only the first four are dialled', async () => {
    const nowhere = Array.from({ length: 4 }, (_, i) => `/ip4/127.0.0.1/tcp/${i + 1}/p2p/${holder.peerId}`)
    await expect(createHeliaStore(reader.helia, { timeoutMs: 200 }).get(cid, { hints: [...nowhere, ...holder.addresses()] })).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  test('a peer that a hint names is dialled and asked, whatever else the hints say', async () => {
    expect(await createHeliaStore(reader.helia).get(cid, { hints: ['https://home.example/', '/nonsense', '/ip4/127.0.0.1/tcp/1', ...holder.addresses()] })).toEqual(bytes)
  })

  test('a node of the public net is not sent to private addresses', async () => {
    const careful = await openHeliaNode({})
    await expect(createHeliaStore(careful.helia, { timeoutMs: 200 }).get(cid, { hints: holder.addresses() })).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(careful.helia.libp2p.getConnections()).toEqual([])
    await careful.close()
  })
})

describe('pins', () => {
  let node: HeliaNode
  beforeAll(async () => { node = await openHeliaNode({ allowPrivate: true }) })
  afterAll(async () => node.close())

  test('cover one block, whatever it links to, and end with one unpin', async () => {
    const store = createHeliaStore(node.helia, { timeoutMs: 100 })
    const bytes = Uint8Array.of(0xa0)
    const cid = await cidOf(bytes, DAG_CBOR)
    await Promise.all([store.put(cid, bytes, { pin: true }), store.put(cid, bytes, { pin: true })])
    await store.pin(cid)
    expect((await node.helia.pins.get(cid)).depth).toBe(0)
    await unpinnedNow(node)
    expect(await store.get(cid, { offline: true })).toEqual(bytes)
    await store.unpin(cid)
    await unpinnedNow(node)
    expect(await store.get(cid, { offline: true })).toBeUndefined()
  })

  test('need no codec and ask nobody for what a block links to', async () => {
    const store = createHeliaStore(node.helia, { timeoutMs: 100 })
    const bytes = utf8('not what its codec says')
    const cid = await cidOf(bytes, 0x300000)
    await store.put(cid, bytes, { pin: true })
    await unpinnedNow(node)
    expect(await store.get(cid, { offline: true })).toEqual(bytes)
    await store.unpin(cid)
  })

  test("somebody else's pin on the same Helia is neither in the way nor taken away", async () => {
    const store = createHeliaStore(node.helia)
    const bytes = utf8('pinned by hand')
    const cid = await cidOf(bytes, RAW)
    await store.put(cid, bytes)
    for await (const _ of node.helia.pins.add(cid));
    await store.pin(cid)
    await store.unpin(cid)
    await unpinnedNow(node)
    expect(await store.get(cid, { offline: true })).toEqual(bytes)
  })

  test('an unpinned block that has vanished meanwhile is unpinned without asking the network', async () => {
    const store = createHeliaStore(node.helia)
    const bytes = utf8('vanishing')
    const cid = await cidOf(bytes, RAW)
    await store.put(cid, bytes, { pin: true })
    await (node.helia.blockstore as unknown as { unwrap(): { delete(cid: CID): Promise<void> } }).unwrap().delete(cid)
    await store.unpin(cid)
    await expect(createHeliaStore(node.helia, { timeoutMs: 50 }).pin(cid)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
