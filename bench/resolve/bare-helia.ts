import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { withBitswap } from '@helia/bitswap'
import { dagCbor } from '@helia/dag-cbor'
import { ipns } from '@helia/ipns'
import { withLibp2pLight } from '@helia/libp2p'
import * as dagCborCodec from '@ipld/dag-cbor'
import { identify, type Identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper, type KadDHT, type SingleKadDHT } from '@libp2p/kad-dht'
import { ping, type Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createHeliaLight } from 'helia'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'

export interface BareHelia {
  /** The document under a name, and how many blocks had to be fetched for it. */
  resolve(id: string, signal: AbortSignal): Promise<{ document: unknown; fetched: number }>
  /** How many peers its DHT knows. */
  peers(): number
  close(): Promise<void>
}

/** A Helia as its documentation builds one, a DHT client, connected to `peers`; with nothing of ours. */
export const openBareHelia = async (dhtProtocol: string, peers: readonly string[]): Promise<BareHelia> => {
  type Services = { identify: Identify; ping: Ping; dht: KadDHT }
  const light = createHeliaLight({ codecs: [dagCborCodec] })
  const helia = withBitswap(withLibp2pLight<typeof light, Services>(light, {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping(), dht: kadDHT({ protocol: dhtProtocol, clientMode: true, initialQuerySelfInterval: 1, peerInfoMapper: passthroughMapper }) }
  }))
  await helia.start()
  const name = ipns(helia)
  const documents = dagCbor(helia)
  for (const peer of peers) await helia.libp2p.dial(multiaddr(peer))
  return {
    async resolve (id, signal) {
      let cid: CID | undefined
      for await (const { value } of name.resolve(CID.parse(id, base36), { signal })) cid = CID.parse(value.slice('/ipfs/'.length))
      const fetched = (await helia.blockstore.has(cid!)) ? 0 : 1
      return { document: await documents.get(cid!, { signal }), fetched }
    },
    peers: () => (helia.libp2p.services.dht as SingleKadDHT).routingTable.size,
    async close () {
      await helia.stop()
    }
  }
}
