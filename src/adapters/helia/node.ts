import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { GossipSub } from '@libp2p/gossipsub'
import type { HeliaWithLibp2p } from '@helia/libp2p'
import type { Identify } from '@libp2p/identify'
import type { KadDHT } from '@libp2p/kad-dht'
import type { Ping } from '@libp2p/ping'
import type { Multiaddr } from '@multiformats/multiaddr'
import { join } from 'node:path'
import { StoreError } from '../../errors.ts'
import { MINUTE_MS } from '../../limits.ts'
import { createGroupCommit } from '../../store/group-commit.ts'
import { makePrivateDirectory } from '../private-directory.ts'
import { stayConnected } from './bootstrap.ts'
import { createCircuit, groupByRelay } from './circuit.ts'
import { guardRecords } from './dht-records.ts'
import { publicOnly } from './dial-policy.ts'
import { InvalidAddressError } from './invalid-address.ts'
import { heartbeatStopper, stopAddressTimer } from './leftover-timers.ts'
import { loadDatastore, loadNodePackages, loadPubsub, loadWebSockets } from './packages.ts'
import { createRelayServer, type RelayOptions } from './relay-server.ts'
import { createWebSockets } from './web-socket.ts'

export const AMINO_DHT = '/ipfs/kad/1.0.0'
export const LAN_DHT = '/ipfs/lan/kad/1.0.0'

export type HeliaServices = {
  identify: Identify
  ping: Ping
  dht: KadDHT
  pubsub?: GossipSub
  relay?: CircuitRelayService
}

/** A Helia whose libp2p has what the adapters here use. */
export type NetworkedHelia = HeliaWithLibp2p<HeliaServices>

export interface HeliaNodeOptions {
  /** A folder for blocks, peers and records, made with mode 0700 where it is missing; without one all is in memory. One process at a time. */
  location?: string
  /** The 32-byte Ed25519 seed of the peer identity; without it a persistent node makes one and keeps it, another has a new one each time. */
  peerKey?: Uint8Array
  /** Multiaddrs of TCP (`/ip4/…/tcp/4001`) or WebSocket (`/ip4/…/tcp/4002/ws`) to listen on. @default a free TCP port of 127.0.0.1 */
  listen?: readonly string[]
  /** Multiaddrs to announce instead of those it listens on. */
  announce?: readonly string[]
  /** Multiaddrs, each with its peer ID, to dial as long as the node knows nobody. */
  bootstrap?: readonly string[]
  /** A server keeps records for others and must be reachable. @default 'client' */
  dht?: 'server' | 'client'
  /** @default {@link AMINO_DHT}, or {@link LAN_DHT} when `allowPrivate` */
  dhtProtocol?: string
  /** Dial private addresses and take peers that have no other: for nets on loopback or in one house. @default false */
  allowPrivate?: boolean
  /** Run gossipsub too. @default false */
  pubsub?: boolean
  /** Relay connections to the peers that it allows, within the limits of relay-server.ts. @default to nobody */
  relay?: RelayOptions
  /** Multiaddrs of relays, each with its peer ID, through which this node is reached, too; a reservation is kept at each of at most 4. @default none */
  relays?: readonly string[]
}

export interface HeliaNode {
  readonly helia: NetworkedHelia
  /** `12D3Koo…` */
  readonly peerId: string
  /** Where others reach it, with its peer ID, as far as it knows. */
  addresses(): string[]
  /** Connects to a multiaddr. */
  dial(address: string, options?: { signal?: AbortSignal }): Promise<void>
  /** Stops the node and leaves no timer, socket or lock; may be called twice. */
  close(): Promise<void>
}

/**
 * Starts an IPFS node: Helia with Bitswap and a DHT over TCP, Noise and Yamux, and over WebSocket where an address says so. It names no host: whom it knows, the caller says.
 * Others are dialled through their relays, too.
 *
 * @throws MissingDependencyError, InvalidAddressError, StoreLockedError, StoreError
 */
export const openHeliaNode = async (options: HeliaNodeOptions = {}): Promise<HeliaNode> => {
  const { listen = ['/ip4/127.0.0.1/tcp/0'], announce = [], bootstrap = [], relays = [], dht = 'client', allowPrivate = false, dhtProtocol = allowPrivate ? LAN_DHT : AMINO_DHT } = options
  const packages = await loadNodePackages()
  const pubsub = options.pubsub ? await loadPubsub() : undefined
  const parse = (address: string): Multiaddr => {
    try {
      return packages.multiaddr(address)
    } catch (error) {
      throw new InvalidAddressError(address, { cause: error })
    }
  }
  const bootstrapAddresses = bootstrap.map(parse)
  announce.forEach(parse)
  const relayAddresses = relays.map(parse)
  const addressesByRelay = groupByRelay(relayAddresses)
  const webSockets = [...listen.map(parse), ...bootstrapAddresses, ...relayAddresses].some(isWebSocket) ? (await loadWebSockets()).webSockets : undefined
  const circuit = createCircuit(packages)
  const relay = options.relay && createRelayServer(options.relay, packages)

  const privateKey = options.peerKey && await packages.generateKeyPairFromSeed('Ed25519', options.peerKey)
  const disk = options.location === undefined ? undefined : await openDisk(options.location)
  const light = packages.createHeliaLight({
    codecs: [packages.dagCbor],
    ...(disk ? { blockstore: packages.createBlockstore(disk.blocks), datastore: disk.datastore } : {})
  })
  let addressManager: object | undefined
  let gossip: GossipSub | undefined
  const helia = packages.withBitswap(packages.withLibp2pLight<typeof light, HeliaServices>(light, {
    ...(privateKey ? { privateKey } : {}),
    addresses: { listen: [...listen], announce: [...announce] },
    transports: [packages.tcp(), circuit.transport, ...(webSockets ? [createWebSockets(webSockets)] : [])],
    connectionEncrypters: [packages.noise()],
    streamMuxers: [packages.yamux()],
    connectionGater: { ...(allowPrivate ? {} : publicOnly), ...relay?.gate },
    // On one machine or behind one router many peers share an address.
    ...(allowPrivate ? { connectionManager: { inboundConnectionThreshold: 1_000, maxIncomingPendingConnections: 1_000 } } : {}),
    services: {
      identify: packages.identify(),
      ping: packages.ping(),
      dht: (components) => {
        addressManager = components.addressManager
        const service = packages.kadDHT({
          protocol: dhtProtocol,
          clientMode: dht === 'client',
          // The first query of a new node waits for this one.
          initialQuerySelfInterval: 1,
          ...(allowPrivate ? { peerInfoMapper: packages.passthroughMapper } : {})
        })
        return guardRecords(service(components), components.datastore)
      },
      ...(pubsub ? { pubsub: (components) => (gossip = pubsub.gossipsub()(components)) } : {}),
      ...(relay ? { relay: relay.service } : {})
    }
  })) as NetworkedHelia

  const closing = new AbortController()
  let connecting: Promise<void> | undefined
  let reserving: Promise<unknown> | undefined
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    closing.abort()
    await connecting
    const stopHeartbeat = heartbeatStopper(gossip)
    // libp2p waits for connections to close by a timer that does not keep a process running.
    const running = setTimeout(() => undefined, MINUTE_MS)
    try {
      await helia.stop()
    } finally {
      await reserving
      clearTimeout(running)
      circuit.release()
      stopHeartbeat()
      if (addressManager) stopAddressTimer(addressManager)
      await disk?.close()
    }
  }
  try {
    await helia.start()
  } catch (error) {
    await close()
    throw error
  }
  if (bootstrapAddresses.length > 0) connecting = stayConnected(helia.libp2p, bootstrapAddresses, closing.signal)
  reserving = Promise.all([...addressesByRelay.values()].map(async (addresses) => circuit.stayReserved(addresses, closing.signal)))
  return {
    helia,
    peerId: helia.libp2p.peerId.toString(),
    addresses: () => helia.libp2p.getMultiaddrs().map(String),
    async dial (address, { signal } = {}) {
      await helia.libp2p.dial(parse(address), { signal })
    },
    close: async () => (closed ??= close())
  }
}

const isWebSocket = (address: Multiaddr): boolean => address.getComponents().some(({ name }) => name === 'ws' || name === 'wss')

/** Blocks that are put at the same time share one fsync. */
const openDisk = async (location: string) => {
  const [{ LevelDatastore }, { openLevelStore }] = await Promise.all([loadDatastore(), import('../level.ts')])
  await makePrivateDirectory(location)
  const level = await openLevelStore({ location: join(location, 'blocks') })
  const blocks = createGroupCommit(level)
  const datastore = new LevelDatastore(join(location, 'datastore'))
  try {
    await datastore.open()
  } catch (error) {
    await level.close()
    throw new StoreError(`the datastore cannot be opened; location=${location}`, { cause: error })
  }
  return {
    blocks,
    datastore,
    async close () {
      await datastore.close()
      await blocks.close()
      await level.close()
    }
  }
}
