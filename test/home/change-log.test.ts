import { expect, test } from 'vitest'
import { createChangeLog, type ChangeEvent } from '../../src/home/change-log.ts'
import { openEventFeed } from '../../src/home/event-feed.ts'
import type { Standing } from '../../src/home/hosting.ts'
import { createMemoryStore, type KeyValueStore, type Signer } from '../../src/index.ts'
import { NOON, openDevice, signerOf } from '../client/world.ts'
import { versionOf } from './home-server.ts'

const signers = await Promise.all([1, 2, 3, 4, 5].map(signerOf))
const [alice, bob] = signers as [Signer, Signer]

const open = ({ state = createMemoryStore(), standing = 'active' as Standing, ...options }: { state?: KeyValueStore; standing?: Standing; maxEvents?: number; maxAgeMs?: number; clock?: () => number } = {}) => {
  const { profiles } = openDevice({ state })
  const log = createChangeLog({ state, hosting: { standing: async () => standing }, clock: () => NOON, ...options })
  const publish = async (signer: Signer, seq: number) => profiles.accept({ record: await versionOf(signer, 'x', { seq }) }, { wait: 'local' })
  return { state, log, publish }
}

const seen = (events: readonly ChangeEvent[]) => events.map(({ id, sequence }) => `${signers.findIndex((signer) => signer.id === id)}@${sequence - 1_795_000_000n}`)

test('tells each change once, what came together as one, in the order of the log', async () => {
  const { log, publish, state } = open()
  await publish(alice, 1_795_000_000)
  await publish(alice, 1_795_000_001)
  await log.drain()
  await publish(bob, 1_795_000_000)
  await log.drain()
  await publish(alice, 1_795_000_002)
  await log.drain()
  await log.drain()
  const events = await log.after(undefined)
  expect(seen(events)).toEqual(['0@1', '1@0', '0@2'])
  expect(seen(await log.after(events[1]!.key))).toEqual(['0@2'])
  expect([await log.last(), await log.has(events[0]!.key), await log.has('001795521600000-000000000999')]).toEqual([events[2]!.key, true, false])
  expect(await Array.fromAsync(state.entries({ prefix: 'change/' }))).toEqual([])
})

test('what this node only looked up is told to nobody', async () => {
  const { log, publish, state } = open({ standing: 'none' })
  await publish(alice, 1_795_000_000)
  await log.drain()
  expect([await log.after(undefined), await Array.fromAsync(state.entries({ prefix: 'change/' }))]).toEqual([[], []])
})

test('two processes over one state tell each change once, in one order', async () => {
  const { log, publish, state } = open()
  const other = open({ state }).log
  for (let seq = 1_795_000_000; seq < 1_795_000_010; seq++) {
    await Promise.all(signers.map((signer) => publish(signer, seq)))
    await Promise.all([log.drain(), other.drain(), log.drain()])
    await log.drain()
  }
  const events = await log.after(undefined)
  expect(seen(events).toSorted()).toEqual(signers.flatMap((_, i) => Array.from({ length: 10 }, (_, seq) => `${i}@${seq}`)).toSorted())
  expect(events.map(({ key }) => key)).toEqual(events.map(({ key }) => key).toSorted())
  for (let i = 0; i < 5; i++) expect(seen(events).filter((name) => name.startsWith(`${i}@`))).toEqual(Array.from({ length: 10 }, (_, seq) => `${i}@${seq}`))
})

test('keeps so many events and no more, and none for too long; a clock that goes back does not reorder them', async () => {
  let now = NOON
  const { log, publish } = open({ maxEvents: 3, maxAgeMs: 1_000, clock: () => now })
  for (let seq = 0; seq < 5; seq++) {
    await publish(alice, 1_795_000_000 + seq)
    await log.drain()
    if (seq === 2) now -= 500
  }
  expect(seen(await log.after(undefined))).toEqual(['0@2', '0@3', '0@4'])
  now = NOON + 1_000
  await log.drain()
  expect(await log.after(undefined)).toEqual([])
  expect(await log.last()).toBeDefined()
})

test('whoever follows hears of changes by this process and by others, and ends with its signal', async () => {
  const { log, publish, state } = open()
  const feed = openEventFeed(log, { lookMs: 20 })
  const stop = new AbortController()
  const first = feed.next(undefined, stop.signal)
  await publish(alice, 1_795_000_000)
  feed.notice()
  const [event] = await first
  const next = feed.next(event!.key, stop.signal)
  await publish(bob, 1_795_000_000)
  await open({ state }).log.drain()
  expect(seen(await next)).toEqual(['1@0'])
  const never = feed.next(await log.last(), stop.signal)
  stop.abort(new Error('enough'))
  await expect(never).rejects.toThrow('enough')
  await feed.close()
})
