import { base32 } from 'multiformats/bases/base32'
import type { CID } from 'multiformats/cid'
import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { DAY_MS } from '../limits.ts'
import { RAW, cidOf } from '../store/block.ts'
import { linksOf } from '../store/block-links.ts'
import { mapConcurrently } from '../store/concurrent.ts'
import { hashName, type HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import type { PinSet } from '../store/pins.ts'
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
  readonly links: readonly CID[]
}

/**
 * Blocks that were attached and wait to be published: `attached/<hash>/<ms>-<random>`, which is also an owner in the books of the pin set.
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
      const attachment = `${prefixOf(cid)}${formatTime(clock())}-${base32.baseEncode(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)))}`
      await store.put(attachment, EMPTY, { signal })
      await pins.hold(attachment, [cid], { signal })
    }
    await blocks.put(cid, block, { signal })
    return cid
  }

  /**
   * Has the profile itself need what its new version was published with, delivered or not, and lets go of one attachment of each, the oldest. The block store is not asked.
   * What fails is no error of a version that is saved: its attachments are held on, until their time is over.
   */
  async handOver ({ id, sequence, links }: LinkingVersion, { signal }: { signal: AbortSignal }): Promise<void> {
    const { store, pins } = this.parts
    if (!pins || links.length === 0) return
    try {
      const from = (await mapConcurrently(links, (cid) => this.oldest(cid, signal))).flat()
      const isHeld = await pins.hold(id, links, { version: sequence, from, signal })
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
    await mapConcurrently(expired, async (attachment) => {
      await pins.unpin(attachment, { signal })
      await store.delete(attachment, { signal })
    })
  }

  /** Two versions at a time may take the same one; the other is then held for its day. */
  private async oldest (cid: CID, signal: AbortSignal): Promise<string[]> {
    const found = await Array.fromAsync(this.parts.store.entries({ prefix: prefixOf(cid), limit: 1 }, { signal }))
    return found.map(([key]) => key)
  }
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
  new Map(linksOf(cid, bytes).filter(({ multihash }) => multihash.code === SHA2_256 && multihash.digest.byteLength === 32).map((link) => [hashName(link), link]))

const PREFIX = 'attached/'
const RANDOM_BYTES = 10
const EMPTY = new Uint8Array()

const prefixOf = (cid: CID): string => `${PREFIX}${hashName(cid)}/`
const timeOf = (attachment: string): number => Number(attachment.slice(attachment.lastIndexOf('/') + 1).split('-')[0])
