import { createPublicKey, verify } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, type ClientOptions } from 'bittorrent-dht'
import { openBittorrentNode, type BittorrentNode, type BittorrentNodeOptions } from '../src/adapters/bittorrent/index.ts'
import { decodeBencode, encodeBencode, type BencodeMap } from '../src/adapters/bittorrent/bencode.ts'

export interface BittorrentNetwork {
  /** Nodes of the library, without any code of ours. */
  readonly plain: readonly Client[]
  /** `host:port` of all of them. */
  readonly bootstrap: readonly string[]
  /** Opens a node of ours that knows them, and waits until it does. It answers others, who would wait for it otherwise: nodes of the library do not know BEP 43. */
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
      const node = await openBittorrentNode({ host: '127.0.0.1', dht: 'server', bootstrap, ...options })
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

/** What a node that lies answers to a `get`, in place of what it holds; nothing for silence. */
export type Lie = (target: Buffer) => { v?: unknown; k?: Buffer; sig?: Buffer; seq?: number; nodes?: Buffer } | undefined

/** Makes a node of the library lie to whoever asks it. It takes what is put there and throws it away. */
export const makeHostile = (node: Client, lie: Lie): void => {
  const respond: unknown = Reflect.get(node._rpc, 'response')
  const send = (respond as (...args: unknown[]) => void).bind(node._rpc)
  Reflect.set(node, '_onget', (query: { a: { target: Buffer } }, peer: unknown) => {
    const answer = lie(query.a.target)
    if (answer) send(peer, query, { id: node.nodeId, token: Buffer.from('token'), ...answer })
  })
  Reflect.set(node, '_onput', (query: unknown, peer: unknown) => send(peer, query, { id: node.nodeId }))
}

/** What a node of the library finds. */
export const getPlainly = async (node: Client, target: Uint8Array, salt?: Buffer): Promise<{ v: unknown; k?: Buffer; seq?: number } | null> =>
  new Promise((resolve, reject) => { node.get(Buffer.from(target), { verify: verifyPlainly, cache: false, ...(salt ? { salt } : {}) }, (error, result) => (error ? reject(error) : resolve(result))) })

/** Puts by a node of the library. @returns how many nodes took it */
export const putPlainly = async (node: Client, item: Parameters<Client['put']>[0]): Promise<number> =>
  new Promise((resolve, reject) => { node.put(item, (error, _hash, stored) => (error ? reject(error) : resolve(stored))) })

export interface Swarm {
  readonly bootstrap: readonly string[]
  /** How many times one of them was asked for an item. */
  asked(): number
  close(): Promise<void>
}

/** `count` hostile nodes, each with a port of its own, that name the next eight, ever closer to `target`; `answer` says what each holds under what is wanted. */
export const openSwarm = async (count: number, target: Buffer, answer: (index: number, wanted: Buffer) => BencodeMap): Promise<Swarm> => {
  let asked = 0
  const sockets = await Promise.all(Array.from({ length: count }, async () => {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return socket
  }))
  const ids = sockets.map((_, i) => {
    const id = Buffer.from(target)
    // Eight nodes for each bit of distance, or a walk would have enough of one distance and not go on.
    id[i >> 6]! ^= 0x80 >> ((i >> 3) & 7)
    id.writeUInt16BE(id.readUInt16BE(18) ^ i, 18)
    return id
  })
  const compact = sockets.map((socket, i) => {
    const { port } = socket.address()
    return Buffer.concat([ids[i]!, Buffer.from([127, 0, 0, 1, port >> 8, port & 255])])
  })
  for (const [i, socket] of sockets.entries()) {
    socket.on('message', (packet: Buffer, from) => {
      const { t, q, a } = decodeBencode(packet, 4_096) as unknown as { t: Buffer; q: Buffer; a: { target: Buffer } }
      if (q.equals(Buffer.from('get'))) asked++
      const nodes = Buffer.concat(compact.slice(i + 1, i + 9))
      socket.send(encodeBencode({ t, y: Buffer.from('r'), r: { id: ids[i]!, token: Buffer.from('t'), nodes, ...answer(i, a.target) } }), from.port, from.address)
    })
  }
  return {
    bootstrap: [`127.0.0.1:${sockets[0]!.address().port}`],
    asked: () => asked,
    close: async () => { for (const socket of sockets) socket.close() }
  }
}
