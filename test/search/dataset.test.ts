import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { datasetBytes, datasetDocument, datasetProfile, signDatasetProfile } from '../../bench/search/dataset.ts'
import { SCRIPTS } from '../../bench/search/populations.ts'
import { decodeCborMap } from '../../src/cbor.ts'
import { decodeProfileId } from '../../src/identity/profile-id.ts'
import { verifyDocument } from '../../src/profile/document.ts'
import { viewProfile } from '../../src/profile/view.ts'

const COUNT = 5_000

/** Figures of benchmarks and budgets are of this set: whoever changes it, changes them. */
const DIGEST = 'd3fae38e44f27e5b55c4a8b6debc09b33c62437c543cf44725810d9a9e3171cf'

describe('the set of profiles that search is measured with', () => {
  const profiles = Array.from({ length: COUNT }, (_, index) => datasetProfile(index))

  it('is the same on every machine', () => {
    const hash = createHash('sha256')
    for (let index = 0; index < COUNT; index++) hash.update(datasetBytes(index))
    expect(hash.digest('hex')).toBe(DIGEST)
  })

  it('makes each profile from its index alone', () => {
    const indices = [4_999, 3, 999_999, 0]
    const first = indices.map((index) => datasetBytes(index))
    expect([...indices].reverse().map((index) => datasetBytes(index)).reverse()).toEqual(first)
  })

  it('has people of every script', () => {
    const scripts = new Set(profiles.map(({ script }) => script))
    expect(SCRIPTS.filter((script) => !scripts.has(script))).toEqual([])
  })

  it('has names that many share and names that nobody shares', () => {
    const holders = new Map<string, number>()
    for (const { person: { surname } } of profiles) holders.set(surname, (holders.get(surname) ?? 0) + 1)
    expect(Math.max(...holders.values())).toBeGreaterThan(COUNT / 150)
    expect([...holders.values()].filter((count) => count === 1).length).toBeGreaterThan(COUNT / 5)
  })

  it('has profiles stuffed with the name of one before them', () => {
    const stuffed = profiles.filter(({ stuffs }) => stuffs)
    expect(stuffed.length).toBeGreaterThan(COUNT / 500)
    for (const { index, stuffs } of stuffed) expect(stuffs!.target).toBeLessThan(index)
  })

  it('has documents of a size that indexes take, with attributes that a view can read', () => {
    for (let index = 0; index < 1_000; index++) {
      const bytes = datasetBytes(index)
      expect(bytes.byteLength).toBeLessThanOrEqual(4_096)
      const { kind, attrs, listed } = decodeCborMap(bytes) as never
      expect(viewProfile({ kind, attrs, listed }).ignored).toEqual([])
    }
  })

  it('gives each profile an ID of its own, of a key that is admitted', () => {
    const ids = new Set([0, 1, 500, 1_023, 1_024, 1_025, 999_999].map((index) => decodeProfileId(datasetDocument(datasetProfile(index)).id)))
    expect(ids.size).toBe(7)
  })

  it('signs a profile as its owner would, with the same attributes and as many bytes', async () => {
    for (const index of [1, 2, 5, 42]) {
      const signed = await signDatasetProfile(index)
      await expect(verifyDocument(signed.bytes, { id: 'any' })).resolves.toMatchObject({ document: signed.document })
      expect(signed.document.attrs).toEqual(decodeCborMap(datasetBytes(index)).attrs)
      expect(signed.bytes.byteLength).toBe(datasetBytes(index).byteLength)
    }
  })
})
