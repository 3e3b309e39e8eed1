import { equals } from 'uint8arrays'
import { MercuryError, checkLimit } from '../errors.ts'
import type { Agreement } from '../hosting/agreement.ts'
import { decodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { MAX_HOMES, SECOND_MS } from '../limits.ts'
import { GoneError } from '../naming/answer.ts'
import { verifyAcceptance } from '../profile/acceptance.ts'
import type { HomeEntry, ProfileDocument } from '../profile/document.ts'
import { NotSupportedError } from '../store/not-supported.ts'
import { reportOf, type HomeContact } from './home-contact.ts'
import { uploadMedia } from './home-media.ts'
import { HomeBrokenError, type EndedHome, type JoinOptions } from './hosting.ts'
import { homeOf, homesOf, type KnownHomes, type ListedHome } from './known-homes.ts'
import { lookUp, type LookupParts } from './look-up.ts'
import type { MetHome } from './named-home.ts'
import type { ClientParts } from './parts.ts'
import type { Head } from './profile-state.ts'
import { takeVersion } from './take-version.ts'

/** @throws NotSupportedError where the client was given no way to homes */
export const requireHomes = ({ homes }: Pick<LookupParts, 'homes'>): KnownHomes => {
  if (!homes) throw new NotSupportedError('homes: it was made without `homes`', { by: 'this client' })
  return homes
}

/** The owner's own newest version, also asked for at the homes that it lists. @throws GoneError */
export const ownHead = async (id: ProfileId, { first, signal }: { first?: boolean | undefined; signal: AbortSignal }, parts: ClientParts): Promise<Head | undefined> => {
  const known = await parts.state.head(id, { now: parts.clock(), signal })
  if (!known && first) return undefined
  let lookup = await lookUp(id, { policy: 'all', signal }, parts)
  // Homes that were not known before may have a newer one than routers.
  if (!known && homesOf(lookup.head?.document).length > 0) lookup = await lookUp(id, { policy: 'all', signal }, parts)
  if (lookup.head?.floor.gone) throw new GoneError(id, lookup.answers)
  return lookup.head
}

/**
 * An agreement with `met`, as yet or still: the one that the document stands on where that holds, else one that is asked for.
 *
 * @throws MercuryError `TERMS_NOT_AGREED` before anything is asked for; HomeBrokenError, HomeRefusedError, HomeUnreachableError, and what a false acceptance breaks
 */
export const agreeWith = async ({ home, description, contact }: MetHome, signer: Signer, document: ProfileDocument | undefined, { voucher, agreesTo, peer, signal }: Pick<JoinOptions, 'voucher' | 'agreesTo' | 'peer' | 'signal'>, parts: ClientParts): Promise<Agreement> => {
  const { next, pledge } = document ?? { next: signer.pledge?.next ?? null, pledge: signer.pledge?.sig }
  const at = parts.clock() / SECOND_MS
  const entry = document && entryOf(document, home)
  if (entry && (entry.until === undefined || at < entry.until)) {
    const { value: known } = await contact.ask((client) => client.agreement(home, next, signer, { signal }))
    if (known && known.state !== 'ended' && equals(known.acceptance.sig, entry.sig)) return known
  }
  const { terms } = description
  if (terms && !(await agreesTo?.(terms.text))) throw new MercuryError('TERMS_NOT_AGREED', `${home} has terms, and they were not agreed to`)
  const request = { persona: signer.id, next, ...(pledge ? { pledge } : {}), ...(voucher === undefined ? {} : { voucher }), ...(terms ? { terms: terms.digest } : {}), ...(peer === undefined ? {} : { peer }) }
  const { value: agreement } = await contact.ask((client) => client.agree(request, home, signer, { signal }))
  if (agreement.state === 'ended') throw new HomeBrokenError('NOT_ACTIVE', `${home} answers with an agreement that has ended`)
  await verifyAcceptance(agreement.acceptance, { persona: signer.id, next, at })
  return agreement
}

/** The homes of a document with one more. @throws LimitError when they are over 4 */
export const withHome = (document: ProfileDocument | undefined, acceptance: HomeEntry): readonly HomeEntry[] => {
  const others = othersThan(document, decodeProfileId(acceptance.id))
  checkPlace(others)
  return [acceptance, ...others]
}

/** Whether there is a place beside `others`. @throws LimitError */
export const checkPlace = (others: readonly HomeEntry[]): void => checkLimit('homes of a profile', MAX_HOMES, others.length + 1)

export const entryOf = ({ homes }: ProfileDocument, home: ProfileId): HomeEntry | undefined => homes?.find((entry) => homeOf(entry) === home)

/** What a document lists but `home`. */
export const othersThan = (document: ProfileDocument | undefined, home: ProfileId): readonly HomeEntry[] => (document?.homes ?? []).filter((entry) => homeOf(entry) !== home)

/** Brings a version to a home, where it does not have it. */
export const bringTo = async (contact: HomeContact, { record, documentBytes }: Head, signer: Signer, { signal }: { signal: AbortSignal }, { blocks }: ClientParts): Promise<void> => {
  await uploadMedia({ cid: record.cid, bytes: documentBytes }, contact, signer, { blocks, signal })
  await contact.ask((client) => client.putRecord(record.id, record.bytes, { signal }))
}

/** What a home says of the persona: `active` with the version that is the newest here. @throws HomeBrokenError `NOT_ACTIVE`, and what its answer breaks */
export const readBack = async (home: ProfileId, contact: HomeContact, persona: ProfileId, { signal }: { signal: AbortSignal }, parts: ClientParts): Promise<void> => {
  const { value: said } = await contact.ask((client) => client.profile(persona, { signal }))
  if (!said) throw new HomeBrokenError('NOT_ACTIVE', `${home} took the profile, but does not have it`)
  const { answer } = await takeVersion(persona, said, { source: 'home', signal }, parts)
  if (answer.outcome !== 'found') throw new HomeBrokenError('NOT_ACTIVE', `${home} does not hand out the newest version: ${answer.reason ?? answer.outcome}`)
  if (said.hosting !== 'active') throw new HomeBrokenError('NOT_ACTIVE', `${home} has the newest version, but says that the agreement is ${said.hosting}`)
}

/** Hands a version that no longer lists them to homes, so that they tell where the persona is. What one does not take is no error. */
export const tellLeft = async (left: readonly ListedHome[], { record }: Head, homes: KnownHomes, parts: ClientParts): Promise<void> => {
  await Promise.all(left.map(async (home) => {
    const signal = AbortSignal.any([parts.closing, AbortSignal.timeout(parts.routerTimeoutMs)])
    try {
      const contact = await homes.contact(home, { signal })
      await contact.ask((client) => client.putRecord(record.id, record.bytes, { signal }))
    } catch {
      parts.closing.throwIfAborted()
    }
  }))
}

/** Ends agreements; what a home that is gone or refuses answers is no error. */
export const endAll = async (left: readonly ListedHome[], signer: Signer, homes: KnownHomes, { signal }: { signal: AbortSignal }, parts: ClientParts): Promise<EndedHome[]> =>
  Promise.all(left.map(async ({ home, addrs }): Promise<EndedHome> => {
    const timeout = AbortSignal.timeout(parts.routerTimeoutMs)
    const until = AbortSignal.any([signal, timeout])
    try {
      const contact = await homes.contact({ home, addrs }, { signal })
      await contact.ask((client) => client.end(signer, { signal: until }))
      return { home, ended: true }
    } catch (error) {
      signal.throwIfAborted()
      return { home, ended: false, ...(timeout.aborted ? { code: 'HOME_UNREACHABLE', reason: 'the home does not answer in time' } : reportOf(error)) }
    }
  }))
