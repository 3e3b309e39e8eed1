import type { ProfileId } from '../../identity/profile-id.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { BlockNotFoundError } from '../../store/hash-store.ts'
import { isTypoOf } from '../analyser/typo.ts'
import { nameWordOf, wordKey } from '../query/keys.ts'
import { matchDocument } from '../query/match.ts'
import { termsOf } from '../query/profile-terms.ts'
import type { Query } from '../query/query.ts'
import { MATCH_CLASSES, classRank, compareWithinClass, isNamed, isSlip, type MatchClass } from '../rank.ts'
import { readDocuments, readTogether, type FetchedDocument, type Reading } from '../reading.ts'
import { documentCidOf, type NumberedDocument } from '../segment/leaf.ts'
import type { Segment } from '../segment/segment.ts'
import { deadAmong } from '../segment/tombstones.ts'
import { QueryStopped, runReading, type BlockSource } from './block-source.ts'
import { ClassScan } from './class-scan.ts'
import { decodeCursor, encodeCursor, type Position } from './cursor.ts'
import { filtersOf, scannedStart, typoKeysOf, waysOf, withWord, withWordExactly, type KeyChoice, type SlipKeys, type Way } from './query-plan.ts'
import { falseHits, type DroppedHits, type Hit, type HitStream, type QueryReport } from './search-answer.ts'
import { SegmentKeys, findInAll } from './segment-keys.ts'

/** A word is taken for at most so many others: more where the other words of a query narrow them down, and are not so many that each may be the slip. */
const MAX_MEANT_WORDS = 4
const MAX_MEANT_BESIDE_OTHERS = 16
const MAX_OTHERS = 3
/** What is looked up in any case, before it is known whether it is needed: all of it stands together. */
const AT_ONCE: readonly MatchClass[] = ['exact-name', 'name', 'name-prefix', 'anywhere', 'bio']

export interface HitStreamOptions {
  readonly segments: readonly Segment[]
  readonly query: Query
  readonly source: BlockSource
  /** Names the version of the index: a cursor of another one is refused. */
  readonly head: string
  readonly cursor?: string
  /** Ends the search of an index that offers so many hits that do not hold; none by default, for one of the caller's own. */
  readonly maxFalseHits?: number
  /** A name that has all words of the query is known already, outside of `segments`. */
  readonly named?: boolean
  /** Whether a hit is the newest version that is known; `hidden` ones are left out without a word, as what the index's owner knows to be changed. */
  readonly judge?: (id: ProfileId, document: ProfileDocument) => Promise<'current' | 'stale' | 'hidden'>
}

/**
 * The hits of `query` in `segments`, in the exact order of their rank; equal to judging every document, however few are read.
 * In a query of several words a slip is looked for only where no name has them all: it costs more than everything else, and what was typed makes sense.
 *
 * @throws InvalidCursorError
 */
export const openHitStream = (options: HitStreamOptions): HitStream => new SegmentHitStream(options)

interface Candidate {
  readonly class: MatchClass
  readonly segment: number
  readonly document: NumberedDocument
}

/** The ways of the two classes of slips. */
interface SlipWays {
  readonly exact: readonly Way[]
  readonly any: readonly Way[]
}

class SegmentHitStream implements HitStream {
  private readonly query: Query
  private readonly source: BlockSource
  private readonly head: string
  private readonly judge: NonNullable<HitStreamOptions['judge']>
  private readonly keys: readonly SegmentKeys[]
  private readonly filters: readonly KeyChoice[]
  private readonly dropped: DroppedHits = { unavailable: 0, forged: 0, notMatching: 0, misScored: 0, stale: 0 }
  private readonly judged = new Map<string, Hit | undefined>()
  /** What was read ahead and not judged yet, in order. */
  private waiting: Candidate[] = []
  private continued: KeyChoice | undefined
  private lookedUp = false
  private typoWays: SlipWays | undefined
  private readAt: number
  private scans: ClassScan[] | undefined
  private position: { class: number; numbers: number[]; named: boolean }
  /** Where each profile that was given stands, and in which version. */
  private readonly given = new Map<ProfileId, { name: string; seq: number }>()
  /** The limit that ended reading ahead. */
  private readTo: QueryStopped['limit'] | undefined
  private stopped: QueryReport['stopped']
  private readonly maxFalseHits: number
  private done = false

  constructor ({ segments, query, source, head, cursor, maxFalseHits = Number.POSITIVE_INFINITY, named = false, judge = async () => 'current' }: HitStreamOptions) {
    this.maxFalseHits = maxFalseHits
    this.query = query
    this.source = source
    this.head = head
    this.judge = judge
    this.keys = segments.map((segment) => new SegmentKeys(segment))
    this.filters = filtersOf(query)
    const position = cursor === undefined ? { class: 0, numbers: segments.map(() => -1), named } : decodeCursor(cursor, head, segments)
    this.position = { ...position, numbers: [...position.numbers] }
    this.readAt = position.class
  }

  get report (): HitStream['report'] {
    return { work: { ...this.source.work }, dropped: { ...this.dropped }, ...(this.stopped ? { stopped: this.stopped } : {}) }
  }

  cursor (): string | undefined {
    return this.done ? undefined : encodeCursor(this.head, this.position)
  }

  async take (count: number, { signal }: { signal?: AbortSignal } = {}): Promise<readonly Hit[]> {
    const hits: Hit[] = []
    const start = { ...this.position, numbers: [...this.position.numbers] }
    try {
      while (hits.length < count && !this.done && !this.stopped) {
        const wanted = count - hits.length
        if (!this.readTo) await this.readOn(wanted, signal)
        if (this.waiting.length === 0) {
          this.done = !this.readTo
          this.stopped = this.readTo
          break
        }
        const { batch, judgements } = await this.judgeFirst(this.firstUnique(wanted), signal)
        for (const [i, candidate] of batch.entries()) {
          this.waiting.shift()
          this.moveTo(candidate)
          const hit = judgements[i]
          if (hit && this.isFirst(hit, candidate)) {
            hits.push(hit)
            this.position.named ||= isNamed(hit.rank.class)
          }
          if (hits.length === count) break
        }
        if (falseHits(this.dropped) >= this.maxFalseHits) this.stopped = 'false-hits'
      }
    } catch (error) {
      if (!(error instanceof QueryStopped)) {
        this.goBackTo(start)
        throw error
      }
      this.stopped = error.limit
    }
    return hits
  }

  /** Reads ahead; when a limit ends that, what was found before is still judged. */
  private async readOn (wanted: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await runReading(this.readAhead(wanted), this.source, { signal })
    } catch (error) {
      if (!(error instanceof QueryStopped)) throw error
      this.readTo = error.limit
    }
  }

  /** Judges `batch`, or of its beginning as much as the limit of blocks has room for. */
  private async judgeFirst (batch: readonly Candidate[], signal: AbortSignal | undefined): Promise<{ batch: readonly Candidate[]; judgements: readonly (Hit | undefined)[] }> {
    try {
      return { batch, judgements: await this.judgeBatch(batch, signal) }
    } catch (error) {
      if (!(error instanceof QueryStopped) || error.limit !== 'blocks' || batch.length === 1) throw error
      return this.judgeFirst(batch.slice(0, batch.length >> 1), signal)
    }
  }

  /** Whether this version of the profile, or a newer one, was not given under another number. */
  private isFirst ({ id, document }: Hit, candidate: Candidate): boolean {
    const given = this.given.get(id)
    const name = nameOf(candidate)
    if (given && given.name !== name && document.seq <= given.seq) {
      this.dropped[document.seq === given.seq ? 'misScored' : 'stale']++
      return false
    }
    this.given.set(id, { name, seq: document.seq })
    return true
  }

  /** What a failure left half done is begun again: the next call gives what this one did not. */
  private goBackTo (position: Position): void {
    this.position = { ...position, numbers: [...position.numbers] }
    this.waiting = []
    this.scans = undefined
    this.readAt = position.class
  }

  /** The first candidates of as many documents as are wanted. */
  private firstUnique (wanted: number): readonly Candidate[] {
    const seen = new Set<string>()
    let end = 0
    for (; end < this.waiting.length; end++) {
      seen.add(nameOf(this.waiting[end]!))
      if (seen.size > wanted) break
    }
    return this.waiting.slice(0, end)
  }

  private moveTo ({ class: matchClass, segment, document }: Candidate): void {
    const rank = classRank(matchClass)
    if (rank !== this.position.class) this.position = { class: rank, numbers: this.keys.map(() => -1), named: this.position.named }
    this.position.numbers[segment] = document.number
  }

  /** Candidates of `wanted` documents at least, if there are so many, over as many classes as it takes; no document is read for it. */
  private * readAhead (wanted: number): Reading<void> {
    if (!this.lookedUp) yield * this.lookUp()
    const unique = new Set(this.waiting.map(nameOf))
    while (unique.size < wanted && this.readAt < MATCH_CLASSES.length) {
      const matchClass = MATCH_CLASSES[this.readAt]!
      if (isSlip(matchClass) && this.query.words.length > 1) {
        if (this.position.named) this.readAt = MATCH_CLASSES.length
        // What waits may have them all in its name: that is seen first.
        if (this.position.named || this.waiting.some((candidate) => isNamed(candidate.class))) break
      }
      this.scans ??= yield * this.openScans(matchClass)
      const empty = this.scans.filter((scan) => !scan.head && !scan.ended)
      if (empty.length > 0) yield * readTogether(empty.map((scan) => scan.fill(wanted - unique.size)))
      while (unique.size < wanted) {
        const segment = leastOf(this.scans)
        if (segment === undefined) break
        const candidate = { class: matchClass, segment, document: this.scans[segment]!.head! }
        this.scans[segment]!.shift()
        this.waiting.push(candidate)
        unique.add(nameOf(candidate))
      }
      if (this.scans.every((scan) => scan.ended)) {
        this.scans = undefined
        this.readAt++
      }
    }
  }

  private * openScans (matchClass: MatchClass): Reading<ClassScan[]> {
    if (isSlip(matchClass)) yield * this.findTypoWays()
    const ways = this.waysOf(matchClass)
    yield * findInAll(this.keys, ways.flat(2))
    const resumed = this.position.class === classRank(matchClass)
    return this.keys.map((keys, i) => new ClassScan(keys, ways, this.filters, resumed ? this.position.numbers[i]! : -1))
  }

  /** Looks up what most classes need, in one go. */
  private * lookUp (): Reading<void> {
    const start = scannedStart(this.query)
    const keys = AT_ONCE.filter((matchClass) => start === undefined || matchClass !== 'name-prefix').flatMap((matchClass) => waysOf(matchClass, this.query, undefined)).flat(2).concat(this.filters.flat())
    const slips = this.query.words.length === 1 ? typoKeysOf(this.query) : []
    const scanned = new Set<string>()
    let complete = true
    yield * readTogether(this.keys.flatMap((each) => [
      each.find([...keys, ...slips.flatMap(({ keysOfFirst }) => keysOfFirst)]),
      each.approach(slips.flatMap(({ keys }) => keys)),
      ...(start === undefined ? [] : [(function * (): Reading<void> {
        const found = yield * each.scan(start, (key) => nameWordOf(key) !== undefined)
        if (!found) complete = false
        for (const key of found ?? []) scanned.add(key)
      })()])
    ]))
    this.lookedUp = true
    if (start !== undefined && complete) {
      this.continued = [...scanned]
      yield * findInAll(this.keys, this.continued)
    }
  }

  /** Which words of names a word of the query may be a slip of: the most frequent ones in all segments. */
  private * findTypoWays (): Reading<void> {
    if (this.typoWays) return
    const { words } = this.query
    // One word is the slip: where another one stands in no name, nobody is found by it.
    const slips = typoKeysOf(this.query).filter(({ word }) => words.every((other) => other === word || this.keys.some((each) => each.entry(wordKey(other, 'name')))))
    const first = keysOfWays(this.slipWays(slips))
    yield * readTogether(this.keys.flatMap((each) => [each.find(slips.flatMap(({ keys }) => keys)), each.approach(first)]))
    this.typoWays = this.slipWays(slips)
    // What the second class needs stands beside what the first does.
    yield * findInAll(this.keys, keysOfWays(this.typoWays))
  }

  /** As far as the keys of slips were looked up. */
  private slipWays (slips: readonly SlipKeys[]): SlipWays {
    const { words, form } = this.query
    const max = words.length > 1 && words.length <= 1 + MAX_OTHERS ? MAX_MEANT_BESIDE_OTHERS : MAX_MEANT_WORDS
    const meant = slips.map(({ word, keys }) => ({ word, others: meantWords(this.keys, word, keys).slice(0, max) }))
    return {
      exact: meant.flatMap(({ word, others }) => withWordExactly(form, word, others)),
      any: meant.flatMap(({ word, others }) => withWord(words, word, others))
    }
  }

  private waysOf (matchClass: MatchClass): readonly Way[] {
    if (!isSlip(matchClass)) return waysOf(matchClass, this.query, this.continued)
    return (matchClass === 'exact-typo' ? this.typoWays?.exact : this.typoWays?.any) ?? []
  }

  /** Reads the documents of `batch`, and which of its numbers are dead, in one round; then judges each. */
  private async judgeBatch (batch: readonly Candidate[], signal: AbortSignal | undefined): Promise<readonly (Hit | undefined)[]> {
    // A document is held to the best class under which it is offered.
    const firstByName = new Map<string, Candidate>()
    for (const candidate of batch) if (!this.judged.has(nameOf(candidate)) && !firstByName.has(nameOf(candidate))) firstByName.set(nameOf(candidate), candidate)
    const fresh = [...firstByName.values()]
    const { documents, dead } = await runReading(readBatch(fresh, this.keys), this.source, { signal })
    for (const [i, candidate] of fresh.entries()) this.judged.set(nameOf(candidate), dead[i] ? undefined : await this.judgeDocument(candidate, documents[i]!))
    return batch.map((candidate) => {
      const hit = this.judged.get(nameOf(candidate))
      return hit && hit.rank.class === candidate.class ? hit : undefined
    })
  }

  private async judgeDocument (candidate: Candidate, found: FetchedDocument | Error): Promise<Hit | undefined> {
    if (found instanceof Error) {
      this.dropped[found instanceof BlockNotFoundError ? 'unavailable' : 'forged']++
      return undefined
    }
    const { id, cid, document, bytes } = found
    const { quality, digest } = candidate.document
    const match = matchDocument(this.query, document)
    if (!this.isClaimTrue(candidate, document, bytes)) this.dropped[match ? 'misScored' : 'notMatching']++
    if (!match) return undefined
    const standing = await this.judge(id, document)
    if (standing === 'stale') this.dropped.stale++
    return standing === 'current' ? { id, cid, bytes, document, match, rank: { class: match.class, quality, digest } } : undefined
  }

  /** Whether the document has the keys under which the index listed it; that a whole tag or a distance does not match is no lie. */
  private isClaimTrue ({ class: matchClass, segment }: Candidate, document: ProfileDocument, bytes: Uint8Array): boolean {
    const terms = new Set(termsOf(document, bytes.byteLength)?.keys)
    const ways = this.waysOf(matchClass)
    const has = (choice: KeyChoice): boolean => choice.some((key) => terms.has(key))
    const { documents } = this.keys[segment]!.segment
    const selective = this.filters.filter((choice) => choice.reduce((sum, key) => sum + (this.keys[segment]!.entry(key)?.documents ?? 0), 0) * 2 <= documents)
    return terms.size > 0 && ways.some((way) => way.every(has)) && selective.every(has)
  }
}

const nameOf = ({ segment, document }: Candidate): string => `${segment}:${document.number}`

/** Documents, and which of their numbers are dead, in one round. */
function * readBatch (batch: readonly Candidate[], all: readonly SegmentKeys[]): Reading<{ documents: readonly (FetchedDocument | Error)[]; dead: readonly boolean[] }> {
  const dead = batch.map(() => false)
  const bySegment = all.map((_, segment) => batch.flatMap((candidate, i) => (candidate.segment === segment ? [i] : [])))
  const [documents] = yield * readTogether<readonly (FetchedDocument | Error)[]>([
    readDocuments(batch.map(({ document }) => documentCidOf(document.digest))),
    ...all.map(({ segment }, n) => (function * (): Reading<readonly (FetchedDocument | Error)[]> {
      const own = bySegment[n]!
      const flags = yield * deadAmong(segment, own.map((i) => batch[i]!.document.number))
      for (const [at, i] of own.entries()) dead[i] = flags[at]!
      return []
    })())
  ])
  return { documents: documents!, dead }
}

/** The segment whose next is the best, once the next of each is known. */
const leastOf = (scans: readonly ClassScan[]): number | undefined => {
  let least: number | undefined
  for (const [i, scan] of scans.entries()) {
    if (!scan.head) {
      if (!scan.ended) return undefined
      continue
    }
    if (least === undefined || compareWithinClass(scan.head, scans[least]!.head!) < 0) least = i
  }
  return least
}

const keysOfWays = ({ exact, any }: SlipWays): readonly string[] => [...exact, ...any].flat(2)

/** The words of names that `word` may be a slip of, the most frequent first. */
const meantWords = (all: readonly SegmentKeys[], word: string, typoKeys: readonly string[]): readonly string[] => {
  const documentsByWord = new Map<string, number>()
  for (const keys of all) {
    const words = new Map(typoKeys.flatMap((key) => keys.entry(key)?.words ?? []).map(({ word, documents }) => [word, documents]))
    for (const [meant, documents] of words) if (isTypoOf(word, meant)) documentsByWord.set(meant, (documentsByWord.get(meant) ?? 0) + documents)
  }
  return [...documentsByWord].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([meant]) => meant)
}
