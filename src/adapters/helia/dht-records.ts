import type { KadDHT } from '@libp2p/kad-dht'
import type { Datastore } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { concat, equals } from 'uint8arrays'
import { utf8 } from '../../bytes.ts'
import { MercuryError } from '../../errors.ts'
import { decodeProfileId, encodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { compareRecords, verifyIpnsRecord, type IpnsRecord } from '../../naming/record.ts'
import { loadRecords } from './packages.ts'
import { tellOfRecord } from './watch-records.ts'

const NAMESPACE = utf8('/ipns/')

/**
 * The key under which the DHT and pubsub know the record of `id`: `/ipns/` and the 38 bytes of its multihash.
 *
 * @see https://specs.ipfs.tech/ipns/ipns-record/#routing-record
 */
export const routingKeyOf = (id: ProfileId): Uint8Array => concat([NAMESPACE, encodeProfileId(id)])

/** A record that a peer offers to a DHT node is not one to keep. */
export class RecordRefusedError extends MercuryError {
  override readonly name = 'RecordRefusedError'
  constructor(reason: string, options?: ErrorOptions) {
    super('RECORD_REFUSED', `the record is refused: ${reason}`, options)
  }
}

/** The record of `key` that this node's own part of the DHT holds, unverified. */
export const readOwnRecord = async (datastore: Datastore, key: Uint8Array, signal?: AbortSignal): Promise<Uint8Array | undefined> => {
  const { Record, Key } = await loadRecords()
  const own = new Key(`/dht/record/${base32.encode(key).slice(1)}`, false)
  if (!(await datastore.has(own, { signal }))) return undefined
  return Record.deserialize(await datastore.get(own, { signal })).value
}

/**
 * Puts our rules for IPNS records in place of Helia's, whose validator is lax and whose selector throws on garbage.
 *
 * Taken is an authentic, unexpired record of an Ed25519 name, whatever it points to, unless a better one is held already:
 * kad-dht keeps whatever was put last, so without this an outsider could put an old record over the new one.
 * The rules stay when `ipns(helia)` of `@helia/ipns` tries to replace them.
 */
export const guardRecords = <D extends KadDHT>(dht: D, datastore: Datastore): D => {
  const validate = async (key: Uint8Array, value: Uint8Array, options?: { signal?: AbortSignal }): Promise<void> => {
    const id = idOf(key)
    const offered = await verifyIpnsRecord(id, value)
    if (hasExpired(offered)) throw new RecordRefusedError(`it expired at ${offered.validUntil.toISOString()}`)
    const held = await readOwnRecord(datastore, key, options?.signal)
    const record = held && await verified(id, held)
    if (record && !hasExpired(record) && isBetter(held, record, value, offered)) throw new RecordRefusedError('a better one is held')
    tellOfRecord(dht, offered)
  }
  fix(dht.validators, validate)
  fix(dht.selectors, selectBest)
  return dht
}

/** The index of the best authentic record; the first where none is, for the caller to judge. */
const selectBest = async (key: Uint8Array, values: readonly Uint8Array[]): Promise<number> => {
  const id = idOf(key)
  let best: { index: number; bytes: Uint8Array; record: IpnsRecord } | undefined
  for (const [index, bytes] of values.entries()) {
    const record = await verified(id, bytes)
    if (record && (!best || isBetter(bytes, record, best.bytes, best.record))) best = { index, bytes, record }
  }
  return best?.index ?? 0
}

/** Of two envelopes of one record the reduced one is better: nobody can vary it. */
const isBetter = (bytes: Uint8Array, record: IpnsRecord, otherBytes: Uint8Array, other: IpnsRecord): boolean => {
  const order = compareRecords(record, other)
  return order > 0 || (order === 0 && equals(bytes, record.bytes) && !equals(otherBytes, other.bytes))
}

const hasExpired = ({ validUntil }: IpnsRecord): boolean => validUntil.getTime() <= Date.now()

const verified = async (id: ProfileId, bytes: Uint8Array): Promise<IpnsRecord | undefined> => {
  try {
    return await verifyIpnsRecord(id, bytes)
  } catch (error) {
    if (error instanceof MercuryError) return undefined
    throw error
  }
}

const idOf = (key: Uint8Array): ProfileId => decodeProfileId(key.subarray(NAMESPACE.byteLength))

const fix = <T>(rules: Record<string, T>, rule: T): void => {
  Object.defineProperty(rules, 'ipns', { enumerable: true, get: () => rule, set () {} })
}
