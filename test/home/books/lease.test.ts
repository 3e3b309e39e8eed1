import { expect, test } from 'vitest'
import { Lease, MAX_LEASE_MS } from '../../../src/home/books/lease.ts'
import { createMemoryStore } from '../../../src/index.ts'

const open = () => {
  const store = createMemoryStore()
  let now = 1_000_000_000_000
  const clock = (): number => now
  const leaseOf = (holder: string): Lease => new Lease({ store, clock }, { what: 'chores', holder })
  return { a: leaseOf('a'), b: leaseOf('b'), leaseOf, sleep: (ms: number) => { now += ms } }
}

test('one holds it, as long as it says so, and the next takes over when the time is over', async () => {
  const { a, b, sleep } = open()
  expect(await a.hold(1_000)).toBe(true)
  expect(await b.hold(1_000)).toBe(false)
  sleep(900)
  expect(await a.hold(1_000)).toBe(true)
  sleep(900)
  expect(await b.hold(1_000)).toBe(false)
  sleep(100)
  expect(await b.hold(1_000)).toBe(true)
  expect(await a.hold(1_000)).toBe(false)
})

test('of many who want it at the same moment one gets it', async () => {
  const { leaseOf } = open()
  const held = await Promise.all(Array.from({ length: 20 }, (_, i) => leaseOf(String(i)).hold(1_000)))
  expect(held.filter(Boolean)).toHaveLength(1)
})

test('who holds it holds it for all that it does at the same moment', async () => {
  const { a, sleep } = open()
  expect(await Promise.all([a.hold(1_000), a.hold(1_000)])).toEqual([true, true])
  sleep(500)
  expect(await Promise.all([a.hold(1_000), a.hold(1_000)])).toEqual([true, true])
})

test('what is let go can be taken at once, and nobody lets go what another holds', async () => {
  const { a, b } = open()
  await a.hold(1_000)
  await b.release()
  expect(await b.hold(1_000)).toBe(false)
  await a.release()
  expect(await b.hold(1_000)).toBe(true)
})

test('one that was taken by a clock far ahead holds nobody up', async () => {
  const { a, b, sleep } = open()
  sleep(10 * MAX_LEASE_MS)
  await a.hold(1_000)
  sleep(-10 * MAX_LEASE_MS)
  expect(await b.hold(1_000)).toBe(true)
})
