import type { CID } from 'multiformats/cid'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Signer } from '../../../src/identity/signer.ts'
import { DAY_MS } from '../../../src/limits.ts'
import { validateRecord } from '../../../src/naming/record.ts'
import { verifyManifest } from '../../../src/search/published/manifest.ts'
import { publishIndex } from '../../../src/search/published/publish.ts'
import { reannounceIndex } from '../../../src/search/published/reannounce.ts'
import { releaseSuperseded } from '../../../src/search/published/release.ts'
import { indexBlocksOf, liveDocumentsOf } from '../../../src/search/published/segment-blocks.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import { createHashStore, hashName } from '../../../src/store/hash-store.ts'
import type { KeyValueStore } from '../../../src/store/key-value-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { NOW, createShelf, homeless, indexSigner, memoryRouter, people, personOf, snapshotOf, type Shelf } from './index-fixture.ts'

class Killed extends Error {}

/** Ends the process, so to speak, at one of the calls that change something, before or after it has its effect; no call after it gets through. */
class Fuse {
  calls = 0
  private readonly at: number
  private readonly when: 'before' | 'after'
  constructor (at = Infinity, when: 'before' | 'after' = 'before') {
    this.at = at
    this.when = when
  }

  get blown (): boolean {
    return this.calls >= this.at
  }

  async run (work: () => Promise<void>): Promise<void> {
    const own = ++this.calls
    if (own > this.at || (own === this.at && this.when === 'before')) throw new Killed()
    await work()
    if (own === this.at) throw new Killed()
  }
}

const fused = <T extends object>(inner: T, methods: readonly (keyof T)[], fuse: Fuse): T => ({
  ...inner,
  ...Object.fromEntries(methods.map((method) => [method, (...given: unknown[]) => fuse.run(() => (inner[method] as (...given: unknown[]) => Promise<void>)(...given))]))
})

let signer: Signer
let shelf: Shelf
let before: Segment[]
let after: Segment[]
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  const persons = await people(12)
  const base = await shelf.build(persons.slice(0, 8))
  before = [base, await shelf.build(persons.slice(8, 10))]
  // An edit, a profile that is gone, two new ones, and the small segment merged away.
  const edited = await personOf(3, { name: 'Somebody Else', listed: true }, 2)
  after = [await shelf.bury(base, [persons[3]!, persons[5]!]), await shelf.build([edited, ...persons.slice(8)])]
})

const HOLDS = 10
const next = (): number => after.reduce((sum, { documents, dead }) => sum + documents - dead.reduce((dying, { count }) => dying + count, 0), 0)

/** Everything that a published version is made of. */
const blocksOf = async (segments: readonly Segment[]): Promise<CID[]> => {
  const cids: CID[] = []
  for (const segment of segments) {
    cids.push(...segment.dead.map(({ cid }) => cid))
    for await (const cid of indexBlocksOf(segment, shelf.blocks)) cids.push(cid)
    for await (const documents of liveDocumentsOf(segment, shelf.blocks)) cids.push(...documents)
  }
  return cids
}

const place = () => {
  const [state, backend, router] = [createMemoryStore(), createMemoryStore(), memoryRouter()]
  const blocks = createHashStore(backend)
  const partsOf = (fuse: Fuse) => ({
    signer,
    state: fused(state, ['put', 'batch', 'delete'], fuse),
    blocks: fused(blocks, ['put', 'pin', 'unpin'], fuse),
    routers: [fused(router, ['put'], fuse)]
  })
  const publish = async (fuse: Fuse, segments: readonly Segment[], documents: number, now: number) =>
    publishIndex({ ...partsOf(fuse), snapshot: snapshotOf(shelf, ...segments), coverage: homeless(documents), clock: () => now })
  const missing = async (segments: readonly Segment[]): Promise<string[]> => {
    const cids = await blocksOf(segments)
    const found = await Promise.all(cids.map((cid) => blocks.get(cid)))
    return cids.filter((_, i) => !found[i]).map(hashName)
  }
  /** The segments that the record out there leads to. */
  const announced = async (): Promise<number> => {
    for await (const bytes of router.get(signer.id)) {
      const record = await validateRecord(signer.id, bytes, { now: NOW })
      const manifest = (await blocks.get(record.cid))!
      return (await verifyManifest(manifest, { name: signer.id, cid: record.cid })).manifest.documents
    }
    return -1
  }
  return { state, backend, blocks, router, publish, missing, announced, partsOf }
}

afterEach(() => void vi.useRealTimers())

const storedBlocks = async (backend: KeyValueStore): Promise<string[]> => (await Array.fromAsync(backend.entries({ prefix: 'block/' }))).map(([key]) => key.slice('block/'.length))

describe('a publication that is cut off', () => {
  it.each(['before', 'after'] as const)('at any of its writes, %s it took effect, leaves the old version whole, and the next call finishes it and leaves nothing behind', async (when) => {
    let cuts = 0
    for (let at = 1; ; at++) {
      const { backend, blocks, state, publish, missing, announced } = place()
      await publish(new Fuse(), before, HOLDS, NOW)
      const fuse = new Fuse(at, when)
      const outcome = await publish(fuse, after, next(), NOW + 1_000).catch((error: unknown) => error)
      if (!fuse.blown) break
      cuts++
      expect(await missing(before), `the old version after a cut at ${at}`).toEqual([])
      // A router that failed is told in the answer; everything else ends the call.
      if (!(outcome instanceof Killed)) expect(outcome).toMatchObject({ announcements: [{ outcome: 'failed' }] })
      if ((await announced()) === next()) expect(await missing(after), `the new version after a cut at ${at}`).toEqual([])
      await publish(new Fuse(), after, next(), NOW + 2_000)
      expect(await announced()).toBe(next())
      expect(await missing([...before, ...after])).toEqual([])
      await releaseSuperseded(signer.id, { state, blocks, clock: () => NOW + 3 * DAY_MS })
      expect(await missing(after), `after the release, cut at ${at}`).toEqual([])
      const wanted = new Set((await blocksOf(after)).map(hashName))
      // Besides there are the coverage and the manifest.
      const strays = (await storedBlocks(backend)).filter((hash) => !wanted.has(hash))
      expect(strays, `left behind after a cut at ${at}`).toHaveLength(2)
    }
    expect(cuts).toBeGreaterThan(20)
  })

  it('after it was committed is announced by the next announcement', async () => {
    const { publish, announced, router, state } = place()
    await publish(new Fuse(), before, HOLDS, NOW)
    const deaf = { ...router, put: () => Promise.reject(new Error('no route')) }
    await publishIndex({ signer, state, blocks: place().blocks, routers: [deaf], snapshot: snapshotOf(shelf, ...after), coverage: homeless(next()), clock: () => NOW + 1_000, rewrite: true })
    expect(await announced()).toBe(HOLDS)
    const { announcements, refreshed } = await reannounceIndex(signer.id, { state, routers: [router], clock: () => NOW + 2_000 })
    expect(announcements).toMatchObject([{ outcome: 'delivered' }])
    expect(refreshed).toBe(false)
  })

  it('twice at the same time is refused once, and what is published is whole', async () => {
    const { publish, missing, announced } = place()
    await publish(new Fuse(), before, HOLDS, NOW)
    const outcomes = await Promise.allSettled([publish(new Fuse(), after, next(), NOW + 1_000), publish(new Fuse(), [], 0, NOW + 1_000)])
    const codes = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : (outcome.reason as { code: string }).code))
    expect(codes.sort()).toEqual(['CONFLICT', 'done'])
    if ((await announced()) === next()) expect(await missing(after)).toEqual([])
    expect(await missing(before)).toEqual([])
  })
})

describe('a release that is cut off', () => {
  it.each(['before', 'after'] as const)('at any of its writes, %s it took effect, takes nothing that is needed, and later calls finish it', async (when) => {
    // Half a minute after it was first seen, what a process was unpinning is taken over.
    vi.useFakeTimers({ toFake: ['performance'] })
    let cuts = 0
    for (let at = 1; ; at++) {
      const { backend, blocks, state, publish, missing, partsOf } = place()
      await publish(new Fuse(), before, HOLDS, NOW)
      await publish(new Fuse(), after, next(), NOW + 1_000)
      const fuse = new Fuse(at, when)
      const clock = (): number => NOW + 2 * DAY_MS
      await releaseSuperseded(signer.id, { ...partsOf(fuse), clock }).catch((error: unknown) => { if (!(error instanceof Killed)) throw error })
      if (!fuse.blown) break
      cuts++
      expect(await missing(after), `after a cut at ${at}`).toEqual([])
      for (let again = 0; again < 3; again++) {
        await releaseSuperseded(signer.id, { state, blocks, clock })
        vi.advanceTimersByTime(31_000)
      }
      expect(await missing(after), `in the end, cut at ${at}`).toEqual([])
      const wanted = new Set((await blocksOf(after)).map(hashName))
      const strays = (await storedBlocks(backend)).filter((hash) => !wanted.has(hash))
      expect(strays, `left behind after a cut at ${at}`).toHaveLength(2)
    }
    expect(cuts).toBeGreaterThan(20)
  })
})
