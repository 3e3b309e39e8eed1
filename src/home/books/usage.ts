import { CID } from 'multiformats/cid'
import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { LimitError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { DAY_MS } from '../../limits.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import type { Operation } from '../../store/key-value-store.ts'
import { linksOfDocument } from './document-links.ts'
import type { BookOptions, BookParts } from './book.ts'

/** Uploads of one profile that count at a time. */
const MAX_UPLOADS = 64

/** One CAR that was uploaded. */
export interface Upload {
  readonly root: CID
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly at: number
}

interface Usage {
  readonly backups: number
  readonly uploads: readonly Upload[]
}

export const usageKey = (id: ProfileId): string => `usage/${id}`

/**
 * What a profile takes up of its quota: `usage/<id>` is `{backups, uploads}`, the bytes of its backups, all versions, and its uploads with theirs.
 *
 * An upload counts while the newest document links to its root, and for a day after it came.
 */
export class UsageBook {
  private readonly parts: BookParts

  constructor (parts: BookParts) {
    this.parts = parts
  }

  /** Bytes in all. */
  async used (id: ProfileId, options?: BookOptions): Promise<number> {
    return total(decodeUsage(await this.parts.store.get(usageKey(id), options)))
  }

  /** For the batch that changes the backups by `difference` bytes. @throws LimitError over the quota; never where it gets less */
  async chargeBackup (id: ProfileId, difference: number, { quota, signal }: BookOptions & { quota: number }): Promise<Operation[]> {
    const before = await this.parts.store.get(usageKey(id), { signal })
    const usage = decodeUsage(before)
    return changeUsage(id, before, within(quota, usage, { ...usage, backups: Math.max(0, usage.backups + difference) }))
  }

  /**
   * For the batch that takes an upload; one of the same root takes the place of the one before.
   *
   * @param options `document`: the newest one, by which uploads that nobody needs any more are left out
   * @throws LimitError over the quota or 64 uploads
   */
  async chargeUpload (id: ProfileId, { root, bytes }: { root: CID; bytes: number }, { quota, document, signal }: BookOptions & { quota: number; document: ProfileDocument | undefined }): Promise<Operation[]> {
    const now = this.parts.clock()
    const before = await this.parts.store.get(usageKey(id), { signal })
    const usage = decodeUsage(before)
    const linked = new Set(document ? linksOfDocument(document).map(String) : [])
    const others = usage.uploads.filter((upload) => !upload.root.equals(root) && (linked.has(upload.root.toString()) || Math.abs(now - upload.at) < DAY_MS))
    const uploads = [...others, { root, bytes, at: now }]
    if (uploads.length > MAX_UPLOADS) throw new LimitError('uploads that are not published', MAX_UPLOADS, uploads.length)
    return changeUsage(id, before, within(quota, usage, { ...usage, uploads }))
  }
}

const changeUsage = (id: ProfileId, before: Uint8Array | undefined, { backups, uploads }: Usage): Operation[] => [
  { type: 'check', key: usageKey(id), value: before },
  { type: 'put', key: usageKey(id), value: encodeCbor({ backups, uploads: uploads.map(({ root, bytes, at }) => ({ root, bytes, at })) }) }
]

const within = (quota: number, before: Usage, after: Usage): Usage => {
  if (total(after) > quota && total(after) > total(before)) throw new LimitError('quota bytes', quota, total(after))
  return after
}

const total = ({ backups, uploads }: Usage): number => uploads.reduce((sum, { bytes }) => sum + bytes, backups)

const decodeUsage = (bytes: Uint8Array | undefined): Usage => (bytes ? decodeCborMap(bytes) as unknown as Usage : { backups: 0, uploads: [] })
