import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { createHashStore, createMemoryStore, createRecord, signDocument, type Avatar, type Signer } from '../../src/index.ts'
import { DAY_MS } from '../../src/limits.ts'
import { DAG_CBOR, RAW, cidOf } from '../../src/store/block.ts'
import { NOON, openDevice, signerOf } from './world.ts'

const [alice, bob] = [await signerOf(1), await signerOf(2)]

const blockOf = async (bytes: Uint8Array, codec: number) => ({ cid: await cidOf(bytes, codec), bytes })
const leaves = await Promise.all([1, 2].map((fill) => blockOf(new Uint8Array(500).fill(fill), RAW)))
const root = await blockOf(encodeCbor(leaves.map(({ cid }) => cid)), DAG_CBOR)
const blocks = [root, ...leaves]

const versionOf = async (signer: Signer, seq: number, cid?: CID) => {
  const avatar: Avatar | undefined = cid && { cid, type: 'image/png', size: 9 }
  const signed = await signDocument({ name: 'N', ...(avatar ? { avatar } : {}) }, signer, { seq, prev: null, time: NOON / 1_000 })
  return { record: await createRecord(signed, signer, { now: NOON }) }
}

const openHome = () => {
  const [state, memory] = [createMemoryStore(), createMemoryStore()]
  const store = createHashStore(memory)
  const device = openDevice({ state, blocks: store })
  const held = async (): Promise<string[]> => (await Array.fromAsync(state.entries())).map(([key]) => key).filter((key) => key.includes('attached/'))
  const has = async (): Promise<boolean[]> => Promise.all(blocks.map(async ({ cid }) => (await store.get(cid)) !== undefined))
  return { ...device, held, has }
}

describe('an upload', () => {
  it('is held until a version of its owner links to it, needed by that, and gone with it', async () => {
    const { profiles, sleep, held, has } = openHome()
    await profiles.holdUpload(alice.id, root.cid, blocks)
    expect(await has()).toEqual([true, true, true])
    expect((await profiles.accept(await versionOf(alice, 1, root.cid), { wait: 'all' })).pending).toEqual([])
    expect(await held()).toEqual([])
    sleep(2 * DAY_MS)
    await profiles.keepAlive()
    expect(await has()).toEqual([true, true, true])
    await profiles.accept(await versionOf(alice, 2), { wait: 'all' })
    expect(await has()).toEqual([false, false, false])
  })

  it('waits for nobody else: another who links to the same root and lets go takes nothing away', async () => {
    const { profiles, held, has } = openHome()
    await profiles.holdUpload(alice.id, root.cid, blocks)
    await profiles.accept(await versionOf(bob, 1, root.cid), { wait: 'all' })
    await profiles.accept(await versionOf(bob, 2), { wait: 'all' })
    expect(await has()).toEqual([true, true, true])
    expect(await held()).not.toEqual([])
    await profiles.accept(await versionOf(alice, 1, root.cid), { wait: 'all' })
    expect([await has(), await held()]).toEqual([[true, true, true], []])
  })

  it('is let go after a day, and is one however often it comes', async () => {
    const { profiles, sleep, held, has } = openHome()
    await profiles.holdUpload(alice.id, root.cid, blocks)
    const once = (await held()).length
    await profiles.holdUpload(alice.id, root.cid, blocks)
    expect((await held()).length).toBe(once)
    sleep(DAY_MS)
    await profiles.keepAlive()
    expect([await has(), await held()]).toEqual([[false, false, false], []])
  })

  it('is refused when it is not what it says', async () => {
    const { profiles, held, has } = openHome()
    const stray = await blockOf(new Uint8Array(3), RAW)
    await expect(profiles.holdUpload(alice.id, root.cid, leaves)).rejects.toMatchObject({ code: 'INVALID_UPLOAD' })
    await expect(profiles.holdUpload(alice.id, root.cid, [...blocks, stray])).rejects.toMatchObject({ code: 'INVALID_UPLOAD' })
    await expect(profiles.holdUpload(alice.id, root.cid, [root, { cid: leaves[0]!.cid, bytes: stray.bytes }])).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
    await expect(profiles.holdUpload(alice.id, root.cid, [root, ...Array.from({ length: 1_024 }, () => leaves[0]!)])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'pinned blocks' })
    await expect(profiles.holdUpload(alice.id, root.cid, Array.from({ length: 9 }, () => ({ cid: root.cid, bytes: new Uint8Array(1_000_000) })))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'pinned bytes' })
    expect([await has(), await held()]).toEqual([[false, false, false], []])
  })
})
