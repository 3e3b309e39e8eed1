import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { MAX_BLOCK_BYTES } from '../../src/limits.ts'
import { DAG_CBOR, DAG_PB, RAW, cidOf } from '../../src/store/block.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'

const keysIn = async (store: ReturnType<typeof createMemoryStore>): Promise<string[]> => {
  const keys: string[] = []
  for await (const [key] of store.entries()) keys.push(key)
  return keys
}

describe('createHashStore', () => {
  it('keeps a block under its hash, whatever the codec and the version of the CID', async () => {
    const memory = createMemoryStore()
    const store = createHashStore(memory)
    const cid = await cidOf(utf8('block'), DAG_PB)
    await store.put(cid.toV0(), utf8('block'), { pin: true })
    expect(await keysIn(memory)).toEqual([expect.stringMatching(/^block\/ciq[a-z2-7]{52}$/), expect.stringMatching(/^pin\/ciq[a-z2-7]{52}$/)])
    for (const codec of [RAW, DAG_CBOR]) expect(await store.get(await cidOf(utf8('block'), codec))).toEqual(utf8('block'))
  })

  it('removes the block with its marker, and keeps what was put without a pin', async () => {
    const memory = createMemoryStore()
    const store = createHashStore(memory)
    const [cached, pinned] = await Promise.all([cidOf(utf8('cached'), RAW), cidOf(utf8('pinned'), RAW)])
    await store.put(cached, utf8('cached'))
    await store.put(pinned, utf8('pinned'))
    await store.pin(pinned)
    await store.unpin(pinned)
    expect(await store.get(pinned)).toBeUndefined()
    expect(await store.get(cached)).toEqual(utf8('cached'))
    expect(await keysIn(memory)).toHaveLength(1)
  })

  it('never leaves a pin without its block, however pin and unpin meet', async () => {
    const memory = createMemoryStore()
    const store = createHashStore(memory)
    const cid = await cidOf(utf8('block'), RAW)
    for (let round = 0; round < 20; round++) {
      await store.put(cid, utf8('block'))
      await Promise.allSettled([store.pin(cid), ...Array.from({ length: round % 4 }, async () => undefined), store.unpin(cid)])
      const pinned = (await keysIn(memory)).some((key) => key.startsWith('pin/'))
      if (pinned) expect(await store.get(cid)).toEqual(utf8('block'))
    }
  })

  it('takes 1 MiB and not one byte more', async () => {
    const store = createHashStore(createMemoryStore())
    const cid = await cidOf(utf8('some'), RAW)
    await store.put(cid, new Uint8Array(MAX_BLOCK_BYTES))
    await expect(store.put(cid, new Uint8Array(MAX_BLOCK_BYTES + 1))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: MAX_BLOCK_BYTES, value: MAX_BLOCK_BYTES + 1 })
  })

  it.each([['identity', 0x00, 4], ['sha1', 0x11, 20], ['sha2-512', 0x13, 64], ['blake3', 0x1e, 32], ['sha2-256 cut short', 0x12, 20]])('refuses the hash %s', async (_, code, length) => {
    const store = createHashStore(createMemoryStore())
    const cid = CID.createV1(RAW, createDigest(code, new Uint8Array(length)))
    for (const call of [store.put(cid, utf8('x')), store.get(cid), store.pin(cid), store.unpin(cid)]) await expect(call).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('closes nothing but itself', async () => {
    const memory = createMemoryStore()
    await createHashStore(memory).close()
    await memory.put('key', utf8('value'))
  })
})
