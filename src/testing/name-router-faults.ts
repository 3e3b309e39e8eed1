import type { ProfileId } from '../identity/profile-id.ts'
import type { NameRouter } from '../naming/name-router.ts'
import { validateRecord } from '../naming/record.ts'
import { assert } from './assert.ts'
import type { Clause } from './clause.ts'
import { abortsAtOnce, connectionsFallTo, endsAtOnce, openOrRefuse, outcomeOf, settlesWell, untilNoneWaits, untilSent, type FaultySetup } from './faults.ts'
import { assertCandidate, candidates, createPublisher, type NameRouterSetup } from './name-router.ts'

export interface FaultyNameRouterSetup extends NameRouterSetup, FaultySetup<NameRouter> {}

type FaultClause = Clause<NameRouter, FaultyNameRouterSetup>

/** What a name router over a server owes its callers while that server fails. */
export const nameRouterFaultClauses: readonly FaultClause[] = [
  {
    name: 'while the server is down every call rejects with a typed error, and works when it is back',
    async run (setup) {
      const { open, faults } = setup
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      await router.put(id, await recordOf(1))
      await faults.stop()
      await settlesWell(candidates(router, id), 'get', setup)
      await settlesWell(router.put(id, await recordOf(2)), 'put', setup)
      await faults.start()
      await router.put(id, await recordOf(3))
      await assertCandidate(router, id, await recordOf(3), 'the record from after')
    }
  },
  {
    name: 'a slow server changes nothing',
    async run ({ open, faults }) {
      const router = await open()
      const publishers = await Promise.all([1, 2].map(createPublisher))
      faults.slow(20)
      await Promise.all(publishers.map(async ({ id, recordOf }) => router.put(id, await recordOf(1))))
      await Promise.all(publishers.map(async ({ id, recordOf }) => assertCandidate(router, id, await recordOf(1), 'the record')))
    }
  },
  {
    name: 'a call to a server that never answers ends when its signal says so, and leaves no connection behind',
    async run (setup) {
      const { open, faults } = setup
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      await router.put(id, await recordOf(1))
      const idle = faults.connections()
      faults.stall()
      const record = await recordOf(2)
      await abortsAtOnce((signal) => candidates(router, id, { signal }), 'get', setup)
      await abortsAtOnce((signal) => router.put(id, record, { signal }), 'put', setup)
      await leavesAtOnce(router.get(id), 'get', setup)
      await connectionsFallTo(idle, setup)
      faults.heal()
      await router.put(id, record)
      await assertCandidate(router, id, record, 'the record after the server answers again')
    }
  },
  {
    name: 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a record',
    run: (setup) => readsThrough(setup, (record) => setup.faults.cut(record), async (id, candidate) => {
      assert(await isValid(id, candidate), 'get: a part of a record was yielded')
    })
  },
  {
    name: 'a wrong byte in an answer is a typed error or yielded for others to find, never taken for absence',
    run: (setup) => readsThrough(setup, (record) => setup.faults.corrupt(record))
  },
  {
    name: 'wrong credentials are told in a typed error, without what is secret',
    async run (setup) {
      if (!setup.openRefused) return
      const router = await openOrRefuse(setup)
      if (!router) return
      const { id, recordOf } = await createPublisher(1)
      try {
        await settlesWell(candidates(router, id), 'get', setup)
        await settlesWell(router.put(id, await recordOf(1)), 'put', setup)
      } finally {
        await router.close()
      }
    }
  },
  {
    name: 'a full server is told, and takes records again when there is room',
    async run (setup) {
      if (!setup.fill) return
      const router = await setup.open()
      const { id, recordOf } = await createPublisher(1)
      await setup.fill()
      await settlesWell(router.put(id, await recordOf(1)), 'put', setup)
      await setup.makeRoom?.()
      await router.put(id, await recordOf(2))
      await assertCandidate(router, id, await recordOf(2), 'the record from after')
    }
  }
]

/** Reads a record while answers that carry it are spoilt by `begin`: an error, or candidates that stand `judge`, never none. All is well when the fault is over. */
const readsThrough = async (setup: FaultyNameRouterSetup, begin: (record: Uint8Array) => void, judge: (id: ProfileId, candidate: Uint8Array) => Promise<void> = async () => undefined): Promise<void> => {
  const { open, faults } = setup
  const router = await open()
  const { id, recordOf } = await createPublisher(1)
  const record = await recordOf(1)
  await router.put(id, record)
  begin(record)
  for (const found of await outcomeOf(candidates(router, id), 'get', setup)) {
    assert(found.length > 0, 'get: ends empty although the router was not told that there is none')
    for (const candidate of found) await judge(id, candidate)
  }
  assert(faults.spoilt() > 0, 'no answer was spoilt')
  faults.heal()
  await assertCandidate(router, id, record, 'the record after all is well')
}

/** `return()` ends an iteration although nobody answers, and leaves no connection that waits. */
const leavesAtOnce = async (items: AsyncIterable<unknown>, what: string, setup: FaultyNameRouterSetup): Promise<void> => {
  const iterator = items[Symbol.asyncIterator]()
  const step = iterator.next()
  await untilSent(setup)
  await endsAtOnce(Promise.all([iterator.return?.(), step]), `${what}, left`, setup)
  await untilNoneWaits(`${what}, left`, setup)
}

const isValid = (id: ProfileId, record: Uint8Array): Promise<boolean> => validateRecord(id, record).then(() => true, () => false)
