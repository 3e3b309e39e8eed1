import { describe, expect, it } from 'vitest'
import { compareUtf8 } from '../../src/bytes.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import type { KeyRange, KeyValueStore, Operation, StoreOptions } from '../../src/store/key-value-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { BrokenClauseError } from '../../src/testing/assert.ts'
import { keyValueStoreClauses, runClause, type Factory } from '../../src/testing/index.ts'

/** Stands in for a disk: what is opened later sees what was written before, and `close` closes the view alone. */
const soundFactory = (change: (store: KeyValueStore, disk: KeyValueStore) => KeyValueStore = (store) => store): Factory<KeyValueStore> => ({
  async create () {
    const disk = createMemoryStore()
    return { open: async () => change(view(disk), disk) }
  }
})

const view = (disk: KeyValueStore): KeyValueStore => {
  const closed = createMemoryStore()
  let open = true
  const target = (): KeyValueStore => (open ? disk : closed)
  return {
    supports: { ...disk.supports, persistence: true },
    get: async (...args) => target().get(...args),
    put: async (...args) => target().put(...args),
    delete: async (...args) => target().delete(...args),
    batch: async (...args) => target().batch(...args),
    async * entries (...args) {
      for await (const entry of target().entries(...args)) {
        if (!open) await closed.get('closed')
        yield entry
        if (!open) await closed.get('closed')
      }
    },
    async close () {
      open = false
      await closed.close()
    }
  }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const all = async (store: KeyValueStore, range?: KeyRange, options?: StoreOptions): Promise<[string, Uint8Array][]> => {
  const entries: [string, Uint8Array][] = []
  for await (const entry of store.entries(range, options)) entries.push(entry)
  return entries
}
/** Spells every key otherwise before the store sees it. */
const spelled = (store: KeyValueStore, spell: (key: string) => string): KeyValueStore => ({
  ...store,
  get: async (key, options) => store.get(spell(key), options),
  put: async (key, value, options) => store.put(spell(key), value, options),
  delete: async (key, options) => store.delete(spell(key), options),
  batch: async (operations, options) => store.batch(operations.map((operation) => ({ ...operation, key: spell(operation.key) })), options)
})
/** Writes a batch by `write`, for put and delete too. */
const writing = (store: KeyValueStore, write: (operations: readonly Operation[], options?: StoreOptions) => Promise<void>): KeyValueStore => ({
  ...store,
  put: async (key, value, options) => write([{ type: 'put', key, value }], options),
  delete: async (key, options) => write([{ type: 'delete', key }], options),
  batch: write
})
const listing = (store: KeyValueStore, entries: KeyValueStore['entries']): KeyValueStore => ({ ...store, entries })
const writes = (operations: readonly Operation[]): Operation[] => operations.filter(({ type }) => type !== 'check')
const checkingApart = (store: KeyValueStore): KeyValueStore => ({
  ...store,
  async batch (operations) {
    const copy = structuredClone(writes(operations))
    await store.batch(operations.filter(({ type }) => type === 'check'))
    await tick()
    await store.batch(copy)
  }
})

type Fault = [fault: string, clause: string, change: (store: KeyValueStore, disk: KeyValueStore) => KeyValueStore]

const faults: Fault[] = [
  ['answers an empty value for an absent key', 'an absent key is answered with undefined', (store) => ({ ...store, get: async (...args) => (await store.get(...args)) ?? new Uint8Array() })],
  ['keeps the first value', 'a value comes back byte for byte, and put replaces it', (store) => ({ ...store, put: async (key, value) => (await store.get(key)) ? undefined : store.put(key, value) })],
  ['keeps values as text', 'a value comes back byte for byte, and put replaces it', (store) => ({ ...store, put: async (key, value) => store.put(key, new TextEncoder().encode(new TextDecoder().decode(value))) })],
  ['takes an empty value for absence', 'an empty value is not absence', (store) => ({ ...store, get: async (...args) => { const value = await store.get(...args); return value?.byteLength ? value : undefined } })],
  ['rejects a delete of an absent key', 'delete removes, and an absent key is no error', (store) => ({ ...store, async delete (key) { if (!(await store.get(key))) throw new Error('absent'); await store.delete(key) } })],
  ['deletes by emptying', 'delete removes, and an absent key is no error', (store) => ({ ...store, delete: async (key) => store.put(key, new Uint8Array()) })],
  ['copies a put value too late', 'what goes in is copied', (store) => ({ ...store, put: async (key, value) => { await tick(); await store.put(key, value) } })],
  ['copies a batch too late', 'what goes in is copied', (store) => ({ ...store, batch: async (operations) => { await tick(); await store.batch(operations) } })],
  ['hands out its own array', 'what comes out is copied, as plain Uint8Array', (store) => {
    const cache = new Map<string, Uint8Array>()
    return { ...store, async get (key) { const value = cache.get(key) ?? await store.get(key); if (value) cache.set(key, value); return value } }
  }],
  ['hands out Buffers', 'what comes out is copied, as plain Uint8Array', (store) => ({ ...store, get: async (...args) => { const value = await store.get(...args); return value && Buffer.from(value) } })],
  ['iterates over Buffers', 'what comes out is copied, as plain Uint8Array', (store) => listing(store, async function * (...args) { for await (const [key, value] of store.entries(...args)) yield [key, Buffer.from(value)] })],
  ['refuses keys of more than 255 bytes', 'keys of 1 to 1,024 UTF-8 bytes are taken and kept apart', (store) => ({ ...store, async put (key, value) { if (key.length > 255) throw new Error('ENAMETOOLONG'); await store.put(key, value) } })],
  ['cuts keys at 1,023 bytes', 'keys of 1 to 1,024 UTF-8 bytes are taken and kept apart', (store) => spelled(store, (key) => key.slice(0, 1_023))],
  ['takes any key', 'a key that is empty, over 1,024 bytes or not well-formed is refused', (store) => spelled(store, (key) => (key.toWellFormed() || 'empty').slice(0, 300))],
  ['writes what stands before a bad key', 'a key that is empty, over 1,024 bytes or not well-formed is refused', (store) => ({ ...store, async batch (operations) { for (const operation of operations) await store.batch([operation]) } })],
  ['takes any value', 'values of 0 to 16 MiB are taken, one byte more is refused before anything is written', (store) => ({ ...store, put: async (key, value) => store.put(key, value.subarray(0, 16 * 1_048_576)) })],
  ['takes no large value', 'values of 0 to 16 MiB are taken, one byte more is refused before anything is written', (store) => ({ ...store, async put (key, value) { if (value.byteLength > 10 * 1_048_576) throw new Error('too large'); await store.put(key, value) } })],
  ['is case-insensitive', 'any key is inert and unlike any other', (store) => spelled(store, (key) => key.toLowerCase())],
  ['normalises keys', 'any key is inert and unlike any other', (store) => spelled(store, (key) => key.normalize('NFC'))],
  ['trims keys', 'any key is inert and unlike any other', (store) => spelled(store, (key) => key.trim() || key)],
  ['lets keys name what is outside', 'any key is inert and unlike any other', (store) => spelled(store, (key) => key.replaceAll('../', '') || key)],
  ['orders keys by UTF-16', 'entries come in UTF-8 byte order', (store) => listing(store, async function * (range, options) { yield * (await all(store, range, options)).sort(([a], [b]) => (a < b ? -1 : 1)) })],
  ['orders keys by the alphabet', 'entries come in UTF-8 byte order', (store) => listing(store, async function * (range, options) { yield * (await all(store, range, options)).sort(([a], [b]) => a.localeCompare(b)) })],
  ['takes gt for gte', 'gte, gt, lt and lte bound a range', (store) => listing(store, ({ gt, ...range } = {}, options) => store.entries({ ...(gt === undefined ? {} : { gte: gt }), ...range }, options))],
  ['takes lte for lt', 'gte, gt, lt and lte bound a range', (store) => listing(store, ({ lte, ...range } = {}, options) => store.entries({ ...(lte === undefined ? {} : { lt: lte }), ...range }, options))],
  ['heeds gte alone where gt stands too', 'gte, gt, lt and lte bound a range', (store) => listing(store, ({ gt, ...range } = {}, options) => store.entries({ ...range, ...(gt === undefined || range.gte !== undefined ? {} : { gt }) }, options))],
  ['ends prefixes at U+FFFF', 'prefix bounds a range, alone and with other bounds', (store) => listing(store, ({ prefix, ...range } = {}, options) => store.entries(prefix === undefined ? range : { ...range, gte: prefix, lt: `${prefix}\uffff` }, options))],
  ['forgets other bounds beside a prefix', 'prefix bounds a range, alone and with other bounds', (store) => listing(store, (range = {}, options) => store.entries(range.prefix === undefined ? range : { prefix: range.prefix, reverse: range.reverse ?? false }, options))],
  ['gives one entry too many', 'limit counts entries from the end where iteration starts', (store) => listing(store, ({ limit, ...range } = {}, options) => store.entries({ ...range, ...(limit === undefined ? {} : { limit: limit + 1 }) }, options))],
  ['takes a limit of 0 for none', 'limit counts entries from the end where iteration starts', (store) => listing(store, ({ limit, ...range } = {}, options) => store.entries({ ...range, ...(limit ? { limit } : {}) }, options))],
  ['counts from the start in reverse', 'limit counts entries from the end where iteration starts', (store) => listing(store, async function * ({ reverse, ...range } = {}, options) { const entries = await all(store, range, options); yield * reverse ? entries.reverse() : entries })],
  ['takes any limit', 'a range with a bad limit or a bound that is not well-formed is refused', (store) => listing(store, ({ limit, ...range } = {}, options) => store.entries({ ...range, ...(limit === undefined ? {} : { limit: Math.max(0, Math.trunc(limit) || 0) }) }, options))],
  ['takes any bound', 'a range with a bad limit or a bound that is not well-formed is refused', (store) => listing(store, ({ gte, ...range } = {}, options) => store.entries({ ...range, ...(gte === undefined ? {} : { gte: gte.toWellFormed() }) }, options))],
  ['iterates over the living store', 'an iteration shows the entries as they stood when it started', (store) => listing(store, async function * (range, options) {
    for (const [key] of await all(store, range, options)) { const value = await store.get(key); if (value) yield [key, value] }
  })],
  ['shows keys that came after the start', 'an iteration shows the entries as they stood when it started', (store) => listing(store, async function * (range, options) {
    const bounds: KeyRange = { ...range }
    for (;;) {
      const [entry] = await all(store, { ...bounds, limit: 1 }, options)
      if (!entry) return
      yield entry
      bounds.gt = entry[0]
    }
  })],
  ['locks while somebody iterates', 'an iteration can be left early', (store) => {
    let iterating = 0
    return { ...store, async * entries (...args) { iterating++; yield * store.entries(...args); iterating-- }, async put (key, value) { if (iterating > 0) throw new Error('locked'); await store.put(key, value) } }
  }],
  ['lets the first operation on a key count', 'a batch is written in order, so that the last operation on a key counts', (store) => ({ ...store, batch: async (operations) => store.batch(operations.toReversed()) })],
  ['writes puts before deletes', 'a batch is written in order, so that the last operation on a key counts', (store) => ({ ...store, batch: async (operations) => store.batch(operations.toSorted((a, b) => (a.type < b.type ? 1 : -1))) })],
  ['rejects an empty batch', 'an empty batch is no error', (store) => ({ ...store, async batch (operations) { if (operations.length === 0) throw new Error('empty'); await store.batch(operations) } })],
  ['takes an absent key for a failed check', 'a batch whose checks hold is written', (store) => ({ ...store, batch: async (operations) => store.batch(operations.map((operation) => (operation.type === 'check' && !operation.value ? { ...operation, value: new Uint8Array() } : operation))) })],
  ['takes an empty value for absence in checks', 'a check that does not hold is a CONFLICT and nothing is written', (store) => ({ ...store, batch: async (operations) => store.batch(operations.filter((operation) => !(operation.type === 'check' && operation.value?.byteLength === 0))) })],
  ['ignores checks', 'a check that does not hold is a CONFLICT and nothing is written', (store) => ({ ...store, batch: async (operations) => store.batch(writes(operations)) })],
  ['compares lengths alone', 'a check that does not hold is a CONFLICT and nothing is written', (store) => ({
    ...store,
    async batch (operations) {
      const loose = await Promise.all(operations.map(async (operation): Promise<Operation> => {
        const stored = await store.get(operation.key)
        return operation.type === 'check' && operation.value && stored?.byteLength === operation.value.byteLength ? { ...operation, value: stored } : operation
      }))
      await store.batch(loose)
    }
  })],
  ['writes before it checks', 'a check that does not hold is a CONFLICT and nothing is written', (store) => ({ ...store, async batch (operations) { await store.batch(operations.slice(0, 1)); await store.batch(operations.slice(1)) } })],
  ['tells a conflict by another code', 'a check that does not hold is a CONFLICT and nothing is written', (store) => ({ ...store, batch: async (operations) => store.batch(operations).catch(() => { throw new Error('conflict') }) })],
  ['checks operation by operation', 'checks look at the store as it was before the batch', (store) => ({ ...store, async batch (operations) { for (const operation of operations) await store.batch([operation]) } })],
  ['checks and writes apart', 'of concurrent batches that check one key, one at a time is written', checkingApart],
  ['lets puts pass between check and write', 'a put between check and write is seen', checkingApart],
  ['skips checks that it does not support', 'where conditionalBatch is no, a check rejects with NOT_SUPPORTED', (store) => ({ ...store, supports: { ...store.supports, conditionalBatch: false }, batch: async (operations) => store.batch(writes(operations)) })],
  ['interleaves batches', 'concurrent batches never interleave, and no snapshot shows a part of one', (store) => ({ ...store, async batch (operations) { for (const operation of operations) { await store.batch([operation]); await tick() } } })],
  ['ignores the signal', 'a call whose signal is aborted already does nothing and rejects with the reason', (store) => ({ ...store, get: async (key) => store.get(key) })],
  ['ignores the signal of entries', 'a call whose signal is aborted already does nothing and rejects with the reason', (store) => listing(store, (range) => store.entries(range))],
  ['rejects aborted calls with an error of its own', 'a call whose signal is aborted already does nothing and rejects with the reason', (store) => ({ ...store, async put (key, value, { signal } = {}) { if (signal?.aborted) throw new DOMException('aborted', 'AbortError'); await store.put(key, value) } })],
  ['writes although aborted', 'a call whose signal is aborted already does nothing and rejects with the reason', (store) => ({ ...store, async delete (key, { signal } = {}) { await store.delete(key); signal?.throwIfAborted() } })],
  ['leaves half of an aborted batch', 'a write that is aborted under way happens whole or not at all', (store) => ({ ...store, async batch (operations, options) { for (const operation of operations) { await store.batch([operation], options); await tick() } } })],
  ['tells an abort by another error', 'a write that is aborted under way happens whole or not at all', (store) => ({ ...store, async batch (operations, { signal } = {}) { await tick(); if (signal?.aborted) throw new Error('aborted'); await store.batch(operations) } })],
  ['tells an aborted iteration by another error', 'an iteration that is aborted under way rejects with the reason or goes on', (store) => listing(store, async function * (range, { signal } = {}) { for await (const entry of store.entries(range)) { if (signal?.aborted) throw new Error('aborted'); yield entry } })],
  ['works on after close', 'after close every call and every step of an iteration rejects with CLOSED, and close may be called twice', (store, disk) => ({ ...store, get: async (key) => disk.get(key) })],
  ['lets iterations outlive close', 'after close every call and every step of an iteration rejects with CLOSED, and close may be called twice', (store, disk) => listing(store, (...args) => disk.entries(...args))],
  ['closes only once', 'after close every call and every step of an iteration rejects with CLOSED, and close may be called twice', (store) => {
    let closed = false
    return { ...store, async close () { if (closed) throw new Error('closed'); closed = true; await store.close() } }
  }],
  ['drops what is under way when it is closed', 'close lets the calls before it finish', (store) => ({ ...store, async put (key, value) { await tick(); await store.put(key, value) } })],
  ['acknowledges before it writes', 'close lets the calls before it finish', (store) => ({ ...store, put: async (key, value) => { const copy = Uint8Array.from(value); void tick().then(() => store.put(key, copy)).catch(() => undefined) } })],
  ['loses deletes when it is closed', 'values survive close and open where persistence is yes, and only there', (store, disk) => {
    const deleted = new Set<string>()
    return writing(store, async (operations) => {
      for (const operation of operations) if (operation.type === 'delete') deleted.add(operation.key); else deleted.delete(operation.key)
      await disk.batch(operations.filter(({ type }) => type !== 'delete'))
    })
  }],
  ['keeps what it says that it forgets', 'values survive close and open where persistence is yes, and only there', (store) => ({ ...store, supports: { ...store.supports, persistence: false } })],
  ['serves its copy of the data', 'a second open shares the data or rejects with STORE_LOCKED, and the first works on', (store) => {
    const copy = new Map<string, Uint8Array>()
    return { ...store, async put (key, value) { copy.set(key, value); await store.put(key, value) }, get: async (key) => copy.get(key) }
  }],
  ['changes its mind about what it supports', 'supports are facts that do not change', (store) => {
    let closed = false
    return { ...store, get supports () { return { ...store.supports, persistence: !closed } }, async close () { closed = true; await store.close() } }
  }],
  ['forgets every hundredth write', 'it agrees with a model over 400 random operations', (store) => {
    let count = 0
    return { ...store, batch: async (operations) => (++count % 100 === 0 ? undefined : store.batch(operations)) }
  }]
]

const clauseNamed = (name: string): (typeof keyValueStoreClauses)[number] => {
  const clause = keyValueStoreClauses.find((clause) => clause.name === name)
  if (!clause) throw new Error(`there is no clause named: ${name}`)
  return clause
}

describe('the suite for key-value stores', () => {
  it.each(keyValueStoreClauses)('passes a sound store: $name', async (clause) => {
    await runClause(clause, soundFactory())
  })

  it.each(faults)('fails a store that %s', async (_, name, change) => {
    await expect(runClause(clauseNamed(name), soundFactory(change))).rejects.toThrow()
  })

  it('fails a store that keeps nothing, that locks by another code, and whose second open ends the first', async () => {
    const forgetting: Factory<KeyValueStore> = { create: async () => ({ open: async () => view(createMemoryStore()) }) }
    await expect(runClause(clauseNamed('values survive close and open where persistence is yes, and only there'), forgetting)).rejects.toThrow(BrokenClauseError)
    const twice = clauseNamed('a second open shares the data or rejects with STORE_LOCKED, and the first works on')
    const opening = (second: (first: KeyValueStore) => Promise<KeyValueStore>): Factory<KeyValueStore> => ({
      async create () {
        let first: KeyValueStore | undefined
        return { open: async () => (first ? second(first) : (first = view(createMemoryStore()))) }
      }
    })
    await expect(runClause(twice, opening(async () => { throw new Error('busy') }))).rejects.toThrow('busy')
    await expect(runClause(twice, opening(async (first) => { await first.close(); return view(createMemoryStore()) }))).rejects.toThrow()
  })

  it('passes a store without conditional batches that says so', async () => {
    const refusing = soundFactory((store) => ({
      ...store,
      supports: { ...store.supports, conditionalBatch: false },
      async batch (operations, options) {
        if (operations.some(({ type }) => type === 'check')) throw new NotSupportedError('checks')
        await store.batch(operations, options)
      }
    }))
    for (const clause of keyValueStoreClauses) await runClause(clause, refusing)
  })

  it('has a broken store for every clause', () => {
    expect(keyValueStoreClauses.map(({ name }) => name).sort(compareUtf8)).toEqual([...new Set(faults.map(([, clause]) => clause))].sort(compareUtf8))
  })

  it('removes what a clause left behind, also when the clause fails', async () => {
    const steps: string[] = []
    const store = { close: async () => { steps.push('close') } }
    const factory = { create: async () => ({ open: async () => store, destroy: async () => { steps.push('destroy') } }) }
    await expect(runClause({ name: 'broken', run: async ({ open }) => { await open(); await open(); throw new Error('broken') } }, factory)).rejects.toThrow('broken')
    expect(steps).toEqual(['close', 'close', 'destroy'])
    await expect(runClause({ name: 'sound', run: async () => undefined }, { create: async () => ({ open: async () => store, destroy: async () => { throw new Error('not destroyed') } }) })).rejects.toThrow('not destroyed')
  })
})
