import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { MAX_BLOCK_BYTES } from '../../src/limits.ts'
import { DAG_CBOR, MAX_IDENTITY_BYTES, RAW, cidOf, getBlock, putBlock, verifyBlock } from '../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'

const answering = (bytes: Uint8Array | undefined): HashStore => ({ ...createHashStore(createMemoryStore()), get: async () => bytes })
const identity = (bytes: Uint8Array): CID => CID.createV1(RAW, createDigest(0x00, bytes))

describe('putBlock', () => {
  it('names a block as every IPFS implementation does', async () => {
    const store = createHashStore(createMemoryStore())
    // `ipfs block put --cid-codec=raw` and `--cid-codec=dag-cbor` of "hello" and of an empty map.
    expect((await putBlock(store, utf8('hello'), RAW)).toString()).toBe('bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq')
    expect((await putBlock(store, Uint8Array.of(0xa0), DAG_CBOR)).toString()).toBe('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
  })

  it('puts what it hashed, although the caller goes on to use his array', async () => {
    const store = createHashStore(createMemoryStore())
    const bytes = utf8('before')
    const putting = putBlock(store, bytes, RAW, { pin: true })
    bytes.fill(0)
    expect(await getBlock(store, await putting)).toEqual(utf8('before'))
  })

  it('takes 1 MiB and not one byte more', async () => {
    const store = createHashStore(createMemoryStore())
    await putBlock(store, new Uint8Array(MAX_BLOCK_BYTES), RAW)
    await expect(putBlock(store, new Uint8Array(MAX_BLOCK_BYTES + 1), RAW)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})

describe('getBlock', () => {
  it('answers absence with undefined and a lie with WRONG_BLOCK', async () => {
    const cid = await cidOf(utf8('block'), RAW)
    expect(await getBlock(answering(undefined), cid)).toBeUndefined()
    expect(await getBlock(answering(utf8('block')), cid)).toEqual(utf8('block'))
    for (const lie of [utf8('Block'), utf8('block '), new Uint8Array()]) await expect(getBlock(answering(lie), cid)).rejects.toMatchObject({ name: 'BlockMismatchError', code: 'WRONG_BLOCK', cid })
  })

  it('judges the size before it hashes', async () => {
    const bytes = new Uint8Array(MAX_BLOCK_BYTES + 1)
    const cid = await cidOf(bytes, RAW)
    await expect(getBlock(answering(bytes), cid)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: MAX_BLOCK_BYTES })
    await expect(getBlock(answering(utf8('block')), await cidOf(utf8('block'), RAW), { maxBytes: 4 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: 4 })
    expect(await getBlock(answering(utf8('block')), await cidOf(utf8('block'), RAW), { maxBytes: 5 })).toHaveLength(5)
  })

  it('answers an identity CID from itself, up to 128 bytes', async () => {
    const silent: HashStore = { ...answering(undefined), get: async () => { throw new Error('asked') } }
    expect(await getBlock(silent, identity(utf8('itself')))).toEqual(utf8('itself'))
    expect(await getBlock(silent, identity(new Uint8Array()))).toEqual(new Uint8Array())
    expect(await getBlock(silent, identity(new Uint8Array(MAX_IDENTITY_BYTES)))).toHaveLength(MAX_IDENTITY_BYTES)
    await expect(getBlock(silent, identity(new Uint8Array(MAX_IDENTITY_BYTES + 1)))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'identity CID bytes' })
    await expect(getBlock(silent, identity(utf8('itself')), { maxBytes: 5 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('refuses a hash that it cannot check without asking', async () => {
    const silent: HashStore = { ...answering(undefined), get: async () => { throw new Error('asked') } }
    await expect(getBlock(silent, CID.createV1(RAW, createDigest(0x1e, new Uint8Array(32))))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('passes on what the store is to know', async () => {
    const asked: unknown[] = []
    const signal = AbortSignal.timeout(60_000)
    const store: HashStore = { ...answering(undefined), get: async (_, options) => { asked.push(options); return undefined } }
    await getBlock(store, await cidOf(utf8('block'), RAW), { offline: true, hints: ['hint'], signal, maxBytes: 9 })
    expect(asked).toEqual([{ offline: true, hints: ['hint'], signal }])
  })
})

it('verifies an identity CID by its content', async () => {
  await verifyBlock(identity(utf8('itself')), utf8('itself'))
  await expect(verifyBlock(identity(utf8('itself')), utf8('other'))).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
})
