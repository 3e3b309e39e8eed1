import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { decodeCborMap, decodeCborMapWithout, encodeCbor, isCborMap, type CborMap, type CborValue } from '../cbor.ts'
import { InvalidSignatureError, MercuryError, UnsupportedError, checkLimit } from '../errors.ts'
import { verifyPledge, type Pledge } from '../identity/pledge.ts'
import { PROFILE_ID_BYTES, decodeProfileId, encodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import { signMap, verifyEncodedMap } from '../identity/signed-map.ts'
import type { Signer } from '../identity/signer.ts'
import { HOUR_MS, MAX_ADDRESSES, MAX_ADDRESS_BYTES, MAX_DOCUMENT_BYTES, MAX_HOMES, MAX_HOME_ADDRESSES, MAX_KIND_BYTES, MAX_SEALED, SECOND_MS } from '../limits.ts'
import { BlockMismatchError, DAG_CBOR, RAW, cidOf, isBlockCid } from '../store/block.ts'
import { InvalidDraftError, encodeAttributes, readKind, readListed, type ProfileDraft } from './draft.ts'
import { Shape } from './shape.ts'
import { verifySuccession } from './succession.ts'

export const DOCUMENT_CONTEXT = 'mercury/profile/1'

/** A home's acceptance as it stands in a persona's document; `sig` is the home's. */
export type HomeEntry = {
  readonly id: Uint8Array
  /** Unix seconds. */
  readonly since: number
  readonly until?: number
  readonly sig: Uint8Array
  readonly addrs?: readonly string[]
}

/** A profile document as it is signed; keys that this version does not know are kept. docs/spec.md says what each means. */
export type ProfileDocument = CborMap & {
  readonly v: 1
  readonly kind: string
  readonly id: Uint8Array
  readonly seq: number
  /** Unix seconds by the owner's clock. */
  readonly time: number
  readonly prev: Uint8Array | null
  readonly next: Uint8Array | null
  readonly pledge?: Uint8Array
  readonly attrs: CborMap
  readonly keys?: CborMap & { readonly x25519?: Uint8Array }
  readonly homes?: readonly HomeEntry[]
  readonly addrs?: readonly string[]
  readonly index?: Uint8Array
  readonly sealed?: readonly CID[]
  readonly listed?: boolean
  readonly gone?: true
  readonly crit?: readonly string[]
  readonly succeeds?: CborMap
  readonly sig: Uint8Array
}

export interface SignedDocument {
  /** Canonical DAG-CBOR, at most 65,536 bytes. */
  readonly bytes: Uint8Array
  readonly cid: CID
  readonly document: ProfileDocument
}

export interface VerifiedDocument {
  readonly id: ProfileId
  readonly cid: CID
  readonly document: ProfileDocument
}

export interface DocumentVersion {
  /** Above every sequence known for this profile. */
  seq: number
  /** sha2-256 digest of the document before this one; null when there is none. */
  prev: Uint8Array | null
  /** Unix seconds; a persona's is rounded down to the hour. */
  time: number
}

export interface SignDocumentOptions {
  /** The document before this one: what the draft does not speak of is carried over from it. */
  base?: ProfileDocument
  /** The draft read from `base` that `draft` is a change of: whatever the change did not touch stays as it stands in `base`. */
  before?: ProfileDraft
  /** Fields beside the attributes, over those of `base`. */
  fields?: CborMap
  /** A tombstone: no attributes, homes or sealed sections; final. */
  gone?: boolean
  signal?: AbortSignal
}

/** Fixed numbers, not those of the keys that this version knows: a later version must not take what this one calls malformed. */
export const MAX_CRITICAL_KEYS = 64
export const MAX_CRITICAL_KEY_BYTES = 64

const KNOWN_KEYS: ReadonlySet<string> = new Set(['v', 'kind', 'id', 'seq', 'time', 'prev', 'next', 'pledge', 'succeeds', 'attrs', 'keys', 'homes', 'addrs', 'index', 'sealed', 'listed', 'gone', 'crit', 'sig'])
const LEFT_OUT_WHERE_EMPTY: ReadonlySet<string> = new Set(['keys', 'homes', 'addrs', 'sealed', 'listed', 'crit'])
const REWRITTEN_KEYS = ['v', 'kind', 'id', 'seq', 'time', 'prev', 'next', 'pledge', 'attrs', 'listed', 'gone', 'sig']

/**
 * Signs `draft` as version `version` of the signer's profile.
 *
 * @throws InvalidDraftError naming the attribute, or `kind` when it is another than `base` has, LimitError when the document is over 65,536 bytes,
 * MercuryError `GONE` when `base` is a tombstone and `gone` is not set
 */
export const signDocument = async (draft: ProfileDraft, signer: Signer, version: DocumentVersion, { base, before, fields = {}, gone = false, signal }: SignDocumentOptions = {}): Promise<SignedDocument> => {
  if (base) checkBase(base, draft, signer, gone)
  const kind = readKind(draft) ?? base?.kind ?? 'persona'
  const listed = readListed(draft) && !gone
  const attrs = gone ? {} : encodeAttributes(draft, base?.attrs, before)
  const unsigned: CborMap = {
    ...withoutEmpty({ ...(base ? carriedOver(base, gone) : {}), ...fields }),
    v: 1,
    kind,
    id: encodeProfileId(signer.id),
    seq: version.seq,
    time: documentTime(kind, version.time * SECOND_MS),
    prev: version.prev,
    ...commitment(signer, base),
    attrs,
    ...(listed ? { listed } : {}),
    ...(gone ? { gone: true } : {})
  }
  const document = { ...unsigned, sig: await signMap(DOCUMENT_CONTEXT, unsigned, signer, { signal }) }
  const bytes = encodeCbor(document)
  checkLimit('document bytes', MAX_DOCUMENT_BYTES, bytes.byteLength)
  const verified = await verifyDocument(bytes, { id: signer.id })
  return { bytes, cid: verified.cid, document: verified.document }
}

/**
 * Verifies a document: size, canonical bytes, hash, whose it is, signature and pledge.
 *
 * @param expect whose document it must be; `'any'` says that the caller trusts whoever it names. `cid` is the block that was asked for.
 * @throws LimitError, InvalidCborError, BlockMismatchError, InvalidShapeError (`INVALID_DOCUMENT`), InvalidSignatureError, UnsupportedError
 */
export const verifyDocument = async (given: Uint8Array, expect: { id: ProfileId | 'any'; cid?: CID }): Promise<VerifiedDocument> => {
  if (typeof expect?.id !== 'string') throw new MercuryError('INVALID_ARGUMENT', "say whose document it must be: { id: ProfileId } or { id: 'any' }")
  checkLimit('document bytes', MAX_DOCUMENT_BYTES, given.byteLength)
  // Hashing waits, so what is judged is a copy that the caller cannot change.
  const bytes = Uint8Array.from(given)
  const cid = await documentCid(bytes)
  if (expect.cid && !expect.cid.equals(cid)) throw new BlockMismatchError(expect.cid)
  const { map, without: unsigned } = decodeCborMapWithout(bytes, 'sig')
  const shape = new Shape(map, 'INVALID_DOCUMENT', 'document')
  const id = checkShape(shape, expect.id)
  const document = map as ProfileDocument
  if (!(await verifyEncodedMap(DOCUMENT_CONTEXT, unsigned, id, document.sig))) throw new InvalidSignatureError('document')
  await checkPledge(id, document)
  if (document.succeeds) await checkSucceeds(id, document.succeeds, shape)
  const unknown = document.crit?.find((key) => !KNOWN_KEYS.has(key))
  if (unknown !== undefined) throw new UnsupportedError(`the document key ${JSON.stringify(unknown)}`)
  return { id, cid, document }
}

/** Whose document it claims to be, nothing verified. @throws LimitError, InvalidCborError, InvalidShapeError (`INVALID_DOCUMENT`) */
export const peekOwner = (bytes: Uint8Array): ProfileId => {
  checkLimit('document bytes', MAX_DOCUMENT_BYTES, bytes.byteLength)
  return readId(new Shape(decodeCborMap(bytes), 'INVALID_DOCUMENT', 'document'), 'id')
}

/** Unix seconds for `time`; a persona's are rounded down to the hour, so that they say little about its owner's day. @param now milliseconds since 1970 */
export const documentTime = (kind: string | undefined, now: number): number =>
  kind === undefined || kind === 'persona' ? (Math.floor(now / HOUR_MS) * HOUR_MS) / SECOND_MS : Math.floor(now / SECOND_MS)

/** The CID of a document's bytes: CIDv1, dag-cbor, sha2-256. */
export const documentCid = (bytes: Uint8Array): Promise<CID> => cidOf(bytes, DAG_CBOR)

const checkShape = (shape: Shape, expected: ProfileId | 'any'): ProfileId => {
  const version = shape.uint('v')
  if (version !== 1) throw new UnsupportedError(`document version ${version}`)
  shape.text('kind', MAX_KIND_BYTES)
  const id = readId(shape, 'id')
  if (expected !== 'any' && id !== expected) shape.fail('id', `is ${id}, not ${expected}`)
  shape.uint('seq')
  shape.uint('time')
  shape.bytesOrNull('prev', 32)
  const next = shape.bytesOrNull('next', 32)
  if (next) shape.bytes('pledge', 64)
  else if (shape.has('pledge')) shape.fail('pledge', 'must be absent where next is null')
  shape.child('attrs')
  if (shape.has('succeeds')) shape.child('succeeds')
  if (shape.has('keys')) {
    const keys = shape.child('keys')
    if (keys.has('x25519')) keys.bytes('x25519', 32)
  }
  if (shape.has('homes')) for (const home of shape.children('homes', MAX_HOMES)) checkHomeEntry(home)
  if (shape.has('addrs')) shape.texts('addrs', MAX_ADDRESSES, MAX_ADDRESS_BYTES)
  if (shape.has('index')) shape.bytes('index', PROFILE_ID_BYTES)
  if (shape.has('sealed')) shape.cids('sealed', MAX_SEALED, (cid) => isBlockCid(cid, RAW), 'must be a raw block under a sha2-256 CIDv1')
  if (shape.has('listed')) shape.boolean('listed')
  if (shape.has('crit')) shape.texts('crit', MAX_CRITICAL_KEYS, MAX_CRITICAL_KEY_BYTES)
  if (shape.has('gone')) checkTombstone(shape)
  shape.bytes('sig', 64)
  return id
}

/** Reads one entry of `homes`; whether the home signed it is {@link verifyAcceptance}'s affair. */
export const checkHomeEntry = (home: Shape): void => {
  home.bytes('id', PROFILE_ID_BYTES)
  home.uint('since')
  if (home.has('until')) home.uint('until')
  home.bytes('sig', 64)
  if (home.has('addrs')) home.texts('addrs', MAX_HOME_ADDRESSES, MAX_ADDRESS_BYTES)
}

const checkTombstone = (shape: Shape): void => {
  if (shape.map.gone !== true) shape.fail('gone', 'must be true where it stands')
  if (Object.keys(shape.child('attrs').map).length > 0) shape.fail('attrs', 'must be empty in a tombstone')
  if (shape.has('homes') && shape.list('homes', 0).length > 0) shape.fail('homes', 'must be empty in a tombstone')
  if (shape.has('sealed') && shape.list('sealed', 0).length > 0) shape.fail('sealed', 'must be empty in a tombstone')
}

const readId = (shape: Shape, key: string): ProfileId => {
  try {
    return decodeProfileId(shape.bytes(key, PROFILE_ID_BYTES))
  } catch (error) {
    return shape.fail(key, `is not a profile ID: ${(error as Error).message}`, { cause: error })
  }
}

/** A pledge never changes, so its second signature is checked once for each of the last 4,096 profiles. */
const checkPledge = async (id: ProfileId, { next, pledge }: ProfileDocument): Promise<void> => {
  if (!next || !pledge) return
  const known = verifiedPledges.get(id)
  if (known && equals(known.next, next) && equals(known.sig, pledge)) return
  const verified = { next: next.slice(), sig: pledge.slice() }
  if (!(await verifyPledge(id, verified))) throw new InvalidSignatureError('pledge')
  if (verifiedPledges.size >= 4_096) verifiedPledges.delete(verifiedPledges.keys().next().value!)
  verifiedPledges.set(id, verified)
}

const verifiedPledges = new Map<ProfileId, Pledge>()

const checkSucceeds = async (id: ProfileId, succeeds: CborValue, shape: Shape): Promise<void> => {
  const { to } = await verifySuccession(succeeds)
  if (to !== id) shape.fail('succeeds', `leads to ${to}, not to this profile`)
}

/** `next` and its pledge are fixed for good by the first document. */
const commitment = ({ pledge }: Signer, base: ProfileDocument | undefined): Pick<ProfileDocument, 'next' | 'pledge'> => {
  if (!base) return pledge ? { next: pledge.next, pledge: pledge.sig } : { next: null }
  if (pledge && base.next && !equals(pledge.next, base.next)) throw new MercuryError('CONTESTED', 'this key is pledged to another next key than the profile; restore the persona from the words that made it')
  return base.pledge ? { next: base.next, pledge: base.pledge } : { next: base.next }
}

const checkBase = (base: ProfileDocument, draft: ProfileDraft, signer: Signer, gone: boolean): void => {
  // Acceptances, sealed sections and the pledge are bound to the ID that they were made for.
  if (!equals(base.id, encodeProfileId(signer.id))) throw new MercuryError('INVALID_ARGUMENT', `the document to carry over from is not of ${signer.id}`)
  if (base.gone && !gone) throw new MercuryError('GONE', `${signer.id} was removed for good`)
  const kind = readKind(draft)
  if (kind !== undefined && kind !== base.kind) throw new InvalidDraftError('kind', `is fixed for good: ${base.kind}`)
}

const withoutEmpty = (fields: CborMap): CborMap => Object.fromEntries(Object.entries(fields).filter(([key, value]) => !(LEFT_OUT_WHERE_EMPTY.has(key) && isEmpty(value))))

const isEmpty = (value: CborValue): boolean => value === false || (Array.isArray(value) && value.length === 0) || (isCborMap(value) && Object.keys(value).length === 0)

const carriedOver = (base: ProfileDocument, gone: boolean): CborMap => {
  const dropped = new Set(gone ? [...REWRITTEN_KEYS, 'homes', 'sealed', 'keys', 'addrs', 'index'] : REWRITTEN_KEYS)
  return Object.fromEntries(Object.entries(base).filter(([key]) => !dropped.has(key)))
}

/** The sha2-256 digest that `prev` of the next document names. */
export const documentDigest = (cid: CID): Uint8Array => cid.multihash.digest

/** Whether `document` was made over the document with this CID. */
export const follows = (document: ProfileDocument, cid: CID): boolean => document.prev !== null && equals(document.prev, cid.multihash.digest)
