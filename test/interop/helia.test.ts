import { dagCbor } from '@helia/dag-cbor'
import { unixfs } from '@helia/unixfs'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { createHeliaRouter, createHeliaStore, type HeliaNode } from '../../src/adapters/helia/index.ts'
import { readProfileRecord, selectRecord, verifyIpnsRecord } from '../../src/naming/record.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { knows, openNetwork, type Network } from '../network.ts'
import { signProfile } from '../signed-profile.ts'
import { corrupt, importKey, openStockNode, type StockNode } from './stock-node.ts'

let network: Network
const opened: StockNode[] = []
beforeAll(async () => { network = await openNetwork(6) })
afterAll(async () => {
  await Promise.all(opened.map(async ({ helia }) => helia.stop()))
  await network.close()
})

const stockNode = async (): Promise<StockNode> => {
  const stock = await openStockNode(network.dhtProtocol, network.addressOf(5))
  opened.push(stock)
  return stock
}

const routerAt = (index: number) => createHeliaRouter(network.nodes[index]!.helia)

const read = async (records: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> => {
  const found: Uint8Array[] = []
  for await (const record of records) found.push(record)
  return found
}

/** A node that holds nothing itself and has to ask. */
const newcomer = async (): Promise<HeliaNode> => {
  const node = await network.join({ dht: 'client' })
  await knows(node, 6)
  return node
}

describe('stock IPFS software', () => {
  test('reads a profile and its picture with helia, @helia/ipns, @helia/dag-cbor and @helia/unixfs alone', async () => {
    const picture = Uint8Array.from({ length: 50_000 }, (_, i) => i * 7)
    const avatar = await cidOf(picture, RAW)
    const { signer: { id }, signed, record } = await signProfile({ draft: { name: 'Alice Liddell', avatar: { cid: avatar.toString(), type: 'image/png', size: picture.byteLength } } })
    const blocks = createHeliaStore(network.nodes[0]!.helia)
    await blocks.put(avatar, picture, { pin: true })
    await blocks.put(signed.cid, signed.bytes, { pin: true })
    await routerAt(0).put(id, record)

    const { helia, name } = await stockNode()
    const values: string[] = []
    for await (const { value } of name.resolve(CID.parse(id, base36))) values.push(value)
    expect(values).toEqual([`/ipfs/${signed.cid.toString()}`])
    const document = await dagCbor(helia).get<{ attrs: { name: string; avatar: { cid: CID } } }>(CID.parse(values[0]!.slice('/ipfs/'.length)))
    expect(document.attrs.name).toBe('Alice Liddell')
    const parts: Uint8Array[] = []
    for await (const part of unixfs(helia).cat(document.attrs.avatar.cid)) parts.push(part)
    expect(Buffer.concat(parts).equals(picture)).toBe(true)
  })

  test('publishes a record with the same key that our router finds', async () => {
    const { signer: { id }, signed } = await signProfile({ seed: 2 })
    const stock = await stockNode()
    await importKey(stock, 'alice', new Uint8Array(32).fill(2))
    const text = await cidOf(utf8('not a profile'), RAW)
    await stock.name.publish('alice', text)
    const [first] = await read(createHeliaRouter((await newcomer()).helia).get(id))
    const record = await verifyIpnsRecord(id, first!)
    expect([new TextDecoder().decode(record.value), record.sequence]).toEqual([`/ipfs/${text.toString()}`, 1n])
    await expect(readProfileRecord(id, first!)).rejects.toMatchObject({ code: 'NOT_A_PROFILE' })

    await stock.name.publish('alice', signed.cid)
    const best = await selectRecord(id, await read(createHeliaRouter((await newcomer()).helia).get(id)))
    expect([best?.cid.toString(), best?.sequence]).toEqual([signed.cid.toString(), 2n])
  })
})

describe('a document that rides in the record', () => {
  test('reaches a newcomer without a block being asked for', async () => {
    const { signer: { id }, signed, record } = await signProfile({ seed: 3, draft: { name: 'Bob', bio: 'x'.repeat(4_000), tags: ['inline'] } })
    await routerAt(1).put(id, record)
    const [found] = await read(createHeliaRouter((await newcomer()).helia).get(id))
    expect(found).toEqual(record)
    expect((await readProfileRecord(id, found!)).documentBytes).toEqual(signed.bytes)
  })
})

describe('hostile peers', () => {
  test('cannot hide the good record behind garbage, oversized, forged, expired or stale ones', async () => {
    const now = Date.now()
    const good = await signProfile({ seed: 4, seq: 10, now })
    const stale = await signProfile({ seed: 4, seq: 9, now })
    const expired = await signProfile({ seed: 4, seq: 11, now: now - 10_000, validityMs: 5_000 })
    const stranger = await signProfile({ seed: 5, seq: 99, now })
    const { id } = good.signer
    await routerAt(0).put(id, good.record)

    const key = Buffer.concat([Buffer.from('/ipns/'), CID.parse(id, base36).multihash.bytes])
    const bad = [utf8('garbage'), new Uint8Array(), new Uint8Array(20_000).fill(1), good.record.with(9, good.record[9]! ^ 1), stranger.record, expired.record, stale.record]
    for (const record of bad) {
      const hostile = await stockNode()
      corrupt(hostile)
      for await (const _ of hostile.helia.libp2p.services.dht.put(key, record));
    }

    const node = await newcomer()
    const found = await read(createHeliaRouter(node.helia).get(id))
    expect((await selectRecord(id, found))?.bytes).toEqual(good.record)
    // Rules keep all the others out; the stale one is authentic, so it comes too, from the peers that were made to keep it.
    expect(found.map((record) => Buffer.from(record).toString('hex')).toSorted()).toEqual([good.record, stale.record].map((record) => Buffer.from(record).toString('hex')).toSorted())
    // And none of ours let the stale one replace what it held.
    for (const { helia } of network.nodes.slice(0, 6)) expect((await createHeliaRouter(helia).get(id)[Symbol.asyncIterator]().next()).value).toEqual(good.record)
  })
})

describe('a node with a folder', () => {
  test('serves its blocks to others after a restart', async () => {
    const { mkdtemp, rm } = await import('node:fs/promises')
    const location = await mkdtemp('/tmp/mercury-interop-')
    const bytes = utf8('kept over a restart')
    const cid = await cidOf(bytes, RAW)
    const before = await network.join({ location })
    await createHeliaStore(before.helia, { announce: false }).put(cid, bytes, { pin: true })
    await before.close()
    const after = await network.join({ location })
    expect(after.peerId).toBe(before.peerId)
    expect(await createHeliaStore(network.nodes[0]!.helia).get(cid, { hints: after.addresses() })).toEqual(bytes)
    await after.close()
    await rm(location, { recursive: true })
  })
})
