import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { createPubsubRouter, openHeliaNode, type HeliaNode } from '../../src/adapters/helia/index.ts'
import { topicOf } from '../../src/adapters/helia/pubsub.ts'
import type { ProfileId } from '../../src/identity/profile-id.ts'
import type { NameRouter } from '../../src/naming/name-router.ts'
import { openNetwork, type Network } from '../network.ts'
import { signProfile } from '../signed-profile.ts'

let network: Network
beforeAll(async () => { network = await openNetwork(3, { node: { pubsub: true } }) })
afterAll(async () => network.close())

const nodeAt = (index: number): HeliaNode => network.nodes[index]!
const pubsubOf = (index: number) => nodeAt(index).helia.libp2p.services.pubsub!

const read = async (records: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> => {
  const found: Uint8Array[] = []
  for await (const record of records) found.push(record)
  return found
}

/** Waits until the node at `from` knows that the one at `to` listens. */
const heardOf = async (from: number, to: number, id: ProfileId): Promise<void> => {
  const listens = (): boolean => pubsubOf(from).getSubscribers(topicOf(id)).some((peer) => peer.toString() === nodeAt(to).peerId)
  while (!listens()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const eventually = async (router: NameRouter, id: ProfileId, expected: Uint8Array): Promise<void> => {
  for (;;) {
    const [found] = await read(router.get(id))
    if (found && Buffer.from(found).equals(expected)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('createPubsubRouter', () => {
  test('get starts to listen and yields the best heard since', async () => {
    const { signer: { id }, record } = await signProfile({ seed: 1 })
    const newer = await signProfile({ seed: 1, seq: 2 })
    const [from, to] = [createPubsubRouter(nodeAt(0).helia), createPubsubRouter(nodeAt(1).helia)]
    expect(await read(to.get(id))).toEqual([])
    await heardOf(0, 1, id)
    await from.put(id, record)
    await eventually(to, id, record)
    await from.put(id, newer.record)
    await eventually(to, id, newer.record)
    await from.close()
    await to.close()
    expect([pubsubOf(0).getTopics(), pubsubOf(1).getTopics()]).toEqual([[], []])
  })

  test('watch yields what comes, and return() ends it at once', async () => {
    const one = await signProfile({ seed: 2, seq: 1 })
    const two = await signProfile({ seed: 2, seq: 2 })
    const { id } = one.signer
    const [from, to] = [createPubsubRouter(nodeAt(0).helia), createPubsubRouter(nodeAt(2).helia)]
    const reader = to.watch!(id)[Symbol.asyncIterator]()
    const first = reader.next()
    await heardOf(0, 2, id)
    await from.put(id, one.record)
    expect(await first).toEqual({ done: false, value: one.record })
    await from.put(id, two.record)
    expect(await reader.next()).toEqual({ done: false, value: two.record })
    const waiting = reader.next()
    await reader.return!()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await from.close()
    await to.close()
  })

  test('what is forged, expired or older is neither taken nor passed on', async () => {
    const now = Date.now()
    const good = await signProfile({ seed: 3, seq: 5, now })
    const old = await signProfile({ seed: 3, seq: 4, now })
    const expired = await signProfile({ seed: 3, seq: 6, now: now - 10_000, validityMs: 5_000 })
    const other = await signProfile({ seed: 4, seq: 9, now })
    const last = await signProfile({ seed: 3, seq: 7, now })
    const { id } = good.signer
    const to = createPubsubRouter(nodeAt(1).helia)
    const reader = to.watch!(id)[Symbol.asyncIterator]()
    const first = reader.next()
    await heardOf(0, 1, id)
    for (const bytes of [good.record, utf8('garbage'), new Uint8Array(20_000), other.record, expired.record, old.record, last.record]) await pubsubOf(0).publish(topicOf(id), bytes)
    expect((await first).value).toEqual(good.record)
    expect((await reader.next()).value).toEqual(last.record)
    await to.close()
  })

  test('a put that nobody listens to fails', async () => {
    const { signer: { id }, record } = await signProfile({ seed: 5 })
    const router = createPubsubRouter(nodeAt(0).helia)
    await expect(router.put(id, record)).rejects.toMatchObject({ code: 'ROUTER_FAILED' })
    await router.close()
  })

  test('listens to a bounded number of names, and gives up none that is watched', async () => {
    const ids = await Promise.all([10, 11, 12].map(async (seed) => (await signProfile({ seed })).signer.id)) as [ProfileId, ProfileId, ProfileId]
    const router = createPubsubRouter(nodeAt(0).helia, { maxNames: 2 })
    const reader = router.watch!(ids[0])[Symbol.asyncIterator]()
    const waiting = reader.next()
    await read(router.get(ids[1]))
    await read(router.get(ids[2]))
    expect(pubsubOf(0).getTopics().toSorted()).toEqual([topicOf(ids[0]), topicOf(ids[2])].toSorted())
    const second = router.watch!(ids[2])[Symbol.asyncIterator]()
    const alsoWaiting = second.next()
    await expect(read(router.get(ids[1]))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await router.close()
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(alsoWaiting).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(read(router.get(ids[1]))).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('a name has the topic that Kubo and Helia give it', async () => {
    const { signer: { id } } = await signProfile({ seed: 6 })
    // go-libp2p-pubsub-router, KeyToTopic: '/record/' and the unpadded base64url of '/ipns/' and the multihash.
    const key = Buffer.concat([Buffer.from('/ipns/'), CID.parse(id, base36).multihash.bytes])
    expect(topicOf(id)).toBe(`/record/${key.toString('base64url')}`)
  })

  test('a node without pubsub is told so', async () => {
    const node = await openHeliaNode({})
    expect(() => createPubsubRouter(node.helia)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    await node.close()
  })
})
