import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../src/bytes.ts'
import { MercuryError, StoreError } from '../../src/errors.ts'
import { getBlock } from '../../src/store/block.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import { hashStoreFaultClauses, runClause, type Factory, type FaultyHashStoreSetup } from '../../src/testing/index.ts'
import { around, type Around } from './around.ts'
import { asksAgain, believingFetch, givesUpAfterFailure, ignoresSignal, leavesConnection, losesConnection, mixesUp, neverFails, opensIdleConnections, rejectsWith, remembers, swallowsFailure } from './broken-calls.ts'
import type { SmallOptions } from './small-client.ts'
import { createSmallHashStore } from './small-hash-store.ts'
import { openSmallPlace, type SmallPlace } from './small-server.ts'

/** @param open another store over the same place */
type Change = (store: HashStore, parts: { place: SmallPlace; open(options: SmallOptions): HashStore }) => HashStore

const factory = (change: Change = (store) => store, setup: Partial<FaultyHashStoreSetup> = {}): Factory<HashStore, FaultyHashStoreSetup> => ({
  async create () {
    const { place, refused, common } = await openSmallPlace()
    const openAt = (at: SmallPlace): HashStore => change(createSmallHashStore(at), { place: at, open: (options) => createSmallHashStore(at, options) })
    return { ...common, open: async () => openAt(place), openRefused: async () => openAt(refused), ...setup }
  }
})

/** A gateway: it reads what somebody else put. */
const readOnlyFactory = (change: Change = (store) => store): Factory<HashStore, FaultyHashStoreSetup> => ({
  async create () {
    const { place, common } = await openSmallPlace()
    const { faults, secrets, destroy } = common
    const behind = createSmallHashStore(place)
    const refuse = async (): Promise<never> => { throw new NotSupportedError('writing') }
    const open = async (): Promise<HashStore> => change({ ...createSmallHashStore(place), supports: { put: false, pin: false, persistence: false, network: true }, put: refuse, pin: refuse, unpin: refuse }, { place, open: (options) => createSmallHashStore(place, options) })
    return { faults, secrets, destroy, open, give: (cid, bytes) => behind.put(cid, bytes) }
  }
})

const calls = ['get', 'put', 'pin', 'unpin'] as const
const doing = (run: Around, only?: readonly (keyof HashStore)[]): Change => (store) => around(store, run, only ? { only } : {})
const failingWith = (errorOf: (cause: unknown, place: SmallPlace) => unknown): Change => (store, { place }) => around(store, rejectsWith((cause) => errorOf(cause, place)))

const down = 'while the server is down every call rejects with a typed error, and all is as it was when it is back'
const killed = 'a put that was acknowledged before the server was killed is there afterwards'
const slow = 'a slow server changes nothing'
const stalled = 'a call to a server that never answers ends when its signal says so, and leaves no connection behind'
const cut = 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a block'
const wrong = 'a wrong byte in an answer is found'
const refused = 'wrong credentials are told in a typed error, without what is secret'
const full = 'a full server is told, loses nothing, and takes blocks again when there is room'

/** Throws away whatever it has put. */
const makesRoom: Change = (store) => {
  const put: CID[] = []
  return {
    ...store,
    async put (cid, ...given) {
      put.push(cid)
      await store.put(cid, ...given).catch(async (error: unknown) => {
        for (const old of put) await store.unpin(old)
        throw error
      })
    }
  }
}

/** So long does a test wait for what a broken store never does. */
const impatient = { patienceMs: 1_800 }

type Fault = [fault: string, clause: string, told: string, change: Change, setup?: Partial<FaultyHashStoreSetup>]

const faults: Fault[] = [
  ...calls.map((call): Fault => [`swallows what ${call} fails with`, down, `${call}: resolved although`, doing(swallowsFailure, [call])]),
  ['never fails', down, 'get: not ended', doing(neverFails), { patienceMs: 300 }],
  ['throws a plain error', down, 'not a typed error', failingWith((cause) => new Error('it failed', { cause }))],
  ['throws what it was thrown', down, 'not a typed error', failingWith((error) => (error as Error).cause)],
  ['throws an error of the runtime that has a code', down, 'not a typed error', failingWith(() => Object.assign(new TypeError('it failed'), { code: 'ERR_FAILED' }))],
  ['throws a text', down, 'not a typed error', failingWith(() => 'STORE_FAILED')],
  ['has codes of its own kind', down, 'not a typed error', failingWith(() => new MercuryError('store failed', 'it failed'))],
  ['tells its token', down, 'tells a secret', failingWith((cause, { token }) => new StoreError(`${token} was in vain`, { cause }))],
  ['tells its token in a cause', down, 'tells a secret', failingWith((_, { token }) => new StoreError('it failed', { cause: new Error('it failed', { cause: { authorization: `Bearer ${token}` } }) }))],
  ['forgets what it had', down, 'the block from before', (store) => around(store, givesUpAfterFailure(), { only: ['get'] })],
  ['loses its connection for good', down, 'lost once', doing(losesConnection())],
  ['loses its connection for writes alone', down, 'lost once', doing(losesConnection(), ['put'])],
  ['drops what it puts once it has failed', down, 'the block from after', doing(givesUpAfterFailure(), ['put'])],

  ['acknowledges before the server has it', killed, 'the acknowledged block', doing(async (call) => { call().catch(() => undefined) }, ['put'])],
  ['acknowledges what has failed', killed, 'the acknowledged block', doing(swallowsFailure, ['put'])],
  ['takes nothing', killed, 'rejected before', doing(async () => { throw new StoreError('not today') }, ['put'])],
  ['throws a plain error when the server is killed', killed, 'not a typed error', failingWith(() => new Error('it failed'))],
  ['throws a plain error at the first put', killed, 'not a typed error', doing(async () => { throw new Error('it failed') }, ['put'])],

  ['gives up soon', slow, 'no whole answer', (_, { open }) => open({ timeoutMs: 10 })],
  ['mixes up answers that overlap', slow, 'block 0: got', doing(mixesUp(), ['get'])],

  ...calls.map((call): Fault => [`ignores the signal of ${call}`, stalled, `${call}: not ended`, doing(ignoresSignal, [call]), impatient]),
  ...calls.map((call): Fault => [`leaves the connection of ${call} open`, stalled, `${call}: a connection stays open`, doing(leavesConnection, [call]), impatient]),
  ['has a reason of its own', stalled, 'instead of the reason', failingWith(() => new DOMException('aborted', 'AbortError'))],
  ['resolves when it is aborted', stalled, 'resolved instead of the reason', doing(swallowsFailure)],
  ['opens connections that it never uses', stalled, 'connections stay open', (store, { place }) => opensIdleConnections(store, place), impatient],
  ['loses its connection by an abort', stalled, 'lost once', doing(losesConnection(), ['get'])],
  ['answers nothing after an abort', stalled, 'the block after', doing(givesUpAfterFailure(), ['get'])],

  ['believes an answer that broke off', cut, 'the block: got', (_, { open }) => open({ fetch: believingFetch })],
  ['takes an answer that broke off for absence', cut, 'the block: got nothing', doing(swallowsFailure, ['get'])],
  ['throws a plain error at an answer that broke off', cut, 'not a typed error', failingWith(() => new Error('it failed'))],
  ['asks again for ever', cut, 'get: not ended', doing(asksAgain, ['get']), { patienceMs: 300 }],
  ['never recovers from an answer that broke off', cut, 'lost once', doing(losesConnection(), ['get'])],
  ['answers nothing after an answer that broke off', cut, 'the block after', doing(givesUpAfterFailure(), ['get'])],

  ['takes a wrong block for absence', wrong, 'get: resolved although', (store) => ({ ...store, get: async (cid, options) => getBlock(store, cid, options).catch(() => undefined) })],
  ['throws a plain error at a wrong block', wrong, 'not a typed error', (store) => ({ ...store, get: async (cid, options) => getBlock(store, cid, options).catch(() => { throw new Error('wrong') }) })],
  ['remembers a wrong block', wrong, 'not those of the CID', doing(remembers(), ['get'])],
  ['answers nothing after a wrong block', wrong, 'the block after', (store) => around({ ...store, get: async (cid, options) => getBlock(store, cid, options) }, givesUpAfterFailure(), { only: ['get'] })],

  ...calls.map((call): Fault => [`swallows that ${call} was refused`, refused, `${call}: resolved although`, doing(swallowsFailure, [call])]),
  ['throws a plain error when it is refused', refused, 'not a typed error', failingWith(() => new Error('refused'))],
  ['tells the token that was refused', refused, 'tells a secret', failingWith((cause, { token }) => new StoreError(`the token ${token} was refused`, { cause }))],
  ['throws a plain error when it is opened', refused, 'open: rejected', (store) => store, { openRefused: async () => { throw new Error('refused') } }],

  ['swallows that the server is full', full, 'put: resolved although', doing(swallowsFailure, ['put'])],
  ['throws a plain error when the server is full', full, 'not a typed error', failingWith(() => new Error('full'))],
  ['makes room by itself', full, 'the block from before', makesRoom],
  ['takes nothing once the server was full', full, 'lost once', doing(losesConnection(), ['put'])],
  ['drops what it puts once the server was full', full, 'the block that was refused', doing(givesUpAfterFailure(), ['put'])]
]

const clauseNamed = (name: string): (typeof hashStoreFaultClauses)[number] => hashStoreFaultClauses.find((clause) => clause.name === name)!

describe('the suite for hash stores over a server', () => {
  it.concurrent.each(hashStoreFaultClauses)('passes sound stores: $name', async (clause) => {
    await Promise.all([factory(), readOnlyFactory()].map((sound) => runClause(clause, sound)))
  })

  it.concurrent.each(faults)('fails a store that %s', async (_, name, told, change, setup) => {
    await expect(runClause(clauseNamed(name), factory(change, setup))).rejects.toThrow(told)
  })

  it('fails a store without put that takes a failure for absence', async () => {
    await expect(runClause(clauseNamed(down), readOnlyFactory(doing(swallowsFailure, ['get'])))).rejects.toThrow('get: resolved although')
  })

  it('passes a store that is refused when it is opened', async () => {
    await runClause(clauseNamed(refused), factory(undefined, { openRefused: async () => { throw new StoreError('refused') } }))
  })

  it('fails a set-up whose fault finds nothing to spoil', async () => {
    const withoutCut: Factory<HashStore, FaultyHashStoreSetup> = {
      async create () {
        const setup = await factory().create()
        return { ...setup, faults: { ...setup.faults, cut: () => undefined, corrupt: () => undefined } }
      }
    }
    await expect(runClause(clauseNamed(cut), withoutCut)).rejects.toThrow('no answer was broken off')
    await expect(runClause(clauseNamed(wrong), withoutCut)).rejects.toThrow('get: resolved although')
  })

  it('has a broken store for every clause', () => {
    expect(hashStoreFaultClauses.map(({ name }) => name).sort(compareUtf8)).toEqual([...new Set(faults.map(([, clause]) => clause))].sort(compareUtf8))
  })
})
