import { describe, expect, it } from 'vitest'
import { RouterFailedError } from '../../src/adapters/router-failed.ts'
import { compareUtf8 } from '../../src/bytes.ts'
import type { NameRouter } from '../../src/naming/name-router.ts'
import { validateRecord } from '../../src/naming/record.ts'
import { nameRouterFaultClauses, runClause, type Factory, type FaultyNameRouterSetup } from '../../src/testing/index.ts'
import { around, type Around } from './around.ts'
import { asksAgain, believingFetch, givesUpAfterFailure, ignoresSignal, leavesConnection, losesConnection, mixesUp, neverFails, opensIdleConnections, rejectsWith, remembers } from './broken-calls.ts'
import type { SmallOptions } from './small-client.ts'
import { createSmallNameRouter } from './small-name-router.ts'
import { openSmallPlace, type SmallPlace } from './small-server.ts'

/** @param open another router over the same place */
type Change = (router: NameRouter, parts: { place: SmallPlace; open(options: SmallOptions): NameRouter }) => NameRouter

const factory = (change: Change = (router) => router, setup: Partial<FaultyNameRouterSetup> = {}): Factory<NameRouter, FaultyNameRouterSetup> => ({
  async create () {
    const { place, refused, common } = await openSmallPlace()
    const openAt = (at: SmallPlace): NameRouter => change(createSmallNameRouter(at), { place: at, open: (options) => createSmallNameRouter(at, options) })
    return { ...common, open: async () => openAt(place), openRefused: async () => openAt(refused), ...setup }
  }
})

type Call = 'get' | 'put'
const calls: readonly Call[] = ['get', 'put']
const iterating = ['get'] as const
const doing = (run: Around, only?: readonly Call[]): Change => (router) => around(router, run, { iterating, ...(only ? { only } : {}) })
const failingWith = (errorOf: (cause: unknown, place: SmallPlace) => unknown): Change => (router, { place }) => around(router, rejectsWith((cause) => errorOf(cause, place)), { iterating })
/** As little as a call can answer: no record, or nothing. */
const swallowsFailure: Around = (call, signal) => call(signal).catch(() => [])
/** Answers none where it cannot ask, once it has failed. */
const findsNothing = (): Around => {
  const run = givesUpAfterFailure()
  return async (call, signal) => (await run(call, signal)) ?? []
}
/** Validates by itself. */
const validating = (onWrong: () => void): Change => (router) => ({
  ...router,
  async * get (id, options) {
    for await (const candidate of router.get(id, options)) {
      const isValid = await validateRecord(id, candidate).then(() => true, () => false)
      if (isValid) yield candidate
      else onWrong()
    }
  }
})
const failed = (reason: string, options?: ErrorOptions): Error => new RouterFailedError('small', reason, options)

const down = 'while the server is down every call rejects with a typed error, and works when it is back'
const slow = 'a slow server changes nothing'
const stalled = 'a call to a server that never answers ends when its signal says so, and leaves no connection behind'
const cut = 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a record'
const wrong = 'a wrong byte in an answer is a typed error or yielded for others to find, never taken for absence'
const refused = 'wrong credentials are told in a typed error, without what is secret'
const full = 'a full server is told, and takes records again when there is room'

/** So long does a test wait for what a broken router never does. */
const impatient = { patienceMs: 1_800 }

type Fault = [fault: string, clause: string, told: string, change: Change, setup?: Partial<FaultyNameRouterSetup>]

const faults: Fault[] = [
  ...calls.map((call): Fault => [`swallows what ${call} fails with`, down, `${call}: resolved although`, doing(swallowsFailure, [call])]),
  ['never fails', down, 'get: not ended', doing(neverFails), { patienceMs: 300 }],
  ['throws a plain error', down, 'not a typed error', failingWith((cause) => new Error('it failed', { cause }))],
  ['tells its token', down, 'tells a secret', failingWith((_, { token }) => failed(`${token} was in vain`))],
  ['tells its token in a cause', down, 'tells a secret', failingWith((_, { token }) => failed('it failed', { cause: new Error(`Bearer ${token}`) }))],
  ['loses its connection for good', down, 'lost once', doing(losesConnection())],
  ['finds nothing once it has failed', down, 'the record from after', doing(findsNothing(), ['get'])],
  ['drops what it puts once it has failed', down, 'the record from after', doing(givesUpAfterFailure(), ['put'])],

  ['gives up soon', slow, 'no whole answer', (_, { open }) => open({ timeoutMs: 10 })],
  ['mixes up answers that overlap', slow, 'the record is not among', doing(mixesUp(), ['get'])],

  ...calls.map((call): Fault => [`ignores the signal of ${call}`, stalled, `${call}: not ended`, doing(ignoresSignal, [call]), impatient]),
  ...calls.map((call): Fault => [`leaves the connection of ${call} open`, stalled, `${call}: a connection stays open`, doing(leavesConnection, [call]), impatient]),
  ['has a reason of its own', stalled, 'instead of the reason', failingWith(() => new DOMException('aborted', 'AbortError'))],
  ['resolves when it is aborted', stalled, 'resolved instead of the reason', doing(swallowsFailure)],
  ['cannot be left', stalled, 'get, left: not ended', waitsWhenLeft, impatient],
  ['is left without an end', stalled, 'get, left: not ended', neverStepsWhenLeft, impatient],
  ['leaves the connection open when it is left', stalled, 'get, left: a connection stays open', leavesConnectionWhenLeft, impatient],
  ['opens connections that it never uses', stalled, 'connections stay open', (router, { place }) => opensIdleConnections(router, place), impatient],
  ['loses its connection by an abort', stalled, 'lost once', doing(losesConnection(), ['put'])],
  ['finds nothing after an abort', stalled, 'the record after', findsNothingAfterFailure],

  ['believes an answer that broke off', cut, 'a part of a record', (_, { open }) => open({ fetch: believingFetch })],
  ['takes an answer that broke off for absence', cut, 'get: ends empty', doing(swallowsFailure, ['get'])],
  ['throws a plain error at an answer that broke off', cut, 'not a typed error', failingWith(() => new Error('it failed'))],
  ['asks again for ever', cut, 'get: not ended', doing(asksAgain, ['get']), { patienceMs: 300 }],
  ['never recovers from an answer that broke off', cut, 'lost once', doing(losesConnection(), ['get'])],
  ['finds nothing after an answer that broke off', cut, 'the record after', doing(findsNothing(), ['get'])],

  ['takes a wrong record for absence', wrong, 'get: ends empty', validating(() => undefined)],
  ['throws a plain error at a wrong record', wrong, 'not a typed error', validating(() => { throw new Error('wrong') })],
  ['remembers a wrong record', wrong, 'the record after', doing(remembers(), ['get'])],

  ...calls.map((call): Fault => [`swallows that ${call} was refused`, refused, `${call}: resolved although`, doing(swallowsFailure, [call])]),
  ['throws a plain error when it is refused', refused, 'not a typed error', failingWith(() => new Error('refused'))],
  ['tells the token that was refused', refused, 'tells a secret', failingWith((cause, { token }) => failed(`the token ${token} was refused`, { cause }))],
  ['throws a plain error when it is opened', refused, 'open: rejected', (router) => router, { openRefused: async () => { throw new Error('refused') } }],

  ['swallows that the server is full', full, 'put: resolved although', doing(swallowsFailure, ['put'])],
  ['throws a plain error when the server is full', full, 'not a typed error', failingWith(() => new Error('full'))],
  ['takes nothing once the server was full', full, 'lost once', doing(losesConnection(), ['put'])],
  ['drops what it puts once the server was full', full, 'the record from after', doing(givesUpAfterFailure(), ['put'])]
]

/** An async generator ends a `return()` when the `next()` before it has ended. */
function waitsWhenLeft (router: NameRouter): NameRouter {
  return { ...router, async * get (...given) { yield * router.get(...given) } }
}

/** Its `return()` ends, the `next()` before it never does. */
function neverStepsWhenLeft (router: NameRouter): NameRouter {
  return leaving(router, (iterator) => ({ ...iterator, next: () => new Promise(() => undefined) }))
}

/** Its `return()` ends every wait, and what was asked goes on. */
function leavesConnectionWhenLeft (router: NameRouter): NameRouter {
  return leaving(router, (iterator) => {
    const left = Promise.withResolvers<IteratorResult<Uint8Array>>()
    const step = iterator.next()
    return {
      next: () => Promise.race([left.promise, step]),
      async return () {
        left.resolve({ done: true, value: undefined })
        return left.promise
      }
    }
  })
}

/** Changes the iterations that no signal ends. */
function leaving (router: NameRouter, change: (iterator: AsyncIterator<Uint8Array>) => AsyncIterator<Uint8Array>): NameRouter {
  return { ...router, get: (id, options) => (options?.signal ? router.get(id, options) : { [Symbol.asyncIterator]: () => change(router.get(id, options)[Symbol.asyncIterator]()) }) }
}

/** By a signal. */
function findsNothingAfterFailure (router: NameRouter): NameRouter {
  let hasFailed = false
  return {
    ...router,
    async * get (...given) {
      if (hasFailed && given[1] === undefined) return
      try {
        yield * router.get(...given)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
}

const clauseNamed = (name: string): (typeof nameRouterFaultClauses)[number] => nameRouterFaultClauses.find((clause) => clause.name === name)!

describe('the suite for name routers over a server', () => {
  it.concurrent.each(nameRouterFaultClauses)('passes a sound router: $name', async (clause) => {
    await runClause(clause, factory())
  })

  it.concurrent.each(faults)('fails a router that %s', async (_, name, told, change, setup) => {
    await expect(runClause(clauseNamed(name), factory(change, setup))).rejects.toThrow(told)
  })

  it('passes a router that finds a wrong record by itself and says so', async () => {
    await runClause(clauseNamed(wrong), factory(validating(() => { throw failed('a wrong record') })))
  })

  it('passes a router that is refused when it is opened', async () => {
    await runClause(clauseNamed(refused), factory(undefined, { openRefused: async () => { throw failed('refused') } }))
  })

  it.each([cut, wrong])('fails a set-up whose fault finds nothing to spoil: %s', async (name) => {
    const withoutFaults: Factory<NameRouter, FaultyNameRouterSetup> = {
      async create () {
        const setup = await factory().create()
        return { ...setup, faults: { ...setup.faults, cut: () => undefined, corrupt: () => undefined } }
      }
    }
    await expect(runClause(clauseNamed(name), withoutFaults)).rejects.toThrow('no answer was')
  })

  it('has a broken router for every clause', () => {
    expect(nameRouterFaultClauses.map(({ name }) => name).sort(compareUtf8)).toEqual([...new Set(faults.map(([, clause]) => clause))].sort(compareUtf8))
  })
})
