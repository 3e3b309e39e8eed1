import type { CID } from 'multiformats/cid'
import { ClosedError, MercuryError, checkLimit } from '../errors.ts'
import type { HomeTransport } from '../hosting/home-transport.ts'
import { parseProfileId, recallProfileId, type ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { MAX_AVATAR_BYTES, SECOND_MS } from '../limits.ts'
import { GoneError, type RouterAnswer } from '../naming/answer.ts'
import type { NameRouter } from '../naming/name-router.ts'
import { peekDocument } from '../naming/record.ts'
import { MAX_MEDIA_TYPE_BYTES } from '../profile/attribute.ts'
import { peekOwner, type ProfileDocument } from '../profile/document.ts'
import type { ProfileDraft } from '../profile/draft.ts'
import { viewProfile, type Avatar, type Profile } from '../profile/view.ts'
import { createGroupCommit } from '../store/group-commit.ts'
import { guardHashStore, guardKeyValueStore } from '../store/guard.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { createPinSet, type GivenBlock } from '../store/pins.ts'
import { createPrefixStore } from '../store/prefix-store.ts'
import { untilAborted } from '../until-aborted.ts'
import { Attachments } from './attachments.ts'
import type { CurrentHome, ResolveHomeOptions } from './current-home.ts'
import { Deliveries, MAX_DELIVERIES } from './deliveries.ts'
import { forget } from './forget.ts'
import { flushOutbox, keepAlive, type KeepAliveOptions } from './keep-alive.ts'
import type { HostingOptions, JoinOptions, Joined, Left, Moved } from './hosting.ts'
import { join } from './join.ts'
import { leave } from './leave.ts'
import { KnownHomes } from './known-homes.ts'
import { absence, lookUp, type Lookup, type Policy } from './look-up.ts'
import { move } from './move.ts'
import { newestRecord } from './newest-record.ts'
import { Outbox, keepBlocks } from './outbox.ts'
import type { ClientParts } from './parts.ts'
import { PINS } from './pin-books.ts'
import { ProfileState, type Fork, type Head, type StoredRecord } from './profile-state.ts'
import { accept, edit, publish, remove, type DeliveryOptions, type PublishOptions } from './publish.ts'
import type { Published } from './receipt.ts'
import { resolveHome } from './resolve-home.ts'
import { Schedule } from './schedule.ts'
import { ticks, type WatchOptions } from './watch.ts'

export interface ProfilesOptions {
  blocks: HashStore
  /** Asked all at once; their names differ. */
  routers: readonly NameRouter[]
  /** Where floors, records and what is owed live: persistent, with atomic and conditional batches. */
  state: KeyValueStore
  /**
   * The way to homes: versions of a profile are then sent to the homes that it lists, look-ups ask them too, and `join`, `leave`, `move` and `resolveHome` work.
   * A home itself goes without it: it would pass each version on to the homes beside it.
   */
  homes?: HomeTransport
  /** Milliseconds since 1970; `Date.now` by default. It never decides what is accepted, only what has expired. */
  clock?: () => number
  /** How long one router may take; 20 s by default. */
  routerTimeoutMs?: number
  /** How long a document that does not ride in its record may take; 30 s by default. */
  blockTimeoutMs?: number
  /** How long one delivery may take; 60 s by default. */
  deliveryTimeoutMs?: number
  /** How many profiles have deliveries under way at a time; 64 by default. What is over that stays owed until one has ended. */
  maxDeliveries?: number
  /**
   * Whose deliveries that are owed, and whose relays, go out through these routers; everybody's by default.
   * A program that keeps several personas in one `state` lets one of them through each connection: what goes out together is linked.
   */
  carries?: (id: ProfileId) => boolean
  /** Takes a `state` that forgets: floors are then gone with the process, and rollbacks with them unseen. */
  volatile?: boolean
}

export interface ResolveOptions {
  policy?: Policy
  /** Multiaddrs or URLs where the document's block may be had, or of homes that may know the profile. */
  hints?: readonly string[]
  /** The pledge digest that a link pinned, 32 bytes. */
  next?: Uint8Array
  /** Keeps the profile from now on: its blocks are pinned here, its record is passed on by `keepAlive`. */
  keep?: boolean
  signal?: AbortSignal
}

/** `confirmed`: a router gave this record now. `cached`: none did. `expired`: the record is past its validity. `behind`: a newer record exists whose document could not be had. */
export type Freshness = 'confirmed' | 'cached' | 'expired' | 'behind'

export interface Resolved {
  id: ProfileId
  profile: Profile
  cid: CID
  /** The record's. */
  sequence: bigint
  freshness: Freshness
  expiresAt: Date
  /** There while another authentic document of this sequence is known. */
  fork?: Fork
  /** This version was not made over the one that this device knew before. */
  branch?: true
  /** The router that gave the record, or `cache`. */
  source: string
  /** When a router last gave it, by this device's clock. */
  checkedAt: Date
  answers: readonly RouterAnswer[]
  document: ProfileDocument
  documentBytes: Uint8Array
  /** The record in its reduced form. */
  recordBytes: Uint8Array
}

export interface Profiles {
  /**
   * Signs `draft` as the next version, saves it in one synced batch, sends it to the block store and all routers, and answers as `wait` asks.
   * A name of the signer's that points to something else than a profile becomes one; `found` says where it pointed.
   *
   * @throws InvalidDraftError, ConflictError, SequenceUnknownError, GoneError, UndeliveredError, StoreError
   */
  publish(draft: ProfileDraft, signer: Signer, options?: PublishOptions): Promise<Published>
  /** Reads, changes and publishes; again when another device was faster. `change` may be called more than once. */
  edit(signer: Signer, change: (draft: ProfileDraft) => ProfileDraft | Promise<ProfileDraft>, options?: PublishOptions): Promise<Published>
  /** Takes a version signed elsewhere and keeps it: no key needed. The document may be left out where it rides in the record. */
  accept(signed: { document?: Uint8Array; record: Uint8Array }, options?: DeliveryOptions & { id?: ProfileId }): Promise<Published>
  /**
   * Stores a picture or other file of 1 byte to 1 MiB as one raw block, which is a UnixFS file to IPFS, ready to stand in a draft.
   * Until a profile is published here with it, or a day has passed, it stays, whoever drops the same picture meanwhile. Each call is for one publish.
   */
  attach(bytes: Uint8Array, options: { type: string; signal?: AbortSignal }): Promise<Avatar>
  /**
   * Takes the blocks that a later version of `id` will link to, by `root`: what its owner uploads to his home before he sends the version.
   * Hashed here, and held for a day or until a version that links to `root` is accepted, which then needs them itself.
   *
   * @throws LimitError over 1,024 blocks, 8 MiB in all, 1 MiB a block or 32 levels; BlockMismatchError; MercuryError `INVALID_UPLOAD` when the root is missing or a block cannot be reached from it; NotSupportedError
   */
  holdUpload(id: string, root: CID, blocks: readonly GivenBlock[], options?: { signal?: AbortSignal }): Promise<void>
  /**
   * The profile as its owner last signed it, and how that is known. `id` in any accepted spelling.
   *
   * @throws NotFoundError, UnreachableError, GoneError (each with `answers`), NotAProfileError, UnsupportedError, RefusedHeadError
   */
  resolve(id: string, options?: ResolveOptions): Promise<Resolved>
  /**
   * The newest authentic record in its reduced form, to pass on: also of a profile that was removed or that this version cannot read.
   * Routers are asked (`first` by default) unless the profile is kept here or was confirmed within its record's TTL.
   *
   * @throws NotFoundError, UnreachableError, NotAProfileError
   */
  record(id: string, options?: { policy?: Policy; signal?: AbortSignal }): Promise<Uint8Array>
  /**
   * The record of the head as it stands in `state`, for a server to hand out: no signature is verified, for that was done on its way in, and no router is asked.
   * One read; with `document` one more, for the document of a record that it does not ride in.
   *
   * @returns `undefined` when no version is kept here. A tombstone is a version; so is one that has expired
   */
  stored(id: string, options?: { document?: boolean; signal?: AbortSignal }): Promise<StoredRecord | undefined>
  /** Yields the profile now and after each change, until the signal aborts, the loop is left or the client closes. Ends with GoneError. */
  watch(id: string, options?: WatchOptions & Pick<ResolveOptions, 'policy'>): AsyncIterable<Resolved>
  /** Publishes a tombstone: final. */
  remove(signer: Signer, options?: PublishOptions): Promise<Published>
  /**
   * Has a home host the persona: asks for its agreement, brings what the profile links to, publishes a version that lists the home first, and reads it back from there.
   * A persona without a profile gets an empty first version. A call that was cut off is made again; where all is done already it says so and publishes nothing.
   *
   * @param home a URL of a host and a port, a `mercury:` link (its invitation is used), or a profile ID, which is looked up
   * @throws NotSupportedError without `homes`; LimitError over 4 homes; MercuryError `TERMS_NOT_AGREED`; HomeBrokenError, HomeRefusedError, HomeUnreachableError, and what `edit` throws
   */
  join(signer: Signer, home: string, options?: JoinOptions): Promise<Joined>
  /**
   * Publishes a version without `home`, or without any, tells it, and ends the agreement. Nothing is needed of the home: the answer says whether it knows.
   *
   * @throws NotSupportedError without `homes`, and what `edit` throws
   */
  leave(signer: Signer, home?: string, options?: HostingOptions): Promise<Left>
  /**
   * Moves the persona from all its homes to `home`, which may be without them. Each step is written down before it starts; a move that was cut off goes on by another call:
   * on this device without `home`, on another with it.
   *
   * @throws as `join`; MercuryError `NOTHING_TO_MOVE` without `home` when no move was cut off here; HomeBrokenError `NOT_READ_BACK` when no router has the new version yet
   */
  move(signer: Signer, home?: string, options?: JoinOptions): Promise<Moved>
  /**
   * Where the profile lives now: the first home that it lists which accepted it, is one, and says so itself; with `reach: false`, the first that may be.
   *
   * @throws NoHomeError with those that were passed over, and what `resolve` throws; NotSupportedError without `homes`, but for `reach: false`
   */
  resolveHome(id: string, options?: ResolveHomeOptions): Promise<CurrentHome & { resolved: Resolved }>
  /**
   * No longer keeps the profile: its turns, its pins, what is owed of it, its record and its document go. Its floor and the evidence of a fork stay for good: a later `resolve`, `accept` or `publish`
   * goes on as if it were new, but never below the highest version that was known. Of a profile that its owner removed the tombstone stays.
   * Made again after it was cut off, it finishes; an unknown profile is no error.
   */
  forget(id: string, options?: { signal?: AbortSignal }): Promise<void>
  /** One pass over what is owed and what is due; see `KeepAliveOptions`. */
  keepAlive(options?: KeepAliveOptions): Promise<void>
  /** Tries every delivery that is owed once more; resolves when all have been tried, whatever came of it. */
  flush(options?: { signal?: AbortSignal }): Promise<void>
  /** The last fork of a profile that this device has evidence of, ended or not. */
  fork(id: string, options?: { signal?: AbortSignal }): Promise<Fork | undefined>
  /** Profiles whose deliveries are still owed. */
  owed(options?: { signal?: AbortSignal }): AsyncIterable<{ id: ProfileId; targets: readonly string[] }>
  /** Profiles that are kept: published, accepted or resolved with `keep` here. */
  kept(options?: { signal?: AbortSignal }): AsyncIterable<ProfileId>
  /** Ends its own work; what is still owed is sent by the next client over the same state. Closes none of the stores and routers it was given. */
  close(): Promise<void>
}

/** @throws MercuryError `VOLATILE_STATE` when `state` cannot promise what floors need, `INVALID_ARGUMENT` when two routers share a name */
export const createProfiles = (options: ProfilesOptions): Profiles => {
  const { routers, state } = options
  checkState(state, options.volatile === true)
  if (new Set(routers.map(({ name }) => name)).size < routers.length) throw new MercuryError('INVALID_ARGUMENT', 'two routers have the same name')
  const closing = new AbortController()
  const underWay = new Set<Promise<unknown>>()
  const listeners = new Set<(id: ProfileId) => void>()
  const parts = createParts(options, { closing: closing.signal, underWay, listeners })
  let begun = false
  let flushing: Promise<void> | undefined

  /** One at a time: whoever asks while one is under way waits for that. */
  const flush = (): Promise<void> => {
    flushing ??= flushOutbox({ concurrency: 4, signal: closing.signal }, parts).finally(() => { flushing = undefined })
    parts.background(flushing)
    return flushing
  }

  /** The first call of a client sends what an earlier one left. */
  const begin = (): void => {
    if (closing.signal.aborted) throw new ClosedError('client')
    if (begun) return
    begun = true
    void flush()
  }

  const resolve = async (text: string, { policy = 'first', hints, next, keep = false, signal }: ResolveOptions = {}): Promise<Resolved> => {
    begin()
    const id = parseProfileId(text)
    const lookup = await lookUp(id, { policy, hints, next, signal: withClosing(signal, closing.signal) }, parts)
    if (lookup.floor?.gone) throw new GoneError(id, lookup.answers)
    if (!lookup.head) throw absence(id, lookup)
    if (keep) await keepProfile(lookup.head, parts, signal)
    return describe(lookup, lookup.head)
  }

  return {
    async publish (draft, signer, publishOptions = {}) {
      begin()
      return publish(draft, signer, publishOptions, parts)
    },
    async edit (signer, change, publishOptions = {}) {
      begin()
      return edit(signer, change, publishOptions, parts)
    },
    async accept (signed, { id, ...deliveryOptions } = {}) {
      begin()
      return accept(signed, id ?? (await ownerOf(signed)), deliveryOptions, parts)
    },
    async attach (bytes, { type, signal }) {
      begin()
      checkLimit('attachment bytes', MAX_AVATAR_BYTES, bytes.byteLength)
      if (bytes.byteLength === 0) throw new MercuryError('INVALID_ATTACHMENT', 'an empty file cannot be attached')
      if (!/^[\w.+-]+\/[\w.+-]+$/.test(type) || type.length > MAX_MEDIA_TYPE_BYTES) throw new MercuryError('INVALID_ATTACHMENT', `${JSON.stringify(type.slice(0, 80))} is not a media type such as image/png`)
      return { cid: await parts.attachments.attach(bytes, { signal: withClosing(signal, closing.signal) }), type, size: bytes.byteLength }
    },
    async holdUpload (text, root, uploaded, { signal } = {}) {
      begin()
      await parts.attachments.upload(parseProfileId(text), root, uploaded, { signal: withClosing(signal, closing.signal) })
    },
    resolve,
    async record (text, { policy = 'first', signal } = {}) {
      begin()
      return (await newestRecord(parseProfileId(text), { policy, signal: withClosing(signal, closing.signal) }, parts)).bytes
    },
    async stored (text, storedOptions) {
      // A name in this spelling is inert, and only under one of an admitted key does anything stand: to admit it again would cost more than all the rest.
      return parts.state.stored(recallProfileId(text), storedOptions)
    },
    async * watch (text, { policy = 'all', ...watchOptions } = {}) {
      begin()
      const id = parseProfileId(text)
      let shown: Resolved | undefined
      for await (const _ of ticks(id, watchOptions, parts)) {
        const resolved = await resolve(id, { policy, signal: watchOptions.signal }).catch((error: unknown) => (closing.signal.aborted ? undefined : notYet(error)))
        if (!resolved || (shown && resolved.sequence === shown.sequence && resolved.cid.equals(shown.cid))) continue
        shown = resolved
        yield resolved
      }
    },
    async remove (signer, publishOptions = {}) {
      begin()
      return remove(signer, publishOptions, parts)
    },
    async join (signer, home, joinOptions = {}) {
      begin()
      return join(signer, home, joinOptions, parts)
    },
    async leave (signer, home, leaveOptions = {}) {
      begin()
      return leave(signer, home, leaveOptions, parts)
    },
    async move (signer, home, moveOptions = {}) {
      begin()
      return move(signer, home, moveOptions, parts)
    },
    async resolveHome (text, { signal, ...homeOptions } = {}) {
      begin()
      const { current, lookup } = await resolveHome(parseProfileId(text), { ...homeOptions, signal: withClosing(signal, closing.signal) }, parts)
      return { ...current, resolved: describe(lookup, lookup.head!) }
    },
    async forget (text, { signal } = {}) {
      begin()
      await forget(parseProfileId(text), { signal: withClosing(signal, closing.signal) }, parts)
    },
    async keepAlive (keepAliveOptions = {}) {
      begin()
      await keepAlive(keepAliveOptions, parts)
    },
    async flush ({ signal } = {}) {
      begin()
      await untilAborted(flush(), withClosing(signal, closing.signal))
    },
    async fork (text, forkOptions) {
      return parts.state.fork(parseProfileId(text), forkOptions)
    },
    owed: (owedOptions) => parts.outbox.entries(owedOptions),
    kept: (keptOptions) => parts.schedule.kept(keptOptions),
    async close () {
      closing.abort(new ClosedError('client'))
      await Promise.allSettled(underWay)
    }
  }
}

const createParts = (options: ProfilesOptions, { closing, underWay, listeners }: { closing: AbortSignal; underWay: Set<Promise<unknown>>; listeners: Set<(id: ProfileId) => void> }): ClientParts => {
  const { routers, state, clock = Date.now, routerTimeoutMs = 20 * SECOND_MS, blockTimeoutMs = 30 * SECOND_MS, deliveryTimeoutMs = 60 * SECOND_MS, maxDeliveries = MAX_DELIVERIES, carries = () => true } = options
  const blocks = guardHashStore(options.blocks)
  const store = guardKeyValueStore(createGroupCommit(state))
  const pins = blocks.supports.pin ? createPinSet({ state: createPrefixStore(store, PINS), blocks }) : undefined
  const profileState = new ProfileState(store, (id) => { for (const listener of listeners) listener(id) })
  const homes = options.homes ? new KnownHomes({ transport: options.homes, store, state: profileState, clock }) : undefined
  const outbox = new Outbox({ store, blocks, pins, routers, homes, deliveryTimeoutMs })
  // Whoever asked for the work hears of its failure; here it only has to end.
  const background = (work: Promise<unknown>): void => {
    const ended = work.catch(() => {}).finally(() => underWay.delete(ended))
    underWay.add(ended)
  }
  const lastById = new Map<ProfileId, Promise<unknown>>()
  return {
    state: profileState,
    store,
    blocks,
    pins,
    routers,
    homes,
    clock,
    carries,
    attachments: new Attachments({ store, blocks, pins, clock }),
    routerTimeoutMs,
    blockTimeoutMs,
    outbox,
    deliveries: new Deliveries({ outbox, state: profileState, carries, closing, background, max: Math.max(1, maxDeliveries) }),
    schedule: new Schedule(store),
    closing,
    background,
    async exclusively (id, work) {
      const turn = (lastById.get(id) ?? Promise.resolve()).then(work, work)
      lastById.set(id, turn)
      try {
        return await turn
      } finally {
        if (lastById.get(id) === turn) lastById.delete(id)
      }
    },
    onChange (listener, signal) {
      if (signal.aborted) return
      listeners.add(listener)
      signal.addEventListener('abort', () => listeners.delete(listener), { once: true })
    }
  }
}

const checkState = ({ supports }: KeyValueStore, isVolatile: boolean): void => {
  if (!supports.atomicBatch || !supports.conditionalBatch) throw new MercuryError('VOLATILE_STATE', 'state must write batches atomically and honour their checks')
  if (!supports.persistence && !isVolatile) throw new MercuryError('VOLATILE_STATE', 'state forgets when the process ends, and floors with it; pass volatile: true if that is meant')
}

const keepProfile = async (head: Head, { blocks, pins, schedule, store, clock }: ClientParts, signal: AbortSignal | undefined): Promise<void> => {
  await keepBlocks(head, { blocks, pins, signal })
  await store.batch(await schedule.keep(head.record.id, clock(), { signal }), { signal })
}

const describe = ({ behind, fork, answers, confirmedBy }: Lookup, { record, document, documentBytes, floor, checkedAt }: Head): Resolved => ({
  id: record.id,
  profile: viewProfile(document),
  cid: record.cid,
  sequence: record.sequence,
  freshness: behind ? 'behind' : record.expired ? 'expired' : confirmedBy === undefined ? 'cached' : 'confirmed',
  expiresAt: record.validUntil,
  ...(fork ? { fork } : {}),
  ...(floor.branch ? { branch: true } : {}),
  source: confirmedBy ?? 'cache',
  checkedAt: new Date(checkedAt),
  answers,
  document,
  documentBytes,
  recordBytes: record.bytes
})

/** Whose version it is, by the document's own word; everything is then verified against that ID. */
const ownerOf = async ({ document, record }: { document?: Uint8Array; record: Uint8Array }): Promise<ProfileId> => {
  const documentBytes = document ?? peekDocument(record)
  if (!documentBytes) throw new MercuryError('DOCUMENT_MISSING', 'the record does not carry its document; pass the document or the id too')
  return peekOwner(documentBytes)
}

const notYet = (error: unknown): undefined => {
  if (error instanceof MercuryError && (error.code === 'NOT_FOUND' || error.code === 'UNREACHABLE')) return undefined
  throw error
}

const withClosing = (signal: AbortSignal | undefined, closing: AbortSignal): AbortSignal => (signal ? AbortSignal.any([signal, closing]) : closing)
