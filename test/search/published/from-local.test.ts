import { beforeAll, describe, expect, it } from 'vitest'
import { createKeptHeads } from '../../../src/client/profile-heads.ts'
import { createLocalRouter, createMemoryStore } from '../../../src/index.ts'
import { acceptHosting } from '../../../src/profile/acceptance.ts'
import { signDocument } from '../../../src/profile/document.ts'
import type { Signer } from '../../../src/identity/signer.ts'
import { openLocalIndex } from '../../../src/search/local/local-index.ts'
import { auditIndex } from '../../../src/search/published/audit.ts'
import { countCoverage, createCoverageCounter } from '../../../src/search/published/count-coverage.ts'
import { openIndex } from '../../../src/search/published/open-index.ts'
import { publishIndex, type PublishIndexOptions } from '../../../src/search/published/publish.ts'
import { INDEX_RETENTION_MS, releaseSuperseded } from '../../../src/search/published/release.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import { openDevice, signerOf } from '../../client/world.ts'
import { NOW, countingStore, createShelf, indexSigner, memoryRouter, people, signerOf as ownerOf, snapshotOf } from './index-fixture.ts'

let signer: Signer
beforeAll(async () => { signer = await indexSigner() })

describe('the index of what a device keeps', () => {
  it('is published over the state and the blocks of its client, follows its profiles, and takes none of their blocks', async () => {
    const counting = countingStore()
    const { profiles, state } = openDevice({ routers: [createLocalRouter(createMemoryStore())], blocks: counting })
    const local = openLocalIndex({ state, ...createKeptHeads(state) })
    for (let seed = 1; seed <= 30; seed++) await profiles.publish({ name: `Person ${String.fromCharCode(96 + (seed % 26))}${'mnop'[seed % 4]!}`, tags: ['chess'], listed: true }, await signerOf(seed), { wait: 'all' })
    const routers = [memoryRouter()]
    const publish = async (ms: number, options: Partial<PublishIndexOptions> = {}) => {
      const snapshot = await local.snapshot()
      return publishIndex({ snapshot, signer, state, blocks: counting, routers, coverage: await countCoverage(snapshot, { oldest: 1 }), clock: () => NOW + ms, ...options })
    }
    const open = () => openIndex(signer.id, { routers, blocks: counting, clock: () => NOW })
    expect((await publish(0)).manifest.documents).toBe(30)
    expect((await (await open()).search('', { tags: ['chess'], limit: 100 })).hits).toHaveLength(30)

    const kept = (await profiles.resolve((await signerOf(3)).id)).cid
    const edited = await profiles.edit(await signerOf(7), (draft) => ({ ...draft, name: 'Zoe Quinn' }), { wait: 'all' })
    await profiles.edit(await signerOf(8), (draft) => ({ ...draft, listed: false }), { wait: 'all' })
    const second = await publish(1_000)
    expect(second.manifest.documents).toBe(29)
    expect(second.written.blocks).toBeLessThan(30)
    const index = await open()
    expect((await index.search('zoe quinn')).hits).toHaveLength(1)
    expect((await index.search('', { tags: ['chess'], limit: 100 })).hits).toHaveLength(29)
    await releaseSuperseded(signer.id, { state, blocks: counting, clock: () => NOW + 1_000 + INDEX_RETENTION_MS })
    expect(await auditIndex(await open(), { blocks: counting })).toMatchObject({ faithful: true, documents: 29 })
    // The profile itself is kept by the client, whatever becomes of the index.
    await publish(2_000, { snapshot: snapshotOf(createShelf()), coverage: { homes: [] } })
    await releaseSuperseded(signer.id, { state, blocks: counting, clock: () => NOW + 2_000 + INDEX_RETENTION_MS })
    expect(await counting.get(kept)).toBeDefined()
    expect(await counting.get(edited.cid)).toBeDefined()
    expect(await counting.get(second.record.cid)).toBeUndefined()
    await local.close()
  })
})

describe('counting whose profiles there are', () => {
  it('reads only the documents that the version before did not have', async () => {
    const shelf = createShelf()
    const some = await people(20)
    const base = await shelf.build(some.slice(0, 18))
    const reading = countingStore(shelf.blocks)
    const counter = createCoverageCounter()
    const count = async (segments: readonly Segment[]) => {
      const before = reading.counts.get
      const { others } = await counter.count({ segments, blocks: reading }, { oldest: 1 })
      return { others, read: reading.counts.get - before }
    }
    const first = await count([base])
    expect(first.others!.documents).toBe(18)
    const again = await count([base])
    expect({ others: again.others, spared: first.read - again.read }).toEqual({ others: first.others, spared: 18 })
    const next = await count([await shelf.build(some.slice(18)), await shelf.bury(base, some.slice(0, 1))])
    expect(next.others!.documents).toBe(19)
    expect((await count([base])).others!.documents).toBe(18)
  })


  it('counts each at the first home that has accepted it', async () => {
    const shelf = createShelf()
    const [home, other] = [await ownerOf(500), await ownerOf(501)]
    const hosted = await Promise.all([0, 1, 2, 3].map(async (i) => {
      const owner = await ownerOf(510 + i)
      const accept = (by: Signer) => acceptHosting({ persona: owner.id, since: 1, next: null }, by)
      const forged = { ...(await accept(home)), since: 2 }
      const homes = [[await accept(home), await accept(other)], [await accept(other)], [forged, await accept(other)], [forged]][i]!
      return { id: owner.id, draft: {}, signed: await signDocument({ name: `Hosted ${i}`, listed: true }, owner, { seq: 1, prev: null, time: 1 }, { fields: { homes } }) }
    }))
    const segment = await shelf.bury(await shelf.build([...await people(5), ...hosted]), (await people(1)))
    const coverage = await countCoverage(snapshotOf(shelf, segment), { oldest: 7, heads: new Map([[home.id, 'so far']]) })
    expect(coverage).toEqual({ homes: [{ id: other.id, documents: 2, oldest: 7 }, { id: home.id, head: 'so far', documents: 1, oldest: 7 }], others: { documents: 5, oldest: 7 } })
  })
})
