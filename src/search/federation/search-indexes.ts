import { SECOND_MS } from '../../limits.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { skeletonOf } from '../analyser/skeleton.ts'
import { DEFAULT_PAGE_HITS, MAX_HITS, checkPageLimit } from '../engine/answer-page.ts'
import type { Hit, QueryReport } from '../engine/search-answer.ts'
import { acceptedHomeOf } from '../published/accepted-home.ts'
import { parseQuery, type QueryFilters } from '../query/query.ts'
import { compareRanks } from '../rank.ts'
import { decodeShown, encodeShown, shownName } from './page-cursor.ts'
import { SourceLane, type SearchSource, type SourceState } from './source-lane.ts'

export const QUERY_TIMEOUT_MS = 2 * SECOND_MS
/** Of the profiles of one home, and of those of none, so many stand on a page before all others of their class do. */
export const MAX_HITS_OF_A_HOME = 3
/** Of the time: then a source gives what it has, so that one document that nobody has does not take the others along. */
const SHARE_FOR_READING = 0.8
/** So many are read of a source at once at most. */
const MAX_BATCH = 128
/** How far a page looks for profiles of other homes: so many times as many hits as it shows. */
const LOOK_AHEAD = 4

export interface FederatedOptions extends QueryFilters {
  /** 1 to 100; 10 by default. */
  limit?: number
  cursor?: string
  /** For all sources together; 2 s by default. What has come by then is the answer. */
  timeoutMs?: number
  /** Profiles of these homes are left out. */
  excludeHomes?: readonly ProfileId[]
  /** Whom the user knows: others whose name looks like one of theirs are marked. */
  contacts?: readonly { readonly id: ProfileId; readonly name: string }[]
  signal?: AbortSignal
}

export interface FederatedHit extends Hit {
  /** The sources that had it. */
  readonly sources: readonly string[]
  /** The first home that has signed that it takes the profile. */
  readonly home?: ProfileId
  /** The contact whose name it could be taken for, and whom it is not. */
  readonly resembles?: ProfileId
}

/** What one source did. */
export interface SourceReport extends QueryReport {
  readonly name: string
  readonly state: SourceState
  /** Of the hits on this page, those it had. */
  readonly hits: number
  /** Profiles that can be found in it, as it says. */
  readonly documents?: number
  /** Milliseconds since 1970: when the version that was asked was made, as it says. */
  readonly madeAt?: number
  /** Where it failed. */
  readonly error?: { readonly code?: string; readonly reason: string }
}

/** Who was asked and what came of it. What is shown is authentic and matches; that nobody held anything back is nothing that can be proven. */
export interface CoverageReport {
  readonly sources: readonly SourceReport[]
  /** Of what was looked at for this page, by home, the most first: one that has very many may have made them up, and can be left out. */
  readonly homes: readonly { readonly home?: ProfileId; readonly hits: number; readonly shown: number }[]
  /** Hits that wait for a next page because others of their home stand on this one. */
  readonly deferred: number
}

export interface FederatedAnswer {
  readonly hits: readonly FederatedHit[]
  readonly cursor?: string
  readonly coverage: CoverageReport
}

/**
 * Asks all `sources` at once and merges what they find by rank: a profile once, in its newest version, at most three of one home on a page before all others of its class.
 *
 * A source that is late, fails or lies takes nothing away from the others. A cursor says which profiles were shown, so pages never repeat one, whatever has changed meanwhile.
 *
 * @throws InvalidQueryError, LimitError, InvalidCursorError, the signal's reason; never because of a source
 */
export const searchIndexes = async (sources: readonly SearchSource[], text: string, options: FederatedOptions = {}): Promise<FederatedAnswer> => {
  const { limit = DEFAULT_PAGE_HITS, cursor, timeoutMs = QUERY_TIMEOUT_MS, excludeHomes = [], contacts = [], signal, ...filters } = options
  const query = parseQuery(text, filters)
  checkPageLimit(limit)
  const shown = cursor === undefined ? new Set<string>() : decodeShown(cursor)
  signal?.throwIfAborted()
  const late = AbortSignal.timeout(timeoutMs)
  const until = {
    signal: signal ? AbortSignal.any([signal, late]) : late,
    deadline: AbortSignal.timeout(timeoutMs * SHARE_FOR_READING),
    passedOver: shown.size + (excludeHomes.length > 0 ? MAX_HITS : 0)
  }
  // One that is named twice is asked once.
  const lanes = [...new Map(sources.map((source) => [source.name, source])).values()].map((source) => new SourceLane(source, query, until))
  const merged = new MergedHits(lanes, new Set(excludeHomes), shown)
  const wanted = Math.min(limit, MAX_HITS - shown.size)
  await merged.read(shown.size + wanted, wanted)
  signal?.throwIfAborted()
  const { page, deferred, hasMore } = merged.page(wanted)
  const hits = markResembling(page, contacts)
  const next = hasMore && shown.size + page.length < MAX_HITS ? encodeShown([...shown, ...page.map(({ id }) => shownName(id))]) : undefined
  return { hits, ...(next === undefined ? {} : { cursor: next }), coverage: { sources: lanes.map((lane) => reportOf(lane, hits, merged.staleOf(lane.source.name))), homes: merged.homes(hits), deferred } }
}

interface Found {
  hit: Hit
  home: ProfileId | undefined
  readonly sources: Set<string>
}

/** The hits of all lanes in order, each profile once. */
class MergedHits {
  private readonly lanes: readonly SourceLane[]
  private readonly excluded: ReadonlySet<ProfileId>
  private readonly shown: ReadonlySet<string>
  private readonly foundById = new Map<ProfileId, Found>()
  /** Versions that another source had a newer one of. */
  private readonly staleBySource = new Map<string, number>()
  /** Grows: where most of what comes is passed over, it is read in fewer rounds. */
  private batch = 0

  constructor (lanes: readonly SourceLane[], excluded: ReadonlySet<ProfileId>, shown: ReadonlySet<string>) {
    this.lanes = lanes
    this.excluded = excluded
    this.shown = shown
  }

  /** Reads until there are `wanted` profiles to show, none of whose home crowds out another of its class; at most four times as many. */
  async read (first: number, wanted: number): Promise<void> {
    // One more tells whether there is a next page.
    await Promise.all(this.lanes.map((lane) => lane.fill(first + 1)))
    while (this.unshown().length < LOOK_AHEAD * wanted + 1 && !this.isFilled(wanted)) {
      if (!(await this.step(wanted))) return
    }
    await this.skim()
  }

  /** Takes off the lanes what is of profiles that were found: only another one makes a next page. */
  private async skim (): Promise<void> {
    for (const lane of this.lanes) {
      for (let { head } = lane; head && this.foundById.has(head.id); { head } = lane) {
        lane.shift()
        await this.add(head, lane.source.name)
      }
    }
  }

  page (wanted: number): { page: readonly FederatedHit[]; deferred: number; hasMore: boolean } {
    const { taken, deferred } = this.spread(wanted)
    const page = taken.map(({ hit, home, sources }): FederatedHit => ({ ...hit, sources: [...sources].sort(), ...(home === undefined ? {} : { home }) }))
    return { page, deferred: deferred.length, hasMore: this.unshown().length > taken.length || this.lanes.some(({ head, open }) => head !== undefined || open) }
  }

  homes (page: readonly FederatedHit[]): CoverageReport['homes'] {
    const counts = new Map<ProfileId | undefined, { hits: number; shown: number }>()
    for (const { home } of this.unshown()) counts.set(home, { hits: (counts.get(home)?.hits ?? 0) + 1, shown: 0 })
    for (const { home } of page) counts.get(home)!.shown++
    return [...counts].map(([home, count]) => ({ ...(home === undefined ? {} : { home }), ...count })).sort((a, b) => b.hits - a.hits)
  }

  /** Takes the best hit there is, once the next of every lane is known. @returns whether there was one */
  private async step (wanted: number): Promise<boolean> {
    const empty = this.lanes.filter(({ head, open }) => !head && open)
    if (empty.length > 0) this.batch = Math.min(MAX_BATCH, Math.max(wanted, 2 * this.batch))
    await Promise.all(empty.map((lane) => lane.fill(this.batch)))
    let best: SourceLane | undefined
    for (const lane of this.lanes) if (lane.head && (!best || compareRanks(lane.head.rank, best.head!.rank) < 0)) best = lane
    if (!best) return false
    const hit = best.head!
    best.shift()
    await this.add(hit, best.source.name)
    return true
  }

  private async add (hit: Hit, source: string): Promise<void> {
    const known = this.foundById.get(hit.id)
    if (!known) {
      this.foundById.set(hit.id, { hit, home: await acceptedHomeOf(hit), sources: new Set([source]) })
      return
    }
    const newer = hit.document.seq - known.hit.document.seq
    for (const stale of newer > 0 ? known.sources : newer < 0 ? [source] : []) this.staleBySource.set(stale, this.staleOf(stale) + 1)
    if (newer > 0) this.foundById.set(hit.id, { hit, home: await acceptedHomeOf(hit), sources: new Set([source]) })
    else if (newer === 0) known.sources.add(source)
  }

  /** How many versions a source had of which another had a newer one. */
  staleOf (source: string): number {
    return this.staleBySource.get(source) ?? 0
  }

  /** In the order of rank, those shown on earlier pages and of homes that are left out apart. */
  private unshown (): Found[] {
    return [...this.foundById.values()].filter(({ hit, home }) => !this.shown.has(shownName(hit.id)) && !(home !== undefined && this.excluded.has(home))).sort((a, b) => compareRanks(a.hit.rank, b.hit.rank))
  }

  private isFilled (wanted: number): boolean {
    const { taken, deferred } = this.spread(wanted, { fill: false })
    return taken.length === wanted && deferred.length === 0
  }

  /** A page: class by class, of each home three; then those that had to wait, before the next class. */
  private spread (wanted: number, { fill = true }: { fill?: boolean } = {}): { taken: Found[]; deferred: Found[] } {
    const unshown = this.unshown()
    const taken: Found[] = []
    const countByHome = new Map<ProfileId | undefined, number>()
    const all: Found[] = []
    for (const matchClass of new Set(unshown.map(({ hit }) => hit.rank.class))) {
      const waiting: Found[] = []
      for (const found of unshown) {
        if (found.hit.rank.class !== matchClass || taken.length === wanted) continue
        const count = countByHome.get(found.home) ?? 0
        if (count === MAX_HITS_OF_A_HOME) waiting.push(found)
        else {
          countByHome.set(found.home, count + 1)
          taken.push(found)
        }
      }
      if (fill) taken.push(...waiting.splice(0, wanted - taken.length))
      all.push(...waiting)
      if (taken.length === wanted) break
    }
    return { taken: taken.sort((a, b) => compareRanks(a.hit.rank, b.hit.rank)), deferred: all }
  }
}

const markResembling = (hits: readonly FederatedHit[], contacts: NonNullable<FederatedOptions['contacts']>): readonly FederatedHit[] => {
  if (contacts.length === 0) return hits
  const known = new Set(contacts.map(({ id }) => id))
  const contactBySkeleton = new Map(contacts.map(({ id, name }) => [skeletonOf(name), id]))
  return hits.map((hit) => {
    const { name } = hit.document.attrs
    const resembles = typeof name === 'string' && !known.has(hit.id) ? contactBySkeleton.get(skeletonOf(name)) : undefined
    return resembles === undefined ? hit : { ...hit, resembles }
  })
}

const reportOf = (lane: SourceLane, hits: readonly FederatedHit[], stale: number): SourceReport => {
  const { name } = lane.source
  const { error, reason, report } = lane
  const code = typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    name,
    state: lane.state,
    hits: hits.filter(({ sources }) => sources.includes(name)).length,
    ...lane.says,
    ...report,
    dropped: { ...report.dropped, stale: report.dropped.stale + stale },
    ...(reason === undefined ? {} : { error: { ...(code === undefined ? {} : { code }), reason } })
  }
}
