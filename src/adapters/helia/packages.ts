import { loadPackages } from '../optional-packages.ts'

/** What the entry `./helia` needs beside the library, at the versions it is tested with. */
export const HELIA_PACKAGES = [
  'helia@7.1.15', '@helia/bitswap@4.0.19', '@helia/libp2p@2.1.4',
  '@chainsafe/libp2p-noise@17.0.0', '@chainsafe/libp2p-yamux@8.0.1',
  '@libp2p/circuit-relay-v2@4.2.13', '@libp2p/crypto@5.1.23', '@libp2p/identify@4.1.14', '@libp2p/kad-dht@16.4.5', '@libp2p/ping@3.1.13', '@libp2p/tcp@11.0.28',
  '@multiformats/multiaddr@13.0.3', '@ipld/dag-cbor@10.0.2',
  'blockstore-core@7.0.1', 'interface-datastore@10.0.1', 'datastore-level@13.0.1', 'classic-level@3.0.0'
] as const

/** And what pubsub needs on top. */
export const PUBSUB_PACKAGES = ['@libp2p/gossipsub@17.1.1'] as const

/** And what WebSocket needs on top. */
export const WEBSOCKET_PACKAGES = ['@libp2p/websockets@10.1.21'] as const

type NodePackages =
  & typeof import('helia') & typeof import('@helia/bitswap') & typeof import('@helia/libp2p')
  & typeof import('@chainsafe/libp2p-noise') & typeof import('@chainsafe/libp2p-yamux')
  & typeof import('@libp2p/circuit-relay-v2') & typeof import('@libp2p/crypto/keys') & typeof import('@libp2p/identify') & typeof import('@libp2p/kad-dht') & typeof import('@libp2p/ping') & typeof import('@libp2p/tcp')
  & typeof import('@multiformats/multiaddr') & typeof import('./blockstore.ts')
  & { dagCbor: typeof import('@ipld/dag-cbor') }

/** The packages of a node. Importing them takes about half a second, so it happens when a node is opened, not before. */
export const loadNodePackages = async (): Promise<NodePackages> => installed(async () => {
  const [helia, bitswap, heliaLibp2p, noise, yamux, circuit, keys, identify, kadDht, ping, tcp, multiaddr, dagCbor, blockstore] = await Promise.all([
    import('helia'), import('@helia/bitswap'), import('@helia/libp2p'),
    import('@chainsafe/libp2p-noise'), import('@chainsafe/libp2p-yamux'),
    import('@libp2p/circuit-relay-v2'), import('@libp2p/crypto/keys'), import('@libp2p/identify'), import('@libp2p/kad-dht'), import('@libp2p/ping'), import('@libp2p/tcp'),
    import('@multiformats/multiaddr'), import('@ipld/dag-cbor'),
    import('./blockstore.ts')
  ])
  return { ...helia, ...bitswap, ...heliaLibp2p, ...noise, ...yamux, ...circuit, ...keys, ...identify, ...kadDht, ...ping, ...tcp, ...multiaddr, dagCbor, ...blockstore }
})

export const loadDatastore = async () => installed(async () => import('datastore-level'))

export const loadPubsub = async () => installed(async () => import('@libp2p/gossipsub'), [...HELIA_PACKAGES, ...PUBSUB_PACKAGES])

export const loadWebSockets = async () => installed(async () => import('@libp2p/websockets'), [...HELIA_PACKAGES, ...WEBSOCKET_PACKAGES])

export const loadMultiaddr = async () => installed(async () => import('@multiformats/multiaddr'))

/** What reads the records that a node's DHT keeps. */
export const loadRecords = async () => installed(async () => {
  const [{ Record }, { Key }] = await Promise.all([import('@libp2p/kad-dht'), import('interface-datastore')])
  return { Record, Key }
})

const installed = <T>(load: () => Promise<T>, packages: readonly string[] = HELIA_PACKAGES): Promise<T> => loadPackages('helia', packages, load)
