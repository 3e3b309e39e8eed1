import { describe, expect, test } from 'vitest'
import { createHostingBooks } from '../../../src/home/hosting-books.ts'
import { readSettings } from '../../../src/home/settings.ts'
import { StoreError, createHashStore, createMemoryStore, createProfiles, createSigner, type KeyValueStore } from '../../../src/index.ts'
import { DAY_MS } from '../../../src/limits.ts'
import { NOON, signerOf } from '../../client/world.ts'
import { requestOf, versionOf } from '../running-home.ts'
import { keysOf, openBooks } from './open-books.ts'

/** A view of `store` whose writes fail from the one after `left` on, as if the process had been killed there. */
const failingAfter = (store: KeyValueStore, left: { writes: number }): KeyValueStore => {
  const write = <A extends unknown[]>(method: (...args: A) => Promise<void>) => async (...args: A): Promise<void> => {
    if (left.writes-- <= 0) throw new StoreError('killed here')
    return method(...args)
  }
  return { ...store, put: write(store.put), delete: write(store.delete), batch: write(store.batch) }
}

/** A profile that left 30 days ago, with all that a profile can leave here. */
const leftLongAgo = async (state: KeyValueStore): Promise<void> => {
  const books = await openBooks({ state })
  const alice = await signerOf(2)
  const { entry } = await books.agreements.offer(requestOf(alice, { peer: (await signerOf(7)).id }))
  const { acceptance } = books.agreements.describe(alice.id, entry, { usedBytes: 0, addresses: [] })
  const version = await versionOf(alice, { seq: 1, homes: [acceptance], now: NOON })
  await books.profiles.accept(version, { id: alice.id, wait: 'local' })
  await books.hosting.taken(alice.id, version)
  await books.backups.put(alice.id, 'vault', new Uint8Array(3), { condition: 'none', quota: 100 })
  await books.agreements.end(alice.id)
  await books.profiles.close()
}

describe('forgetting a profile', () => {
  test('goes on after a crash at any write, and leaves nothing but the pledge, the floor and the count', async () => {
    const alice = await signerOf(2)
    let writes = 0
    for (let isDone = false; !isDone; writes++) {
      const state = createMemoryStore()
      await leftLongAgo(state)
      const left = { writes }
      const dying = await openBooks({ state: failingAfter(state, left), at: NOON + 31 * DAY_MS })
      const { failed } = await dying.chores.run().catch((error: unknown) => ({ failed: error }))
      isDone = failed === undefined
      await dying.profiles.close().catch(() => undefined)
      const next = await openBooks({ state, at: NOON + 31 * DAY_MS })
      expect(await next.chores.run()).not.toHaveProperty('failed')
      expect(await next.hosting.standing(alice.id)).toBe('none')
      expect(await next.profiles.stored(alice.id)).toBeUndefined()
      expect(await keysOf(state)).toEqual(['count', `witness/${alice.id}`])
      expect(await next.agreements.count()).toBe(0)
      await next.profiles.close()
    }
    expect(writes).toBeGreaterThan(3)
  })

  test('that fails holds up no other chore, and says so', async () => {
    const state = createMemoryStore()
    await leftLongAgo(state)
    const blocks = createHashStore(createMemoryStore())
    const profiles = createProfiles({ blocks, routers: [], state, volatile: true })
    const alice = await signerOf(2)
    const books = createHostingBooks({ home: await signerOf(1), state, blocks, settings: readSettings({ policy: 'open' }), clock: () => NOON + 31 * DAY_MS, profiles: { ...profiles, forget: async (id) => { if (id === alice.id) throw new StoreError('not now') } } })
    const bob = await signerOf(3)
    const soon = await openBooks({ state, at: NOON + 29 * DAY_MS })
    await soon.agreements.offer(requestOf(bob))
    const { failed } = await books.chores.run()
    expect(failed).toMatchObject({ count: 1, error: { code: 'STORE_FAILED' } })
    expect(await books.hosting.standing(bob.id)).toBe('none')
    // What is being removed is nobody's to take up.
    expect(await books.hosting.standing(alice.id)).toBe('none')
    await expect(books.agreements.offer(requestOf(alice))).rejects.toMatchObject({ code: 'LEAVING' })
    await profiles.close()
  })
})

test('one pass takes 256, and the next one the rest', async () => {
  const books = await openBooks()
  const keys = Array.from({ length: 300 }, (_, i) => new Uint8Array(32).fill(i % 256, 0, 31).fill(Math.floor(i / 256), 31))
  await Promise.all(keys.map(async (key) => books.agreements.offer({ persona: (await createSigner(key)).id, next: null })))
  books.sleep(2 * DAY_MS)
  expect(await books.chores.run()).toMatchObject({ done: 256, more: true })
  expect(await books.chores.run()).toMatchObject({ done: 44, more: false })
  expect(await books.agreements.count()).toBe(0)
})

describe('what somebody leaves here while he is forgotten', () => {
  test('is refused, though he had a place when his request came', async () => {
    const state = createMemoryStore()
    const alice = await signerOf(2)
    const home = await openBooks({ state })
    await home.agreements.offer(requestOf(alice))
    let isMet = false
    // Between the look and the write of the one, the other removes what lapsed.
    const met: KeyValueStore = { ...state, batch: async (operations, options) => {
      if (!isMet && operations.some(({ key }) => key.includes('/backup-body/'))) {
        isMet = true
        home.sleep(DAY_MS)
        await home.chores.run()
      }
      return state.batch(operations, options)
    } }
    const { agreements, backups, nonces } = await openBooks({ state: met })
    const note = agreements.whileHeld(alice.id, nonces.noteOf({ signer: alice.id, nonce: 'a'.repeat(16), created: NOON / 1_000 }))
    await expect(backups.put(alice.id, 'vault', new Uint8Array(3), { condition: 'none', quota: 100, note })).rejects.toMatchObject({ code: 'NOT_HOSTED' })
    expect(isMet).toBe(true)
    expect(await keysOf(state)).toEqual(['count', `witness/${alice.id}`])
  })
})
