import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { MAX_PINNED_DEPTH } from '../../src/limits.ts'
import { DAG_CBOR, RAW, cidOf, putBlock } from '../../src/store/block.ts'
import { copyBlocks, type CopiedBlock } from '../../src/store/copy-blocks.ts'
import { createHashStore, type HashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'

const openPlace = (): HashStore => createHashStore(createMemoryStore())

/** A document with two pictures, in `store`. */
const layProfile = async (store: HashStore): Promise<{ root: CID; pictures: [CID, CID]; all: CID[] }> => {
  const pictures: [CID, CID] = [await putBlock(store, utf8('picture one'), RAW), await putBlock(store, utf8('picture two'), RAW)]
  const root = await putBlock(store, encodeCbor({ avatar: pictures[0], media: [pictures[1]] }), DAG_CBOR)
  return { root, pictures, all: [root, ...pictures] }
}

const copy = async (from: HashStore, to: HashStore, roots: CID[]): Promise<string[]> => {
  const told: CopiedBlock[] = []
  await copyBlocks({ from, to, roots, onBlock: (block) => told.push(block) })
  return told.map(({ outcome }) => outcome).sort()
}

const counting = (store: HashStore): HashStore & { gets: number; puts: number; pins: number } => {
  const counted = { ...store, gets: 0, puts: 0, pins: 0 }
  counted.get = (...args) => { counted.gets++; return store.get(...args) }
  counted.put = (...args) => { counted.puts++; return store.put(...args) }
  counted.pin = (...args) => { counted.pins++; return store.pin(...args) }
  return counted
}

describe('copyBlocks', () => {
  it('copies a document with all that it links to, reading each block once', async () => {
    const [from, to] = [counting(openPlace()), counting(openPlace())]
    const { root, all } = await layProfile(from)
    expect(await copy(from, to, [root])).toEqual(['copied', 'copied', 'copied'])
    for (const cid of all) expect(await to.get(cid)).toEqual(await from.get(cid))
    // Before, whether it is there; after, whether it is whole; and once more by the lines above.
    expect([from.gets, to.gets, to.puts]).toEqual([3 + 3, 3 * 2 + 3, 3])
  })

  it('goes on where it was cut off: what is there is pinned, and not read from the source again', async () => {
    const [from, to] = [counting(openPlace()), counting(openPlace())]
    const { root, pictures } = await layProfile(from)
    const abort = new AbortController()
    await expect(copyBlocks({ from, to, roots: [root], signal: abort.signal, onBlock: () => abort.abort(new Error('enough')) })).rejects.toThrow('enough')
    expect(await to.get(root)).toBeDefined()
    from.gets = 0
    expect(await copy(from, to, [root])).toEqual(['copied', 'copied', 'present'])
    expect(from.gets).toBe(2)
    expect(to.pins).toBe(1)
    for (const cid of pictures) expect(await to.get(cid)).toBeDefined()
  })

  it('tells what is missing, wrong or refused, and copies the rest', async () => {
    for (const spoil of ['missing', 'wrong', 'refused'] as const) {
      const [from, to] = [openPlace(), openPlace()]
      const { root, pictures: [lost, kept] } = await layProfile(from)
      if (spoil === 'missing') await from.unpin(lost)
      if (spoil === 'wrong') await from.put(lost, utf8('something else'))
      const told: CopiedBlock[] = []
      const choosy = { ...to, put: async (cid: CID, ...rest: [Uint8Array]) => { if (spoil === 'refused' && cid.equals(lost)) throw new Error('too large'); await to.put(cid, ...rest) } }
      await copyBlocks({ from, to: choosy, roots: [root], onBlock: (block) => told.push(block) })
      expect(told.filter(({ outcome }) => outcome === 'failed').map(({ cid }) => cid.toString())).toEqual([lost.toString()])
      expect(told.find(({ outcome }) => outcome === 'failed')?.error).toBeInstanceOf(Error)
      expect(await to.get(kept)).toBeDefined()
      expect(await to.get(lost)).toBeUndefined()
    }
  })

  it('writes again what lies rotten at the destination, and does not believe a destination that loses what it takes', async () => {
    const [from, to] = [openPlace(), openPlace()]
    const { root, pictures: [rotten] } = await layProfile(from)
    await to.put(rotten, utf8('rot'))
    expect(await copy(from, to, [root])).toEqual(['copied', 'copied', 'copied'])
    expect(await to.get(rotten)).toEqual(utf8('picture one'))
    const forgetful = { ...openPlace(), put: async () => undefined }
    expect(await copy(from, forgetful, [root])).toEqual(['failed'])
  })

  it('keeps the limits of a DAG, and refuses a destination that takes no blocks', async () => {
    const from = openPlace()
    let cid = await putBlock(from, utf8('deepest'), RAW)
    for (let depth = 1; depth <= MAX_PINNED_DEPTH; depth++) cid = await putBlock(from, encodeCbor({ next: cid }), DAG_CBOR)
    await expect(copy(from, openPlace(), [cid])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'pinned depth' })
    const readOnly = { ...openPlace(), supports: { put: false, pin: false, persistence: true, network: true } }
    await expect(copy(from, readOnly, [await cidOf(utf8('x'), RAW)])).rejects.toBeInstanceOf(NotSupportedError)
  })
})
