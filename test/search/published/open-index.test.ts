import { beforeAll, describe, expect, it } from 'vitest'
import type { CID } from 'multiformats/cid'
import { encodeCbor } from '../../../src/cbor.ts'
import type { Signer } from '../../../src/identity/signer.ts'
import { openIndex, type OpenIndexOptions, type PublishedIndex } from '../../../src/search/published/open-index.ts'
import { publishIndex } from '../../../src/search/published/publish.ts'
import { indexBlocksOf } from '../../../src/search/published/segment-blocks.ts'
import { InvalidIndexBlockError } from '../../../src/search/segment/index-block.ts'
import type { Segment } from '../../../src/search/segment/segment.ts'
import type { HashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { NOW, countingStore, createShelf, homeless, indexSigner, memoryRouter, people, personOf, snapshotOf, type Person, type Shelf } from './index-fixture.ts'

let signer: Signer
let shelf: Shelf
let persons: Person[]
let base: Segment
let edited: Person
let segments: Segment[]
let published: ReturnType<typeof countingStore>
const router = memoryRouter()
const state = createMemoryStore()

beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  persons = await people(200)
  base = await shelf.build(persons)
  edited = await personOf(3, { name: 'Zoe Quinn', bio: 'likes maps', tags: ['ocean'], listed: true }, 2)
  segments = [await shelf.build([edited]), await shelf.bury(base, [persons[3]!])]
  published = countingStore()
  await publishIndex({ snapshot: snapshotOf(shelf, ...segments), signer, blocks: published, state, routers: [router], coverage: homeless(200), providers: ['/dns4/index.example/tcp/443/tls'], clock: () => NOW })
})

const open = (options: Partial<OpenIndexOptions> = {}): Promise<PublishedIndex> => openIndex(signer.id, { routers: [router], blocks: published, clock: () => NOW, ...options })
const nameOf = (number: number): string => persons[number]!.draft.name as string
/** The published blocks, but for what `change` says of one. */
const tampered = (target: CID, change: (bytes: Uint8Array) => Uint8Array | undefined): HashStore => ({
  ...published,
  get: async (cid, options) => {
    const bytes = await published.get(cid, options)
    return bytes && cid.equals(target) ? change(bytes) : bytes
  }
})
const blockOn = async (): Promise<CID> => (await Array.fromAsync(indexBlocksOf(base, shelf.blocks))).at(-1)!

describe('a published index', () => {
  it('finds a profile for somebody who has nothing but its name', async () => {
    const { hits, report } = await (await open()).search(nameOf(17))
    expect(hits[0]).toMatchObject({ id: persons[17]!.id, rank: { class: 'exact-name' } })
    expect(report.dropped).toEqual({ unavailable: 0, forged: 0, notMatching: 0, misScored: 0, stale: 0 })
    expect(report.work.blocks).toBeGreaterThan(0)
  })

  it('finds what was edited under its new name only', async () => {
    const index = await open()
    expect((await index.search('zoe quinn')).hits.map(({ id }) => id)).toEqual([edited.id])
    expect((await index.search('quinn', { tags: ['ocean'] })).hits.map(({ id }) => id)).toEqual([edited.id])
    expect((await index.search(nameOf(3))).hits.filter(({ id }) => id === edited.id)).toEqual([])
  })

  it('gives page after page until there are no more, none twice', async () => {
    const index = await open()
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await index.search('person', { limit: 40, ...(cursor === undefined ? {} : { cursor }) })
      seen.push(...page.hits.map(({ id }) => id))
      ;({ cursor } = page)
    } while (cursor !== undefined)
    expect(new Set(seen).size).toBe(199)
    expect(seen).toHaveLength(199)
  })

  it('passes on where blocks may be had: what the caller says first, then what the manifest says', async () => {
    const asked: (readonly string[] | undefined)[] = []
    const blocks: HashStore = { ...published, get: (cid, options) => { asked.push(options?.hints); return published.get(cid, options) } }
    await (await open({ blocks, hints: ['/ip4/192.0.2.1/tcp/4001'] })).search(nameOf(17))
    expect(asked.length).toBeGreaterThan(1)
    for (const hints of asked) expect(hints).toEqual(['/ip4/192.0.2.1/tcp/4001', '/dns4/index.example/tcp/443/tls'])
  })

  it('fetches nothing that a query before it has fetched', async () => {
    const index = await open()
    const first = await index.search(nameOf(17))
    expect((await index.search(nameOf(17))).report.work).toEqual({ rounds: 0, blocks: 0, bytes: 0 })
    expect(first.report.work.blocks).toBeGreaterThan(0)
  })

  it('drops a hit that the caller knows a newer version of, and says so', async () => {
    const index = await open({ judge: async (id) => (id === persons[17]!.id ? 'stale' : 'current') })
    const { hits, report } = await index.search(nameOf(17))
    expect(hits.filter(({ id }) => id === persons[17]!.id)).toEqual([])
    expect(report.dropped.stale).toBe(1)
  })

  it('says whose profiles it has', async () => {
    expect(await (await open()).coverage()).toEqual(homeless(200))
  })

  it('answers from one version while another is published, and refuses its cursor there', async () => {
    const old = await open()
    const { cursor } = await old.search('person', { limit: 5 })
    const newer = memoryRouter()
    await publishIndex({ snapshot: snapshotOf(shelf, segments[0]!), signer, blocks: published, state, routers: [newer], coverage: homeless(1), clock: () => NOW + 1_000 })
    expect((await old.search(nameOf(30))).hits[0]).toMatchObject({ id: persons[30]!.id })
    const current = await open({ routers: [newer] })
    expect((await current.search(nameOf(30))).hits).toEqual([])
    await expect(current.search('person', { limit: 5, cursor: cursor! })).rejects.toMatchObject({ code: 'INVALID_CURSOR' })
  })

  it('ends in time with what it has found, and says so', async () => {
    const slow: HashStore = { ...published, get: (cid, options) => (cid.equals(persons[17]!.signed.cid) ? new Promise(() => undefined) : published.get(cid, options)) }
    const index = await open({ blocks: slow })
    const { hits, report } = await index.search(nameOf(17), { timeoutMs: 50 })
    expect(hits).toEqual([])
    expect(report.stopped).toBe('time')
    await expect(index.search(nameOf(17), { signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/)
  })

  it('refuses a page of over 100', async () => {
    await expect((await open()).search('person', { limit: 101 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})

describe('blocks that are wrong', () => {
  /** Asks for what stands in the last block of the keys: a slip of the pen. */
  const query = async (blocks: HashStore) => {
    const index = await open({ blocks })
    return index.search(`x${nameOf(17).slice('Person '.length)}`)
  }

  it('that are missing, other bytes, or huge end a query with an error that names the block', async () => {
    const target = await blockOn()
    for (const change of [() => undefined, (bytes: Uint8Array) => bytes.with(5, bytes[5]! ^ 1), () => new Uint8Array(70_000), () => encodeCbor({ v: 1, data: new Uint8Array(1), links: [] })]) {
      const error = await query(tampered(target, change)).then(() => undefined, (reason: unknown) => reason)
      expect(error).toBeInstanceOf(InvalidIndexBlockError)
      expect((error as InvalidIndexBlockError).cid.equals(target)).toBe(true)
    }
  })

  it('of a document are counted, and the other hits stand', async () => {
    const { hits, report } = await (await open({ blocks: tampered(persons[17]!.signed.cid, () => undefined) })).search(nameOf(17))
    expect(hits.filter(({ id }) => id === persons[17]!.id)).toEqual([])
    expect(report.dropped.unavailable).toBe(1)
    const forged = await (await open({ blocks: tampered(persons[17]!.signed.cid, () => persons[18]!.signed.bytes) })).search(nameOf(17))
    expect(forged.report.dropped.forged).toBe(1)
  })
})
