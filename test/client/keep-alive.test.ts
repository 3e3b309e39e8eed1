import { createPrivateKey, createPublicKey } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, test, vi } from 'vitest'
import { RELAY_PERIOD_MS, Schedule, passLimit } from '../../src/client/schedule.ts'
import { pkcs8 } from '../../src/identity/ed25519-platform.ts'
import { profileIdFromPublicKey, type ProfileId } from '../../src/identity/profile-id.ts'
import { createMemoryStore, type KeyValueStore, type NameRouter, type Profiles } from '../../src/index.ts'
import { HOUR_MS, MINUTE_MS } from '../../src/limits.ts'
import { NOON, openDevice } from './world.ts'

const NAMES = 10_000
const MEAN_A_MINUTE = NAMES / (RELAY_PERIOD_MS / MINUTE_MS)
/** What 10,000 places drawn by chance do not reach in any of 720 minutes. */
const MOST_A_MINUTE = 3 * MEAN_A_MINUTE

// The keys are made here, and to examine 10,000 of them would be the greater part of this test.
vi.mock('../../src/identity/ed25519-subgroup.ts', () => ({ isInPrimeSubgroup: () => true }))

const idOf = (seed: number): ProfileId => {
  const privateKey = new Uint8Array(32)
  new DataView(privateKey.buffer).setUint32(0, seed)
  const key = createPrivateKey({ key: Buffer.from(pkcs8(privateKey)), format: 'der', type: 'pkcs8' })
  return profileIdFromPublicKey(Uint8Array.from(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)))
}

const keepAll = async (state: KeyValueStore, count: number): Promise<void> => {
  const schedule = new Schedule(state)
  for (let seed = 1; seed <= count; seed++) await state.batch(await schedule.keep(idOf(seed), NOON))
}

/** Counts who is asked for: every relay begins with that. */
const countingRouter = (asked: (id: ProfileId) => void): NameRouter => ({
  name: 'counting',
  async * get (id) {
    asked(id)
    await nextTurn()
  },
  put: async () => {},
  close: async () => {}
})

/** Runs one pass a minute for `minutes`. @returns how many names each of them asked for */
const passes = async (profiles: Profiles, minutes: number, { sleep, asked }: { sleep(ms: number): void; asked: ReadonlySet<ProfileId> }): Promise<number[]> => {
  const counts: number[] = []
  for (let minute = 0; minute < minutes; minute++) {
    const before = asked.size
    sleep(MINUTE_MS)
    await profiles.keepAlive()
    counts.push(asked.size - before)
  }
  return counts
}

test('10,000 names that were kept in one moment are relayed once each, evenly over a period, across a restart, and so in the next period', async () => {
  const state = createMemoryStore()
  await keepAll(state, NAMES)
  const asked = new Set<ProfileId>()
  const router = countingRouter((id) => {
    if (asked.has(id)) throw new TypeError(`${id} is asked for twice`)
    asked.add(id)
  })
  let now = NOON
  const sleep = (ms: number): void => { now += ms }
  const open = () => openDevice({ state, routers: [router], clock: () => now }).profiles

  const first = open()
  const counts = await passes(first, 12 * 60, { sleep, asked })
  await first.close()
  const second = open()
  counts.push(...await passes(second, 6 * 60, { sleep, asked }))
  await second.close()

  expect(asked.size).toBe(NAMES)
  expect(counts.slice(0, 6 * 60 - 1).every((count) => count === 0)).toBe(true)
  expect(Math.max(...counts)).toBeLessThan(MOST_A_MINUTE)
  const next = new Map<number, number>()
  for await (const [key] of state.entries({ prefix: 'due/' })) {
    const minute = Math.floor(Number(key.split('/')[1]) / MINUTE_MS)
    next.set(minute, (next.get(minute) ?? 0) + 1)
  }
  expect([...next.values()].reduce((sum, count) => sum + count)).toBe(NAMES)
  expect(Math.max(...next.values())).toBeLessThan(MOST_A_MINUTE)
})

test('what came due while nothing ran is relayed a few at a time, and is not a crowd again a period later', async () => {
  const count = 500
  const state = createMemoryStore()
  await keepAll(state, count)
  let now = NOON
  let underWay = 0
  let most = 0
  let relayed = 0
  const router: NameRouter = {
    ...countingRouter(() => {}),
    async * get () {
      most = Math.max(most, ++underWay)
      await nextTurn()
      underWay--
      relayed++
    }
  }
  now += 24 * HOUR_MS
  const { profiles } = openDevice({ state, routers: [router], clock: () => now })
  await profiles.keepAlive({ concurrency: 3 })
  expect([relayed, most]).toEqual([count, 3])

  const hours = new Map<number, number>()
  for await (const [key] of state.entries({ prefix: 'due/' })) {
    const hour = Math.floor((Number(key.split('/')[1]) - now) / HOUR_MS)
    hours.set(hour, (hours.get(hour) ?? 0) + 1)
  }
  expect([...hours.keys()].toSorted((a, b) => a - b)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17])
  expect(Math.max(...hours.values())).toBeLessThan(2 * count / 12)
})

describe('the pace of a home', () => {
  it.each([0, 1, 7, 200, 999, 100_000])('adds up to 1.5 x the mean rate of %i names, give or take one, over any number of passes', (kept) => {
    const passMs = MINUTE_MS
    const limits = Array.from({ length: 2_000 }, (_, pass) => passLimit(kept, { now: NOON + pass * passMs, passMs }))
    const sums = [0]
    for (const limit of limits) sums.push(sums.at(-1)! + limit)
    for (const passesInRow of [1, 10, 60, 720, 2_000]) {
      const rate = 1.5 * kept / 720 * passesInRow
      for (let first = 0; first + passesInRow <= 2_000; first += 13) {
        expect(Math.abs(sums[first + passesInRow]! - sums[first]! - rate)).toBeLessThanOrEqual(1)
      }
    }
    expect(Math.max(...limits)).toBeLessThanOrEqual(Math.ceil(1.5 * kept / 720))
  })

  it('takes a day\'s backlog in order, the longest due first, without a burst, and leaves nobody out', async () => {
    const count = 1_440
    const state = createMemoryStore()
    await keepAll(state, count)
    const dueAtFirst = new Map<string, number>()
    for await (const [key] of state.entries({ prefix: 'due/' })) dueAtFirst.set(key.split('/')[2]!, Number(key.split('/')[1]))
    let now = NOON + 36 * HOUR_MS
    const turns: { id: ProfileId; minute: number }[] = []
    let minute = 0
    const { profiles } = openDevice({ state, routers: [countingRouter((id) => turns.push({ id, minute }))], clock: () => now })
    for (; minute < 24 * 60; minute++) {
      now += MINUTE_MS
      await profiles.keepAlive({ limit: passLimit(count, { now }), concurrency: 1 })
    }
    const backlog = turns.slice(0, count).map(({ id }) => dueAtFirst.get(id)!)
    expect(new Set(turns.slice(0, count).map(({ id }) => id)).size).toBe(count)
    expect(backlog).toEqual(backlog.toSorted((a, b) => a - b))
    for (let hour = 0; hour < 24; hour++) expect(turns.filter((turn) => Math.floor(turn.minute / 60) === hour).length).toBeLessThanOrEqual(2 * count / 12)
    const relaysById = Map.groupBy(turns, ({ id }) => id)
    expect(relaysById.size).toBe(count)
    for (const relays of relaysById.values()) for (const [i, { minute: at }] of relays.entries()) expect(at - (relays[i - 1]?.minute ?? 0)).toBeLessThanOrEqual(24 * 60)
  })

  it('is not used up by names that are damaged: they get their next turn too', async () => {
    const state = createMemoryStore()
    await keepAll(state, 3)
    const ids = (await Array.fromAsync(state.entries({ prefix: 'due/' }))).map(([key]) => key.split('/')[2]!)
    await state.put(`record/${ids[0]!}`, new Uint8Array([1, 2, 3]))
    let now = NOON + 36 * HOUR_MS
    const kept: string[] = []
    const { profiles } = openDevice({ state, routers: [countingRouter(() => {})], clock: () => now })
    for (let pass = 0; pass < 3; pass++, now += MINUTE_MS) await profiles.keepAlive({ limit: 1, onProgress: ({ id }) => kept.push(id) })
    expect(kept).toEqual(ids)
  })
})
