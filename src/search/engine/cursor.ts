import { base64url } from 'multiformats/bases/base64'
import { decodeCborMap, encodeCbor, type CborMap } from '../../cbor.ts'
import { MercuryError } from '../../errors.ts'
import { MATCH_CLASSES } from '../rank.ts'

/** How far a stream has come. */
export interface Position {
  /** The class it is in, as a rank. */
  readonly class: number
  /** Of each segment, the last number that was judged in this class; -1 before the first. */
  readonly numbers: readonly number[]
  /** A name with all words of the query was found. */
  readonly named: boolean
}

/** Where a page ended is not a place in this index: of another version, or no cursor at all. */
export class InvalidCursorError extends MercuryError {
  override readonly name = 'InvalidCursorError'
  constructor (reason: string, options?: ErrorOptions) {
    super('INVALID_CURSOR', `the cursor cannot be used: ${reason}; search again from the first page`, options)
  }
}

const MAX_CURSOR_LENGTH = 2_048
const MAX_SEGMENTS = 64

/** @param head names the version of the index */
export const encodeCursor = (head: string, { class: rank, numbers, named }: Position): string => base64url.baseEncode(encodeCbor({ head, class: rank, numbers: numbers.map((number) => number + 1), named }))

/** What a cursor holds. @throws InvalidCursorError */
export const decodeCursorMap = (cursor: string): CborMap => {
  if (typeof cursor !== 'string' || cursor.length > MAX_CURSOR_LENGTH) throw new InvalidCursorError('it is too long')
  try {
    return decodeCborMap(base64url.baseDecode(cursor))
  } catch (error) {
    throw new InvalidCursorError('it is not one', { cause: error })
  }
}

/** @throws InvalidCursorError */
export const decodeCursor = (cursor: string, head: string, segments: readonly { documents: number }[]): Position => {
  const map = decodeCursorMap(cursor)
  if (map.head !== head) throw new InvalidCursorError('the index has changed since')
  const { class: rank, numbers, named } = map
  if (typeof named !== 'boolean' || typeof rank !== 'number' || rank < 0 || rank >= MATCH_CLASSES.length) throw new InvalidCursorError('it is not one')
  if (!Array.isArray(numbers) || numbers.length !== segments.length || numbers.length > MAX_SEGMENTS) throw new InvalidCursorError('it is not one')
  if (!numbers.every((number, i) => typeof number === 'number' && number >= 0 && number <= segments[i]!.documents)) throw new InvalidCursorError('it is not one')
  return { class: rank, numbers: numbers.map((number) => (number as number) - 1), named }
}
