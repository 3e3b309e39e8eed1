import { setTimeout as delay } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { concat, equals } from 'uint8arrays'
import { prepare, encode as encodeDagPb } from '@ipld/dag-pb'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { createHashStore, createMemoryStore, exportProfile, importProfile, verifyArchive, type HashStore } from '../../src/index.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { putBlock } from '../../src/store/block.ts'
import { signProfile } from '../signed-profile.ts'
import { NOON, openDevice, openWorld, signerOf } from './world.ts'

const alice = await signerOf(1)
const bob = await signerOf(2)
const picture = new Uint8Array(50_000).fill(7)

const world = openWorld()
const { profiles } = openDevice(world)
const avatar = await profiles.attach(picture, { type: 'image/png' })
await profiles.publish({ name: 'Alice', avatar }, alice, { wait: 'all' })
const resolved = await profiles.resolve(alice.id)
const parts = { record: resolved.recordBytes, document: resolved.documentBytes }
const archive = await exportProfile(parts, world.blocks)

const varint = (value: number): Uint8Array => (value < 128 ? Uint8Array.of(value) : concat([Uint8Array.of((value % 128) | 0x80), varint(Math.floor(value / 128))]))
const section = (cid: CID, bytes: Uint8Array): Uint8Array => concat([varint(cid.bytes.length + bytes.length), cid.bytes, bytes])
const blockOf = async (bytes: Uint8Array, codec: number) => section(CID.createV1(codec, await sha256.digest(bytes)), bytes)
const header = (roots: CID[], version = 1): Uint8Array => {
  const bytes = encodeCbor({ roots, version })
  return concat([varint(bytes.length), bytes])
}
const recordSection = await blockOf(parts.record, 0x0300)
const documentSection = await blockOf(parts.document, 0x71)
const pictureSection = await blockOf(picture, 0x55)

const wrong = picture.slice()
wrong[0] = 8
const pictureCid = CID.createV1(0x55, await sha256.digest(picture))
const cases: [string, string, Uint8Array][] = [
  ['nothing', 'INVALID_ARCHIVE', new Uint8Array()],
  ['text', 'INVALID_ARCHIVE', new TextEncoder().encode('name: Alice')],
  ['another version', 'INVALID_ARCHIVE', concat([header([resolved.cid], 2), recordSection, documentSection])],
  ['no root', 'INVALID_ARCHIVE', concat([header([]), recordSection, documentSection])],
  ['a root that is no link', 'INVALID_ARCHIVE', concat([header(['x' as never]), recordSection, documentSection])],
  ['no record', 'INVALID_ARCHIVE', concat([header([resolved.cid]), documentSection])],
  ['two records', 'INVALID_ARCHIVE', concat([header([resolved.cid]), recordSection, recordSection, documentSection])],
  ['no document', 'INVALID_ARCHIVE', concat([header([resolved.cid]), recordSection, pictureSection])],
  ['a block that nothing links to', 'INVALID_ARCHIVE', concat([archive, await blockOf(Uint8Array.of(1), 0x55)])],
  ['a block under a wrong CID', 'WRONG_BLOCK', concat([header([resolved.cid]), recordSection, documentSection, section(pictureCid, wrong)])],
  ['a hash that cannot be checked', 'UNSUPPORTED', concat([archive, section(CID.createV1(0x55, { code: 0x13, size: 64, digest: new Uint8Array(64), bytes: concat([Uint8Array.of(0x13, 64), new Uint8Array(64)]) }), Uint8Array.of(1))])],
  ['a record over 10,240 bytes', 'LIMIT_EXCEEDED', concat([header([resolved.cid]), await blockOf(new Uint8Array(10_241), 0x0300), documentSection])],
  ['a length of nothing', 'INVALID_ARCHIVE', concat([archive, Uint8Array.of(0)])],
  ['a length without end', 'INVALID_ARCHIVE', concat([archive, new Uint8Array(16).fill(0xff)])]
]

describe('archive', () => {
  it('holds the record, the document and its picture, rooted in the document', () => {
    expect(equals(archive, concat([header([resolved.cid]), recordSection, documentSection, pictureSection]))).toBe(true)
  })

  it('moves a profile to a device that shares nothing with the first, where it is kept and served', async () => {
    const other = openWorld()
    const device = openDevice(other)
    const published = await importProfile(archive, { profiles: device.profiles, blocks: other.blocks }, { wait: 'all' })
    expect(published.id).toBe(alice.id)
    const there = await openDevice(other).profiles.resolve(alice.id)
    expect(there.profile).toEqual(resolved.profile)
    expect(await other.blocks.get(avatar.cid)).toEqual(picture)
    expect(await Array.fromAsync(device.profiles.kept())).toEqual([alice.id])
  })

  it('says which linked blocks it does not hold', async () => {
    const { missing } = await verifyArchive(concat([header([resolved.cid]), recordSection, documentSection]))
    expect(missing.map(String)).toEqual([avatar.cid.toString()])
  })

  it('cannot be made without a block that is linked', async () => {
    await expect(exportProfile(parts, createHashStore(createMemoryStore()))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it.each(cases)('refuses %s', async (_, code, bytes) => {
    await expect(verifyArchive(bytes)).rejects.toMatchObject({ code })
  })

  it('refuses every truncation', async () => {
    const ends = new Set([header([resolved.cid]).length + recordSection.length + documentSection.length, archive.length])
    for (let end = 0; end < archive.length; end += end < 1_200 ? 1 : 997) {
      if (!ends.has(end)) await expect(verifyArchive(archive.subarray(0, end)), `${end} bytes`).rejects.toMatchObject({ code: expect.stringMatching(/INVALID_ARCHIVE|WRONG_BLOCK/) as string })
    }
  })

  it('refuses a record of somebody else, and a profile other than the one expected', async () => {
    await profiles.publish({ name: 'Bob' }, bob, { wait: 'all' })
    const { recordBytes } = await profiles.resolve(bob.id)
    await expect(verifyArchive(concat([header([resolved.cid]), await blockOf(recordBytes, 0x0300), documentSection, pictureSection]))).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(verifyArchive(archive, { id: bob.id })).rejects.toMatchObject({ code: 'INVALID_DOCUMENT' })
  })
})

const RAW = 0x55
const DAG_PB = 0x70
const DAG_CBOR = 0x71
const MIB = 1_048_576

interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}
const hashed = async (bytes: Uint8Array, codec = RAW): Promise<Block> => ({ cid: CID.createV1(codec, await sha256.digest(bytes)), bytes })
const inline = (bytes: Uint8Array, codec = RAW): Block => ({ cid: CID.createV1(codec, createDigest(0, bytes)), bytes })
const numbered = async (count: number): Promise<Block[]> => Promise.all(Array.from({ length: count }, async (_, i) => hashed(Uint8Array.of(i & 255, i >> 8))))
const listOf = async (blocks: readonly Block[]): Promise<Block> => hashed(encodeCbor(blocks.map(({ cid }) => cid)), DAG_CBOR)

/** An archive of a profile that links to `links` and comes with `blocks`. */
const archiveWith = async (links: readonly Block[], blocks: readonly Block[] = links): Promise<Uint8Array> => {
  const { signed, record } = await signProfile({ now: NOON, draft: { name: 'Alice', 'org.example/links': links.map(({ cid }) => cid) } })
  return concat([header([signed.cid]), await blockOf(record, 0x0300), section(signed.cid, signed.bytes), ...blocks.map(({ cid, bytes }) => section(cid, bytes))])
}
const takes = async (bytes: Uint8Array): Promise<number> => (await verifyArchive(bytes)).blocks.size
const refusal = async (bytes: Uint8Array): Promise<unknown> => verifyArchive(bytes).then(({ blocks }) => `${blocks.size} blocks taken`, ({ code, limit, max, value }: Record<string, unknown>) => ({ code, limit, max, value }))
const over = (limit: string, max: number, value = max + 1) => ({ code: 'LIMIT_EXCEEDED', limit, max, value })

describe('an archive at its limits', () => {
  it('has at most 16 MiB', async () => {
    const whole = await Promise.all(Array.from({ length: 15 }, async (_, i) => hashed(new Uint8Array(MIB).fill(i))))
    const some = await hashed(new Uint8Array(500_000))
    const rest = 16 * MIB - (await archiveWith([...whole, some])).byteLength + 500_000
    const full = await archiveWith([...whole, await hashed(new Uint8Array(rest).fill(99))])
    expect(full.byteLength).toBe(16 * MIB)
    expect(await takes(full)).toBe(17)
    expect(await refusal(await archiveWith([...whole, await hashed(new Uint8Array(rest + 1).fill(99))]))).toEqual(over('archive bytes', 16 * MIB))
  })

  it('has blocks of at most 1 MiB', async () => {
    expect(await takes(await archiveWith([await hashed(new Uint8Array(MIB))]))).toBe(2)
    expect(await refusal(await archiveWith([await hashed(new Uint8Array(MIB + 1))]))).toEqual(over('block bytes', MIB))
    expect(await refusal(concat([archive, varint(2 * MIB)]))).toEqual(over('block bytes', MIB, 2 * MIB))
  })

  it('has at most 4,096 blocks, the record too', async () => {
    const leaves = await numbered(4_092)
    const lists = [await listOf(leaves.slice(0, 2_046)), await listOf(leaves.slice(2_046))]
    const full = await archiveWith(lists, [...lists, ...leaves])
    expect(await takes(full)).toBe(4_095)
    expect(await refusal(concat([full, section(leaves[0]!.cid, leaves[0]!.bytes)]))).toEqual(over('archive blocks', 4_096))
  })

  it('links to at most 4,096 blocks, those that it does not hold too', async () => {
    const leaves = await numbered(4_093)
    const lists = [await listOf(leaves.slice(0, 2_046)), await listOf(leaves.slice(2_046))]
    expect((await verifyArchive(await archiveWith(lists))).missing).toHaveLength(4_093)
    const one = await hashed(Uint8Array.of(1))
    expect(await refusal(await archiveWith([...lists, one], lists))).toEqual(over('linked blocks', 4_096))
    const bomb = await hashed(encodeDagPb(prepare({ Links: Array.from({ length: 50_000 }, (_, i) => ({ Hash: inline(Uint8Array.of(i & 255, i >> 8)).cid })) })), DAG_PB)
    expect(await refusal(await archiveWith([bomb]))).toEqual(over('linked blocks', 4_096))
  })

  it('has one root', async () => {
    expect(await refusal(concat([header([resolved.cid, resolved.cid]), recordSection, documentSection]))).toEqual(over('archive roots', 1))
  })

  it('has blocks under sha2-256 and identity only, the latter of at most 128 bytes', async () => {
    const [small, large] = [inline(new Uint8Array(128)), inline(new Uint8Array(129))]
    const withSmall = await archiveWith([small])
    expect(await takes(withSmall)).toBe(2)
    expect(await takes(await archiveWith([small], []))).toBe(1)
    const other = openWorld()
    await importProfile(withSmall, { profiles: openDevice(other).profiles, blocks: other.blocks }, { wait: 'all' })
    for (const blocks of [[large], []]) expect(await refusal(await archiveWith([large], blocks))).toEqual(over('identity CID bytes', 128))
    expect(await refusal(concat([archive, section(small.cid, new Uint8Array(127))]))).toMatchObject({ code: 'WRONG_BLOCK' })
    expect(await refusal(concat([archive, section(small.cid, small.bytes)]))).toMatchObject({ code: 'INVALID_ARCHIVE' })
    const cut = CID.createV1(RAW, createDigest(0x12, (await sha256.digest(Uint8Array.of(1))).digest.slice(0, 20)))
    expect(await refusal(concat([archive, section(cut, Uint8Array.of(1))]))).toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('has only blocks that can be reached: through others, through a CID that is its own block, by any codec', async () => {
    const leaf = await hashed(Uint8Array.of(1))
    const list = await listOf([leaf])
    const inlined = inline(encodeCbor([leaf.cid]), DAG_CBOR)
    expect(await takes(await archiveWith([list], [leaf, list]))).toBe(3)
    expect(await takes(await archiveWith([inlined], [leaf]))).toBe(2)
    expect(await refusal(await archiveWith([list], [list, leaf, await hashed(Uint8Array.of(2))]))).toMatchObject({ code: 'INVALID_ARCHIVE' })
    const twice = await verifyArchive(await archiveWith([list, { ...list, cid: CID.createV1(RAW, list.cid.multihash) }], [list, leaf]))
    expect([twice.blocks.size, twice.missing]).toEqual([3, []])
  })

  it('stops when it is asked to', async () => {
    await expect(verifyArchive(archive, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})

describe('what is exported', () => {
  const exporting = async (links: readonly Block[], blocks: readonly Block[] = links, late?: Block): Promise<Uint8Array> => {
    const kept = createHashStore(createMemoryStore())
    for (const { cid, bytes } of blocks) await putBlock(kept, bytes, cid.code)
    const store: HashStore = {
      ...kept,
      get: async (cid, options) => {
        if (late?.cid.equals(cid)) await delay(5)
        return kept.get(cid, options)
      }
    }
    const { signed, record } = await signProfile({ now: NOON, draft: { 'org.example/links': links.map(({ cid }) => cid) } })
    return exportProfile({ record, document: signed.bytes }, store)
  }

  it('can be verified, whatever links lead to it, and is the same in whatever order the blocks came', async () => {
    const [one, two] = await numbered(2) as [Block, Block]
    const list = await listOf([one, two])
    const inlined = inline(encodeCbor([two.cid]), DAG_CBOR)
    const exported = await exporting([list, inlined], [list, one, two])
    expect(await takes(exported)).toBe(4)
    const other = openWorld()
    await importProfile(exported, { profiles: openDevice(other).profiles, blocks: other.blocks }, { wait: 'all' })
    expect(await other.blocks.get(two.cid)).toEqual(two.bytes)
    for (const late of [one, two, list]) expect(equals(await exporting([list, inlined], [list, one, two], late), exported)).toBe(true)
  })

  it('has at most 8 MiB and 1,024 blocks behind all its links together', async () => {
    const large = await Promise.all(Array.from({ length: 8 }, async (_, i) => hashed(new Uint8Array(MIB).fill(i))))
    expect(await takes(await exporting(large))).toBe(9)
    await expect(exporting([...large, await hashed(Uint8Array.of(1))])).rejects.toMatchObject(over('pinned bytes', 8 * MIB))
    const many = await numbered(1_025)
    expect(await takes(await exporting(many.slice(1)))).toBe(1_025)
    await expect(exporting(many)).rejects.toMatchObject(over('pinned blocks', 1_024))
  })
})
