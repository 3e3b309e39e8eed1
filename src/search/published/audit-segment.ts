import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { encodeCbor } from '../../cbor.ts'
import { LimitError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { DAG_CBOR, cidOf } from '../../store/block.ts'
import { BlockNotFoundError, hashName } from '../../store/hash-store.ts'
import { isTypoKey } from '../query/keys.ts'
import { termsOf } from '../query/profile-terms.ts'
import { compareWithinClass } from '../rank.ts'
import type { FetchedDocument } from '../reading.ts'
import { buildSegment, type SegmentInput } from '../segment/build-segment.ts'
import { InvalidIndexBlockError, decodeIndexBlock } from '../segment/index-block.ts'
import { documentCidOf } from '../segment/leaf.ts'
import { readDocumentTable, readWith } from '../segment/read-table.ts'
import { entriesOf, numbersOf, type IndexBlockReader } from '../segment/segment-entries.ts'
import type { NumberedDocuments } from '../segment/segment-writer.ts'
import { encodeSegment, type Segment } from '../segment/segment.ts'
import { readDead } from '../segment/tombstones.ts'
import type { AddedDocument, AuditedSegment, MisScoredKey } from './audit-report.ts'
import type { AuditSource } from './audit-source.ts'
import { compareEntries } from './compare-entries.ts'
import { fitSegments } from './fit-segments.ts'

/** Documents or blocks fetched at a time. */
const BATCH = 64

/** Who hears what is found. */
export interface SegmentFindings {
  added(item: AddedDocument): void
  misScored(item: MisScoredKey): void
  /** A document that stands there rightly, as far as it can tell. */
  found(document: FetchedDocument, quality: number): Promise<void>
}

/**
 * Builds a segment again of the documents that its table names, and compares. What the table says of order and quality is taken over, and so are the keys of what is dead or is no document to be found:
 * the same root then proves that every key lists exactly the profiles that the analyser says, in their order, with the hits that it should.
 *
 * @throws InvalidIndexBlockError naming the block that is missing or cannot be read, LimitError
 */
export const auditSegment = async (segment: Segment, source: AuditSource, findings: SegmentFindings): Promise<AuditedSegment> => {
  await readWhole(segment, source)
  const table = await readDocumentTable(segment, source.read)
  checkOrder(segment, table)
  const dead = await readWith(source.read, readDead(segment))
  const built = new Map<string, Uint8Array>()
  const ids: (ProfileId | undefined)[] = []
  const sink = {
    async put (bytes: Uint8Array): Promise<CID> {
      const cid = await cidOf(bytes, DAG_CBOR)
      built.set(hashName(cid), bytes)
      return cid
    }
  }
  const rebuilt = await buildSegment(inputsOf(segment, table, dead, ids, source, findings), sink)
  const same = await isSame(segment, rebuilt)
  if (!same) {
    const readBuilt: IndexBlockReader = async (cids) => cids.map((cid) => decodeIndexBlock(cid, built.get(hashName(cid))!))
    const describe = (number: number): Pick<MisScoredKey, 'cid' | 'id'> => ({ cid: documentCidOf(digestAt(table, number)), ...(ids[number] === undefined ? {} : { id: ids[number] }) })
    await compareEntries({ segment, read: source.read }, { segment: rebuilt, read: readBuilt }, (key, how, number) => findings.misScored({ key, how, ...(number === undefined ? {} : describe(number)) }))
  }
  source.forget()
  return { documents: segment.documents, dead: dead.size, rebuilt: same }
}

/** Every index block of a segment is there, also where its root alone would prove it right. */
const readWhole = async ({ keys, table }: Segment, source: AuditSource): Promise<void> => {
  const seen = new Set<string>()
  let waiting: readonly CID[] = [...keys.links, ...table.links]
  while (waiting.length > 0) {
    const below: CID[] = []
    for (let at = 0; at < waiting.length; at += BATCH) {
      for (const { links } of await source.read(waiting.slice(at, at + BATCH))) below.push(...links)
    }
    waiting = below.filter((cid) => !seen.has(hashName(cid)) && seen.add(hashName(cid)))
  }
}

/** Every document of the segment, with the keys that it must have; of those that have none to be found under, with the keys that the index gives them. */
const inputsOf = async function * (segment: Segment, table: NumberedDocuments, dead: ReadonlySet<number>, ids: (ProfileId | undefined)[], source: AuditSource, findings: SegmentFindings): AsyncGenerator<SegmentInput> {
  const taken = new Set(dead)
  const live = Array.from({ length: segment.documents }, (_, number) => number).filter((number) => !dead.has(number))
  for (let at = 0; at < live.length; at += BATCH) {
    const numbers = live.slice(at, at + BATCH)
    const documents = await source.documents(numbers.map((number) => digestAt(table, number)))
    for (const [i, number] of numbers.entries()) {
      const found = documents[i]!
      const cid = documentCidOf(digestAt(table, number))
      const terms = found instanceof Error ? undefined : termsOf(found.document, found.bytes.byteLength)
      if (!terms || found instanceof Error) {
        findings.added({ cid, ...(found instanceof Error ? {} : { id: found.id }), reason: reasonAgainst(found) })
        taken.add(number)
        continue
      }
      ids[number] = found.id
      await findings.found(found, table.qualities[number]!)
      yield { digest: digestAt(table, number), quality: table.qualities[number]!, keys: terms.keys }
    }
  }
  if (taken.size === 0) return
  for (const [number, keys] of await keysGivenTo(taken, segment, source)) yield { digest: digestAt(table, number), quality: table.qualities[number]!, keys }
}

const reasonAgainst = (found: FetchedDocument | Error): AddedDocument['reason'] => {
  if (found instanceof BlockNotFoundError) return 'unavailable'
  if (found instanceof LimitError) return 'too-large'
  if (found instanceof Error) return 'forged'
  return found.document.gone ? 'gone' : 'unlisted'
}

const keysGivenTo = async (numbers: ReadonlySet<number>, segment: Segment, source: AuditSource): Promise<Map<number, string[]>> => {
  const keysByNumber = new Map<number, string[]>(Array.from(numbers, (number) => [number, []]))
  for await (const entry of entriesOf(segment, source.read)) {
    if (isTypoKey(entry.key)) continue
    for (const number of await numbersOf(segment, entry, source.read)) keysByNumber.get(number)?.push(entry.key)
  }
  return keysByNumber
}

/** With its top in the manifest, or moved out of it for room. */
const isSame = async (published: Segment, rebuilt: Segment): Promise<boolean> => {
  const [moved] = (await fitSegments([rebuilt], () => false)).segments
  return [rebuilt, moved!].some((form) => equals(encodeCbor(encodeSegment({ ...form, dead: [] })), encodeCbor(encodeSegment({ ...published, dead: [] }))))
}

/** Numbers stand for ranks, so their order is a claim of its own. */
const checkOrder = ({ table: { cid } }: Segment, table: NumberedDocuments): void => {
  const at = (number: number) => ({ quality: table.qualities[number]!, digest: digestAt(table, number) })
  for (let number = 1; number < table.qualities.byteLength; number++) {
    if (compareWithinClass(at(number - 1), at(number)) >= 0) throw new InvalidIndexBlockError(cid, 'its documents are not in the order of their rank, or one stands there twice')
  }
}

const digestAt = ({ digests }: NumberedDocuments, number: number): Uint8Array => digests.subarray(number * 32, number * 32 + 32)
