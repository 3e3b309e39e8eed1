import type { CID } from 'multiformats/cid'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import type { Match } from '../query/match.ts'
import type { Rank } from '../rank.ts'

/** What a query has fetched; what a cache answered is not counted. */
export interface Work {
  /** How often it had to wait for blocks that it could not know of before. */
  rounds: number
  blocks: number
  bytes: number
}

/** A profile that matches: its document is authentic, and its class is computed from it. */
export interface Hit {
  readonly id: ProfileId
  readonly cid: CID
  readonly bytes: Uint8Array
  readonly document: ProfileDocument
  readonly rank: Rank
  readonly match: Match
}

/** Hits that an index offered and that were not shown, by what is wrong with them. */
export interface DroppedHits {
  /** The document cannot be had. */
  unavailable: number
  /** It does not verify. */
  forged: number
  /** It does not match at all. */
  notMatching: number
  /** It matches, but has not the key under which the index listed it. */
  misScored: number
  /** A newer version is known. */
  stale: number
}

/** So many false hits are no accident: the index is asked no more. */
export const MAX_FALSE_HITS = 3

/** Hits that no honest index offers; an old one offers stale ones, and a store may lack a document. */
export const falseHits = ({ forged, notMatching, misScored }: DroppedHits): number => forged + notMatching + misScored

export interface QueryReport {
  readonly work: Readonly<Work>
  readonly dropped: Readonly<DroppedHits>
  /** What ended the search before it was complete. */
  readonly stopped?: 'blocks' | 'bytes' | 'time' | 'false-hits'
}

/** The hits of one index in the order of their rank, none twice. */
export interface HitStream {
  /**
   * The next `count`; fewer when there are no more, or when a limit stopped it.
   *
   * @throws InvalidIndexBlockError naming the block, and what the store throws
   */
  take(count: number, options?: { signal?: AbortSignal }): Promise<readonly Hit[]>
  /** Where to go on from, in another process perhaps; `undefined` when there are no more. */
  cursor(): string | undefined
  readonly report: QueryReport
}

/** How often values of an attribute occur among the matches. */
export interface Facets {
  readonly tags: readonly FacetCount[]
  readonly kinds: readonly FacetCount[]
  readonly langs: readonly FacetCount[]
  /** Not all matches were counted: there are at least so many. */
  readonly atLeast: boolean
}

export interface FacetCount {
  readonly value: string
  readonly count: number
}

/** One page. */
export interface SearchAnswer {
  readonly hits: readonly Hit[]
  readonly cursor?: string
  readonly report: QueryReport
  /** The index is being built anew: hits may be missing. */
  readonly rebuilding?: boolean
  readonly facets?: Facets
}
