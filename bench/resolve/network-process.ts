import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Record as DhtRecord } from '@libp2p/kad-dht'
import { Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { toString } from 'uint8arrays'
import { createHeliaRouter, createHeliaStore } from '../../src/adapters/helia/index.ts'
import { routingKeyOf } from '../../src/adapters/helia/dht-records.ts'
import { createProfiles } from '../../src/client/profiles.ts'
import type { ProfileId } from '../../src/identity/profile-id.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { openNetwork } from '../../test/network.ts'
import { createDraft, createSigners, seededRandom } from '../profiles.ts'
import type { NetworkMessage } from './network.ts'
import { LATE_MS, forge, type Manner } from './routing-server.ts'

const PUBLISHED_AT_A_TIME = 8

const [nodes, count, delayMs] = process.argv.slice(2).map(Number) as [number, number, number]
const random = seededRandom(3)
const network = await openNetwork(nodes, { delayMs })

// All from one node, by its DHT and its block store.
const { helia } = network.nodes[0]!
const client = createProfiles({ blocks: createHeliaStore(helia), routers: [createHeliaRouter(helia)], state: createMemoryStore(), volatile: true })
const published: { id: ProfileId; name: string; record: Uint8Array }[] = []
const waiting = (await createSigners(count, random)).map((signer) => ({ signer, draft: createDraft(random) }))
await Promise.all(Array.from({ length: PUBLISHED_AT_A_TIME }, async () => {
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { id } = await client.publish(next.draft, next.signer, { wait: 'all', first: true })
    published.push({ id, name: String(next.draft.name), record: await client.record(id, { policy: 'offline' }) })
  }
}))
await client.close()

/** Makes the second node answer in another manner from now on; it keeps no record back before that. */
const spoil = async (manner: Manner): Promise<void> => {
  const { datastore, libp2p } = network.nodes[1]!.helia
  if (manner === 'wrong') {
    for (const { id, record } of published) {
      const key = routingKeyOf(id)
      await datastore.put(new Key(`/dht/record/${base32.encode(key).slice(1)}`, false), new DhtRecord(key, forge(record), new Date()).serialize())
    }
    return
  }
  const ends = manner === 'late' ? LATE_MS : undefined
  await libp2p.handle(network.dhtProtocol, async (stream) => {
    if (ends === undefined) return
    await delay(ends, undefined, { ref: false })
    stream.abort(new Error('too late'))
  }, { force: true })
}

process.on('message', (manner: Manner) => void spoil(manner).then(() => process.send!('spoilt')))
const disconnected = once(process, 'disconnect')
process.send!({
  dhtProtocol: network.dhtProtocol,
  addresses: network.nodes.map((_, index) => network.addressOf(index)),
  profiles: published.map(({ record, ...profile }) => ({ ...profile, record: toString(record, 'base64') }))
} satisfies NetworkMessage)
await disconnected
await network.close()
