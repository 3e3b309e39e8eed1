import { utf8 } from '../bytes.ts'
import type { KeyValueStore, StoreOptions } from '../store/key-value-store.ts'
import { assert, assertBytes, assertList } from './assert.ts'
import type { Clause } from './clause.ts'
import { abortsAtOnce, connectionsFallTo, openOrRefuse, outcomeOf, settlesWell, whileGone, type FaultySetup } from './faults.ts'
import { keysOf, range } from './key-value-store/entries.ts'
import type { KeyValueStoreSetup } from './key-value-store/setup.ts'

export interface FaultyKeyValueStoreSetup extends KeyValueStoreSetup, FaultySetup<KeyValueStore> {}

type FaultClause = Clause<KeyValueStore, FaultyKeyValueStoreSetup>

/** What a key-value store over a server owes its callers while that server fails. */
export const keyValueStoreFaultClauses: readonly FaultClause[] = [
  {
    name: 'while the server is down every call rejects with a typed error, and all is as it was when it is back',
    async run (setup) {
      const { open, faults } = setup
      const store = await open()
      await store.put('kept', utf8('1'))
      await faults.stop()
      for (const [what, call] of calls(store)) await settlesWell(call(), what, setup)
      await faults.start()
      assertBytes(await store.get('kept'), utf8('1'), 'the value from before')
      assertList(await keysOf(store), ['kept'], 'the keys')
      await store.put('after', utf8('2'))
      assertBytes(await store.get('after'), utf8('2'), 'the value from after')
    }
  },
  {
    name: 'a batch that was acknowledged before the server was killed is there afterwards, and none is there in part',
    async run (setup) {
      const { open, faults } = setup
      const store = await open()
      const values = range(60).map((i) => [utf8(`${i}`), utf8('x'.repeat(i * 50))] as const)
      const acknowledged = new Set<number>()
      const first = Promise.withResolvers<void>()
      const batches = Promise.all(values.map(async ([a, b], i) => {
        const isDone = await settlesWell(store.batch([{ type: 'put', key: `a/${i}`, value: a }, { type: 'put', key: `b/${i}`, value: b }]), 'batch', setup, { mayResolve: true })
        if (isDone) acknowledged.add(i)
        first.resolve()
      }))
      await Promise.race([first.promise, batches])
      assert(acknowledged.size > 0, 'batch: rejected before the server was killed')
      await faults.stop()
      await batches
      await whileGone()
      await faults.start()
      const again = await open()
      for (const [i, [a, b]] of values.entries()) {
        const found = [await again.get(`a/${i}`), await again.get(`b/${i}`)]
        const isWhole = acknowledged.has(i) || (store.supports.atomicBatch && found.some(Boolean))
        if (isWhole) for (const [at, value] of [a, b].entries()) assertBytes(found[at], value, `part ${at} of the ${acknowledged.has(i) ? 'acknowledged ' : ''}batch ${i}`)
      }
    }
  },
  {
    name: 'an iteration that the server does not finish rejects with a typed error, or ends when it has given every entry',
    async run (setup) {
      const { open, faults } = setup
      const store = await open()
      await store.batch(range(40).map((i) => ({ type: 'put', key: `${i}`, value: new Uint8Array(500_000) })))
      const iterator = store.entries()[Symbol.asyncIterator]()
      await iterator.next()
      await faults.stop()
      const countRest = async (): Promise<number> => {
        let count = 0
        while (!(await iterator.next()).done) count++
        return count
      }
      for (const count of await outcomeOf(countRest(), 'an iteration', setup)) assertList([count], [39], 'the entries after the first of an iteration that ended')
      await whileGone()
      await faults.start()
      assertList([(await keysOf(store)).length], [40], 'the number of keys')
    }
  },
  {
    name: 'a slow server changes nothing',
    async run ({ open, faults }) {
      const store = await open()
      faults.slow(20)
      const keys = range(10).map((i) => `key ${i}`)
      await Promise.all(keys.map((key) => store.put(key, utf8(key))))
      const read = await Promise.all(keys.map((key) => store.get(key)))
      for (const [i, key] of keys.entries()) assertBytes(read[i], utf8(key), key)
      assertList(await keysOf(store), keys, 'the keys')
    }
  },
  {
    name: 'a call to a server that never answers ends when its signal says so, and leaves no connection behind',
    async run (setup) {
      const { open, faults } = setup
      const store = await open()
      await store.put('kept', utf8('1'))
      const idle = faults.connections()
      faults.stall()
      for (const [what, call] of calls(store)) await abortsAtOnce((signal) => call({ signal }), what, setup)
      await connectionsFallTo(idle, setup)
      faults.heal()
      assertBytes(await store.get('kept'), utf8('1'), 'the value after the server answers again')
    }
  },
  {
    name: 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a value',
    async run (setup) {
      const { open, faults } = setup
      const store = await open()
      const value = utf8(`cut ${'0123456789'.repeat(5_000)}`)
      await store.put('cut', value)
      faults.cut(value)
      for (const bytes of await outcomeOf(store.get('cut'), 'get', setup)) assertBytes(bytes, value, 'the value')
      assert(faults.spoilt() > 0, 'no answer was broken off')
      faults.heal()
      assertBytes(await store.get('cut'), value, 'the value after all is well')
    }
  },
  {
    name: 'wrong credentials are told in a typed error, without what is secret',
    async run (setup) {
      if (!setup.openRefused) return
      const store = await openOrRefuse(setup)
      if (!store) return
      try {
        for (const [what, call] of calls(store)) await settlesWell(call(), what, setup)
      } finally {
        await store.close()
      }
    }
  },
  {
    name: 'a full server is told, loses nothing, and takes values again when there is room',
    async run (setup) {
      const { open, fill, makeRoom } = setup
      if (!fill) return
      const store = await open()
      await store.put('kept', utf8('1'))
      await fill()
      const taken: number[] = []
      const put = async (): Promise<void> => {
        for (const i of range(8)) {
          await store.put(`large ${i}`, largeValue(i))
          taken.push(i)
        }
      }
      await settlesWell(put(), 'put', setup)
      await makeRoom?.()
      assertBytes(await store.get('kept'), utf8('1'), 'the value from before')
      for (const i of taken) assertBytes(await store.get(`large ${i}`), largeValue(i), `the value ${i} that was taken`)
      const refused = await store.get(`large ${taken.length}`)
      if (refused) assertBytes(refused, largeValue(taken.length), 'the value that was refused')
      await store.put('after', utf8('2'))
      assertBytes(await store.get('after'), utf8('2'), 'the value from after')
    }
  }
]

/** 4 MB that no server makes much smaller. */
const largeValue = (number: number): Uint8Array => {
  const value = new Uint8Array(4_000_000)
  for (let at = 0; at < value.byteLength; at++) value[at] = (at * 31 + number) & 255
  return value
}

const calls = (store: KeyValueStore): [what: string, call: (options?: StoreOptions) => Promise<unknown>][] => [
  ['get', (options) => store.get('kept', options)],
  ['put', (options) => store.put('new', utf8('2'), options)],
  ['delete', (options) => store.delete('new', options)],
  ['batch', (options) => store.batch([{ type: 'put', key: 'new', value: utf8('3') }, { type: 'delete', key: 'new' }], options)],
  ['entries', async (options) => { for await (const _ of store.entries({}, options)); }]
]
