import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createMemoryStore, type KeyValueStore } from '../../src/index.ts'
import { openDevice, openWorld, signerOf } from './world.ts'

const alice = await signerOf(1)
const large = 'x'.repeat(12_000)

/** `state` as a process sees it that reads a head while `between` runs, once: all parts of it but those that `late` names before, those after. */
const tornBetween = (state: KeyValueStore, late: RegExp, between: () => Promise<unknown>): KeyValueStore => {
  let asked: string[] = []
  let running: Promise<unknown> | undefined
  return {
    ...state,
    async get (key, options) {
      const early = await state.get(key, options)
      asked.push(key)
      await nextTurn()
      // A head is asked for with floor and record at once; what else is asked for is let through.
      if (asked.some((other) => other.startsWith('floor/')) && asked.some((other) => other.startsWith('record/'))) running ??= between()
      asked = []
      if (!late.test(key)) return early
      await running
      return state.get(key, options)
    }
  }
}

describe('two processes over one state', () => {
  it.each([[/^floor/, ''], [/^record/, ''], [/^document/, large], [/^floor/, large], [/^(?:floor|record)/, large]])('see one head, though the other publishes before %s is read (case %#)', async (late, filler) => {
    const world = openWorld()
    const state = createMemoryStore()
    const other = openDevice({ ...world, state }).profiles
    await other.publish({ name: 'Alice', bio: 'one', 'org.example.test/filler': filler }, alice, { wait: 'all', first: true })
    const second = await other.publish({ name: 'Alice', bio: 'two', 'org.example.test/filler': filler }, alice, { wait: 'all' })
    let third = second
    const torn = tornBetween(state, late, async () => { third = await other.edit(alice, (draft) => ({ ...draft, tags: ['kept'] }), { wait: 'all' }) })
    const here = openDevice({ ...world, state: torn }).profiles
    const seen = await here.resolve(alice.id, { policy: 'offline' })
    expect(seen.sequence).toBeGreaterThanOrEqual(second.sequence)
    const again = tornBetween(state, late, async () => { third = await other.edit(alice, (draft) => ({ ...draft, tags: ['kept', 'too'] }), { wait: 'all' }) })
    const editor = openDevice({ ...world, state: again }).profiles
    const fourth = await editor.edit(alice, (draft) => ({ ...draft, bio: 'four' }), { wait: 'local' })
    expect(fourth.sequence).toBeGreaterThan(third.sequence)
    const { profile } = await other.resolve(alice.id, { policy: 'offline' })
    expect([profile.bio, profile.tags]).toEqual(['four', ['kept', 'too']])
    for (const profiles of [other, here, editor]) await profiles.close()
  })

  it('publish over each other, also what came between a look-up and its commit', async () => {
    const world = openWorld()
    const state = createMemoryStore()
    const other = openDevice({ ...world, state }).profiles
    await other.publish({ name: 'Alice' }, alice, { wait: 'all', first: true })
    const elsewhere = openDevice(world).profiles
    await elsewhere.edit(alice, (draft) => ({ ...draft, bio: 'from elsewhere' }), { wait: 'all' })
    let between: Promise<{ sequence: bigint }> | undefined
    const late: KeyValueStore = {
      ...state,
      async batch (operations, options) {
        if (operations.some(({ type, key }) => type === 'check' && key.startsWith('floor/'))) await (between ??= other.edit(alice, (draft) => ({ ...draft, tags: ['kept'] }), { wait: 'all' }))
        await state.batch(operations, options)
      }
    }
    const here = openDevice({ ...world, state: late }).profiles
    const last = await here.edit(alice, (draft) => ({ ...draft, name: 'Alice Liddell' }), { wait: 'all' })
    expect(last.sequence).toBeGreaterThan((await between!).sequence)
    const { profile } = await elsewhere.resolve(alice.id, { policy: 'all' })
    expect([profile.name, profile.bio, profile.tags]).toEqual(['Alice Liddell', 'from elsewhere', ['kept']])
    for (const profiles of [other, elsewhere, here]) await profiles.close()
  })

  it('tells a state whose parts do not fit together', async () => {
    const state = createMemoryStore()
    const { profiles } = openDevice({ state })
    await profiles.publish({ name: 'Alice' }, alice, { first: true })
    const record = (await state.get(`record/${alice.id}`))!
    await profiles.publish({ name: 'Alice again' }, alice)
    await state.put(`record/${alice.id}`, record)
    await expect(profiles.resolve(alice.id, { policy: 'offline' })).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await profiles.close()
  })
})
