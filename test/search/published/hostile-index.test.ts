import type { CID } from 'multiformats/cid'
import { concat } from 'uint8arrays'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Signer } from '../../../src/identity/signer.ts'
import { createRecord } from '../../../src/naming/record.ts'
import { auditIndex } from '../../../src/search/published/audit.ts'
import { encodeCoverage } from '../../../src/search/published/coverage.ts'
import { signManifest } from '../../../src/search/published/manifest.ts'
import { openIndex, type PublishedIndex } from '../../../src/search/published/open-index.ts'
import { wordKey } from '../../../src/search/query/keys.ts'
import { buildSegment } from '../../../src/search/segment/build-segment.ts'
import { InvalidIndexBlockError, LEAF, NODE, TABLE_NODE, decodeIndexBlock, encodeIndexBlock, type IndexBlock } from '../../../src/search/segment/index-block.ts'
import { encodeNode, parseNode } from '../../../src/search/segment/node.ts'
import { deadCountOf, type Segment } from '../../../src/search/segment/segment.ts'
import { getBlock } from '../../../src/store/block.ts'
import { NOW, createShelf, homeless, indexSigner, inputOf, memoryRouter, people, type Person, type Shelf } from './index-fixture.ts'

let signer: Signer
let shelf: Shelf
let persons: Person[]
let honest: Segment
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  persons = await people(60)
  honest = await shelf.build(persons)
})

/** An index that its publisher signed, whatever is in it. */
const publish = async (segments: readonly Segment[]): Promise<PublishedIndex> => {
  const coverage = await encodeCoverage(homeless(segments.reduce((sum, segment) => sum + segment.documents - deadCountOf(segment), 0)))
  await shelf.blocks.put(coverage.cid, coverage.bytes)
  const signed = await signManifest({ seq: 5, time: NOW / 1_000, segments, coverage: coverage.cid, providers: [], prev: null }, signer)
  const router = memoryRouter()
  await router.put(signer.id, await createRecord(signed, signer, { now: NOW }))
  return openIndex(signer.id, { routers: [router], blocks: shelf.blocks, clock: () => NOW })
}
const put = (block: Pick<IndexBlock, 'data' | 'links'>): Promise<CID> => shelf.sink.put(encodeIndexBlock(block))
const withKeys = (keys: Pick<IndexBlock, 'data' | 'links'>): Segment => ({ ...honest, keys: { ...honest.keys, ...keys } })
const nameOf = (number: number): string => persons[number]!.draft.name as string

describe('an index whose blocks are not what they should be', () => {
  const cases: [string, () => Promise<Segment>][] = [
    ['a tree of keys without an end: each node leads to one of its own level', async () => {
      const child = await put({ ...encodeNode({ level: 2, separators: [], children: [await put({ data: Uint8Array.of(NODE, 2), links: [] })] }) })
      return withKeys(encodeNode({ level: 2, separators: [], children: [child] }))
    }],
    ['a level that no tree has', async () => withKeys({ data: Uint8Array.of(NODE, 200), links: honest.keys.links })],
    ['a top without children', async () => withKeys({ data: Uint8Array.of(NODE, 1), links: [] })],
    ['leaves that are a profile', async () => withKeys(encodeNode({ level: 1, separators: [], children: [persons[0]!.signed.cid] }))],
    ['leaves that are a table', async () => withKeys(encodeNode({ level: 1, separators: [], children: [honest.table.links[0]!] }))],
    ['leaves that are nodes', async () => withKeys(encodeNode({ level: 1, separators: [], children: [await put({ data: honest.keys.data, links: honest.keys.links })] }))],
    ['a leaf whose counts lie', async () => {
      const node = parseNode(honest.keys)
      const leaves = await Promise.all(node.children.map(async (cid) => put({ data: Uint8Array.of(LEAF, 0xff, 0xff, 0x03), links: decodeIndexBlock(cid, (await getBlock(shelf.blocks, cid))!).links })))
      return withKeys(encodeNode({ ...node, children: leaves }))
    }],
    ['a leaf with bytes after its end', async () => {
      const node = parseNode(honest.keys)
      const leaves = await Promise.all(node.children.map(async (cid) => {
        const { data, links } = decodeIndexBlock(cid, (await getBlock(shelf.blocks, cid))!)
        return put({ data: concat([data, Uint8Array.of(0)]), links })
      }))
      return withKeys(encodeNode({ ...node, children: leaves }))
    }],
    ['a leaf that is nowhere', async () => withKeys(encodeNode({ level: 1, separators: [], children: [(await indexOfNobody()).keys.links[0]!] }))]
  ]

  it.each(cases)('%s: queries and audits end with an error that names a block', async (_, make) => {
    const index = await publish([await make()])
    for (const work of [() => index.search(nameOf(7)), () => auditIndex(index, { blocks: shelf.blocks })]) {
      const error = await work().then(() => undefined, (reason: unknown) => reason)
      expect(error).toBeInstanceOf(InvalidIndexBlockError)
    }
  })

  it('a table of other profiles is noticed by who needs it', async () => {
    const index = await publish([{ ...honest, table: { ...honest.table, data: Uint8Array.of(TABLE_NODE, 3) } }])
    await expect(index.search('', { kind: 'persona' })).rejects.toThrow(InvalidIndexBlockError)
    await expect(auditIndex(index, { blocks: shelf.blocks })).rejects.toThrow(InvalidIndexBlockError)
  })

  it('more profiles than there are is noticed', async () => {
    const index = await publish([{ ...honest, documents: 50_000 }])
    await expect(index.search('', { kind: 'persona' })).rejects.toThrow(InvalidIndexBlockError)
    await expect(auditIndex(index, { blocks: shelf.blocks })).rejects.toThrow(InvalidIndexBlockError)
  })

  it('tombstones that are no tombstones are noticed', async () => {
    const index = await publish([{ ...honest, dead: [{ slice: 0, count: 1, cid: honest.table.links[0]! }] }])
    await expect(index.search(nameOf(7))).rejects.toThrow(InvalidIndexBlockError)
  })
})

describe('an index whose claims are not true', () => {
  it('shows nobody under a name that he has not, and says how many it offered', async () => {
    const [liar, victim] = [persons[1]!, persons[2]!]
    const keys = inputOf(victim.signed).keys
    const segment = await buildSegment([...persons.slice(2).map(({ signed }) => inputOf(signed)), { ...inputOf(liar.signed, 255), keys }], shelf.sink)
    const index = await publish([segment])
    const { hits, report } = await index.search(nameOf(2))
    expect(hits[0]!.id).toBe(victim.id)
    expect(hits.map(({ id }) => id)).not.toContain(liar.id)
    expect(report.dropped.notMatching + report.dropped.misScored).toBeGreaterThan(0)
    const audit = await auditIndex(index, { blocks: shelf.blocks, documents: persons.map(({ id, signed }) => ({ id, ...signed })) })
    expect(audit.misScored.items).toContainEqual({ key: wordKey(nameOf(2).slice('Person '.length), 'name'), how: 'false', id: liar.id, cid: liar.signed.cid })
    expect(audit.missing.items).toEqual([{ id: persons[0]!.id, cid: persons[0]!.signed.cid }])
  })
})

/** A segment of which no block is on the shelf. */
const indexOfNobody = async (): Promise<Segment> => createShelf().build(persons.slice(0, 3))
