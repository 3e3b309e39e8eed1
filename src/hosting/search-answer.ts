import { decodeCborMap, encodeCbor, type CborMap, type CborValue } from '../cbor.ts'
import { UnsupportedError, checkLimit } from '../errors.ts'
import { MAX_DOCUMENT_BYTES, MAX_RECORD_BYTES } from '../limits.ts'
import { Shape } from '../profile/shape.ts'

export const SEARCH_ANSWER_TYPE = 'application/vnd.ipld.dag-cbor'
const MAX_ANSWER_HITS = 100
/** Indexed documents have at most 4,096 bytes, and most ride in their record. */
export const MAX_SEARCH_ANSWER_BYTES = MAX_ANSWER_HITS * (MAX_RECORD_BYTES + 8_192) + 4_096
const MAX_CURSOR_BYTES = 1_024

/** A hit as a home tells it: what it says of the match is recomputed from the document by whoever wants to be sure. */
export interface AnsweredHit {
  /** Such as `exact-name`. */
  readonly class: string
  /** 0 to 255. */
  readonly quality: number
  /** The newest record of the profile, its document inside where it fits. */
  readonly record: Uint8Array
  /** The document where it does not ride in its record. */
  readonly document?: Uint8Array
}

/** What a home answers a query with. */
export interface HomeSearchAnswer {
  readonly hits: readonly AnsweredHit[]
  /** For the next page. */
  readonly cursor?: string
  /** Profiles that can be found here. */
  readonly documents: number
  /** The index is being built anew: hits may be missing. */
  readonly rebuilding?: boolean
}

/** Canonical DAG-CBOR: `{v: 1, hits: [{class, quality, record, document?}], cursor?, documents, rebuilding?}`. */
export const encodeSearchAnswer = ({ hits, cursor, documents, rebuilding }: HomeSearchAnswer): Uint8Array => encodeCbor({
  v: 1,
  hits: hits.map(({ class: matchClass, quality, record, document }) => ({ class: matchClass, quality, record, ...(document ? { document } : {}) })),
  ...(cursor === undefined ? {} : { cursor }),
  documents,
  ...(rebuilding ? { rebuilding } : {})
})

/** Reads an answer; what it holds is not verified. @throws LimitError, InvalidCborError, InvalidShapeError (`INVALID_ANSWER`), UnsupportedError */
export const decodeSearchAnswer = (bytes: Uint8Array): HomeSearchAnswer => {
  checkLimit('answer bytes', MAX_SEARCH_ANSWER_BYTES, bytes.byteLength)
  const map = decodeCborMap(bytes)
  const shape = new Shape(map, 'INVALID_ANSWER', "home's answer")
  if (shape.uint('v') !== 1) throw new UnsupportedError(`answer version ${shape.uint('v')}`)
  const { hits } = map
  if (!Array.isArray(hits) || hits.length > MAX_ANSWER_HITS) return shape.fail('hits', `must be a list of at most ${MAX_ANSWER_HITS}`)
  return {
    hits: hits.map((hit) => readHit(hit, shape)),
    ...(shape.has('cursor') ? { cursor: shape.text('cursor', MAX_CURSOR_BYTES) } : {}),
    documents: shape.uint('documents'),
    ...(map.rebuilding === true ? { rebuilding: true } : {})
  }
}

const readHit = (hit: CborValue, shape: Shape): AnsweredHit => {
  const { class: matchClass, quality, record, document } = (typeof hit === 'object' && hit !== null ? hit : {}) as CborMap
  if (typeof matchClass !== 'string' || typeof quality !== 'number' || quality < 0 || quality > 255 || !isBytes(record, MAX_RECORD_BYTES)) return shape.fail('hits', 'must hold class, quality and record')
  if (document !== undefined && !isBytes(document, MAX_DOCUMENT_BYTES)) return shape.fail('hits', 'must hold documents as bytes')
  return { class: matchClass, quality, record, ...(document === undefined ? {} : { document }) }
}

const isBytes = (value: unknown, max: number): value is Uint8Array => value instanceof Uint8Array && value.byteLength > 0 && value.byteLength <= max
