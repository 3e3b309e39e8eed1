import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import { decodeCbor, encodeCbor, type CborValue } from '../cbor.ts'
import { MercuryError, checkLimit } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { DAY_MS, MAX_PINNED_BLOCKS, MAX_PINNED_BYTES, MAX_PINNED_DEPTH } from '../limits.ts'
import { RAW, cidOf, verifyBlock } from '../store/block.ts'
import { linksOf } from '../store/block-links.ts'
import { mapConcurrently } from '../store/concurrent.ts'
import { hashName, type HashStore } from '../store/hash-store.ts'
import type { KeyRange, KeyValueStore } from '../store/key-value-store.ts'
import { NotSupportedError } from '../store/not-supported.ts'
import type { GivenBlock, PinSet } from '../store/pins.ts'
import { SHA2_256 } from '../store/sha256.ts'
import { formatTime } from './schedule.ts'

/** How long a block is held that was attached and not published. */
export const ATTACHMENT_MS = DAY_MS

/** What one pass of {@link Attachments.expire} lets go of at most. */
const MAX_EXPIRED = 1_024

export interface AttachmentsParts {
  store: KeyValueStore
  blocks: HashStore
  /** Absent where the block store cannot pin: nothing is held then. */
  pins: PinSet | undefined
  /** Milliseconds since 1970. */
  clock(): number
}

/** A version, and the blocks that it was published with. */
export interface LinkingVersion {
  readonly id: ProfileId
  readonly sequence: bigint
  /** Blocks that were attached here for it, or not. */
  readonly links: readonly CID[]
  /** Roots of what its owner uploaded for it, or not. */
  readonly uploads?: readonly CID[]
}

/**
 * Blocks that were attached and wait to be published: `attached/<hash>/<ms>-<random>`, which is also an owner in the books of the pin set.
 * What the owner of a profile uploaded stands under `attached/<hash of its root>/<id>/<ms>-<random>` with the CIDs of all its blocks, and waits for a version of this profile alone.
 *
 * Each attachment is held for itself, for one version to be published with it, or for a day. So two profiles may attach the same picture, and neither takes it away from the other.
 * The key is there before the owner and goes after him: what a crash leaves behind is found, and let go when its time is over.
 */
export class Attachments {
  private readonly parts: AttachmentsParts

  constructor (parts: AttachmentsParts) {
    this.parts = parts
  }

  /** Holds the raw block of `bytes`, then puts it: not the other way round, or it could be unpinned in between. */
  async attach (bytes: Uint8Array, { signal }: { signal: AbortSignal }): Promise<CID> {
    const { store, blocks, pins, clock } = this.parts
    // Hashing waits, so the copy is what is hashed and what is put.
    const block = Uint8Array.from(bytes)
    const cid = await cidOf(block, RAW)
    if (pins) {
      const attachment = nameOf(prefixOf(cid), clock())
      await store.put(attachment, EMPTY, { signal })
      await pins.hold(attachment, [cid], { signal })
    }
    await blocks.put(cid, block, { signal })
    return cid
  }

  /**
   * Holds `blocks`, a DAG under `root`, then puts them. They are verified here: each is what its CID says and can be reached from `root` through the others.
   * What the same owner uploaded under the same root before is let go.
   *
   * @throws LimitError over 1,024 blocks, 8 MiB in all, 1 MiB a block or 32 levels; BlockMismatchError; MercuryError `INVALID_UPLOAD` when the root is not among them or one cannot be reached; NotSupportedError where the block store cannot keep them
   */
  async upload (id: ProfileId, root: CID, blocks: readonly GivenBlock[], { signal }: { signal: AbortSignal }): Promise<void> {
    const { store, blocks: into, pins, clock } = this.parts
    if (!pins || !into.supports.put) throw new NotSupportedError('pins')
    const given = await verifyUpload(root, blocks)
    signal.throwIfAborted()
    const prefix = `${prefixOf(root)}${id}/`
    const before = await Array.fromAsync(store.entries({ prefix, limit: MAX_EXPIRED }, { signal }), ([key]) => key)
    const attachment = nameOf(prefix, clock())
    const cids = given.map(({ cid }) => cid)
    await store.put(attachment, encodeCbor(cids), { signal })
    await pins.hold(attachment, cids, { signal })
    await mapConcurrently(given, ({ cid, bytes }) => into.put(cid, bytes, { signal }))
    await mapConcurrently(before, (other) => this.letGo(other, signal))
  }

  /**
   * Has the profile itself need what its new version was published with, delivered or not, and lets go of one attachment of each, the oldest. The block store is not asked.
   * What fails is no error of a version that is saved: its attachments are held on, until their time is over.
   */
  async handOver ({ id, sequence, links, uploads = [] }: LinkingVersion, { signal }: { signal: AbortSignal }): Promise<void> {
    const { store, pins } = this.parts
    if (!pins || links.length + uploads.length === 0) return
    try {
      const attached = await mapConcurrently(links, (cid) => this.oldest({ prefix: prefixOf(cid), lt: `${prefixOf(cid)}:` }, signal))
      const uploaded = await mapConcurrently(uploads, (cid) => this.oldest({ prefix: `${prefixOf(cid)}${id}/` }, signal))
      const held = [...links, ...uploaded.flatMap((found) => found.flatMap(([, cids]) => cidsOf(cids)))]
      if (held.length === 0) return
      const from = [...attached, ...uploaded].flat().map(([key]) => key)
      const isHeld = await pins.hold(id, held, { version: sequence, from, signal })
      if (isHeld && from.length > 0) await store.batch(from.map((key) => ({ type: 'delete', key })), { signal })
    } catch (error) {
      if (!(error instanceof MercuryError)) throw error
    }
  }

  /** Lets go of what was attached a day ago or longer. The clock may have been wrong: what is further ahead counts as old. */
  async expire ({ signal }: { signal: AbortSignal }): Promise<void> {
    const { store, pins, clock } = this.parts
    if (!pins) return
    const now = clock()
    const expired: string[] = []
    for await (const [key] of store.entries({ prefix: PREFIX }, { signal })) {
      if (Math.abs(now - timeOf(key)) >= ATTACHMENT_MS) expired.push(key)
      if (expired.length === MAX_EXPIRED) break
    }
    await mapConcurrently(expired, (attachment) => this.letGo(attachment, signal))
  }

  private async letGo (attachment: string, signal: AbortSignal): Promise<void> {
    await this.parts.pins!.unpin(attachment, { signal })
    await this.parts.store.delete(attachment, { signal })
  }

  /** Two versions at a time may take the same one; the other is then held for its day. */
  private async oldest (range: KeyRange, signal: AbortSignal): Promise<[string, Uint8Array][]> {
    return Array.fromAsync(this.parts.store.entries({ ...range, limit: 1 }, { signal }))
  }
}

/** @returns the blocks, copied, each once */
const verifyUpload = async (root: CID, blocks: readonly GivenBlock[]): Promise<GivenBlock[]> => {
  checkLimit('pinned blocks', MAX_PINNED_BLOCKS, blocks.length)
  checkLimit('pinned bytes', MAX_PINNED_BYTES, blocks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0))
  // Hashing waits, so the copies are what is hashed and what is put.
  const given = new Map(blocks.map(({ cid, bytes }) => [hashName(cid), { cid, bytes: Uint8Array.from(bytes) }]))
  if (!given.has(hashName(root))) throw new MercuryError('INVALID_UPLOAD', `the root is not among the blocks; root=${root.toString()}`)
  await mapConcurrently([...given.values()], ({ cid, bytes }) => verifyBlock(cid, bytes))
  const reached = new Set<string>()
  let level: CID[] = [root]
  for (let depth = 1; level.length > 0; depth++) {
    checkLimit('pinned depth', MAX_PINNED_DEPTH, depth)
    const here = level.filter((cid) => isSha256(cid) && given.has(hashName(cid)) && !reached.has(hashName(cid)))
    for (const cid of here) reached.add(hashName(cid))
    level = here.flatMap((cid) => linksOf(cid, given.get(hashName(cid))!.bytes))
  }
  if (reached.size < given.size) throw new MercuryError('INVALID_UPLOAD', `${given.size - reached.size} blocks cannot be reached from the root; root=${root.toString()}`)
  return [...given.values()]
}

/** The blocks that a document links to, each once, but for those that the one before it links to as well. */
export const newLinks = (document: LinkingDocument, before?: LinkingDocument): CID[] => {
  const linkedBefore = before ? linksByHash(before) : undefined
  return [...linksByHash(document)].filter(([hash]) => !linkedBefore?.has(hash)).map(([, link]) => link)
}

export interface LinkingDocument {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** What is of another hash cannot be attached, nor pinned. */
const linksByHash = ({ cid, bytes }: LinkingDocument): Map<string, CID> =>
  new Map(linksOf(cid, bytes).filter(isSha256).map((link) => [hashName(link), link]))

const isSha256 = ({ multihash }: CID): boolean => multihash.code === SHA2_256 && multihash.digest.byteLength === 32

const cidsOf = (bytes: Uint8Array): CID[] => (decodeCbor(bytes) as readonly CborValue[]).map((cid) => CID.asCID(cid)!)

const PREFIX = 'attached/'
const RANDOM_BYTES = 10
const EMPTY = new Uint8Array()

const nameOf = (prefix: string, now: number): string => `${prefix}${formatTime(now)}-${base32.baseEncode(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)))}`
const prefixOf = (cid: CID): string => `${PREFIX}${hashName(cid)}/`
const timeOf = (attachment: string): number => Number(attachment.slice(attachment.lastIndexOf('/') + 1).split('-')[0])
