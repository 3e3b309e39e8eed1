import { expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { StoreError } from '../../src/errors.ts'
import { MAX_GROUP_BYTES, MAX_GROUP_OPERATIONS, createGroupCommit } from '../../src/store/group-commit.ts'
import type { KeyValueStore, Operation } from '../../src/store/key-value-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'

/** A memory store that writes when it is told to, and keeps count. */
const createSlowStore = () => {
  const memory = createMemoryStore()
  const batches: (readonly Operation[])[] = []
  const held: (() => void)[] = []
  let failure: unknown
  const other = async (): Promise<void> => { throw new Error('not a batch') }
  const store: KeyValueStore = {
    ...memory,
    put: other,
    delete: other,
    async batch (operations) {
      batches.push(operations)
      await new Promise<void>((resolve) => held.push(resolve))
      if (failure !== undefined) throw failure
      await memory.batch(operations)
    }
  }
  return {
    store,
    memory,
    /** The keys of every batch that arrived, in order. */
    keys: () => batches.map((operations) => operations.map(({ key }) => key)),
    /** Lets the batch that is under way finish, and what follows from that happen. */
    async release (error?: unknown): Promise<void> {
      failure = error
      held.shift()?.()
      await settle()
    },
    async releaseAll (): Promise<void> {
      while (held.length > 0) await this.release()
    }
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const value = utf8('value')
const put = (key: string): Operation => ({ type: 'put', key, value })
const check = (key: string, expected?: Uint8Array): Operation => ({ type: 'check', key, value: expected })

it('writes one that comes alone at once and once', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  for (const write of [() => group.put('a', value), () => group.delete('a'), () => group.batch([put('b'), put('c')])]) {
    const before = slow.keys().length
    const done = write()
    expect(slow.keys()).toHaveLength(before + 1)
    await slow.release()
    await done
    expect(slow.keys()).toHaveLength(before + 1)
  }
})

it('writes what arrives meanwhile as one batch, and acknowledges none before that', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  let acknowledged = 0
  const writes = Array.from({ length: 100 }, async (_, i) => {
    await group.put(`${i}`, value)
    acknowledged++
  })
  await settle()
  expect([slow.keys().length, acknowledged]).toEqual([1, 0])
  await slow.release()
  expect([slow.keys().length, acknowledged]).toEqual([2, 1])
  await slow.release()
  expect(acknowledged).toBe(100)
  await Promise.all(writes)
  expect(slow.keys().map((keys) => keys.length)).toEqual([1, 99])
})

it('lets a write that shares a key wait, and none overtake it', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  const writes = [
    group.put('first', value), group.batch([put('a')]), group.batch([put('a'), put('b')]), group.batch([check('b', value), put('c')]), group.batch([check('x'), put('d')]), group.batch([check('x')]), group.delete('c'), group.put('e', value)
  ]
  await slow.releaseAll()
  await Promise.all(writes)
  expect(slow.keys()).toEqual([['first'], ['a', 'x', 'd', 'e'], ['a', 'b', 'x'], ['b', 'c'], ['c']])
  expect(await slow.memory.get('c')).toBeUndefined()
})

it('tells a conflict to the guilty alone', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  const writes = Promise.allSettled([group.put('first', value), group.batch([put('a')]), group.batch([check('first'), put('b')]), group.batch([check('absent'), put('c')]), group.batch([check('absent too', value)])])
  await slow.releaseAll()
  expect((await writes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'written'))).toEqual(['written', 'written', 'CONFLICT', 'written', 'CONFLICT'])
  expect(slow.keys()).toEqual([['first'], ['a', 'first', 'b', 'absent', 'c', 'absent too'], ['a'], ['first', 'b'], ['absent', 'c'], ['absent too']])
  expect(await slow.memory.get('b')).toBeUndefined()
  expect(await slow.memory.get('c')).toEqual(value)
})

it('tells any other error to the whole group and goes on', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  const full = new StoreError('the disk is full')
  const writes = Promise.allSettled([group.put('first', value), group.put('a', value), group.put('b', value), group.put('a', utf8('second'))])
  await slow.release()
  await slow.release(full)
  await slow.releaseAll()
  expect(await writes).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: full }, { status: 'rejected', reason: full }, { status: 'fulfilled' }])
  expect(await slow.memory.get('a')).toEqual(utf8('second'))
})

it('bounds a group, but not a single write', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  const many = Array.from({ length: MAX_GROUP_OPERATIONS }, (_, i) => put(`many ${i}`))
  const half = new Uint8Array(MAX_GROUP_BYTES / 2 - 1)
  const writes = [
    group.put('first', value), group.put('a', value), group.batch([...many, put('one more')]), group.put('b', half), group.put('c', half), group.put('d', half), group.batch(many.slice(1).map(({ key }) => put(`${key}!`)))
  ]
  await slow.releaseAll()
  await Promise.all(writes)
  expect(slow.keys().map((keys) => (keys.length > 10 ? [keys[0], keys.length] : keys))).toEqual([['first'], ['a', 'b'], ['many 0', 1_025], ['c', 'd'], ['many 1!', 1_023]])
})

it('does not write what is aborted while it waits, and tells the outcome of what is aborted later', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  const controller = new AbortController()
  const reason = new Error('the reason')
  const writes = Promise.allSettled([group.put('first', value, { signal: controller.signal }), group.put('a', value, { signal: controller.signal }), group.put('b', value)])
  controller.abort(reason)
  await slow.releaseAll()
  expect(await writes).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason }, { status: 'fulfilled' }])
  expect(slow.keys()).toEqual([['first'], ['b']])
})

it('keeps a check away from the others where the store below has none', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit({ ...slow.store, supports: { ...slow.store.supports, conditionalBatch: false } })
  const writes = Promise.allSettled([group.put('first', value), group.put('a', value), group.batch([check('x'), put('b')])])
  await slow.releaseAll()
  expect((await writes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'written'))).toEqual(['written', 'written', 'NOT_SUPPORTED'])
})

it('finishes in close what was asked before, and leaves the store open', async () => {
  const slow = createSlowStore()
  const group = createGroupCommit(slow.store)
  const work = Promise.all([group.put('a', value), group.put('b', value), group.close()])
  await slow.releaseAll()
  await work
  expect(await slow.memory.get('b')).toEqual(value)
  await expect(group.put('c', value)).rejects.toMatchObject({ code: 'CLOSED' })
})
