import { join } from 'node:path'
import { AMINO_DHT, createHeliaRouter, createHeliaStore, createPubsubRouter, openHeliaNode, type HeliaNode, type NetworkedHelia, type RelayOptions } from './adapters/helia/index.ts'
import { createHomeTransport } from './adapters/home-transport.ts'
import { isPrivateHost } from './adapters/private-address.ts'
import { makePrivateDirectory } from './adapters/private-directory.ts'
import { createHomeRouter } from './client/home-router.ts'
import { createKeptHeads } from './client/profile-heads.ts'
import { createProfiles, type Profiles, type ProfilesOptions } from './client/profiles.ts'
import { StoreError } from './errors.ts'
import type { HomeTransport } from './hosting/home-transport.ts'
import type { ProfileId } from './identity/profile-id.ts'
import type { Signer } from './identity/signer.ts'
import { SECOND_MS } from './limits.ts'
import type { NameRouter } from './naming/name-router.ts'
import { assembleBlocks, isOwnNode, readLayout, withOneOfGateways, type Layout, type LayoutOptions } from './node/layout.ts'
import { createOfflineBlocks, createOfflineRouter, createOfflineStore } from './node/offline.ts'
import { openBlocksPlace, openRouterPlace, openStatePlace, type Environment, type OtherPlace, type PlaceContext } from './node/open-place.ts'
import { describePlace, isLocal, parsePlace, type Place } from './node/place.ts'
import { openLocalIndex, type LocalIndex } from './search/local/local-index.ts'
import type { HashStore } from './store/hash-store.ts'
import type { KeyValueStore } from './store/key-value-store.ts'

export { AMINO_DHT } from './adapters/helia/index.ts'
export { OfflineError } from './node/offline.ts'
export { MAINLINE_BOOTSTRAP } from './node/open-place.ts'
export { InvalidPlaceError } from './node/place.ts'
export type { LayoutOptions } from './node/layout.ts'

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
const PUBSUB_ROUTER = 'pubsub'

export interface MercuryOptions extends LayoutOptions, Pick<ProfilesOptions, 'carries' | 'clock' | 'routerTimeoutMs' | 'blockTimeoutMs' | 'deliveryTimeoutMs'> {
  /** `state/` (LevelDB), `blocks/` and `datastore/` (Helia), as far as they are used; made with mode 0700 where it is missing. One process at a time. */
  directory: string
  /** Starts no node and asks nobody: deliveries stay owed, and what is not here fails with `OFFLINE`. @default false */
  offline?: boolean
  /** Multiaddrs of TCP or WebSocket. @default a free TCP port of 127.0.0.1; pass /ip4/0.0.0.0/tcp/4001 to be reachable, and /ip4/0.0.0.0/tcp/4002/ws for browsers */
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
  /** Send versions of a profile to the homes that it lists, ask them, join and leave them; a home itself does not. @default unless `offline` */
  asksHomes?: boolean
  /** Relay connections to the peers that it allows. @default to nobody */
  relay?: RelayOptions
  /** Multiaddrs of relays, at most 4, each with its peer ID, through which this node is reached, too: one's homes. @default none */
  relays?: readonly string[]
  /** The 32-byte seed of the peer identity. @default one that the directory keeps */
  peerKey?: Uint8Array
  /** Signs what a router wants signed for itself, as BitTorrent's does. */
  signers?: (id: ProfileId) => Signer | undefined
  /** Where the credentials of places stand. @default `process.env` */
  env?: Environment
  signal?: AbortSignal
}

export interface Mercury {
  readonly profiles: Profiles
  /** Finds what is kept here. */
  readonly index: LocalIndex
  readonly blocks: HashStore
  readonly state: KeyValueStore
  /** Those of `profiles`. */
  readonly routers: readonly NameRouter[]
  /** Where this node is reached, as far as it knows; none offline. */
  readonly addresses: readonly string[]
  /** `12D3Koo…`; absent offline. */
  readonly peerId?: string
  readonly helia?: NetworkedHelia
  /** Where everything is, as it was asked for. */
  readonly layout: LayoutOptions
  /** Stops the node and gives the directory back; may be called twice. */
  close(): Promise<void>
}

/**
 * Everything that a person or a program needs, in one directory: profiles over the IPFS network and over `homes`, or over whatever `blocks`, `state` and `routers` name.
 *
 * A place is named by a word or a URL: `ipfs`, `level:DIR`, `fs:DIR`, `memory`, `postgres://USER@HOST/DATABASE`, `s3://BUCKET`, `kubo://HOST:5001`, `https://GATEWAY` or `https://ROUTER`, `bittorrent`, `dht`, `pubsub`.
 * Whom the caller names may have a private address; credentials stand in `env`. No IPFS node is started where no place needs one.
 *
 * Opening dials the bootstrap peers and waits at most 5 s for the first; it does not fail without one.
 *
 * @throws StoreLockedError when another process has the directory, InvalidPlaceError, StoreError, InvalidAddressError, MissingDependencyError, MercuryError `CREDENTIALS_MISSING`
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

type Keep = PlaceContext['keep']

const open = async (options: MercuryOptions, keep: Keep, closeAll: () => Promise<void>): Promise<Mercury> => {
  const { directory, offline = false, asksHomes = !offline, signers, env = process.env, carries, clock, routerTimeoutMs, blockTimeoutMs, deliveryTimeoutMs } = options
  const layout = readLayout(options)
  const needsNode = [...layout.blocks, ...layout.routers].some(isOwnNode)
  await makeDirectories(directory, [...(layout.state.type === 'level' ? ['state'] : []), ...(needsNode ? ['blocks', 'datastore'] : [])])
  const context: PlaceContext = { directory, env, keep, signers }
  const state = await openStatePlace(layout.state as OtherPlace, context)
  const places = { ...context, state }
  const node = needsNode && !offline ? await openNode(options, layout, keep) : undefined
  const blocks = assembleBlocks(await inOrder(withOneOfGateways(layout.blocks), (place) => openBlocks(place, node, places, offline)), keep)
  const homes = asksHomes ? keep(createHomeTransport({ allowPrivate: options.allowPrivate ?? isOwnNetwork(options) })) : undefined
  const routers = await inOrder(layout.routers, async (place) => {
    const router = await openRouter(place, node, places, offline)
    return homes && place.type === 'http' && isNamedHome(place, options.homes) ? asHome(router, homes, place.urls, keep) : router
  })
  const profiles = keep(createProfiles({ homes, blocks, routers, state, carries, clock, routerTimeoutMs, blockTimeoutMs, deliveryTimeoutMs }))
  const index = keep(openLocalIndex({ state, ...createKeptHeads(state), ...(clock ? { clock } : {}) }))
  let closed: Promise<void> | undefined
  return {
    profiles,
    index,
    blocks,
    state,
    routers,
    get addresses () {
      return node?.addresses() ?? []
    },
    ...(node ? { peerId: node.peerId, helia: node.helia } : {}),
    layout: { blocks: options.blocks, state: options.state, routers: options.routers, homes: options.homes },
    close: async () => (closed ??= closeAll())
  }
}

const isNamedHome = (place: Place, homes: readonly string[] = []): boolean => homes.some((text) => describePlace(parsePlace('router', text)) === describePlace(place))

/** A router that may be a home as well: whoever looks for the home of a profile asks it for that, too, in one round trip. */
const asHome = (router: NameRouter, transport: HomeTransport, urls: readonly string[], keep: Keep): NameRouter => {
  const { getProfile } = keep(createHomeRouter({ transport, urls: urls.map((url) => (url.endsWith('/') ? url : `${url}/`)), trusted: true }))
  return { ...router, ...(getProfile ? { getProfile } : {}) }
}

/** One after another: two that share a node must not open it twice, and the last opened is the first closed. */
const inOrder = async <T>(places: readonly Place[], openPlace: (place: Place) => Promise<T>): Promise<T[]> => {
  const opened: T[] = []
  for (const place of places) opened.push(await openPlace(place))
  return opened
}

const openBlocks = async (place: Place, node: HeliaNode | undefined, context: PlaceContext, offline: boolean): Promise<HashStore> => {
  if (isOwnNode(place)) return context.keep(node ? createHeliaStore(node.helia, { persistence: true }) : await openOfflineNodeBlocks(context))
  return offline && !isLocal(place) ? context.keep(createOfflineStore(place.type === 'bittorrent' ? 'bittorrent' : 'ipfs', { writable: place.type !== 'http' })) : openBlocksPlace(place, context)
}

const openRouter = async (place: Place, node: HeliaNode | undefined, context: PlaceContext, offline: boolean): Promise<NameRouter> => {
  if (isOwnNode(place)) {
    const isPubsub = place.type === 'pubsub'
    if (!node) return context.keep(createOfflineRouter(isPubsub ? PUBSUB_ROUTER : DHT_ROUTER))
    return context.keep(isPubsub ? createPubsubRouter(node.helia, { name: PUBSUB_ROUTER }) : createHeliaRouter(node.helia, { name: DHT_ROUTER }))
  }
  if (offline && place.type === 'bittorrent') return context.keep(createOfflineRouter('bittorrent'))
  const router = await openRouterPlace(place, context)
  return offline ? context.keep(createOfflineRouter(router.name)) : router
}

const openNode = async ({ directory, listen, announce, bootstrap, dht, dhtProtocol, allowPrivate, peerKey, relay, relays, signal }: MercuryOptions, layout: Layout, keep: Keep): Promise<HeliaNode> => {
  const isOwn = isOwnNetwork({ dhtProtocol, bootstrap })
  const peers = bootstrap ?? (isOwn ? [] : AMINO_BOOTSTRAP)
  const pubsub = layout.routers.some(({ type }) => type === 'pubsub')
  const node = keep(await openHeliaNode({ location: directory, listen, announce, bootstrap: peers, dht, dhtProtocol, pubsub, allowPrivate: allowPrivate ?? isOwn, peerKey, relay, relays }))
  if (peers.length > 0) await firstPeer(node, signal)
  return node
}

const isOwnNetwork = ({ dhtProtocol, bootstrap = [] }: Pick<MercuryOptions, 'dhtProtocol' | 'bootstrap'>): boolean => (dhtProtocol === undefined ? bootstrap.some(isPrivateAddress) : dhtProtocol !== AMINO_DHT)

const openOfflineNodeBlocks = async ({ directory, keep }: PlaceContext): Promise<HashStore> => {
  const [{ createBlockstore }, { openLevelStore }] = await Promise.all([import('./adapters/helia/blockstore.ts'), import('./adapters/level.ts')])
  return createOfflineBlocks(createBlockstore(keep(await openLevelStore({ location: join(directory, 'blocks') }))))
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
const makeDirectories = async (directory: string, folders: readonly string[]): Promise<void> => {
  try {
    for (const folder of folders) await makePrivateDirectory(join(directory, folder))
  } catch (error) {
    throw new StoreError(`the directory ${directory} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

const isPrivateAddress = (address: string): boolean => {
  const [, protocol = '', host = ''] = address.split('/')
  return /^(ip4|ip6|dns|dns4|dns6)$/.test(protocol) && isPrivateHost(host)
}
