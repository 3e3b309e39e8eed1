import { expect, it, vi } from 'vitest'
import { createMemoryStore } from '../../src/index.ts'
import { NOON, openDevice, openWorld, signerOf } from './world.ts'

const alice = await signerOf(1)
const big = { 'org.example.app/filler': 'x'.repeat(12_000) }

it('is the record of the head, in one read, with what a server says of it', async () => {
  const state = createMemoryStore()
  const { profiles } = openDevice({ ...openWorld(), state })
  const { cid, sequence } = await profiles.publish({ name: 'Alice' }, alice, { wait: 'all', ttlMs: 7_000, validityMs: 9_000 })
  const { recordBytes } = await profiles.resolve(alice.id, { policy: 'offline' })
  const get = vi.spyOn(state, 'get')
  expect(await profiles.stored(alice.id)).toEqual({ record: recordBytes, cid, sequence, ttlMs: 7_000, expiresAt: new Date(NOON + 9_000) })
  expect(get).toHaveBeenCalledTimes(1)
  expect(await profiles.stored(alice.id, { document: true })).not.toHaveProperty('document')
})

it('comes with its document where that does not ride in the record, when it was asked for', async () => {
  const { profiles } = openDevice(openWorld())
  await profiles.publish(big, alice, { wait: 'all' })
  const { documentBytes } = await profiles.resolve(alice.id, { policy: 'offline' })
  expect(await profiles.stored(alice.id)).not.toHaveProperty('document')
  expect((await profiles.stored(alice.id, { document: true }))!.document).toEqual(documentBytes)
})

it('is nothing where nothing is kept, a tombstone where the profile was removed, and found by any spelling', async () => {
  const { profiles } = openDevice(openWorld())
  expect(await profiles.stored(alice.id)).toBeUndefined()
  expect(await profiles.stored(`k51${'z'.repeat(59)}`)).toBeUndefined()
  await expect(profiles.stored('alice')).rejects.toMatchObject({ code: 'INVALID_PROFILE_ID' })
  await profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
  const { sequence } = await profiles.remove(alice, { wait: 'all' })
  expect(await profiles.stored(alice.id)).toMatchObject({ sequence })
  expect(await profiles.stored(`mercury:${alice.id}`)).toMatchObject({ sequence })
})

it('never pairs a record with the document of another version', async () => {
  const state = createMemoryStore()
  const world = openWorld()
  const { profiles } = openDevice({ ...world, state })
  const other = openDevice({ ...world, state })
  await profiles.publish({ ...big, name: 'one' }, alice, { wait: 'all' })
  let published = false
  const torn = openDevice({ state: { ...state, get: async (key, options) => {
    if (key.startsWith('document/') && !published) {
      published = true
      await other.profiles.publish({ ...big, name: 'two' }, alice, { wait: 'all' })
    }
    return state.get(key, options)
  } } }).profiles
  const stored = (await torn.stored(alice.id, { document: true }))!
  expect(stored).toMatchObject({ record: (await profiles.resolve(alice.id, { policy: 'offline' })).recordBytes, document: (await profiles.resolve(alice.id, { policy: 'offline' })).documentBytes })
})
