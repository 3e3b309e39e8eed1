import { describe, expect, it } from 'vitest'
import { encodeCbor, type CborMap } from '../../../src/cbor.ts'
import { LimitError, UnsupportedError } from '../../../src/errors.ts'
import { createSigner } from '../../../src/identity/signer.ts'
import { DAG_CBOR, cidOf } from '../../../src/store/block.ts'
import { MAX_COVERAGE_BYTES, MAX_COVERAGE_HOMES, decodeCoverage, encodeCoverage, type HomeCoverage } from '../../../src/search/published/coverage.ts'
import { InvalidManifestError } from '../../../src/search/published/invalid-manifest.ts'
import { encodeProfileId } from '../../../src/identity/profile-id.ts'

const idOf = async (seed: number) => (await createSigner(Uint8Array.from({ length: 32 }, (_, i) => (i < 2 ? (seed >> (8 * i)) & 0xff : 7)))).id
const [first, second] = await Promise.all([idOf(1), idOf(2)])
const home = { id: encodeProfileId(first), documents: 3, oldest: 1_800_000_000 }
const read = async (map: CborMap, expected?: { documents: number }) => {
  const bytes = encodeCbor(map)
  return decodeCoverage(await cidOf(bytes, DAG_CBOR), bytes, expected)
}

describe('coverage', () => {
  it('is read as it was written, the homes with the most profiles first', async () => {
    const homes: HomeCoverage[] = [{ id: first, documents: 1, oldest: 5 }, { id: second, documents: 9, oldest: 4, head: '000000000000007-000000000001' }]
    const { bytes, cid } = await encodeCoverage({ homes, others: { documents: 2, oldest: 3 } })
    expect(decodeCoverage(cid, bytes, { documents: 12 })).toEqual({ homes: [homes[1], homes[0]], others: { documents: 2, oldest: 3 } })
  })

  it('does not depend on the order of the homes that it was given', async () => {
    const homes: HomeCoverage[] = [{ id: first, documents: 1, oldest: 5 }, { id: second, documents: 1, oldest: 4 }]
    expect((await encodeCoverage({ homes })).cid).toEqual((await encodeCoverage({ homes: [...homes].reverse() })).cid)
  })

  it('holds 400 homes with the longest of all fields, and not one more', async () => {
    const homes = await Promise.all(Array.from({ length: MAX_COVERAGE_HOMES }, async (_, i) => ({ id: await idOf(i), head: 'h'.repeat(64), documents: Number.MAX_SAFE_INTEGER, oldest: Number.MAX_SAFE_INTEGER })))
    expect((await encodeCoverage({ homes, others: { documents: 1, oldest: 1 } })).bytes.byteLength).toBeLessThanOrEqual(MAX_COVERAGE_BYTES)
    await expect(encodeCoverage({ homes: [...homes, { id: await idOf(400), documents: 1, oldest: 1 }] })).rejects.toThrow(LimitError)
  })

  it('is refused where it counts other profiles than the index has, and the error names the block', async () => {
    const { bytes, cid } = await encodeCoverage({ homes: [{ id: first, documents: 3, oldest: 1 }] })
    expect(() => decodeCoverage(cid, bytes, { documents: 4 })).toThrow(InvalidManifestError)
    expect(() => decodeCoverage(cid, bytes, { documents: 4 })).toThrow(cid.toString())
  })

  it.each<[string, CborMap]>([
    ['no version', { homes: [] }],
    ['no homes', { v: 1 }],
    ['homes that are a map', { v: 1, homes: {} }],
    ['a home without an ID', { v: 1, homes: [{ documents: 1, oldest: 1 }] }],
    ['a home whose ID is text', { v: 1, homes: [{ ...home, id: first }] }],
    ['a home with a key of small order', { v: 1, homes: [{ ...home, id: Uint8Array.of(0, 36, 8, 1, 18, 32, 1, ...new Uint8Array(31)) }] }],
    ['a home twice', { v: 1, homes: [home, home] }],
    ['fewer than no profiles', { v: 1, homes: [{ ...home, documents: -1 }] }],
    ['no age', { v: 1, homes: [{ id: home.id, documents: 1 }] }],
    ['a head of 65 bytes', { v: 1, homes: [{ ...home, head: 'h'.repeat(65) }] }],
    ['a head that is empty', { v: 1, homes: [{ ...home, head: '' }] }],
    ['others that are a number', { v: 1, homes: [], others: 1 }],
    ['others without an age', { v: 1, homes: [], others: { documents: 1 } }]
  ])('is refused with %s', async (_, map) => {
    await expect(read(map)).rejects.toThrow(InvalidManifestError)
  })

  it('is refused when it is too large, before it is parsed', async () => {
    const bytes = new Uint8Array(MAX_COVERAGE_BYTES + 1)
    const cid = await cidOf(bytes, DAG_CBOR)
    expect(() => decodeCoverage(cid, bytes)).toThrow(/coverage bytes is limited to 65536/)
  })

  it('of another version is not supported', async () => {
    await expect(read({ v: 2, homes: [] })).rejects.toThrow(UnsupportedError)
  })

  it('may have keys of a later time', async () => {
    expect(await read({ v: 1, homes: [{ ...home, also: 1 }], also: 1 })).toEqual({ homes: [{ id: first, documents: 3, oldest: 1_800_000_000 }] })
  })
})
