import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openHeliaNode } from '../src/adapters/helia/index.ts'
import { openHttpServer } from './home/open-http-server.ts'
import { openHome } from './home/running-home.ts'
import { openMercury, type Mercury, type MercuryOptions } from '../src/node.ts'
import { signerOf } from './client/world.ts'
import { openNetwork, type Network } from './network.ts'

const alice = await signerOf(1)
const bob = await signerOf(2)

let network: Network
const opened: Mercury[] = []
const folders: string[] = []

beforeAll(async () => { network = await openNetwork(3) })
afterEach(async () => { await Promise.all(opened.splice(0).map(async (mercury) => mercury.close())) })
afterAll(async () => {
  await network.close()
  await Promise.all(folders.map(async (folder) => rm(folder, { recursive: true })))
})

const temporary = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'mercury-node-'))
  folders.push(folder)
  return join(folder, 'mercury')
}

const open = async (options: Partial<MercuryOptions> = {}): Promise<Mercury> => {
  const mercury = await openMercury({ directory: await temporary(), bootstrap: [network.addressOf(0)], dhtProtocol: network.dhtProtocol, ...options })
  opened.push(mercury)
  return mercury
}

/** Publishes with a fresh key, which nobody can have published before. */
const first = { first: true, wait: 'all' } as const

describe('openMercury', () => {
  test('publishes with a picture from one directory, resolves and fetches from another', async () => {
    const [one, two] = await Promise.all([open(), open()])
    const avatar = await one.profiles.attach(new Uint8Array(5_000).fill(1), { type: 'image/png' })
    await one.profiles.publish({ name: 'Alice', avatar }, alice, first)
    const resolved = await two.profiles.resolve(alice.id)
    expect(resolved).toMatchObject({ profile: { name: 'Alice' }, freshness: 'confirmed', source: 'dht' })
    expect(await two.blocks.get(avatar.cid, { hints: one.addresses })).toEqual(new Uint8Array(5_000).fill(1))
  })

  test('is reached through another that relays to it', async () => {
    const home = await open({ relay: { allows: () => true } })
    const persona = await open({ listen: [], relays: home.addresses })
    while (persona.addresses.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    expect(persona.addresses).toEqual([`${home.addresses[0]}/p2p-circuit/p2p/${persona.peerId}`])
  })

  test('keeps everything in its directory, and to its owner', async () => {
    const directory = await temporary()
    const mercury = await open({ directory })
    expect((await readdir(directory)).sort()).toEqual(['blocks', 'datastore', 'state'])
    for (const folder of [directory, ...(await readdir(directory)).map((name) => join(directory, name))]) expect((await stat(folder)).mode & 0o777).toBe(0o700)
    const { peerId } = mercury
    await mercury.close()
    expect((await open({ directory })).peerId).toBe(peerId)
  })

  test('listens on loopback only, and has the peer identity that it is given', async () => {
    const peerKey = new Uint8Array(32).fill(9)
    const [one, two] = [await open({ peerKey }), await open({ peerKey })]
    expect(one.peerId).toBe(two.peerId)
    expect(one.addresses).toEqual([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)])
  })

  test('does not fail without a peer', async () => {
    const mercury = await open({ bootstrap: [], dhtProtocol: '/nobody/kad/1.0.0' })
    await expect(mercury.profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  test('a bootstrap peer with a private address makes it a network of its own', async () => {
    const lan = await openNetwork(2, { dhtProtocol: '/ipfs/lan/kad/1.0.0' })
    try {
      const mercury = await openMercury({ directory: await temporary(), bootstrap: [lan.addressOf(0)] })
      opened.push(mercury)
      expect(await mercury.profiles.publish({ name: 'Alice' }, alice, first)).toMatchObject({ pending: [] })
    } finally {
      await lan.close()
    }
  })

  test('a directory serves one at a time', async () => {
    const directory = await temporary()
    const mercury = await open({ directory })
    for (const offline of [false, true]) await expect(openMercury({ directory, offline, bootstrap: [], dhtProtocol: '/x/kad/1.0.0' })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    await mercury.close()
    await mercury.close()
    await open({ directory })
  })

  test('what fails to open gives the directory back', async () => {
    const directory = await temporary()
    for (const options of [{ listen: ['nonsense'] }, { bootstrap: ['nonsense'] }, { homes: ['nonsense'] }]) {
      await expect(openMercury({ directory, bootstrap: [], dhtProtocol: '/x/kad/1.0.0', ...options })).rejects.toMatchObject({ code: expect.stringMatching(/^INVALID_/) })
    }
    await open({ directory })
  })

  test('a directory that cannot be one is told', async () => {
    const file = `${await temporary()}.txt`
    await writeFile(file, '')
    await expect(openMercury({ directory: file, offline: true })).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(file) })
  })

  test('goes through a home, by HTTP alone', async () => {
    const home = await open()
    const server = await openHttpServer(home)
    try {
      const apart = { bootstrap: [], dhtProtocol: '/nobody/kad/1.0.0', homes: [server.url] }
      const one = await open(apart)
      const published = await one.profiles.publish({ name: 'Bob' }, bob, { first: true })
      expect(published.receipts).toContainEqual(expect.objectContaining({ outcome: 'delivered', target: expect.stringContaining('delegated:') }))
      expect(await (await open(apart)).profiles.resolve(bob.id)).toMatchObject({ profile: { name: 'Bob' } })
      expect(await Array.fromAsync(home.profiles.kept())).toEqual([bob.id])
    } finally {
      await server.close()
    }
  })
})

describe('a home among the routers', () => {
  test('tells who lives there, and where it is, in one request', async () => {
    const asked: string[] = []
    const running = await openHome({ settings: { policy: 'open' }, log: (line) => asked.push((JSON.parse(line) as { route: string }).route) })
    try {
      const apart = { bootstrap: [], dhtProtocol: '/nobody/kad/1.0.0', homes: [running.home.url!] }
      const one = await open(apart)
      await one.profiles.join(bob, running.home.url!, { first: true })
      const two = await open(apart)
      asked.length = 0
      expect(await two.profiles.resolveHome(bob.id)).toMatchObject({ home: running.home.id, addresses: running.home.description.addresses, confirmed: true, passedOver: [] })
      expect(asked).toEqual(['/profiles/v1/{id}'])
    } finally {
      await running.close()
    }
  })

  test('may be a plain router, which knows no homes', async () => {
    const plain = createServer((request, response) => response.writeHead(request.url!.startsWith('/routing/') ? 404 : 405).end()).listen(0, '127.0.0.1')
    await once(plain, 'listening')
    try {
      const mercury = await open({ bootstrap: [], routers: [], homes: [`http://127.0.0.1:${(plain.address() as AddressInfo).port}`] })
      await expect(mercury.profiles.resolveHome(bob.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    } finally {
      plain.close()
    }
  })
})

describe('offline', () => {
  test('starts nothing, keeps what is published owed, and sends it when it is opened again', async () => {
    const directory = await temporary()
    const offline = await open({ directory, offline: true, homes: ['http://home.example'] })
    expect([offline.addresses, offline.helia, offline.peerId]).toEqual([[], undefined, undefined])
    const published = await offline.profiles.publish({ name: 'Alice' }, alice, { first: true, wait: 'local' })
    expect([...published.pending].sort()).toEqual(['blocks', 'delegated:home.example', 'dht'])
    await offline.profiles.flush()
    expect(await Array.fromAsync(offline.profiles.owed())).toEqual([{ id: alice.id, targets: ['blocks', 'dht', 'delegated:home.example'] }])
    await offline.close()
    const online = await open({ directory })
    await online.profiles.flush()
    expect((await (await open()).profiles.resolve(alice.id)).sequence).toBe(published.sequence)
    // The home is not configured this time; it gets it when it is again.
    expect(await Array.fromAsync(online.profiles.owed())).toEqual([{ id: alice.id, targets: ['delegated:home.example'] }])
  })

  test('says OFFLINE where it would have had to ask', async () => {
    const mercury = await open({ offline: true })
    await expect(mercury.profiles.publish({ name: 'Alice' }, alice, { wait: 'local' })).rejects.toMatchObject({ code: 'SEQUENCE_UNKNOWN', answers: [{ router: 'dht', outcome: 'failed', code: 'OFFLINE' }] })
    await expect(mercury.profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNREACHABLE', answers: [{ code: 'OFFLINE' }] })
    const cid = CID.createV1(0x55, await sha256.digest(Uint8Array.of(1)))
    expect(await mercury.blocks.get(cid, { offline: true })).toBeUndefined()
    for (const attempt of [() => mercury.blocks.get(cid), () => mercury.blocks.pin(cid), () => mercury.blocks.unpin(cid), () => mercury.blocks.put(cid, Uint8Array.of(1), { pin: true })]) await expect(attempt()).rejects.toMatchObject({ code: 'OFFLINE' })
    expect(await mercury.blocks.get(cid)).toEqual(Uint8Array.of(1))
  })

  test('reads and writes the blocks of the node', async () => {
    const directory = await temporary()
    const online = await open({ directory })
    const { cid: before } = await online.profiles.attach(Uint8Array.of(1, 2, 3), { type: 'image/png' })
    await online.close()
    const offline = await open({ directory, offline: true })
    expect(await offline.blocks.get(before)).toEqual(Uint8Array.of(1, 2, 3))
    const { cid: after } = await offline.profiles.attach(Uint8Array.of(4, 5, 6), { type: 'image/png' })
    await offline.close()
    const node = await openHeliaNode({ location: directory })
    try {
      const parts: Uint8Array[] = []
      for await (const part of node.helia.blockstore.get(after, { offline: true })) parts.push(part)
      expect(Buffer.concat(parts)).toEqual(Buffer.of(4, 5, 6))
    } finally {
      await node.close()
    }
  })

  test('after close every call says so', async () => {
    const mercury = await open({ offline: true })
    await mercury.close()
    await expect(mercury.profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(mercury.blocks.get(CID.createV1(0x55, await sha256.digest(Uint8Array.of(1))))).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(mercury.state.get('x')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('carries only what it may', async () => {
    const directory = await temporary()
    const offline = await open({ directory, offline: true })
    for (const signer of [alice, bob]) await offline.profiles.publish({ name: 'A' }, signer, { first: true, wait: 'local' })
    await offline.close()
    const online = await open({ directory, carries: (id) => id === bob.id })
    await online.profiles.keepAlive({ all: true })
    expect((await Array.fromAsync(online.profiles.owed())).map(({ id }) => id)).toEqual([alice.id])
  })
})
