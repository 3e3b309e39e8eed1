import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { answers, freePort, killProcess, requireExecutable, startProcess, type Service } from './service.ts'

const run = promisify(execFile)

export interface KuboOptions {
  /** Multiaddrs with their peer IDs. */
  bootstrap?: readonly string[]
  /** The repository's folder, empty; one of its own by default. */
  location?: string
  /** What the RPC API asks for. @default nothing */
  token?: string
}

export interface KuboService extends Service {
  /** Base URL of the RPC API, on {@link Service.port}. */
  readonly rpc: string
  /** Base URL of the gateway, which serves `/routing/v1` too. */
  readonly gateway: string
  readonly gatewayPort: number
  readonly peerId: string
  /** `/ip4/127.0.0.1/tcp/…/p2p/…` */
  readonly address: string
  /** One command of the RPC API; `query` as in a URL. @returns the answer, for a status of 200 */
  post(command: string, query: string): Promise<Response>
  /** Connects to a multiaddr with its peer ID. */
  connect(peer: string): Promise<void>
  /** Resolves when the LAN DHT of this node knows `count` peers that are connected. */
  knows(count: number): Promise<void>
  /** Runs `ipfs` with `args` on this node; `input` goes to its stdin. @returns what it printed */
  ipfs(args: readonly string[], input?: Uint8Array): Promise<Buffer>
}

/** The protocol of Kubo's DHT between nodes on private addresses. */
export const KUBO_LAN_DHT = '/ipfs/lan/kad/1.0.0'

/** A Kubo node on loopback: server of the LAN DHT, gateway with the routing API. */
export const openKuboService = async ({ bootstrap = [], ...options }: KuboOptions = {}): Promise<KuboService> => {
  const { open, meet } = await prepareKubo(options)
  const service = await open()
  try {
    await meet(bootstrap, bootstrap)
  } catch (error) {
    await service.close()
    throw error
  }
  return service
}

interface PreparedKubo {
  readonly address: string
  /** Starts it for the first time. */
  open(): Promise<KuboService>
  /**
   * Connects to `dialled` now, and by itself to `known` from the next start on.
   *
   * Kubo's Bitswap may never learn of a peer that connects while Kubo starts, so the first start has nobody to connect to.
   */
  meet(dialled: readonly string[], known: readonly string[]): Promise<void>
}

const prepareKubo = async ({ location, token }: Omit<KuboOptions, 'bootstrap'>): Promise<PreparedKubo> => {
  const directory = location ?? await mkdtemp(join(tmpdir(), 'mercury-kubo-'))
  const executable = requireExecutable('Kubo')
  const [port, gatewayPort, swarmPort] = [await freePort(), await freePort(), await freePort()]
  const env = { IPFS_PATH: directory, IPFS_TELEMETRY: 'off' }
  const rpc = `http://127.0.0.1:${port}`
  let child: ChildProcess | undefined

  await run(executable, ['init', '--profile', 'test'], { env: { ...process.env, ...env } })
  const configPath = join(directory, 'config')
  const config = JSON.parse(await readFile(configPath, 'utf8')) as KuboConfig
  const peerId = config.Identity.PeerID
  const address = `/ip4/127.0.0.1/tcp/${swarmPort}/p2p/${peerId}`

  const configure = async (bootstrap: readonly string[]): Promise<void> => {
    config.Addresses = { ...config.Addresses, API: `/ip4/127.0.0.1/tcp/${port}`, Gateway: `/ip4/127.0.0.1/tcp/${gatewayPort}`, Swarm: [`/ip4/127.0.0.1/tcp/${swarmPort}`] }
    config.Bootstrap = [...bootstrap]
    config.Routing = { ...config.Routing, Type: 'dhtserver' }
    config.Gateway = { ...config.Gateway, ExposeRoutingAPI: true, NoFetch: false }
    config.AutoConf = { Enabled: false }
    if (token !== undefined) config.API = { ...config.API, Authorizations: { tests: { AuthSecret: `bearer:${token}`, AllowedPaths: ['/api/v0'] } } }
    await writeFile(configPath, JSON.stringify(config))
  }
  const start = async (): Promise<void> => {
    child = await startProcess(executable, ['daemon'], { port, env })
    // It takes connections before it serves its API, and that before the gateway.
    while (!(await isServing())) await delay(10)
    await answers(gatewayPort, () => undefined)
  }
  const isServing = async (): Promise<boolean> => {
    const response = await fetch(`${rpc}/api/v0/version`, { method: 'POST', ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }) }).catch(() => undefined)
    await response?.body?.cancel()
    if (child?.exitCode !== null) throw new Error('Kubo ended before it served its API')
    return response?.status === 200
  }
  const stop = async (): Promise<void> => {
    if (child) await killProcess(child)
    child = undefined
  }
  const post = async (command: string, query: string): Promise<Response> => {
    const response = await fetch(`${rpc}/api/v0/${command}?${query}`, { method: 'POST', ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }) })
    if (response.status !== 200) throw new Error(`${command} failed: ${await response.text()}`)
    return response
  }

  const service: KuboService = {
    port,
    rpc,
    gateway: `http://127.0.0.1:${gatewayPort}`,
    gatewayPort,
    peerId,
    address,
    post,
    async connect (peer) {
      await post('swarm/connect', `arg=${encodeURIComponent(peer)}`)
    },
    async knows (count) {
      while (await connectedPeers(await post('stats/dht', 'arg=lan')) < count) await delay(10)
    },
    ipfs: (args, input) => ipfs(executable, token === undefined ? args : ['--api-auth', `bearer:${token}`, ...args], { ...process.env, ...env }, input),
    start,
    stop,
    async close () {
      await stop()
      if (location === undefined) await rm(directory, { recursive: true, force: true })
    }
  }
  return {
    address,
    async open () {
      await configure([])
      await start()
      return service
    },
    async meet (dialled, known) {
      for (const peer of dialled) await service.connect(peer)
      await configure(known)
    }
  }
}

export interface KuboNetwork {
  readonly nodes: readonly KuboService[]
  close(): Promise<void>
}

/** `count` Kubo nodes in one LAN DHT, each of which knows all others, after a restart too. @param options for each node */
export const openKuboNetwork = async (count: number, options: Pick<KuboOptions, 'token'> = {}): Promise<KuboNetwork> => {
  const prepared = await Promise.all(Array.from({ length: count }, async () => prepareKubo(options)))
  const addresses = prepared.map(({ address }) => address)
  const nodes = await Promise.all(prepared.map(async ({ open }) => open()))
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map(async (node) => node.close()))
  }
  try {
    for (const [i, { address, meet }] of prepared.entries()) await meet(addresses.slice(0, i), addresses.filter((other) => other !== address))
    await Promise.all(nodes.map(async (node) => node.knows(count - 1)))
  } catch (error) {
    await close()
    throw error
  }
  return { nodes, close }
}

const connectedPeers = async (response: Response): Promise<number> => {
  const { Buckets } = await response.json() as { Buckets: { Peers: { Connected: boolean }[] | null }[] }
  return Buckets.flatMap(({ Peers }) => Peers ?? []).filter(({ Connected }) => Connected).length
}

/** What is set of the configuration. */
interface KuboConfig {
  Identity: { PeerID: string }
  Addresses: Record<string, unknown>
  Bootstrap: string[]
  Routing: Record<string, unknown>
  Gateway: Record<string, unknown>
  AutoConf: Record<string, unknown>
  API: Record<string, unknown>
}

const ipfs = async (executable: string, args: readonly string[], env: NodeJS.ProcessEnv, input: Uint8Array | undefined): Promise<Buffer> => {
  const child = spawn(executable, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [out, err, code] = await Promise.all([child.stdout.toArray(), child.stderr.toArray(), new Promise((resolve) => child.on('close', resolve))])
  if (code !== 0) throw new Error(`ipfs ${args.join(' ')} failed: ${Buffer.concat(err as Buffer[]).toString()}`)
  return Buffer.concat(out as Buffer[])
}
