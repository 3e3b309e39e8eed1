import { beforeAll, describe, expect, it } from 'vitest'
import { UnreachableError } from '../../../src/naming/answer.ts'
import { createRecord, validateRecord } from '../../../src/naming/record.ts'
import { HOUR_MS } from '../../../src/limits.ts'
import { decodeCoverage } from '../../../src/search/published/coverage.ts'
import { InvalidManifestError } from '../../../src/search/published/invalid-manifest.ts'
import { signManifest, verifyManifest } from '../../../src/search/published/manifest.ts'
import { publishIndex, type PublishIndexOptions } from '../../../src/search/published/publish.ts'
import { INDEX_RETENTION_MS, releaseSuperseded } from '../../../src/search/published/release.ts'
import { reannounceIndex } from '../../../src/search/published/reannounce.ts'
import { indexBlocksOf, liveDocumentsOf } from '../../../src/search/published/segment-blocks.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import { walkDag } from '../../../src/store/walk-dag.ts'
import type { HashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { PIN_BOOKS, createPinSet } from '../../../src/store/pins.ts'
import { createPrefixStore } from '../../../src/store/prefix-store.ts'
import type { Signer } from '../../../src/identity/signer.ts'
import { NOW, brokenRouter, countingStore, createShelf, homeless, indexSigner, memoryRouter, people, personOf, snapshotOf, type Person, type Shelf } from './index-fixture.ts'

let signer: Signer
let shelf: Shelf
let persons: Person[]
let base: Segment
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  persons = await people(300)
  base = await shelf.build(persons)
})

/** A publisher with everything new. */
const publisher = () => {
  const blocks = countingStore()
  const parts = { signer, state: createMemoryStore(), blocks, routers: [memoryRouter()], clock: () => NOW }
  const publish = (segments: readonly Segment[], documents: number, options: Partial<PublishIndexOptions> = {}) => publishIndex({ ...parts, snapshot: snapshotOf(shelf, ...segments), coverage: homeless(documents), ...options })
  return { ...parts, publish }
}

const has = async (blocks: HashStore, { signed: { cid } }: Person): Promise<boolean> => (await blocks.get(cid)) !== undefined
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => Array.fromAsync(items)
/** Every block and document of `segment` is there. */
const isWhole = async (blocks: HashStore, segment: Segment): Promise<boolean> => {
  const cids = [...(await all(indexBlocksOf(segment, shelf.blocks))), ...(await all(liveDocumentsOf(segment, shelf.blocks))).flat(), ...segment.dead.map(({ cid }) => cid)]
  return (await Promise.all(cids.map((cid) => blocks.get(cid)))).every((bytes) => bytes !== undefined)
}
const later = (ms: number) => ({ clock: () => NOW + ms })

describe('publishing an index', () => {
  it('puts all blocks and documents, and names the manifest by a record that carries it', async () => {
    const { publish, blocks, routers } = publisher()
    const progress: number[] = []
    const { record, manifest, written, announcements, isNew } = await publish([base], 300, { providers: ['/dns4/index.example/tcp/443/tls'], onProgress: (so) => progress.push(so.blocks) })
    expect(progress).toEqual([progress[0], progress[0]! + 300, written.blocks])
    expect({ isNew, documents: manifest.documents, prev: manifest.prev, providers: manifest.providers, seq: manifest.seq }).toEqual({ isNew: true, documents: 300, prev: null, providers: ['/dns4/index.example/tcp/443/tls'], seq: NOW / 1_000 })
    expect(announcements).toEqual([{ router: 'memory', outcome: 'delivered', ms: expect.any(Number) }])
    const [given] = await all(routers[0]!.get(signer.id))
    const named = await validateRecord(signer.id, given!, { now: NOW })
    expect(named.bytes).toEqual(record.bytes)
    const verified = await verifyManifest(named.documentBytes!, { name: signer.id, cid: named.cid })
    expect(verified.manifest).toEqual(manifest)
    expect(await blocks.get(named.cid)).toEqual(named.documentBytes)
    expect(decodeCoverage(manifest.coverage, (await blocks.get(manifest.coverage))!, manifest)).toEqual(homeless(300))
    expect(await isWhole(blocks, base)).toBe(true)
    expect(written.blocks).toBe(blocks.counts.put)
  })

  it('links from the manifest to every index block, and to no profile', async () => {
    const { publish, blocks } = publisher()
    const { record } = await publish([base], 300)
    const reached = await walkDag(blocks, [record.cid])
    const index = await all(indexBlocksOf(base, shelf.blocks))
    expect(reached.size).toBe(index.length + 2)
    for (const { signed } of persons) expect([...reached.values()].some((cid) => cid.equals(signed.cid))).toBe(false)
  })

  it('writes what an edit of one profile changed, not the index again', async () => {
    const { publish, blocks } = publisher()
    await publish([base], 300)
    const first = { ...blocks.counts }
    const edited = await personOf(17, { name: 'Somebody Else', listed: true }, 2)
    const fresh = await shelf.build([edited])
    const buried = await shelf.bury(base, [persons[17]!])
    const { written } = await publish([fresh, buried], 300, later(1_000))
    // Of the fresh segment the leaves of its keys and its table, a slice of tombstones, the document, the coverage and the manifest.
    expect(written.blocks).toBeLessThanOrEqual(8)
    expect(written.blocks).toBe(blocks.counts.put - first.put)
    expect(first.put).toBeGreaterThan(300)
    expect(written.bytes).toBeLessThan(16_384)
  })

  it('writes nothing and announces again when nothing has changed', async () => {
    const { publish, blocks, routers } = publisher()
    const first = await publish([base], 300)
    const puts = blocks.counts.put
    const again = await publish([base], 300, later(5_000))
    expect(again).toMatchObject({ isNew: false, written: { blocks: 0, bytes: 0 }, manifest: { seq: first.manifest.seq } })
    expect(again.announcements).toHaveLength(routers.length)
    expect(blocks.counts.put).toBe(puts)
  })

  it('writes no document again that moves to another segment', async () => {
    const { publish } = publisher()
    const some = persons.slice(0, 40)
    await publish([await shelf.build(some)], 40)
    const { written } = await publish([base], 300, later(1_000))
    const index = await all(indexBlocksOf(base, shelf.blocks))
    expect(written.blocks).toBe(index.length + 260 + 2)
  })

  it('does not put again what an attempt that was cut off has put', async () => {
    const whole = publisher()
    const { written } = await whole.publish([base], 300)
    const { publish, blocks } = publisher()
    const failing: HashStore = { ...blocks, put: (cid, bytes, options) => (blocks.counts.put === written.blocks - 1 ? Promise.reject(new Error('full')) : blocks.put(cid, bytes, options)) }
    await expect(publish([base], 300, { blocks: failing })).rejects.toThrow('full')
    expect((await publish([base], 300, later(1_000))).written.blocks).toBeLessThanOrEqual(2)
    expect(await isWhole(blocks, base)).toBe(true)
  })

  it('says for each router what became of the record, and lasts though one takes none', async () => {
    const { publish } = publisher()
    const hanging = { ...memoryRouter('hanging'), put: () => new Promise<void>(() => undefined) }
    const { announcements } = await publish([base], 300, { routers: [memoryRouter('good'), brokenRouter('bad'), hanging], routerTimeoutMs: 50, ...later(1_000) })
    expect(announcements.map(({ router, outcome, reason }) => ({ router, outcome, reason }))).toEqual([
      { router: 'good', outcome: 'delivered', reason: undefined },
      { router: 'bad', outcome: 'failed', reason: 'no route' },
      { router: 'hanging', outcome: 'timeout', reason: undefined }
    ])
  })

  it('goes above what a restored key has signed before, and names it', async () => {
    const before = await signManifest({ seq: NOW / 1_000 + 500, time: NOW / 1_000, segments: [], coverage: persons[0]!.signed.cid, providers: [], prev: null }, signer)
    const { publish, routers } = publisher()
    await routers[0]!.put(signer.id, await createRecord(before, signer, { now: NOW }))
    const { manifest } = await publish([base], 300)
    expect(manifest.seq).toBe(NOW / 1_000 + 501)
    expect(manifest.prev).toEqual(before.cid.multihash.digest)
  })

  it('publishes nothing from a new state when no router answers, as an older version may be out there', async () => {
    const { publish, blocks } = publisher()
    await expect(publish([base], 300, { routers: [brokenRouter()] })).rejects.toThrow(UnreachableError)
    expect(blocks.counts.put).toBe(0)
  })

  it('asks no router for what its state knows', async () => {
    const { publish } = publisher()
    const first = await publish([base], 300)
    const { manifest } = await publish([base], 300, { routers: [brokenRouter()], providers: ['/dns4/other.example/tcp/443'], ...later(1) })
    expect(manifest.seq).toBe(first.manifest.seq + 1)
    expect(manifest.prev).toEqual(first.record.cid.multihash.digest)
  })

  it('refuses a coverage that counts other profiles than the index has, before anything is written', async () => {
    const { publish, blocks } = publisher()
    await expect(publish([base], 299)).rejects.toThrow(InvalidManifestError)
    expect(blocks.counts.put).toBe(0)
  })

  it('publishes an index of nobody', async () => {
    const { publish } = publisher()
    expect((await publish([], 0)).manifest).toMatchObject({ documents: 0, segments: [] })
  })

  it('puts everything again where that is asked for, as after blocks were lost', async () => {
    const { publish, blocks } = publisher()
    await publish([base], 300)
    const lost = persons[5]!.signed.cid
    await blocks.unpin(lost)
    await publish([base], 300, later(1_000))
    expect(await blocks.get(lost)).toBeUndefined()
    await publish([base], 300, { rewrite: true, ...later(2_000) })
    expect(await isWhole(blocks, base)).toBe(true)
  })
})

describe('releasing what is superseded', () => {
  const edit = async () => {
    const edited = await personOf(17, { name: 'Somebody Else', listed: true }, 2)
    return { edited, segments: [await shelf.build([edited]), await shelf.bury(base, [persons[17]!])] }
  }

  it('keeps an old version whole for a day, and lets go of it then', async () => {
    const { publish, blocks, state } = publisher()
    const first = await publish([base], 300)
    const smaller = await shelf.build(persons.slice(0, 150))
    await publish([smaller], 150, later(HOUR_MS))
    const release = (ms: number) => releaseSuperseded(signer.id, { state, blocks, ...later(ms) })
    expect(await release(HOUR_MS + INDEX_RETENTION_MS - 1)).toEqual({ parts: 0 })
    expect(await isWhole(blocks, base)).toBe(true)
    expect(await release(HOUR_MS + INDEX_RETENTION_MS)).toEqual({ parts: 3 })
    expect(await isWhole(blocks, smaller)).toBe(true)
    expect(await blocks.get(first.record.cid)).toBeUndefined()
    for (const cid of await all(indexBlocksOf(base, shelf.blocks))) expect(await blocks.get(cid), cid.toString()).toBeUndefined()
    expect(await Promise.all([0, 149, 150, 299].map((i) => has(blocks, persons[i]!)))).toEqual([true, true, false, false])
    expect(await release(2 * INDEX_RETENTION_MS)).toEqual({ parts: 0 })
  })

  it('counts the day from when the new version was announced', async () => {
    const { publish, blocks, state, routers } = publisher()
    await publish([base], 300)
    await publish([], 0, { routers: [brokenRouter()], ...later(1_000) })
    expect(await releaseSuperseded(signer.id, { state, blocks, ...later(3 * INDEX_RETENTION_MS) })).toEqual({ parts: 0 })
    await publish([], 0, { routers, ...later(3 * INDEX_RETENTION_MS) })
    expect(await releaseSuperseded(signer.id, { state, blocks, ...later(4 * INDEX_RETENTION_MS - 1) })).toEqual({ parts: 0 })
    expect(await releaseSuperseded(signer.id, { state, blocks, ...later(4 * INDEX_RETENTION_MS) })).toEqual({ parts: 3 })
  })

  it('is not put off by announcing again', async () => {
    const { publish, blocks, state, routers } = publisher()
    await publish([base], 300)
    await publish([], 0, later(1_000))
    await reannounceIndex(signer.id, { state, routers, ...later(20 * HOUR_MS) })
    expect(await releaseSuperseded(signer.id, { state, blocks, ...later(INDEX_RETENTION_MS + 1_000) })).toEqual({ parts: 3 })
  })

  it('lets the document of an edited profile go a day later, though its segment stays', async () => {
    const { publish, blocks, state } = publisher()
    await publish([base], 300)
    const { segments, edited } = await edit()
    await publish(segments, 300, later(1_000))
    expect(await has(blocks, persons[17]!)).toBe(true)
    await releaseSuperseded(signer.id, { state, blocks, ...later(INDEX_RETENTION_MS + 1_000) })
    expect(await has(blocks, persons[17]!)).toBe(false)
    expect(await has(blocks, edited)).toBe(true)
    expect(await Promise.all(segments.map((segment) => isWhole(blocks, segment)))).toEqual([true, true])
  })

  it('puts a document again that comes back after it was let go', async () => {
    const { publish, blocks, state } = publisher()
    await publish([base], 300)
    await publish((await edit()).segments, 300, later(1_000))
    await releaseSuperseded(signer.id, { state, blocks, ...later(INDEX_RETENTION_MS + 1_000) })
    await publish([base], 300, later(INDEX_RETENTION_MS + 2_000))
    expect(await isWhole(blocks, base)).toBe(true)
    await releaseSuperseded(signer.id, { state, blocks, ...later(3 * INDEX_RETENTION_MS) })
    expect(await isWhole(blocks, base)).toBe(true)
  })

  it('keeps a block that a profile of this device has pinned, too', async () => {
    const { publish, blocks, state } = publisher()
    await createPinSet({ state: createPrefixStore(state, PIN_BOOKS), blocks }).pin('owner', [persons[3]!.signed.cid], { given: [{ cid: persons[3]!.signed.cid, bytes: persons[3]!.signed.bytes }] })
    await publish([base], 300)
    await publish([], 0, later(1_000))
    await releaseSuperseded(signer.id, { state, blocks, ...later(INDEX_RETENTION_MS + 1_000) })
    expect(await Promise.all([has(blocks, persons[3]!), has(blocks, persons[4]!)])).toEqual([true, false])
  })

  it('leaves the blocks of another index from the same state alone', async () => {
    const { publish, blocks, state } = publisher()
    const other = await indexSigner(2)
    await publish([base], 300)
    await publish([base], 300, { signer: other })
    await publish([], 0, later(1_000))
    await releaseSuperseded(signer.id, { state, blocks, ...later(INDEX_RETENTION_MS + 1_000) })
    expect(await isWhole(blocks, base)).toBe(true)
  })
})
