import { MercuryError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { encodeProfileId } from '../../identity/profile-id.ts'
import type { Signer } from '../../identity/signer.ts'
import { RECORD_REFRESH_BELOW_MS } from '../../limits.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { createValidRecord, readProfileRecord, type ProfileRecord } from '../../naming/record.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'
import { announce, type Announcement } from './announce.ts'
import { Publication } from './publication.ts'

export interface ReannounceOptions {
  state: KeyValueStore
  routers: readonly NameRouter[]
  /** The key of the index: a record with under 300 days left is signed anew for 365. Without it the record is only passed on. */
  signer?: Signer
  /** Milliseconds since 1970. */
  clock?: () => number
  /** For each router; 30 s by default. */
  routerTimeoutMs?: number
  signal?: AbortSignal
}

/** What came of giving the newest record of an index to routers. */
export interface Reannounced {
  readonly record: ProfileRecord
  /** It got a new validity. */
  readonly refreshed: boolean
  readonly announcements: readonly Announcement[]
}

/**
 * Gives the record of the newest version of the index `name`, published from `state`, to all routers again, and finishes what a publication that was cut off had left to announce.
 *
 * Routers forget: those over the DHT within 48 hours. Call it every few hours, as for profiles.
 *
 * @throws MercuryError `NOT_FOUND` when nothing was published from this state, ConflictError when a newer version is, meanwhile
 */
export const reannounceIndex = async (name: ProfileId, { state, routers, signer, clock = Date.now, routerTimeoutMs, signal }: ReannounceOptions): Promise<Reannounced> => {
  const publication = new Publication(state, name)
  const { head, bytes } = await publication.head(signal)
  if (!head) throw new MercuryError('NOT_FOUND', `the index ${name} was never published from here`)
  const now = clock()
  const kept = await readProfileRecord(name, head.record, { now })
  const isOwn = signer?.id === name
  const refreshed = isOwn && kept.validUntil.getTime() - now < RECORD_REFRESH_BELOW_MS
  const record = refreshed ? await createValidRecord({ bytes: head.manifest, cid: kept.cid, document: { id: encodeProfileId(name), seq: head.seq } }, signer, { now, sequence: kept.sequence, ttlMs: kept.ttlMs, signal }) : kept
  if (refreshed) await publication.amend({ ...head, record: record.bytes }, { before: bytes, signal })
  return { record, refreshed, announcements: await announceHead(publication, { ...head, record: record.bytes }, routers, { now, routerTimeoutMs, signal }) }
}

/** Announces a version and remembers when the first router had it: from then on the one before it is on its way out. Where there are no routers, it is told some other way, at once. */
export const announceHead = async (publication: Publication, { record, seq }: { record: Uint8Array; seq: number }, routers: readonly NameRouter[], { now, routerTimeoutMs, signal }: { now: number; routerTimeoutMs?: number | undefined; signal?: AbortSignal | undefined }): Promise<readonly Announcement[]> => {
  const announcements = await announce(publication.name, record, routers, { ...(routerTimeoutMs === undefined ? {} : { timeoutMs: routerTimeoutMs }), signal })
  if (announcements.length === 0 || announcements.some(({ outcome }) => outcome === 'delivered')) await publication.announced(seq, now, signal)
  return announcements
}
