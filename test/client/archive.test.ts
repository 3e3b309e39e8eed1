import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { concat, equals } from 'uint8arrays'
import { describe, expect, it } from 'vitest'
import { createHashStore, createMemoryStore, exportProfile, importProfile, verifyArchive } from '../../src/index.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { openDevice, openWorld, signerOf } from './world.ts'

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
  ['two roots', 'INVALID_ARCHIVE', concat([header([resolved.cid, resolved.cid]), recordSection, documentSection])],
  ['no record', 'INVALID_ARCHIVE', concat([header([resolved.cid]), documentSection])],
  ['two records', 'INVALID_ARCHIVE', concat([header([resolved.cid]), recordSection, recordSection, documentSection])],
  ['no document', 'INVALID_ARCHIVE', concat([header([resolved.cid]), recordSection, pictureSection])],
  ['a block that nothing links to', 'INVALID_ARCHIVE', concat([archive, await blockOf(Uint8Array.of(1), 0x55)])],
  ['a block under a wrong CID', 'WRONG_BLOCK', concat([header([resolved.cid]), recordSection, documentSection, section(pictureCid, wrong)])],
  ['a hash that cannot be checked', 'UNSUPPORTED', concat([archive, section(CID.createV1(0x55, { code: 0x13, size: 64, digest: new Uint8Array(64), bytes: concat([Uint8Array.of(0x13, 64), new Uint8Array(64)]) }), Uint8Array.of(1))])],
  ['a block over 1 MiB', 'LIMIT_EXCEEDED', concat([archive, await blockOf(new Uint8Array(1_048_577), 0x55)])],
  ['more than 16 MiB', 'LIMIT_EXCEEDED', new Uint8Array(16 * 1_048_576 + 1)],
  ['a length of nothing', 'INVALID_ARCHIVE', concat([archive, Uint8Array.of(0)])],
  ['a length without end', 'INVALID_ARCHIVE', concat([archive, new Uint8Array(16).fill(0xff)])],
  ['more than 4,096 blocks', 'LIMIT_EXCEEDED', concat([archive, ...(await Promise.all(Array.from({ length: 4_096 }, (_, i) => blockOf(Uint8Array.of(i & 255, i >> 8), 0x55))))])]
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
