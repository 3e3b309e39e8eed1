import { readTogether, type Reading } from '../reading.ts'
import { findKeys, readNodesOf, scanKeys, type KnownBlocks } from '../segment/find-keys.ts'
import type { KeyEntry, NumberedDocument } from '../segment/leaf.ts'
import type { Segment } from '../segment/segment.ts'
import { EntryNumbers } from './entry-numbers.ts'

/** What a query has looked up in a segment so far. */
export class SegmentKeys {
  readonly segment: Segment
  private readonly numbersByKey = new Map<string, EntryNumbers | undefined>()
  private readonly entriesByKey = new Map<string, KeyEntry | undefined>()
  private readonly known: KnownBlocks = new Map()
  /** Documents of which a leaf or the table has told. */
  readonly documentByNumber = new Map<number, NumberedDocument>()

  constructor (segment: Segment) {
    this.segment = segment
  }

  /** Looks up those of `keys` that are not known yet. */
  * find (keys: Iterable<string>): Reading<void> {
    const missing = [...new Set(keys)].filter((key) => !this.entriesByKey.has(key))
    if (missing.length === 0) return
    const entries = yield * findKeys(this.segment, missing, this.known)
    for (const [i, key] of missing.entries()) this.learn(key, entries[i])
  }

  /** The keys of a field that start with `start`; `undefined` when they are too many to take one by one. */
  * scan (start: string, wanted: (key: string) => boolean): Reading<readonly string[] | undefined> {
    const { entries, complete } = yield * scanKeys(this.segment, start, wanted)
    for (const entry of entries) this.learn(entry.key, entry)
    return complete ? entries.map(({ key }) => key) : undefined
  }

  /** Reads the nodes above `keys`, so that their leaves are a round nearer. */
  * approach (keys: readonly string[]): Reading<void> {
    yield * readNodesOf(this.segment, keys, this.known)
  }

  entry (key: string): KeyEntry | undefined {
    return this.entriesByKey.get(key)
  }

  /** The numbers of a key that was looked up. */
  numbers (key: string): EntryNumbers | undefined {
    return this.numbersByKey.get(key)
  }

  private learn (key: string, entry: KeyEntry | undefined): void {
    if (this.entriesByKey.has(key)) return
    this.entriesByKey.set(key, entry)
    this.numbersByKey.set(key, entry && new EntryNumbers(this.segment, entry))
    for (const hit of entry?.hits ?? []) this.documentByNumber.set(hit.number, hit)
  }
}

/** Looks up `keys` in all segments at once. */
export function * findInAll (all: readonly SegmentKeys[], keys: readonly string[]): Reading<void> {
  yield * readTogether(all.map((each) => each.find(keys)))
}
