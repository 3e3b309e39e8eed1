import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openFsStore } from '../../src/adapters/fs.ts'
import { utf8 } from '../../src/bytes.ts'
import type { KeyValueStore, Operation } from '../../src/store/key-value-store.ts'

/** What every step on the file system does: counted, and failed when it is the one to fail. */
const faults = vi.hoisted(() => ({ log: [] as string[], failAt: 0, forGood: false, step: (async () => undefined) as (name: string) => Promise<void> }))

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>()
  const open: typeof real.open = async (path, flags, mode) => {
    await faults.step('open')
    const handle = await real.open(path, flags, mode)
    const [sync, write] = [handle.sync.bind(handle), handle.writeFile.bind(handle)]
    handle.sync = async () => { await faults.step(flags === 'r' ? 'sync directory' : 'sync file'); await sync() }
    handle.writeFile = async (...args) => { await faults.step('write'); await write(...args) }
    return handle
  }
  const rename: typeof real.rename = async (...args) => { await faults.step('rename'); await real.rename(...args) }
  const remove: typeof real.rm = async (path, options) => { if (!options?.recursive) await faults.step('remove'); await real.rm(path, options) }
  return { ...real, open, rename, rm: remove }
})

let location: string
beforeEach(async () => {
  faults.step = async (name) => {
    faults.log.push(name)
    const count = faults.log.length
    if (count === faults.failAt || (faults.forGood && faults.failAt > 0 && count > faults.failAt)) throw Object.assign(new Error(`${name} failed`), { code: 'EIO' })
  }
  location = await mkdtemp(join(tmpdir(), 'mercury-faults-'))
})
afterEach(async () => {
  faults.failAt = 0
  await rm(location, { recursive: true })
})

const before: [string, string][] = [['changed', 'old'], ['kept', 'kept'], ['removed', 'old']]
const after: [string, string][] = [['added', 'new'], ['changed', 'new'], ['kept', 'kept'], ['x'.repeat(300), 'new']]
const several: Operation[] = [{ type: 'put', key: 'changed', value: utf8('new') }, { type: 'delete', key: 'removed' }, { type: 'put', key: 'added', value: utf8('new') }, { type: 'put', key: 'x'.repeat(300), value: utf8('new') }]
const one: Operation[] = [{ type: 'put', key: 'changed', value: utf8('new') }]

const contents = async (store: KeyValueStore): Promise<[string, string][]> => {
  const found: [string, string][] = []
  for await (const [key, value] of store.entries()) found.push([key, new TextDecoder().decode(value)])
  return found
}
const opened = async (): Promise<KeyValueStore> => {
  const store = await openFsStore({ location })
  await store.batch(before.map(([key, value]) => ({ type: 'put', key, value: utf8(value) })))
  faults.log.length = 0
  return store
}

it('syncs a file and its directory for one key, and once more for the journal of several', async () => {
  const store = await opened()
  const steps = async (operations: Operation[]): Promise<string[]> => {
    faults.log.length = 0
    await store.batch(operations)
    return faults.log.filter((step) => step !== 'open' && step !== 'write')
  }
  expect(await steps(one)).toEqual(['sync file', 'rename', 'sync directory'])
  expect(await steps([{ type: 'delete', key: 'changed' }])).toEqual(['remove', 'sync directory'])
  expect(await steps([{ type: 'put', key: 'a', value: utf8('1') }, { type: 'delete', key: 'kept' }])).toEqual(['sync file', 'sync file', 'rename', 'sync directory', 'rename', 'remove', 'sync directory', 'remove', 'sync directory'])
  expect(await steps([{ type: 'check', key: 'a', value: utf8('1') }])).toEqual([])
  expect(await steps([{ type: 'delete', key: 'absent' }])).toEqual([])
  await store.close()
})

it('lets nobody see a change that is half there or not yet durable', async () => {
  const whole = async (operations: Operation[], expected: [string, string][], pauseAt: number): Promise<void> => {
    const store = await opened()
    const { promise: paused, resolve: pause } = Promise.withResolvers<void>()
    const { promise: resumed, resolve: resume } = Promise.withResolvers<void>()
    let count = 0
    faults.step = async () => {
      if (++count !== pauseAt) return
      pause()
      await resumed
    }
    const writing = store.batch(operations)
    await paused
    const looking = Promise.all([contents(store), store.get('changed'), store.get('kept')])
    await new Promise((resolve) => setTimeout(resolve, 5))
    resume()
    const [entries, changed, kept] = await looking
    await writing
    // The iteration may have started before the change or after it; `changed` is read while it is under way.
    expect([before, expected], `paused at step ${pauseAt}`).toContainEqual(entries)
    expect(['old', 'new']).toContain(new TextDecoder().decode(changed))
    expect(kept).toEqual(utf8('kept'))
    await store.batch(expected.map(([key]) => ({ type: 'delete', key })))
    await store.close()
  }
  const steps = async (operations: Operation[]): Promise<number> => {
    const store = await opened()
    await store.batch(operations)
    const { length } = faults.log
    await store.batch((await contents(store)).map(([key]) => ({ type: 'delete', key })))
    await store.close()
    return length
  }
  const count = await steps(several)
  expect(count).toBeGreaterThan(10)
  for (let pauseAt = 1; pauseAt <= count; pauseAt++) await whole(several, after, pauseAt)
})

describe.each([['one key', one, [['changed', 'new'], ['kept', 'kept'], ['removed', 'old']]], ['several keys', several, after]] as [string, Operation[], [string, string][]][])('a batch of %s', (_, operations, written) => {
  it.each([false, true])('is there whole or not at all, whichever step fails (and all that follow: %s)', async (forGood) => {
    for (let failAt = 1; ; failAt++) {
      const store = await opened()
      faults.failAt = failAt
      faults.forGood = forGood
      const [outcome] = await Promise.allSettled([store.batch(operations)])
      const done = faults.log.length < failAt
      faults.failAt = 0
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'STORE_FAILED', cause: { code: 'EIO' } })

      // The store in hand answers whole states or refuses to answer.
      const [seen] = await Promise.allSettled([contents(store)])
      if (seen.status === 'rejected') {
        expect(seen.reason).toMatchObject({ code: 'STORE_FAILED' })
        await expect(store.get('kept')).rejects.toMatchObject({ code: 'STORE_FAILED' })
        await expect(store.put('more', utf8('1'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
      } else {
        expect(seen.value).toEqual(outcome.status === 'fulfilled' ? written : before)
      }
      await store.close()
      const again = await openFsStore({ location })
      const found = await contents(again)
      expect(outcome.status === 'fulfilled' ? [written] : [before, written], `step ${failAt}, ${faults.log[failAt - 1]}`).toContainEqual(found)
      if (seen.status === 'fulfilled') expect(found).toEqual(seen.value)
      await again.batch(found.map(([key]) => ({ type: 'delete', key })))
      await again.close()
      if (done) {
        expect(outcome.status).toBe('fulfilled')
        expect(failAt).toBeGreaterThan(4)
        return
      }
    }
  })
})
