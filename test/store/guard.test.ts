import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { ConflictError } from '../../src/errors.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { guardHashStore, guardKeyValueStore } from '../../src/store/guard.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import type { KeyRange, KeyValueStore } from '../../src/store/key-value-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { testHashStore, testKeyValueStore } from '../../src/testing/index.ts'

testKeyValueStore('a guarded store', { create: async () => ({ open: async () => guardKeyValueStore(createMemoryStore()) }) })
testHashStore('a guarded hash store', { create: async () => ({ open: async () => guardHashStore(createHashStore(createMemoryStore())) }) })

/** Lists what it is told to, whatever it is asked for. */
const listing = (...keys: unknown[]): { store: KeyValueStore; left: () => boolean } => {
  let left = false
  const entries = async function * (): AsyncGenerator<[string, Uint8Array]> {
    try {
      for (const key of keys) yield [key as string, utf8('v')]
    } finally {
      left = true
    }
  }
  return { store: guardKeyValueStore({ ...createMemoryStore(), entries }), left: () => left }
}
const keysOf = async (store: KeyValueStore, range: KeyRange): Promise<string[]> => (await Array.fromAsync(store.entries(range))).map(([key]) => key)

describe('entries', () => {
  it.each<[string, unknown[], KeyRange]>([
    ['backwards', ['b', 'a'], {}],
    ['forwards where backwards was asked for', ['a', 'b'], { reverse: true }],
    ['one twice', ['a', 'a'], {}],
    ['one below an inclusive bound', ['a'], { gte: 'b' }],
    ['one at an exclusive bound', ['b'], { gt: 'b' }],
    ['one at an exclusive upper bound', ['b'], { lt: 'b' }],
    ['one above an inclusive upper bound', ['c'], { lte: 'b' }],
    ['one without the prefix', ['b'], { prefix: 'a' }],
    ['by UTF-16 instead of UTF-8', ['😀', '\uffff'], {}],
    ['something else than keys', [7], {}]
  ])('%s is a STORE_FAILED, and the iteration is left', async (_, keys, range) => {
    const { store, left } = listing(...keys)
    await expect(keysOf(store, range)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(left()).toBe(true)
  })

  it('ends at its limit, whatever more there is', async () => {
    const { store, left } = listing('a', 'b', 'c')
    expect(await keysOf(store, { limit: 2 })).toEqual(['a', 'b'])
    expect(left()).toBe(true)
    expect(await keysOf(store, { gte: 'a', lte: 'c' })).toEqual(['a', 'b', 'c'])
  })
})

describe('calls', () => {
  const never = (): Promise<never> => new Promise(() => undefined)

  it('whatever is thrown is a typed error; one that is typed stays itself', async () => {
    const conflict = new ConflictError('x')
    for (const thrown of [undefined, null, 'text', new Error('plain'), Object.create(null), { code: 'NOT_FOUND' }]) {
      const store = guardKeyValueStore({ ...createMemoryStore(), get: () => { throw thrown } })
      await expect(store.get('a')).rejects.toMatchObject({ code: 'STORE_FAILED', name: 'StoreError' })
    }
    await expect(guardKeyValueStore({ ...createMemoryStore(), batch: async () => { throw conflict } }).batch([])).rejects.toBe(conflict)
  })

  it('every wait ends with its signal, for its reason', async () => {
    const reason = new Error('the reason')
    const cid = await cidOf(utf8('a'), RAW)
    const store = guardKeyValueStore({ ...createMemoryStore(), get: never, put: never, delete: never, batch: never, entries: () => ({ [Symbol.asyncIterator]: () => ({ next: never }) }) })
    const blocks = guardHashStore({ ...createHashStore(createMemoryStore()), get: never, put: never, pin: never, unpin: never })
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => store.get('a', { signal }), (signal) => store.put('a', utf8('a'), { signal }), (signal) => store.delete('a', { signal }), (signal) => store.batch([], { signal }), (signal) => Array.fromAsync(store.entries({}, { signal })),
      (signal) => blocks.get(cid, { signal }), (signal) => blocks.put(cid, utf8('a'), { signal }), (signal) => blocks.pin(cid, { signal }), (signal) => blocks.unpin(cid, { signal })
    ]
    for (const call of calls) {
      const controller = new AbortController()
      const outcome = call(controller.signal)
      controller.abort(reason)
      await expect(outcome).rejects.toBe(reason)
    }
  })

  it('what is no bytes is refused, a Buffer comes out plain', async () => {
    for (const value of [null, 'text', 7, {}, [1], new ArrayBuffer(1)]) {
      await expect(guardKeyValueStore({ ...createMemoryStore(), get: async () => value as never }).get('a')).rejects.toMatchObject({ code: 'STORE_FAILED' })
    }
    const bytes = await guardKeyValueStore({ ...createMemoryStore(), get: async () => Buffer.from('a') }).get('a')
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
  })
})
