import type { CID } from 'multiformats/cid'
import { compare } from 'uint8arrays'
import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { UnsupportedError, checkLimit } from '../../errors.ts'
import { PROFILE_ID_BYTES, decodeProfileId, encodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { Shape } from '../../profile/shape.ts'
import { DAG_CBOR, cidOf } from '../../store/block.ts'
import { InvalidManifestError, readingManifest } from './invalid-manifest.ts'

/** What an index says that it has of one source. */
export interface CoverageCount {
  /** Profiles; each counts once, at the first home in its document that accepted it. */
  readonly documents: number
  /** Unix seconds: none of them was last asked for before. */
  readonly oldest: number
}

export interface HomeCoverage extends CoverageCount {
  readonly id: ProfileId
  /** How far the home's changes were followed, in the home's own words, 1 to 64 bytes; absent where they were not. */
  readonly head?: string
}

/** Whose profiles an index has: the publisher's word, which the report of a query passes on and {@link auditIndex} compares. */
export interface Coverage {
  /** At most 400, each once. */
  readonly homes: readonly HomeCoverage[]
  /** Profiles of no home, and of those that are not listed. */
  readonly others?: CoverageCount
}

export const MAX_COVERAGE_BYTES = 65_536
/** As many as the 4,096 items of a CBOR block hold. */
export const MAX_COVERAGE_HOMES = 400
export const MAX_COVERAGE_HEAD_BYTES = 64

/**
 * The block of a coverage: canonical DAG-CBOR `{v, homes, others?}`, the homes with the most profiles first.
 *
 * @throws LimitError for over 400 homes, InvalidManifestError for what no reader would take
 */
export const encodeCoverage = async ({ homes, others }: Coverage): Promise<{ bytes: Uint8Array; cid: CID }> => {
  checkLimit('homes of a coverage', MAX_COVERAGE_HOMES, homes.length)
  const entries = homes.map(({ id, head, documents, oldest }) => ({ id: encodeProfileId(id), ...(head === undefined ? {} : { head }), documents, oldest }))
  entries.sort((a, b) => b.documents - a.documents || compare(a.id, b.id))
  const bytes = encodeCbor({ v: 1, homes: entries, ...(others ? { others: { documents: others.documents, oldest: others.oldest } } : {}) })
  const cid = await cidOf(bytes, DAG_CBOR)
  decodeCoverage(cid, bytes)
  return { bytes, cid }
}

/**
 * @param bytes hash to `cid`: the caller has checked that
 * @param expect how many profiles the manifest says that there are
 * @throws InvalidManifestError when it breaks a rule, its sum is another than `expect.documents` included; UnsupportedError for another version
 */
export const decodeCoverage = (cid: CID, bytes: Uint8Array, expect?: { documents: number }): Coverage => {
  const coverage = readingManifest(cid, 'its coverage', () => readCoverage(bytes))
  if (expect) checkCoverage(cid, coverage, expect)
  return coverage
}

/** @throws InvalidManifestError when it counts other than `documents` profiles */
export const checkCoverage = (cid: CID, coverage: Coverage, { documents }: { documents: number }): void => {
  const counted = documentsOfCoverage(coverage)
  if (counted !== documents) throw new InvalidManifestError(cid, `its coverage counts ${counted} profiles, the index has ${documents}`)
}

const documentsOfCoverage = ({ homes, others }: Coverage): number => homes.reduce((sum, { documents }) => sum + documents, others?.documents ?? 0)

const readCoverage = (bytes: Uint8Array): Coverage => {
  checkLimit('coverage bytes', MAX_COVERAGE_BYTES, bytes.byteLength)
  const shape = new Shape(decodeCborMap(bytes), 'INVALID_MANIFEST', 'coverage')
  const version = shape.uint('v')
  if (version !== 1) throw new UnsupportedError(`coverage version ${version}`)
  const homes = shape.children('homes', MAX_COVERAGE_HOMES).map(readHome)
  if (new Set(homes.map(({ id }) => id)).size < homes.length) shape.fail('homes', 'names a home twice')
  return { homes, ...(shape.has('others') ? { others: readCount(shape.child('others')) } : {}) }
}

const readHome = (shape: Shape): HomeCoverage => ({
  id: decodeProfileId(shape.bytes('id', PROFILE_ID_BYTES)),
  ...(shape.has('head') ? { head: shape.text('head', MAX_COVERAGE_HEAD_BYTES) } : {}),
  ...readCount(shape)
})

const readCount = (shape: Shape): CoverageCount => ({ documents: shape.uint('documents'), oldest: shape.uint('oldest') })
