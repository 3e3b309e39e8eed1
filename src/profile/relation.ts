import { sha256 } from '@noble/hashes/sha2.js'
import { compare, equals } from 'uint8arrays'
import { decodeCborMap, encodeCbor, type CborMap } from '../cbor.ts'
import { InvalidSignatureError, MercuryError, UnsupportedError } from '../errors.ts'
import { PROFILE_ID_BYTES, decodeProfileId, encodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import { signMap, verifyMap, type MessageSigner } from '../identity/signed-map.ts'
import { MAX_RELATION_TYPE_BYTES } from '../limits.ts'
import { Shape } from './shape.ts'

export const RELATION_CONTEXT = 'mercury/relation/1'
export const REVOCATION_CONTEXT = 'mercury/revocation/1'

/** Types that say the same of both sides; in them `from` is the bytewise smaller ID, so that one relation has one body. */
export const SYMMETRIC_RELATION_TYPES: ReadonlySet<string> = new Set(['contact', 'enable_call_between'])

const NONCE_BYTES = 16

export interface RelationTerms {
  /** 1 to 64 bytes; an application's own start with its reversed domain. */
  type: string
  from: ProfileId
  to: ProfileId
  /** Unix seconds. */
  time: number
  until?: number
  /** 16 random bytes; a new relation has a new one. */
  nonce?: Uint8Array
}

/** A relation signed by one of its profiles (`fromSig` or `toSig`) or by both. */
export type RelationProof = CborMap & {
  readonly v: 1
  readonly type: string
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly nonce: Uint8Array
  readonly time: number
  readonly until?: number
  readonly fromSig?: Uint8Array
  readonly toSig?: Uint8Array
}

export type Revocation = CborMap & {
  readonly v: 1
  /** sha2-256 of the relation's body. */
  readonly body: Uint8Array
  readonly by: Uint8Array
  readonly time: number
  readonly sig: Uint8Array
}

export interface VerifiedRelation {
  readonly type: string
  readonly from: ProfileId
  readonly to: ProfileId
  readonly time: number
  readonly until?: number
  /** sha2-256 of the body: what a revocation names. */
  readonly digest: Uint8Array
}

/** The relation, not yet in force, refused or ended. */
export class RelationError extends MercuryError {
  override readonly name = 'RelationError'
  constructor(code: 'RELATION_NOT_YET_VALID' | 'RELATION_ENDED' | 'RELATION_REVOKED' | 'NOT_A_PARTY' | 'RELATION_MISMATCH', reason: string) {
    super(code, reason)
  }
}

/** A half proof: the relation signed by `signer`, who is one of its two profiles. */
export const signHalfProof = async (terms: RelationTerms, signer: MessageSigner): Promise<RelationProof> => {
  const body = {
    v: 1 as const,
    type: terms.type,
    from: encodeProfileId(terms.from),
    to: encodeProfileId(terms.to),
    nonce: terms.nonce ?? crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
    time: terms.time,
    ...(terms.until === undefined ? {} : { until: terms.until })
  }
  return addSignature(body, signer)
}

/** Completes a half proof with the other side's signature. @throws as {@link verifyProof} when the half is not sound, RelationError `NOT_A_PARTY` when `signer` made that half */
export const completeProof = async (half: CborMap, signer: MessageSigner): Promise<RelationProof> => {
  const relation = readRelation(half)
  await checkSignatures(half, relation, 'one')
  const proof = await addSignature(half, signer)
  if (!proof.fromSig || !proof.toSig) throw new RelationError('NOT_A_PARTY', `${signer.id} signed this half; the other side completes it`)
  return proof
}

/**
 * Verifies a proof signed by both: IDs, signatures, order, time window, and what the caller expects of it.
 *
 * @param expect `now` in unix seconds; `type`, `from` and `to` where the caller asks for a particular relation; `revocations` known for it
 * @throws InvalidShapeError (`INVALID_RELATION`), InvalidProfileIdError, InvalidSignatureError, UnsupportedError, RelationError
 */
export const verifyProof = async (proof: CborMap, expect: { now: number; type?: string; from?: ProfileId; to?: ProfileId; revocations?: readonly CborMap[] }): Promise<VerifiedRelation> => {
  const relation = readRelation(proof)
  await checkSignatures(proof, relation, 'both')
  for (const key of ['type', 'from', 'to'] as const) {
    if (expect[key] !== undefined && expect[key] !== relation[key]) throw new RelationError('RELATION_MISMATCH', `the relation's ${key} is ${relation[key]}, not ${expect[key]}`)
  }
  if (expect.now < relation.time) throw new RelationError('RELATION_NOT_YET_VALID', `the relation starts at unix second ${relation.time}`)
  if (relation.until !== undefined && expect.now >= relation.until) throw new RelationError('RELATION_ENDED', `the relation ended at unix second ${relation.until}`)
  for (const revocation of expect.revocations ?? []) {
    if (await isRevokedBy(relation, revocation).catch(revokesNothing)) throw new RelationError('RELATION_REVOKED', 'the relation was revoked by one of its profiles')
  }
  return relation
}

/** Anyone can make up a revocation: one that is malformed must not stand in the way of a relation that holds. */
const revokesNothing = (error: unknown): false => {
  if (!(error instanceof MercuryError)) throw error
  return false
}

/** Ends a relation for good; `signer` is one of its two profiles. `time` is unix seconds. */
export const revokeRelation = async (proof: CborMap, signer: MessageSigner, { time }: { time: number }): Promise<Revocation> => {
  const relation = readRelation(proof)
  if (signer.id !== relation.from && signer.id !== relation.to) throw new RelationError('NOT_A_PARTY', `${signer.id} is not a side of this relation`)
  const body = { v: 1 as const, body: relation.digest, by: encodeProfileId(signer.id), time }
  return { ...body, sig: await signMap(REVOCATION_CONTEXT, body, signer) }
}

/**
 * Whether `revocation` names this relation, is by one of its profiles, and is signed. A revocation of another relation revokes nothing here.
 *
 * @throws InvalidShapeError (`INVALID_REVOCATION`), InvalidProfileIdError, UnsupportedError when it is none at all
 */
export const isRevokedBy = async (relation: VerifiedRelation, revocation: CborMap): Promise<boolean> => {
  const shape = new Shape(revocation, 'INVALID_REVOCATION', 'revocation')
  if (shape.uint('v') !== 1) throw new UnsupportedError(`revocation version ${shape.uint('v')}`)
  if (!equals(shape.bytes('body', 32), relation.digest)) return false
  const by = decodeProfileId(shape.bytes('by', PROFILE_ID_BYTES))
  shape.uint('time')
  if (by !== relation.from && by !== relation.to) return false
  const { sig: _, ...body } = revocation
  return verifyMap(REVOCATION_CONTEXT, body, by, shape.bytes('sig', 64))
}

const addSignature = async (half: CborMap, signer: MessageSigner): Promise<RelationProof> => {
  const { from, to } = readRelation(half)
  if (signer.id !== from && signer.id !== to) throw new RelationError('NOT_A_PARTY', `${signer.id} is not a side of this relation`)
  const sig = await signMap(RELATION_CONTEXT, bodyOf(half), signer)
  // Read back, so that it shares no bytes with the arguments.
  return decodeCborMap(encodeCbor({ ...half, ...(signer.id === from ? { fromSig: sig } : { toSig: sig }) })) as RelationProof
}

const readRelation = (proof: CborMap): VerifiedRelation => {
  const shape = new Shape(proof, 'INVALID_RELATION', 'relation')
  if (shape.uint('v') !== 1) throw new UnsupportedError(`relation version ${shape.uint('v')}`)
  const type = shape.text('type', MAX_RELATION_TYPE_BYTES)
  const fromBytes = shape.bytes('from', PROFILE_ID_BYTES)
  const toBytes = shape.bytes('to', PROFILE_ID_BYTES)
  const order = compare(fromBytes, toBytes)
  if (order === 0) shape.fail('to', 'must differ from from')
  if (order > 0 && SYMMETRIC_RELATION_TYPES.has(type)) shape.fail('from', `must be the smaller ID in a relation of type ${type}`)
  shape.bytes('nonce', NONCE_BYTES)
  const time = shape.uint('time')
  const until = shape.has('until') ? shape.uint('until') : undefined
  if (until !== undefined && until <= time) shape.fail('until', 'must be after time')
  return { type, from: decodeProfileId(fromBytes), to: decodeProfileId(toBytes), time, ...(until === undefined ? {} : { until }), digest: sha256(encodeCbor(bodyOf(proof))) }
}

const checkSignatures = async (proof: CborMap, { from, to }: VerifiedRelation, needed: 'one' | 'both'): Promise<void> => {
  const shape = new Shape(proof, 'INVALID_RELATION', 'relation')
  const present = (['fromSig', 'toSig'] as const).filter((key) => needed === 'both' || shape.has(key))
  if (present.length === 0) shape.fail('fromSig', 'or toSig must be there')
  for (const key of present) {
    if (!(await verifyMap(RELATION_CONTEXT, bodyOf(proof), key === 'fromSig' ? from : to, shape.bytes(key, 64)))) throw new InvalidSignatureError('relation')
  }
}

const bodyOf = (proof: CborMap): CborMap => Object.fromEntries(Object.entries(proof).filter(([key]) => key !== 'fromSig' && key !== 'toSig'))
