import { utf8 } from '../bytes.ts'
import type { KeyValueStore, StoreOptions } from '../store/key-value-store.ts'
import { assertBytes, assertList } from './assert.ts'
import type { Clause } from './clause.ts'
import { abortsAtOnce, connectionsFallTo, settlesWell, type FaultySetup } from './faults.ts'
import { keysOf, range } from './key-value-store/entries.ts'
import type { KeyValueStoreSetup } from './key-value-store/setup.ts'

export interface FaultyKeyValueStoreSetup extends KeyValueStoreSetup, FaultySetup<KeyValueStore> {}

type FaultClause = Clause<KeyValueStore, FaultyKeyValueStoreSetup>

/** What a key-value store over a server owes its callers while that server fails. */
export const keyValueStoreFaultClauses: readonly FaultClause[] = [
  {
    name: 'while the server is down every call rejects with a typed error, and all is as it was when it is back',
    async run ({ open, faults, secrets }) {
      const store = await open()
      await store.put('kept', utf8('1'))
      await faults.stop()
      for (const [what, call] of calls(store)) await settlesWell(call(), what, { secrets })
      await faults.start()
      assertBytes(await store.get('kept'), utf8('1'), 'the value from before')
      assertList(await keysOf(store), ['kept'], 'the keys')
      await store.put('after', utf8('2'))
      assertBytes(await store.get('after'), utf8('2'), 'the value from after')
    }
  },
  {
    name: 'a batch that was acknowledged before the server was killed is there afterwards, and none is there in part',
    async run ({ open, faults, secrets }) {
      const store = await open()
      const acknowledged = new Set<number>()
      const first = Promise.withResolvers<void>()
      const batches = range(60).map(async (i) => {
        const done = await settlesWell(store.batch([{ type: 'put', key: `a/${i}`, value: utf8(`${i}`) }, { type: 'put', key: `b/${i}`, value: utf8('x'.repeat(i * 50)) }]), 'batch', { secrets, mayResolve: true })
        if (done) acknowledged.add(i)
        first.resolve()
      })
      await first.promise
      await faults.stop()
      await Promise.all(batches)
      await faults.start()
      const again = await open()
      for (const i of range(60)) {
        const [a, b] = [await again.get(`a/${i}`), await again.get(`b/${i}`)]
        if (acknowledged.has(i)) assertBytes(a, utf8(`${i}`), `the acknowledged batch ${i}`)
        assertList([a !== undefined], [b !== undefined], `batch ${i} whole or not at all`)
      }
    }
  },
  {
    name: 'an iteration that the server does not finish rejects with a typed error',
    async run ({ open, faults, secrets }) {
      const store = await open()
      await store.batch(range(40).map((i) => ({ type: 'put', key: `${i}`, value: new Uint8Array(500_000) })))
      const iterator = store.entries()[Symbol.asyncIterator]()
      await iterator.next()
      await faults.stop()
      const rest = async (): Promise<void> => { while (!(await iterator.next()).done); }
      await settlesWell(rest(), 'an iteration', { secrets, mayResolve: true })
      await faults.start()
      assertList([(await keysOf(store)).length], [40], 'the number of keys')
    }
  },
  {
    name: 'a slow server changes nothing',
    async run ({ open, faults }) {
      const store = await open()
      faults.slow(20)
      await Promise.all(range(10).map((i) => store.put(`key ${i}`, utf8(`${i}`))))
      assertList(await keysOf(store), range(10).map((i) => `key ${i}`), 'the keys')
    }
  },
  {
    name: 'a call to a server that never answers ends when its signal says so, and leaves no connection behind',
    async run ({ open, faults }) {
      const store = await open()
      await store.put('kept', utf8('1'))
      const idle = faults.connections()
      faults.stall()
      for (const [what, call] of calls(store)) await abortsAtOnce((signal) => call({ signal }), what)
      await connectionsFallTo(idle, faults)
      faults.heal()
      assertBytes(await store.get('kept'), utf8('1'), 'the value after the server answers again')
    }
  },
  {
    name: 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a value',
    async run ({ open, faults, secrets }) {
      const store = await open()
      const value = utf8(`cut ${'0123456789'.repeat(5_000)}`)
      await store.put('cut', value)
      faults.cut(value)
      const outcome = await store.get('cut').then((bytes) => ({ bytes }), (error: unknown) => ({ error }))
      if ('error' in outcome) await settlesWell(Promise.reject(outcome.error as Error), 'get', { secrets })
      else assertBytes(outcome.bytes, value, 'the value')
      faults.heal()
      assertBytes(await store.get('cut'), value, 'the value after all is well')
    }
  },
  {
    name: 'wrong credentials are told in a typed error, without what is secret',
    async run ({ openRefused, secrets }) {
      if (!openRefused) return
      const attempt = async (): Promise<void> => {
        const store = await openRefused()
        try {
          await store.get('anything')
        } finally {
          await store.close()
        }
      }
      await settlesWell(attempt(), 'open and get', { secrets })
    }
  },
  {
    name: 'a full server is told, loses nothing, and takes values again when there is room',
    async run ({ open, fill, makeRoom, secrets }) {
      if (!fill) return
      const store = await open()
      await store.put('kept', utf8('1'))
      await fill()
      const values = range(8).map((i) => new Uint8Array(4_000_000).map((_, at) => (at * 31 + i) & 255))
      const put = async (): Promise<void> => { for (const [i, value] of values.entries()) await store.put(`large ${i}`, value) }
      await settlesWell(put(), 'put', { secrets })
      await makeRoom?.()
      assertBytes(await store.get('kept'), utf8('1'), 'the value from before')
      await store.put('after', utf8('2'))
      assertBytes(await store.get('after'), utf8('2'), 'the value from after')
    }
  }
]

const calls = (store: KeyValueStore): [what: string, call: (options?: StoreOptions) => Promise<unknown>][] => [
  ['get', (options) => store.get('kept', options)],
  ['put', (options) => store.put('new', utf8('2'), options)],
  ['delete', (options) => store.delete('new', options)],
  ['batch', (options) => store.batch([{ type: 'put', key: 'new', value: utf8('3') }, { type: 'delete', key: 'new' }], options)],
  ['entries', async (options) => { for await (const _ of store.entries({}, options)); }]
]
