import type { CID } from 'multiformats/cid'
import type { ProfileId } from '../../identity/profile-id.ts'

/** What was found of one kind: all are counted, the first are listed. */
export interface Findings<T> {
  readonly total: number
  readonly items: readonly T[]
}

/** A profile that may be found, as the auditor knows, and cannot be found here. */
export interface MissingProfile {
  readonly id: ProfileId
  readonly cid: CID
}

/**
 * A document that stands in the index and should not: its block cannot be had or is too large, is no authentic document, is not listed or is a tombstone,
 * or a newer version of it is known to the auditor or stands in the same index.
 */
export interface AddedDocument {
  readonly cid: CID
  /** Absent where it cannot be told. */
  readonly id?: ProfileId
  readonly reason: 'unavailable' | 'too-large' | 'forged' | 'unlisted' | 'gone' | 'superseded'
}

/**
 * A key of the index that says something else than the analyser:
 * `false`: it lists a document that has no such key; `hidden`: it does not list one that has; `hits`: its best hits are not its first profiles; `words`: the words of names under a slip are not those of the index.
 */
export interface MisScoredKey {
  readonly key: string
  readonly how: 'false' | 'hidden' | 'hits' | 'words'
  /** The document; absent for `hits` and `words`. */
  readonly cid?: CID
  readonly id?: ProfileId
}

/** The index thinks otherwise of a profile than this program would: an opinion and no lie, but it decides the order within a class. */
export interface QualityDifference {
  readonly id: ProfileId
  readonly cid: CID
  readonly says: number
  readonly expected: number
}

/** The coverage counts other profiles of a home than the documents say. */
export interface CoverageDifference {
  /** Absent for all profiles of no home that is listed. */
  readonly home?: ProfileId
  readonly says: number
  readonly counted: number
}

export interface AuditedSegment {
  readonly documents: number
  readonly dead: number
  /** Built again of its documents, it has the same root. */
  readonly rebuilt: boolean
}

/** What an index says, and what follows from the documents. */
export interface IndexAudit {
  readonly name: ProfileId
  /** Of the manifest. */
  readonly cid: CID
  readonly seq: number
  /** Profiles that can be found. */
  readonly documents: number
  /** Documents of the auditor's that were looked for. */
  readonly compared: number
  readonly work: { readonly blocks: number; readonly bytes: number }
  readonly missing: Findings<MissingProfile>
  readonly added: Findings<AddedDocument>
  readonly misScored: Findings<MisScoredKey>
  readonly coverage: Findings<CoverageDifference>
  readonly quality: Findings<QualityDifference>
  readonly segments: readonly AuditedSegment[]
  /** Nothing is missing, added or mis-scored, every segment was built again, and the coverage counts right. Quality is an opinion and does not enter into it. */
  readonly faithful: boolean
}

/** Counts all, keeps the first `max`. */
export class FindingList<T> {
  total = 0
  private readonly items: T[] = []
  private readonly max: number

  constructor (max: number) {
    this.max = max
  }

  add (item: T): void {
    this.total++
    if (this.items.length < this.max) this.items.push(item)
  }

  findings (): Findings<T> {
    return { total: this.total, items: [...this.items] }
  }
}
