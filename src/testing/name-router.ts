import type { ProfileId } from '../identity/profile-id.ts'
import { createSigner, type Signer } from '../identity/signer.ts'
import { MAX_CANDIDATES, SECOND_MS } from '../limits.ts'
import type { NameRouter, RouterOptions } from '../naming/name-router.ts'
import { createRecord } from '../naming/record.ts'
import { signDocument } from '../profile/document.ts'
import { assert, assertBytes, assertCode, assertReason } from './assert.ts'
import type { Clause, Setup } from './clause.ts'

export interface NameRouterSetup extends Setup<NameRouter> {
  /** How the router hears of a record from elsewhere, for `watch`; by its own `put` where this is left out. */
  announce?(id: ProfileId, record: Uint8Array): Promise<void>
}

/** The prose of `NameRouter`, sentence by sentence. What it yields is untrusted, so nothing is asked of the records that it refuses. */
export const nameRouterClauses: readonly Clause<NameRouter, NameRouterSetup>[] = [
  {
    name: 'a name that nobody put ends without a candidate',
    async run ({ open }) {
      const router = await open()
      const { id } = await createPublisher(1)
      assert((await candidates(router, id)).length === 0, 'an unknown name has candidates')
    }
  },
  {
    name: 'a record that was put is among the candidates, and a newer one after it',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      for (const seq of [1, 2, 30]) {
        const record = await recordOf(seq)
        await router.put(id, record)
        await assertCandidate(router, id, record, `the record of sequence ${seq}`)
      }
    }
  },
  {
    name: 'a record that was put again is still among the candidates',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      const record = await recordOf(1)
      await router.put(id, record)
      await router.put(id, record)
      await assertCandidate(router, id, record, 'the record')
    }
  },
  {
    name: 'names are kept apart, also when many are put at once',
    async run ({ open }) {
      const router = await open()
      const publishers = await Promise.all([1, 2, 3, 4, 5].map(createPublisher))
      const records = await Promise.all(publishers.map(({ recordOf }) => recordOf(1)))
      await Promise.all(publishers.map(({ id }, i) => router.put(id, records[i]!)))
      for (const [i, { id }] of publishers.entries()) {
        await assertCandidate(router, id, records[i]!, `the record of name ${i}`)
        for (const candidate of await candidates(router, id)) assertBytes(candidate, records[i], `a candidate of name ${i}`)
      }
    }
  },
  {
    name: 'a get yields at most 64 candidates',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      for (let seq = 1; seq <= MAX_CANDIDATES + 1; seq++) await router.put(id, await recordOf(seq))
      const { length } = await candidates(router, id)
      assert(length > 0 && length <= MAX_CANDIDATES, `it yields ${length} candidates`)
    }
  },
  {
    name: 'what was put and what comes out is the caller\'s own, as plain Uint8Array',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      const record = await recordOf(1)
      const given = Uint8Array.from(record)
      await router.put(id, given)
      given.fill(0)
      for (const candidate of await candidates(router, id)) {
        assert(Object.getPrototypeOf(candidate) === Uint8Array.prototype, 'a candidate is not a plain Uint8Array')
        candidate.fill(0)
      }
      await assertCandidate(router, id, record, 'the record after the arrays around it were overwritten')
    }
  },
  {
    name: 'a get can be left at any time',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      const record = await recordOf(1)
      await router.put(id, record)
      await router.get(id)[Symbol.asyncIterator]().return?.()
      const started = router.get(id)[Symbol.asyncIterator]()
      const first = started.next()
      await started.return?.()
      await first
      assert((await started.next()).done, 'it yields after return()')
      for await (const _ of router.get(id)) break
      await assertCandidate(router, id, record, 'the record')
    }
  },
  {
    name: 'a call whose signal is aborted already rejects with the reason',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      const reason = new Error('the reason')
      const signal = AbortSignal.abort(reason)
      await assertReason(router.put(id, await recordOf(1), { signal }), reason, 'put')
      await assertReason(collect(router.get(id, { signal })), reason, 'get')
      if (router.watch) await assertReason(collect(router.watch(id, { signal })), reason, 'watch')
    }
  },
  {
    name: 'a call that is aborted under way rejects with the reason or ends as if it were not',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      const controller = new AbortController()
      const reason = new Error('the reason')
      const calls = [router.put(id, await recordOf(1), { signal: controller.signal }), collect(router.get(id, { signal: controller.signal }))]
      controller.abort(reason)
      for (const outcome of await Promise.allSettled(calls)) assert(outcome.status === 'fulfilled' || outcome.reason === reason, `an aborted call rejects with ${outcome.status === 'rejected' ? String(outcome.reason) : ''}`)
    }
  },
  {
    name: 'watch, where there is one, yields what the router hears, until it is returned or aborted',
    async run ({ open, announce }) {
      const router = await open()
      if (!router.watch) return
      const { id, recordOf } = await createPublisher(1)
      const controller = new AbortController()
      const reason = new Error('the reason')
      const watching = router.watch(id, { signal: controller.signal })[Symbol.asyncIterator]()
      for (const seq of [1, 2]) {
        const record = await recordOf(seq)
        const heard = watching.next()
        await (announce ? announce(id, record) : router.put(id, record))
        const step = await heard
        assertBytes(step.done ? undefined : step.value, record, `what is heard of sequence ${seq}`)
      }
      const last = watching.next()
      controller.abort(reason)
      await assertReason(last, reason, 'an aborted watch')

      const returned = router.watch(id)[Symbol.asyncIterator]()
      const pending = returned.next()
      await returned.return?.()
      await pending
      assert((await returned.next()).done, 'a watch yields after return()')
    }
  },
  {
    name: 'after close every call fails with CLOSED, and close may be called twice',
    async run ({ open }) {
      const router = await open()
      const { id, recordOf } = await createPublisher(1)
      const record = await recordOf(1)
      await router.put(id, record)
      await router.close()
      await router.close()
      await assertCode(router.put(id, record), 'CLOSED', 'put')
      await assertCode(collect(router.get(id)), 'CLOSED', 'get')
      if (router.watch) await assertCode(collect(router.watch(id)), 'CLOSED', 'watch')
    }
  },
  {
    name: 'it closes nothing that it was given, so that it can be opened again',
    async run ({ open }) {
      const { id, recordOf } = await createPublisher(1)
      for (const seq of [1, 2]) {
        const router = await open()
        await router.put(id, await recordOf(seq))
        await assertCandidate(router, id, await recordOf(seq), `the record of sequence ${seq}`)
        await router.close()
      }
    }
  },
  {
    name: 'a second open works or rejects with STORE_LOCKED, and the first works on',
    async run ({ open }) {
      const first = await open()
      const { id, recordOf } = await createPublisher(1)
      const [outcome] = await Promise.allSettled([open()])
      if (outcome.status === 'rejected') {
        assert((outcome.reason as { code?: string }).code === 'STORE_LOCKED', `the second open was rejected with ${String(outcome.reason)}`)
      } else {
        const second = await createPublisher(2)
        await outcome.value.put(second.id, await second.recordOf(1))
        await assertCandidate(outcome.value, second.id, await second.recordOf(1), 'the record of the second')
        await outcome.value.close()
      }
      await first.put(id, await recordOf(1))
      await assertCandidate(first, id, await recordOf(1), 'the record of the first')
    }
  },
  {
    name: 'its name is text for answers and logs, without credentials, and does not change',
    async run ({ open }) {
      const router = await open()
      const { name } = router
      assert(/^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$/.test(name), `the name is ${JSON.stringify(name)}`)
      assert(!/\/\/[^/]*@/.test(name), 'the name holds credentials')
      await router.close()
      assert(router.name === name, 'the name has changed')
    }
  }
]

export interface Publisher {
  readonly id: ProfileId
  /** The same bytes each time. */
  recordOf(seq: number): Promise<Uint8Array>
}

/** Profiles that exist in contract suites alone. */
export const createPublisher = async (number: number): Promise<Publisher> => {
  const signer: Signer = await createSigner(new Uint8Array(32).fill(number))
  const now = Date.now()
  return {
    id: signer.id,
    async recordOf (seq) {
      const signed = await signDocument({ name: `Number ${number}, version ${seq}` }, signer, { seq, prev: null, time: Math.floor(now / SECOND_MS) })
      return createRecord(signed, signer, { now })
    }
  }
}

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

export const candidates = (router: NameRouter, id: ProfileId, options?: RouterOptions): Promise<Uint8Array[]> => collect(router.get(id, options))

export const assertCandidate = async (router: NameRouter, id: ProfileId, record: Uint8Array, what: string): Promise<void> => {
  const found = await candidates(router, id)
  assert(found.some((candidate) => candidate.byteLength === record.byteLength && candidate.every((byte, i) => byte === record[i])), `${what} is not among the ${found.length} candidates`)
}
