import { setTimeout as delay } from 'node:timers/promises'
import type { KeptAlive } from '../client/keep-alive.ts'
import type { Profiles } from '../client/profiles.ts'
import { passLimit } from '../client/schedule.ts'
import { MercuryError } from '../errors.ts'
import { addressOfUrl } from '../hosting/home-address.ts'
import { termsDigest, type HomeDescription } from '../hosting/agreement.ts'
import { formatHomeLink } from '../hosting/invitation.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { HOUR_MS, MAX_ADDRESSES, MAX_HOME_ADDRESSES, MINUTE_MS, SECOND_MS } from '../limits.ts'
import type { NameRouter } from '../naming/name-router.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { Lease } from './books/lease.ts'
import { storedDocument } from './books/served-profiles.ts'
import { createChangeLog, type ChangeLog } from './change-log.ts'
import { openEventFeed, type EventFeed } from './event-feed.ts'
import { createHomeIndex } from './home-index.ts'
import { createHostingBooks, type HostingBooks } from './hosting-books.ts'
import { keepAliveLag } from './keep-alive-lag.ts'
import { createMetrics } from './metrics.ts'
import { withOpenApi } from './openapi.ts'
import { createOperator, type HomeOperator } from './operator.ts'
import { publishOwnProfile } from './own-profile.ts'
import { publicRoutes } from './public-routes.ts'
import type { LimitSettings } from './request-limits.ts'
import { backupsRoutes } from './routes/backups.ts'
import { hostingRoutes } from './routes/hosting.ts'
import { successionRoutes } from './routes/succession.ts'
import { openServer, type HomeServer } from './server.ts'
import { readSettings, type HomeSettings } from './settings.ts'
import { createStrangerRecords } from './stranger-records.ts'

/** Passes after which whoever was killed is followed. */
const LEASE_PASSES = 3
/** How often it is looked whether the home is reached elsewhere by now, and what has changed for the index; no less than once a pass. */
const ADDRESSES_MS = 10 * SECOND_MS
/** How often kept names are counted, for the pace at which they are passed on. */
const COUNT_MS = HOUR_MS

export interface HomeOptions {
  /** The home's own key. */
  signer: Signer
  /** It was just made: nobody needs to be asked what it published before. @default false */
  isNew?: boolean
  /** Over `state` and `blocks`. */
  profiles: Profiles
  state: KeyValueStore
  /** Only what is here is given out. */
  blocks: HashStore
  /** Asked for names that are not hosted here. @default none */
  routers?: readonly NameRouter[]
  settings?: Partial<HomeSettings>
  /** Where to listen; `false` for no HTTP at all. @default 127.0.0.1, a free port */
  http?: { host?: string; port?: number } | false
  /** The libp2p addresses of the home's node at present. @default none */
  addresses?: () => readonly string[]
  /** The key of its search index, which is published under it. @default none: whom it hosts is found over HTTP alone */
  indexSigner?: Signer
  /** Milliseconds that a change waits at least to be published in the index, after the last publication. @default 10 minutes */
  indexMs?: number
  /** The peer ID of its node. */
  peer?: string
  /** Milliseconds from one pass over the names and chores that are due to the next. @default a minute */
  passMs?: number
  /** Further keys whose records are renewed here, such as those of the machine's own personas. */
  signers?: () => readonly Signer[]
  /** Milliseconds since 1970. @default `Date.now` */
  clock?: () => number
  /** Of the program, for the description. @default 0.0.0 */
  version?: string
  limits?: LimitSettings
  /** Gets one line of JSON a request. */
  log?: (line: string) => void
  /** Hears of each name that was passed on. */
  onKept?: (kept: KeptAlive) => void
  /** Hears of work in the background that failed; it is tried again. */
  onError?: (error: unknown, what: 'keep-alive' | 'chores' | 'profile' | 'changes' | 'index') => void
}

/** A home that runs. */
export interface Home extends HomeOperator {
  readonly id: ProfileId
  /** Where it listens; `undefined` without HTTP. */
  readonly url: string | undefined
  /** Where it is reached over HTTP: its public URLs, else where it listens. */
  readonly urls: readonly string[]
  /** What it tells whoever thinks of joining. */
  readonly description: HomeDescription
  /** `mercury:…`, with where it is reached. */
  readonly link: string
  readonly settings: HomeSettings
  /** Whether the home relays for a libp2p peer: that of somebody whom it hosts. @param peer the ID of its key, in any spelling of a profile ID */
  relaysFor(peer: ProfileId): Promise<boolean>
  /** Ends within 10 s: takes no more, lets what is under way end, and closes none of what it was given. May be called twice. */
  close(): Promise<void>
}

/**
 * Runs a home: answers over HTTP, keeps the books of whom it hosts, publishes its own profile, keeps names alive and does what is due.
 *
 * Any number of processes may run one home over one `state` and one `blocks`.
 *
 * @throws what {@link readSettings} and {@link openServer} throw; MercuryError `KIND_CHANGED` when the key is another kind of profile's
 */
export const createHome = async (options: HomeOptions): Promise<Home> => {
  const { signer, profiles, state, blocks, routers = [], addresses: nodeAddresses = () => [], peer, clock = Date.now, passMs = MINUTE_MS, indexSigner, indexMs, onError } = options
  const settings = readSettings(options.settings ?? {})
  const books = createHostingBooks({ home: signer, state, blocks, profiles, settings, clock })
  const closing = new AbortController()
  const changes = createChangeLog({ state, hosting: books.hosting, clock })
  const feed = openEventFeed(changes, { onError: (error) => onError?.(error, 'changes') })
  const strangers = createStrangerRecords({ routers, clock })
  let server: HomeServer | undefined

  const urls = (): readonly string[] => (settings.publicUrls.length > 0 ? settings.publicUrls : server ? [server.url].filter(isReachable) : [])
  const addresses = (): string[] => [...new Set([...urls().map(addressOfUrl), ...nodeAddresses()])].slice(0, MAX_ADDRESSES)
  const index = createHomeIndex({ state, blocks, routers, hosting: books.hosting, changes, signer: indexSigner, addresses, indexMs, clock })
  const describe = (): HomeDescription => ({
    home: signer.id,
    policy: settings.policy,
    addresses: addresses().slice(0, MAX_HOME_ADDRESSES),
    ...(peer === undefined ? {} : { peer }),
    ...(settings.terms === undefined ? {} : { terms: { text: settings.terms, digest: termsDigest(settings.terms) } }),
    limits: { profiles: settings.maxProfiles, quotaBytes: settings.quotaBytes, unhostedDays: settings.unhostedDays, offerHours: settings.offerHours }
  })
  const link = (): string => formatHomeLink({ home: signer.id, addresses: addresses().slice(0, MAX_HOME_ADDRESSES) })
  const parts = { books, home: signer.id, settings, describe, clock, ...(options.limits ? { limits: options.limits } : {}) }

  const listen = async (): Promise<void> => {
    if (options.http === false) return
    const metrics = createMetrics()
    metrics.gauge('keep_alive_lag_seconds', 'How long the name that waits longest to be passed on has been due.', async () => keepAliveLag(state, clock()))
    metrics.gauge('indexed_profiles', 'Listed profiles that a search finds here.', async () => (await index.local.status()).documents)
    metrics.gauge('hosted_profiles', 'Profiles that are offered a place or have one.', async () => books.agreements.count())
    const routes = withOpenApi([
      ...publicRoutes({ profiles, blocks, state, hosting: books.hosting, strangers, metrics, changes, feed, index, home: signer.id, clock, page: () => ({ id: signer.id, link: link(), policy: settings.policy, ...(settings.name === undefined ? {} : { name: settings.name }) }) }),
      ...successionRoutes(books),
      ...hostingRoutes(parts),
      ...backupsRoutes(parts)
    ], { version: options.version ?? '0.0.0' })
    server = await openServer({ ...options.http, routes, publicUrls: settings.publicUrls, trustProxy: settings.trustProxy, metrics, ...(options.limits ? { limits: options.limits } : {}), ...(options.log ? { log: options.log } : {}) })
  }

  const publishOwn = (): Promise<void> => publishOwnProfile({ addresses: addresses(), name: settings.name, index: index.name, isNew: options.isNew === true }, { profiles, signer, clock }, { signal: closing.signal })

  try {
    await listen()
    await publishOwn()
  } catch (error) {
    await close(server, feed, strangers, books)
    throw error
  }

  const lease = new Lease({ store: books.store, clock }, { what: 'chores', holder: crypto.randomUUID() })
  const pace = createPace({ profiles, clock, passMs })
  let told = addresses()
  /** Processes of one home have nodes at addresses of their own: the one with the lease speaks for all, or they would contradict each other for good. */
  const keepOwnCurrent = async (signal: AbortSignal): Promise<void> => {
    const current = addresses()
    if (current.join(' ') === told.join(' ') && !(await lease.hold(LEASE_PASSES * passMs, { signal }))) return
    await publishOwn()
    told = current
  }
  const running = Promise.all([
    repeat(passMs, closing.signal, (error) => onError?.(error, 'keep-alive'), async (signal) => {
      if (!(await lease.hold(LEASE_PASSES * passMs, { signal }))) return
      const signers = [signer, ...options.signers?.() ?? []]
      await profiles.keepAlive({ limit: await pace(), signers, signal, ...(options.onKept ? { onProgress: options.onKept } : {}) })
    }),
    repeat(passMs, closing.signal, (error) => onError?.(error, 'chores'), async (signal) => {
      if (await lease.hold(LEASE_PASSES * passMs, { signal })) await doChores(books, signal)
    }),
    repeat(Math.min(ADDRESSES_MS, passMs), closing.signal, (error) => onError?.(error, 'index'), async (signal) => {
      if (await lease.hold(LEASE_PASSES * passMs, { signal })) await index.keepCurrent(signal)
    }),
    repeat(Math.min(ADDRESSES_MS, passMs), closing.signal, (error) => onError?.(error, 'profile'), keepOwnCurrent),
    followChanges({ books, changes, feed, profiles }, closing.signal, (error) => onError?.(error, 'changes'))
  ])

  let closed: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    closing.abort(new MercuryError('CLOSED', 'the home is closed'))
    await Promise.all([running, server?.close()])
    await lease.release().catch(() => undefined)
    await index.local.close()
    await close(server, feed, strangers, books)
  }

  return {
    id: signer.id,
    url: server?.url,
    settings,
    get urls () {
      return urls()
    },
    get description () {
      return describe()
    },
    get link () {
      return link()
    },
    ...createOperator({ books, signer, settings, addresses, clock }),
    relaysFor: (asked) => books.relaysFor(asked),
    close: () => (closed ??= stop())
  }
}

const close = async (server: HomeServer | undefined, feed: EventFeed, strangers: { close(): void }, books: HostingBooks): Promise<void> => {
  strangers.close()
  await server?.close()
  await feed.close()
  await books.close()
}

/** Every `ms`, the first time after one; until `signal` aborts. Never rejects. */
const repeat = async (ms: number, signal: AbortSignal, onError: (error: unknown) => void, work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  while (true) {
    // Aborted: the loop ends.
    await delay(ms, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    await work(signal).catch((error: unknown) => {
      if (!signal.aborted) onError(error)
    })
  }
}

/** Passes until nothing is due; what is left of a long list has a next turn. */
const doChores = async ({ chores }: HostingBooks, signal: AbortSignal): Promise<void> => {
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const { more, failed } = await chores.run({ signal })
    if (failed) throw failed.error
    if (!more) return
  }
}

const MAX_PASSES = 64

/**
 * How many names a pass takes: what the minutes since the last one come to, ten at most, for a pass may take longer than until the next.
 * Names are counted anew each hour, and not when the home starts.
 */
const createPace = ({ profiles, clock, passMs }: { profiles: Profiles; clock: () => number; passMs: number }): (() => Promise<number>) => {
  let kept = 0
  let countedAt = -Infinity
  let last = Math.floor(clock() / passMs)
  return async () => {
    const now = clock()
    if (Math.abs(now - countedAt) >= COUNT_MS) {
      countedAt = now
      kept = 0
      for await (const _ of profiles.kept()) kept++
    }
    const pass = Math.floor(now / passMs)
    let limit = 0
    for (let missed = Math.max(last + 1, pass - MAX_MADE_UP + 1); missed <= pass; missed++) limit += passLimit(kept, { now: missed * passMs, passMs })
    last = pass
    return limit
  }
}

const MAX_MADE_UP = 10

/** A version that came another way than by HTTP, over the DHT for example, changes an agreement as well. */
const followChanges = async ({ books, changes, feed, profiles }: { books: HostingBooks; changes: ChangeLog; feed: EventFeed; profiles: Profiles }, signal: AbortSignal, onError: (error: unknown) => void): Promise<void> => {
  let key: string | undefined
  let begun = false
  while (!signal.aborted) {
    try {
      if (!begun) key = await changes.last({ signal })
      begun = true
      for (const event of await feed.next(key, signal)) {
        const document = books.wasTaken(event.id, event.sequence) ? undefined : await storedDocument(event.id, profiles, { signal })
        if (document) await books.agreements.taken(event.id, document, { isCurrent: async () => true, signal })
        key = event.key
      }
    } catch (error) {
      if (signal.aborted) return
      onError(error)
      // Aborted: the loop ends.
      await delay(SECOND_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** 0.0.0.0 and :: are where to listen, and nowhere to go. */
const isReachable = (url: string): boolean => !['0.0.0.0', '[::]'].includes(new URL(url).hostname)
