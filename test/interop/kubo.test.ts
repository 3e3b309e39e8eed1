import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { concat, equals } from 'uint8arrays'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { createHeliaRouter, createHeliaStore, openHeliaNode, type HeliaNode } from '../../src/adapters/helia/index.ts'
import { createKuboRouter, createKuboStore } from '../../src/adapters/kubo/index.ts'
import { utf8 } from '../../src/bytes.ts'
import { createLocalRouter, createMemoryStore, createPledge, createProfiles, createSigner, signDocument, type NameRouter, type Profiles, type ProfilesOptions, type Signer } from '../../src/index.ts'
import { openHttpServer } from '../home/open-http-server.ts'
import { encodePrivateKey, parsePrivateKey, type PrivateKeyForm } from '../../src/identity/private-key.ts'
import { DAY_MS } from '../../src/limits.ts'
import { parseEnvelope } from '../../src/naming/envelope.ts'
import { verifyIpnsRecord } from '../../src/naming/record.ts'
import { RAW, putBlock } from '../../src/store/block.ts'
import { knows, openNetwork } from '../network.ts'
import { KUBO_LAN_DHT, openKuboNetwork, openKuboService, type KuboNetwork, type KuboService } from '../services/kubo.ts'
import { describeWithService } from '../services/service.ts'

/** Three Kubo nodes and one of ours, all in one DHT. */
let kubos: KuboNetwork
let near: KuboService
let far: KuboService
let node: HeliaNode
let directory: string
const opened: { close(): Promise<void> }[] = []

const open = async (): Promise<void> => {
  directory = await mkdtemp(join(tmpdir(), 'mercury-interop-'))
  kubos = await openKuboNetwork(3)
  ;[near, , far] = kubos.nodes as [KuboService, KuboService, KuboService]
  node = await openHeliaNode({ allowPrivate: true, dht: 'server', dhtProtocol: KUBO_LAN_DHT })
  for (const { address } of kubos.nodes) await node.dial(address)
  await knows(node, 3)
  for (const kubo of kubos.nodes) await kubo.knows(3)
}

const close = async (): Promise<void> => {
  for (const part of opened.reverse()) await part.close()
  await node?.close()
  await kubos?.close()
  await rm(directory, { recursive: true, force: true })
}

const keep = <T extends { close(): Promise<void> }>(part: T): T => {
  opened.push(part)
  return part
}

const overDht = (): NameRouter => keep(createHeliaRouter(node.helia))
const overRpc = (kubo = near): NameRouter => keep(createKuboRouter({ url: kubo.rpc }))
const overHttp = (kubo = near): NameRouter => keep(createDelegatedRouter({ url: kubo.gateway, allowPrivate: true }))
const kuboBlocks = (kubo = near) => keep(createKuboStore({ url: kubo.rpc, timeoutMs: 10_000 }))

/** A device of its own: it knows nothing but what it is told. */
const device = (options: Pick<ProfilesOptions, 'routers'> & Partial<ProfilesOptions>): Profiles => keep(createProfiles({ blocks: kuboBlocks(), state: createMemoryStore(), volatile: true, ...options }))

let keys = 0
/** A key that no other test uses, pledged to another. */
const newKey = async (): Promise<{ privateKey: Uint8Array; signer: Signer }> => {
  const privateKey = new Uint8Array(32).fill(++keys)
  return { privateKey, signer: await pledged(privateKey) }
}

const pledged = async (privateKey: Uint8Array): Promise<Signer> => {
  const next = await createSigner(new Uint8Array(32).fill(200))
  return createSigner(privateKey, { pledge: await createPledge(await createSigner(privateKey), next.publicKey) })
}

const text = async (kubo: KuboService, ...args: string[]): Promise<string> => (await kubo.ipfs(args)).toString().trim()
const json = async (kubo: KuboService, ...args: string[]): Promise<unknown> => JSON.parse(await text(kubo, ...args))

/** The record as Kubo has it. */
const recordAt = async (kubo: KuboService, id: string): Promise<Uint8Array> => Uint8Array.from(await kubo.ipfs(['routing', 'get', `/ipns/${id}`]))

const file = async (name: string, bytes: Uint8Array): Promise<string> => {
  const path = join(directory, name)
  await writeFile(path, bytes)
  return path
}

const importKey = async (kubo: KuboService, name: string, privateKey: Uint8Array, as: PrivateKeyForm): Promise<string> =>
  text(kubo, 'key', 'import', name, await file(name, encodePrivateKey(privateKey, as)), '--format', as === 'pem' ? 'pem-pkcs8-cleartext' : 'libp2p-protobuf-cleartext')

describeWithService('Kubo', 'Kubo and Mercury', () => {
  beforeAll(open)
  afterAll(close)

  describe('a profile that we publish', () => {
    test.each<[string, () => NameRouter, () => Partial<ProfilesOptions>]>([
      ['the DHT, from our own node', overDht, () => ({ blocks: keep(createHeliaStore(node.helia)) })],
      ['the RPC API of Kubo', overRpc, () => ({})],
      ['the routing API of Kubo', overHttp, () => ({})]
    ])('over %s is one that Kubo resolves, shows and verifies', async (_, router, options) => {
      const { signer } = await newKey()
      const { id, cid, sequence } = await device({ routers: [router()], ...options() }).publish({ name: 'Alice Liddell', tags: ['chess'] }, signer, { wait: 'all' })
      expect(await text(far, 'name', 'resolve', '--nocache', id)).toBe(`/ipfs/${cid.toString()}`)
      expect(await json(far, 'dag', 'get', cid.toString())).toMatchObject({ v: 1, kind: 'persona', attrs: { name: 'Alice Liddell', tags: ['chess'] } })
      expect(await json(far, 'name', 'inspect', '--enc=json', '--verify', id, await file('record', await recordAt(far, id)))).toMatchObject({
        Entry: { Value: `/ipfs/${cid.toString()}`, Sequence: Number(sequence) },
        SignatureType: 'V2',
        Validation: { Valid: true, Name: id }
      })
    })
  })

  describe('a key of ours in Kubo', () => {
    test.each<PrivateKeyForm>(['pem', 'libp2p'])('imported as %s publishes a document of ours, and the sequence goes on in both directions', async (form) => {
      const { privateKey, signer } = await newKey()
      const { id } = signer
      const profiles = device({ routers: [overRpc()] })
      const first = await profiles.publish({ name: 'First' }, signer, { wait: 'all' })

      const key = `ours-${form}`
      expect(await importKey(near, key, privateKey, form)).toBe(id)
      const second = await signDocument({ name: 'Second' }, signer, { seq: Number(first.sequence) + 1, prev: first.cid.multihash.digest, time: Number(first.sequence) })
      await kuboBlocks().put(second.cid, second.bytes)
      await text(near, 'name', 'publish', '--key', key, `/ipfs/${second.cid.toString()}`)

      const record = await recordAt(near, id)
      expect(parseEnvelope(record)).toHaveProperty('signatureV1')
      expect((await verifyIpnsRecord(id, record)).inline).toBeUndefined()
      for (const router of [overDht(), overRpc(far), overHttp(far)]) {
        expect(await device({ routers: [router], blocks: kuboBlocks(far) }).resolve(id)).toMatchObject({ sequence: first.sequence + 1n, profile: { name: 'Second' }, cid: second.cid, freshness: 'confirmed' })
      }

      const third = await profiles.publish({ name: 'Third' }, signer, { wait: 'all' })
      expect(third.sequence).toBe(first.sequence + 2n)
      expect((await profiles.resolve(id)).document.prev).toEqual(second.cid.multihash.digest)
      expect(await text(near, 'name', 'resolve', '--nocache', id)).toBe(`/ipfs/${third.cid.toString()}`)

      const fourth = await signDocument({ name: 'Fourth' }, signer, { seq: Number(third.sequence) + 1, prev: third.cid.multihash.digest, time: Number(first.sequence) })
      await kuboBlocks().put(fourth.cid, fourth.bytes)
      // Without it Kubo would count from its own last record, and two documents would have one sequence.
      await text(near, 'name', 'publish', '--key', key, '--sequence', String(third.sequence + 1n), `/ipfs/${fourth.cid.toString()}`)
      const resolved = await profiles.resolve(id, { policy: 'all' })
      expect(resolved).toMatchObject({ sequence: third.sequence + 1n, profile: { name: 'Fourth' } })
      expect(resolved.fork).toBeUndefined()
      expect((await profiles.publish({ name: 'Fifth' }, signer, { wait: 'all' })).sequence).toBe(third.sequence + 2n)
    })
  })

  describe('a key of Kubo\'s as a persona', () => {
    test('publishes a profile above what Kubo had published under it, and Kubo goes on above that when it is told to', async () => {
      const key = 'theirs'
      const id = await text(near, 'key', 'gen', key)
      const page = await putBlock(kuboBlocks(), utf8('a page'), RAW)
      await text(near, 'name', 'publish', '--key', key, `/ipfs/${page.toString()}`)
      const routers = [overRpc()]
      await expect(device({ routers }).resolve(id)).rejects.toMatchObject({ code: 'NOT_A_PROFILE' })

      const path = join(directory, key)
      await text(near, 'key', 'export', key, '-o', path)
      const { privateKey, form } = parsePrivateKey(await readFile(path))
      expect(form).toBe('libp2p')
      const signer = await pledged(privateKey)
      expect(signer.id).toBe(id)
      const before = await verifyIpnsRecord(signer.id, await recordAt(near, id))
      const published = await device({ routers }).publish({ name: 'Bob' }, signer, { wait: 'all' })
      expect(published.sequence > before.sequence).toBe(true)
      expect(published.found).toMatchObject({ sequence: before.sequence, value: `/ipfs/${page.toString()}` })
      expect(await text(far, 'name', 'resolve', '--nocache', id)).toBe(`/ipfs/${published.cid.toString()}`)

      // Kubo counts from the last record that it made itself, so what it publishes now is older and is taken by nobody.
      await text(near, 'name', 'publish', '--key', key, `/ipfs/${page.toString()}`)
      expect(await text(far, 'name', 'resolve', '--nocache', id)).toBe(`/ipfs/${published.cid.toString()}`)
      await text(near, 'name', 'publish', '--key', key, '--sequence', String(published.sequence + 1n), `/ipfs/${page.toString()}`)
      expect(await text(far, 'name', 'resolve', '--nocache', id)).toBe(`/ipfs/${page.toString()}`)
      expect((await device({ routers }).publish({ name: 'Bob' }, signer, { wait: 'all' })).sequence).toBe(published.sequence + 2n)
    })
  })

  describe('an envelope that an outsider altered', () => {
    /** Of two records with one sequence and validity Kubo prefers the one with the greater bytes. */
    const alterations: [string, (record: Uint8Array) => Uint8Array][] = [
      ['with its two fields in the other order', (record) => concat([record.subarray(66), record.subarray(0, 66)])],
      ['with an unknown field behind', (record) => concat([record, Uint8Array.of(0x7a, 3, 255, 255, 255)])],
      ['with an unknown field before, of the greatest number that there is', (record) => concat([Uint8Array.of(0xfa, 0xff, 0xff, 0xff, 0x0f, 0), record])],
      ['filled up with unknown bytes to 10,240', (record) => {
        const left = 10_240 - record.byteLength - 3
        return concat([record, Uint8Array.of(0x7a, (left & 0x7f) | 0x80, left >> 7), new Uint8Array(left).fill(255)])
      }]
    ]

    test.each(alterations)('%s is what Kubo serves, is read right, is healed by us where we are asked, and in Kubo by the next record of the owner', async (_, alter) => {
      const { signer } = await newKey()
      const { id } = signer
      const owner = device({ routers: [overRpc(), overHttp(), overDht()] })
      await owner.publish({ name: 'Alice' }, signer, { wait: 'all' })
      const { recordBytes } = await owner.resolve(id)
      const altered = alter(recordBytes)
      await far.ipfs(['routing', 'put', `/ipns/${id}`, await file('altered', altered)])
      for (const kubo of kubos.nodes) expect(await recordAt(kubo, id)).toEqual(altered)

      for (const router of [overRpc(far), overHttp(far), overDht()]) {
        const resolved = await device({ routers: [router] }).resolve(id)
        expect(resolved).toMatchObject({ profile: { name: 'Alice' }, freshness: 'confirmed' })
        expect(resolved.recordBytes).toEqual(recordBytes)
      }
      // A node of ours that holds the reduced form gives it out and lets nobody replace it; a home that is asked reduces what it found.
      expect((await overDht().get(id)[Symbol.asyncIterator]().next()).value).toEqual(recordBytes)
      const state = createMemoryStore()
      const home = keep(await openHttpServer({ profiles: device({ state, routers: [overRpc(far)] }), blocks: kuboBlocks(), state }))
      expect(await Array.fromAsync(createDelegatedRouter({ url: home.url, allowPrivate: true }).get(id))).toEqual([recordBytes])

      // Nobody but the owner can move Kubo from it. Its RPC API has the record, in the envelope that it prefers; its DHT node refuses the other and does not say why.
      const relayed: string[] = []
      const failed: string[] = []
      await owner.keepAlive({ all: true, onProgress: (kept) => { relayed.push(...kept.relayed); failed.push(...kept.failed.map(({ reason }) => reason)) } })
      expect([relayed.toSorted(), failed]).toEqual([[overRpc(), overHttp()].map(({ name }) => name).toSorted(), [expect.stringContaining('no peer took the record')]])
      for (const kubo of kubos.nodes) expect(await recordAt(kubo, id)).toEqual(altered)

      await owner.publish({ name: 'Alice' }, signer, { wait: 'all' })
      const next = (await owner.resolve(id)).recordBytes
      for (const kubo of kubos.nodes) expect(await recordAt(kubo, id)).toEqual(next)
    })

    test('gives way in Kubo to a longer validity too, and a Kubo that has none is given the reduced one', async () => {
      const { signer } = await newKey()
      const { id } = signer
      const state = createMemoryStore()
      let now = Date.now()
      const owner = device({ routers: [overRpc()], state, clock: () => now })
      const { sequence } = await owner.publish({ name: 'Alice' }, signer, { wait: 'all' })
      const { recordBytes } = await owner.resolve(id)
      const altered = alterations[0]![1](recordBytes)
      await far.ipfs(['routing', 'put', `/ipns/${id}`, await file('altered', altered)])

      const newcomer = keep(await openKuboService())
      const alone = keep(await openKuboService({ bootstrap: [newcomer.address] }))
      await alone.knows(1)
      const keeper = device({ routers: [overRpc(far), overRpc(alone)] })
      await keeper.resolve(id, { keep: true })
      await keeper.keepAlive({ all: true })
      expect(await recordAt(newcomer, id)).toEqual(recordBytes)

      now += 70 * DAY_MS
      await owner.keepAlive({ all: true, signers: [signer] })
      const refreshed = await verifyIpnsRecord(signer.id, await recordAt(far, id))
      expect([refreshed.sequence, equals(refreshed.bytes, await recordAt(far, id))]).toEqual([sequence, true])
      expect(refreshed.bytes).not.toEqual(recordBytes)
    })
  })

  describe('pins in Kubo', () => {
    /** CIDs of the pins that are ours. */
    const ours = async (kubo: KuboService): Promise<string[]> => {
      const { Keys } = await json(kubo, 'pin', 'ls', '--names', '--enc=json') as { Keys: Record<string, { Name: string; Type: string }> }
      return Object.entries(Keys).filter(([, { Name, Type }]) => Name === 'mercury' && Type === 'direct').map(([cid]) => cid).toSorted()
    }
    const named = (...cids: CID[]): string[] => cids.map(String).toSorted()

    test('are the document and its picture, never its history, and survive what Kubo collects', async () => {
      const kubo = keep(await openKuboService({ bootstrap: kubos.nodes.map(({ address }) => address) }))
      await kubo.knows(3)
      const [alice, bob] = [(await newKey()).signer, (await newKey()).signer]
      const profiles = device({ routers: [overRpc(kubo)], blocks: kuboBlocks(kubo) })
      const picture = (fill: number) => profiles.attach(new Uint8Array(20_000).fill(fill), { type: 'image/png' })
      const strangers = device({ routers: [overRpc(far)], blocks: kuboBlocks(far) })
      await strangers.publish({ name: 'Bob', avatar: await strangers.attach(new Uint8Array(20_000).fill(9), { type: 'image/png' }) }, bob, { wait: 'all' })

      const avatar = await picture(1)
      const first = await profiles.publish({ name: 'Alice', avatar }, alice, { wait: 'all' })
      expect(await ours(kubo)).toEqual(named(first.cid, avatar.cid))

      const other = await picture(2)
      const second = await profiles.edit(alice, (draft) => ({ ...draft, avatar: other }), { wait: 'all' })
      await profiles.resolve(bob.id)
      expect(await ours(kubo)).toEqual(named(second.cid, other.cid))

      await kubo.ipfs(['repo', 'gc'])
      const offline = kuboBlocks(kubo)
      expect(await offline.get(second.cid, { offline: true })).toBeDefined()
      expect((await offline.get(other.cid, { offline: true }))?.byteLength).toBe(20_000)
      expect(await offline.get(first.cid, { offline: true })).toBeUndefined()
      expect(await offline.get(avatar.cid, { offline: true })).toBeUndefined()

      const kept = await profiles.resolve(bob.id, { keep: true })
      expect(await ours(kubo)).toEqual(named(second.cid, other.cid, kept.cid, CID.parse(kept.profile.avatar!.cid.toString())))
    })
  })

  describe('a name of somebody else', () => {
    test('is kept alive through the DHT, the RPC API and the routing API, by who found it elsewhere', async () => {
      const { signer } = await newKey()
      const { id } = signer
      const there = createLocalRouter(createMemoryStore(), { name: 'there' })
      await device({ routers: [there] }).publish({ name: 'Carol' }, signer, { wait: 'all' })

      // Three networks that know nothing of each other.
      const ownDht = keep(await openNetwork(2))
      const ownKubo = keep(await openKuboNetwork(2))
      const routers = [keep(createHeliaRouter(ownDht.nodes[0]!.helia)), overRpc(), overHttp(ownKubo.nodes[0])]
      const keeper = device({ routers: [there, ...routers] })
      const { recordBytes } = await keeper.resolve(id, { keep: true })
      for (const router of routers) expect(await Array.fromAsync(router.get(id))).toEqual([])

      const relayed: string[] = []
      await keeper.keepAlive({ all: true, onProgress: ({ relayed: names }) => relayed.push(...names) })
      expect(relayed).toHaveLength(4)
      const others = [keep(createHeliaRouter(ownDht.nodes[1]!.helia)), overRpc(far), overHttp(ownKubo.nodes[1])]
      for (const router of others) expect((await Array.fromAsync(router.get(id)))[0]).toEqual(recordBytes)
    })
  })
})
