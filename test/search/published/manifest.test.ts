import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeCbor, type CborMap } from '../../../src/cbor.ts'
import { LimitError, MercuryError } from '../../../src/errors.ts'
import { encodeProfileId } from '../../../src/identity/profile-id.ts'
import { signMap } from '../../../src/identity/signed-map.ts'
import type { Signer } from '../../../src/identity/signer.ts'
import { createRecord } from '../../../src/naming/record.ts'
import { fitSegments } from '../../../src/search/published/fit-segments.ts'
import { InvalidManifestError } from '../../../src/search/published/invalid-manifest.ts'
import { MAX_MANIFEST_BYTES, manifestLength, signManifest, verifyManifest } from '../../../src/search/published/manifest.ts'
import { openIndex } from '../../../src/search/published/open-index.ts'
import { publishIndex } from '../../../src/search/published/publish.ts'
import { indexReaderOf, readFrom } from '../../../src/search/published/segment-blocks.ts'
import { readDocumentTable } from '../../../src/search/segment/read-table.ts'
import { entriesOf } from '../../../src/search/segment/segment-entries.ts'
import { deadCountOf, type Segment } from '../../../src/search/segment/segment.ts'
import { createHashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { findKeys } from '../../../src/search/segment/find-keys.ts'
import { wordKey } from '../../../src/search/query/keys.ts'
import { NODE } from '../../../src/search/segment/index-block.ts'
import { NOW, createShelf, homeless, indexSigner, memoryRouter, people, snapshotOf, type Person, type Shelf } from './index-fixture.ts'

let signer: Signer
let shelf: Shelf
let persons: Person[]
let segments: Segment[]
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  persons = await people(2_400)
  segments = [await shelf.build(persons.slice(0, 200)), await shelf.build(persons.slice(200, 900)), await shelf.bury(await shelf.build(persons.slice(900)), persons.slice(900, 940))]
})

const address = `/dns4/${'a'.repeat(60)}.example/tcp/443/tls/ws/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN`.slice(0, 128)
const content = (fitted: readonly Segment[], providers: readonly string[] = []) => ({ seq: NOW / 1_000, time: NOW / 1_000, segments: fitted, coverage: persons[0]!.signed.cid, providers, prev: new Uint8Array(32) })
const lengthOf = (fitted: readonly Segment[], providers: readonly string[] = []): number => manifestLength(content(fitted, providers), signer.id)

describe('a manifest', () => {
  it('is read as it was signed, segments and all', async () => {
    const { segments: fitted } = await fitSegments(segments, (some) => lengthOf(some) <= MAX_MANIFEST_BYTES)
    const { bytes, cid, manifest } = await signManifest(content(fitted, [address]), signer)
    const read = await verifyManifest(bytes, { name: signer.id, cid })
    expect(read).toEqual({ cid, manifest })
    expect(read.manifest).toMatchObject({ documents: 2_360, providers: [address] })
    expect(read.manifest.segments.map(({ documents, dead }) => [documents, dead.length])).toEqual([[200, 0], [700, 0], [1_500, 1]])
  })

  it('with three segments takes at most 12 KiB, 16 providers and all', async () => {
    const providers = Array.from({ length: 16 }, () => address)
    const { segments: fitted } = await fitSegments(segments, (some) => lengthOf(some, providers) <= MAX_MANIFEST_BYTES)
    const { bytes } = await signManifest(content(fitted, providers), signer)
    expect(bytes.byteLength).toBeLessThanOrEqual(MAX_MANIFEST_BYTES)
    expect(bytes.byteLength).toBeLessThanOrEqual(lengthOf(fitted, providers))
  })

  it('rides in its record when it fits', async () => {
    const small = await signManifest(content(segments.slice(0, 1)), signer)
    expect((await createRecord(small, signer, { now: NOW })).byteLength).toBeGreaterThan(small.bytes.byteLength)
  })

  it('over a limit is not signed', async () => {
    const one = segments[0]!
    await expect(signManifest(content(Array.from({ length: 9 }, () => one)), signer)).rejects.toThrow(LimitError)
    await expect(signManifest(content([], Array.from({ length: 17 }, () => address)), signer)).rejects.toThrow(LimitError)
    await expect(signManifest(content([], ['x'.repeat(129)]), signer)).rejects.toThrow(InvalidManifestError)
  })

  it('of a segment with a number of tombstones that cannot be is refused', async () => {
    const buried = segments[2]!
    for (const dead of [[{ ...buried.dead[0]!, count: 1_501 }], [{ ...buried.dead[0]!, slice: 1 }], [buried.dead[0]!, buried.dead[0]!]]) {
      await expect(signManifest(content([{ ...buried, dead }]), signer)).rejects.toThrow(InvalidManifestError)
    }
  })

  it('is refused when one byte of it is another', async () => {
    const { bytes } = await signManifest(content([segments[0]!]), signer)
    for (let at = 0; at < bytes.byteLength; at += 97) {
      await expect(verifyManifest(bytes.with(at, bytes[at]! ^ 1), { name: signer.id }), `byte ${at}`).rejects.toHaveProperty('code')
    }
  })

  it('of any bytes, and any map that somebody signed, is read or refused, and nothing else', async () => {
    const value = fc.oneof(fc.constant(null), fc.boolean(), fc.nat(), fc.string(), fc.uint8Array({ maxLength: 40 }), fc.constant([]), fc.constant({}), fc.constant(persons[0]!.signed.cid), fc.array(fc.nat(), { maxLength: 3 }))
    const good = { v: 1, id: encodeProfileId(signer.id), seq: 1, time: 1, analyser: 1, documents: 0, segments: [], coverage: persons[0]!.signed.cid, providers: [], prev: null }
    const signed = fc.record({ key: fc.constantFrom(...Object.keys(good), 'more'), value }).map(({ key, value }): CborMap => ({ ...good, [key]: value }))
    const segment = fc.dictionary(fc.constantFrom('documents', 'keys', 'table', 'dead', 'more'), fc.oneof(value, fc.record({ data: value, links: value }))).map((each): CborMap => ({ ...good, segments: [each as CborMap] }))
    await fc.assert(fc.asyncProperty(fc.oneof(signed, segment, fc.uint8Array({ maxLength: 200 })), async (given) => {
      const bytes = given instanceof Uint8Array ? given : encodeCbor({ ...given, sig: await signMap('mercury/manifest/1', given, signer) })
      const error = await verifyManifest(bytes, { name: signer.id }).then(() => undefined, (reason: unknown) => reason)
      if (error !== undefined) expect(error).toBeInstanceOf(MercuryError)
    }), { numRuns: 300 })
  })

  it('counts the profiles that can be found', () => {
    expect(deadCountOf(segments[2]!)).toBe(40)
  })
})

describe('segments that do not fit', () => {
  it('move their tops out until they do, those of the flattest trees first, and are the same trees', async () => {
    const tight = lengthOf(segments) - 1
    const { segments: fitted, blocks } = await fitSegments(segments, (some) => lengthOf(some) <= tight)
    expect(blocks).toHaveLength(1)
    const moved = fitted.findIndex((segment, i) => segment !== segments[i])
    const levels = segments.map(({ keys: { data } }) => data[1]!)
    expect(levels[moved]).toBe(Math.min(...levels))
    expect([fitted[moved]!.keys.data[0], fitted[moved]!.keys.data[1], fitted[moved]!.keys.links]).toEqual([NODE, levels[moved]! + 1, [blocks[0]!.cid]])
    await shelf.blocks.put(blocks[0]!.cid, blocks[0]!.bytes)
    const read = indexReaderOf(shelf.blocks)
    const keysOf = async (segment: Segment) => (await Array.fromAsync(entriesOf(segment, read))).map(({ key }) => key)
    expect(await keysOf(fitted[moved]!)).toEqual(await keysOf(segments[moved]!))
    expect(await readDocumentTable(fitted[moved]!, read)).toEqual(await readDocumentTable(segments[moved]!, read))
    const key = wordKey('person', 'name')
    const [entry] = await readFrom(shelf.blocks, findKeys(fitted[moved]!, [key]))
    expect(entry).toMatchObject({ key, documents: segments[moved]!.documents })
  })

  it('move all of them where it takes that, and no further', async () => {
    const { segments: fitted, blocks } = await fitSegments(segments, () => false)
    expect(blocks).toHaveLength(3)
    expect(lengthOf(fitted)).toBeLessThan(4_096)
    expect(encodeCbor(fitted.map(({ documents }) => documents))).toEqual(encodeCbor([200, 700, 1_500]))
  })
})

describe('an index whose segments do not fit into its manifest', () => {
  it('is published whole, and every segment of it is searched', async () => {
    const blocks = createHashStore(createMemoryStore())
    const routers = [memoryRouter()]
    const clock = (): number => NOW
    const providers = Array.from({ length: 16 }, () => address)
    const publish = () => publishIndex({ snapshot: snapshotOf(shelf, ...segments), signer, state, blocks, routers, coverage: homeless(2_360), providers, clock })
    const state = createMemoryStore()
    const { manifest } = await publish()
    expect(manifest.segments.some(({ keys }) => keys.links.length === 1)).toBe(true)
    const index = await openIndex(signer.id, { routers, blocks, clock })
    for (const person of [persons[5]!, persons[500]!, persons[2_000]!]) {
      const { hits } = await index.search(person.draft.name as string)
      expect(hits[0]!.id).toBe(person.id)
    }
    expect(await publish()).toMatchObject({ isNew: false })
  })
})
