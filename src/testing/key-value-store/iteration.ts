import { utf8 } from '../../bytes.ts'
import type { KeyRange, KeyValueStore } from '../../store/key-value-store.ts'
import { assert, assertBytes, assertCode, assertList } from '../assert.ts'
import type { Clause } from '../clause.ts'
import { entriesOf, expectedKeys, fill, keysOf } from './entries.ts'
import type { KeyValueStoreSetup } from './setup.ts'

/** `entries`: order, ranges, snapshots. */
export const iterationClauses: readonly Clause<KeyValueStore, KeyValueStoreSetup>[] = [
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
  }
]

const rangeKeys = ['a', 'b', 'ba', 'bb', 'bba', 'bc', 'b\u{10ffff}', 'b\u{10ffff}z', 'c', 'ca', '\ud7ff', '\ud7ffa', '\ue000', '\uffff', '😀', '\u{10ffff}', '\u{10ffff}a']

const assertRange = async (store: KeyValueStore, range: KeyRange): Promise<void> => {
  assertList(await keysOf(store, range), expectedKeys(rangeKeys, range), `the range ${JSON.stringify(range)}`)
}
