import { setTimeout as delay } from 'node:timers/promises'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { createHeliaRouter, createHeliaStore, openHeliaNode, type NetworkedHelia } from '../../src/adapters/helia/index.ts'
import { createProfiles } from '../../src/client/profiles.ts'
import type { NameRouter } from '../../src/naming/name-router.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { knows } from '../../test/network.ts'
import { format, quantile, type Figure, type Report } from '../report.ts'
import { openBareHelia, type BareHelia } from './bare-helia.ts'
import { openBenchNetwork, type PublishedProfile } from './network.ts'
import { LATE_MS, openRoutingServer, type RoutingServer } from './routing-server.ts'

const NODES = 16
const ROUND_TRIP_MS = 50
/** Resolved before anything is measured: for optimised code and open connections. */
const WARM_UP = 8
const PROFILES = 40
/** Resolved while one peer of the DHT is at fault, for each manner. */
const SPOILT_PROFILES = 8
/** A look-up that takes longer is given up and counts as this long. */
const GIVE_UP_MS = 10_000
const MANNERS = ['wrong', 'late', 'never'] as const

export const run = async (): Promise<Report> => {
  const opened: { close(): Promise<void> }[] = []
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part)
    return part
  }
  try {
    const network = keep(await openBenchNetwork({ nodes: NODES, profiles: WARM_UP + PROFILES + MANNERS.length * SPOILT_PROFILES, delayMs: ROUND_TRIP_MS / 2 }))
    const records = new Map(network.profiles.map(({ id, record }) => [id, record]))
    // Clients keep no records for others, so each name is new to both.
    const node = keep(await openHeliaNode({ dht: 'client', dhtProtocol: network.dhtProtocol, allowPrivate: true }))
    for (const address of network.addresses) await node.dial(address)
    const bare = keep(await openBareHelia(network.dhtProtocol, network.addresses))
    await knows(node, NODES)
    while (bare.peers() < NODES) await delay(10)
    const ways = createWays(node.helia, bare, {
      right: keep(await openRoutingServer(records, 'right', ROUND_TRIP_MS / 2)),
      // Those at fault have no way to go: were they right, they would win.
      wrong: keep(await openRoutingServer(records, 'wrong', 0)),
      late: keep(await openRoutingServer(records, 'late', 0)),
      never: keep(await openRoutingServer(records, 'never', 0))
    })

    let taken = 0
    const next = (count: number): PublishedProfile[] => network.profiles.slice(taken, (taken += count))
    await resolveAll(next(WARM_UP), ways)
    const healthy = await resolveAll(next(PROFILES), ways)
    const spoilt: Partial<Record<Manner, Outcome>> = {}
    for (const manner of MANNERS) {
      await network.spoilOne(manner)
      spoilt[manner] = await resolveAll(next(SPOILT_PROFILES), { bare: ways.bare, dht: ways.dht, delegated: ways.delegated, both: ways.both })
    }
    return report(healthy, spoilt as Record<Manner, Outcome>)
  } finally {
    for (const part of opened.reverse()) await part.close()
  }
}

type Manner = (typeof MANNERS)[number]

/** What one look-up took. */
interface Cost {
  ms: number
  blocks: number
  /** Of the router that is right. */
  requests: number
}

type Way = (profile: PublishedProfile) => Promise<Cost>
type Outcome = ReadonlyMap<string, readonly Cost[]>

const createWays = (helia: NetworkedHelia, bare: BareHelia, servers: Record<Manner | 'right', RoutingServer>) => {
  let blocks = 0
  const store = createHeliaStore(helia)
  const counted: HashStore = { ...store, async get (...args) { blocks++; return store.get(...args) } }
  const dht = createHeliaRouter(helia)
  const [right, wrong, late, never] = (['right', 'wrong', 'late', 'never'] as const).map((manner) => createDelegatedRouter({ url: servers[manner].url, allowPrivate: true })) as [NameRouter, NameRouter, NameRouter, NameRouter]

  const byUs = (routers: NameRouter[]): Way => async ({ id, name }) => {
    // A device that knows nothing yet.
    const profiles = createProfiles({ blocks: counted, routers, state: createMemoryStore(), volatile: true })
    const before = { blocks, requests: servers.right.requests }
    const { ms, result } = await timed((signal) => profiles.resolve(id, { signal }))
    if (result && (result.profile.name !== name || result.freshness !== 'confirmed')) throw new Error(`${id} resolved to another profile`)
    await profiles.close()
    return { ms, blocks: blocks - before.blocks, requests: servers.right.requests - before.requests }
  }

  const byBareHelia: Way = async ({ id, name }) => {
    const { ms, result } = await timed((signal) => bare.resolve(id, signal))
    if (result && (result.document as { attrs: { name: unknown } }).attrs.name !== name) throw new Error(`${id} resolved to another document`)
    return { ms, blocks: result?.fetched ?? 0, requests: 0 }
  }

  return {
    bare: byBareHelia,
    dht: byUs([dht]),
    delegated: byUs([right]),
    both: byUs([dht, right]),
    'wrong, delegated': byUs([wrong, right]),
    'late, delegated': byUs([late, right]),
    'never, delegated': byUs([never, right]),
    'wrong, dht': byUs([wrong, dht]),
    'late, dht': byUs([late, dht]),
    'never, dht': byUs([never, dht])
  }
}

/** `result` is absent when it was given up. */
const timed = async <T>(resolve: (signal: AbortSignal) => Promise<T>): Promise<{ ms: number; result?: T }> => {
  const signal = AbortSignal.timeout(GIVE_UP_MS)
  const started = performance.now()
  try {
    const result = await resolve(signal)
    return { ms: performance.now() - started, result }
  } catch (error) {
    if (!signal.aborted) throw error
    return { ms: GIVE_UP_MS }
  }
}

/** Every profile by every way, in turn. */
const resolveAll = async (profiles: readonly PublishedProfile[], ways: Readonly<Record<string, Way>>): Promise<Outcome> => {
  const outcome = new Map<string, Cost[]>(Object.keys(ways).map((way) => [way, []]))
  for (const profile of profiles) {
    for (const [way, resolve] of Object.entries(ways)) outcome.get(way)!.push(await resolve(profile))
  }
  return outcome
}

const report = (healthy: Outcome, spoilt: Record<Manner, Outcome>): Report => {
  const of = (outcome: Outcome, way: string, share = 0.5): number => quantile(outcome.get(way)!.map(({ ms }) => ms), share)
  const mean = (way: string, count: (cost: Cost) => number): number => healthy.get(way)!.reduce((sum, cost) => sum + count(cost), 0) / PROFILES
  const time = (outcome: Outcome, what: string, way: string): Figure[] => [
    { what: `${what}, median`, value: of(outcome, way), unit: 'ms' },
    { what: `${what}, p95`, value: of(outcome, way, 0.95), unit: 'ms' }
  ]
  const ratio = (what: string, value: number, goal?: string): Figure => ({ what, value, unit: 'x', ...(goal ? { goal } : {}) })
  return {
    question: `How long does it take to resolve an ID never seen before, over ${NODES} nodes with ${ROUND_TRIP_MS} ms to and fro between any two?`,
    figures: [
      ratio('ours by the DHT / bare Helia', of(healthy, 'dht') / of(healthy, 'bare')),
      ratio('ours by one delegated router / bare Helia', of(healthy, 'delegated') / of(healthy, 'bare')),
      { what: 'blocks fetched a profile, ours', value: mean('dht', ({ blocks }) => blocks), unit: '', goal: '0' },
      { what: 'blocks fetched a profile, bare Helia', value: mean('bare', ({ blocks }) => blocks), unit: '' },
      { what: 'requests a profile, one delegated router', value: mean('delegated', ({ requests }) => requests), unit: '', goal: '1' },
      ...MANNERS.map((manner) => ratio(`best router answers ${manner}: with the second-best / that alone`, of(healthy, `${manner}, delegated`) / of(healthy, 'delegated'), '<= 1')),
      ...MANNERS.map((manner) => ratio(`best router answers ${manner}: with the DHT / the DHT alone`, of(healthy, `${manner}, dht`) / of(healthy, 'dht'), '<= 1')),
      ...MANNERS.map((manner) => ratio(`a DHT peer answers ${manner}: DHT and delegated / delegated alone`, of(spoilt[manner], 'both') / of(spoilt[manner], 'delegated'), '<= 1')),
      ...MANNERS.map((manner) => ratio(`a DHT peer answers ${manner}: ours by the DHT / bare Helia`, of(spoilt[manner], 'dht') / of(spoilt[manner], 'bare'))),
      ...time(healthy, 'bare Helia', 'bare'),
      ...time(healthy, 'ours by the DHT', 'dht'),
      ...time(healthy, 'ours by one delegated router', 'delegated'),
      ...time(healthy, 'ours by both', 'both'),
      ...MANNERS.flatMap((manner) => [
        ...time(healthy, `ours by one delegated router, a faster one answers ${manner}`, `${manner}, delegated`),
        ...time(healthy, `ours by the DHT, a delegated router answers ${manner}`, `${manner}, dht`)
      ]),
      ...MANNERS.flatMap((manner) => [
        ...time(spoilt[manner], `bare Helia, a DHT peer answers ${manner}`, 'bare'),
        ...time(spoilt[manner], `ours by the DHT, a DHT peer answers ${manner}`, 'dht'),
        ...time(spoilt[manner], `ours by both, a DHT peer answers ${manner}`, 'both')
      ])
    ],
    notes: [
      `${PROFILES} profiles, ${SPOILT_PROFILES} for each manner of the DHT peer, each resolved by every way in turn; the nodes share a process beside that of the two clients`,
      `wrong: a forged record; late: the right one after ${LATE_MS} ms, or hanging up then; never: no answer; given up after ${GIVE_UP_MS} ms`
    ]
  }
}

if (import.meta.main) console.log(format(await run()))
