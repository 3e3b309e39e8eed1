import { utf8 } from '../../bytes.ts'
import { MAX_STORE_KEY_BYTES } from '../../limits.ts'
import type { KeyRange, KeyValueStore, Operation } from '../../store/key-value-store.ts'
import { assert, assertBytes, assertCode, assertList, assertReason } from '../assert.ts'
import type { Clause } from '../clause.ts'
import { collect, entriesOf, everyByte, expectedKeys, fill, keysOf, range } from './entries.ts'
import type { KeyValueStoreSetup } from './setup.ts'

/** Aborting, closing, opening again, and all of it together against a model. */
export const lifecycleClauses: readonly Clause<KeyValueStore, KeyValueStoreSetup>[] = [
  {
    name: 'a call whose signal is aborted already does nothing and rejects with the reason',
    async run ({ open }) {
      const store = await open()
      await store.put('kept', utf8('value'))
      const reason = new Error('the reason')
      const signal = AbortSignal.abort(reason)
      await assertReason(store.get('kept', { signal }), reason, 'get')
      await assertReason(store.put('new', utf8('v'), { signal }), reason, 'put')
      await assertReason(store.delete('kept', { signal }), reason, 'delete')
      await assertReason(store.batch([{ type: 'put', key: 'new', value: utf8('v') }], { signal }), reason, 'batch')
      await assertReason(collect(store.entries({}, { signal })), reason, 'entries')
      assertList(await keysOf(store), ['kept'], 'the keys')
    }
  },
  {
    name: 'a write that is aborted under way happens whole or not at all',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.atomicBatch) return
      const reason = new Error('the reason')
      for (const round of range(6)) {
        const controller = new AbortController()
        const before = Promise.all(range(round).map((i) => store.put(`before ${i}`, utf8('v'))))
        const aborted = store.batch([{ type: 'put', key: `a ${round}`, value: utf8('v') }, { type: 'put', key: `b ${round}`, value: utf8('v') }], { signal: controller.signal })
        controller.abort(reason)
        const [outcome] = await Promise.allSettled([aborted, before])
        assert(outcome.status === 'fulfilled' || outcome.reason === reason, 'an aborted write rejects with something else than the reason')
        const written = [await store.get(`a ${round}`), await store.get(`b ${round}`)].filter((value) => value !== undefined).length
        assert(written === 2 || (written === 0 && outcome.status === 'rejected'), `${written} of 2 keys are written after the batch was ${outcome.status}`)
      }
    }
  },
  {
    name: 'an iteration that is aborted under way rejects with the reason or goes on',
    async run ({ open }) {
      const store = await open()
      await fill(store, range(50).map((i) => `key ${i}`))
      const controller = new AbortController()
      const reason = new Error('the reason')
      const iterator = store.entries({}, { signal: controller.signal })[Symbol.asyncIterator]()
      await iterator.next()
      controller.abort(reason)
      const [outcome] = await Promise.allSettled([iterator.next()])
      assert(outcome.status === 'fulfilled' || outcome.reason === reason, 'an aborted iteration rejects with something else than the reason')
      await iterator.return?.()
    }
  },
  {
    name: 'after close every call and every step of an iteration rejects with CLOSED, and close may be called twice',
    async run ({ open }) {
      const store = await open()
      await fill(store, ['a', 'b', 'c'])
      const iterator = store.entries()[Symbol.asyncIterator]()
      await iterator.next()
      await store.close()
      await store.close()
      await assertCode(iterator.next(), 'CLOSED', 'a step of an iteration under way')
      await assertCode(store.get('a'), 'CLOSED', 'get')
      await assertCode(store.put('a', utf8('v')), 'CLOSED', 'put')
      await assertCode(store.delete('a'), 'CLOSED', 'delete')
      await assertCode(store.batch([]), 'CLOSED', 'batch')
      await assertCode(keysOf(store), 'CLOSED', 'entries')
    }
  },
  {
    name: 'close lets the calls before it finish',
    async run ({ open }) {
      const store = await open()
      const calls = [...range(8).map((i) => store.put(`key ${i}`, utf8(`${i}`))), store.get('key 0'), store.batch([{ type: 'put', key: 'batch', value: utf8('v') }])]
      const [outcomes] = await Promise.all([Promise.allSettled(calls), store.close()])
      for (const outcome of outcomes) assert(outcome.status === 'fulfilled', `a call made before close was rejected with ${outcome.status === 'rejected' ? String(outcome.reason) : ''}`)
      if (store.supports.persistence) assert((await keysOf(await open())).length === 9, 'a write made before close is lost')
    }
  },
  {
    name: 'values survive close and open where persistence is yes, and only there',
    async run ({ open, maxKeyBytes = MAX_STORE_KEY_BYTES }) {
      const store = await open()
      await fill(store, ['a', 'deleted', 'k'.repeat(maxKeyBytes), 'Ä/../b'])
      await store.batch([{ type: 'delete', key: 'deleted' }, { type: 'put', key: 'batched', value: everyByte }, { type: 'put', key: 'a', value: new Uint8Array() }])
      await store.close()
      const again = await open()
      if (!again.supports.persistence) return assertList(await keysOf(again), [], 'the keys of a store that keeps nothing')
      assertList(await keysOf(again), ['a', 'batched', 'k'.repeat(maxKeyBytes), 'Ä/../b'], 'the keys')
      assertBytes(await again.get('a'), new Uint8Array(), 'the value that was emptied')
      assertBytes(await again.get('batched'), everyByte, 'the value of the batch')
      assertBytes(await again.get('Ä/../b'), utf8('Ä/../b'), 'the value that was put')
    }
  },
  {
    name: 'a second open shares the data or rejects with STORE_LOCKED, and the first works on',
    async run ({ open }) {
      const first = await open()
      await first.put('first', utf8('1'))
      const [outcome] = await Promise.allSettled([open()])
      if (outcome.status === 'rejected') {
        assert((outcome.reason as { code?: string }).code === 'STORE_LOCKED', `the second open was rejected with ${String(outcome.reason)}`)
      } else if (first.supports.persistence) {
        assertBytes(await outcome.value.get('first'), utf8('1'), 'the first value, read by the second')
        await outcome.value.put('second', utf8('2'))
        assertBytes(await first.get('second'), utf8('2'), 'the second value, read by the first')
        await outcome.value.close()
      }
      await first.put('third', utf8('3'))
      assertBytes(await first.get('first'), utf8('1'), 'the first value')
      assertBytes(await first.get('third'), utf8('3'), 'the third value')
      await first.close()
      await (await open()).put('fourth', utf8('4'))
    }
  },
  {
    name: 'supports are facts that do not change',
    async run ({ open }) {
      const store = await open()
      const facts = (): boolean[] => [store.supports.persistence, store.supports.atomicBatch, store.supports.conditionalBatch]
      const before = facts()
      for (const fact of before) assert(typeof fact === 'boolean', 'a fact is neither true nor false')
      await store.put('a', utf8('1'))
      await store.close()
      assertList(facts(), before, 'supports')
    }
  },
  {
    name: 'it agrees with a model over 400 random operations',
    async run ({ open }) {
      const store = await open()
      const model = new Map<string, Uint8Array>()
      const random = generator(42)
      const keys = range(40).map((i) => `${['a', 'b', 'c'][i % 3]}${['é', '😀', '\uffff', '/', ''][i % 5]}${i >> 2}`)
      const anyKey = (): string => keys[random(keys.length)]!
      const anyValue = (): Uint8Array => Uint8Array.from(range(random(20)), () => random(256))
      const writes = (): Operation[] => range(1 + random(5)).map(() => (random(3) === 0 ? { type: 'delete', key: anyKey() } : { type: 'put', key: anyKey(), value: anyValue() }))
      for (const step of range(400)) {
        const operations = writes()
        await (operations.length === 1 && operations[0]?.type === 'put' ? store.put(operations[0].key, operations[0].value) : store.batch(operations))
        for (const operation of operations) {
          if (operation.type === 'put') model.set(operation.key, operation.value)
          else model.delete(operation.key)
        }
        const key = anyKey()
        assertBytes(await store.get(key), model.get(key), `${JSON.stringify(key)} after step ${step}`)
        if (step % 10 !== 0) continue
        const bounds: KeyRange = { ...(random(2) ? { gte: anyKey() } : {}), ...(random(2) ? { lt: anyKey() } : {}), reverse: random(2) === 1, ...(random(2) ? { limit: random(12) } : {}) }
        const entries = await entriesOf(store, bounds)
        assertList(entries.map(([key]) => key), expectedKeys([...model.keys()], bounds), `step ${step}, ${JSON.stringify(bounds)}`)
        for (const [key, value] of entries) assertBytes(value, model.get(key), `${JSON.stringify(key)} in step ${step}`)
      }
    }
  }
]

/** A small generator of the same whole numbers below `bound` in every run. */
const generator = (seed: number): ((bound: number) => number) => {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

