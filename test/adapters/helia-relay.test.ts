import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { StreamMessageEvent } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import * as raw from 'multiformats/codecs/raw'
import { afterEach, describe, expect, test } from 'vitest'
import { createHeliaStore, openHeliaNode, type HeliaNode, type HeliaNodeOptions } from '../../src/adapters/helia/index.ts'
import { MAX_RELAYED_BYTES, MAX_RELAYED_MS, RELAY_RESERVATION_MS } from '../../src/adapters/helia/relay-server.ts'
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
  test('makes a node that only dials out reachable, for Bitswap too, within limits that its two ends are told', async () => {
    const { home, allowed } = await openHome()
    const persona = await openPersona(allowed, home.addresses())
    const address = await reachedThrough(persona)
    expect(address).toBe(`${home.addresses()[0]}/p2p-circuit/p2p/${persona.peerId}`)
    expect(persona.addresses()).toEqual([address])

    const reader = await open()
    await reader.dial(address)
    const [connection] = reader.helia.libp2p.getConnections().filter(({ remotePeer }) => remotePeer.toString() === persona.peerId)
    expect(connection!.remoteAddr.toString()).toBe(address)
    expect(Number(connection!.limits!.bytes)).toBeGreaterThan(MAX_RELAYED_BYTES - 65_536)
    expect(Number(connection!.limits!.bytes)).toBeLessThanOrEqual(MAX_RELAYED_BYTES)
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

  test('keeps so many reservations, so long, and no more', async () => {
    const { home, allowed } = await openHome()
    const service = home.helia.libp2p.services.relay!
    const peers = [await open({ listen: [] }), await open({ listen: [] })] as const
    for (const { peerId } of peers) allowed.add(peerId)
    const before = Date.now()
    expect(await reserve(peers[0], home)).toEqual(OK)
    const [reservation] = [...service.reservations.values()]
    expect(reservation!.limit).toEqual({ data: BigInt(MAX_RELAYED_BYTES), duration: MAX_RELAYED_MS })
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
