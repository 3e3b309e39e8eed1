import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { SingleKadDHT } from '@libp2p/kad-dht'
import { openHeliaNode, type HeliaNode, type HeliaNodeOptions } from '../src/adapters/helia/node.ts'
import { openRelay, type Relay } from './relay.ts'

export interface NetworkOptions {
  /** For every node; a private DHT protocol and `dht: 'server'` are set already. */
  node?: HeliaNodeOptions
  /** One-way delay between any two nodes, by a relay before each of them. @default 0 */
  delayMs?: number
  /** @default a protocol of its own */
  dhtProtocol?: string
}

export interface Network {
  readonly nodes: readonly HeliaNode[]
  readonly dhtProtocol: string
  /** Where the node at `index` is reached, through its relay if there is one. */
  addressOf(index: number): string
  /** Opens one more node, connected to all that are open. */
  join(options?: HeliaNodeOptions): Promise<HeliaNode>
  close(): Promise<void>
}

let networks = 0

/** Starts `count` nodes on loopback, all of one DHT of their own, each connected to every other one before it. */
export const openNetwork = async (count: number, { node: shared = {}, delayMs = 0, dhtProtocol = `/mercury-test/${process.pid}-${networks++}/kad/1.0.0` }: NetworkOptions = {}): Promise<Network> => {
  const nodes: HeliaNode[] = []
  const relays: Relay[] = []
  const addresses: string[] = []
  const closed = new Set<number>()

  const join = async (options: HeliaNodeOptions = {}): Promise<HeliaNode> => {
    const port = delayMs > 0 ? await freePort() : 0
    const relay = delayMs > 0 ? await openRelay({ port }, { delayMs }) : undefined
    if (relay) relays.push(relay)
    const node = await openHeliaNode({
      allowPrivate: true,
      dht: 'server',
      dhtProtocol,
      listen: [`/ip4/127.0.0.1/tcp/${port}`],
      ...(relay ? { announce: [`/ip4/127.0.0.1/tcp/${relay.port}`] } : {}),
      ...shared,
      ...options
    })
    for (const [index, address] of addresses.entries()) if (!closed.has(index)) await node.dial(address)
    const index = addresses.push(node.addresses()[0]!) - 1
    const member: HeliaNode = { ...node, close: async () => { closed.add(index); await node.close() } }
    nodes.push(member)
    return member
  }

  const close = async (): Promise<void> => {
    await Promise.all(nodes.map(async (node) => node.close()))
    await Promise.all(relays.map(async (relay) => relay.close()))
  }

  try {
    for (let i = 0; i < count; i++) await join()
    await settled(nodes)
  } catch (error) {
    await close()
    throw error
  }
  return { nodes, dhtProtocol, addressOf: (index) => addresses[index]!, join, close }
}

const SETTLED_PEERS = 16
const NUDGE_MS = 1_000

/** Waits until every node has the others, or enough of them, in its routing table. */
export const settled = async (nodes: readonly HeliaNode[]): Promise<void> => {
  for (const node of nodes) await knows(node, Math.min(nodes.length - 1, SETTLED_PEERS))
}

/** Waits until the DHT of `node` knows `count` peers. */
export const knows = async (node: HeliaNode, count: number): Promise<void> => {
  for (let nudged = performance.now(); peersOf(node) < count; await delay(10)) {
    if (performance.now() - nudged < NUDGE_MS) continue
    await lookAround(node)
    nudged = performance.now()
  }
}

/** On a busy machine kad-dht takes a peer that is slow to answer for a dead one; a walk finds it again. */
const lookAround = async ({ helia: { libp2p } }: HeliaNode): Promise<void> => {
  for await (const _ of libp2p.services.dht.getClosestPeers(libp2p.peerId.toMultihash().bytes));
}

/** How many peers the node's DHT knows. */
export const peersOf = (node: HeliaNode): number => (node.helia.libp2p.services.dht as SingleKadDHT).routingTable.size

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
