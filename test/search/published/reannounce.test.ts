import { beforeAll, describe, expect, it } from 'vitest'
import type { Signer } from '../../../src/identity/signer.ts'
import { DAY_MS } from '../../../src/limits.ts'
import { validateRecord } from '../../../src/naming/record.ts'
import { publishIndex } from '../../../src/search/published/publish.ts'
import { reannounceIndex } from '../../../src/search/published/reannounce.ts'
import { createHashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { NOW, brokenRouter, createShelf, homeless, indexSigner, memoryRouter, people, snapshotOf } from './index-fixture.ts'

let signer: Signer
beforeAll(async () => { signer = await indexSigner() })

const published = async () => {
  const shelf = createShelf()
  const state = createMemoryStore()
  const { record } = await publishIndex({ snapshot: snapshotOf(shelf, await shelf.build(await people(5))), signer, state, blocks: createHashStore(createMemoryStore()), routers: [], coverage: homeless(5), clock: () => NOW })
  return { state, record }
}

describe('keeping the record of an index alive', () => {
  it('passes it on without a key', async () => {
    const { state, record } = await published()
    const router = memoryRouter()
    const { refreshed, announcements } = await reannounceIndex(signer.id, { state, routers: [router, brokenRouter()], clock: () => NOW + 100 * DAY_MS })
    expect({ refreshed, outcomes: announcements.map(({ outcome }) => outcome) }).toEqual({ refreshed: false, outcomes: ['delivered', 'failed'] })
    expect(await Array.fromAsync(router.get(signer.id))).toEqual([record.bytes])
  })

  it('gives it a new validity with the key of the index when under 300 days are left, at the same version', async () => {
    const { state, record } = await published()
    const router = memoryRouter()
    const clock = (): number => NOW + 66 * DAY_MS
    expect((await reannounceIndex(signer.id, { state, routers: [router], signer, clock: () => NOW + 64 * DAY_MS })).refreshed).toBe(false)
    const again = await reannounceIndex(signer.id, { state, routers: [router], signer, clock })
    expect(again).toMatchObject({ refreshed: true, record: { sequence: record.sequence } })
    const [given] = await Array.fromAsync(router.get(signer.id))
    const valid = await validateRecord(signer.id, given!, { now: NOW + 430 * DAY_MS })
    expect(valid.cid.equals(record.cid)).toBe(true)
    expect((await reannounceIndex(signer.id, { state, routers: [router], signer, clock })).refreshed).toBe(false)
  })

  it('does not sign with the key of another', async () => {
    const { state } = await published()
    expect((await reannounceIndex(signer.id, { state, routers: [], signer: await indexSigner(2), clock: () => NOW + 364 * DAY_MS })).refreshed).toBe(false)
  })

  it('says when nothing was published from here', async () => {
    await expect(reannounceIndex(signer.id, { state: createMemoryStore(), routers: [] })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
