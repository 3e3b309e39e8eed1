import type { CID } from 'multiformats/cid'
import { LimitError, MercuryError, checkLimit } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { MAX_ARCHIVE_BLOCKS, MAX_ARCHIVE_BYTES, MAX_BLOCK_BYTES, MAX_PINNED_BLOCKS, MAX_PINNED_BYTES, MAX_PINNED_DEPTH } from '../../limits.ts'
import { BlockMismatchError, isIdentity, verifyBlock } from '../../store/block.ts'
import { linksOf } from '../../store/block-links.ts'
import { parseCar, type CarBlock } from '../../store/car.ts'
import { changing, type BookParts, type ChangeOptions } from './book.ts'
import { storedDocument, type ServedProfiles } from './served-profiles.ts'
import type { UsageBook } from './usage.ts'

/** What was uploaded is not what an upload must be. */
export class InvalidUploadError extends MercuryError {
  override readonly name = 'InvalidUploadError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_UPLOAD', `this upload cannot be taken: ${reason}`, options)
  }
}

export interface Upload {
  readonly root: CID
  /** Each once, all reachable from `root`, and hashed. */
  readonly blocks: readonly CarBlock[]
  /** Of the blocks. */
  readonly bytes: number
}

/** Media that hosted profiles will link to, uploaded as a CAR before the version that does. */
export class Uploads {
  private readonly parts: BookParts & { readonly usage: UsageBook; readonly profiles: ServedProfiles }

  constructor (parts: BookParts & { readonly usage: UsageBook; readonly profiles: ServedProfiles }) {
    this.parts = parts
  }

  /**
   * Takes a CAR: it counts against the quota from before its blocks are put, and is held for a day until a version links to its root.
   *
   * @throws what {@link readUpload} throws, LimitError over the quota
   */
  async take (id: ProfileId, car: Uint8Array, { quota, note, signal }: ChangeOptions & { quota: number }): Promise<Upload> {
    const { store, usage, profiles } = this.parts
    const upload = await readUpload(car)
    const document = await storedDocument(id, profiles, { signal })
    await changing(async () => {
      await store.batch([...await usage.chargeUpload(id, upload, { quota, document, signal }), ...note?.operations ?? []], { signal })
    }, { note, signal })
    await profiles.holdUpload(id, upload.root, upload.blocks, { signal })
    return upload
  }
}

/**
 * Reads a CAR that a stranger made: caps first, every block hashed, one root, and nothing that the root does not lead to. What it leads to may be elsewhere.
 *
 * @throws LimitError over 16 MiB, 4,096 blocks in the CAR, 1 MiB a block; 8 MiB, 1,024 blocks or 32 levels behind the root;
 * InvalidUploadError, UnsupportedError for a hash or a codec that is not known, and what {@link linksOf} throws
 */
export const readUpload = async (car: Uint8Array): Promise<Upload> => {
  checkLimit('upload bytes', MAX_ARCHIVE_BYTES, car.byteLength)
  const { roots, blocks } = parseCar(car, (reason, options) => new InvalidUploadError(reason, options))
  const [root] = roots
  if (!root || roots.length !== 1) throw new InvalidUploadError(`it must have one root; it has ${roots.length}`)
  const byHash = new Map<string, CarBlock>()
  let count = 0
  for (const block of blocks) {
    if (++count > MAX_ARCHIVE_BLOCKS) throw new LimitError('upload blocks', MAX_ARCHIVE_BLOCKS, count)
    checkLimit('block bytes', MAX_BLOCK_BYTES, block.bytes.byteLength)
    await verifyBlock(block.cid, block.bytes).catch(asInvalid)
    byHash.set(nameOf(block.cid), block)
  }
  const reached = reach(root, byHash)
  if (reached.size !== byHash.size) throw new InvalidUploadError('it holds blocks that its root does not lead to')
  const kept = [...reached.values()].filter(({ cid }) => !isIdentity(cid))
  return { root, blocks: kept, bytes: kept.reduce((sum, { bytes }) => sum + bytes.byteLength, 0) }
}

const asInvalid = (error: unknown): never => {
  throw error instanceof BlockMismatchError ? new InvalidUploadError('a block does not hash to its CID', { cause: error }) : error
}

/** Breadth first, each block once, within the limits of what is pinned for a profile. */
const reach = (root: CID, byHash: ReadonlyMap<string, CarBlock>): Map<string, CarBlock> => {
  const reached = new Map<string, CarBlock>()
  const seen = new Set<string>([root.toString()])
  if (!byHash.has(nameOf(root))) throw new InvalidUploadError('the block of its root is not in it')
  let level: CID[] = [root]
  let bytes = 0
  for (let depth = 1; level.length > 0; depth++) {
    checkLimit('pinned depth', MAX_PINNED_DEPTH, depth)
    const next: CID[] = []
    for (const cid of level) {
      const block = byHash.get(nameOf(cid))
      if (!block) continue
      if (!reached.has(nameOf(cid))) bytes += block.bytes.byteLength
      reached.set(nameOf(cid), { cid, bytes: block.bytes })
      checkLimit('pinned bytes', MAX_PINNED_BYTES, bytes)
      for (const link of linksOf(cid, block.bytes)) {
        if (seen.has(link.toString())) continue
        seen.add(link.toString())
        checkLimit('pinned blocks', MAX_PINNED_BLOCKS, seen.size)
        next.push(link)
      }
    }
    level = next
  }
  return reached
}

/** Of any hash: one block has as many CIDs as there are codecs. */
const nameOf = (cid: CID): string => `${cid.multihash.code}/${cid.multihash.bytes.join('.')}`
