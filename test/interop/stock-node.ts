import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { withBitswap } from '@helia/bitswap'
import { ipns, type IPNS } from '@helia/ipns'
import { withLibp2pLight, type HeliaWithLibp2p } from '@helia/libp2p'
import * as dagCbor from '@ipld/dag-cbor'
import { generateKeyPairFromSeed, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { identify, type Identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper, type KadDHT } from '@libp2p/kad-dht'
import { ping, type Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createHeliaLight } from 'helia'

type StockServices = { identify: Identify; ping: Ping; dht: KadDHT }

export interface StockNode {
  readonly helia: HeliaWithLibp2p<StockServices>
  /** `@helia/ipns`, which has put its own rules for records into the DHT. */
  readonly name: IPNS
}

/** A Helia as its documentation builds one, with nothing of ours, connected to one peer. */
export const openStockNode = async (dhtProtocol: string, peer: string): Promise<StockNode> => {
  const light = createHeliaLight({ codecs: [dagCbor] })
  const helia = withBitswap(withLibp2pLight<typeof light, StockServices>(light, {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1_000 },
    services: { identify: identify(), ping: ping(), dht: kadDHT({ protocol: dhtProtocol, clientMode: false, initialQuerySelfInterval: 1, peerInfoMapper: passthroughMapper }) }
  }))
  await helia.start()
  const name = ipns(helia)
  await helia.libp2p.dial(multiaddr(peer))
  return { helia, name }
}

/** Gives the node the key of which `seed` are the 32 bytes, to publish under. */
export const importKey = async ({ helia }: StockNode, keyName: string, seed: Uint8Array): Promise<void> => {
  const crypto = await helia.getCrypto('Ed25519')
  await helia.keychain.importKey(keyName, await crypto.privateKeyFromProtobuf(privateKeyToProtobuf(await generateKeyPairFromSeed('Ed25519', seed))))
}

/** Makes the node keep and spread whatever it is given. */
export const corrupt = ({ helia }: StockNode): void => {
  const { dht } = helia.libp2p.services
  dht.validators.ipns = async () => undefined
  dht.selectors.ipns = () => 0
}
