import { sha256 } from '@noble/hashes/sha2.js'
import { equals } from 'uint8arrays'
import { MercuryError } from '../errors.ts'
import { HomeRefusedError, HomeUnreachableError } from '../hosting/home-client.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { SECOND_MS } from '../limits.ts'
import { GoneError } from '../naming/answer.ts'
import type { ProfileCandidate } from '../naming/name-router.ts'
import { peekDocument } from '../naming/record.ts'
import { verifyAcceptance } from '../profile/acceptance.ts'
import { verifyDocument, type HomeEntry, type ProfileDocument } from '../profile/document.ts'
import { verifySuccession, type VerifiedSuccession } from '../profile/succession.ts'
import { untilAborted } from '../until-aborted.ts'
import { requireHomes } from './agree.ts'
import { NoHomeError, type CurrentHome, type PassedOver, type ResolveHomeOptions } from './current-home.ts'
import { reportOf, urlsOf, type HomeContact } from './home-contact.ts'
import { homeOf } from './known-homes.ts'
import { absence, lookUp, type Lookup, type LookupOptions, type LookupParts } from './look-up.ts'
import { takeVersion } from './take-version.ts'
import type { Head } from './profile-state.ts'

/** A home that has not answered by then holds up none after it: they are asked, too. */
const PATIENCE_MS = SECOND_MS
/** Versions of one profile that one call follows: homes that know newer ones than routers change where to look. */
const MAX_ROUNDS = 4

/**
 * Finds the home where a profile lives now: record, home and addresses in one round trip where the router that is asked is that home.
 *
 * Nothing is believed: the acceptance is the home's signature, the addresses are those of its own document, and what a home says of an agreement counts only
 * when it is said at one of those, or at one that the user named.
 */
export const resolveHome = async (id: ProfileId, options: ResolveHomeOptions, parts: LookupParts): Promise<{ current: CurrentHome; lookup: Lookup }> => {
  if (!parts.homes && (options.reach ?? true)) requireHomes(parts)
  return new HomeSearch(id, options, parts).run()
}

/** What one home is to the profile: its current one, perhaps so, or not; or it knows a newer version. */
type Verdict =
  | { type: 'current' | 'silent'; addresses: readonly string[]; reason?: string }
  | { type: 'passed'; code: string; reason: string }
  | { type: 'newer' }

/** What was answered at an address of a home: what it gave, or why it gave nothing. */
interface Said {
  readonly url: string
  readonly given?: ProfileCandidate | undefined
  readonly error?: MercuryError
}

class HomeSearch {
  private readonly id: ProfileId
  private readonly options: ResolveHomeOptions & { signal: AbortSignal }
  private readonly parts: LookupParts
  private readonly done = new AbortController()
  /** Each home is asked once, whichever version lists it. */
  private readonly said = new Map<ProfileId, Promise<Said | HomeUnreachableError>>()
  /** What homes gave that were asked. */
  private readonly given: ProfileCandidate[] = []
  private lookup!: Lookup

  constructor (id: ProfileId, options: ResolveHomeOptions, parts: LookupParts) {
    this.id = id
    const { signal } = this.done
    this.options = { ...options, signal: options.signal ? AbortSignal.any([options.signal, signal]) : signal }
    this.parts = parts
  }

  async run (): Promise<{ current: CurrentHome; lookup: Lookup }> {
    try {
      return await this.search()
    } finally {
      // Homes that were asked to be sure are asked no more.
      this.done.abort(new DOMException('the home is found', 'AbortError'))
    }
  }

  private async search (): Promise<{ current: CurrentHome; lookup: Lookup }> {
    const { policy = 'first', hints, next, signal } = this.options
    const lookupOptions: LookupOptions = { policy, hints, next, signal }
    this.lookup = await lookUp(this.id, lookupOptions, this.parts)
    await this.hearHomes(this.lookup.profiles)
    for (let round = 1; ; round++) {
      const { head, answers } = this.lookup
      if (!head) throw absence(this.id, this.lookup)
      if (head.floor.gone) throw new GoneError(this.id, answers)
      const current = await this.currentOf(head, round === MAX_ROUNDS)
      if (current) return { current: { ...current, ...await this.succession(head) }, lookup: this.lookup }
      const newest = await lookUp(this.id, { ...lookupOptions, policy: 'offline' }, this.parts)
      this.lookup = { ...newest, answers, confirmedBy: this.lookup.confirmedBy, profiles: this.lookup.profiles }
    }
  }

  /** @returns `undefined` when a home has shown a newer version. @throws NoHomeError */
  private async currentOf (head: Head, isLast: boolean): Promise<Omit<CurrentHome, 'succession'> | undefined> {
    const passedOver: PassedOver[] = []
    let silent: Omit<CurrentHome, 'succession'> | undefined
    for (const acceptance of head.document.homes ?? []) {
      const home = homeOf(acceptance)
      const verdict = await this.judge(acceptance, head)
      this.options.signal.throwIfAborted()
      if (verdict.type === 'newer' && !isLast) return undefined
      if (verdict.type === 'current') return { home: home!, addresses: verdict.addresses, confirmed: true, acceptance, passedOver }
      if (verdict.type === 'silent') silent ??= { home: home!, addresses: verdict.addresses, confirmed: false, acceptance, passedOver: [...passedOver] }
      if (verdict.type === 'silent' && !this.reaches) break
      if (verdict.type === 'passed') passedOver.push({ home, code: verdict.code, reason: verdict.reason })
      else passedOver.push({ home, code: 'HOME_UNREACHABLE', reason: verdict.type === 'silent' ? verdict.reason ?? 'it was not asked' : 'it shows a newer version each time' })
    }
    if (silent) return silent
    throw new NoHomeError(this.id, passedOver)
  }

  private get reaches (): boolean {
    return (this.options.reach ?? true) && this.options.policy !== 'offline'
  }

  private async judge (acceptance: HomeEntry, { document }: Head): Promise<Verdict> {
    try {
      const { home } = await verifyAcceptance(acceptance, { persona: this.id, next: document.next, at: this.parts.clock() / SECOND_MS })
      const said = await this.patiently(this.hear(home, acceptance), document)
      const own = await this.ownHead(home)
      if (own?.floor.gone) return { type: 'passed', code: 'GONE', reason: 'the home is gone for good' }
      if (own && own.document.kind !== 'home') return { type: 'passed', code: 'NOT_A_HOME', reason: `it is a ${own.document.kind}` }
      const addresses = own?.document.addrs ?? acceptance.addrs ?? []
      if (said === undefined || said instanceof HomeUnreachableError) return { type: 'silent', addresses, ...(said ? { reason: said.message } : {}) }
      if (said.error) return passedBy(said.error)
      if (!said.given) return { type: 'passed', code: 'NOT_HOSTED', reason: 'it has nothing of the profile' }
      if (!own || !said.given.home) return { type: 'passed', code: 'NOT_A_HOME', reason: 'it has no profile of its own' }
      await this.take(home, said.given.home)
      return await this.weigh(said.given, addresses)
    } catch (error) {
      this.options.signal.throwIfAborted()
      return { type: 'passed', ...reportOf(error) }
    }
  }

  /** What a home gave of the profile itself. */
  private async weigh (given: ProfileCandidate, addresses: readonly string[]): Promise<Verdict> {
    const { signal } = this.options
    const { head, answer } = await takeVersion(this.id, given, { source: 'home', signal }, this.parts)
    if (head && !head.record.cid.equals(this.lookup.head!.record.cid)) return { type: 'newer' }
    if (answer.outcome === 'older' || answer.outcome === 'fork') return { type: 'passed', code: answer.outcome.toUpperCase(), reason: answer.reason ?? 'it hands out another version' }
    if (answer.outcome !== 'found') return { type: 'passed', code: answer.code ?? 'INVALID_RECORD', reason: answer.reason ?? 'it gave no record' }
    if (given.hosting === 'active') return { type: 'current', addresses }
    return given.hosting === 'ended' ? { type: 'passed', code: 'ENDED', reason: 'it says that the agreement has ended' } : { type: 'passed', code: 'NOT_HOSTED', reason: `it says that the agreement is ${given.hosting ?? 'unknown'}` }
  }

  /** Homes that were among the routers have spoken already. */
  private async hearHomes (profiles: readonly ProfileCandidate[]): Promise<void> {
    for (const given of profiles) {
      if (!given.home || given.url === undefined) continue
      try {
        const document = peekDocument(given.home)
        if (!document) continue
        const { id: home } = await verifyDocument(document, { id: 'any' })
        if (await this.speaksFor(home, given, given.url)) this.said.set(home, Promise.resolve({ url: given.url, given }))
      } catch (error) {
        this.options.signal.throwIfAborted()
        // It proves nothing of itself; the homes that the profile lists are asked.
        reportOf(error)
      }
    }
  }

  /** Whether what is said at `url` is said by `home`: its own document lists that address. Judges the record of the home that comes along. */
  private async speaksFor (home: ProfileId, { home: record }: Pick<ProfileCandidate, 'home'>, url: string, named: readonly string[] = []): Promise<boolean> {
    // One that does not verify says nothing about where the home is.
    if (record) await this.take(home, record).catch(passOverMercuryErrors)
    const own = await this.ownHead(home)
    return named.includes(url) || urlsOf(own?.document.addrs).includes(url)
  }

  /** What a home says, asked now where it has not spoken. */
  private hear (home: ProfileId, acceptance: HomeEntry): Promise<Said | HomeUnreachableError> | undefined {
    const said = this.said.get(home) ?? (this.reaches ? this.ask(home, acceptance) : undefined)
    // Who waits for it hears of its failure.
    said?.catch(() => undefined)
    if (said) this.said.set(home, said)
    return said
  }

  private async patiently <T>(said: Promise<T> | undefined, document: ProfileDocument): Promise<T | undefined> {
    const timer = setTimeout(() => {
      for (const entry of document.homes ?? []) {
        const home = homeOf(entry)
        if (home !== undefined) void this.hear(home, entry)
      }
    }, PATIENCE_MS)
    try {
      return await said
    } finally {
      clearTimeout(timer)
    }
  }

  /** Asks a home at the addresses that are known for it, then at those of its own document. */
  private async ask (home: ProfileId, { addrs = [] }: HomeEntry): Promise<Said | HomeUnreachableError> {
    const { signal } = this.options
    const contact = await this.parts.homes!.contact({ home, addrs }, { signal })
    const first = await this.askAt(contact)
    const isHeard = !(first instanceof HomeUnreachableError) && await this.speaksFor(home, first.given ?? {}, first.url, contact.named)
    return isHeard ? first : this.askElsewhere(home, contact, first)
  }

  /** Whoever was there did not speak for the home, or nobody was: its own document says where it is. */
  private async askElsewhere (home: ProfileId, asked: HomeContact, first: Said | HomeUnreachableError): Promise<Said | HomeUnreachableError> {
    const { signal } = this.options
    const tried = first instanceof HomeUnreachableError ? [...asked.named, ...asked.found] : [first.url]
    const known = await this.ownHead(home)
    const untried = (head: Head | undefined): string[] => urlsOf(head?.document.addrs).filter((url) => !tried.includes(url))
    const own = untried(known).length > 0 ? known : (await lookUp(home, { policy: 'first', signal }, this.parts)).head
    const isHeard = !own || first instanceof HomeUnreachableError || urlsOf(own.document.addrs).includes(first.url)
    const found = untried(own)
    if (found.length === 0) return isHeard ? first : new HomeUnreachableError('its own profile gives no address that answers for it')
    if (isHeard && !(first instanceof HomeUnreachableError)) return first
    return this.askAt(this.parts.homes!.at({ named: [], found }))
  }

  private async askAt (contact: HomeContact): Promise<Said | HomeUnreachableError> {
    const { signal } = this.options
    const timeout = AbortSignal.timeout(this.parts.routerTimeoutMs)
    const until = AbortSignal.any([signal, timeout])
    try {
      const { value: given, url } = await untilAborted(contact.ask((client) => client.profile(this.id, { signal: until })), until)
      if (given) this.given.push(given)
      return { url, given }
    } catch (error) {
      signal.throwIfAborted()
      if (timeout.aborted) return new HomeUnreachableError('it took too long')
      if (error instanceof HomeUnreachableError) return error
      if (error instanceof HomeRefusedError && (error.status >= 500 || error.status === 429)) return new HomeUnreachableError(error.message, { cause: error })
      if (error instanceof MercuryError) return { url: contact.answeredAt()!, error }
      throw error
    }
  }

  /** @throws MercuryError when it is no version of the home's own profile */
  private async take (home: ProfileId, record: Uint8Array): Promise<void> {
    const { answer } = await takeVersion(home, { record }, { source: 'home', signal: this.options.signal }, this.parts)
    if (answer.outcome !== 'found') throw new MercuryError(answer.code ?? answer.outcome.toUpperCase(), `its own record does not hold: ${answer.reason ?? answer.outcome}`)
  }

  private async ownHead (home: ProfileId): Promise<Head | undefined> {
    return this.parts.state.head(home, { now: this.parts.clock(), signal: this.options.signal })
  }

  private async succession ({ document }: Head): Promise<{ succession?: VerifiedSuccession }> {
    for (const succession of [...this.lookup.profiles, ...this.given].map((candidate) => candidate.succession)) {
      if (!succession) continue
      const verified = await verifySuccession(succession).catch(passOverMercuryErrors)
      if (verified?.from === this.id && isPledged(document, succession.key)) return { succession: verified }
    }
    return {}
  }
}

const passedBy = (error: MercuryError): Verdict => {
  if (!(error instanceof HomeRefusedError)) return { type: 'passed', ...reportOf(error) }
  const code = error.status === 410 || error.refusal === 'BANNED' ? 'BANNED' : 'HOME_REFUSED'
  return { type: 'passed', code, reason: error.message }
}

const isPledged = ({ next }: ProfileDocument, key: unknown): boolean => next !== null && key instanceof Uint8Array && equals(sha256(key), next)

const passOverMercuryErrors = (error: unknown): undefined => {
  if (!(error instanceof MercuryError)) throw error
}
