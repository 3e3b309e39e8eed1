import { decodeCbor } from '../cbor.ts'
import { MercuryError } from '../errors.ts'
import { parseProfileId, type ProfileId } from '../identity/profile-id.ts'
import { decodeFloor } from '../naming/floor.ts'
import { compareRecords, readProfileRecord } from '../naming/record.ts'
import type { KeyValueStore, Operation } from '../store/key-value-store.ts'
import { copyPinBooks } from '../store/pins.ts'
import { createPrefixStore } from '../store/prefix-store.ts'
import { CONFLICT_TRIES, ProfileState, retryOnConflict, type Head } from './profile-state.ts'
import { PINS, onBooks } from './pin-books.ts'
import { dueKey, keepKey } from './schedule.ts'

/** What became of one profile. */
export interface CopiedProfile {
  readonly id: ProfileId
  /** `present`: the destination has this version or a newer one, which stays. `failed`: `error` says why; nothing of it was written. */
  readonly outcome: 'copied' | 'present' | 'failed'
  readonly error?: unknown
}

export interface CopyStateOptions {
  from: KeyValueStore
  to: KeyValueStore
  /** @default every profile that `from` has a head of */
  ids?: readonly ProfileId[]
  onProfile?: (profile: CopiedProfile) => void
  clock?: () => number
  signal?: AbortSignal | undefined
}

/** What is kept of a profile under `<prefix><id>`. */
const PREFIXES = ['floor/', 'record/', 'document/', 'checked/', 'unread/', 'fork/', 'change/', 'outbox/', 'keep/'] as const
/** What the user began or said of it: where a home is, what was cut off. Kept where the source has none. */
const NOTES = ['named/', 'move/', 'leave/'] as const

/**
 * Copies what a device knows of profiles: floors, records, documents, evidence, what is owed, when to relay, where the user said that homes are, moves that were cut off, and which blocks are pinned for whom.
 *
 * Each profile is verified, then written in one batch that never lowers a floor, so a copy that was cut off can be made again. A profile that is damaged is told and the rest goes on.
 * Blocks stay where they are. No client may work on `from` meanwhile: what it writes could be missed.
 */
export const copyState = async ({ from, to, ids, onProfile = () => undefined, clock = Date.now, signal }: CopyStateOptions): Promise<void> => {
  const source = new ProfileState(from, () => undefined)
  for await (const id of ids ?? headsOf(from, signal)) {
    try {
      const head = await source.head(id, { now: clock(), signal })
      onProfile({ id, outcome: head ? await copyProfile(head, from, to, signal) : await copyFloor(id, from, to, signal) })
    } catch (error) {
      signal?.throwIfAborted()
      onProfile({ id, outcome: 'failed', error })
    }
  }
}

const copyProfile = async ({ record, checkedAt }: Head, from: KeyValueStore, to: KeyValueStore, signal: AbortSignal | undefined): Promise<'copied' | 'present'> =>
  retryOnConflict(CONFLICT_TRIES, async () => {
    const { id } = record
    const [floor, recordThere] = await Promise.all([to.get(`floor/${id}`, { signal }), to.get(`record/${id}`, { signal })])
    if (floor && decodeFloor(floor).sequence > record.sequence) return 'present'
    if (floor && recordThere && compareRecords(await readProfileRecord(id, recordThere, { now: checkedAt }), record) >= 0) return 'present'
    const books = await copyPinBooks(id, { from: createPrefixStore(from, PINS), to: createPrefixStore(to, PINS), signal })
    await to.batch([{ type: 'check', key: `floor/${id}`, value: floor }, ...await forget(id, to, signal), ...await entriesOf(id, from, signal), unindexed(id), ...onBooks(books)], { signal })
    return 'copied'
  })

/** Of a profile that was forgotten: it must not come back older over there either. */
const copyFloor = async (id: ProfileId, from: KeyValueStore, to: KeyValueStore, signal: AbortSignal | undefined): Promise<'copied' | 'present'> =>
  retryOnConflict(CONFLICT_TRIES, async () => {
    const [floor, fork, there] = await Promise.all([from.get(`floor/${id}`, { signal }), from.get(`fork/${id}`, { signal }), to.get(`floor/${id}`, { signal })])
    if (!floor) throw new MercuryError('NOT_FOUND', `nothing is kept here of ${id}`)
    if (there && decodeFloor(there).sequence >= decodeFloor(floor).sequence) return 'present'
    const older = await forget(id, to, signal)
    await to.batch([{ type: 'check', key: `floor/${id}`, value: there }, ...older, { type: 'put', key: `floor/${id}`, value: floor }, ...(fork ? [{ type: 'put', key: `fork/${id}`, value: fork } as const] : []), unindexed(id)], { signal })
    return 'copied'
  })

/** An index over the destination looks at the profile again. */
const unindexed = (id: ProfileId): Operation => ({ type: 'put', key: `unindexed/${id}`, value: COPIED })

/** Another value than any other mark's. */
const COPIED = Uint8Array.of(1)

/** Takes out what the destination kept of an older version. */
const forget = async (id: ProfileId, to: KeyValueStore, signal: AbortSignal | undefined): Promise<Operation[]> => {
  const due = await dueKeyOf(id, to, signal)
  return [...PREFIXES.map((prefix): Operation => ({ type: 'delete', key: prefix + id })), ...(due === undefined ? [] : [{ type: 'delete', key: due } as const])]
}

const entriesOf = async (id: ProfileId, from: KeyValueStore, signal: AbortSignal | undefined): Promise<Operation[]> => {
  const operations: Operation[] = []
  for (const prefix of [...PREFIXES, ...NOTES]) {
    const value = await from.get(prefix + id, { signal })
    if (value) operations.push({ type: 'put', key: prefix + id, value })
  }
  const due = await dueKeyOf(id, from, signal)
  return [...operations, ...(due === undefined ? [] : [{ type: 'put', key: due, value: new Uint8Array() } as const])]
}

const dueKeyOf = async (id: ProfileId, store: KeyValueStore, signal: AbortSignal | undefined): Promise<string | undefined> => {
  const bytes = await store.get(keepKey(id), { signal })
  return bytes && dueKey(decodeCbor(bytes) as number, id)
}

const headsOf = async function * (store: KeyValueStore, signal: AbortSignal | undefined): AsyncGenerator<ProfileId> {
  for await (const [key] of store.entries({ prefix: 'floor/' }, { signal })) yield parseProfileId(key.slice('floor/'.length))
}
