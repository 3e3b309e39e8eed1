import { CID } from 'multiformats/cid'
import { base32 } from 'multiformats/bases/base32'
import { create as createDigest } from 'multiformats/hashes/digest'
import { compare, concat, equals } from 'uint8arrays'
import { utf8 } from '../bytes.ts'
import { decodeCborMap, encodeCbor, type CborMap } from '../cbor.ts'
import { InvalidSignatureError, LimitError, MercuryError, checkLimit } from '../errors.ts'
import { verifySignature } from '../identity/ed25519.ts'
import { encodeProfileId, publicKeyOf, type ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { MAX_CANDIDATES, MAX_RECORD_BYTES, RECORD_TTL_MS, RECORD_VALIDITY_MS } from '../limits.ts'
import { documentCid, type ProfileDocument, type SignedDocument } from '../profile/document.ts'
import { DAG_CBOR, isBlockCid } from '../store/block.ts'
import { encodeReducedEnvelope, parseEnvelope, readEd25519Key, type Envelope } from './envelope.ts'
import { InvalidRecordError } from './invalid-record.ts'
import { formatValidity, parseValidity, validityMs } from './validity.ts'

/** The prefix that IPNS signs with. */
const IPNS_CONTEXT = utf8('ipns-signature:')
const NANOSECONDS_IN_MS = 1_000_000n
const MAX_UINT64 = 2n ** 64n - 1n
const MAX_TTL_MS = Number(MAX_UINT64 / NANOSECONDS_IN_MS)
const SIGNATURE_BYTES = 64

/** An authentic IPNS record of a name, whatever it points to and whether it has expired or not. */
export interface IpnsRecord {
  readonly id: ProfileId
  /** The reduced form `{signatureV2, data}`. */
  readonly bytes: Uint8Array
  /** What is signed: canonical DAG-CBOR. */
  readonly data: Uint8Array
  /** Where it points to, UTF-8. */
  readonly value: Uint8Array
  readonly sequence: bigint
  /** Nanoseconds since 1970. */
  readonly validityNs: bigint
  readonly validUntil: Date
  readonly ttlMs: number
  /** `_mercury` of the extensible data, unverified. */
  readonly inline?: Uint8Array
}

/** An authentic record that points to a profile document. */
export interface ProfileRecord extends IpnsRecord {
  readonly cid: CID
  /** The bytes of the document that `cid` names, when they ride along; the hash is checked, nothing else. */
  readonly documentBytes?: Uint8Array
  /** Authentic, but past `validUntil`. */
  readonly expired: boolean
}

/** What is compared and handed out of a record that was verified before. */
export type KeptRecord = IpnsRecord & Pick<ProfileRecord, 'cid'>

/** What a record can name: a signed map that says whose it is and which version, as a profile document and the manifest of a search index do. */
export interface NamedDocument extends Pick<SignedDocument, 'bytes' | 'cid'> {
  readonly document: Pick<ProfileDocument, 'id' | 'seq'>
}

export interface RecordOptions {
  /** How long from `now` on the record is valid; 365 days by default. */
  validityMs?: number
  /** How long resolvers may answer from memory; 5 minutes by default. */
  ttlMs?: number
  /** Milliseconds since 1970. */
  now?: number
  /** At least the document's `seq`, which it is by default; higher where somebody raised it without a new document. */
  sequence?: bigint
  signal?: AbortSignal
}

/** An authentic record that points to something else than a profile document. */
export class NotAProfileError extends MercuryError {
  override readonly name = 'NotAProfileError'
  readonly record: IpnsRecord
  constructor(record: IpnsRecord, options?: ErrorOptions) {
    super('NOT_A_PROFILE', `the record of ${record.id} points to ${JSON.stringify(new TextDecoder().decode(record.value).slice(0, 80))}, not to a profile document`, options)
    this.record = record
  }
}

/** An authentic record past its validity. */
export class RecordExpiredError extends MercuryError {
  override readonly name = 'RecordExpiredError'
  readonly validUntil: Date
  readonly record: ProfileRecord
  constructor(record: ProfileRecord, options?: ErrorOptions) {
    super('RECORD_EXPIRED', `record expired; id=${record.id} validUntil=${record.validUntil.toISOString()}`, options)
    this.validUntil = record.validUntil
    this.record = record
  }
}

/**
 * The signed IPNS record that names `signed` as its owner's current document.
 *
 * @returns protobuf bytes, at most 10,240, signatureV2 only; the document rides along when it fits
 * @throws InvalidRecordError when the document is another's, `sequence` is below the document's, or a time is out of range
 * @see https://specs.ipfs.tech/ipns/ipns-record/
 */
export const createRecord = async (signed: NamedDocument, signer: Signer, options?: RecordOptions): Promise<Uint8Array> => (await signRecord(signed, signer, options)).bytes

/** What {@link validateRecord} says of a record that {@link createRecord} makes, in one verification. @throws RecordExpiredError too, when `validityMs` is not above 0 */
export const createValidRecord = async (signed: NamedDocument, signer: Signer, options?: RecordOptions): Promise<ProfileRecord> => unexpired(await signRecord(signed, signer, options))

const signRecord = async (signed: NamedDocument, signer: Signer, options: RecordOptions = {}): Promise<ProfileRecord> => {
  const { validityMs: validFor = RECORD_VALIDITY_MS, ttlMs = RECORD_TTL_MS, now = Date.now(), sequence = BigInt(signed.document.seq), signal } = options
  if (!equals(signed.document.id, encodeProfileId(signer.id))) throw new InvalidRecordError(`its document is not of ${signer.id}`)
  if (sequence < BigInt(signed.document.seq) || sequence > MAX_UINT64) throw new InvalidRecordError(`its sequence ${sequence} is below the document's or over 64 bits`)
  if (!(ttlMs >= 0 && ttlMs <= MAX_TTL_MS)) throw new InvalidRecordError(`its TTL of ${ttlMs} ms is negative or over 64 bits of nanoseconds`)
  const bare: CborMap = {
    Value: utf8(`/ipfs/${signed.cid.toString(base32)}`),
    Validity: utf8(formatValidity(now + validFor)),
    ValidityType: 0,
    Sequence: sequence,
    TTL: BigInt(Math.round(ttlMs)) * NANOSECONDS_IN_MS
  }
  const withDocument = encodeCbor({ ...bare, _mercury: signed.bytes }, { uint64: true })
  const fits = encodeReducedEnvelope(new Uint8Array(SIGNATURE_BYTES), withDocument).byteLength <= MAX_RECORD_BYTES
  const data = fits ? withDocument : encodeCbor(bare, { uint64: true })
  const signature = await signer.sign(concat([IPNS_CONTEXT, data]), { signal })
  // Hardware can fail, and what it signed is about to be final.
  return readProfileRecord(signer.id, encodeReducedEnvelope(signature, data), { now })
}

/**
 * Accepts a record only as the authentic, unexpired record of `id` that points to a profile document.
 *
 * @param options `now` in milliseconds since 1970
 * @throws LimitError, InvalidRecordError, InvalidSignatureError, NotAProfileError, RecordExpiredError (which carries the authentic record)
 */
export const validateRecord = async (id: ProfileId, bytes: Uint8Array, options: { now?: number } = {}): Promise<ProfileRecord> => unexpired(await readProfileRecord(id, bytes, options))

const unexpired = (record: ProfileRecord): ProfileRecord => {
  if (record.expired) throw new RecordExpiredError(record)
  return record
}

/** As {@link validateRecord}, but an expired record is an answer too, with `expired` set. */
export const readProfileRecord = async (id: ProfileId, bytes: Uint8Array, { now = Date.now() }: { now?: number } = {}): Promise<ProfileRecord> => {
  const record = await verifyIpnsRecord(id, bytes)
  const cid = profileCid(record)
  const carries = record.inline !== undefined && (await documentCid(record.inline)).equals(cid)
  return { ...record, cid, ...(carries ? { documentBytes: record.inline } : {}), expired: validityMs(record.validityNs) <= now }
}

/**
 * The best of `records` by {@link compareRecords}; what is not an authentic profile record of `id` is passed over, whatever it is.
 * An expired one counts: it is still the newest version that is known.
 *
 * @param records at most 64; further ones are refused
 */
export const selectRecord = async (id: ProfileId, records: readonly Uint8Array[], options: { now?: number } = {}): Promise<ProfileRecord | undefined> => {
  checkLimit('records to select from', MAX_CANDIDATES, records.length)
  let best: ProfileRecord | undefined
  for (const bytes of records) {
    const record = await readProfileRecord(id, bytes, options).catch(passOverMercuryErrors)
    if (record && (!best || compareRecords(record, best) > 0)) best = record
  }
  return best
}

const passOverMercuryErrors = (error: unknown): undefined => {
  if (!(error instanceof MercuryError)) throw error
}

/**
 * A total order: higher sequence, then later validity to the nanosecond, then greater `data` bytes, then greater signature,
 * as an owner can sign the same data twice. 0 means the same reduced bytes.
 */
export const compareRecords = (a: IpnsRecord, b: IpnsRecord): number => {
  if (a.sequence !== b.sequence) return a.sequence > b.sequence ? 1 : -1
  if (a.validityNs !== b.validityNs) return a.validityNs > b.validityNs ? 1 : -1
  return compare(a.data, b.data) || compare(a.bytes, b.bytes)
}

/**
 * Verifies that `bytes` are an IPNS record of `id`, never laxer than the IPFS rules, and reduces it to what is signed.
 *
 * @throws LimitError over 10,240 bytes, InvalidRecordError, InvalidSignatureError
 */
export const verifyIpnsRecord = async (id: ProfileId, bytes: Uint8Array): Promise<IpnsRecord> => {
  checkLimit('record bytes', MAX_RECORD_BYTES, bytes.byteLength)
  // Verifying waits, so what is judged is a copy that the caller cannot change.
  const envelope = parseEnvelope(Uint8Array.from(bytes))
  const { signatureV2, data, pubKey } = envelope
  if (!signatureV2 || !data) throw new InvalidRecordError('it has no V2 signature')
  if (pubKey && !equals(readEd25519Key(pubKey) ?? EMPTY, publicKeyOf(id))) throw new InvalidRecordError('its public key is not the one in the name')
  const record = { id, bytes: encodeReducedEnvelope(signatureV2, data), data, ...readData(data) }
  checkV1Fields(envelope, record)
  if (!(await verifySignature(publicKeyOf(id), signatureV2, concat([IPNS_CONTEXT, data])))) throw new InvalidSignatureError('record')
  return record
}

/** The document that rides in a record, neither of them verified: only to learn whose they claim to be. @throws LimitError, InvalidRecordError */
export const peekDocument = (bytes: Uint8Array): Uint8Array | undefined => {
  checkLimit('record bytes', MAX_RECORD_BYTES, bytes.byteLength)
  const { data } = parseEnvelope(bytes)
  return data && readData(data).inline
}

/**
 * What a reduced record says that was verified on its way in, for serving it: parsed again, not judged again.
 * Only for bytes that this device wrote itself.
 *
 * @throws LimitError, InvalidRecordError, NotAProfileError; the bytes are this device's own, so each of them is damage
 */
export const readKeptRecord = (id: ProfileId, bytes: Uint8Array): KeptRecord => {
  checkLimit('record bytes', MAX_RECORD_BYTES, bytes.byteLength)
  const { data } = parseEnvelope(bytes)
  if (!data) throw new InvalidRecordError('it has no data')
  const record = { id, bytes, data, ...readData(data) }
  return { ...record, cid: profileCid(record) }
}

const readData = (data: Uint8Array): Omit<IpnsRecord, 'id' | 'bytes' | 'data'> => {
  const { Value, Validity, ValidityType, Sequence, TTL, _mercury } = decodeData(data)
  if (!(Value instanceof Uint8Array)) throw new InvalidRecordError('its Value is not bytes')
  if (ValidityType !== 0) throw new InvalidRecordError('its ValidityType is not 0')
  if (!(Validity instanceof Uint8Array)) throw new InvalidRecordError('its Validity is not bytes')
  const validityNs = parseValidity(new TextDecoder('latin1').decode(Validity))
  const ttl = uint64('TTL', TTL)
  return {
    value: Value,
    sequence: uint64('Sequence', Sequence),
    validityNs,
    validUntil: new Date(validityMs(validityNs)),
    ttlMs: Number(ttl / NANOSECONDS_IN_MS),
    ...(_mercury instanceof Uint8Array ? { inline: _mercury } : {})
  }
}

const decodeData = (data: Uint8Array): CborMap => {
  try {
    return decodeCborMap(data, { uint64: true })
  } catch (error) {
    if (error instanceof LimitError) throw error
    throw new InvalidRecordError(`its data is ${(error as Error).message}`, { cause: error })
  }
}

const uint64 = (name: string, value: unknown): bigint => {
  if ((typeof value !== 'number' && typeof value !== 'bigint') || value < 0) throw new InvalidRecordError(`its ${name} is not an unsigned integer`)
  return BigInt(value)
}

/** The V1 fields are not signed by V2: where a writer sent them they must say the same as `data`. */
const checkV1Fields = (envelope: Envelope, { value, validityNs, sequence, data }: Omit<IpnsRecord, 'id' | 'bytes'>): void => {
  if (!envelope.value && !envelope.signatureV1) return
  const signed = decodeData(data)
  const same =
    equals(envelope.value ?? EMPTY, value) &&
    equals(envelope.validity ?? EMPTY, signed.Validity as Uint8Array) &&
    (envelope.validityType ?? 0n) === 0n &&
    (envelope.sequence ?? 0n) === sequence &&
    (envelope.ttl ?? 0n) === uint64('TTL', signed.TTL)
  if (!same) throw new InvalidRecordError(`its V1 fields differ from what is signed; validity=${validityNs}`)
}

const EMPTY = new Uint8Array()

/** @throws NotAProfileError unless the value is exactly `/ipfs/` and a base32 CIDv1 of dag-cbor under sha2-256 */
const profileCid = (record: IpnsRecord): CID => {
  const text = new TextDecoder('latin1').decode(record.value)
  if (!text.startsWith('/ipfs/b') || text.length > 80) throw new NotAProfileError(record)
  try {
    const parsed = CID.parse(text.slice('/ipfs/'.length), base32)
    // Made anew: a parsed CID gives back the very text that it was parsed from, and keeps overlong numbers.
    const cid = CID.createV1(parsed.code, createDigest(parsed.multihash.code, parsed.multihash.digest))
    if (isBlockCid(parsed, DAG_CBOR) && `/ipfs/${cid.toString(base32)}` === text) return cid
  } catch (error) {
    throw new NotAProfileError(record, { cause: error })
  }
  throw new NotAProfileError(record)
}
