import { expect, it } from 'vitest'
import { decodeCborMap, encodeCbor } from '../../../src/cbor.ts'
import { createKeptHeads } from '../../../src/client/profile-heads.ts'
import { LimitError, createMemoryStore, createLocalRouter, createSigner, type KeyValueStore } from '../../../src/index.ts'
import { HOUR_MS } from '../../../src/limits.ts'
import { answerPage } from '../../../src/search/engine/answer-page.ts'
import { createBlockSource } from '../../../src/search/engine/block-source.ts'
import { InvalidCursorError } from '../../../src/search/engine/cursor.ts'
import { openHitStream } from '../../../src/search/engine/hit-stream.ts'
import { searchIndexes } from '../../../src/search/federation/search-indexes.ts'
import { localSource } from '../../../src/search/federation/sources.ts'
import { openLocalIndex, type LocalIndex } from '../../../src/search/local/local-index.ts'
import { createPrefixStore } from '../../../src/store/prefix-store.ts'
import { parseQuery } from '../../../src/search/query/query.ts'
import { buildIndex, smallPeople } from '../engine/small-index.ts'
import { openDevice, openWorld, signerOf } from '../../client/world.ts'

const indexOver = (state: KeyValueStore, options: { clock?: () => number } = {}): LocalIndex => openLocalIndex({ state, ...createKeptHeads(state), ...options })

const namesFor = async (index: LocalIndex, text: string): Promise<unknown[]> => (await index.search(text, { limit: 100 })).hits.map(({ document }) => document.attrs.name)

/** A look-up before the index is written and after must be the same. */
const twice = async (index: LocalIndex, look: () => Promise<unknown>, expected: unknown): Promise<void> => {
  expect(await look()).toEqual(expected)
  await index.refresh()
  expect(await look()).toEqual(expected)
}

it('finds a listed profile as soon as it is published, and the new name alone as soon as it is changed', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  const index = indexOver(state)
  const alice = await signerOf(1)
  await profiles.publish({ name: 'Alice Liddell', tags: ['chess'], listed: true }, alice, { wait: 'local' })
  await twice(index, () => namesFor(index, 'alice'), ['Alice Liddell'])
  await profiles.edit(alice, (draft) => ({ ...draft, name: 'Alice Hargreaves' }), { wait: 'local' })
  await twice(index, () => namesFor(index, 'liddell'), [])
  await twice(index, () => namesFor(index, 'hargreaves'), ['Alice Hargreaves'])
  expect(await index.status()).toMatchObject({ documents: 1, segments: 1, pending: 0, rebuilding: false })
})

it.each([
  ['unlisted', async (profiles: ReturnType<typeof openDevice>['profiles']) => { await profiles.edit(await signerOf(1), (draft) => ({ ...draft, listed: false }), { wait: 'local' }) }],
  ['removed', async (profiles: ReturnType<typeof openDevice>['profiles']) => { await profiles.remove(await signerOf(1), { wait: 'local' }) }],
  ['forgotten', async (profiles: ReturnType<typeof openDevice>['profiles']) => { await profiles.forget((await signerOf(1)).id) }]
])('does not find a profile any more as soon as it is %s, in another process and after it is opened again too', async (_, change) => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  const index = indexOver(state)
  await profiles.publish({ name: 'Alice Liddell', listed: true }, await signerOf(1), { wait: 'local' })
  await profiles.publish({ name: 'Alice Smith', listed: true }, await signerOf(2), { wait: 'local' })
  await index.refresh()
  const other = indexOver(state)
  await change(profiles)
  for (const each of [index, other, indexOver(state)]) expect(await namesFor(each, 'alice')).toEqual(['Alice Smith'])
  await index.refresh()
  for (const each of [index, other, indexOver(state)]) expect(await namesFor(each, 'alice')).toEqual(['Alice Smith'])
})

it('finds profiles of others that were resolved, and none that is not listed', async () => {
  const world = openWorld()
  const publisher = openDevice(world)
  const reader = openDevice(world)
  for (const [seed, listed] of [[1, true], [2, false]] as const) {
    const signer = await signerOf(seed)
    await publisher.profiles.publish({ name: `Bob Number${seed}`, ...(listed ? { listed } : {}) }, signer)
    await reader.profiles.resolve(signer.id)
  }
  const index = indexOver(reader.state)
  await twice(index, () => namesFor(index, 'bob'), ['Bob Number1'])
})

it('builds an index of what was there before, in steps that another process may go on with', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  for (let seed = 1; seed <= 20; seed++) await profiles.publish({ name: `Person ${String.fromCharCode(96 + seed)}${seed}`, listed: true }, await signerOf(seed), { wait: 'local' })
  for await (const [key] of state.entries({ prefix: 'unindexed/' })) await state.delete(key)
  const index = indexOver(state)
  expect((await index.search('person', { limit: 100 })).rebuilding).toBe(true)
  await index.refresh()
  const answer = await indexOver(state).search('person', { limit: 100 })
  expect([answer.hits.length, answer.rebuilding]).toEqual([20, undefined])
})

it('is built anew when a block of it is damaged, and answers meanwhile', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  await profiles.publish({ name: 'Alice Liddell', listed: true }, await signerOf(1), { wait: 'local' })
  await indexOver(state).refresh()
  await profiles.publish({ name: 'Alice Smith', listed: true }, await signerOf(2), { wait: 'local' })
  for await (const [key, value] of state.entries({ prefix: 'search/segment/' })) await state.put(key, value.map((byte) => byte ^ 1))
  const index = indexOver(state)
  const answer = await index.search('alice')
  expect([answer.hits.map(({ document }) => document.attrs.name), answer.rebuilding]).toEqual([['Alice Smith'], true])
  await index.refresh()
  expect((await namesFor(index, 'alice')).sort()).toEqual(['Alice Liddell', 'Alice Smith'])
})

it('is built anew as well when it is one of several that are asked', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  for (let seed = 1; seed <= 3; seed++) await profiles.publish({ name: `Alice Liddell${seed}`, listed: true }, await signerOf(seed), { wait: 'local' })
  await indexOver(state).refresh()
  await profiles.publish({ name: 'Alice Smith', listed: true }, await signerOf(4), { wait: 'local' })
  for await (const [key, value] of state.entries({ prefix: 'search/segment/' })) await state.put(key, value.map((byte) => byte ^ 1))
  const index = indexOver(state)
  const answer = await searchIndexes([localSource(index)], 'alice')
  expect([answer.hits.map(({ document }) => document.attrs.name), answer.coverage.sources[0]!.state]).toEqual([['Alice Smith'], 'answered'])
  expect((await index.status()).rebuilding).toBe(true)
  await index.refresh()
  expect((await searchIndexes([localSource(index)], 'alice')).hits.length).toBe(4)
})

it.each([
  ['cut short', (bytes: Uint8Array) => bytes.slice(0, -3)],
  ['of another version', (bytes: Uint8Array) => encodeCbor({ ...decodeCborMap(bytes), v: 2 })],
  ['of another analyser', (bytes: Uint8Array) => encodeCbor({ ...decodeCborMap(bytes), analyser: 2 })]
])('is built anew when its head is %s', async (_, damage) => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  await profiles.publish({ name: 'Alice Liddell', listed: true }, await signerOf(1), { wait: 'local' })
  await indexOver(state).refresh()
  await state.put('search/head', damage((await state.get('search/head'))!))
  const index = indexOver(state)
  expect((await index.search('alice')).rebuilding).toBe(true)
  await index.refresh()
  expect(await namesFor(index, 'alice')).toEqual(['Alice Liddell'])
})

it('gives pages without holes or repetitions while profiles come in between', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  const index = indexOver(state)
  const publish = async (seed: number): Promise<void> => { await profiles.publish({ name: `Ada ${'abcdefghijklmnopqrstuvwxyz'[seed % 26]!}son${seed}`, listed: true }, await signerOf(seed), { wait: 'local' }) }
  for (let seed = 1; seed <= 30; seed++) await publish(seed)
  const before = await namesFor(index, 'ada')
  const seen: unknown[] = []
  let cursor: string | undefined
  let seed = 30
  do {
    const page = await index.search('ada', { limit: 4, ...(cursor === undefined ? {} : { cursor }) })
    seen.push(...page.hits.map(({ document }) => document.attrs.name))
    cursor = page.cursor
    if (seed < 36) await publish(++seed)
    if (seed === 33) await index.refresh()
  } while (cursor !== undefined)
  expect(new Set(seen).size).toBe(seen.length)
  expect(before.filter((name) => !seen.includes(name))).toEqual([])
  await expect(index.search('ada', { cursor: 'nonsense' })).rejects.toThrow(InvalidCursorError)
})

it('leaves out whom its owner does not show, at once and in what it writes', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  const banned = new Set<string>()
  const index = openLocalIndex({ state, ...createKeptHeads(state), isShown: async (id) => !banned.has(id) })
  const alice = await signerOf(1)
  await profiles.publish({ name: 'Alice Liddell', listed: true }, alice, { wait: 'local' })
  await index.refresh()
  banned.add(alice.id)
  expect(await namesFor(index, 'alice')).toEqual([])
  await state.put(`unindexed/${alice.id}`, Uint8Array.of(9))
  await index.refresh()
  expect((await index.status()).documents).toBe(0)
})

it('lets go of what it no longer needs after an hour, and of nothing else', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  let now = Date.UTC(2026, 10, 24)
  const index = indexOver(state, { clock: () => now })
  const alice = await signerOf(1)
  for (let round = 0; round < 12; round++) {
    await profiles.publish({ name: `Alice Round${String.fromCharCode(97 + round)}`, listed: true }, alice, { wait: 'local' })
    await index.refresh()
  }
  const keysBelow = async (prefix: string): Promise<number> => (await Array.fromAsync(createPrefixStore(state, prefix).entries())).length
  const [segments, documents] = [await keysBelow('search/segment/'), await keysBelow('search/document/')]
  now += HOUR_MS + 1
  await index.refresh()
  expect(await keysBelow('search/document/')).toBe(1)
  expect([documents, await keysBelow('search/left/')]).toEqual([12, 0])
  expect(await keysBelow('search/segment/')).toBeLessThan(segments)
  expect(await namesFor(index, 'alice')).toEqual(['Alice Roundl'])
})

it('may be written by two processes at a time', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  const [one, two] = [indexOver(state), indexOver(state)]
  for (let seed = 1; seed <= 24; seed++) {
    await profiles.publish({ name: `Ada Number${seed}`, listed: true }, await signerOf(seed), { wait: 'local' })
    if (seed % 3 === 0) await Promise.all([one.refresh(), two.refresh()])
  }
  await Promise.all([one.refresh(), two.refresh()])
  expect((await namesFor(one, 'ada')).length).toBe(24)
  expect(await two.status()).toMatchObject({ documents: 24, pending: 0 })
})

it('opens and answers right after any write of it was the last', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  await profiles.publish({ name: 'Alice Liddell', listed: true }, await signerOf(1), { wait: 'local' })
  await indexOver(state).refresh()
  const entries = await Array.fromAsync(state.entries())
  for (let writes = 0; ; writes++) {
    const copy = createMemoryStore()
    for (const [key, value] of entries) await copy.put(key, value)
    const device = openDevice({ state: copy, routers: [createLocalRouter(createMemoryStore())] })
    await device.profiles.publish({ name: 'Alice Hargreaves', listed: true }, await signerOf(1), { wait: 'local', first: true })
    let left = writes
    const cut = async (): Promise<void> => {
      if (left-- === 0) throw new Error('killed')
    }
    const dying: KeyValueStore = { ...copy, put: async (...args) => { await cut(); await copy.put(...args) }, batch: async (...args) => { await cut(); await copy.batch(...args) }, delete: async (...args) => { await cut(); await copy.delete(...args) } }
    const finished = await indexOver(dying).refresh().then(() => true, () => false)
    const index = indexOver(copy)
    expect(await namesFor(index, 'alice'), `after ${writes} writes`).toEqual(['Alice Hargreaves'])
    await index.refresh()
    expect(await namesFor(index, 'alice'), `after ${writes} writes`).toEqual(['Alice Hargreaves'])
    if (finished) break
  }
})

it('counts facets over all matches', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  const index = indexOver(state)
  for (let seed = 1; seed <= 6; seed++) await profiles.publish({ name: `Ada N${seed}x`, tags: seed % 2 === 0 ? ['chess', 'tea'] : ['chess'], lang: 'en', listed: true }, await signerOf(seed), { wait: 'local' })
  const { facets } = await index.search('ada', { limit: 1, facets: true })
  expect(facets).toEqual({ tags: [{ value: 'chess', count: 6 }, { value: 'tea', count: 3 }], kinds: [{ value: 'persona', count: 6 }], langs: [{ value: 'en', count: 6 }], atLeast: false })
})

it('looks through 256 changes one by one, and writes 257 into the index first', async () => {
  const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())] })
  const index = indexOver(state)
  await profiles.publish({ name: 'Alice Liddell', listed: true }, await signerOf(1), { wait: 'local' })
  await index.refresh()
  const head = await state.get(`unindexed/${(await signerOf(1)).id}`)
  expect(head).toBeUndefined()
  const ids = await Promise.all(Array.from({ length: 257 }, async (_, i) => (await createSigner(Uint8Array.from({ length: 32 }, (_, at) => (at < 2 ? (i >> (8 * at)) & 0xff : 5)))).id))
  for (const id of ids.slice(1)) await state.put(`unindexed/${id}`, Uint8Array.of(1))
  await index.search('alice')
  expect((await index.status()).pending).toBe(256)
  await state.put(`unindexed/${ids[0]!}`, Uint8Array.of(1))
  await index.search('alice')
  expect((await index.status()).pending).toBe(0)
})

it('shows 1,000 hits in all, 100 a page, and no more', async () => {
  const { live, ...built } = await buildIndex(smallPeople(1_500))
  const stream = () => openHitStream({ segments: built.segments, query: parseQuery('', { kind: 'persona' }), source: createBlockSource({ blocks: built.blocks, verify: 'hash', maxBlocks: 10_000, maxBytes: 1e9 }), head: 'h' })
  let shown = 0
  let cursor: string | undefined
  do {
    const page = await answerPage(stream(), { limit: 100, ...(cursor === undefined ? {} : { cursor }) })
    shown += page.hits.length
    cursor = page.cursor
  } while (cursor !== undefined)
  expect([shown, live.length]).toEqual([1_000, 1_500])
  await expect(answerPage(stream(), { limit: 101 })).rejects.toThrow(LimitError)
  await expect(answerPage(stream(), { limit: 0 })).rejects.toThrow(LimitError)
})
