import { describe, expect, it } from 'vitest'
import { MercuryError } from '../../../src/errors.ts'
import { parseProfileId } from '../../../src/identity/profile-id.ts'
import { decodeCoverage } from '../../../src/search/published/coverage.ts'
import { verifyManifest } from '../../../src/search/published/manifest.ts'
import { DAG_CBOR, cidOf } from '../../../src/store/block.ts'
import { frozenText, readFrozen, renderFrozen } from '../../vectors/frozen.ts'
import { manifestVectors, type CoverageCase, type ManifestCase } from '../../vectors/make-manifest.ts'
import { unpackBytes } from '../../vectors/packed-bytes.ts'

const outcomeOf = async <T extends object>(judging: () => Promise<T>): Promise<T | { verdict: string }> => {
  try {
    return await judging()
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    return { verdict: error.code }
  }
}

describe('manifest.json', () => {
  const { cases, coverages } = readFrozen<{ cases: ManifestCase[]; coverages: CoverageCase[] }>('manifest', 'cases', 'coverages')

  it.each(cases)('$name: $verdict', async ({ id, bytes, verdict, cid, seq, documents, segments }) => {
    const outcome = await outcomeOf(async () => {
      const verified = await verifyManifest(unpackBytes(bytes), { name: parseProfileId(id) })
      return { verdict: 'accept', cid: verified.cid.toString(), seq: verified.manifest.seq, documents: verified.manifest.documents, segments: verified.manifest.segments.length }
    })
    expect(outcome).toEqual(verdict === 'accept' ? { verdict, cid, seq, documents, segments } : { verdict })
  })

  it.each(coverages)('coverage of $name: $verdict', async ({ bytes, documents, verdict, homes }) => {
    const block = unpackBytes(bytes)
    const cid = await cidOf(block, DAG_CBOR)
    expect(await outcomeOf(async () => ({ verdict: 'accept', homes: decodeCoverage(cid, block, { documents }).homes.length }))).toEqual(verdict === 'accept' ? { verdict, homes } : { verdict })
  })

  it('is what its script makes, byte for byte', () => {
    expect(renderFrozen(manifestVectors())).toBe(frozenText('manifest'))
  })
})
