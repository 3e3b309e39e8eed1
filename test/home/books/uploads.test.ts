import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCbor } from '../../../src/cbor.ts'
import { readUpload } from '../../../src/home/books/uploads.ts'
import { MercuryError } from '../../../src/index.ts'
import { DAY_MS, MAX_ARCHIVE_BLOCKS, MAX_ARCHIVE_BYTES, MAX_BLOCK_BYTES, MAX_PINNED_BLOCKS, MAX_PINNED_BYTES, MAX_PINNED_DEPTH } from '../../../src/limits.ts'
import { DAG_CBOR, RAW, cidOf } from '../../../src/store/block.ts'
import { encodeCar, type CarBlock } from '../../../src/store/car.ts'
import { signerOf } from '../../client/world.ts'
import { requestOf, versionOf } from '../running-home.ts'
import { openBooks } from './open-books.ts'

const raw = async (bytes: Uint8Array): Promise<CarBlock> => ({ cid: await cidOf(bytes, RAW), bytes })
const leafOf = (i: number, length = 8): Promise<CarBlock> => {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(0, i)
  return raw(bytes)
}
const linkTo = async (children: readonly CarBlock[]): Promise<CarBlock> => {
  const bytes = encodeCbor({ links: children.map(({ cid }) => cid) })
  return { cid: await cidOf(bytes, DAG_CBOR), bytes }
}
const carOf = (root: CarBlock, ...others: CarBlock[]): Uint8Array => encodeCar([root.cid], [root, ...others])

describe('an upload', () => {
  test('is what its root leads to, each block once; the root may lead to what is elsewhere', async () => {
    const [one, elsewhere] = [await leafOf(1), await leafOf(2)]
    const root = await linkTo([one, one, elsewhere])
    const { blocks, bytes, root: read } = await readUpload(carOf(root, one, one))
    expect(read.equals(root.cid)).toBe(true)
    expect(blocks.map(({ cid }) => cid.toString())).toEqual([root.cid.toString(), one.cid.toString()])
    expect(bytes).toBe(root.bytes.byteLength + 8)
  })

  test('may have blocks in their CIDs, which take up nothing', async () => {
    const inline = { cid: CID.createV1(RAW, createDigest(0, new Uint8Array(4))), bytes: new Uint8Array(4) }
    const root = await linkTo([inline])
    expect((await readUpload(carOf(root, inline))).blocks).toHaveLength(1)
    await expect(readUpload(carOf(root, { ...inline, bytes: new Uint8Array(5) }))).rejects.toMatchObject({ code: 'INVALID_UPLOAD' })
    const long = { cid: CID.createV1(RAW, createDigest(0, new Uint8Array(129))), bytes: new Uint8Array(129) }
    await expect(readUpload(carOf(await linkTo([long]), long))).rejects.toBeInstanceOf(MercuryError)
  })

  test('has blocks of at most 1 MiB', async () => {
    const largest = await leafOf(1, MAX_BLOCK_BYTES)
    expect((await readUpload(carOf(largest))).bytes).toBe(MAX_BLOCK_BYTES)
    await expect(readUpload(carOf(await leafOf(1, MAX_BLOCK_BYTES + 1)))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'block bytes' })
  })

  test('is judged by its size before anything else', async () => {
    await expect(readUpload(new Uint8Array(MAX_ARCHIVE_BYTES + 1))).rejects.toMatchObject({ limit: 'upload bytes', value: MAX_ARCHIVE_BYTES + 1 })
    await expect(readUpload(new Uint8Array(MAX_ARCHIVE_BYTES))).rejects.toMatchObject({ code: 'INVALID_UPLOAD' })
  })

  test('has at most 4,096 blocks, and 1,024 different ones behind its root', async () => {
    const one = await leafOf(1)
    const root = await linkTo([one])
    const repeated = Array.from({ length: MAX_ARCHIVE_BLOCKS - 1 }, () => one)
    expect((await readUpload(carOf(root, ...repeated))).blocks).toHaveLength(2)
    await expect(readUpload(carOf(root, ...repeated, one))).rejects.toMatchObject({ limit: 'upload blocks', value: MAX_ARCHIVE_BLOCKS + 1 })
    const leaves = await Promise.all(Array.from({ length: MAX_PINNED_BLOCKS }, (_, i) => leafOf(i)))
    const most = leaves.slice(0, MAX_PINNED_BLOCKS - 1)
    expect((await readUpload(carOf(await linkTo(most), ...most))).blocks).toHaveLength(MAX_PINNED_BLOCKS)
    await expect(readUpload(carOf(await linkTo(leaves), ...leaves))).rejects.toMatchObject({ limit: 'pinned blocks' })
  })

  test('is at most 8 MiB behind its root', async () => {
    const leaves = await Promise.all(Array.from({ length: MAX_PINNED_BYTES / MAX_BLOCK_BYTES }, (_, i) => leafOf(i, MAX_BLOCK_BYTES)))
    await expect(readUpload(carOf(await linkTo(leaves), ...leaves))).rejects.toMatchObject({ limit: 'pinned bytes' })
    await readUpload(carOf(await linkTo(leaves.slice(1)), ...leaves.slice(1)))
  })

  test('is at most 32 deep', async () => {
    const chain = [await leafOf(1)]
    while (chain.length < MAX_PINNED_DEPTH) chain.unshift(await linkTo(chain.slice(0, 1)))
    await readUpload(encodeCar([chain[0]!.cid], chain))
    chain.unshift(await linkTo(chain.slice(0, 1)))
    await expect(readUpload(encodeCar([chain[0]!.cid], chain))).rejects.toMatchObject({ limit: 'pinned depth', value: MAX_PINNED_DEPTH + 1 })
  })

  test('of whatever bytes is an error of this library', async () => {
    const car = carOf(await linkTo([await leafOf(1)]), await leafOf(1))
    await fc.assert(fc.asyncProperty(fc.nat({ max: car.byteLength - 1 }), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const damaged = car.slice()
      damaged[at]! ^= change
      const outcome = await readUpload(damaged).catch((error: unknown) => error)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(MercuryError)
    }), { numRuns: 300 })
    await fc.assert(fc.asyncProperty(fc.uint8Array(), async (bytes) => {
      await expect(readUpload(bytes)).rejects.toBeInstanceOf(MercuryError)
    }))
  })
})

describe('what a profile takes up', () => {
  test('counts an upload for a day, and as long as its newest document links to it', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    const { entry } = await books.agreements.offer(requestOf(alice))
    const { acceptance } = books.agreements.describe(alice.id, entry, { usedBytes: 0, addresses: [] })
    const quota = 250
    const [kept, dropped, later] = [await leafOf(1, 100), await leafOf(2, 100), await leafOf(3, 100)]
    for (const upload of [kept, dropped, dropped]) await books.uploads.take(alice.id, carOf(upload), { quota })
    expect(await books.usage.used(alice.id)).toBe(200)
    await expect(books.uploads.take(alice.id, carOf(later), { quota })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'quota bytes', value: 300 })
    const version = await versionOf(alice, { seq: 1, homes: [acceptance], now: books.now(), fields: { sealed: [kept.cid] } })
    await books.profiles.accept(version, { id: alice.id, wait: 'local' })
    books.sleep(DAY_MS)
    await books.uploads.take(alice.id, carOf(later), { quota })
    expect(await books.usage.used(alice.id)).toBe(200)
    await books.profiles.close()
  })

  test('may be all of the quota and not a byte more, of uploads and backups together', async () => {
    const books = await openBooks()
    const { id } = await signerOf(2)
    await books.backups.put(id, 'vault', new Uint8Array(60), { condition: 'none', quota: 100 })
    await expect(books.uploads.take(id, carOf(await leafOf(1, 41)), { quota: 100 })).rejects.toMatchObject({ limit: 'quota bytes', value: 101 })
    expect(await books.usage.used(id)).toBe(60)
    await books.uploads.take(id, carOf(await leafOf(1, 40)), { quota: 100 })
    expect(await books.usage.used(id)).toBe(100)
    await expect(books.backups.put(id, 'other', new Uint8Array(1), { condition: 'none', quota: 100 })).rejects.toMatchObject({ limit: 'quota bytes', value: 101 })
  })

  test('is 64 uploads that nobody linked to yet, at most; after a day there is room again', async () => {
    const books = await openBooks()
    const { id } = await signerOf(2)
    const take = async (i: number) => books.uploads.take(id, carOf(await leafOf(i)), { quota: 1_000_000 })
    for (let i = 0; i < 64; i++) await take(i)
    await take(0)
    await expect(take(64)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', value: 65 })
    books.sleep(DAY_MS)
    await take(64)
  })

  test('is the same for two uploads at once as for one after the other', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    const uploads = await Promise.all(Array.from({ length: 10 }, (_, i) => leafOf(i, 100)))
    const outcomes = await Promise.allSettled(uploads.map((upload) => books.uploads.take(alice.id, carOf(upload), { quota: 450 })))
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(4)
    expect(await books.usage.used(alice.id)).toBe(400)
  })
})
