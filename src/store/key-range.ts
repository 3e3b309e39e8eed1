import { compareUtf8 } from '../bytes.ts'
import { MercuryError } from '../errors.ts'
import type { KeyRange } from './key-value-store.ts'

/** One end of a range. */
export interface Bound {
  readonly key: string
  readonly inclusive: boolean
}

/** A {@link KeyRange} brought down to one bound at each end; an absent bound is open. */
export interface KeyBounds {
  readonly lower: Bound | undefined
  readonly upper: Bound | undefined
  readonly reverse: boolean
  /** `Infinity` when there is none. */
  readonly limit: number
}

/** A range that no store takes. */
export class InvalidRangeError extends MercuryError {
  override readonly name = 'InvalidRangeError'
  constructor(reason: string) {
    super('INVALID_RANGE', `not a range of keys: ${reason}`)
  }
}

/** @throws InvalidRangeError when a bound has a lone surrogate or the limit is not a whole number >= 0 */
export const resolveRange = ({ gte, gt, lt, lte, prefix, reverse = false, limit }: KeyRange = {}): KeyBounds => {
  for (const bound of [gte, gt, lt, lte, prefix]) {
    if (bound !== undefined && !bound.isWellFormed()) throw new InvalidRangeError('a bound has a lone surrogate')
  }
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0)) throw new InvalidRangeError(`the limit is not a whole number >= 0 but ${limit}`)
  const end = prefix === undefined ? undefined : prefixEnd(prefix)
  return {
    lower: tightest([bound(gte, true), bound(gt, false), bound(prefix, true)], 1),
    upper: tightest([bound(lte, true), bound(lt, false), bound(end, false)], -1),
    reverse,
    limit: limit ?? Infinity
  }
}

/** The least text above everything that starts with `prefix`; `undefined` when there is none. */
export const prefixEnd = (prefix: string): string | undefined => {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!)
  while (points.at(-1) === LAST_CODE_POINT) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  return String.fromCodePoint(...points, last === LAST_BEFORE_SURROGATES ? FIRST_AFTER_SURROGATES : last + 1)
}

const LAST_CODE_POINT = 0x10ffff
const LAST_BEFORE_SURROGATES = 0xd7ff
const FIRST_AFTER_SURROGATES = 0xe000

const bound = (key: string | undefined, inclusive: boolean): Bound | undefined => (key === undefined ? undefined : { key, inclusive })

/** @param side 1 for lower bounds, where the greatest is the tightest; -1 for upper ones */
const tightest = (bounds: readonly (Bound | undefined)[], side: 1 | -1): Bound | undefined =>
  bounds.reduce((best, candidate) => {
    if (best === undefined || candidate === undefined) return best ?? candidate
    const order = compareUtf8(candidate.key, best.key) * side
    return order > 0 || (order === 0 && !candidate.inclusive) ? candidate : best
  })
