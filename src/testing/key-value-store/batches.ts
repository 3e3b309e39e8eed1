import { utf8 } from '../../bytes.ts'
import type { KeyValueStore, Operation } from '../../store/key-value-store.ts'
import { assert, assertBytes, assertCode, assertList } from '../assert.ts'
import type { Clause } from '../clause.ts'
import { entriesOf, fill, keysOf, range } from './entries.ts'
import type { KeyValueStoreSetup } from './setup.ts'

/** `batch`: order, checks, atomicity. */
export const batchClauses: readonly Clause<KeyValueStore, KeyValueStoreSetup>[] = [
  {
    name: 'a batch is written in order, so that the last operation on a key counts',
    async run ({ open }) {
      const store = await open()
      await store.put('b', utf8('old'))
      await store.batch([
        { type: 'put', key: 'a', value: utf8('1') }, { type: 'put', key: 'a', value: utf8('2') },
        { type: 'put', key: 'b', value: utf8('new') }, { type: 'delete', key: 'b' },
        { type: 'delete', key: 'c' }, { type: 'put', key: 'c', value: utf8('3') }
      ])
      assertBytes(await store.get('a'), utf8('2'), 'put twice')
      assertBytes(await store.get('b'), undefined, 'put and deleted')
      assertBytes(await store.get('c'), utf8('3'), 'deleted and put')
      assertList(await keysOf(store), ['a', 'c'], 'the keys')
    }
  },
  {
    name: 'an empty batch is no error',
    async run ({ open }) {
      const store = await open()
      await store.batch([])
      assertList(await keysOf(store), [], 'the keys')
    }
  },
  {
    name: 'a batch whose checks hold is written',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.conditionalBatch) return
      await fill(store, ['present', 'gone'])
      await store.delete('gone')
      await store.put('empty', new Uint8Array())
      await store.batch([
        { type: 'check', key: 'present', value: utf8('present') }, { type: 'check', key: 'gone', value: undefined },
        { type: 'check', key: 'never', value: undefined }, { type: 'check', key: 'empty', value: new Uint8Array() },
        { type: 'put', key: 'written', value: utf8('yes') }
      ])
      assertBytes(await store.get('written'), utf8('yes'), 'the value written under checks')
      await store.batch([{ type: 'check', key: 'present', value: utf8('present') }])
    }
  },
  {
    name: 'a check that does not hold is a CONFLICT and nothing is written',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.conditionalBatch) return
      await fill(store, ['present'])
      await store.put('empty', new Uint8Array())
      const failing: [string, Uint8Array | undefined][] = [['present', undefined], ['present', utf8('presenT')], ['present', utf8('presen')], ['present', utf8('present!')], ['present', new Uint8Array()], ['absent', new Uint8Array()], ['absent', utf8('x')], ['empty', undefined], ['empty', utf8('\0')]]
      for (const [key, value] of failing) {
        const check: Operation = { type: 'check', key, value }
        const put: Operation = { type: 'put', key: 'written', value: utf8('yes') }
        for (const operations of [[check, put], [put, check], [{ type: 'delete', key: 'present' } as const, check], [check]]) {
          await assertCode(store.batch(operations), 'CONFLICT', `a check that ${key} is ${value ? `"${new TextDecoder().decode(value)}"` : 'absent'}`)
        }
      }
      assertList(await keysOf(store), ['empty', 'present'], 'the keys after the conflicts')
      assertBytes(await store.get('present'), utf8('present'), 'the value after the conflicts')
    }
  },
  {
    name: 'checks look at the store as it was before the batch',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.conditionalBatch) return
      await store.batch([{ type: 'put', key: 'a', value: utf8('1') }, { type: 'check', key: 'a', value: undefined }])
      await store.batch([{ type: 'delete', key: 'a' }, { type: 'check', key: 'a', value: utf8('1') }, { type: 'put', key: 'a', value: utf8('2') }])
      await assertCode(store.batch([{ type: 'put', key: 'a', value: utf8('3') }, { type: 'check', key: 'a', value: utf8('3') }]), 'CONFLICT', 'a check of the value that the batch itself puts')
      assertBytes(await store.get('a'), utf8('2'), 'the value')
    }
  },
  {
    name: 'of concurrent batches that check one key, one at a time is written',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.conditionalBatch) return
      const outcomes = await Promise.allSettled(range(12).map((i) => store.batch([{ type: 'check', key: 'taken', value: undefined }, { type: 'put', key: 'taken', value: utf8(`${i}`) }, { type: 'put', key: `by ${i}`, value: utf8('') }])))
      const winners = range(12).filter((i) => outcomes[i]?.status === 'fulfilled')
      assert(winners.length === 1, `${winners.length} of 12 batches were written where one could`)
      for (const outcome of outcomes) assert(outcome.status === 'fulfilled' || (outcome.reason as { code?: string }).code === 'CONFLICT', 'a loser was not told CONFLICT')
      assertBytes(await store.get('taken'), utf8(`${winners[0]}`), 'the winner')
      assertList(await keysOf(store), [`by ${winners[0]}`, 'taken'], 'the keys')
    }
  },
  {
    name: 'a put between check and write is seen',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.conditionalBatch) return
      for (const round of range(8)) {
        await store.put('head', utf8('0'))
        const [conditional] = await Promise.allSettled([store.batch([{ type: 'check', key: 'head', value: utf8('0') }, { type: 'put', key: `seen ${round}`, value: utf8('0') }, { type: 'put', key: 'head', value: utf8('batch') }]), store.put('head', utf8('put'))])
        const head = new TextDecoder().decode(await store.get('head'))
        // Either the batch came first and the put overwrote it, or the put came first and the batch met a conflict.
        assert(head === 'put', `the head is ${head} although the put was acknowledged and the batch ${conditional.status}`)
        assert((await store.get(`seen ${round}`) !== undefined) === (conditional.status === 'fulfilled'), 'the batch is half there')
      }
    }
  },
  {
    name: 'where conditionalBatch is no, a check rejects with NOT_SUPPORTED',
    async run ({ open }) {
      const store = await open()
      if (store.supports.conditionalBatch) return
      await assertCode(store.batch([{ type: 'put', key: 'a', value: utf8('1') }, { type: 'check', key: 'a', value: undefined }]), 'NOT_SUPPORTED', 'a batch with a check')
      assertList(await keysOf(store), [], 'the keys')
    }
  },
  {
    name: 'concurrent batches never interleave, and no snapshot shows a part of one',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.atomicBatch) return
      const keys = range(8).map((i) => `key ${i}`)
      const write = (id: number): Promise<void> => store.batch((id % 2 === 0 ? keys : keys.toReversed()).map((key) => ({ type: 'put', key, value: utf8(`batch ${id}`) })))
      await write(0)
      const writes = Promise.allSettled(range(24).map((i) => write(i + 1)))
      const assertWhole = async (): Promise<void> => {
        const values = new Set((await entriesOf(store)).map(([, value]) => new TextDecoder().decode(value)))
        assert(values.size === 1, `one snapshot shows parts of ${[...values].join(' and ')}`)
      }
      for (const _ of range(12)) await assertWhole()
      for (const outcome of await writes) assert(outcome.status === 'fulfilled', 'a batch was rejected')
      await assertWhole()
      assertList(await keysOf(store), keys, 'the keys')
    }
  }
]
