import { compareUtf8, utf8 } from '../bytes.ts'
import { MAX_STORE_KEY_BYTES, MAX_STORE_VALUE_BYTES } from '../limits.ts'
import type { KeyRange, KeyValueStore, Operation } from '../store/key-value-store.ts'
import { assert, assertBytes, assertCode, assertList, assertReason } from './assert.ts'
import type { Clause, Setup } from './clause.ts'

export interface KeyValueStoreSetup extends Setup<KeyValueStore> {
  /** The longest key that it takes, in UTF-8 bytes: less than 1,024 only for a view behind a prefix. */
  maxKeyBytes?: number
}

/** The prose of `KeyValueStore`, sentence by sentence. */
export const keyValueStoreClauses: readonly Clause<KeyValueStore, KeyValueStoreSetup>[] = [
  {
    name: 'an absent key is answered with undefined',
    async run ({ open }) {
      assertBytes(await (await open()).get('absent'), undefined, 'an absent key')
    }
  },
  {
    name: 'a value comes back byte for byte, and put replaces it',
    async run ({ open }) {
      const store = await open()
      await store.put('key', everyByte)
      assertBytes(await store.get('key'), everyByte, 'every byte')
      await store.put('key', utf8('second'))
      assertBytes(await store.get('key'), utf8('second'), 'the second value')
    }
  },
  {
    name: 'an empty value is not absence',
    async run ({ open }) {
      const store = await open()
      await store.put('key', new Uint8Array())
      assertBytes(await store.get('key'), new Uint8Array(), 'the empty value')
      assertList(await keysOf(store), ['key'], 'the keys')
    }
  },
  {
    name: 'delete removes, and an absent key is no error',
    async run ({ open }) {
      const store = await open()
      await store.put('key', utf8('value'))
      await store.delete('key')
      await store.delete('key')
      assertBytes(await store.get('key'), undefined, 'the deleted key')
      assertList(await keysOf(store), [], 'the keys')
    }
  },
  {
    name: 'what goes in is copied',
    async run ({ open }) {
      const store = await open()
      const [put, batched] = [utf8('put'), utf8('batched')]
      const operations: Operation[] = [{ type: 'put', key: 'batched', value: batched }]
      const writes = [store.put('put', put), store.batch(operations)]
      put.fill(0)
      batched.fill(0)
      operations.length = 0
      await Promise.all(writes)
      batched.fill(1)
      assertBytes(await store.get('put'), utf8('put'), 'the value that was put')
      assertBytes(await store.get('batched'), utf8('batched'), 'the value of the batch')
    }
  },
  {
    name: 'what comes out is copied, as plain Uint8Array',
    async run ({ open }) {
      const store = await open()
      await store.put('key', utf8('value'))
      const got = await store.get('key')
      const [entry] = await entriesOf(store)
      for (const value of [got, entry?.[1]]) {
        assert(value && Object.getPrototypeOf(value) === Uint8Array.prototype, 'a value is not a plain Uint8Array')
        value.fill(0)
      }
      assertBytes(await store.get('key'), utf8('value'), 'the value after its copies were overwritten')
    }
  },
  {
    name: 'keys of 1 to 1,024 UTF-8 bytes are taken and kept apart',
    async run ({ open, maxKeyBytes = MAX_STORE_KEY_BYTES }) {
      const store = await open()
      const keys = ['k', 'k'.repeat(maxKeyBytes), 'k'.repeat(maxKeyBytes - 1), longest('€', maxKeyBytes), longest('😀', maxKeyBytes), 'K'.repeat(maxKeyBytes), 'x'.repeat(130), 'X'.repeat(255)]
      for (const key of keys) await store.put(key, utf8(key))
      for (const key of keys) assertBytes(await store.get(key), utf8(key), `the value of a key of ${utf8(key).byteLength} bytes`)
      assertList(await keysOf(store), keys.toSorted(compareUtf8), 'the keys')
    }
  },
  {
    name: 'a key that is empty, over 1,024 bytes or not well-formed is refused',
    async run ({ open, maxKeyBytes = MAX_STORE_KEY_BYTES }) {
      const store = await open()
      const refused: [string, string][] = [['', 'INVALID_KEY'], ['lone \ud800 surrogate', 'INVALID_KEY'], ['\udc00', 'INVALID_KEY'], ['k'.repeat(maxKeyBytes + 1), 'LIMIT_EXCEEDED'], [`${longest('€', maxKeyBytes)}€`, 'LIMIT_EXCEEDED']]
      for (const [key, code] of refused) {
        const what = `the key ${JSON.stringify(key.slice(0, 20))}`
        await assertCode(store.get(key), code, `get of ${what}`)
        await assertCode(store.put(key, utf8('v')), code, `put of ${what}`)
        await assertCode(store.delete(key), code, `delete of ${what}`)
        for (const operation of [{ type: 'put', key, value: utf8('v') }, { type: 'delete', key }] as const) {
          await assertCode(store.batch([{ type: 'put', key: 'good', value: utf8('v') }, operation]), code, `a batch with ${what}`)
        }
      }
      assertList(await keysOf(store), [], 'the keys after refused calls')
    }
  },
  {
    name: 'values of 0 to 16 MiB are taken, one byte more is refused before anything is written',
    async run ({ open }) {
      const store = await open()
      const largest = new Uint8Array(MAX_STORE_VALUE_BYTES + 1).fill(7)
      await store.put('largest', largest.subarray(1))
      assertBytes(await store.get('largest'), largest.subarray(1), 'the largest value')
      await assertCode(store.put('over', largest), 'LIMIT_EXCEEDED', 'a value one byte over the limit')
      await assertCode(store.batch([{ type: 'put', key: 'good', value: utf8('v') }, { type: 'put', key: 'over', value: largest }]), 'LIMIT_EXCEEDED', 'a batch with a value over the limit')
      assertList(await keysOf(store), ['largest'], 'the keys')
    }
  },
  {
    name: 'any key is inert and unlike any other',
    async run ({ open }) {
      const store = await open()
      for (const key of oddKeys) await store.put(key, utf8(`value of ${key}`))
      for (const key of oddKeys) assertBytes(await store.get(key), utf8(`value of ${key}`), `the value of ${JSON.stringify(key)}`)
      assertList(await keysOf(store), oddKeys.toSorted(compareUtf8), 'the keys')
      for (const key of oddKeys) await store.delete(key)
      assertList(await keysOf(store), [], 'the keys after all were deleted')
    }
  },
  {
    name: 'entries come in UTF-8 byte order',
    async run ({ open }) {
      const store = await open()
      const ordered = ['\0', 'A', 'B', 'a', 'a\0', 'aa', 'b', '\x7f', '\x80', 'é', '߿', 'ࠀ', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '😀', '\u{10ffff}']
      await store.batch(ordered.toReversed().map((key) => ({ type: 'put', key, value: utf8(key) })))
      for (const [key, value] of await entriesOf(store)) assertBytes(value, utf8(key), `the value of ${JSON.stringify(key)}`)
      assertList(await keysOf(store), ordered, 'the keys')
      assertList(await keysOf(store, { reverse: true }), ordered.toReversed(), 'the keys in reverse')
      assertList(await keysOf(store, { gt: '\uffff' }), ['\u{10000}', '😀', '\u{10ffff}'], 'the keys above U+FFFF')
    }
  },
  {
    name: 'gte, gt, lt and lte bound a range',
    async run ({ open }) {
      const store = await open()
      await fill(store, rangeKeys)
      const probes = ['', 'b', 'bb', 'bbb', '\uffff', 'zz']
      const lowers: KeyRange[] = [{}, ...probes.flatMap((key) => [{ gte: key }, { gt: key }]), { gte: 'b', gt: 'b' }, { gte: 'bb', gt: 'a' }]
      const uppers: KeyRange[] = [{}, ...probes.flatMap((key) => [{ lte: key }, { lt: key }]), { lte: 'bb', lt: 'bb' }, { lte: 'b', lt: 'zz' }]
      for (const lower of lowers) for (const upper of uppers) await assertRange(store, { ...lower, ...upper })
    }
  },
  {
    name: 'prefix bounds a range, alone and with other bounds',
    async run ({ open }) {
      const store = await open()
      await fill(store, rangeKeys)
      for (const prefix of ['', 'b', 'bb', 'c', '\ud7ff', '\u{10ffff}', 'b\u{10ffff}', 'nothing']) {
        for (const bound of [{}, { gt: 'bb' }, { lt: 'bb' }, { gte: 'bb', lte: 'c' }, { reverse: true }]) await assertRange(store, { prefix, ...bound })
      }
    }
  },
  {
    name: 'limit counts entries from the end where iteration starts',
    async run ({ open }) {
      const store = await open()
      await fill(store, rangeKeys)
      for (const limit of [0, 1, 2, rangeKeys.length, 1_000]) {
        for (const bound of [{}, { reverse: true }, { prefix: 'b' }, { prefix: 'b', reverse: true }, { gt: 'b', lt: 'c', reverse: true }]) await assertRange(store, { limit, ...bound })
      }
    }
  },
  {
    name: 'a range with a bad limit or a bound that is not well-formed is refused',
    async run ({ open }) {
      const store = await open()
      for (const range of [{ limit: -1 }, { limit: 1.5 }, { limit: NaN }, { gte: '\ud800' }, { prefix: '\udfff' }]) await assertCode(keysOf(store, range), 'INVALID_RANGE', `the range ${JSON.stringify(range)}`)
    }
  },
  {
    name: 'an iteration shows the entries as they stood when it started',
    async run ({ open }) {
      const store = await open()
      await fill(store, ['a', 'b', 'c', 'd', 'x'.repeat(300)])
      const iterator = store.entries()[Symbol.asyncIterator]()
      const seen = [await iterator.next()]
      await store.put('b', utf8('changed'))
      await store.delete('c')
      await store.batch([{ type: 'put', key: 'bb', value: utf8('new') }, { type: 'put', key: 'd', value: utf8('changed') }, { type: 'delete', key: 'x'.repeat(300) }])
      await store.put('d', utf8('changed again'))
      while (!seen.at(-1)?.done) seen.push(await iterator.next())
      const entries = seen.flatMap((step) => (step.done ? [] : [step.value]))
      assertList(entries.map(([key]) => key), ['a', 'b', 'c', 'd', 'x'.repeat(300)], 'the keys of the snapshot')
      for (const [key, value] of entries) assertBytes(value, utf8(key), `the value of ${key.slice(0, 3)} in the snapshot`)
      assertList(await keysOf(store), ['a', 'b', 'bb', 'd'], 'the keys of a new iteration')
    }
  },
  {
    name: 'an iteration can be left early',
    async run ({ open }) {
      const store = await open()
      await fill(store, ['a', 'b', 'c'])
      for await (const [key] of store.entries()) {
        assert(key === 'a', `the first key is ${key}`)
        break
      }
      await store.put('b', utf8('changed'))
      assertBytes(await store.get('b'), utf8('changed'), 'a value written afterwards')
    }
  },
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
  },
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

const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)

const oddKeys = [
  '.', '..', '../..', '/etc/passwd', 'a/b', 'a//b', 'a\\b', '%2f', '%', '=', '~', '-', 'a', 'A', 'aA', 'Aa', 'é', 'e\u0301', 'É', 'ß', 'ss', 'ı', 'i', '\0', 'a\0', ' ', 'a ', ' a', 'a.', 'a:b', 'a*', 'a?', 'a"', 'a|b', '<>',
  'con', 'CON', 'nul', 'lock', 'journal', '__proto__', 'constructor', 'toString', '\n', '\r', '\u2028', '\ufeff', '\uffff', '😀', "a'b", '$1', '`', '-rf', 'LOCK', 'CURRENT', 'tmp-1', '.a', 'a\u0000b'
]

const rangeKeys = ['a', 'b', 'ba', 'bb', 'bba', 'bc', 'b\u{10ffff}', 'b\u{10ffff}z', 'c', 'ca', '\ud7ff', '\ud7ffa', '\ue000', '\uffff', '😀', '\u{10ffff}', '\u{10ffff}a']

/** As many `character` as fit into `bytes`, filled up with ASCII. */
const longest = (character: string, bytes: number): string => {
  const size = utf8(character).byteLength
  return character.repeat(bytes / size) + 'x'.repeat(bytes % size)
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i)

const fill = (store: KeyValueStore, keys: readonly string[]): Promise<void> => store.batch(keys.map((key) => ({ type: 'put', key, value: utf8(key) })))

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

const entriesOf = (store: KeyValueStore, range?: KeyRange): Promise<[string, Uint8Array][]> => collect(store.entries(range))

const keysOf = async (store: KeyValueStore, range?: KeyRange): Promise<string[]> => (await entriesOf(store, range)).map(([key]) => key)

const assertRange = async (store: KeyValueStore, range: KeyRange): Promise<void> => {
  assertList(await keysOf(store, range), expectedKeys(rangeKeys, range), `the range ${JSON.stringify(range)}`)
}

/** What a range means, said the slow way. */
const expectedKeys = (keys: readonly string[], { gte, gt, lt, lte, prefix, reverse, limit }: KeyRange): string[] => {
  const within = keys.toSorted(compareUtf8).filter((key) =>
    (gte === undefined || compareUtf8(key, gte) >= 0) && (gt === undefined || compareUtf8(key, gt) > 0) &&
    (lt === undefined || compareUtf8(key, lt) < 0) && (lte === undefined || compareUtf8(key, lte) <= 0) &&
    (prefix === undefined || key.startsWith(prefix)))
  return (reverse ? within.toReversed() : within).slice(0, limit)
}

/** A small generator of the same whole numbers below `bound` in every run. */
const generator = (seed: number): ((bound: number) => number) => {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}
