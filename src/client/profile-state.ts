import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { decodeCbor, decodeCborMap, encodeCbor } from '../cbor.ts'
import { ConflictError, StoreError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { MINUTE_MS } from '../limits.ts'
import { decodeFloor, encodeFloor, type Floor } from '../naming/floor.ts'
import { compareRecords, readKeptRecord, readProfileRecord, type KeptRecord, type ProfileRecord } from '../naming/record.ts'
import { documentCid, verifyDocument, type ProfileDocument } from '../profile/document.ts'
import type { KeyValueStore, Operation, StoreOptions } from '../store/key-value-store.ts'

/** Distinct documents of one sequence that are kept as evidence of a fork. */
const MAX_FORK_RECORDS = 8

/** How often a head is read that other processes change meanwhile. */
const READ_TRIES = 8
const TORN = 'torn'
const NOTHING = new Uint8Array()

/** The verified head of a profile as this device keeps it. */
export interface Head {
  readonly floor: Floor
  readonly record: ProfileRecord
  readonly document: ProfileDocument
  readonly documentBytes: Uint8Array
  /** When a router last gave this record, or the owner made it; milliseconds since 1970 by this device's clock. */
  readonly checkedAt: number
}

/** The head's record as it is kept, for handing it out: what a server says of it in headers, and the record itself. */
export interface StoredRecord {
  /** In its reduced form. */
  readonly record: Uint8Array
  readonly cid: CID
  readonly sequence: bigint
  /** May be past. */
  readonly expiresAt: Date
  /** How long its owner lets others answer from memory. */
  readonly ttlMs: number
  /** Where it was asked for and does not ride in the record. */
  readonly document?: Uint8Array
}

/** The head as it is kept, for passing it on. */
export interface KeptVersion {
  readonly record: KeptRecord
  readonly document: ProfileDocument
  /** They hash to what the record names. */
  readonly documentBytes: Uint8Array
}

/** Two or more authentic records of one sequence that name different documents. */
export interface Fork {
  readonly sequence: bigint
  /** Reduced records, the winner first. */
  readonly records: readonly Uint8Array[]
}

const key = {
  floor: (id: ProfileId) => `floor/${id}`,
  record: (id: ProfileId) => `record/${id}`,
  document: (id: ProfileId) => `document/${id}`,
  unread: (id: ProfileId) => `unread/${id}`,
  fork: (id: ProfileId) => `fork/${id}`,
  checked: (id: ProfileId) => `checked/${id}`,
  change: (id: ProfileId) => `change/${id}`,
  unindexed: (id: ProfileId) => `unindexed/${id}`
}

/** For `unindexed/` of a profile that has no head any more: another value than any head's. */
const FORGOTTEN = Uint8Array.of(0)

/**
 * What this device knows of profiles, in `state`.
 *
 * `floor/`, `record/` and, where the document does not ride in the record, `document/` make the head, `checked/` says when it was last
 * confirmed. `unread/` is a newer authentic record
 * whose document could not be had or understood yet. `fork/` is evidence. `change/` marks profiles whose head changed since their mark was
 * taken, for a feed of changes, and `unindexed/` for a search index; who reads marks deletes them. There is at most one of each a profile, read or not.
 * Of a profile that was forgotten only the floor, the evidence and the marks stand: there is no head.
 */
export class ProfileState {
  private readonly store: KeyValueStore
  private readonly onChange: (id: ProfileId) => void

  /** @param onChange is told after a head was committed; it must not throw */
  constructor (store: KeyValueStore, onChange: (id: ProfileId) => void) {
    this.store = store
    this.onChange = onChange
  }

  /**
   * @param now milliseconds since 1970, to tell whether the record has expired
   * @throws StoreError when its parts do not fit together, however often they are read
   */
  async head (id: ProfileId, options: { now: number; signal?: AbortSignal }): Promise<Head | undefined> {
    for (let left = READ_TRIES; left > 0; left--) {
      const head = await this.readHead(id, options)
      if (head !== TORN) return head
    }
    throw new StoreError(`what is kept of ${id} does not fit together`)
  }

  /** Parts of two heads are `TORN`: another process over the same store committed between two reads. Published over, the one in between would be lost. */
  private async readHead (id: ProfileId, { now, signal }: { now: number; signal?: AbortSignal }): Promise<Head | typeof TORN | undefined> {
    // All at once, needed or not: over a state on another machine that is one round trip.
    const [floorBytes, recordBytes, apart, checked] = await Promise.all([key.floor(id), key.record(id), key.document(id), key.checked(id)].map((name) => this.store.get(name, { signal })))
    if (!floorBytes || !recordBytes) return undefined
    const floor = decodeFloor(floorBytes)
    const record = await readProfileRecord(id, recordBytes, { now })
    if (record.sequence !== floor.sequence || !record.cid.equals(floor.cid)) return TORN
    const documentBytes = record.documentBytes ?? apart
    const isCurrent = async (): Promise<boolean> => {
      const [floorNow, apartNow] = await Promise.all([key.floor(id), key.document(id)].map((name) => this.store.get(name, { signal })))
      return equals(floorBytes, floorNow ?? NOTHING) && equals(apart ?? NOTHING, apartNow ?? NOTHING)
    }
    if (!documentBytes) return (await isCurrent()) ? undefined : TORN
    try {
      const { document } = await verifyDocument(documentBytes, { id, cid: record.cid })
      return { floor, record, document, documentBytes, checkedAt: decodeTime(checked) }
    } catch (error) {
      if (await isCurrent()) throw error
      return TORN
    }
  }

  /**
   * The head's record, and on request its document where that does not ride in it, without any signature being verified: both were on their way in.
   * One read each. A newer record without its document is not shown.
   *
   * @throws InvalidRecordError, NotAProfileError where the store is damaged
   */
  async stored (id: ProfileId, { document: withDocument = false, signal }: { document?: boolean; signal?: AbortSignal } = {}): Promise<StoredRecord | undefined> {
    for (let left = READ_TRIES; left > 0; left--) {
      const [bytes, document] = await Promise.all([this.store.get(key.record(id), { signal }), withDocument ? this.store.get(key.document(id), { signal }) : undefined])
      if (!bytes) return undefined
      const { cid, sequence, validUntil, ttlMs } = readKeptRecord(id, bytes)
      const stored = { record: bytes, cid, sequence, expiresAt: validUntil, ttlMs }
      if (!document) return stored
      // Else another process committed between the two reads.
      if ((await documentCid(document)).equals(cid)) return { ...stored, document }
    }
    throw new StoreError(`what is kept of ${id} does not fit together`)
  }

  /**
   * The head without any signature being verified, for who passes it on: each was on its way in, and whoever gets it verifies it again.
   *
   * @returns `undefined` also where its parts do not fit together
   * @throws InvalidRecordError, NotAProfileError, InvalidCborError where the store is damaged
   */
  async version (id: ProfileId, options?: StoreOptions): Promise<KeptVersion | undefined> {
    for (let left = READ_TRIES; left > 0; left--) {
      const [bytes, apart] = await Promise.all([this.store.get(key.record(id), options), this.store.get(key.document(id), options)])
      if (!bytes) return undefined
      const record = readKeptRecord(id, bytes)
      for (const documentBytes of [record.inline, apart]) {
        if (documentBytes && (await documentCid(documentBytes)).equals(record.cid)) return { record, documentBytes, document: decodeCborMap(documentBytes) as ProfileDocument }
      }
    }
    return undefined
  }

  async floor (id: ProfileId, options?: StoreOptions): Promise<Floor | undefined> {
    const bytes = await this.store.get(key.floor(id), options)
    return bytes && decodeFloor(bytes)
  }

  /**
   * The floor, and the head's record as it is kept, no signature verified: for who compares another version with it. No record where the profile was forgotten.
   *
   * @throws InvalidRecordError, NotAProfileError where the store is damaged; StoreError as {@link head}
   */
  async kept (id: ProfileId, options?: StoreOptions): Promise<{ floor: Floor; record: KeptRecord | undefined } | undefined> {
    for (let left = READ_TRIES; left > 0; left--) {
      const [floorBytes, bytes] = await Promise.all([this.store.get(key.floor(id), options), this.store.get(key.record(id), options)])
      if (!floorBytes) return undefined
      const floor = decodeFloor(floorBytes)
      const record = bytes && readKeptRecord(id, bytes)
      if (!record || (record.sequence === floor.sequence && record.cid.equals(floor.cid))) return { floor, record }
    }
    throw new StoreError(`what is kept of ${id} does not fit together`)
  }

  /** A newer authentic record than the head's, whose document could not be had or understood. */
  async unread (id: ProfileId, { now, signal }: { now: number; signal?: AbortSignal }): Promise<ProfileRecord | undefined> {
    const bytes = await this.store.get(key.unread(id), { signal })
    return bytes && readProfileRecord(id, bytes, { now })
  }

  /** The highest authentic record that this device has, its document understood or not: what is relayed. */
  async newestRecord (id: ProfileId, { now, signal }: { now: number; signal?: AbortSignal }): Promise<ProfileRecord | undefined> {
    const [unread, bytes] = await Promise.all([this.unread(id, { now, signal }), this.store.get(key.record(id), { signal })])
    const record = bytes && (await readProfileRecord(id, bytes, { now }))
    return unread && record ? (compareRecords(unread, record) > 0 ? unread : record) : (unread ?? record)
  }

  /**
   * Makes `head` the head, in one batch with `also`, unless the floor is no longer `expected`.
   *
   * @throws ConflictError when it is another; nothing is written
   */
  async commit (head: Head, expected: Floor | undefined, { also = [], signal }: { also?: readonly Operation[]; signal?: AbortSignal } = {}): Promise<void> {
    const { id } = head.record
    const operations: Operation[] = [
      { type: 'check', key: key.floor(id), value: expected && encodeFloor(expected) },
      { type: 'put', key: key.floor(id), value: encodeFloor(head.floor) },
      { type: 'put', key: key.record(id), value: head.record.bytes },
      head.record.documentBytes ? { type: 'delete', key: key.document(id) } : { type: 'put', key: key.document(id), value: head.documentBytes },
      { type: 'delete', key: key.unread(id) },
      { type: 'put', key: key.checked(id), value: encodeCbor(head.checkedAt) },
      ...[key.change(id), key.unindexed(id)].map((mark): Operation => ({ type: 'put', key: mark, value: head.record.cid.bytes })),
      ...also
    ]
    await this.store.batch(operations, { signal })
    this.onChange(id)
  }

  /**
   * For a batch: lets go of the head and of what is known beyond it. The floor and the evidence of a fork stay for good, and so does a tombstone, as a whole. A mark tells an index.
   * Conditional on the floor, like every change of a head.
   */
  async forget (id: ProfileId, options?: StoreOptions): Promise<Operation[]> {
    const floor = await this.store.get(key.floor(id), options)
    const deleted = [key.unread(id), ...(floor && decodeFloor(floor).gone ? [] : [key.record(id), key.document(id), key.checked(id)])]
    return [
      { type: 'check', key: key.floor(id), value: floor },
      ...deleted.map((name): Operation => ({ type: 'delete', key: name })),
      ...(floor ? [{ type: 'put', key: key.change(id), value: decodeFloor(floor).cid.bytes }, { type: 'put', key: key.unindexed(id), value: FORGOTTEN }] as const : [])
    ]
  }

  /** Notes that a router gave the head's record; not on every look-up, but when the note is over a minute old. */
  async confirm (head: Head, { now, signal }: { now: number; signal?: AbortSignal }): Promise<void> {
    if (now - head.checkedAt < MINUTE_MS) return
    await this.store.put(key.checked(head.record.id), encodeCbor(now), { signal })
  }

  /** Keeps a newer record whose document cannot be shown, so that it is passed on and asked for again. */
  async keepUnread (record: ProfileRecord, { now, signal }: { now: number; signal?: AbortSignal }): Promise<void> {
    const known = await this.unread(record.id, { now, signal })
    if (known && compareRecords(known, record) >= 0) return
    await this.store.put(key.unread(record.id), record.bytes, { signal })
  }

  async fork (id: ProfileId, options?: StoreOptions): Promise<Fork | undefined> {
    const bytes = await this.store.get(key.fork(id), options)
    if (!bytes) return undefined
    const { sequence, records } = decodeCborMap(bytes, { uint64: true })
    return { sequence: BigInt(sequence as number | bigint), records: records as readonly Uint8Array[] }
  }

  /** Adds records of one sequence to the evidence; evidence of a lower sequence makes room for it. @returns the evidence, the winner first */
  async keepFork (id: ProfileId, records: readonly KeptRecord[], { now, signal }: { now: number; signal?: AbortSignal }): Promise<Fork | undefined> {
    const sequence = records[0]!.sequence
    const known = await this.fork(id, { signal })
    const before = known?.sequence === sequence ? await Promise.all(known.records.map((bytes) => readProfileRecord(id, bytes, { now }))) : []
    const best = new Map<string, KeptRecord>()
    for (const record of [...before, ...records].sort(compareRecords)) best.set(record.cid.toString(), record)
    const kept = [...best.values()].sort(compareRecords).reverse().slice(0, MAX_FORK_RECORDS).map(({ bytes }) => bytes)
    if (kept.length < 2) return undefined
    const encoded = encodeCbor({ sequence, records: kept }, { uint64: true })
    const stored = await this.store.get(key.fork(id), { signal })
    if (!stored || !equals(stored, encoded)) await this.store.put(key.fork(id), encoded, { signal })
    return { sequence, records: kept }
  }
}

const decodeTime = (bytes: Uint8Array | undefined): number => (bytes ? (decodeCbor(bytes) as number) : 0)

/** How often a write is tried that others may get in the way of. */
export const CONFLICT_TRIES = 5

/** Runs `attempt` again when somebody else changed the floor in between, at most `times` in all. */
export const retryOnConflict = async <T>(times: number, attempt: () => Promise<T>): Promise<T> => {
  for (let left = times; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left <= 1 || !(error instanceof ConflictError)) throw error
    }
  }
}
