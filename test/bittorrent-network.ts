import { createPublicKey, verify } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, type ClientOptions } from 'bittorrent-dht'
import { openBittorrentNode, type BittorrentNode, type BittorrentNodeOptions } from '../src/adapters/bittorrent/index.ts'

export interface BittorrentNetwork {
  /** Nodes of the library, without any code of ours. */
  readonly plain: readonly Client[]
  /** `host:port` of all of them. */
  readonly bootstrap: readonly string[]
  /** Opens a node of ours that knows them, and waits until it does. */
  join(options?: BittorrentNodeOptions): Promise<BittorrentNode>
  close(): Promise<void>
}

/** Starts a DHT of `count` nodes of the library on loopback, all of which know each other. */
export const openBittorrentNetwork = async (count = 5): Promise<BittorrentNetwork> => {
  const plain: Client[] = []
  const nodes: BittorrentNode[] = []
  for (let i = 0; i < count; i++) plain.push(await openPlainNode({ bootstrap: plain.length > 0 ? [addressOf(plain[0]!)] : false }))
  const bootstrap = plain.map(addressOf)
  for (const node of plain) for (const other of plain) if (other !== node) node.addNode({ host: '127.0.0.1', port: other.address().port })
  for (const node of plain) await until(() => node.nodes.toArray().length >= count - 1)
  return {
    plain,
    bootstrap,
    async join (options = {}) {
      const node = await openBittorrentNode({ host: '127.0.0.1', bootstrap, ...options })
      nodes.push(node)
      await until(() => node.peers() >= count)
      return node
    },
    async close () {
      await Promise.all(nodes.map(async (node) => node.close()))
      await Promise.all(plain.map(closePlainNode))
    }
  }
}

export const openPlainNode = async (options: ClientOptions): Promise<Client> => {
  const node = new Client({ maxValues: 100_000, verify: verifyPlainly, ...options })
  node.listen(0, '127.0.0.1')
  await once(node, 'listening')
  return node
}

export const closePlainNode = async (node: Client): Promise<void> => new Promise((resolve) => node.destroy(resolve))

export const addressOf = (node: Client): string => `127.0.0.1:${node.address().port}`

/** As a node of somebody else would do it. */
export const verifyPlainly = (signature: Buffer, message: Uint8Array, publicKey: Buffer): boolean =>
  verify(null, message, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' }), signature)

export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await delay(5)
}
