import { join } from 'node:path'
import { createDelegatedRouter } from './adapters/delegated.ts'
import { AMINO_DHT, createHeliaRouter, createHeliaStore, openHeliaNode, type HeliaNode, type NetworkedHelia } from './adapters/helia/index.ts'
import { isPrivateHost } from './adapters/private-address.ts'
import { makePrivateDirectory } from './adapters/private-directory.ts'
import { createProfiles, type Profiles, type ProfilesOptions } from './client/profiles.ts'
import { StoreError } from './errors.ts'
import { SECOND_MS } from './limits.ts'
import type { NameRouter } from './naming/name-router.ts'
import { createOfflineBlocks, createOfflineRouter } from './node/offline.ts'
import type { HashStore } from './store/hash-store.ts'
import type { KeyValueStore } from './store/key-value-store.ts'

export { AMINO_DHT } from './adapters/helia/index.ts'
export { OfflineError } from './node/offline.ts'

/** How a new node finds the public IPFS network, as Kubo and Helia do. */
export const AMINO_BOOTSTRAP: readonly string[] = [
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt',
  '/dnsaddr/va1.bootstrap.libp2p.io/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
  '/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ'
]

/** How long opening waits for the first peer; it goes on without one. */
export const FIRST_PEER_MS = 5 * SECOND_MS

const DHT_ROUTER = 'dht'

export interface MercuryOptions extends Pick<ProfilesOptions, 'carries' | 'clock' | 'routerTimeoutMs' | 'blockTimeoutMs' | 'deliveryTimeoutMs'> {
  /** `state/` (LevelDB), `blocks/` and `datastore/` (Helia); made with mode 0700 where it is missing. One process at a time. */
  directory: string
  /** Base URLs, http or https, of homes and delegated routers; whom the caller names may have a private address. */
  homes?: readonly string[]
  /** Starts no node and asks nobody: deliveries stay owed, and what is not here fails with `OFFLINE`. @default false */
  offline?: boolean
  /** Multiaddrs. @default a free TCP port of 127.0.0.1; pass /ip4/0.0.0.0/tcp/4001 to be reachable */
  listen?: readonly string[]
  /** Multiaddrs to announce instead of those it listens on. */
  announce?: readonly string[]
  /** Multiaddrs with their peer IDs. @default {@link AMINO_BOOTSTRAP} on the public DHT, nobody on another */
  bootstrap?: readonly string[]
  /** A server keeps records for others and must be reachable. @default 'client' */
  dht?: 'client' | 'server'
  /** Any other than {@link AMINO_DHT} is a network of its own. @default {@link AMINO_DHT}, or the LAN's where a bootstrap peer has a private address */
  dhtProtocol?: string
  /** Dial private addresses. @default only in a network of its own */
  allowPrivate?: boolean
  /** The 32-byte seed of the peer identity. @default one that the directory keeps */
  peerKey?: Uint8Array
  signal?: AbortSignal
}

export interface Mercury {
  readonly profiles: Profiles
  readonly blocks: HashStore
  readonly state: KeyValueStore
  /** Where this node is reached, as far as it knows; none offline. */
  readonly addresses: readonly string[]
  /** `12D3Koo…`; absent offline. */
  readonly peerId?: string
  readonly helia?: NetworkedHelia
  /** Stops the node and gives the directory back; may be called twice. */
  close(): Promise<void>
}

/**
 * Everything that a person or a program needs, in one directory: profiles over the IPFS network and over `homes`.
 *
 * Opening dials the bootstrap peers and waits at most 5 s for the first; it does not fail without one.
 *
 * @throws StoreLockedError when another process has the directory, StoreError, InvalidUrlError, InvalidAddressError, MissingDependencyError
 */
export const openMercury = async (options: MercuryOptions): Promise<Mercury> => {
  const opened: { close(): Promise<void> }[] = []
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = []
    for (const part of opened.splice(0).reverse()) await part.close().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }
  try {
    return await open(options, (part) => {
      opened.push(part)
      return part
    }, closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

const open = async (options: MercuryOptions, keep: <T extends { close(): Promise<void> }>(part: T) => T, closeAll: () => Promise<void>): Promise<Mercury> => {
  const { directory, homes = [], offline = false, carries, clock, routerTimeoutMs, blockTimeoutMs, deliveryTimeoutMs } = options
  const httpRouters = [...new Set(homes)].map((url) => keep(createDelegatedRouter({ url, allowPrivate: true })))
  await makeDirectories(directory)
  const { openLevelStore } = await import('./adapters/level.ts')
  const state = keep(await openLevelStore({ location: join(directory, 'state') }))
  const { node, blocks, dht } = offline ? await openOffline(directory, keep) : await openOnline(options, keep)
  const routers = [dht, ...httpRouters]
  const profiles = keep(createProfiles({
    blocks,
    routers: offline ? routers.map(({ name }) => keep(createOfflineRouter(name))) : routers,
    state,
    carries,
    clock,
    routerTimeoutMs,
    blockTimeoutMs,
    deliveryTimeoutMs
  }))
  let closed: Promise<void> | undefined
  return {
    profiles,
    blocks,
    state,
    get addresses () {
      return node?.addresses() ?? []
    },
    ...(node ? { peerId: node.peerId, helia: node.helia } : {}),
    close: async () => (closed ??= closeAll())
  }
}

interface Connection {
  node?: HeliaNode
  blocks: HashStore
  dht: NameRouter
}

const openOnline = async ({ directory, listen, announce, bootstrap, dht, dhtProtocol, allowPrivate, peerKey, signal }: MercuryOptions, keep: <T extends { close(): Promise<void> }>(part: T) => T): Promise<Connection> => {
  const isOwnNetwork = dhtProtocol === undefined ? (bootstrap ?? []).some(isPrivateAddress) : dhtProtocol !== AMINO_DHT
  const peers = bootstrap ?? (isOwnNetwork ? [] : AMINO_BOOTSTRAP)
  const node = keep(await openHeliaNode({ location: directory, listen, announce, bootstrap: peers, dht, dhtProtocol, allowPrivate: allowPrivate ?? isOwnNetwork, peerKey }))
  const blocks = keep(createHeliaStore(node.helia, { persistence: true }))
  const router = keep(createHeliaRouter(node.helia, { name: DHT_ROUTER }))
  if (peers.length > 0) await firstPeer(node, signal)
  return { node, blocks, dht: router }
}

const openOffline = async (directory: string, keep: <T extends { close(): Promise<void> }>(part: T) => T): Promise<Connection> => {
  const [{ createBlockstore }, { openLevelStore }] = await Promise.all([import('./adapters/helia/blockstore.ts'), import('./adapters/level.ts')])
  const store = keep(await openLevelStore({ location: join(directory, 'blocks') }))
  return { blocks: keep(createOfflineBlocks(createBlockstore(store))), dht: createOfflineRouter(DHT_ROUTER) }
}

/** Resolves when the node has a peer, or has waited long enough. */
const firstPeer = async ({ helia: { libp2p } }: HeliaNode, signal: AbortSignal | undefined): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (): void => resolve()
  const timer = setTimeout(done, FIRST_PEER_MS)
  libp2p.addEventListener('peer:identify', done)
  signal?.addEventListener('abort', done)
  try {
    if (libp2p.getPeers().length === 0 && !signal?.aborted) await promise
  } finally {
    clearTimeout(timer)
    libp2p.removeEventListener('peer:identify', done)
    signal?.removeEventListener('abort', done)
  }
  signal?.throwIfAborted()
}

/** The folders inside are closed to others too: the directory itself may have been there before, with another mode. */
const makeDirectories = async (directory: string): Promise<void> => {
  try {
    for (const folder of ['state', 'blocks', 'datastore']) await makePrivateDirectory(join(directory, folder))
  } catch (error) {
    throw new StoreError(`the directory ${directory} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

const isPrivateAddress = (address: string): boolean => {
  const [, protocol = '', host = ''] = address.split('/')
  return /^(ip4|ip6|dns|dns4|dns6)$/.test(protocol) && isPrivateHost(host)
}
