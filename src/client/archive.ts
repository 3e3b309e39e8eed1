import { base32 } from 'multiformats/bases/base32'
import type { CID } from 'multiformats/cid'
import { MercuryError, checkLimit } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { MAX_ARCHIVE_BLOCKS, MAX_ARCHIVE_BYTES, MAX_RECORD_BYTES } from '../limits.ts'
import { readProfileRecord, type ProfileRecord } from '../naming/record.ts'
import { verifyDocument, type ProfileDocument } from '../profile/document.ts'
import { linksOf } from '../store/block-links.ts'
import { MAX_IDENTITY_BYTES, cidOf, getBlock, isIdentity, verifyBlock } from '../store/block.ts'
import { encodeCar, parseCar, type CarBlock } from '../store/car.ts'
import { BlockNotFoundError, type HashStore } from '../store/hash-store.ts'
import { walkDag } from '../store/walk-dag.ts'
import type { DeliveryOptions } from './publish.ts'
import type { Published } from './receipt.ts'

/** The multicodec of an IPNS record. */
const IPNS_RECORD = 0x0300
const MAX_ARCHIVE_ROOTS = 1

/** A whole profile in one file: its record, its document, and the blocks that the document links to. */
export interface Archive {
  readonly id: ProfileId
  readonly record: ProfileRecord
  readonly document: ProfileDocument
  readonly documentBytes: Uint8Array
  /** Verified blocks that can be reached from the document, itself too, by the base32 of their multihash. */
  readonly blocks: ReadonlyMap<string, CarBlock>
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
 * @throws BlockNotFoundError when a linked block cannot be had, LimitError over 8 MiB, 1,024 blocks or 32 levels of linked blocks in all
 * @see https://ipld.io/specs/transport/car/carv1/
 */
export const exportProfile = async ({ record, document }: { record: Uint8Array; document: Uint8Array }, blocks: HashStore, { signal, hints }: { signal?: AbortSignal; hints?: readonly string[] } = {}): Promise<Uint8Array> => {
  const { id, cid } = await verifyDocument(document, { id: 'any' })
  const { bytes: recordBytes } = await readProfileRecord(id, record)
  const sections: CarBlock[] = [{ cid: await cidOf(recordBytes, IPNS_RECORD), bytes: recordBytes }, { cid, bytes: document }]
  const linked = await walkDag(blocks, linksOf(cid, document), { signal, hints })
  // By hash, not as they came: one profile, one archive.
  for (const name of [...linked.keys()].sort()) {
    const link = linked.get(name)!
    const bytes = await getBlock(blocks, link, { signal, hints })
    if (!bytes) throw new BlockNotFoundError(link)
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
 * @throws LimitError over 16 MiB, 1 root, 4,096 blocks in the archive or behind links, 1 MiB a block; UnsupportedError for another hash than
 * sha2-256 and identity; InvalidArchiveError, BlockMismatchError, and what {@link verifyDocument}, {@link linksOf} and `validateRecord` throw. An expired record is no error
 */
export const verifyArchive = async (bytes: Uint8Array, { id: expected, now, signal }: { id?: ProfileId | undefined; now?: number; signal?: AbortSignal | undefined } = {}): Promise<Archive> => {
  checkLimit('archive bytes', MAX_ARCHIVE_BYTES, bytes.byteLength)
  const { roots, blocks } = parseCar(bytes, (reason, options) => new InvalidArchiveError(reason, options))
  checkLimit('archive roots', MAX_ARCHIVE_ROOTS, roots.length)
  const [root] = roots
  if (!root) throw new InvalidArchiveError('it must have one root')
  const stored = new Map<string, CarBlock>()
  let recordBytes: Uint8Array | undefined
  let count = 0
  for (const { cid, bytes: block } of blocks) {
    signal?.throwIfAborted()
    checkLimit('archive blocks', MAX_ARCHIVE_BLOCKS, ++count)
    await verifyBlock(cid, block)
    if (cid.code === IPNS_RECORD) {
      if (recordBytes) throw new InvalidArchiveError('it holds more than one record')
      checkLimit('record bytes', MAX_RECORD_BYTES, block.byteLength)
      recordBytes = block
    } else {
      stored.set(multihashOf(cid), { cid, bytes: block })
    }
  }
  const documentBytes = stored.get(multihashOf(root))?.bytes
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
  const archive = await verifyArchive(bytes, { id: options.id, signal: options.signal })
  // A block that stands in its own CID needs no store.
  for (const block of archive.blocks.values()) if (!isIdentity(block.cid)) await blocks.put(block.cid, block.bytes, { signal: options.signal })
  return profiles.accept({ document: archive.documentBytes, record: archive.record.bytes }, { ...options, id: archive.id })
}

/** What links lead to from `root` within the archive. A CID is followed once, so cycles and diamonds cost nothing, and there are no more of them than blocks. */
const reach = (root: CID, stored: ReadonlyMap<string, CarBlock>): { reached: Map<string, CarBlock>; missing: CID[] } => {
  const reached = new Map<string, CarBlock>()
  const missing = new Map<string, CID>()
  // By CID and not by hash: what a block links to depends on the codec.
  const cidByName = new Map([[root.toString(), root]])
  for (const cid of cidByName.values()) {
    const block = stored.get(multihashOf(cid))
    const bytes = block?.bytes ?? inlineBlock(cid)
    if (block) reached.set(multihashOf(cid), block)
    if (!bytes) missing.set(multihashOf(cid), cid)
    for (const link of bytes ? linksOf(cid, bytes) : []) {
      cidByName.set(link.toString(), link)
      checkLimit('linked blocks', MAX_ARCHIVE_BLOCKS, cidByName.size)
    }
  }
  return { reached, missing: [...missing.values()] }
}

const inlineBlock = (cid: CID): Uint8Array | undefined => {
  if (!isIdentity(cid)) return undefined
  checkLimit('identity CID bytes', MAX_IDENTITY_BYTES, cid.multihash.digest.byteLength)
  return cid.multihash.digest
}

/** One block has as many CIDs as there are codecs. */
const multihashOf = ({ multihash }: CID): string => base32.baseEncode(multihash.bytes)
