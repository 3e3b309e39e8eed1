import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../src/bytes.ts'
import type { ProfileId } from '../../src/identity/profile-id.ts'
import type { NameRouter, RouterOptions } from '../../src/naming/name-router.ts'
import { createGate } from '../../src/store/gate.ts'
import { nameRouterClauses, runClause, type Factory, type NameRouterSetup } from '../../src/testing/index.ts'

/** What a router keeps and who listens: shared by all that are opened on it. */
interface Network {
  readonly records: Map<ProfileId, Uint8Array>
  readonly listeners: Set<(id: ProfileId, record: Uint8Array) => void>
}
type Change = (router: NameRouter, network: Network) => NameRouter

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const soundFactory = (change: Change = (router) => router): Factory<NameRouter, NameRouterSetup> => ({
  async create () {
    const network: Network = { records: new Map(), listeners: new Set() }
    return { open: async () => change(createRouter(network), network) }
  }
})

const createRouter = ({ records, listeners }: Network): NameRouter => {
  const gate = createGate('router')
  return {
    name: 'sound',
    put: (id, record, { signal } = {}) => gate.run(signal, async () => {
      const copy = Uint8Array.from(record)
      records.set(id, copy)
      for (const listener of listeners) listener(id, copy)
    }),
    async * get (id, { signal } = {}) {
      gate.check(signal)
      const record = records.get(id)
      await tick()
      signal?.throwIfAborted()
      if (record) yield Uint8Array.from(record)
    },
    watch: (id, { signal } = {}) => watch(listeners, id, () => gate.check(signal), signal),
    close: () => gate.close()
  }
}

const watch = (listeners: Network['listeners'], id: ProfileId, check: () => void, signal: AbortSignal | undefined): AsyncIterableIterator<Uint8Array> => {
  const heard: Uint8Array[] = []
  let wake = Promise.withResolvers<void>()
  let left = false
  const listener = (name: ProfileId, record: Uint8Array): void => {
    if (name !== id) return
    heard.push(record)
    wake.resolve()
  }
  listeners.add(listener)
  signal?.addEventListener('abort', () => wake.resolve())
  return {
    [Symbol.asyncIterator] () { return this },
    async next () {
      for (;;) {
        if (left) return { done: true, value: undefined }
        check()
        const value = heard.shift()
        if (value) return { done: false, value: Uint8Array.from(value) }
        wake = Promise.withResolvers()
        await wake.promise
      }
    },
    async return () {
      left = true
      listeners.delete(listener)
      wake.resolve()
      return { done: true, value: undefined }
    }
  }
}

const all = async (router: NameRouter, id: ProfileId, options?: RouterOptions): Promise<Uint8Array[]> => {
  const found: Uint8Array[] = []
  for await (const record of router.get(id, options)) found.push(record)
  return found
}
const getting = (router: NameRouter, get: NameRouter['get']): NameRouter => ({ ...router, get })

const unknown = 'a name that nobody put ends without a candidate'
const newer = 'a record that was put is among the candidates, and a newer one after it'
const again = 'a record that was put again is still among the candidates'
const apart = 'names are kept apart, also when many are put at once'
const most = 'a get yields at most 64 candidates'
const own = 'what was put and what comes out is the caller\'s own, as plain Uint8Array'
const left = 'a get can be left at any time'
const aborted = 'a call whose signal is aborted already rejects with the reason'
const underWay = 'a call that is aborted under way rejects with the reason or ends as if it were not'
const watched = 'watch, where there is one, yields what the router hears, until it is returned or aborted'
const closed = 'after close every call fails with CLOSED, and close may be called twice'
const opens = 'it closes nothing that it was given, so that it can be opened again'
const twice = 'a second open works or rejects with STORE_LOCKED, and the first works on'
const named = 'its name is text for answers and logs, without credentials, and does not change'

const faults: [fault: string, clause: string, change: Change][] = [
  ['throws when it knows nothing', unknown, (router) => getting(router, async function * (id) { const found = await all(router, id); if (found.length === 0) throw new Error('not found'); yield * found })],
  ['yields an empty record when it knows nothing', unknown, (router) => getting(router, async function * (id) { const found = await all(router, id); yield * found.length > 0 ? found : [new Uint8Array()] })],
  ['forgets what was put', newer, (router) => ({ ...router, put: async () => undefined })],
  ['keeps the first record', newer, (router, { records }) => ({ ...router, async put (id, record) { if (!records.has(id)) await router.put(id, record) } })],
  ['compares sequences as text', newer, (router, { records }) => { let puts = 0; return { ...router, async put (id, record) { if (++puts === 3 && records.has(id)) return; await router.put(id, record) } } }],
  ['changes what it keeps', newer, (router) => getting(router, async function * (id) { for (const record of await all(router, id)) yield record.slice(1) })],
  ['takes a second put for a removal', again, (router, { records }) => ({ ...router, async put (id, record) { if (records.has(id)) records.delete(id); else await router.put(id, record) } })],
  ['yields everything that it knows', apart, (router, { records }) => getting(router, async function * () { yield * records.values() })],
  ['loses all but one of many puts', apart, (router) => { let busy = false; return { ...router, async put (...args) { if (busy) return; busy = true; await tick(); await router.put(...args); busy = false } } }],
  ['yields all that it ever took', most, (router) => { const taken: Uint8Array[] = []; return { ...router, async put (id, record) { taken.push(record); await router.put(id, record) }, async * get () { yield * taken } } }],
  ['keeps the array that it was given', own, (router, { records }) => ({ ...router, async put (id, record) { records.set(id, record) } })],
  ['hands out its own array', own, (router, { records }) => getting(router, async function * (id) { const record = records.get(id); if (record) yield record })],
  ['hands out Buffers', own, (router) => getting(router, async function * (id) { for (const record of await all(router, id)) yield Buffer.from(record) })],
  ['is locked by a get that was left', left, (router) => {
    let reading = 0
    return getting(router, async function * (id) { if (reading > 0) throw new Error('busy'); reading++; yield * await all(router, id); reading-- })
  }],
  ['goes on after return()', left, (router) => getting(router, (id) => { const records: Promise<Uint8Array[]> = all(router, id); return { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: (await records)[0]! }), return: async () => ({ done: true, value: undefined }) }) } })],
  ['ignores the signal of put', aborted, (router) => ({ ...router, put: (id, record) => router.put(id, record) })],
  ['ignores the signal of get', aborted, (router) => getting(router, (id) => router.get(id))],
  ['ends watch quietly when aborted', aborted, (router) => ({ ...router, async * watch (id, options) { if (options?.signal?.aborted) return; yield * router.watch!(id, options) } })],
  ['tells an abort by another error', underWay, (router) => ({ ...router, async put (id, record, { signal } = {}) { await tick(); if (signal?.aborted) throw new DOMException('aborted', 'AbortError'); await router.put(id, record) } })],
  ['hears of other records', watched, (router) => ({ ...router, async * watch (id, options) { for await (const record of router.watch!(id, options)) yield record.slice(1) } })],
  ['says each thing twice', watched, (router) => ({ ...router, async * watch (id, options) { for await (const record of router.watch!(id, options)) { yield record; yield record } } })],
  ['ends an aborted watch quietly', watched, (router) => ({ ...router, watch (id, options) { const inner = router.watch!(id, options)[Symbol.asyncIterator](); return { [Symbol.asyncIterator]: () => ({ ...inner, next: () => inner.next().catch(() => ({ done: true, value: undefined })) }) } } })],
  ['works on after close', closed, (router, network) => getting(router, (id) => createRouter(network).get(id))],
  ['watches on after close', closed, (router) => ({ ...router, async * watch () { /* hears nothing and says nothing */ } })],
  ['closes only once', closed, (router) => { let open = true; return { ...router, async close () { if (!open) throw new Error('closed'); open = false; await router.close() } } }],
  ['closes what it was given', opens, (router, network) => ({ ...router, async put (...args) { if (network.listeners.size > 0) throw new Error('closed'); await router.put(...args) }, async close () { network.listeners.add(() => undefined); await router.close() } })],
  ['takes the place of the first when it is opened again', twice, (router, network) => { const mine = network.listeners.size; network.listeners.add(() => undefined); return getting(router, async function * (id) { if (network.listeners.size > mine + 1) throw new Error('taken'); yield * router.get(id) }) }],
  ['has no name', named, (router) => ({ ...router, name: '' })],
  ['names its credentials', named, (router) => ({ ...router, name: 'delegated:https://user:pass@example.org' })],
  ['changes its name', named, (router) => { let open = true; return { ...router, get name () { return open ? 'open' : 'closed' }, async close () { open = false; await router.close() } } }]
]

const clauseNamed = (name: string): (typeof nameRouterClauses)[number] => nameRouterClauses.find((clause) => clause.name === name)!

describe('the suite for name routers', () => {
  it.each(nameRouterClauses)('passes a sound router, with watch and without: $name', async (clause) => {
    await runClause(clause, soundFactory())
    await runClause(clause, soundFactory((router) => { const deaf = { ...router }; delete deaf.watch; return deaf }))
  })

  it.each(faults)('fails a router that %s', async (_, name, change) => {
    await expect(runClause(clauseNamed(name), soundFactory(change))).rejects.toThrow()
  })

  it('lets the set-up say how a router hears of a record', async () => {
    const network: Network = { records: new Map(), listeners: new Set() }
    const elsewhere = createRouter(network)
    const deaf: Factory<NameRouter, NameRouterSetup> = {
      create: async () => ({ open: async () => ({ ...createRouter(network), put: async () => undefined }), announce: (id, record) => elsewhere.put(id, record) })
    }
    await runClause(clauseNamed(watched), deaf)
  })

  it('fails a router whose second open is locked by another code', async () => {
    let opened = 0
    const factory: Factory<NameRouter, NameRouterSetup> = { create: async () => ({ async open () { if (++opened === 2) throw new Error('busy'); return createRouter({ records: new Map(), listeners: new Set() }) } }) }
    await expect(runClause(clauseNamed(twice), factory)).rejects.toThrow('busy')
  })

  it('has a broken router for every clause', () => {
    expect(nameRouterClauses.map(({ name }) => name).sort(compareUtf8)).toEqual([...new Set(faults.map(([, clause]) => clause))].sort(compareUtf8))
  })
})
