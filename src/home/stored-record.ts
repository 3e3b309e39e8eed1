import { decodeCborMap } from '../cbor.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { parseEnvelope } from '../naming/envelope.ts'
import { InvalidRecordError } from '../naming/invalid-record.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import type { RecordToAnswer } from './record-answer.ts'

const NANOSECONDS_IN_MS = 1_000_000

/**
 * The record of a head as it stands in `state`, with what its headers say: one read, no signature verified, and nothing parsed that no header needs.
 * It is asked for 10,000 times a second; what stands there was verified on its way in.
 *
 * @throws InvalidRecordError, InvalidCborError where the store is damaged
 */
export const readStoredRecord = async (state: KeyValueStore, id: ProfileId): Promise<RecordToAnswer | undefined> => {
  const record = await state.get(`record/${id}`)
  if (!record) return undefined
  const { data } = parseEnvelope(record)
  if (!data) throw new InvalidRecordError('it has no data')
  const { TTL, Validity } = decodeCborMap(data, { uint64: true })
  return { record, ttlMs: Number(TTL) / NANOSECONDS_IN_MS, expiresAt: new Date(decoder.decode(Validity as Uint8Array)) }
}

const decoder = new TextDecoder('latin1')
