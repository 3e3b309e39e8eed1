import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { ConflictError, StoreError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { RefusedHeadError } from '../../naming/floor.ts'
import { compareRecords, readProfileRecord, type ProfileRecord } from '../../naming/record.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'

const TRIES = 5

/** The highest version of an index that this device ever accepted: its floor, and what a query needs when nobody can be asked. It only rises. */
export interface KnownIndex {
  readonly record: ProfileRecord
  /** The manifest's; at most the record's sequence. */
  readonly seq: number
  /** Verified once, by the version of this program that kept it. */
  readonly manifestBytes: Uint8Array
  /** Milliseconds since 1970: when a router last gave this record. */
  readonly checkedAt: number
}

interface KnownOptions {
  /** Milliseconds since 1970. */
  now: number
  signal?: AbortSignal | undefined
}

/** @throws StoreError when what is kept is damaged */
export const readKnownIndex = async (state: KeyValueStore, name: ProfileId, { now, signal }: KnownOptions): Promise<KnownIndex | undefined> => {
  const bytes = await state.get(knownKey(name), { signal })
  return bytes && decodeKnown(name, bytes, now)
}

/**
 * Keeps `index` unless a newer version was accepted meanwhile, by another process.
 *
 * @param state without one nothing is kept
 * @returns what is kept now
 * @throws RefusedHeadError (`SEQUENCE_MISMATCH`) for a manifest above its record, (`ROLLED_BACK`) for one below the floor
 */
export const keepKnownIndex = async (state: KeyValueStore | undefined, index: KnownIndex, { now, signal }: KnownOptions): Promise<KnownIndex> => {
  const { seq, record } = index
  const { id: name } = record
  if (BigInt(seq) > record.sequence) throw new RefusedHeadError('SEQUENCE_MISMATCH', `the manifest of the index ${name} says version ${seq}, its record only ${record.sequence}`)
  if (!state) return index
  for (let tries = TRIES; ; tries--) {
    const before = await state.get(knownKey(name), { signal })
    const known = before && (await decodeKnown(name, before, now))
    if (known && compareRecords(record, known.record) < 0) return known
    if (known && seq < known.seq) throw new RefusedHeadError('ROLLED_BACK', `version ${seq} of the index ${name} is older than ${known.seq}, which this device has seen`)
    try {
      await state.batch([{ type: 'check', key: knownKey(name), value: before }, { type: 'put', key: knownKey(name), value: encodeKnown(index) }], { signal })
      return index
    } catch (error) {
      if (tries === 1 || !(error instanceof ConflictError)) throw error
    }
  }
}

const knownKey = (name: ProfileId): string => `index/known/${name}`

const encodeKnown = ({ record, seq, manifestBytes, checkedAt }: KnownIndex): Uint8Array => encodeCbor({ record: record.bytes, seq, manifest: manifestBytes, checkedAt })

const decodeKnown = async (name: ProfileId, bytes: Uint8Array, now: number): Promise<KnownIndex> => {
  try {
    const { record, seq, manifest, checkedAt } = decodeCborMap(bytes) as { record: Uint8Array; seq: number; manifest: Uint8Array; checkedAt: number }
    return { record: await readProfileRecord(name, record, { now }), seq, manifestBytes: manifest, checkedAt }
  } catch (error) {
    throw new StoreError(`what is kept of the index ${name} is damaged`, { cause: error })
  }
}
