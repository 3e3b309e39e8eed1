import { ClosedError } from '../../errors.ts'
import { loadPackages } from '../optional-packages.ts'
import { createDht, type Dht } from './dht.ts'
import { openKrpcSocket } from './krpc-socket.ts'
import { startReannouncer, type Keeper, type Wait } from './reannouncer.ts'
import { createWalker, type Rpc } from './walk.ts'

export const BITTORRENT_PACKAGES = ['bittorrent-dht@11.0.12'] as const

/** Queries of all walks under way at once. */
const CONCURRENCY = 64
const MAX_HELD_ITEMS = 4_096
const MAX_HELD_PEERS = 1_024

export interface BittorrentNodeOptions {
  /** An IPv4 address to listen on; one of loopback reaches loopback only. @default '0.0.0.0' */
  host?: string
  /** UDP. @default a free one */
  port?: number
  /** `host:port` of nodes that are asked as long as this one knows too few. None is built in: whom it knows, the caller says. */
  bootstrap?: readonly string[]
  /** A server answers others and keeps items for them, and must be reachable; a client answers nobody (BEP 43). @default 'client' */
  dht?: 'server' | 'client'
  /** Ask nodes with private addresses: for nets on loopback or in one house. @default whether `host` is of loopback */
  allowPrivate?: boolean
  /** How long a node has for one answer. @default 2 s */
  answerMs?: number
  /** What waits between two slots of the hour in which everything kept is put again; for tests. */
  wait?: Wait
}

/** A running node of the BitTorrent DHT. */
export interface BittorrentNode {
  readonly dht: Dht
  /** Where it listens. */
  address(): { host: string; port: number }
  /** How many nodes its routing table holds; at most 20 for each bit of distance. */
  peers(): number
  /** Puts again what `keeper` names, spread over each hour. @returns what ends it */
  keep(keeper: Keeper): () => void
  /** Stops the node and leaves no timer and no socket; may be called twice. */
  close(): Promise<void>
}

/**
 * Starts a node of the BitTorrent DHT (mainline, IPv4).
 *
 * @throws MissingDependencyError, ListenFailedError
 */
export const openBittorrentNode = async (options: BittorrentNodeOptions = {}): Promise<BittorrentNode> => {
  const { host = '0.0.0.0', port = 0, bootstrap = [], dht = 'client', allowPrivate = host.startsWith('127.'), answerMs, wait } = options
  const { Client } = await loadLibrary()
  const socket = await openKrpcSocket({ host, port, answers: dht === 'server', allowPrivate, answerMs })
  const library = new Client({ krpcSocket: socket, bootstrap, concurrency: CONCURRENCY, maxValues: MAX_HELD_ITEMS, maxPeers: MAX_HELD_PEERS, verify: () => true })
  // Who reads only answers nobody: in the table he would cost everybody a timeout.
  socket.on('query', (query: { a: { id: Buffer }; ro?: number }) => { if (query.ro === 1) library.removeNode(query.a.id) })
  library.listen(port, host)

  const closing = new AbortController()
  const reannouncer = startReannouncer({ wait })
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    closing.abort(new ClosedError('BitTorrent node'))
    await reannouncer.close()
    await new Promise<void>((resolve) => library.destroy(resolve))
  }
  return {
    dht: createDht(createWalker(library._rpc as unknown as Rpc, socket), closing.signal),
    address: () => ({ host: socket.address().address, port: socket.address().port }),
    peers: () => library.nodes.toArray().length,
    keep: reannouncer.add,
    close: async () => (closed ??= close())
  }
}

const loadLibrary = () => loadPackages('bittorrent', BITTORRENT_PACKAGES, () => import('bittorrent-dht'))
