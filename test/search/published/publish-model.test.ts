import type { CID } from 'multiformats/cid'
import * as fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import type { Signer } from '../../../src/identity/signer.ts'
import { HOUR_MS } from '../../../src/limits.ts'
import { publishIndex } from '../../../src/search/published/publish.ts'
import { INDEX_RETENTION_MS, releaseSuperseded } from '../../../src/search/published/release.ts'
import { indexBlocksOf, liveDocumentsOf } from '../../../src/search/published/segment-blocks.ts'
import { deadCountOf, type Segment } from '../../../src/search/segment/segment.ts'
import { createHashStore, hashName } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { NOW, brokenRouter, createShelf, homeless, indexSigner, memoryRouter, personOf, snapshotOf, type Person, type Shelf } from './index-fixture.ts'

let signer: Signer
let shelf: Shelf
/** Two versions each of a few people. */
let versions: Person[][]
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  versions = await Promise.all(Array.from({ length: 6 }, (_, i) => Promise.all([1, 2].map((seq) => personOf(i, { name: `Person ${'abcdef'[i]!}${'xy'[seq - 1]!}o`, listed: true }, seq)))))
})

type Step =
  /** A profile as its version 0 or 1, or not at all. */
  | { type: 'change'; who: number; to: 0 | 1 | undefined }
  | { type: 'merge' }
  | { type: 'publish'; heard: boolean }
  | { type: 'sleep'; hours: number }
  | { type: 'release' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('change' as const), who: fc.nat(5), to: fc.constantFrom(0 as const, 1 as const, undefined) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'merge' as const }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('publish' as const), heard: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('sleep' as const), hours: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 2, arbitrary: fc.constant({ type: 'release' as const }) }
)

/** A published version, and when it stopped being the newest one that routers had heard of. */
interface Version {
  readonly blocks: readonly string[]
  heard: boolean
  supersededAt?: number
}

const blocksOf = async (segments: readonly Segment[], own: readonly CID[]): Promise<string[]> => {
  const cids = [...own]
  for (const segment of segments) {
    cids.push(...segment.dead.map(({ cid }) => cid))
    for await (const cid of indexBlocksOf(segment, shelf.blocks)) cids.push(cid)
    for await (const documents of liveDocumentsOf(segment, shelf.blocks)) cids.push(...documents)
  }
  return cids.map(hashName)
}

it('whatever is edited, published and released in whatever order, every version that a reader may be at is whole, and nothing else stays', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
    const [state, backend, good] = [createMemoryStore(), createMemoryStore(), memoryRouter()]
    const blocks = createHashStore(backend)
    const standing = new Map<number, Person>()
    let segments: Segment[] = []
    let now = NOW
    const published: Version[] = []

    const publish = async (heard: boolean): Promise<void> => {
      const documents = segments.reduce((sum, segment) => sum + segment.documents - deadCountOf(segment), 0)
      // The first is asked for on the way to its sequence, so a router must answer.
      const routers = heard ? [good] : published.length === 0 ? [good, brokenRouter()] : [brokenRouter()]
      const { isNew, record, manifest } = await publishIndex({ snapshot: snapshotOf(shelf, ...segments), signer, state, blocks, routers, coverage: homeless(documents), clock: () => now })
      if (isNew) published.push({ blocks: await blocksOf(segments, [record.cid, manifest.coverage]), heard: false })
      const newest = published.at(-1)!
      if (!routers.includes(good) || newest.heard) return
      newest.heard = true
      for (const version of published.slice(0, -1)) version.supersededAt ??= now
    }

    for (const each of steps) {
      if (each.type === 'sleep') now += each.hours * HOUR_MS
      else if (each.type === 'release') await releaseSuperseded(signer.id, { state, blocks, clock: () => now })
      else if (each.type === 'publish') await publish(each.heard)
      else if (each.type === 'merge') {
        if (standing.size > 0) segments = [await shelf.merge(segments)]
      } else {
        const old = standing.get(each.who)
        const next = each.to === undefined ? undefined : versions[each.who]![each.to]!
        if (old === next) continue
        if (old) segments = await Promise.all(segments.map((segment) => shelf.bury(segment, [old])))
        segments = segments.filter((segment) => segment.documents > deadCountOf(segment))
        if (next) segments.unshift(await shelf.build([next]))
        if (segments.length > 6) segments = [await shelf.merge(segments)]
        if (next) standing.set(each.who, next)
        else standing.delete(each.who)
      }
      now += 1_000
      const stored = new Set((await Array.fromAsync(backend.entries({ prefix: 'block/' }))).map(([key]) => key.slice('block/'.length)))
      const needed = published.filter(({ supersededAt }) => supersededAt === undefined || now - supersededAt < INDEX_RETENTION_MS)
      for (const version of needed) expect(version.blocks.filter((hash) => !stored.has(hash))).toEqual([])
    }

    await publish(true)
    now += 3 * INDEX_RETENTION_MS
    await releaseSuperseded(signer.id, { state, blocks, clock: () => now })
    const left = (await Array.fromAsync(backend.entries({ prefix: 'block/' }))).map(([key]) => key.slice('block/'.length))
    expect(left.sort()).toEqual([...new Set(published.at(-1)!.blocks)].sort())
  }), { numRuns: 60 })
})
