import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { encodeCbor, type CborValue } from '../../src/cbor.ts'
import { MAX_BLOCK_BYTES, MAX_PINNED_BLOCKS, MAX_PINNED_BYTES, MAX_PINNED_DEPTH } from '../../src/limits.ts'
import { DAG_CBOR, DAG_PB, RAW, cidOf, putBlock } from '../../src/store/block.ts'
import { createHashStore, hashName, type HashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { walkDag } from '../../src/store/walk-dag.ts'

const createBlocks = () => {
  const store = createHashStore(createMemoryStore())
  const asked: string[] = []
  const blocks: HashStore = { ...store, get: async (cid, options) => { asked.push(cid.toString()); return store.get(cid, options) } }
  const put = (value: CborValue): Promise<CID> => putBlock(store, encodeCbor(value), DAG_CBOR)
  return { blocks, asked, put, leaf: (text: string): Promise<CID> => putBlock(store, utf8(text), RAW), raw: (bytes: Uint8Array, codec = RAW): Promise<CID> => putBlock(store, bytes, codec) }
}
const names = (...cids: CID[]): string[] => cids.map(hashName).sort()

it('visits every block once, through dag-cbor and dag-pb', async () => {
  const { blocks, asked, put, leaf, raw } = createBlocks()
  const [a, b] = [await leaf('a'), await leaf('b')]
  const file = await raw(dagPb.encode(dagPb.prepare({ Links: [{ Name: '', Hash: a }, { Name: '', Hash: b }] })), DAG_PB)
  const middle = await put({ a, again: [a, file] })
  const root = await put([middle, file, b])
  expect([...(await walkDag(blocks, [root, root, a])).keys()].sort()).toEqual(names(root, middle, file, a, b))
  expect(asked.toSorted()).toEqual([root, middle, file, a, b].map(String).toSorted())
})

it('follows a block that stands in its own CID and does not count it among the blocks', async () => {
  const { blocks, leaf } = createBlocks()
  const a = await leaf('a')
  const inline = CID.createV1(DAG_CBOR, createDigest(0x00, encodeCbor([a])))
  expect([...(await walkDag(blocks, [inline])).keys()]).toEqual(names(a))
})

it('takes the bytes of one hash for what each of its codecs says', async () => {
  const { blocks, leaf, raw } = createBlocks()
  const bytes = encodeCbor([await leaf('a')])
  const [asRaw, asCbor] = [await raw(bytes), await raw(bytes, DAG_CBOR)]
  expect((await walkDag(blocks, [asRaw])).size).toBe(1)
  expect((await walkDag(blocks, [asRaw, asCbor])).size).toBe(2)
})

it('tells a missing block, a wrong block and a codec that it cannot read', async () => {
  const { blocks, put } = createBlocks()
  const absent = await cidOf(utf8('absent'), RAW)
  await expect(walkDag(blocks, [await put([absent])])).rejects.toMatchObject({ code: 'NOT_FOUND', cid: expect.objectContaining({}) })
  await expect(walkDag({ ...blocks, get: async () => utf8('other') }, [absent])).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
  await expect(walkDag({ ...blocks, get: async () => utf8('{}') }, [await cidOf(utf8('{}'), 0x0129)])).rejects.toMatchObject({ code: 'UNSUPPORTED' })
})

it('goes 32 levels deep and no deeper', async () => {
  const { blocks, put, leaf } = createBlocks()
  const chain = [await leaf('end')]
  while (chain.length < MAX_PINNED_DEPTH + 1) chain.unshift(await put([chain[0]!]))
  expect((await walkDag(blocks, [chain[1]!])).size).toBe(MAX_PINNED_DEPTH)
  await expect(walkDag(blocks, [chain[0]!])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'pinned depth' })
})

it('takes 1,024 blocks, and asks for none of a level that goes beyond', async () => {
  const { blocks, asked, put, leaf } = createBlocks()
  const leaves = await Promise.all(Array.from({ length: MAX_PINNED_BLOCKS }, (_, i) => leaf(`${i}`)))
  expect((await walkDag(blocks, [await put(leaves.slice(1))])).size).toBe(MAX_PINNED_BLOCKS)
  asked.length = 0
  await expect(walkDag(blocks, [await put(leaves)])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'pinned blocks' })
  expect(asked).toHaveLength(1)
})

it('takes 8 MiB and not one byte more', async () => {
  const { blocks, raw, leaf } = createBlocks()
  const large = await Promise.all(Array.from({ length: MAX_PINNED_BYTES / MAX_BLOCK_BYTES }, (_, i) => raw(new Uint8Array(MAX_BLOCK_BYTES).fill(i))))
  expect((await walkDag(blocks, large)).size).toBe(8)
  await expect(walkDag(blocks, [...large, await leaf('!')])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'pinned bytes' })
})

it('passes hints and the signal to every look-up', async () => {
  const { blocks, leaf } = createBlocks()
  const asked: unknown[] = []
  const options = { hints: ['hint'], signal: AbortSignal.timeout(60_000) }
  await walkDag({ ...blocks, get: async (cid, given) => { asked.push(given); return blocks.get(cid, given) } }, [await leaf('a')], options)
  expect(asked).toEqual([options])
  await expect(walkDag(blocks, [await leaf('a')], { signal: AbortSignal.abort(new Error('the reason')) })).rejects.toThrow('the reason')
})
