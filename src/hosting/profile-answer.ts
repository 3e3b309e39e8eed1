import { decodeCborMap, encodeCbor, isCborMap, type CborMap } from '../cbor.ts'
import { UnsupportedError, checkLimit } from '../errors.ts'
import { MAX_DOCUMENT_BYTES, MAX_RECORD_BYTES } from '../limits.ts'
import { InvalidShapeError, Shape } from '../profile/shape.ts'

export const PROFILE_ANSWER_TYPE = 'application/vnd.ipld.dag-cbor'
/** Two records, a document that does not ride in its record, a succession. */
export const MAX_PROFILE_ANSWER_BYTES = 2 * MAX_RECORD_BYTES + MAX_DOCUMENT_BYTES + 4_096

/**
 * `active`: the agreement holds. `ended`: it does not, but the newest record that this home saw is handed out still.
 * `kept`: the home keeps the profile without an agreement. `offered`: its owner has not used the acceptance yet.
 */
export type HostingState = 'active' | 'offered' | 'ended' | 'kept'

/** What a home says of a profile in one answer. Nothing in it is believed: records verify themselves, and so does a succession. */
export interface ProfileAnswer {
  readonly hosting: HostingState
  /** The newest record of the profile, its document inside where it fits. */
  readonly record: Uint8Array
  /** The document where it does not ride in its record. */
  readonly document?: Uint8Array
  /** The answering home's own record, its document inside. */
  readonly home?: Uint8Array
  /** The step to the next key, where one is known. */
  readonly succession?: CborMap
}

const STATES: readonly string[] = ['active', 'offered', 'ended', 'kept'] satisfies HostingState[]

/** Canonical DAG-CBOR: `{v: 1, hosting, record, document?, home?, succession?}`. */
export const encodeProfileAnswer = ({ hosting, record, document, home, succession }: ProfileAnswer): Uint8Array =>
  encodeCbor({ v: 1, hosting, record, ...(document ? { document } : {}), ...(home ? { home } : {}), ...(succession ? { succession } : {}) })

/**
 * Reads an answer; what it holds is not verified.
 *
 * @throws LimitError, InvalidCborError, InvalidShapeError (`INVALID_ANSWER`), UnsupportedError
 */
export const decodeProfileAnswer = (bytes: Uint8Array): ProfileAnswer => {
  checkLimit('answer bytes', MAX_PROFILE_ANSWER_BYTES, bytes.byteLength)
  const map = decodeCborMap(bytes)
  const shape = new Shape(map, 'INVALID_ANSWER', "home's answer")
  if (shape.uint('v') !== 1) throw new UnsupportedError(`answer version ${shape.uint('v')}`)
  const hosting = shape.text('hosting', 16)
  if (!STATES.includes(hosting)) shape.fail('hosting', `must be one of ${STATES.join(', ')}`)
  const record = bytesOf(map, 'record', MAX_RECORD_BYTES)
  if (!record) return shape.fail('record', 'must be there')
  const document = bytesOf(map, 'document', MAX_DOCUMENT_BYTES)
  const home = bytesOf(map, 'home', MAX_RECORD_BYTES)
  const { succession } = map
  if (succession !== undefined && !isCborMap(succession)) return shape.fail('succession', 'must be a map')
  return { hosting: hosting as HostingState, record, ...(document ? { document } : {}), ...(home ? { home } : {}), ...(succession ? { succession } : {}) }
}

const bytesOf = (map: CborMap, key: string, max: number): Uint8Array | undefined => {
  const value = map[key]
  if (value === undefined) return undefined
  if (!(value instanceof Uint8Array) || value.byteLength === 0 || value.byteLength > max) throw new InvalidShapeError('INVALID_ANSWER', "home's answer", key, `must be 1 to ${max} bytes`)
  return value
}
