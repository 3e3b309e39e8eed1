import { randomUUID } from 'node:crypto'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import type { Client } from 'bittorrent-dht'
import { ClassicLevel } from 'classic-level'
import type { CID } from 'multiformats/cid'
import pg from 'pg'
import { createBittorrentRouter, createBittorrentStore } from '../../src/adapters/bittorrent/index.ts'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { openFsStore } from '../../src/adapters/fs.ts'
import { createGatewayStore } from '../../src/adapters/gateway.ts'
import { createHeliaStore, openHeliaNode } from '../../src/adapters/helia/index.ts'
import { createKuboRouter, createKuboStore } from '../../src/adapters/kubo/index.ts'
import { openLevelStore } from '../../src/adapters/level.ts'
import { openPostgresStore } from '../../src/adapters/postgres.ts'
import { createS3Store } from '../../src/adapters/s3.ts'
import { createHashStore, createMemoryStore, type Signer } from '../../src/index.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import { closePlainNode, openBittorrentNetwork, openPlainNode, until } from '../../test/bittorrent-network.ts'
import { openRelay } from '../../test/relay.ts'
import { openKuboNetwork, type KuboService } from '../../test/services/kubo.ts'
import { openPostgresService } from '../../test/services/postgres.ts'
import { openS3Service } from '../../test/services/s3.ts'
import type { Subject } from './journey.ts'

/** What the backend's own client does with one profile's bytes. */
export interface Bare {
  put(item: Item, bytes: Uint8Array): Promise<unknown>
  get(item: Item): Promise<Uint8Array>
}

/** What names one profile's bytes. */
export interface Item {
  readonly key: string
  readonly cid: CID
  readonly signer: Signer
}

export interface Contender {
  readonly name: string
  readonly role: Subject['role']
  /** Reached through the relay: as on another machine. */
  readonly isRemote: boolean
  /** Fewer profiles than the others. */
  readonly count?: number
  /** A fresh, empty place. `requests` counts those to the server so far. */
  open(): Promise<{ subject: Subject; bare: Bare; requests?: () => number; close(): Promise<void> }>
}

/** One way. */
export const DELAY_MS = 25
const POOL = 8

type Close = () => Promise<unknown>

/** Starts every server; `close` ends them. */
export const openContenders = async (signers: readonly Signer[]): Promise<{ contenders: readonly Contender[]; close(): Promise<void> }> => {
  const closing: Close[] = []
  const later = <T extends { close(): Promise<unknown> }>(part: T): T => {
    closing.push(() => part.close())
    return part
  }
  const [postgres, s3, kubos] = [later(await openPostgresService()), later(await openS3Service()), later(await openKuboNetwork(2))]
  const [kubo, other] = kubos.nodes as [KuboService, KuboService]
  const through = async (port: number): Promise<number> => later(await openRelay({ port }, { delayMs: DELAY_MS })).port
  const [postgresPort, s3Port, kuboPort, gatewayPort, routingPort] = [await through(postgres.port), await through(s3.port), await through(kubo.port), await through(kubo.gatewayPort), await through(other.gatewayPort)]
  const postgresUrl = `postgres://${postgres.user}:${postgres.password}@127.0.0.1:${postgresPort}/postgres`
  const kuboUrl = `http://127.0.0.1:${kuboPort}`

  const openPostgres = async () => {
    const table = `bench_${randomUUID().replaceAll('-', '')}`
    const [adapter, pool] = [await openPostgresStore({ url: postgresUrl, table, maxConnections: POOL }), new pg.Pool({ connectionString: postgresUrl, max: POOL })]
    await pool.query(`CREATE TABLE bare_${table} (key bytea PRIMARY KEY, value bytea NOT NULL)`)
    const bare: Bare = {
      put: ({ key }, bytes) => pool.query({ name: 'put', text: `INSERT INTO bare_${table} VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2`, values: [Buffer.from(key), Buffer.from(bytes)] }),
      get: async ({ key }) => ((await pool.query<{ value: Buffer }>({ name: 'get', text: `SELECT value FROM bare_${table} WHERE key = $1`, values: [Buffer.from(key)] })).rows[0]!.value)
    }
    return { adapter, bare, close: async () => { await adapter.close(); await pool.end() } }
  }

  const openLevel = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mercury-bench-stores-'))
    const [adapter, db] = [await openLevelStore({ location: join(folder, 'ours') }), new ClassicLevel<string, Uint8Array>(join(folder, 'bare'), { valueEncoding: 'view' })]
    await db.open()
    const bare: Bare = { put: ({ key }, bytes) => db.put(key, bytes, { sync: true }), get: async ({ key }) => (await db.get(key))! }
    return { adapter, bare, close: async () => { await adapter.close(); await db.close(); await rm(folder, { recursive: true }) } }
  }

  const bareMemory = (): Bare => {
    const map = new Map<string, Uint8Array>()
    return { put: async ({ key }, bytes) => map.set(key, bytes), get: async ({ key }) => map.get(key)! }
  }

  const httpBare = (put: (item: Item, bytes: Uint8Array<ArrayBuffer>) => Promise<Response>, get: (item: Item) => Promise<Response>): Bare => ({
    put: async (item, bytes) => read(await put(item, Uint8Array.from(bytes))),
    get: async (item) => read(await get(item))
  })

  const contenders: Contender[] = [
    { name: 'memory', role: 'state', isRemote: false, open: async () => ({ subject: { role: 'state', adapter: createMemoryStore() }, bare: bareMemory(), close: async () => undefined }) },
    { name: 'level', role: 'state', isRemote: false, open: async () => { const { adapter, bare, close } = await openLevel(); return { subject: { role: 'state', adapter }, bare, close } } },
    {
      name: 'fs',
      role: 'state',
      isRemote: false,
      async open () {
        const folder = await mkdtemp(join(tmpdir(), 'mercury-bench-stores-'))
        const adapter = await openFsStore({ location: join(folder, 'ours') })
        const bare: Bare = {
          async put ({ key }, bytes) {
            const file = await open(join(folder, key), 'w')
            await file.writeFile(bytes)
            await file.sync()
            await file.close()
          },
          get: ({ key }) => readFile(join(folder, key))
        }
        return { subject: { role: 'state', adapter }, bare, close: async () => { await adapter.close(); await rm(folder, { recursive: true }) } }
      }
    },
    { name: 'postgres', role: 'state', isRemote: true, open: async () => { const { adapter, bare, close } = await openPostgres(); return { subject: { role: 'state', adapter }, bare, close } } },
    { name: 'memory', role: 'blocks', isRemote: false, open: async () => ({ subject: { role: 'blocks', adapter: createHashStore(createMemoryStore()) }, bare: bareMemory(), close: async () => undefined }) },
    { name: 'level', role: 'blocks', isRemote: false, open: async () => { const { adapter, bare, close } = await openLevel(); return { subject: { role: 'blocks', adapter: createHashStore(adapter) }, bare, close } } },
    { name: 'postgres', role: 'blocks', isRemote: true, open: async () => { const { adapter, bare, close } = await openPostgres(); return { subject: { role: 'blocks', adapter: createHashStore(adapter) }, bare, close } } },
    {
      name: 's3',
      role: 'blocks',
      isRemote: true,
      async open () {
        const bucket = `b-${randomUUID()}`
        await s3.createBucket(bucket)
        const endpoint = `http://127.0.0.1:${s3Port}`
        const { count, fetch } = counting()
        const adapter = createS3Store({ bucket, endpoint, credentials: s3.credentials, allowPrivate: true, fetch })
        const client = new AwsClient({ ...s3.credentials, service: 's3', region: 'us-east-1', retries: 0 })
        const urlOf = ({ key }: Item): string => `${endpoint}/${bucket}/bare-${key}`
        return { subject: { role: 'blocks', adapter }, requests: count, bare: httpBare((item, body) => client.fetch(urlOf(item), { method: 'PUT', body }), (item) => client.fetch(urlOf(item))), close: () => adapter.close() }
      }
    },
    {
      name: 'kubo',
      role: 'blocks',
      isRemote: true,
      async open () {
        const { count, fetch } = counting()
        const adapter = createKuboStore({ url: kuboUrl, fetch })
        return { subject: { role: 'blocks', adapter }, requests: count, bare: kuboBlocks(kuboUrl), close: () => adapter.close() }
      }
    },
    {
      name: 'gateway',
      role: 'blocks',
      isRemote: true,
      async open () {
        const { count, fetch } = counting()
        const adapter = createGatewayStore({ urls: [`http://127.0.0.1:${gatewayPort}`], allowPrivate: true, fetch })
        const near = createKuboStore({ url: kubo.rpc })
        const { put } = kuboBlocks(kubo.rpc)
        const bare = { put, get: async ({ cid }: Item) => read(await globalThis.fetch(`http://127.0.0.1:${gatewayPort}/ipfs/${cid.toString()}?format=raw`)) }
        return { subject: { role: 'blocks', adapter, through: near }, requests: count, bare, close: async () => { await adapter.close(); await near.close() } }
      }
    },
    {
      name: 'helia',
      role: 'blocks',
      isRemote: false,
      async open () {
        const [ours, bareNode] = [await openHeliaNode({ allowPrivate: true }), await openHeliaNode({ allowPrivate: true })]
        const adapter = createHeliaStore(ours.helia, { announce: false })
        const { blockstore } = bareNode.helia
        const bare: Bare = {
          put: ({ cid }, bytes) => Promise.resolve(blockstore.put(cid, bytes)),
          async get ({ cid }) {
            const parts = await Array.fromAsync(blockstore.get(cid, { offline: true }))
            return parts[0]!
          }
        }
        return { subject: { role: 'blocks', adapter }, bare, close: async () => { await adapter.close(); await ours.close(); await bareNode.close() } }
      }
    },
    {
      name: 'bittorrent',
      role: 'blocks',
      isRemote: false,
      count: 100,
      async open () {
        const { network, node, bare } = await openBittorrent()
        const adapter = createBittorrentStore(node)
        return { subject: { role: 'blocks', adapter }, bare, close: async () => { await adapter.close(); await network.close() } }
      }
    },
    {
      name: 'delegated',
      role: 'router',
      isRemote: true,
      async open () {
        const url = `http://127.0.0.1:${routingPort}`
        const { count, fetch } = counting()
        const adapter = createDelegatedRouter({ url, allowPrivate: true, fetch, timeoutMs: 60_000 })
        const urlOf = ({ signer }: Item): string => `${url}/routing/v1/ipns/${signer.id}`
        const bare = httpBare((item, body) => globalThis.fetch(urlOf(item), { method: 'PUT', body, headers: { 'content-type': IPNS_RECORD_TYPE } }), (item) => globalThis.fetch(urlOf(item), { headers: { accept: IPNS_RECORD_TYPE } }))
        return { subject: { role: 'router', adapter }, requests: count, bare, close: () => adapter.close() }
      }
    },
    {
      name: 'kubo',
      role: 'router',
      isRemote: true,
      async open () {
        const { count, fetch } = counting()
        const adapter = createKuboRouter({ url: kuboUrl, fetch, timeoutMs: 60_000 })
        const bare = httpBare(
          ({ signer }, bytes) => globalThis.fetch(`${kuboUrl}/api/v0/routing/put?arg=/ipns/${signer.id}`, { method: 'POST', body: multipart(bytes) }),
          ({ signer }) => globalThis.fetch(`${kuboUrl}/api/v0/routing/get?arg=/ipns/${signer.id}`, { method: 'POST' })
        )
        return { subject: { role: 'router', adapter }, requests: count, bare, close: () => adapter.close() }
      }
    },
    {
      name: 'bittorrent',
      role: 'router',
      isRemote: false,
      async open () {
        const { network, node, bare } = await openBittorrent()
        const adapter = createBittorrentRouter(node, { signers })
        return { subject: { role: 'router', adapter }, bare, close: async () => { await adapter.close(); await network.close() } }
      }
    }
  ]
  return { contenders, close: async () => { for (const close of closing.reverse()) await close() } }
}

const counting = (): { count: () => number; fetch: typeof globalThis.fetch } => {
  let requests = 0
  return { count: () => requests, fetch: (...args) => { requests++; return globalThis.fetch(...args) } }
}

const read = async (response: Response): Promise<Uint8Array> => {
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${new TextDecoder().decode(bytes)}`)
  return bytes
}

const multipart = (bytes: Uint8Array<ArrayBuffer>): FormData => {
  const form = new FormData()
  form.append('file', new Blob([bytes]))
  return form
}

const kuboBlocks = (url: string): Bare => ({
  put: async (_, bytes) => read(await fetch(`${url}/api/v0/block/put?cid-codec=dag-cbor&mhtype=sha2-256&pin=true`, { method: 'POST', body: multipart(Uint8Array.from(bytes)) })),
  get: async ({ cid }) => read(await fetch(`${url}/api/v0/block/get?arg=${cid.toString()}`, { method: 'POST' }))
})

/** A DHT of its own: nodes of the library wait long for those that have left. The bare client reads by a node that keeps nothing for others. */
const openBittorrent = async () => {
  const network = await openBittorrentNetwork(5)
  const [writer, node] = [network.plain[0]!, await network.join()]
  const reader = await openPlainNode({ bootstrap: [...network.bootstrap] })
  await until(() => reader.nodes.toArray().length >= 5)
  return { network: { close: async () => { await closePlainNode(reader); await network.close() } }, node, bare: immutableItems(writer, reader) }
}

/** Items of at most 1,000 bytes, as many as it takes, at once. */
const immutableItems = (writer: Client, reader: Client): Bare => {
  const hashes = new Map<string, Buffer[]>()
  return {
    async put ({ key }, bytes) {
      const parts = Array.from({ length: Math.ceil(bytes.byteLength / 990) }, (_, i) => Buffer.from(bytes.subarray(i * 990, (i + 1) * 990)))
      hashes.set(key, await Promise.all(parts.map((v) => new Promise<Buffer>((resolve, reject) => writer.put({ v }, (error, hash) => (error ? reject(error) : resolve(hash)))))))
    },
    async get ({ key }) {
      const parts = await Promise.all(hashes.get(key)!.map((hash) => new Promise<Buffer>((resolve, reject) => reader.get(hash, { cache: false }, (error, item) => (error || !item ? reject(error ?? new Error('gone')) : resolve(item.v as Buffer))))))
      return Buffer.concat(parts)
    }
  }
}
