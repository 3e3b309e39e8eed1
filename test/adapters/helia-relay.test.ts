import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { StreamMessageEvent } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import * as raw from 'multiformats/codecs/raw'
import { afterEach, describe, expect, test } from 'vitest'
import { createHeliaStore, openHeliaNode, type HeliaNode, type HeliaNodeOptions } from '../../src/adapters/helia/index.ts'
import { MAX_RELAYED_BYTES, RELAY_RESERVATION_MS } from '../../src/adapters/helia/relay-server.ts'
import { putBlock } from '../../src/index.ts'

const opened: HeliaNode[] = []

const open = async (options: HeliaNodeOptions = {}): Promise<HeliaNode> => {
  const node = await openHeliaNode({ allowPrivate: true, ...options })
  opened.push(node)
  return node
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (node) => node.close()))
})

const circuitOf = ({ addresses }: HeliaNode): string | undefined => addresses().find((address) => address.includes('/p2p-circuit/'))

/** Waits until others are told that they reach `node` through its relay. */
const reachedThrough = async (node: HeliaNode): Promise<string> => {
  for (let address = circuitOf(node); ; address = circuitOf(node)) {
    if (address !== undefined) return address
    await delay(2)
  }
}

/** A home that relays to those in `allowed`. */
const openHome = async (allowed = new Set<string>(), options: HeliaNodeOptions = {}) => {
  const asked: string[] = []
  const home = await open({
    relay: {
      allows: async (peerId) => {
        asked.push(peerId)
        return allowed.has(peerId)
      }
    },
    ...options
  })
  return { home, allowed, asked }
}

/** A node that nobody can dial. */
const openPersona = async (allowed: Set<string>, relays: readonly string[], options: HeliaNodeOptions = {}): Promise<HeliaNode> => {
  const persona = await open({ listen: [], relays, ...options })
  allowed.add(persona.peerId)
  return persona
}

const OK = [0x28, 0x64]
const RESERVATION_REFUSED = [0x28, 0xc8, 0x01]
const PERMISSION_DENIED = [0x28, 0xca, 0x01]

/** The end of the answer to a RESERVE message, which is its status. */
const reserve = async (node: HeliaNode, home: HeliaNode): Promise<number[]> => {
  const stream = await node.helia.libp2p.dialProtocol(multiaddr(home.addresses()[0]), RELAY_V2_HOP_CODEC)
  const answered = once(stream, 'message') as Promise<[StreamMessageEvent]>
  stream.send(Uint8Array.of(2, 0x08, 0))
  const [{ data }] = await answered
  await stream.close()
  const bytes = [...data.subarray()]
  return bytes.slice(bytes.lastIndexOf(0x28))
}

describe('a relay', () => {
  test('makes a node that only dials out reachable, for Bitswap too', async () => {
    const { home, allowed } = await openHome()
    const persona = await openPersona(allowed, home.addresses())
    const address = await reachedThrough(persona)
    expect(address).toBe(`${home.addresses()[0]}/p2p-circuit/p2p/${persona.peerId}`)
    expect(persona.addresses()).toEqual([address])

    const reader = await open({ listen: [] })
    await reader.dial(address)
    const [connection] = reader.helia.libp2p.getConnections().filter(({ remotePeer }) => remotePeer.toString() === persona.peerId)
    expect(connection!.remoteAddr.toString()).toBe(address)
    // Bitswap asks those whom it knows to speak it.
    while ((await reader.helia.libp2p.peerStore.get(connection!.remotePeer)).protocols.length === 0) await delay(2)
    const cid = await putBlock(createHeliaStore(persona.helia, { announce: false }), new Uint8Array(500_000).fill(9), raw.code)
    expect(await createHeliaStore(reader.helia, { announce: false }).get(cid)).toEqual(new Uint8Array(500_000).fill(9))
  })

  test('takes a reservation of those alone whom it allows', async () => {
    const { home, asked } = await openHome()
    const stranger = await open({ listen: [] })
    expect(await reserve(stranger, home)).toEqual(PERMISSION_DENIED)
    expect(asked).toEqual([stranger.peerId])
    expect(home.helia.libp2p.services.relay!.reservations.size).toBe(0)
    const failing = await open({ relay: { allows: () => Promise.reject(new Error('the books are shut')) } })
    expect(await reserve(stranger, failing)).toEqual(PERMISSION_DENIED)
  })

  test('renews no reservation of one who is not allowed any more, and relays no further connection to him', async () => {
    const { home, allowed } = await openHome()
    const persona = await openPersona(allowed, home.addresses())
    const address = await reachedThrough(persona)
    expect(await reserve(persona, home)).toEqual(OK)
    allowed.delete(persona.peerId)
    expect(await reserve(persona, home)).toEqual(PERMISSION_DENIED)
    expect(home.helia.libp2p.services.relay!.reservations.size).toBe(1)
    const reader = await open({ listen: [] })
    await expect(reader.dial(address)).rejects.toThrow('PERMISSION_DENIED')
    allowed.add(persona.peerId)
    await reader.dial(address)
  })

  test('carries so many bytes one way, and cuts the connection beyond', async () => {
    const { home, allowed } = await openHome()
    const persona = await openPersona(allowed, home.addresses())
    const sink = { received: 0 }
    await persona.helia.libp2p.handle('/sink/1', (stream) => { stream.addEventListener('message', ({ data }) => { sink.received += data.byteLength }) })
    const address = multiaddr(await reachedThrough(persona))
    const reader = await open({ listen: [] })
    const stream = await reader.helia.libp2p.dialProtocol(address, '/sink/1')
    const fill = async (length: number): Promise<void> => {
      for (let sent = 0; sent < length; sent += 65_536) if (!stream.send(new Uint8Array(65_536))) await stream.onDrain()
    }
    await fill(MAX_RELAYED_BYTES / 2)
    while (sink.received < MAX_RELAYED_BYTES / 2) await delay(2)
    await fill(MAX_RELAYED_BYTES / 2).catch(() => undefined)
    while (stream.status === 'open') await delay(2)
    expect(sink.received).toBeLessThan(MAX_RELAYED_BYTES)
  })

  test('keeps so many reservations, so long, and no more', async () => {
    const { home, allowed } = await openHome()
    const service = home.helia.libp2p.services.relay!
    const peers = [await open({ listen: [] }), await open({ listen: [] })] as const
    for (const { peerId } of peers) allowed.add(peerId)
    const before = Date.now()
    expect(await reserve(peers[0], home)).toEqual(OK)
    const [reservation] = [...service.reservations.values()]
    expect(reservation!.expiry.getTime() - before).toBeGreaterThanOrEqual(RELAY_RESERVATION_MS)
    // As many more as there is room for, but for one.
    for (let i = service.reservations.size; i < 255; i++) service.reservations.set({ toString: () => `peer ${i}` } as never, reservation!)
    expect(await reserve(peers[1], home)).toEqual(OK)
    const third = await open({ listen: [] })
    allowed.add(third.peerId)
    expect(await reserve(third, home)).toEqual(RESERVATION_REFUSED)
    expect(await reserve(peers[1], home)).toEqual(OK)
  })
})

describe('a node that is reached through its home', () => {
  test('reserves again when the home was away and is back', async () => {
    const peerKey = new Uint8Array(32).fill(5)
    const first = await openHeliaNode({ allowPrivate: true, peerKey, relay: { allows: () => true } })
    const [address] = first.addresses()
    const persona = await open({ listen: [], relays: [address!] })
    await reachedThrough(persona)
    await first.close()
    while (circuitOf(persona) !== undefined) await delay(2)
    await open({ peerKey, relay: { allows: () => true }, listen: [address!.slice(0, address!.indexOf('/p2p/'))] })
    expect(await reachedThrough(persona)).toBe(`${address}/p2p-circuit/p2p/${persona.peerId}`)
  })

  test('keeps asking a home that did not relay to it yet', async () => {
    const allowed = new Set<string>()
    const { home, asked } = await openHome(allowed)
    const persona = await open({ listen: [], relays: home.addresses() })
    while (asked.length === 0) await delay(2)
    expect(circuitOf(persona)).toBeUndefined()
    allowed.add(persona.peerId)
    await reachedThrough(persona)
    expect(new Set(asked)).toEqual(new Set([persona.peerId]))
  })

  test('is opened though its home is away', async () => {
    const home = await openHeliaNode({ allowPrivate: true })
    const relays = home.addresses()
    await home.close()
    expect((await open({ listen: [], relays })).addresses()).toEqual([])
  })

  test('reserves at nobody whom it was not told of, who claims to relay a connection to it', async () => {
    const asked: string[] = []
    const claims = await open({ relay: { allows: (peerId) => asked.push(peerId) > 0 } })
    const node = await open()
    const stream = await claims.helia.libp2p.dialProtocol(multiaddr(node.addresses()[0]), RELAY_V2_STOP_CODEC)
    while (stream.status === 'open') await delay(2)
    expect(asked).toEqual([])
    expect(circuitOf(node)).toBeUndefined()
    // One who speaks to a relay looks for none of his own accord.
    await node.dial(claims.addresses()[0]!)
    await delay(50)
    expect(asked).toEqual([])
  })

  test('takes relays with a peer ID, four at most', async () => {
    await expect(openHeliaNode({ relays: ['/ip4/127.0.0.1/tcp/1'] })).rejects.toMatchObject({ code: 'INVALID_ADDRESS', message: 'not a multiaddr with a peer ID: /ip4/127.0.0.1/tcp/1' })
    await expect(openHeliaNode({ relays: ['nonsense'] })).rejects.toMatchObject({ code: 'INVALID_ADDRESS' })
    const peers = ['12D3KooWJc2AK65uZN7PBmC2GSQi1KQAaWLi8LPEPjPepKG8NVvQ', '12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7', '12D3KooWRBcmWz9pJZ1LHAEpnjwKjKUiLMXtJEZ9Q3zxecwk4PNg', '12D3KooWKC2BFGEqeahH3Bvof2hfrWKXczQMgkpFaHKpTih2ZW8c']
    const relays = peers.map((peer) => `/ip4/127.0.0.1/tcp/1/p2p/${peer}`)
    await open({ relays: [...relays, ...relays] })
    const fifth = await open({})
    await expect(openHeliaNode({ relays: [...relays, fifth.addresses()[0]!] })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})
