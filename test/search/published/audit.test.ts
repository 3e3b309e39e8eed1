import { beforeAll, describe, expect, it } from 'vitest'
import { concat } from 'uint8arrays'
import { LimitError } from '../../../src/errors.ts'
import type { Signer } from '../../../src/identity/signer.ts'
import { acceptHosting } from '../../../src/profile/acceptance.ts'
import { signDocument, type ProfileDocument, type SignedDocument } from '../../../src/profile/document.ts'
import { auditIndex, type AuditOptions } from '../../../src/search/published/audit.ts'
import type { Coverage } from '../../../src/search/published/coverage.ts'
import { encodeCoverage } from '../../../src/search/published/coverage.ts'
import { fitSegments } from '../../../src/search/published/fit-segments.ts'
import { signManifest, type Manifest } from '../../../src/search/published/manifest.ts'
import { qualityOf } from '../../../src/search/query/quality.ts'
import { wordKey } from '../../../src/search/query/keys.ts'
import type { FetchedDocument } from '../../../src/search/reading.ts'
import { buildSegment, type SegmentInput } from '../../../src/search/segment/build-segment.ts'
import { InvalidIndexBlockError, decodeIndexBlock, encodeIndexBlock, type IndexBlock } from '../../../src/search/segment/index-block.ts'
import { encodeNode, parseNode } from '../../../src/search/segment/node.ts'
import { deadCountOf, type Segment } from '../../../src/search/segment/segment.ts'
import { getBlock } from '../../../src/store/block.ts'
import { NOW, createShelf, homeless, indexSigner, inputOf, people, personOf, signerOf, type Person, type Shelf } from './index-fixture.ts'

/** What this program thinks of a profile without a picture and a home. */
const ORDINARY = qualityOf({ attrs: {} } as ProfileDocument, { accepted: false })

let signer: Signer
let shelf: Shelf
let persons: Person[]
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  persons = await people(80)
  await shelf.build(persons)
})

const found = (person: Person): FetchedDocument => ({ id: person.id, cid: person.signed.cid, document: person.signed.document, bytes: person.signed.bytes })
const live = (segments: readonly Segment[]): number => segments.reduce((sum, segment) => sum + segment.documents - deadCountOf(segment), 0)
/** An index as somebody published it. */
const audit = async (segments: readonly Segment[], { coverage = homeless(live(segments)), ...options }: Partial<AuditOptions> & { coverage?: Coverage } = {}) => {
  const block = await encodeCoverage(coverage)
  await shelf.blocks.put(block.cid, block.bytes)
  const { manifest, cid } = await signManifest({ seq: 5, time: NOW / 1_000, segments, coverage: block.cid, providers: [], prev: null }, signer)
  return auditIndex({ name: signer.id, cid, manifest } satisfies { name: string; cid: unknown; manifest: Manifest }, { blocks: shelf.blocks, documents: persons.map(found), ...options })
}
/** Of all people, with `change` to what one of them is listed under. */
const lying = async (number: number, change: (keys: readonly string[]) => readonly string[]): Promise<Segment> =>
  buildSegment(persons.map(({ signed }, i): SegmentInput => (i === number ? { ...inputOf(signed), keys: change(inputOf(signed).keys) } : inputOf(signed))), shelf.sink)
const withExtra = async (signed: SignedDocument, stored = signed.bytes): Promise<Segment> => {
  await shelf.blocks.put(signed.cid, stored)
  return buildSegment([...persons.map(({ signed: each }) => inputOf(each)), { digest: signed.cid.multihash.digest, quality: 3, keys: [wordKey('someone', 'name')] }], shelf.sink)
}
const nameWord = (number: number): string => (persons[number]!.draft.name as string).slice('Person '.length)
const readBlock = async (cid: IndexBlock['cid']): Promise<IndexBlock> => decodeIndexBlock(cid, (await getBlock(shelf.blocks, cid))!)

describe('the audit of an honest index', () => {
  it('finds nothing, and builds every segment again', async () => {
    const edited = await personOf(3, { name: 'Zoe Quinn', listed: true }, 2)
    const segments = [await shelf.build([edited]), await shelf.bury(await shelf.build(persons.slice(0, 50)), [persons[3]!]), await shelf.build(persons.slice(50), 99)]
    const known = persons.with(3, edited)
    const progress: number[] = []
    const report = await audit(segments, { documents: known.map(found), onProgress: (documents) => progress.push(documents) })
    expect(progress).toEqual(Array.from({ length: 80 }, (_, i) => i + 1))
    expect(report).toMatchObject({ name: signer.id, seq: 5, documents: 80, compared: 80, faithful: true, segments: [{ documents: 1, dead: 0, rebuilt: true }, { documents: 50, dead: 1, rebuilt: true }, { documents: 30, dead: 0, rebuilt: true }] })
    for (const list of [report.missing, report.added, report.misScored, report.coverage]) expect(list).toMatchObject({ total: 0, items: [] })
    expect(report.work.blocks).toBeGreaterThan(80)
  })

  it('does not mind that the document of a dead profile is gone', async () => {
    const gone = await personOf(900)
    const segment = await shelf.bury(await shelf.build([...persons, gone]), [gone])
    await shelf.blocks.unpin(gone.signed.cid)
    expect(await audit([segment])).toMatchObject({ faithful: true })
  })

  it('takes a top that was moved out of the manifest for the same', async () => {
    const { segments, blocks } = await fitSegments([await shelf.build(persons)], () => false)
    for (const { cid, bytes } of blocks) await shelf.blocks.put(cid, bytes)
    expect(await audit(segments)).toMatchObject({ faithful: true, segments: [{ rebuilt: true }] })
  })

  it('calls another opinion of a profile an opinion', async () => {
    const segments = [await shelf.build(persons.slice(1), ORDINARY), await shelf.build(persons.slice(0, 1), 255)]
    expect(await audit(segments)).toMatchObject({ faithful: true, quality: { total: 1, items: [{ id: persons[0]!.id, says: 255, expected: ORDINARY }] } })
  })

  it('expects the least of a name that mixes look-alike letters', async () => {
    const lookAlike = await personOf(901, { name: 'P\u0430ypal', listed: true })
    const report = await audit([await shelf.build([...persons, lookAlike], ORDINARY)])
    expect(report.quality.items).toEqual([{ id: lookAlike.id, cid: lookAlike.signed.cid, says: ORDINARY, expected: 0 }])
  })

  it('of nobody is faithful', async () => {
    expect(await audit([], { documents: [] })).toMatchObject({ faithful: true, documents: 0 })
  })
})

describe('the audit of an index that lies', () => {
  it('names a key under which a profile is listed and should not be', async () => {
    const report = await audit([await lying(7, (keys) => [...keys, wordKey('president', 'name')])])
    expect(report.faithful).toBe(false)
    expect(report.segments).toMatchObject([{ rebuilt: false }])
    expect(report.misScored.items).toContainEqual({ key: wordKey('president', 'name'), how: 'false', cid: persons[7]!.signed.cid, id: persons[7]!.id })
    expect(report.misScored.items.filter(({ how }) => how !== 'words')).toHaveLength(1)
    expect(report.added.total).toBe(0)
  })

  it('names a key under which a profile should be listed and is not', async () => {
    const key = wordKey(nameWord(7), 'name')
    const report = await audit([await lying(7, (keys) => keys.filter((each) => each !== key))])
    expect(report.misScored.items).toContainEqual({ key, how: 'hidden', cid: persons[7]!.signed.cid, id: persons[7]!.id })
    expect(report.missing.total).toBe(0)
  })

  it('names the keys of hits that are not the first of their profiles', async () => {
    const segment = await shelf.build(persons)
    const node = parseNode(segment.keys)
    const children = await Promise.all(node.children.map(readBlock))
    const [right, wrong] = [persons[1]!.signed.cid.multihash.digest, persons[2]!.signed.cid.multihash.digest]
    const at = children.findIndex(({ data }) => indexOf(data, right) >= 0)
    const { data, links } = children[at]!
    const place = indexOf(data, right)
    const cid = await shelf.sink.put(encodeIndexBlock({ data: concat([data.subarray(0, place), wrong, data.subarray(place + 32)]), links }))
    const forged = { ...segment, keys: { ...segment.keys, ...encodeNode({ ...node, children: node.children.with(at, cid) }) } }
    const { misScored, faithful } = await audit([forged])
    expect(faithful).toBe(false)
    expect(misScored).toMatchObject({ total: 1, items: [{ how: 'hits' }] })
  })

  it('tells a tree of keys that leads astray, although all of its leaves are right', async () => {
    const segment = await shelf.build(persons)
    const node = parseNode(segment.keys)
    expect(node.separators.length).toBeGreaterThan(0)
    const forged = { ...segment, keys: { ...segment.keys, ...encodeNode({ ...node, separators: node.separators.with(0, `${node.separators[0]!}z`) }) } }
    expect(await audit([forged])).toMatchObject({ faithful: false, segments: [{ rebuilt: false }], misScored: { total: 0 } })
  })

  it('names documents that are not to be found: made up, forged, unlisted, gone, too large', async () => {
    const stranger = await signerOf(700)
    const version = { seq: 1, prev: null, time: 1_790_000_000 }
    const valid = await signDocument({ name: 'Someone', listed: true }, stranger, version)
    const unlisted = await signDocument({ name: 'Someone' }, stranger, version)
    const gone = await signDocument({ name: 'Someone' }, stranger, version, { gone: true })
    const huge = await signDocument({ name: 'Someone', listed: true, bio: 'long '.repeat(800), 'example/more': 'x'.repeat(2_000) }, stranger, version)
    const cases = [[unlisted, 'unlisted'], [gone, 'gone'], [huge, 'too-large']] as const
    for (const [signed, reason] of cases) {
      const report = await audit([await withExtra(signed)])
      expect(report.added.items, reason).toEqual([{ cid: signed.cid, reason, ...(reason === 'too-large' ? {} : { id: stranger.id }) }])
      expect(report.misScored.total, reason).toBe(0)
      expect(report.faithful).toBe(false)
    }
    const segment = await withExtra(valid)
    await shelf.blocks.unpin(valid.cid)
    expect((await audit([segment])).added.items).toEqual([{ cid: valid.cid, reason: 'unavailable' }])
    await shelf.blocks.put(valid.cid, valid.bytes.with(valid.bytes.length - 1, valid.bytes.at(-1)! ^ 1))
    expect((await audit([segment])).added.items).toEqual([{ cid: valid.cid, reason: 'forged' }])
  })

  it('names what is superseded: by what the auditor knows, or in the index itself', async () => {
    const edited = await personOf(3, { name: 'Zoe Quinn', listed: true }, 2)
    const base = await shelf.build(persons)
    const known = await audit([base], { documents: [found(edited)] })
    expect(known.added.items).toEqual([{ id: edited.id, cid: persons[3]!.signed.cid, reason: 'superseded' }])
    const twice = await audit([await shelf.build([edited]), base])
    expect(twice.added.items).toEqual([{ id: edited.id, cid: persons[3]!.signed.cid, reason: 'superseded' }])
  })

  it('names profiles whose owners unlisted or removed them since', async () => {
    const owner = await signerOf(3)
    const version = { seq: 2, prev: null, time: 1_790_000_000 }
    for (const [signed, reason] of [[await signDocument({ name: 'Person' }, owner, version), 'unlisted'], [await signDocument({}, owner, version, { gone: true }), 'gone']] as const) {
      const report = await audit([await shelf.build(persons)], { documents: [{ id: owner.id, cid: signed.cid, document: signed.document, bytes: signed.bytes }] })
      expect(report.added.items).toEqual([{ id: owner.id, cid: persons[3]!.signed.cid, reason }])
    }
  })

  it('names the profiles that are missing, and not those that nobody may list', async () => {
    const unlisted = await personOf(800, { name: 'Nobody' })
    const report = await audit([await shelf.build(persons.slice(2))], { documents: [...persons, unlisted].map(found) })
    expect(report).toMatchObject({ compared: 81, faithful: false, added: { total: 0 } })
    expect(report.missing.items).toEqual(persons.slice(0, 2).map(({ id, signed: { cid } }) => ({ id, cid })))
  })

  it('names the homes of which its coverage counts other profiles than there are', async () => {
    const home = await signerOf(999)
    const other = await signerOf(998)
    const hosted: Person[] = []
    for (let i = 0; i < 3; i++) {
      const owner = await signerOf(600 + i)
      const entry = await acceptHosting({ persona: owner.id, since: 1, next: null }, home)
      const signed = await signDocument({ name: `Hosted ${i}`, listed: true }, owner, { seq: 1, prev: null, time: 1_790_000_000 }, { fields: { homes: [entry] } })
      hosted.push({ id: owner.id, signed, draft: {} })
    }
    const segment = await shelf.build([...persons, ...hosted])
    const says = (homes: Coverage['homes'], others: number): Coverage => ({ homes, others: { documents: others, oldest: 1 } })
    expect(await audit([segment], { coverage: says([{ id: home.id, documents: 3, oldest: 1 }], 80) })).toMatchObject({ faithful: true })
    const report = await audit([segment], { coverage: says([{ id: home.id, documents: 2, oldest: 1 }, { id: other.id, documents: 1, oldest: 1 }], 80) })
    expect(report.faithful).toBe(false)
    expect(report.coverage.items).toEqual([{ home: home.id, says: 2, counted: 3 }, { home: other.id, says: 1, counted: 0 }])
  })

  it('counts all findings and lists as many as were asked for', async () => {
    const report = await audit([await shelf.build(persons.slice(60))], { maxItems: 5 })
    expect(report.missing.total).toBe(60)
    expect(report.missing.items).toHaveLength(5)
  })
})

describe('the bounds of an audit', () => {
  it('are the profiles and the bytes that the caller allows', async () => {
    const segment = await shelf.build(persons)
    await expect(audit([segment], { maxDocuments: 79 })).rejects.toThrow(LimitError)
    await expect(audit([segment], { maxBytes: 10_000 })).rejects.toThrow(LimitError)
  })

  it('hold against a table that is not in the order of rank', async () => {
    const segment = await shelf.build(persons)
    const [leaf, ...rest] = segment.table.links
    const { data } = await readBlock(leaf!)
    const swapped = concat([data.subarray(0, 33), data.subarray(65, 97), data.subarray(33, 65), data.subarray(97)])
    const cid = await shelf.sink.put(encodeIndexBlock({ data: swapped, links: [] }))
    await expect(audit([{ ...segment, table: { ...segment.table, links: [cid, ...rest] } }])).rejects.toThrow(InvalidIndexBlockError)
  })

  it('hold against a block that is missing, with an error that names it', async () => {
    const segment = await shelf.build(persons)
    const [first] = segment.keys.links
    const blocks = { ...shelf.blocks, get: async (...given: Parameters<typeof shelf.blocks.get>) => (given[0].equals(first!) ? undefined : shelf.blocks.get(...given)) }
    await expect(audit([segment], { blocks })).rejects.toMatchObject({ code: 'INVALID_INDEX_BLOCK', cid: first })
  })
})

const indexOf = (bytes: Uint8Array, part: Uint8Array): number => Buffer.from(bytes).indexOf(part)
