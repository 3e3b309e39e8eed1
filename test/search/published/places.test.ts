import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGatewayStore } from '../../../src/adapters/gateway.ts'
import { createKuboStore } from '../../../src/adapters/kubo/index.ts'
import { createS3Store } from '../../../src/adapters/s3.ts'
import type { Signer } from '../../../src/identity/signer.ts'
import { auditIndex } from '../../../src/search/published/audit.ts'
import { openIndex } from '../../../src/search/published/open-index.ts'
import { publishIndex } from '../../../src/search/published/publish.ts'
import { INDEX_RETENTION_MS, releaseSuperseded } from '../../../src/search/published/release.ts'
import { indexBlocksOf } from '../../../src/search/published/segment-blocks.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import { createHashStore, type HashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { openKuboService, type KuboService } from '../../services/kubo.ts'
import { openS3Service, type S3Service } from '../../services/s3.ts'
import { answers, describeWithService } from '../../services/service.ts'
import { NOW, createShelf, homeless, indexSigner, memoryRouter, people, personOf, snapshotOf, type Person, type Shelf } from './index-fixture.ts'

let signer: Signer
let shelf: Shelf
let persons: Person[]
let base: Segment
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  persons = await people(60)
  base = await shelf.build(persons)
})

/** Publishes into `blocks`, edits a profile, publishes again and releases; what is told is asked of a reader over `reading`, who has nothing but the name. */
const journey = async (blocks: HashStore, reading: HashStore): Promise<void> => {
  const routers = [memoryRouter()]
  const state = createMemoryStore()
  const publish = (segments: readonly Segment[], documents: number, ms: number) => publishIndex({ snapshot: snapshotOf(shelf, ...segments), signer, state, blocks, routers, coverage: homeless(documents), clock: () => NOW + ms })
  const open = (ms: number) => openIndex(signer.id, { routers, blocks: reading, clock: () => NOW + ms })
  await publish([base], 60, 0)
  const first = await open(0)
  expect((await first.search(persons[20]!.draft.name as string)).hits[0]!.id).toBe(persons[20]!.id)

  const edited = await personOf(20, { name: 'Zoe Quinn', listed: true }, 2)
  const segments = [await shelf.build([edited]), await shelf.bury(base, [persons[20]!])]
  const { written } = await publish(segments, 60, 1_000)
  expect(written.blocks).toBeLessThanOrEqual(8)
  // A reader of the old version goes on while the new one is there.
  expect((await first.search(persons[21]!.draft.name as string)).hits[0]!.id).toBe(persons[21]!.id)
  const second = await open(1_000)
  expect((await second.search('zoe quinn')).hits.map(({ id }) => id)).toEqual([edited.id])
  await releaseSuperseded(signer.id, { state, blocks, clock: () => NOW + 1_000 + INDEX_RETENTION_MS })
  const documents = [...persons.filter((_, i) => i !== 20), edited].map(({ id, signed }) => ({ id, ...signed }))
  expect(await auditIndex(await open(1_000), { blocks: reading, documents })).toMatchObject({ faithful: true, compared: 60 })
}

describe('an index in memory', () => {
  it('is published, read, edited and released', async () => {
    const blocks = createHashStore(createMemoryStore())
    await journey(blocks, blocks)
  })
})

describeWithService('S3', 'an index in a bucket of S3', () => {
  let service: S3Service
  beforeAll(async () => { service = await openS3Service() })
  afterAll(() => service.close())

  it('is published as plain files, read, edited and released', async () => {
    await service.createBucket('index')
    const open = (): HashStore => createS3Store({ endpoint: service.endpoint, credentials: service.credentials, bucket: 'index', prefix: 'search/', allowPrivate: true })
    const [blocks, reading] = [open(), open()]
    await journey(blocks, reading)
    await Promise.all([blocks.close(), reading.close()])
  })
})

describeWithService('Kubo', 'an index in a Kubo', () => {
  let kubo: KuboService
  beforeAll(async () => {
    kubo = await openKuboService()
    await answers(kubo.gatewayPort, () => undefined)
  })
  afterAll(() => kubo.close())

  it('is published through its RPC API, read through its gateway, edited and released', async () => {
    const [blocks, reading] = [createKuboStore({ url: kubo.rpc, allowPrivate: true }), createGatewayStore({ urls: [kubo.gateway], allowPrivate: true })]
    await journey(blocks, reading)
    await Promise.all([blocks.close(), reading.close()])
  })

  it('is pinned whole by its manifest alone, as any IPFS software does it', async () => {
    const blocks = createKuboStore({ url: kubo.rpc, allowPrivate: true })
    const { record } = await publishIndex({ snapshot: snapshotOf(shelf, base), signer, state: createMemoryStore(), blocks, routers: [memoryRouter()], coverage: homeless(60), clock: () => NOW })
    await kubo.ipfs(['pin', 'add', '--recursive', record.cid.toString()])
    const reached = (await kubo.ipfs(['refs', '--recursive', '--unique', record.cid.toString()])).toString().trim().split('\n')
    const index = (await Array.fromAsync(indexBlocksOf(base, shelf.blocks))).map((cid) => cid.toString())
    expect(reached).toEqual(expect.arrayContaining(index))
    expect(reached).toHaveLength(index.length + 1)
    await blocks.close()
  })
})
