import { decodeCbor, encodeCbor } from '../cbor.ts'
import { MercuryError } from '../errors.ts'
import { InvalidProfileIdError, decodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import type { HomeTransport } from '../hosting/home-transport.ts'
import { MAX_HOMES } from '../limits.ts'
import type { NameRouter } from '../naming/name-router.ts'
import type { HomeEntry, ProfileDocument } from '../profile/document.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { baseUrlOf, createHomeContact, urlsOf, type HomeContact } from './home-contact.ts'
import { routerOver } from './home-router.ts'
import type { ProfileState } from './profile-state.ts'

const TARGET = 'home:'
/** Of one home, from each source. */
const MAX_URLS = 4
const MAX_HINTS = 4

export interface KnownHomesParts {
  transport: HomeTransport
  store: KeyValueStore
  state: ProfileState
  /** Milliseconds since 1970. */
  clock(): number
}

/** A home, and the multiaddrs that somebody's document gives for it. */
export interface ListedHome {
  readonly home: ProfileId
  readonly addrs: readonly string[]
}

/** How a home is called among routers and in the outbox. */
export const homeTarget = (home: ProfileId): string => `${TARGET}${home}`

/** The homes that a document lists, each once, the current first; whether they accepted is not looked at. */
export const homesOf = (document: ProfileDocument | undefined): ListedHome[] => {
  const homes = new Map<ProfileId, ListedHome>()
  for (const entry of document?.homes?.slice(0, MAX_HOMES) ?? []) {
    const home = homeOf(entry)
    if (home !== undefined && !homes.has(home)) homes.set(home, { home, addrs: entry.addrs ?? [] })
  }
  return [...homes.values()]
}

/** @returns `undefined` where the bytes are no profile ID */
export const homeOf = ({ id }: HomeEntry): ProfileId | undefined => {
  try {
    return decodeProfileId(id)
  } catch (error) {
    if (error instanceof InvalidProfileIdError) return undefined
    throw error
  }
}

/**
 * How this device reaches homes: at the addresses that the user named for them (`named/<home>`), else at those of their own documents as far as they are kept here,
 * else at those that a persona's document gives. Only named ones may be private.
 */
export class KnownHomes {
  private readonly parts: KnownHomesParts

  constructor (parts: KnownHomesParts) {
    this.parts = parts
  }

  /** Where a home is reached; base URLs that the user names now come before all others. */
  async contact ({ home, addrs }: ListedHome, { named = [], signal }: { named?: readonly string[]; signal?: AbortSignal | undefined } = {}): Promise<HomeContact> {
    const { state, store, transport, clock } = this.parts
    const [before, own] = await Promise.all([store.get(namedKey(home), { signal }), state.head(home, { now: clock(), signal }).catch(passOverMercuryErrors)])
    const remembered = before ? decodeCbor(before) as string[] : []
    const found = [own?.document.addrs, addrs].flatMap((addresses) => urlsOf(addresses).slice(0, MAX_URLS))
    return createHomeContact({ transport, clock, named: [...new Set([...named, ...remembered])].slice(0, MAX_URLS), found: [...new Set(found)] })
  }

  /** Remembers where the user said that `home` is. */
  async remember (home: ProfileId, urls: readonly string[], options?: { signal?: AbortSignal | undefined }): Promise<void> {
    await this.parts.store.put(namedKey(home), encodeCbor(urls.slice(0, MAX_URLS)), options)
  }

  /** Where a home is that only URLs are known of. */
  at (urls: { named: readonly string[]; found: readonly string[] }): HomeContact {
    const { transport, clock } = this.parts
    return createHomeContact({ transport, clock, ...urls })
  }

  /** Routers over the homes that `document` lists, and over those that `hints` may name: multiaddrs or URLs, of which at most 4 are asked. */
  async routers (document: ProfileDocument | undefined, { hints = [], signal }: { hints?: readonly string[] | undefined; signal?: AbortSignal | undefined } = {}): Promise<NameRouter[]> {
    const listed = await Promise.all(homesOf(document).map(async (home) => ({ name: homeTarget(home.home), contact: await this.contact(home, { signal }) })))
    const asked = new Set(listed.flatMap(({ contact }) => [...contact.named, ...contact.found]))
    const urls = new Set(hints.map(baseUrlOf).filter((url) => url !== undefined).filter((url) => !asked.has(url)))
    const hinted = [...urls].slice(0, MAX_HINTS).map((url) => ({ name: `hint:${url}`, contact: this.at({ named: [], found: [url] }) }))
    return [...listed, ...hinted].map(({ name, contact }) => routerOver(contact, { name, strangers: false }))
  }
}

/** Where it is remembered is damaged: it is then found by what else there is. */
const passOverMercuryErrors = (error: unknown): undefined => {
  if (!(error instanceof MercuryError)) throw error
}

const namedKey = (home: ProfileId): string => `named/${home}`
