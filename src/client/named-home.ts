import { addressOfUrl } from '../hosting/home-address.ts'
import type { HomeDescription } from '../hosting/agreement.ts'
import { parseHomeLink } from '../hosting/invitation.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { urlsOf, type HomeContact } from './home-contact.ts'
import { HomeBrokenError } from './hosting.ts'
import type { KnownHomes } from './known-homes.ts'
import { absence, lookUp } from './look-up.ts'
import type { ClientParts } from './parts.ts'
import { takeVersion } from './take-version.ts'

/** Where the user said that a home is. */
export interface HomePlace {
  /** Absent where only a URL was named. */
  readonly home?: ProfileId
  readonly urls: readonly string[]
  /** The user named these addresses themselves. */
  readonly trusted: boolean
  readonly voucher?: string
}

/** A home that answers, and has proved who it is. */
export interface MetHome {
  readonly home: ProfileId
  readonly description: HomeDescription
  readonly contact: HomeContact
  /** Base URLs that the user named. */
  readonly named: readonly string[]
}

/**
 * Reads what a user names a home by: a URL of a host and a port, a `mercury:` link, or a profile ID, which is looked up.
 *
 * @throws MercuryError `INVALID_URL`, `INVALID_INVITATION`, InvalidLinkError, InvalidProfileIdError; NotFoundError, UnreachableError
 */
export const findPlace = async (text: string, { signal }: { signal?: AbortSignal | undefined }, parts: ClientParts): Promise<HomePlace> => {
  if (/^https?:/i.test(text)) {
    addressOfUrl(text)
    return { urls: [new URL(text).href], trusted: true }
  }
  const { home, addresses, voucher } = parseHomeLink(text)
  const named = urlsOf(addresses)
  const place = { home, ...(voucher === undefined ? {} : { voucher }) }
  if (named.length > 0) return { ...place, urls: named, trusted: true }
  const lookup = await lookUp(home, { policy: 'first', signal }, parts)
  if (!lookup.head) throw absence(home, lookup)
  return { ...place, urls: urlsOf(lookup.head.document.addrs), trusted: false }
}

/**
 * Asks a home what it is, and has it prove that: its own record and document must be of the ID that it says, or that was named, and of a home.
 *
 * @throws HomeBrokenError `OTHER_HOME`, `NOT_A_HOME`; HomeUnreachableError, HomeRefusedError, and what its answers break
 */
export const meetHome = async ({ home: expected, urls, trusted }: HomePlace, homes: KnownHomes, { signal }: { signal?: AbortSignal | undefined }, parts: ClientParts): Promise<MetHome> => {
  const named = trusted ? urls : []
  const first = expected === undefined ? homes.at({ named, found: [] }) : await homes.contact({ home: expected, addrs: [] }, { named, signal })
  const { value: description } = await first.ask((client) => client.describe({ signal }))
  const { home } = description
  if (expected !== undefined && home !== expected) throw new HomeBrokenError('OTHER_HOME', `at this address is ${home}, not ${expected}`)
  const { value: own } = await first.ask((client) => client.profile(home, { signal }))
  if (!own) throw new HomeBrokenError('NOT_A_HOME', `what answers has no profile of its own under the ID that it says, ${home}`)
  const { head, answer } = await takeVersion(home, own, { source: 'home', signal }, parts)
  if (!head || answer.outcome !== 'found') throw new HomeBrokenError('NOT_A_HOME', `the profile of the home ${home} does not verify: ${answer.reason ?? answer.outcome}`)
  if (head.floor.gone || head.document.kind !== 'home') throw new HomeBrokenError('NOT_A_HOME', `${home} is ${head.floor.gone ? 'gone for good' : `a ${head.document.kind}`}, not a home`)
  return { home, description, named, contact: await homes.contact({ home, addrs: [] }, { named, signal }) }
}
