import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { ClosedError, ConflictError } from '../../errors.ts'
import { recallEncodedProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { HOUR_MS } from '../../limits.ts'
import { DAG_CBOR, cidOf, getBlock } from '../../store/block.ts'
import type { HashStore } from '../../store/hash-store.ts'
import type { KeyValueStore, Operation } from '../../store/key-value-store.ts'
import { createLock } from '../../store/lock.ts'
import { NotSupportedError } from '../../store/not-supported.ts'
import { createBlockCache } from '../engine/block-cache.ts'
import { createBlockSource } from '../engine/block-source.ts'
import { countFacets } from '../engine/facets.ts'
import { openHitStream } from '../engine/hit-stream.ts'
import { answerPage, type PageOptions } from '../engine/answer-page.ts'
import type { HitStream, SearchAnswer } from '../engine/search-answer.ts'
import { parseQuery, type Query, type QueryFilters } from '../query/query.ts'
import { isNamed } from '../rank.ts'
import { InvalidIndexBlockError } from '../segment/index-block.ts'
import { deadCountOf, type Segment } from '../segment/segment.ts'
import { BlockPlaces, madeAt } from './block-places.ts'
import { indexableOf, type IndexableProfile, type ProfileHeads } from './heads.ts'
import { rewrite, type Rewritten } from './index-writer.ts'
import { EMPTY_HEAD, decodeHead, encodeHead, type LocalHead } from './local-head.ts'
import { MARKS, readMarks, type Mark } from './marks.ts'
import { MergedStream } from './merged-stream.ts'
import { PendingProfiles, hitsAmong } from './pending-profiles.ts'
import { RecoveringStream } from './recovering-stream.ts'

/** Changes that a query looks through one by one; more are written into the index first. */
export const MAX_PENDING = 256
/** Profiles that go into the index in one step of building it anew. */
const REBUILD_STEP = 16_384
/** Changes that go into it in one step: a batch ends the mark of each. */
const REFRESH_STEP = 1_024
/** What is no longer part of the index stays so long, for queries and publications that began before. */
const GRACE_MS = HOUR_MS
/** What no head knows and was not made just now was left by a process that was cut off. */
const ORPHAN_MS = 24 * HOUR_MS
const CONFLICT_TRIES = 16

const HEAD = 'search/head'
const LEFT = 'search/left/'

export interface LocalIndexOptions extends ProfileHeads {
  /** That of the client that keeps the profiles: it leaves the marks. The index keeps itself below `search/`. */
  state: KeyValueStore
  /** Called before marks are read: for who writes marks of what has changed elsewhere. */
  catchUp?: (options: { signal?: AbortSignal }) => Promise<void>
  /** Milliseconds since 1970. */
  clock?: () => number
}

export interface LocalSearchOptions extends QueryFilters, PageOptions {
  /** Counts tags, kinds and languages of all matches too. */
  facets?: boolean
}

/** What can be published: one version of the index. */
export interface LocalSnapshot {
  readonly segments: readonly Segment[]
  /** The blocks of the segments, and the documents; for an hour after the index has moved on. */
  readonly blocks: HashStore
}

/** Every listed profile that this device keeps, found as soon as its version is acknowledged, and not found as soon as it is gone, unlisted or superseded. */
export interface LocalIndex {
  /**
   * A page of hits. Where a cursor stands is a rank: the next page goes on behind it, whatever has changed meanwhile.
   *
   * @throws InvalidQueryError, LimitError, InvalidCursorError
   */
  search(text: string, options?: LocalSearchOptions): Promise<SearchAnswer>
  /** All hits of a query, in order, for who merges several indexes. */
  stream(query: Query, options?: { signal?: AbortSignal }): Promise<HitStream>
  /** Writes what has changed into the index, and goes on with building it anew until it is whole. */
  refresh(options?: { signal?: AbortSignal }): Promise<void>
  /** The index after a {@link refresh}. */
  snapshot(options?: { signal?: AbortSignal }): Promise<LocalSnapshot>
  status(options?: { signal?: AbortSignal }): Promise<LocalIndexStatus>
  close(): Promise<void>
}

export interface LocalIndexStatus {
  /** That can be found in segments. */
  readonly documents: number
  readonly segments: number
  /** Changes that are not in a segment yet; at most 257 are counted. */
  readonly pending: number
  readonly rebuilding: boolean
  /** Changes with what can be found in segments; empty before the first. */
  readonly version: string
}

/**
 * Opens the index in `state`; what is not there, is damaged or is of another analyser is built anew from the profiles, step by step, while queries are answered.
 *
 * Several processes may work on one `state`. Nothing is written before the first `refresh`, or a query with more than 256 changes.
 *
 * @throws NotSupportedError where `state` has no atomic and conditional batches
 */
export const openLocalIndex = ({ state, catchUp = async () => undefined, clock = Date.now, ...heads }: LocalIndexOptions): LocalIndex => {
  if (!state.supports.atomicBatch) throw new NotSupportedError('atomic batches')
  if (!state.supports.conditionalBatch) throw new NotSupportedError('checks in a batch')
  const places = new BlockPlaces(state)
  const cache = createBlockCache({ maxBytes: 64 * 1_048_576 })
  const pendingProfiles = new PendingProfiles(heads)
  const lock = createLock()
  let closed = false
  let decoded: { bytes: Uint8Array; head: LocalHead; name: string } | undefined

  const readHead = async (options: { signal?: AbortSignal }): Promise<{ bytes: Uint8Array | undefined; head: LocalHead; name: string }> => {
    if (closed) throw new ClosedError('index')
    const bytes = await state.get(HEAD, options)
    if (!bytes) return { bytes, head: EMPTY_HEAD, name: '' }
    if (decoded && equals(decoded.bytes, bytes)) return decoded
    const head = (await decodeHead(bytes)) ?? EMPTY_HEAD
    decoded = { bytes, head, name: (await cidOf(bytes, DAG_CBOR)).toString() }
    return decoded
  }

  /** Makes `head` the head, in one batch with the end of `marks`. @throws ConflictError when another process was faster */
  const commit = async (before: Uint8Array | undefined, { head, left, leftDocuments }: Rewritten, marks: readonly Mark[], options: { signal?: AbortSignal }): Promise<void> => {
    const operations: Operation[] = [
      { type: 'check', key: HEAD, value: before },
      { type: 'put', key: HEAD, value: encodeHead(head) },
      ...marks.flatMap(({ id, value }): Operation[] => [{ type: 'check', key: MARKS + id, value }, { type: 'delete', key: MARKS + id }]),
      ...(left.length + leftDocuments.length === 0 ? [] : [{ type: 'put', key: `${LEFT}${padded(clock())}-${randomName()}`, value: encodeCbor({ places: left, documents: leftDocuments }) } as const])
    ]
    await state.batch(operations, options)
  }

  /** One step: changes, and while it is built anew the next profiles too. @returns whether there is more to do */
  const step = async (options: { signal?: AbortSignal }): Promise<boolean> => {
    const { bytes, head } = await readHead(options)
    const marks = await readMarks(state, REFRESH_STEP, options)
    const changed = new Map<ProfileId, IndexableProfile | undefined>(await pendingProfiles.load(marks, options))
    let { rebuiltTo } = head
    if (rebuiltTo !== undefined) {
      let last: ProfileId | undefined
      let count = 0
      for await (const id of heads.ids(rebuiltTo === '' ? undefined : (rebuiltTo as ProfileId), options)) {
        last = id
        if (!changed.has(id)) changed.set(id, await indexableOf(id, heads, options))
        if (++count === REBUILD_STEP) break
      }
      rebuiltTo = count < REBUILD_STEP ? undefined : last
    }
    if (changed.size === 0 && rebuiltTo === head.rebuiltTo) return false
    const { rebuiltTo: _, ...rest } = head
    const rewritten = await rewrite(head, changed, { places, now: clock(), ...options })
    await commit(bytes, { ...rewritten, head: { ...rest, segments: rewritten.head.segments, ...(rebuiltTo === undefined ? {} : { rebuiltTo }) } }, marks, options)
    return marks.length === REFRESH_STEP || rebuiltTo !== undefined
  }

  const refresh = (options: { signal?: AbortSignal }): Promise<void> => lock('write', async () => {
    await catchUp(options)
    let conflicts = 0
    while (true) {
      options.signal?.throwIfAborted()
      try {
        if (!(await step(options))) break
        conflicts = 0
      } catch (error) {
        // Another process wrote, or a profile changed: what it did is read again.
        if (error instanceof ConflictError && ++conflicts < CONFLICT_TRIES) continue
        if (error instanceof InvalidIndexBlockError) {
          await startAnew(options)
          continue
        }
        throw error
      }
    }
    await removeLeft(options)
  })

  /** Gives up an index that is damaged. */
  const startAnew = async (options: { signal?: AbortSignal }): Promise<void> => {
    const { bytes, head } = await readHead(options)
    await commit(bytes, { head: EMPTY_HEAD, left: head.segments.map(({ place }) => place), leftDocuments: [] }, [], options).catch(ignoreConflict)
  }

  /** Removes what was left long enough ago. */
  const removeLeft = async (options: { signal?: AbortSignal }): Promise<void> => {
    const now = clock()
    const { head } = await readHead(options)
    const used = new Set(head.segments.map(({ place }) => place))
    for await (const [key, value] of state.entries({ prefix: LEFT, lt: LEFT + padded(now - GRACE_MS) }, options)) {
      const { places: left, documents } = decodeCborMap(value) as { places: readonly string[]; documents: readonly CID[] }
      for (const place of left) if (!used.has(place)) await places.remove(place)
      for (const cid of documents) if (!(await isCurrent(cid, options))) await places.removeDocument(cid)
      await state.delete(key, options)
    }
    for await (const place of places.places()) if (!used.has(place) && now - madeAt(place) > ORPHAN_MS) await places.remove(place)
  }

  /** A document that was left and came back stays. */
  const isCurrent = async (cid: CID, options: { signal?: AbortSignal }): Promise<boolean> => {
    const bytes = await getBlock(places.documents, cid, options)
    if (!bytes) return false
    const head = await heads.headOf(recallEncodedProfileId(decodeCborMap(bytes).id as Uint8Array), options)
    return head !== undefined && head.cid.equals(cid)
  }

  const open = async (query: Query, options: { signal?: AbortSignal }): Promise<HitStream> => {
    await catchUp(options)
    let marks = await readMarks(state, MAX_PENDING + 1, options)
    if (marks.length > MAX_PENDING) {
      await refresh(options)
      marks = await readMarks(state, MAX_PENDING, options)
    }
    const pending = await pendingProfiles.load(marks, options)
    const listed = hitsAmong(pending.values(), query)
    const { head, name } = await readHead(options)
    const segments = openHitStream({
      segments: head.segments.map(({ segment }) => segment),
      query,
      source: createBlockSource({ blocks: places.reader(head.segments), verify: 'hash', cache, maxBlocks: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY }),
      head: name,
      named: listed.some(({ rank }) => isNamed(rank.class)),
      judge: async (id) => (pending.has(id) || (heads.isShown && !(await heads.isShown(id, options))) ? 'hidden' : 'current')
    })
    return new MergedStream(segments, listed, query.words.length)
  }

  /** Answers over a damaged index too: it is given up, what is pending is found, and the rest as it is built anew. */
  const stream = async (query: Query, options: { signal?: AbortSignal }): Promise<HitStream> =>
    new RecoveringStream(await open(query, options), async () => {
      await lock('write', () => startAnew(options))
      return open(query, options)
    })

  return {
    async search (text, { facets = false, limit, cursor, signal, ...filters } = {}) {
      const query = parseQuery(text, filters)
      const options = signal ? { signal } : {}
      const page = await answerPage(await stream(query, options), { limit, cursor, signal })
      const counted = facets ? await countFacets(await stream(query, options), options) : undefined
      const rebuilding = (await readHead(options)).head.rebuiltTo !== undefined
      return { ...page, ...(rebuilding ? { rebuilding } : {}), ...(counted ? { facets: counted } : {}) }
    },
    stream: (query, options = {}) => stream(query, options),
    refresh: (options = {}) => refresh(options),
    async snapshot (options = {}) {
      await refresh(options)
      const { head } = await readHead(options)
      return { segments: head.segments.map(({ segment }) => segment), blocks: places.reader(head.segments) }
    },
    async status (options = {}) {
      await catchUp(options)
      const [{ head, name }, marks] = await Promise.all([readHead(options), readMarks(state, MAX_PENDING + 1, options)])
      return {
        documents: head.segments.reduce((sum, { segment }) => sum + segment.documents - deadCountOf(segment), 0),
        segments: head.segments.length,
        pending: marks.length,
        rebuilding: head.rebuiltTo !== undefined,
        version: name
      }
    },
    async close () {
      closed = true
      await lock('write', async () => undefined)
    }
  }
}

const padded = (ms: number): string => String(Math.max(0, Math.floor(ms))).padStart(15, '0')

const randomName = (): string => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('')

const ignoreConflict = (error: unknown): void => {
  if (!(error instanceof ConflictError)) throw error
}
