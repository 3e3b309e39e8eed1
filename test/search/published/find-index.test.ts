import { beforeAll, describe, expect, it } from 'vitest'
import { encodeCbor } from '../../../src/cbor.ts'
import { LimitError } from '../../../src/errors.ts'
import { encodeProfileId, type ProfileId } from '../../../src/identity/profile-id.ts'
import { createSigner, type Signer } from '../../../src/identity/signer.ts'
import { DAY_MS, MINUTE_MS } from '../../../src/limits.ts'
import { NotFoundError, UnreachableError } from '../../../src/naming/answer.ts'
import type { NameRouter } from '../../../src/naming/name-router.ts'
import { createRecord } from '../../../src/naming/record.ts'
import { InvalidManifestError } from '../../../src/search/published/invalid-manifest.ts'
import { signManifest, type ManifestContent, type SignedManifest } from '../../../src/search/published/manifest.ts'
import { findIndex, readCoverage, type FindIndexOptions } from '../../../src/search/published/find-index.ts'
import { encodeCoverage } from '../../../src/search/published/coverage.ts'
import { DAG_CBOR, cidOf, putBlock } from '../../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { blockCid, encode, keyPair, recordData, reduced, sealed, signRecord } from '../../vectors/forge.ts'
import { NOW, brokenRouter, countingStore, homeless, indexSigner, personOf } from './index-fixture.ts'

let signer: Signer
let mallory: Signer
let coverage: Awaited<ReturnType<typeof encodeCoverage>>
beforeAll(async () => {
  signer = await indexSigner()
  mallory = await indexSigner(2)
  coverage = await encodeCoverage(homeless(0))
})

const version = (seq: number, change: Partial<ManifestContent> = {}, by = signer): Promise<SignedManifest> => signManifest({ seq, time: NOW / 1_000, segments: [], coverage: coverage.cid, providers: [], prev: null, ...change }, by)
/** A router that gives these bytes and nothing else. */
const giving = (name: string, ...records: readonly Uint8Array[]): NameRouter => ({ name, put: async () => undefined, async * get () { yield * records }, close: async () => undefined })
const recordOf = (signed: SignedManifest, { sequence, now = NOW, by = signer }: { sequence?: bigint; now?: number; by?: Signer } = {}): Promise<Uint8Array> => createRecord(signed, by, { now, ...(sequence === undefined ? {} : { sequence }) })
/** A record that names a block of which nothing rides along. */
const bareRecord = async (bytes: Uint8Array, { seq = 5, store }: { seq?: number; store?: HashStore } = {}): Promise<Uint8Array> => {
  const cid = store ? await putBlock(store, bytes, DAG_CBOR) : await cidOf(bytes, DAG_CBOR)
  return createRecord({ bytes: new Uint8Array(10_300), cid, document: { id: encodeProfileId(signer.id), seq } }, signer, { now: NOW })
}
const emptyStore = (): HashStore => createHashStore(createMemoryStore())
const find = (options: Partial<FindIndexOptions> & Pick<FindIndexOptions, 'routers'>) => findIndex(signer.id, { blocks: emptyStore(), clock: () => NOW, ...options })

describe('finding an index', () => {
  it('takes the manifest that rides in the record, and fetches nothing', async () => {
    const signed = await version(5)
    const blocks = countingStore()
    const found = await find({ routers: [giving('a', await recordOf(signed))], blocks })
    expect(found).toMatchObject({ name: signer.id, manifest: { seq: 5, documents: 0 }, expired: false, behind: false, checkedAt: NOW, answers: [{ router: 'a', outcome: 'found' }] })
    expect(found.cid.equals(signed.cid)).toBe(true)
    expect(blocks.counts.get).toBe(0)
  })

  it('fetches a manifest that does not fit into the record', async () => {
    const signed = await version(5)
    const blocks = emptyStore()
    expect((await find({ routers: [giving('a', await bareRecord(signed.bytes, { store: blocks }))], blocks })).manifest.seq).toBe(5)
  })

  it('takes the newest of what all routers say, whatever else they give', async () => {
    const [older, newer, foreign] = [await version(5), await version(6), await version(7, {}, mallory)]
    const routers = [giving('old', await recordOf(older)), giving('forged', await recordOf(foreign, { by: mallory }), new Uint8Array(20)), giving('new', await recordOf(newer)), brokenRouter()]
    const { manifest, answers } = await find({ routers, ask: 'all' })
    expect(manifest.seq).toBe(6)
    expect(answers.map(({ router, outcome }) => [router, outcome])).toEqual([['old', 'older'], ['forged', 'invalid'], ['new', 'found'], ['broken', 'failed']])
  })

  it('finds the index that a profile lists', async () => {
    const home = mallory.id
    const routers = [giving('a', await recordOf(await version(5)))]
    const indexOf = async (id: ProfileId): Promise<ProfileId | undefined> => (id === home ? signer.id : undefined)
    expect((await findIndex(home, { routers, blocks: emptyStore(), clock: () => NOW, indexOf })).name).toBe(signer.id)
    expect((await findIndex(signer.id, { routers, blocks: emptyStore(), clock: () => NOW, indexOf })).name).toBe(signer.id)
  })

  it('never goes back to an older version than it has seen, and says who gave one', async () => {
    const state = createMemoryStore()
    const [older, newer] = [await recordOf(await version(5)), await recordOf(await version(6))]
    await find({ state, routers: [giving('a', newer)] })
    const later = { state, clock: () => NOW + 10 * MINUTE_MS }
    const { manifest, answers, checkedAt } = await find({ ...later, routers: [giving('replay', older)] })
    expect({ seq: manifest.seq, checkedAt, outcomes: answers.map(({ outcome }) => outcome) }).toEqual({ seq: 6, checkedAt: NOW, outcomes: ['older'] })
  })

  it('refuses an older manifest under a newer record', async () => {
    const state = createMemoryStore()
    await find({ state, routers: [giving('a', await recordOf(await version(6)))] })
    await expect(find({ state, ask: 'all', routers: [giving('replay', await recordOf(await version(5), { sequence: 9n }))] })).rejects.toMatchObject({ code: 'ROLLED_BACK' })
    expect((await find({ state, routers: [] })).manifest.seq).toBe(6)
  })

  it('refuses a manifest that is above its record', async () => {
    await expect(find({ routers: [giving('a', await bareRecord((await version(6)).bytes, { seq: 5 }))], blocks: await holding((await version(6)).bytes) })).rejects.toMatchObject({ code: 'SEQUENCE_MISMATCH' })
  })

  it('asks nobody while the record is fresh, and answers from what it knows when nobody can be reached', async () => {
    const state = createMemoryStore()
    await find({ state, routers: [giving('a', await recordOf(await version(6)))] })
    const asked: NameRouter = { ...giving('a'), get: () => { throw new Error('asked') } }
    expect(await find({ state, routers: [asked], clock: () => NOW + 4 * MINUTE_MS })).toMatchObject({ manifest: { seq: 6 }, answers: [] })
    expect(await find({ state, routers: [asked], clock: () => NOW + 6 * MINUTE_MS })).toMatchObject({ manifest: { seq: 6 }, checkedAt: NOW, answers: [{ outcome: 'failed' }] })
  })

  it('says that it is behind when the newest manifest cannot be had', async () => {
    const state = createMemoryStore()
    await find({ state, routers: [giving('a', await recordOf(await version(6)))] })
    const found = await find({ state, ask: 'all', routers: [giving('a', await bareRecord((await version(7)).bytes, { seq: 7 }))] })
    expect(found).toMatchObject({ manifest: { seq: 6 }, behind: true })
  })

  it('takes an expired record for what it is: the newest that is known', async () => {
    expect(await find({ routers: [giving('a', await recordOf(await version(6), { now: NOW - 400 * DAY_MS }))] })).toMatchObject({ manifest: { seq: 6 }, expired: true })
  })

  it('tells absence from silence', async () => {
    await expect(find({ routers: [giving('a')] })).rejects.toThrow(NotFoundError)
    await expect(find({ routers: [giving('a'), brokenRouter()] })).rejects.toThrow(UnreachableError)
    await expect(find({ routers: [] })).rejects.toThrow(UnreachableError)
  })

  it('ends when its signal does', async () => {
    const silent: NameRouter = { ...giving('silent'), get: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }) }
    await expect(find({ routers: [silent], signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/)
  })
})

const holding = async (...blocks: readonly Uint8Array[]): Promise<HashStore> => {
  const store = emptyStore()
  for (const bytes of blocks) await putBlock(store, bytes, DAG_CBOR)
  return store
}

describe('a manifest that is wrong', () => {
  const refused = async (bytes: Uint8Array) => {
    const blocks = await holding(bytes)
    return find({ routers: [giving('a', await bareRecord(bytes))], blocks }).then(() => undefined, (error: unknown) => error)
  }

  it('by another key is refused, though the record is right, and the error names the block', async () => {
    const { bytes, cid } = await version(5, {}, mallory)
    const error = await refused(bytes)
    expect(error).toBeInstanceOf(InvalidManifestError)
    expect((error as InvalidManifestError).cid.equals(cid)).toBe(true)
  })

  it('that is huge is refused before it is read', async () => {
    expect(await refused(encodeCbor({ v: 1, pad: new Uint8Array(12_300) }))).toBeInstanceOf(LimitError)
  })

  it('that is not canonical, not a map, or a profile is refused', async () => {
    expect(await refused(encodeCbor([1]))).toBeInstanceOf(InvalidManifestError)
    expect(await refused(Uint8Array.of(0xff))).toBeInstanceOf(InvalidManifestError)
    expect(await refused((await personOf(1)).signed.bytes)).toBeInstanceOf(InvalidManifestError)
  })

  it('whose block is another is not taken', async () => {
    const { bytes } = await version(5)
    const lying: HashStore = { ...emptyStore(), get: async () => encodeCbor({ v: 1 }) }
    await expect(find({ routers: [giving('a', await bareRecord(bytes))], blocks: lying })).rejects.toThrow(UnreachableError)
  })

  it('is not passed over for the older one that is known', async () => {
    const state = createMemoryStore()
    await find({ state, routers: [giving('a', await recordOf(await version(4)))] })
    const { bytes } = await version(5, {}, mallory)
    await expect(find({ state, ask: 'all', routers: [giving('a', await bareRecord(bytes))], blocks: await holding(bytes) })).rejects.toThrow(InvalidManifestError)
  })

  it('points elsewhere than to a manifest', async () => {
    const alice = keyPair('alice')
    const record = reduced(signRecord(recordData({ Value: Buffer.from('/ipfs/bafkqaaa'), Validity: Buffer.from('2030-01-01T00:00:00Z'), ValidityType: 0, Sequence: 9, TTL: 0 }), alice))
    await expect(findIndex(alice.id as ProfileId, { routers: [giving('a', record)], blocks: emptyStore(), clock: () => NOW })).rejects.toMatchObject({ code: 'NOT_A_PROFILE' })
  })
})

describe('the coverage of an index', () => {
  it('is fetched when it is asked for', async () => {
    const index = await find({ routers: [giving('a', await recordOf(await version(5)))] })
    expect(await readCoverage(index, { blocks: await holding(coverage.bytes) })).toEqual(homeless(0))
    await expect(readCoverage(index, { blocks: emptyStore() })).rejects.toThrow(UnreachableError)
  })

  it('that counts other profiles than there are is refused', async () => {
    const lying = await encodeCoverage(homeless(1_000))
    const index = await find({ routers: [giving('a', await recordOf(await version(5, { coverage: lying.cid })))] })
    await expect(readCoverage(index, { blocks: await holding(lying.bytes) })).rejects.toThrow(InvalidManifestError)
  })
})

describe('what was kept by a program of another version', () => {
  it('does not stand in the way of the next version', async () => {
    const state = createMemoryStore()
    const record = await recordOf(await version(6))
    const alice = keyPair('alice')
    const later = encode(sealed('mercury/manifest/1', { v: 1, id: alice.idBytes, seq: 5, time: 5, analyser: 2, documents: 0, segments: [], coverage: blockCid(encode(1)), providers: [], prev: null }, alice))
    expect(record.byteLength).toBeGreaterThan(later.byteLength)
    const owner = await createSigner(alice.seed)
    const old = await createRecord({ bytes: later, cid: blockCid(later), document: { id: alice.idBytes, seq: 5 } }, owner, { now: NOW })
    await state.put(`index/known/${owner.id}`, encodeCbor({ record: old, seq: 5, manifest: later, checkedAt: NOW - DAY_MS }))
    const open = (...records: readonly Uint8Array[]) => findIndex(owner.id, { state, blocks: emptyStore(), routers: [giving('a', ...records)], clock: () => NOW })
    await expect(open(old)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    const next = await signManifest({ seq: 6, time: 6, segments: [], coverage: coverage.cid, providers: [], prev: null }, owner)
    expect((await open(await createRecord(next, owner, { now: NOW }))).manifest.seq).toBe(6)
  })
})
