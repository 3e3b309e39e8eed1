import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createHomeTransport } from '../../src/adapters/home-transport.ts'
import { createHomeRouter } from '../../src/client/home-router.ts'
import { createProfiles } from '../../src/client/profiles.ts'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import type { ProfileId } from '../../src/identity/profile-id.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { openRelay } from '../../test/relay.ts'
import { freePort } from '../../test/services/service.ts'
import { createDraft, createSigners, seededRandom } from '../profiles.ts'
import { median, quantile, type Figure, type Report } from '../report.ts'
import { openBareHelia } from '../resolve/bare-helia.ts'
import { openBenchNetwork } from '../resolve/network.ts'
import { Connection, type PreparedRequest } from './connection.ts'
import { HostedProfile } from './hosted-profile.ts'
import { openKuboRecords } from './kubo-records.ts'
import { applyLoad, type Load } from './load.ts'
import { openRunningHome, type RunningHome, type Usage } from './running-home.ts'

const SEED = 5
const NAMES = Number(process.env.BENCH_HOME_NAMES ?? 100_000)
const CLIENTS = 64
/** Keys are made for so many profiles at a time. */
const PART = 5_000
const STARTS = 3
const ROUNDS = 3
const GETS = 60_000
const KUBO_NAMES = 1_000
const KUBO_GETS = 10_000
const PUBLISHES = 10_000
const RESOLVED = 40
/** Resolved before anything is measured, by both: for optimised code and open connections. */
const WARM_UP = 8
const ROUND_TRIP_MS = 50
const DHT_NODES = 16
const GIVE_UP_MS = 30_000
const MIB = 1_048_576

export const run = async (): Promise<Report> => {
  const root = await mkdtemp(join(tmpdir(), 'mercury-bench-home-'))
  const random = seededRandom(SEED)
  const [empty, full] = [join(root, 'empty'), join(root, 'full')]
  try {
    const port = await freePort()
    const emptyStarts = await startTimes(empty)
    const { profiles, joinsPerSecond } = await using(await openRunningHome(full, { port }), (home) => populate(home, random))
    const fullStarts = await startTimes(full)
    const measured = await using(await openRelay({ port }, { delayMs: ROUND_TRIP_MS / 2 }), async (relay) => {
      // The relay is where the home is reached, by its own profile, too.
      const publicUrl = `http://127.0.0.1:${relay.port}`
      return using(await openRunningHome(full, { port, publicUrl }), async (home) => ({
        gets: await compareGets(home, profiles, random),
        usage: await home.usage(),
        published: await publishAll(home, profiles.slice(0, PUBLISHES)),
        usageAfterwards: await home.usage(),
        resolved: await resolveAt(publicUrl, home, profiles.slice(-RESOLVED - WARM_UP))
      }))
    })
    const withNode = await using(await openRunningHome(full, { port, node: true }), async (home) => {
      await getAll(port, profiles.map((profile) => profile.get()), GETS, random)
      return home.usage()
    })
    return report({ emptyStarts, fullStarts, joinsPerSecond, ...measured, withNode, bare: await resolveByBareHelia() })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

const using = async <T extends { close(): Promise<void> }, R>(part: T, work: (part: T) => Promise<R>): Promise<R> => {
  try {
    return await work(part)
  } finally {
    await part.close()
  }
}

/** How long the home takes to open what is there, several times; the first start of all makes its keys and is not counted. */
const startTimes = async (directory: string): Promise<number[]> => {
  const times: number[] = []
  for (let i = 0; i <= STARTS; i++) times.push(await using(await openRunningHome(directory), async ({ startMs }) => startMs))
  return times.slice(1)
}

/** Everybody joins and publishes a first version. */
const populate = async (home: RunningHome, random: () => number): Promise<{ profiles: HostedProfile[]; joinsPerSecond: number }> => {
  const profiles: HostedProfile[] = []
  let joiningMs = 0
  // In parts: keys are made outside of the time that joining takes.
  for (let done = 0; done < NAMES; done += PART) {
    const signers = await createSigners(Math.min(PART, NAMES - done), random)
    const part = signers.map((signer, i) => new HostedProfile(signer, createDraft(random), done + i, { home: home.id, port: home.port }))
    const started = performance.now()
    await joinAll(home.port, part)
    joiningMs += performance.now() - started
    profiles.push(...part)
  }
  return { profiles, joinsPerSecond: NAMES / joiningMs * 1_000 }
}

const joinAll = async (port: number, profiles: readonly HostedProfile[]): Promise<void> => {
  const waiting = [...profiles]
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const connection = await Connection.open(port)
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { status, body } = await connection.send(await next.join(connection))
      if (status !== 200) throw new Error(`a first version was not taken: ${status} ${body.toString()}`)
    }
    connection.close()
  }))
}

interface GetRound { readonly ours: Load; readonly kubos: Load }

const compareGets = async ({ port }: RunningHome, profiles: readonly HostedProfile[], random: () => number): Promise<GetRound[]> => {
  const gets = profiles.map((profile) => profile.get())
  const ofKubo = profiles.slice(0, KUBO_NAMES)
  return using(await openKuboRecords(await recordsOf(port, ofKubo)), async (kubo) => {
    const kuboGets = ofKubo.map((profile) => profile.get())
    const rounds: GetRound[] = []
    for (let i = 0; i <= ROUNDS; i++) rounds.push({ ours: await getAll(port, gets, GETS, random), kubos: await getAll(kubo.port, kuboGets, KUBO_GETS, random) })
    // The first is for optimised code and warm caches.
    return rounds.slice(1)
  })
}

const recordsOf = async (port: number, profiles: readonly HostedProfile[]): Promise<ReadonlyMap<ProfileId, Uint8Array>> => {
  const connection = await Connection.open(port)
  const records = new Map<ProfileId, Uint8Array>()
  for (const profile of profiles) records.set(profile.id, (await connection.send(profile.get())).body)
  connection.close()
  return records
}

const getAll = async (port: number, gets: readonly PreparedRequest[], count: number, random: () => number): Promise<Load> => {
  let left = count
  return applyLoad({ port, connections: CLIENTS, next: () => (left-- > 0 ? { request: gets[Math.floor(random() * gets.length)]!, status: 200 } : undefined) })
}

/** The next version of each, signed before the time begins. */
const publishAll = async ({ port }: RunningHome, profiles: readonly HostedProfile[]): Promise<Load> => {
  const puts: PreparedRequest[] = []
  for (const profile of profiles) puts.push(await profile.update())
  return applyLoad({ port, connections: CLIENTS, next: () => {
    const request = puts.pop()
    return request && { request, status: 200 }
  } })
}

interface Resolved { readonly ms: number; readonly requests: number }

/** A device that knows the home asks it, through a relay, for a profile and where it lives. */
const resolveAt = async (url: string, home: RunningHome, profiles: readonly HostedProfile[]): Promise<Resolved[]> => {
  let requests = 0
  const transport = createHomeTransport({ allowPrivate: true })
  const counted: HomeTransport = { ...transport, send: async (...args) => { requests++; return transport.send(...args) } }
  const router = createHomeRouter({ transport: counted, urls: [`${url}/`], trusted: true })
  const results: Resolved[] = []
  for (const { id } of profiles) {
    const client = createProfiles({ blocks: createHashStore(createMemoryStore()), routers: [router], homes: counted, state: createMemoryStore(), volatile: true })
    requests = 0
    const started = performance.now()
    const found = await client.resolveHome(id)
    results.push({ ms: performance.now() - started, requests })
    if (found.home !== home.id || !found.confirmed || found.addresses.length === 0) throw new Error(`${id} was not found at its home`)
    await client.close()
  }
  await router.close()
  await transport.close()
  return results.slice(WARM_UP)
}

/** What Helia takes for a profile alone, without its home, over a DHT with the same round trip. */
const resolveByBareHelia = async (): Promise<number[]> => using(await openBenchNetwork({ nodes: DHT_NODES, profiles: RESOLVED + WARM_UP, delayMs: ROUND_TRIP_MS / 2 }), async (network) =>
  using(await openBareHelia(network.dhtProtocol, network.addresses), async (bare) => {
    while (bare.peers() < DHT_NODES) await delay(10)
    const times: number[] = []
    for (const { id } of network.profiles) {
      const started = performance.now()
      await bare.resolve(id, AbortSignal.timeout(GIVE_UP_MS)).catch(() => undefined)
      times.push(performance.now() - started)
    }
    return times.slice(WARM_UP)
  }))

interface Measured {
  emptyStarts: readonly number[]
  fullStarts: readonly number[]
  joinsPerSecond: number
  gets: readonly GetRound[]
  published: Load
  usage: Usage
  usageAfterwards: Usage
  withNode: Usage
  resolved: readonly Resolved[]
  bare: readonly number[]
}

const report = ({ emptyStarts, fullStarts, joinsPerSecond, gets, published, usage, usageAfterwards, withNode, resolved, bare }: Measured): Report => {
  const ours = gets.map((round) => round.ours)
  const resolvedMs = median(resolved.map(({ ms }) => ms))
  const figures: Figure[] = [
    { what: 'GET of a record, a second / Kubo', value: median(gets.map((round) => round.ours.rate / round.kubos.rate)), unit: 'x', goal: '>= 5' },
    { what: 'GET: p99 / median', value: median(ours.map(({ p99Ms, medianMs }) => p99Ms / medianMs)), unit: 'x', goal: '<= 10' },
    { what: 'GET of a record, a second', value: median(ours.map(({ rate }) => rate)), unit: '/s' },
    { what: 'the same, Kubo', value: median(gets.map(({ kubos }) => kubos.rate)), unit: '/s' },
    { what: 'requests for a profile, its home and addresses', value: Math.max(...resolved.map(({ requests }) => requests)), unit: '', goal: '1' },
    { what: 'bare Helia over the DHT / profile, home and addresses', value: median(bare) / resolvedMs, unit: 'x', goal: '>= 10' },
    { what: 'profile, home and addresses', value: resolvedMs, unit: 'ms' },
    { what: 'the same, p95', value: quantile(resolved.map(({ ms }) => ms), 0.95), unit: 'ms' },
    { what: 'bare Helia, the profile alone', value: median(bare), unit: 'ms' },
    { what: `publishes acknowledged, ${CLIENTS} clients`, value: published.rate, unit: '/s', goal: '>= 2000' },
    { what: 'a publish, median', value: published.medianMs, unit: 'ms' },
    { what: 'a publish, p99', value: published.p99Ms, unit: 'ms' },
    { what: 'joins with a first publish', value: joinsPerSecond, unit: '/s' },
    { what: `memory with ${NAMES} names`, value: usage.rss / MIB, unit: 'MiB', goal: '<= 300' },
    { what: `the same, after ${PUBLISHES} publishes`, value: usageAfterwards.rss / MIB, unit: 'MiB' },
    { what: 'with an IPFS node', value: withNode.rss / MIB, unit: 'MiB', goal: '<= 300' },
    { what: `start with ${NAMES} names / with none`, value: median(fullStarts) / median(emptyStarts), unit: 'x', goal: '<= 2' },
    { what: 'start with none', value: median(emptyStarts), unit: 'ms' }
  ]
  return {
    question: 'What does a home take on, beside Kubo and Helia?',
    figures,
    notes: [
      'home, load and peers share this machine: what the load takes, the home does not have',
      `records, publishes and joins over ${CLIENTS} kept-alive connections; each publish is verified, written and synced before it is answered`,
      `Kubo has ${KUBO_NAMES} of the same records, as a node of a DHT of two that both have them`,
      `bare Helia: ${DHT_NODES} nodes, each ${ROUND_TRIP_MS} ms away; its profile has no home`
    ]
  }
}
