import type { CID } from 'multiformats/cid'
import { MercuryError, checkLimit } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { MAX_ARCHIVE_BLOCKS, MAX_ARCHIVE_BYTES, MAX_RECORD_BYTES } from '../limits.ts'
import { readProfileRecord, type ProfileRecord } from '../naming/record.ts'
import { verifyDocument, type ProfileDocument } from '../profile/document.ts'
import { linksOf } from '../store/block-links.ts'
import { cidOf, getBlock, isIdentity, verifyBlock } from '../store/block.ts'
import { encodeCar, parseCar, type CarBlock } from '../store/car.ts'
import type { HashStore } from '../store/hash-store.ts'
import { walkDag } from '../store/walk-dag.ts'
import type { DeliveryOptions } from './publish.ts'
import type { Published } from './receipt.ts'

/** The multicodec of an IPNS record. */
const IPNS_RECORD = 0x0300

/** A whole profile in one file: its record, its document, and the blocks that the document links to. */
export interface Archive {
  readonly id: ProfileId
  readonly record: ProfileRecord
  readonly document: ProfileDocument
  readonly documentBytes: Uint8Array
  /** Verified blocks that can be reached from the document, itself too. */
  readonly blocks: ReadonlyMap<string, { readonly cid: CID; readonly bytes: Uint8Array }>
  /** Linked blocks that the archive does not hold. */
  readonly missing: readonly CID[]
}

/** A file that is not the archive of one profile. */
export class InvalidArchiveError extends MercuryError {
  override readonly name = 'InvalidArchiveError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_ARCHIVE', `not a profile archive: ${reason}`, options)
  }
}

/**
 * A CAR v1 with the document as its one root, readable by stock IPFS software, and the record as its first block (codec `ipns-record`).
 *
 * @returns at most 16 MiB
 * @throws BlockNotFoundError when a linked block cannot be had, LimitError over 8 MiB, 1,024 blocks or 32 levels of linked blocks
 * @see https://ipld.io/specs/transport/car/carv1/
 */
export const exportProfile = async ({ record, document }: { record: Uint8Array; document: Uint8Array }, blocks: HashStore, { signal, hints }: { signal?: AbortSignal; hints?: readonly string[] } = {}): Promise<Uint8Array> => {
  const { id, cid } = await verifyDocument(document, { id: 'any' })
  const { bytes: recordBytes } = await readProfileRecord(id, record)
  const sections: CarBlock[] = [{ cid: await cidOf(recordBytes, IPNS_RECORD), bytes: recordBytes }, { cid, bytes: document }]
  const linked = new Map<string, CID>()
  for (const link of linksOf(cid, document)) for (const [name, found] of await walkDag(blocks, [link], { signal, hints })) linked.set(name, found)
  for (const link of linked.values()) {
    if (link.equals(cid) || isIdentity(link)) continue
    const bytes = await getBlock(blocks, link, { signal, hints })
    if (!bytes) throw new MercuryError('NOT_FOUND', `the block ${link.toString()} cannot be had`)
    sections.push({ cid: link, bytes })
  }
  const archive = encodeCar([cid], sections)
  checkLimit('archive bytes', MAX_ARCHIVE_BYTES, archive.byteLength)
  return archive
}

/**
 * Verifies an archive block by block and takes only what can be reached from its document.
 *
 * @param expect `id`: whose profile it must be; without it, that of whoever signed it. `now` in milliseconds since 1970
 * @throws LimitError, InvalidArchiveError, BlockMismatchError, and what {@link verifyDocument} and `validateRecord` throw; an expired record is no error
 */
export const verifyArchive = async (bytes: Uint8Array, { id: expected, now }: { id?: ProfileId; now?: number } = {}): Promise<Archive> => {
  checkLimit('archive bytes', MAX_ARCHIVE_BYTES, bytes.byteLength)
  const { roots: [root, second], blocks } = parseCar(bytes, (reason, options) => new InvalidArchiveError(reason, options))
  if (!root || second) throw new InvalidArchiveError('it must have one root')
  const stored = new Map<string, { cid: CID; bytes: Uint8Array }>()
  let recordBytes: Uint8Array | undefined
  for (const { cid, bytes: block } of blocks) {
    checkLimit('archive blocks', MAX_ARCHIVE_BLOCKS, stored.size + 1)
    await verifyBlock(cid, block)
    if (cid.code === IPNS_RECORD) {
      if (recordBytes) throw new InvalidArchiveError('it holds more than one record')
      checkLimit('record bytes', MAX_RECORD_BYTES, block.byteLength)
      recordBytes = block
    } else {
      stored.set(cid.toString(), { cid, bytes: block })
    }
  }
  const documentBytes = stored.get(root.toString())?.bytes
  if (!documentBytes) throw new InvalidArchiveError('the document that it is rooted in is not in it')
  if (!recordBytes) throw new InvalidArchiveError('it holds no record')
  const { id, document } = await verifyDocument(documentBytes, { id: expected ?? 'any', cid: root })
  const record = await readProfileRecord(id, recordBytes, { now })
  if (!record.cid.equals(root)) throw new InvalidArchiveError('its record names another document')
  const { reached, missing } = reach(root, stored)
  if (reached.size !== stored.size) throw new InvalidArchiveError('it holds blocks that the profile does not link to')
  return { id, record, document, documentBytes, blocks: reached, missing }
}

/** Verifies an archive, stores its blocks, and accepts its version: kept and sent out from here, without a key. */
export const importProfile = async (bytes: Uint8Array, { profiles, blocks }: { profiles: { accept(signed: { document: Uint8Array; record: Uint8Array }, options?: DeliveryOptions & { id?: ProfileId }): Promise<Published> }; blocks: HashStore }, options: DeliveryOptions & { id?: ProfileId } = {}): Promise<Published> => {
  const archive = await verifyArchive(bytes, options.id ? { id: options.id } : {})
  for (const block of archive.blocks.values()) await blocks.put(block.cid, block.bytes, { signal: options.signal })
  return profiles.accept({ document: archive.documentBytes, record: archive.record.bytes }, { ...options, id: archive.id })
}

/** What links lead to from `root` within the archive; every block is visited once, so cycles cannot be and chains cost what they hold. */
const reach = (root: CID, stored: ReadonlyMap<string, { cid: CID; bytes: Uint8Array }>): { reached: Map<string, { cid: CID; bytes: Uint8Array }>; missing: CID[] } => {
  const reached = new Map<string, { cid: CID; bytes: Uint8Array }>()
  const missing = new Map<string, CID>()
  const waiting = [root]
  for (let cid = waiting.pop(); cid; cid = waiting.pop()) {
    const name = cid.toString()
    if (reached.has(name) || isIdentity(cid)) continue
    const block = stored.get(name)
    if (!block) {
      missing.set(name, cid)
      continue
    }
    reached.set(name, block)
    waiting.push(...linksOf(cid, block.bytes))
  }
  return { reached, missing: [...missing.values()] }
}
