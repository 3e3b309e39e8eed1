import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../src/bytes.ts'
import { StoreError } from '../../src/errors.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { keyValueStoreFaultClauses, runClause, type Factory, type FaultyKeyValueStoreSetup } from '../../src/testing/index.ts'
import { around, type Around } from './around.ts'
import { asksAgain, believingFetch, givesUpAfterFailure, ignoresSignal, leavesConnection, losesConnection, mixesUp, neverFails, opensIdleConnections, rejectsWith, swallowsFailure } from './broken-calls.ts'
import type { SmallOptions } from './small-client.ts'
import { createSmallKeyValueStore } from './small-key-value-store.ts'
import { openSmallPlace, type SmallPlace } from './small-server.ts'

/** @param open another store over the same place */
type Change = (store: KeyValueStore, parts: { place: SmallPlace; open(options: SmallOptions): KeyValueStore }) => KeyValueStore

const factory = (change: Change = (store) => store, setup: Partial<FaultyKeyValueStoreSetup> = {}): Factory<KeyValueStore, FaultyKeyValueStoreSetup> => ({
  async create () {
    const { place, refused, common } = await openSmallPlace({ roomBytes: 10_000_000 })
    const openAt = (at: SmallPlace): KeyValueStore => change(createSmallKeyValueStore(at), { place: at, open: (options) => createSmallKeyValueStore(at, options) })
    return { ...common, open: async () => openAt(place), openRefused: async () => openAt(refused), ...setup }
  }
})

type Call = 'get' | 'put' | 'delete' | 'batch' | 'entries'
const calls: readonly Call[] = ['get', 'put', 'delete', 'batch', 'entries']
const iterating = ['entries'] as const
const doing = (run: Around, only?: readonly Call[]): Change => (store) => around(store, run, { iterating, ...(only ? { only } : {}) })
const failingWith = (errorOf: (cause: unknown, place: SmallPlace) => unknown): Change => (store, { place }) => around(store, rejectsWith((cause) => errorOf(cause, place)), { iterating })
/** Writes by `batch` alone, which is another one. */
const batching = (batch: (store: KeyValueStore) => KeyValueStore['batch']): Change => (store) => ({ ...store, batch: batch(store) })
/** Iterates step by step, with another end. */
const ending = (end: (error: unknown) => void): Change => (store) => ({
  ...store,
  async * entries (...given) {
    try {
      yield * store.entries(...given)
    } catch (error) {
      end(error)
    }
  }
})
/** Writes each operation by itself. */
const oneByOne: Change = batching((store) => async (operations) => {
  for (const operation of operations) await store.batch([operation])
})

const down = 'while the server is down every call rejects with a typed error, and all is as it was when it is back'
const killed = 'a batch that was acknowledged before the server was killed is there afterwards, and none is there in part'
const iterated = 'an iteration that the server does not finish rejects with a typed error, or ends when it has given every entry'
const slow = 'a slow server changes nothing'
const stalled = 'a call to a server that never answers ends when its signal says so, and leaves no connection behind'
const cut = 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a value'
const refused = 'wrong credentials are told in a typed error, without what is secret'
const full = 'a full server is told, loses nothing, and takes values again when there is room'

/** So long does a test wait for what a broken store never does. */
const impatient = { patienceMs: 1_800 }

type Fault = [fault: string, clause: string, told: string, change: Change, setup?: Partial<FaultyKeyValueStoreSetup>]

const faults: Fault[] = [
  ...calls.map((call): Fault => [`swallows what ${call} fails with`, down, `${call}: resolved although`, (store) => ({ ...store, [call]: around(store, call === 'entries' ? async (list) => list().catch(() => []) : swallowsFailure, { iterating })[call] })]),
  ['never fails', down, 'get: not ended', doing(neverFails), { patienceMs: 300 }],
  ['throws a plain error', down, 'not a typed error', failingWith((cause) => new Error('it failed', { cause }))],
  ['tells its token', down, 'tells a secret', failingWith((_, { token }) => new StoreError(`${token} was in vain`))],
  ['tells its token in a cause', down, 'tells a secret', failingWith((_, { token }) => new StoreError('it failed', { cause: { headers: new Headers({ authorization: `Bearer ${token}` }) } }))],
  ['loses its connection for good', down, 'lost once', doing(losesConnection())],
  ['answers nothing once it has failed', down, 'the value from before', doing(givesUpAfterFailure(), ['get'])],
  ['does later what has failed', down, 'the keys: got', doesLater],
  ['drops what it puts once it has failed', down, 'the value from after', doing(givesUpAfterFailure(), ['put'])],

  ['acknowledges before the server has it', killed, 'of the acknowledged batch', doing(async (call) => { call().catch(() => undefined) }, ['batch'])],
  ['acknowledges what has failed', killed, 'of the acknowledged batch', doing(swallowsFailure, ['batch'])],
  ['keeps the first part of what it acknowledges', killed, 'part 1 of the acknowledged batch', batching((store) => async ([first]) => store.batch([first!]))],
  ['keeps the second part of what it acknowledges', killed, 'part 0 of the acknowledged batch', batching((store) => async ([, second]) => store.batch([second!]))],
  ['writes a batch in parts', killed, 'of the batch', oneByOne],
  ['takes nothing', killed, 'rejected before', doing(async () => { throw new StoreError('not today') }, ['batch'])],
  ['throws a plain error at the first batch', killed, 'not a typed error', doing(async () => { throw new Error('it failed') }, ['batch'])],
  ['throws a plain error when the server is killed', killed, 'not a typed error', failingWith(() => new Error('it failed'))],

  ['takes the end of the server for the end of the entries', iterated, 'of an iteration that ended: got', ending(() => undefined)],
  ['iterates over the first entries alone', iterated, 'of an iteration that ended: got', (store) => ({ ...store, entries: (range, options) => store.entries({ ...range, limit: 1 }, options) })],
  ['ends an iteration with a plain error', iterated, 'not a typed error', ending(() => { throw new Error('it failed') })],
  ['never ends an iteration', iterated, 'an iteration: not ended', neverEnds, { patienceMs: 300 }],
  ['iterates over nothing once that has failed', iterated, 'the number of keys', iteratesOnce],

  ['gives up soon', slow, 'no whole answer', (_, { open }) => open({ timeoutMs: 10 })],
  ['mixes up answers that overlap', slow, 'key 0: got', doing(mixesUp(), ['get'])],
  ['lists what it has of a slow answer', slow, 'the keys: got', (store) => ({ ...store, entries: (range, options) => store.entries({ ...range, limit: 9 }, options) })],

  ...calls.map((call): Fault => [`ignores the signal of ${call}`, stalled, `${call}: not ended`, doing(ignoresSignal, [call]), impatient]),
  ...calls.map((call): Fault => [`leaves the connection of ${call} open`, stalled, `${call}: a connection stays open`, doing(leavesConnection, [call]), impatient]),
  ['has a reason of its own', stalled, 'instead of the reason', failingWith(() => new DOMException('aborted', 'AbortError'))],
  ['resolves when it is aborted', stalled, 'resolved instead of the reason', doing(swallowsFailure, ['get'])],
  ['opens connections that it never uses', stalled, 'connections stay open', (store, { place }) => opensIdleConnections(store, place), impatient],
  ['loses its connection by an abort', stalled, 'lost once', doing(losesConnection(), ['get'])],
  ['answers nothing after an abort', stalled, 'the value after', doing(givesUpAfterFailure(), ['get'])],

  ['believes an answer that broke off', cut, 'the value: got', (_, { open }) => open({ fetch: believingFetch })],
  ['takes an answer that broke off for absence', cut, 'the value: got nothing', doing(swallowsFailure, ['get'])],
  ['throws a plain error at an answer that broke off', cut, 'not a typed error', failingWith(() => new Error('it failed'))],
  ['asks again for ever', cut, 'get: not ended', doing(asksAgain, ['get']), { patienceMs: 300 }],
  ['never recovers from an answer that broke off', cut, 'lost once', doing(losesConnection(), ['get'])],
  ['answers nothing after an answer that broke off', cut, 'the value after', doing(givesUpAfterFailure(), ['get'])],

  ...calls.map((call): Fault => [`swallows that ${call} was refused`, refused, `${call}: resolved although`, (store) => ({ ...store, [call]: around(store, call === 'entries' ? async (list) => list().catch(() => []) : swallowsFailure, { iterating })[call] })]),
  ['throws a plain error when it is refused', refused, 'not a typed error', failingWith(() => new Error('refused'))],
  ['tells the token that was refused', refused, 'tells a secret', failingWith((cause, { token }) => new StoreError(`the token ${token} was refused`, { cause }))],
  ['throws a plain error when it is opened', refused, 'open: rejected', (store) => store, { openRefused: async () => { throw new Error('refused') } }],

  ['swallows that the server is full', full, 'put: resolved although', doing(swallowsFailure, ['put'])],
  ['throws a plain error when the server is full', full, 'not a typed error', failingWith(() => new Error('full'))],
  ['makes room by itself', full, 'the value from before', makesRoom('kept')],
  ['drops what it put before the server was full', full, 'the value 0 that was taken', makesRoom('large 0')],
  ['keeps a part of what was refused', full, 'the value that was refused', keepsPart],
  ['takes nothing once the server was full', full, 'lost once', doing(losesConnection(), ['put'])],
  ['drops what it puts once the server was full', full, 'the value from after', doing(givesUpAfterFailure(), ['put'])]
]

/** Does a write that failed again, before the next list of keys. */
function doesLater (store: KeyValueStore): KeyValueStore {
  const owed: (() => Promise<void>)[] = []
  return {
    ...store,
    put: async (key, value) => store.put(key, value).catch((error: unknown) => {
      owed.push(() => store.put(key, value))
      throw error
    }),
    async * entries (...given) {
      for (const write of owed) await write()
      yield * store.entries(...given)
    }
  }
}

function neverEnds (store: KeyValueStore): KeyValueStore {
  return {
    ...store,
    async * entries (...given) {
      try {
        yield * store.entries(...given)
      } catch {
        await new Promise(() => undefined)
      }
    }
  }
}

function iteratesOnce (store: KeyValueStore): KeyValueStore {
  let hasFailed = false
  return {
    ...store,
    async * entries (...given) {
      if (hasFailed) return
      try {
        yield * store.entries(...given)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
}

/** Throws away `key` when a put fails. */
function makesRoom (key: string): Change {
  return (store) => ({ ...store, put: async (...given) => store.put(...given).catch(async (error: unknown) => { await store.delete(key); throw error }) })
}

/** Of a value that is too much for the server. */
function keepsPart (store: KeyValueStore): KeyValueStore {
  return { ...store, put: async (key, value) => store.put(key, value).catch(async (error: unknown) => { await store.put(key, value.subarray(0, 1_000)); throw error }) }
}

const clauseNamed = (name: string): (typeof keyValueStoreFaultClauses)[number] => keyValueStoreFaultClauses.find((clause) => clause.name === name)!

describe('the suite for key-value stores over a server', () => {
  it.concurrent.each(keyValueStoreFaultClauses)('passes a sound store: $name', async (clause) => {
    await runClause(clause, factory())
  })

  it.concurrent.each(faults)('fails a store that %s', async (_, name, told, change, setup) => {
    await expect(runClause(clauseNamed(name), factory(change, setup))).rejects.toThrow(told)
  })

  it('passes a store that writes batches in parts and says so', async () => {
    await runClause(clauseNamed(killed), factory((store, parts) => ({ ...oneByOne(store, parts), supports: { ...store.supports, atomicBatch: false } })))
  })

  it('passes an iteration that has everything already when the server ends', async () => {
    await runClause(clauseNamed(iterated), factory(doing((call, signal) => call(signal), ['entries'])))
  })

  it('passes a store that is refused when it is opened', async () => {
    await runClause(clauseNamed(refused), factory(undefined, { openRefused: async () => { throw new StoreError('refused') } }))
  })

  it('fails a set-up whose fault finds nothing to spoil', async () => {
    const withoutCut: Factory<KeyValueStore, FaultyKeyValueStoreSetup> = {
      async create () {
        const setup = await factory().create()
        return { ...setup, faults: { ...setup.faults, cut: () => undefined } }
      }
    }
    await expect(runClause(clauseNamed(cut), withoutCut)).rejects.toThrow('no answer was broken off')
  })

  it('has a broken store for every clause', () => {
    expect(keyValueStoreFaultClauses.map(({ name }) => name).sort(compareUtf8)).toEqual([...new Set(faults.map(([, clause]) => clause))].sort(compareUtf8))
  })
})
