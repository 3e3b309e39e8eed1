/**
 * How a document matches a query, the best first. It is computed from the verified document alone, so no index can lie about it.
 *
 * Within a class an index's opinion decides, one byte a profile, then the document's digest: the same everywhere.
 */
export const MATCH_CLASSES = ['exact-name', 'name', 'name-prefix', 'nickname', 'anywhere', 'bio', 'exact-typo', 'typo'] as const

export type MatchClass = (typeof MATCH_CLASSES)[number]

/** 0 is the best. */
export const classRank = (matchClass: MatchClass): number => MATCH_CLASSES.indexOf(matchClass)

/** Whether the name has all words of the query. */
export const isNamed = (matchClass: MatchClass): boolean => matchClass === 'exact-name' || matchClass === 'name'

/** Whether a word of the query has to be a slip. In a query of several words nobody matches so where somebody's name has them all. */
export const isSlip = (matchClass: MatchClass): boolean => matchClass === 'exact-typo' || matchClass === 'typo'

export interface Rank {
  readonly class: MatchClass
  /** 0 to 255: what the index thinks of the profile; more is better. */
  readonly quality: number
  /** sha2-256 of the document, 32 bytes. */
  readonly digest: Uint8Array
}

/** Negative when `a` comes before `b`. */
export const compareRanks = (a: Rank, b: Rank): number => classRank(a.class) - classRank(b.class) || compareWithinClass(a, b)

/** As {@link compareRanks}, of two of one class. */
export const compareWithinClass = (a: Omit<Rank, 'class'>, b: Omit<Rank, 'class'>): number => b.quality - a.quality || compareDigests(a.digest, b.digest)

/** Byte order. */
export const compareDigests = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < a.byteLength && i < b.byteLength; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.byteLength - b.byteLength
}
