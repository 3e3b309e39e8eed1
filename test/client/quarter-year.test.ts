import { sha256 } from '@noble/hashes/sha2.js'
import { expect, it } from 'vitest'
import { passLimit } from '../../src/client/schedule.ts'
import { publicKeyOf } from '../../src/identity/profile-id.ts'
import { createHashStore, createMemoryStore, createProfiles, createRecord, createSigner, signDocument, type HashStore, type KeyValueStore, type NameRouter, type ProfileId, type Profiles } from '../../src/index.ts'
import { HOUR_MS } from '../../src/limits.ts'
import { NOON } from './world.ts'

const NAMES = 30
const DAYS = 91
const HOMES = 3
/** Two of them leave in an hour: a third in a day. */
const NODES = 144
const LEAVING_AN_HOUR = NODES / 3 / 24
const CLOSEST = 20
const DHT_EXPIRY_MS = 48 * HOUR_MS
/** What one hour may bring down a running home with. */
const RESTART_CHANCE = 1 / 48

/** Mulberry32. */
const createRandom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Node {
  readonly place: number
  readonly records: Map<ProfileId, { bytes: Uint8Array; at: number }>
}

/** A DHT that forgets: each record is on the 20 nodes closest to its name, for 48 h, and leaves with them. */
const createDht = (clock: () => number, random: () => number): { router: NameRouter; find(id: ProfileId): Uint8Array[]; churn(): void } => {
  const newNode = (): Node => ({ place: Math.floor(random() * 2 ** 32), records: new Map() })
  const nodes = Array.from({ length: NODES }, newNode)
  const closestTo = (id: ProfileId): Node[] => {
    const target = new DataView(sha256(publicKeyOf(id)).buffer).getUint32(0)
    return nodes.toSorted((a, b) => ((a.place ^ target) >>> 0) - ((b.place ^ target) >>> 0)).slice(0, CLOSEST)
  }
  const find = (id: ProfileId): Uint8Array[] => closestTo(id).flatMap(({ records }) => {
    const held = records.get(id)
    return held && clock() - held.at < DHT_EXPIRY_MS ? [held.bytes] : []
  })
  return {
    find,
    churn: () => { for (let i = 0; i < LEAVING_AN_HOUR; i++) nodes[Math.floor(random() * NODES)] = newNode() },
    router: {
      name: 'dht',
      put: async (id, record) => { for (const { records } of closestTo(id)) records.set(id, { bytes: record, at: clock() }) },
      async * get (id) { yield * find(id) },
      close: async () => {}
    }
  }
}

/** A home as far as names are concerned: what it keeps survives it, what it does not. */
class Home {
  /** Of each relay. */
  readonly hours: number[] = []
  running: Profiles | undefined
  private readonly state: KeyValueStore = createMemoryStore()
  private readonly blocks: HashStore = createHashStore(createMemoryStore())
  private readonly router: NameRouter
  private readonly clock: () => number

  constructor (router: NameRouter, clock: () => number) {
    this.router = router
    this.clock = clock
  }

  start (): void {
    this.running = createProfiles({ state: this.state, blocks: this.blocks, routers: [this.router], volatile: true, clock: this.clock })
  }

  async stop (): Promise<void> {
    await this.running?.close()
    this.running = undefined
  }

  async pass (hour: number): Promise<void> {
    await this.running?.keepAlive({ limit: passLimit(NAMES, { now: this.clock(), passMs: HOUR_MS }), onProgress: ({ failed }) => {
      expect(failed).toEqual([])
      this.hours.push(hour)
    } })
  }

  /** Relays in the busiest hour. */
  busiest (): number {
    return Math.max(...[...Map.groupBy(this.hours, (hour) => hour).values()].map(({ length }) => length))
  }
}

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0

it('every name stays to be found for a quarter of a year, its owner offline and one home in three gone', async () => {
  const random = createRandom(20_261_124)
  let now = NOON
  const clock = (): number => now
  const dht = createDht(clock, random)
  const homes = Array.from({ length: HOMES }, () => new Home(dht.router, clock))
  for (const home of homes) home.start()
  const recordById = new Map<ProfileId, Uint8Array>()
  for (let i = 0; i < NAMES; i++) {
    const signer = await createSigner(new Uint8Array(32).fill(i + 1))
    const signed = await signDocument({ name: `Persona ${i}` }, signer, { seq: 1, prev: null, time: NOON / 1_000 })
    const record = await createRecord(signed, signer, { now })
    for (const home of homes) await home.running!.accept({ record }, { wait: 'all' })
    recordById.set(signer.id, record)
  }

  let [asked, inDht, anywhere, resolved] = [0, 0, 0, 0]
  for (let hour = 1; hour <= DAYS * 24; hour++) {
    now += HOUR_MS
    dht.churn()
    const away = homes[Math.min(HOMES - 1, Math.floor(hour / (DAYS * 24 / HOMES)))]
    for (const home of homes) {
      if (home === away) await home.stop()
      else if (!home.running) home.start()
      else if (random() < RESTART_CHANCE) await home.stop()
      else await home.pass(hour)
    }
    for (const [id, record] of recordById) {
      asked++
      const isInDht = dht.find(id).some((found) => sameBytes(found, record))
      const atHomes = await Promise.all(homes.map(async ({ running }) => sameBytes((await running?.stored(id))?.record, record)))
      if (isInDht) inDht++
      if (isInDht || atHomes.includes(true)) anywhere++
    }
    // One of them by who has never heard of it.
    const stranger = createProfiles({ state: createMemoryStore(), blocks: createHashStore(createMemoryStore()), routers: [dht.router], volatile: true, clock })
    const id = [...recordById.keys()][Math.floor(random() * NAMES)]!
    if (await stranger.resolve(id).then(({ freshness }) => freshness === 'confirmed', () => false)) resolved++
    await stranger.close()
  }
  for (const home of homes) await home.stop()

  const mean = NAMES / 12
  const share = (count: number, of: number): string => `${(100 * count / of).toFixed(3)} %`
  const report = `${NAMES} names, ${DAYS} days: found in the DHT ${share(inDht, asked)}, there or at a home ${share(anywhere, asked)}, resolved by strangers ${share(resolved, DAYS * 24)}; relays in the busiest hour of each home ${homes.map((home) => home.busiest()).join(', ')}, mean ${mean.toFixed(2)}`
  console.log(report)
  expect(anywhere / asked).toBeGreaterThanOrEqual(0.999)
  expect(inDht / asked).toBeGreaterThanOrEqual(0.999)
  expect(resolved / (DAYS * 24)).toBeGreaterThanOrEqual(0.999)
  for (const home of homes) expect(home.busiest()).toBeLessThanOrEqual(2 * mean)
}, 300_000)
