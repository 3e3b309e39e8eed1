import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, killProcess, requireExecutable, startProcess, type Service } from './service.ts'

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
  /** Runs `ipfs` with `args` on this node; `input` goes to its stdin. @returns what it printed */
  ipfs(args: readonly string[], input?: Uint8Array): Promise<Buffer>
}

/** The protocol of Kubo's DHT between nodes on private addresses. */
export const KUBO_LAN_DHT = '/ipfs/lan/kad/1.0.0'

/** A Kubo node on loopback: server of the LAN DHT, gateway with the routing API. */
export const openKuboService = async ({ bootstrap = [], location, token }: KuboOptions = {}): Promise<KuboService> => {
  const directory = location ?? await mkdtemp(join(tmpdir(), 'mercury-kubo-'))
  const executable = requireExecutable('Kubo')
  const [port, gatewayPort, swarmPort] = [await freePort(), await freePort(), await freePort()]
  const env = { IPFS_PATH: directory, IPFS_TELEMETRY: 'off' }
  let child: ChildProcess | undefined

  await run(executable, ['init', '--profile', 'test'], { env: { ...process.env, ...env } })
  const configPath = join(directory, 'config')
  const config = JSON.parse(await readFile(configPath, 'utf8')) as KuboConfig
  config.Addresses = { ...config.Addresses, API: `/ip4/127.0.0.1/tcp/${port}`, Gateway: `/ip4/127.0.0.1/tcp/${gatewayPort}`, Swarm: [`/ip4/127.0.0.1/tcp/${swarmPort}`] }
  config.Bootstrap = [...bootstrap]
  config.Routing = { ...config.Routing, Type: 'dhtserver' }
  config.Gateway = { ...config.Gateway, ExposeRoutingAPI: true, NoFetch: false }
  config.AutoConf = { Enabled: false }
  if (token !== undefined) config.API = { ...config.API, Authorizations: { tests: { AuthSecret: `bearer:${token}`, AllowedPaths: ['/api/v0'] } } }
  await writeFile(configPath, JSON.stringify(config))

  const start = async (): Promise<void> => {
    child = await startProcess(executable, ['daemon'], { port, env })
  }
  const stop = async (): Promise<void> => {
    if (child) await killProcess(child)
    child = undefined
  }

  await start()
  const peerId = config.Identity.PeerID
  return {
    port,
    rpc: `http://127.0.0.1:${port}`,
    gateway: `http://127.0.0.1:${gatewayPort}`,
    gatewayPort,
    peerId,
    address: `/ip4/127.0.0.1/tcp/${swarmPort}/p2p/${peerId}`,
    ipfs: (args, input) => ipfs(executable, token === undefined ? args : ['--api-auth', `bearer:${token}`, ...args], { ...process.env, ...env }, input),
    start,
    stop,
    async close () {
      await stop()
      if (location === undefined) await rm(directory, { recursive: true, force: true })
    }
  }
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
