import type { NameRouter } from '../naming/name-router.ts'
import { validateRecord } from '../naming/record.ts'
import type { Clause } from './clause.ts'
import { abortsAtOnce, connectionsFallTo, settlesWell, type FaultySetup } from './faults.ts'
import { assertCandidate, candidates, createPublisher, type NameRouterSetup } from './name-router.ts'

export interface FaultyNameRouterSetup extends NameRouterSetup, FaultySetup<NameRouter> {}

type FaultClause = Clause<NameRouter, FaultyNameRouterSetup>

/** What a name router over a server owes its callers while that server fails. */
export const nameRouterFaultClauses: readonly FaultClause[] = [
  {
    name: 'while the server is down every call rejects with a typed error, and works when it is back',
    async run ({ open, faults, secrets }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      await router.put(id, await recordOf(1))
      await faults.stop()
      await settlesWell(candidates(router, id), 'get', { secrets })
      await settlesWell(router.put(id, await recordOf(2)), 'put', { secrets })
      await faults.start()
      await router.put(id, await recordOf(3))
      await assertCandidate(router, id, await recordOf(3), 'the record from after')
    }
  },
  {
    name: 'a slow server changes nothing',
    async run ({ open, faults }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      faults.slow(20)
      await router.put(id, await recordOf(1))
      await assertCandidate(router, id, await recordOf(1), 'the record')
    }
  },
  {
    name: 'a call to a server that never answers ends when its signal says so, and leaves no connection behind',
    async run ({ open, faults }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      await router.put(id, await recordOf(1))
      const idle = faults.connections()
      faults.stall()
      const record = await recordOf(2)
      await abortsAtOnce((signal) => candidates(router, id, { signal }), 'get')
      await abortsAtOnce((signal) => router.put(id, record, { signal }), 'put')
      const left = router.get(id)[Symbol.asyncIterator]()
      const step = left.next()
      await left.return?.()
      await step
      await connectionsFallTo(idle, faults)
      faults.heal()
      await router.put(id, record)
      await assertCandidate(router, id, record, 'the record after the server answers again')
    }
  },
  {
    name: 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a record',
    async run (setup) {
      await readsThrough(setup, (content) => setup.faults.cut(content))
    }
  },
  {
    name: 'a wrong byte in an answer is found',
    async run (setup) {
      await readsThrough(setup, (content) => setup.faults.corrupt(content))
    }
  },
  {
    name: 'wrong credentials are told in a typed error, without what is secret',
    async run ({ openRefused, secrets }) {
      if (!openRefused) return
      const { id, recordOf } = await createPublisher(1)
      const router = await openRefused()
      try {
        await settlesWell(candidates(router, id), 'get', { secrets })
        await settlesWell(router.put(id, await recordOf(1)), 'put', { secrets })
      } finally {
        await router.close()
      }
    }
  }
]

/** Whatever is yielded under a fault is refused by core or is the record itself; all is well when the fault is over. */
const readsThrough = async ({ open, faults, secrets }: FaultyNameRouterSetup, begin: (content: Uint8Array) => void): Promise<void> => {
  const router = await open()
  const { id, recordOf } = await createPublisher(1)
  const record = await recordOf(1)
  await router.put(id, record)
  const { bytes } = await validateRecord(id, record)
  begin(record)
  const read = async (): Promise<void> => {
    for (const candidate of await candidates(router, id)) {
      const valid = await validateRecord(id, candidate).catch(() => undefined)
      if (valid && !valid.bytes.every((byte, i) => byte === bytes[i])) throw new TypeError('another record was believed')
    }
  }
  await settlesWell(read(), 'get', { secrets, mayResolve: true })
  faults.heal()
  await assertCandidate(router, id, record, 'the record after all is well')
}
