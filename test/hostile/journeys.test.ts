import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MercuryError, createHashStore, createLocalRouter, createMemoryStore, createProfiles, type HashStore, type KeyValueStore, type NameRouter, type Profiles } from '../../src/index.ts'
import { NOON, signerOf } from '../client/world.ts'
import { hostileHashStore, hostileRouter, hostileState, type Hostility } from './faults.ts'

const [alice, bob] = [await signerOf(1), await signerOf(2)]

/** Long enough for honest work here; what never answers costs a test this much. */
const PATIENCE_MS = 150
const TIMEOUTS = { routerTimeoutMs: 25, blockTimeoutMs: 25, deliveryTimeoutMs: 25 }

interface Places {
  state: KeyValueStore
  blocks: HashStore
  router: NameRouter
}

const openOver = ({ state, blocks, router }: Places, timeouts: Partial<typeof TIMEOUTS> = TIMEOUTS): Profiles =>
  createProfiles({ state, blocks, routers: [router, { ...createLocalRouter(createMemoryStore()), name: 'other' }], volatile: true, clock: () => NOON, ...timeouts })

/** Each goes over profiles of Alice and Bob that were published before; what it returns is checked. */
const journeys: Record<string, (profiles: Profiles, signal: AbortSignal) => Promise<unknown>> = {
  publish: (profiles, signal) => profiles.publish({ name: 'Alice, new' }, alice, { wait: 'all', signal }),
  'publish with a picture': async (profiles, signal) => profiles.publish({ name: 'Alice, new', avatar: await profiles.attach(new Uint8Array(9_000), { type: 'image/png', signal }) }, alice, { signal }),
  edit: (profiles, signal) => profiles.edit(alice, (draft) => ({ ...draft, name: 'Alice, new' }), { signal }),
  'resolve first': (profiles, signal) => profiles.resolve(bob.id, { signal }),
  'resolve all and keep': (profiles, signal) => profiles.resolve(bob.id, { policy: 'all', keep: true, signal }),
  'resolve offline': (profiles, signal) => profiles.resolve(bob.id, { policy: 'offline', signal }),
  record: (profiles, signal) => profiles.record(bob.id, { signal }),
  watch: async (profiles, signal) => (await profiles.watch(bob.id, { signal, intervalMs: 5 })[Symbol.asyncIterator]().next()).value,
  'keep alive': (profiles, signal) => profiles.keepAlive({ all: true, signers: [alice], signal }),
  flush: (profiles, signal) => profiles.flush({ signal }),
  lists: async (profiles, signal) => [await Array.fromAsync(profiles.owed({ signal })), await Array.fromAsync(profiles.kept({ signal })), await profiles.fork(bob.id, { signal })],
  remove: (profiles, signal) => profiles.remove(alice, { signal })
}

const NAMES = ['Alice', 'Alice, new', 'Bob']

/** A correct result: what names a profile is one that its owner published. */
const assertCorrect = (result: unknown): void => {
  const { id, profile, sequence } = (result ?? {}) as { id?: string; profile?: { name?: string }; sequence?: bigint }
  if (!profile) return
  expect([alice.id, bob.id]).toContain(id)
  expect(NAMES).toContain(profile.name)
  expect(profile.name!.startsWith(id === bob.id ? 'Bob' : 'Alice')).toBe(true)
  expect(sequence).toBeGreaterThan(0n)
}

const openPlaces = async (): Promise<Places & { records: Uint8Array[] }> => {
  const places = { state: createMemoryStore(), blocks: createHashStore(createMemoryStore()), router: createLocalRouter(createMemoryStore()) }
  // Nobody lies yet, and how fast this machine is must not matter.
  const profiles = openOver(places, {})
  await profiles.publish({ name: 'Alice' }, alice, { wait: 'all', first: true })
  // Bob's document does not ride in its record: it takes a block to read it.
  await profiles.publish({ name: 'Bob', 'org.example/large': 'x'.repeat(12_000) }, bob, { wait: 'all', first: true })
  const records = [await profiles.record(alice.id), await profiles.record(bob.id)]
  await profiles.close()
  return { ...places, records }
}

const PLUG_POINTS = ['state', 'blocks', 'router'] as const

describe.each(PLUG_POINTS)('over a hostile %s', (plugPoint) => {
  it.each(Object.entries(journeys))('%s ends in a typed error or a correct result', async (_, journey) => {
    await fc.assert(fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 999 })), fc.constantFrom(1, 0.3, 0.1), fc.boolean(), async (numbers, share, knows) => {
      const { records, ...places } = await openPlaces()
      const waiting: (() => void)[] = []
      const hostility: Hostility = {
        next: (kinds) => (numbers.next().value! / 1_000 < share ? numbers.next().value! % kinds : undefined),
        never: (answer) => new Promise((resolve, reject) => waiting.push(() => { answer().then(resolve, reject) }))
      }
      // A device that knows the profiles has to be lied to out of its own state.
      const honest = knows ? places : { ...places, state: createMemoryStore() }
      const profiles = openOver({
        ...honest,
        ...(plugPoint === 'state' ? { state: hostileState(honest.state, hostility) } : {}),
        ...(plugPoint === 'blocks' ? { blocks: hostileHashStore(honest.blocks, hostility) } : {}),
        ...(plugPoint === 'router' ? { router: hostileRouter(honest.router, hostility, records) } : {})
      })
      const signal = AbortSignal.timeout(PATIENCE_MS)
      await journey(profiles, signal).then(assertCorrect, (error: unknown) => {
        if (!(signal.aborted && error === signal.reason)) expect(error).toBeInstanceOf(MercuryError)
      })
      const closed = profiles.close()
      // What was never answered is now, to callers who have long gone.
      const late = setInterval(() => waiting.splice(0).forEach((answer) => answer()), 1)
      await closed
      clearInterval(late)
    }), { numRuns: 12 })
  })
})
