import { base32 } from 'multiformats/bases/base32'
import { utf8 } from '../bytes.ts'
import { ConflictError, MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { NotFoundError, UnreachableError, type RouterAnswer } from '../naming/answer.ts'
import { raiseFloor, type Floor } from '../naming/floor.ts'
import type { NameRouter, ProfileCandidate } from '../naming/name-router.ts'
import { raceRouters } from '../naming/race.ts'
import { compareRecords, type IpnsRecord, type ProfileRecord } from '../naming/record.ts'
import { Tally, type Candidate } from '../naming/tally.ts'
import { documentCid, verifyDocument } from '../profile/document.ts'
import { getBlock } from '../store/block.ts'
import type { HashStore } from '../store/hash-store.ts'
import { untilAborted } from '../until-aborted.ts'
import type { KnownHomes } from './known-homes.ts'
import { CONFLICT_TRIES, retryOnConflict, type Fork, type Head, type ProfileState } from './profile-state.ts'

/** `offline` asks nobody; `first` takes the first router that ends with a record at or above the floor; `all` waits for every router. */
export type Policy = 'offline' | 'first' | 'all'

export interface LookupOptions {
  policy: Policy
  /** Multiaddrs or URLs where the document's block may be had when it does not ride in the record, or of homes that may know the profile. */
  hints?: readonly string[]
  /** The pledge digest that a link pins. */
  next?: Uint8Array
  /** For the owner, who goes above whatever there is: a name that points to something else than a profile is an answer too. */
  elsewhere?: boolean
  signal?: AbortSignal
}

export interface Lookup {
  /** Verified and committed; absent when no verified version is known. */
  head: Head | undefined
  /** The head's; where there is no head, that of a profile that was forgotten here. */
  floor: Floor | undefined
  /** A newer authentic record is known, but its document could not be had. */
  behind: boolean
  /** The highest authentic record, where it points to something else than a profile document; only when that was asked for. */
  elsewhere?: IpnsRecord
  /** Of the highest authentic record that is known or was, its document had or not. */
  sequence: bigint | undefined
  fork: Fork | undefined
  answers: readonly RouterAnswer[]
  /** The first router that gave the head's record in this look-up. */
  confirmedBy: string | undefined
  /** What routers that are homes said, unverified, as it came. */
  profiles: readonly ProfileCandidate[]
}

export interface LookupParts {
  state: ProfileState
  blocks: HashStore
  routers: readonly NameRouter[]
  /** Where there are, the homes that the known head lists are asked, too. */
  homes?: KnownHomes | undefined
  clock: () => number
  routerTimeoutMs: number
  blockTimeoutMs: number
}

/**
 * Finds the head of a profile, verifies it, and raises the floor before it answers.
 *
 * @throws NotAProfileError, UnsupportedError and the errors of a document that does not verify, when they concern the highest authentic record:
 * an older version is never shown in silence instead
 */
export const lookUp = async (id: ProfileId, options: LookupOptions, parts: LookupParts): Promise<Lookup> => {
  const now = parts.clock()
  const { signal } = options
  const [known, unread] = await Promise.all([parts.state.head(id, { now, signal }), parts.state.unread(id, { now, signal })])
  const floor = known ? known.floor : await parts.state.floor(id, { signal })
  const profiles: ProfileCandidate[] = []
  const tally = await askRouters(id, await routersFor(known, options, parts, profiles), floor, options, parts, now)
  const newest = newestOf([tally.best(), known && { record: known.record }, unread && { record: unread }])
  const elsewhere = newest?.error && (!floor || newest.record.sequence > floor.sequence) ? newest : undefined
  if (elsewhere && !options.elsewhere) throw elsewhere.error
  const profile = elsewhere ? newestOf([tally.bestProfile(), unread && { record: unread }]) : newest
  const { head, behind } = profile && !profile.error ? await settle(profile.record, { head: known, floor }, { ...options, profiles }, parts) : { head: known, behind: false }
  const answers = tally.answers(elsewhere || behind ? newest!.record : (head?.record ?? (floor && pointingTo(floor))))
  const fork = head && (await forkOf(head, tally, options, parts, now))
  const confirmedBy = answers.find(({ outcome }) => outcome === 'found')?.router
  if (head && confirmedBy !== undefined && !behind && !elsewhere) await parts.state.confirm(head, { now, signal })
  return { head, floor: head?.floor ?? floor, behind, sequence: highest([newestOf([newest, head])?.record.sequence, floor?.sequence]), fork, answers, confirmedBy, profiles, ...(elsewhere ? { elsewhere: elsewhere.record } : {}) }
}

/** The error for a look-up without a head. */
export const absence = (id: ProfileId, { answers, behind, floor }: Lookup): MercuryError => {
  if (behind) return new UnreachableError(id, answers, { what: `the record of ${id} was found, but nobody had its document` })
  if (floor && answers.some(({ outcome }) => outcome === 'older')) return new UnreachableError(id, answers, { what: `nobody has a version of ${id} that is as new as ${floor.sequence}, which this device has seen` })
  return answers.length > 0 && answers.every(({ outcome }) => outcome === 'none') ? new NotFoundError(id, answers) : new UnreachableError(id, answers)
}

/** Everybody who is asked; what homes say beside a record is put into `profiles`. */
const routersFor = async (known: Head | undefined, { policy, hints, signal }: LookupOptions, { routers, homes }: LookupParts, profiles: ProfileCandidate[]): Promise<NameRouter[]> => {
  if (policy === 'offline') return []
  return [...routers, ...(await homes?.routers(known?.document, { hints, signal }) ?? [])].map((router) => hearing(router, profiles))
}

const hearing = (router: NameRouter, profiles: ProfileCandidate[]): NameRouter => {
  if (!router.getProfile) return router
  return {
    name: router.name,
    put: async (id, record, options) => router.put(id, record, options),
    get (id, options) {
      const iterator = router.getProfile!(id, options)[Symbol.asyncIterator]()
      return {
        [Symbol.asyncIterator]: () => ({
          async next () {
            const { done, value } = await iterator.next()
            if (done === true) return { done, value: undefined }
            profiles.push(value)
            return { done: false, value: value.record }
          },
          async return () {
            await iterator.return?.()
            return { done: true, value: undefined }
          }
        })
      }
    },
    close: async () => router.close()
  }
}

const askRouters = async (id: ProfileId, routers: readonly NameRouter[], floor: Floor | undefined, { policy, signal }: LookupOptions, { routerTimeoutMs }: LookupParts, now: number): Promise<Tally> => {
  const tally = new Tally(id, routers.map(({ name }) => name), now)
  for await (const event of raceRouters(id, routers, { timeoutMs: routerTimeoutMs, signal })) {
    await tally.add(event)
    if (policy === 'first' && event.type === 'end' && tally.gave(event.router, floor)) break
  }
  return tally
}

const newestOf = (candidates: readonly (Candidate | undefined)[]): Candidate | undefined =>
  candidates.filter((candidate) => candidate !== undefined).sort((a, b) => compareRecords(a.record, b.record)).at(-1)

interface SettleOptions extends LookupOptions {
  profiles: readonly ProfileCandidate[]
}

/** What this device has of a profile: a floor without a head where it was forgotten. */
interface Known {
  readonly head: Head | undefined
  readonly floor: Floor | undefined
}

/** What the record said that the floor was raised by. */
const pointingTo = ({ sequence, cid }: Floor): Pick<IpnsRecord, 'sequence' | 'value'> => ({ sequence, value: utf8(`/ipfs/${cid.toString(base32)}`) })

const highest = (sequences: readonly (bigint | undefined)[]): bigint | undefined => sequences.filter((sequence) => sequence !== undefined).reduce<bigint | undefined>((max, sequence) => (max === undefined || sequence > max ? sequence : max), undefined)

/** Makes `newest` the head if it is above `known` and its document can be had. */
const settle = async (newest: ProfileRecord, known: Known, options: SettleOptions, parts: LookupParts): Promise<{ head: Head | undefined; behind: boolean }> => {
  const { state, clock } = parts
  const { signal } = options
  let { head: base, floor } = known
  let documentBytes: Uint8Array | undefined
  return retryOnConflict(CONFLICT_TRIES, async () => {
    if (base && compareRecords(newest, base.record) <= 0) return { head: base, behind: false }
    if (floor && newest.sequence < floor.sequence) return { head: base, behind: false }
    if (floor?.gone && !newest.cid.equals(floor.cid)) return { head: base, behind: false }
    documentBytes ??= newest.documentBytes ?? (base?.record.cid.equals(newest.cid) ? base.documentBytes : await fetchDocument(newest, options, parts))
    if (!documentBytes) {
      await state.keepUnread(newest, { now: clock(), signal })
      return { head: base, behind: true }
    }
    try {
      return { head: await accept(newest, documentBytes, floor, options, parts), behind: false }
    } catch (error) {
      if (error instanceof ConflictError) {
        base = await state.head(newest.id, { now: clock(), signal })
        floor = base ? base.floor : await state.floor(newest.id, { signal })
      }
      throw error
    }
  })
}

const accept = async (record: ProfileRecord, documentBytes: Uint8Array, floor: Floor | undefined, { next, signal }: LookupOptions, { state, clock }: LookupParts): Promise<Head> => {
  try {
    const { document } = await verifyDocument(documentBytes, { id: record.id, cid: record.cid })
    const head = { record, document, documentBytes, checkedAt: clock(), floor: raiseFloor(record.id, record, document, floor, next) }
    await state.commit(head, floor, { signal })
    return head
  } catch (error) {
    // The record is authentic: it is passed on even by who cannot read what it names.
    if (error instanceof MercuryError && error.code === 'UNSUPPORTED') await state.keepUnread(record, { now: clock(), signal })
    throw error
  }
}

/** The document's bytes, unverified but for the hash; `undefined` when nobody has them or nobody answers in time. */
const fetchDocument = async ({ cid }: ProfileRecord, { policy, hints, profiles, signal }: SettleOptions, { blocks, blockTimeoutMs }: LookupParts): Promise<Uint8Array | undefined> => {
  for (const { document } of profiles) if (document && (await documentCid(document)).equals(cid)) return document
  const until = AbortSignal.any([...(signal ? [signal] : []), AbortSignal.timeout(blockTimeoutMs)])
  try {
    return await untilAborted(getBlock(blocks, cid, { offline: policy === 'offline', hints, signal: until }), until)
  } catch {
    // Whatever a store says instead of the block, the block is not to be had; the answer says `behind` or UNREACHABLE.
    signal?.throwIfAborted()
    return undefined
  }
}

const forkOf = async (head: Head, tally: Tally, { signal }: LookupOptions, { state }: LookupParts, now: number): Promise<Fork | undefined> => {
  const { id, sequence } = head.record
  const rivals = tally.recordsAt(sequence)
  if (rivals.some(({ cid }) => !cid.equals(head.record.cid))) return state.keepFork(id, [head.record, ...rivals], { now, signal })
  const kept = await state.fork(id, { signal })
  return kept?.sequence === sequence ? kept : undefined
}
