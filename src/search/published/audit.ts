import type { CID } from 'multiformats/cid'
import { checkLimit } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { HashStore } from '../../store/hash-store.ts'
import { termsOf } from '../query/profile-terms.ts'
import { qualityOf } from '../query/quality.ts'
import type { FetchedDocument } from '../reading.ts'
import { acceptedHomeOf } from './accepted-home.ts'
import { FindingList, type AddedDocument, type CoverageDifference, type IndexAudit, type MisScoredKey, type MissingProfile, type QualityDifference } from './audit-report.ts'
import { auditSegment } from './audit-segment.ts'
import { AuditSource } from './audit-source.ts'
import type { Coverage } from './coverage.ts'
import { hintsOf, readCoverage, type IndexVersion } from './find-index.ts'

export interface AuditOptions {
  /** Where blocks and documents of the index are had. */
  blocks: HashStore
  hints?: readonly string[]
  /** The newest versions of profiles that the auditor knows, verified; those that are not listed, too. Without them nothing can be found missing. */
  documents?: AsyncIterable<FetchedDocument> | Iterable<FetchedDocument>
  /** Profiles of the index; some 3 KiB of memory each. 100,000 by default. */
  maxDocuments?: number
  /** Bytes that are fetched in all; 512 MiB by default. */
  maxBytes?: number
  /** How many findings of each kind are listed; all are counted. 100 by default. */
  maxItems?: number
  /** Hears how many documents were found right so far. */
  onProgress?: (documents: number) => void
  signal?: AbortSignal
}

/**
 * Reads a whole index and every document that it names, builds its segments again, and says what is missing, added or mis-scored: nothing of it rests on the publisher's word.
 *
 * @throws InvalidIndexBlockError naming the block that is missing or wrong, InvalidManifestError for the coverage, LimitError over `maxDocuments` and `maxBytes`, what the store throws
 */
export const auditIndex = async (index: Pick<IndexVersion, 'name' | 'cid' | 'manifest'>, { blocks, hints, documents = [], maxDocuments = 100_000, maxBytes = 512 * 1_048_576, maxItems = 100, onProgress, signal }: AuditOptions): Promise<IndexAudit> => {
  const { name, cid, manifest } = index
  checkLimit('audited profiles', maxDocuments, manifest.segments.reduce((sum, segment) => sum + segment.documents, 0))
  const source = new AuditSource({ blocks, hints: hintsOf(manifest, hints), maxBytes, signal })
  const [missing, added, misScored] = [new FindingList<MissingProfile>(maxItems), new FindingList<AddedDocument>(maxItems), new FindingList<MisScoredKey>(maxItems)]
  const [coverage, quality] = [new FindingList<CoverageDifference>(maxItems), new FindingList<QualityDifference>(maxItems)]
  const newest = new Map<ProfileId, IndexedVersion>()
  const countByHome = new Map<ProfileId | undefined, number>()

  let right = 0
  const found = async (document: FetchedDocument, says: number): Promise<void> => {
    const { id } = document
    onProgress?.(++right)
    const home = await acceptedHomeOf(document)
    countByHome.set(home, (countByHome.get(home) ?? 0) + 1)
    const expected = qualityOf(document.document, { accepted: home !== undefined })
    if (expected !== says) quality.add({ id, cid: document.cid, says, expected })
    const version = { cid: document.cid, seq: document.document.seq }
    const other = newest.get(id)
    if (other) added.add({ id, cid: (other.seq < version.seq ? other : version).cid, reason: 'superseded' })
    if (!other || other.seq < version.seq) newest.set(id, version)
  }

  const segments = []
  for (const segment of manifest.segments) segments.push(await auditSegment(segment, source, { added: (item) => added.add(item), misScored: (item) => misScored.add(item), found }))
  compareCoverage(await readCoverage(index, { blocks, hints, signal }), countByHome, coverage)
  let compared = 0
  for await (const known of documents) {
    signal?.throwIfAborted()
    compared++
    compareKnown(known, newest.get(known.id), { missing, added })
  }
  const faithful = [missing, added, misScored, coverage].every(({ total }) => total === 0) && segments.every(({ rebuilt }) => rebuilt)
  return {
    name,
    cid,
    seq: manifest.seq,
    documents: manifest.documents,
    compared,
    work: source.work,
    missing: missing.findings(),
    added: added.findings(),
    misScored: misScored.findings(),
    coverage: coverage.findings(),
    quality: quality.findings(),
    segments,
    faithful
  }
}

interface IndexedVersion {
  readonly cid: CID
  readonly seq: number
}

const compareKnown = ({ id, cid, document, bytes }: FetchedDocument, indexed: IndexedVersion | undefined, { missing, added }: { missing: FindingList<MissingProfile>; added: FindingList<AddedDocument> }): void => {
  const isListed = termsOf(document, bytes.byteLength) !== undefined
  if (!indexed) {
    if (isListed) missing.add({ id, cid })
    return
  }
  if (indexed.seq < document.seq) added.add({ id, cid: indexed.cid, reason: document.gone ? 'gone' : isListed ? 'superseded' : 'unlisted' })
}

const compareCoverage = ({ homes, others }: Coverage, counted: ReadonlyMap<ProfileId | undefined, number>, differences: FindingList<CoverageDifference>): void => {
  const rest = new Map(counted)
  for (const { id, documents } of homes) {
    const count = rest.get(id) ?? 0
    rest.delete(id)
    if (count !== documents) differences.add({ home: id, says: documents, counted: count })
  }
  const count = [...rest.values()].reduce((sum, n) => sum + n, 0)
  if (count !== (others?.documents ?? 0)) differences.add({ says: others?.documents ?? 0, counted: count })
}
