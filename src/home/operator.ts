import { createInvitation, formatHomeLink } from '../hosting/invitation.ts'
import type { AgreementState } from '../hosting/agreement.ts'
import { MercuryError } from '../errors.ts'
import { parseProfileId, recallProfileId, type ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { DAY_MS, MAX_HOME_ADDRESSES, SECOND_MS } from '../limits.ts'
import { decodeAgreement } from './books/agreement-entry.ts'
import type { HostingBooks } from './hosting-books.ts'
import type { HomeSettings } from './settings.ts'

export const MAX_PAGE = 1_000
/** Agreements that are looked at for one page, whatever their state. */
const MAX_LOOKED_AT = 10_000

export interface InviteOptions {
  /** How often it may be used; 1 to 1,000. @default 1 */
  uses?: number
  /** For how long it is good; 1 to 366. @default 7 */
  days?: number
}

export interface Invited {
  readonly voucher: string
  /** One line to paste into `mercury join`: the home, where it is reached, and the voucher. */
  readonly link: string
  readonly expiresAt: Date
  readonly uses: number
}

/** A profile as the operator sees it. */
export interface HostedProfile {
  readonly id: ProfileId
  readonly state: AgreementState | 'banned'
  readonly since?: Date
  readonly until?: Date
  readonly endedAt?: Date
  readonly quotaBytes?: number
  readonly usedBytes?: number
  /** Of a ban. */
  readonly reason?: string
}

export interface ListOptions {
  /** @default every agreement, and no bans of who has none */
  state?: AgreementState | 'banned'
  /** Where the page before ended. */
  after?: ProfileId
  /** 1 to 1,000. @default 100 */
  limit?: number
}

export interface HostedPage {
  readonly profiles: readonly HostedProfile[]
  /** For `after` of the next page; absent on the last one. A page may hold less than `limit`, or nothing, and not be the last. */
  readonly next?: ProfileId
}

export interface HomeStats {
  /** Offered or active. */
  readonly hosted: number
  readonly maxProfiles: number
  readonly policy: HomeSettings['policy']
}

/** What the operator of a home may do, on the machine itself. IDs in any accepted spelling. */
export interface HomeOperator {
  invite(options?: InviteOptions): Promise<Invited>
  /** In the order of their IDs. */
  list(options?: ListOptions): Promise<HostedPage>
  /** Ends the agreement and stops serving at once; what is kept elsewhere is out of reach. @param reason for the operator's own eyes; may be empty */
  ban(id: string, reason?: string): Promise<void>
  /** @returns whether it was banned */
  unban(id: string): Promise<boolean>
  /** @param bytes of blocks and backups; `undefined` for the home's own setting. @throws MercuryError `NOT_HOSTED` */
  quota(id: string, bytes: number | undefined): Promise<void>
  stats(): Promise<HomeStats>
}

export interface OperatorParts {
  books: HostingBooks
  signer: Signer
  settings: HomeSettings
  /** Where the home is reached, the best first. */
  addresses: () => readonly string[]
  clock: () => number
}

export const createOperator = ({ books, signer, settings, addresses, clock }: OperatorParts): HomeOperator => ({
  async invite ({ uses = 1, days = 7 } = {}) {
    if (!isCount(uses)) throw invalid('uses', '1 to 1,000')
    if (!isCount(days) || days > 366) throw invalid('days', '1 to 366')
    const expires = Math.floor((clock() + days * DAY_MS) / SECOND_MS)
    const voucher = await createInvitation({ expires, uses }, signer)
    return { voucher, link: formatHomeLink({ home: signer.id, addresses: addresses().slice(0, MAX_HOME_ADDRESSES), voucher }), expiresAt: new Date(expires * SECOND_MS), uses }
  },
  async list ({ state, after, limit = 100 } = {}) {
    if (!isCount(limit) || limit > MAX_PAGE) throw invalid('limit', `1 to ${MAX_PAGE}`)
    return state === 'banned' ? listBans({ after, limit }, books) : listAgreements({ state, after, limit }, books, settings)
  },
  async ban (text, reason = '') {
    const id = parseProfileId(text)
    await books.bans.ban(id, reason)
    // A chore does it again where this is cut off.
    await books.chores.unserve(id)
  },
  unban: async (text) => books.bans.unban(parseProfileId(text)),
  async quota (text, bytes) {
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)) throw invalid('the quota', 'bytes, 0 or more')
    await books.agreements.setQuota(parseProfileId(text), bytes)
  },
  async stats () {
    return { hosted: await books.agreements.count(), maxProfiles: settings.maxProfiles, policy: settings.policy }
  }
})

interface PageOptions {
  after: ProfileId | undefined
  limit: number
}

const listAgreements = async ({ state, after, limit }: PageOptions & { state: AgreementState | undefined }, { store, usage }: HostingBooks, settings: HomeSettings): Promise<HostedPage> => {
  const profiles: HostedProfile[] = []
  let looked = 0
  let last: ProfileId | undefined
  for await (const [key, value] of store.entries({ prefix: AGREEMENTS, ...(after === undefined ? {} : { gt: AGREEMENTS + after }), limit: MAX_LOOKED_AT + 1 })) {
    if (profiles.length === limit || looked++ === MAX_LOOKED_AT) return { profiles, ...(last === undefined ? {} : { next: last }) }
    last = recallProfileId(key.slice(AGREEMENTS.length))
    const { state: found, since, until, endedAt, quota } = decodeAgreement(value)
    if (state !== undefined && found !== state) continue
    profiles.push({
      id: last,
      state: found,
      since: new Date(since * SECOND_MS),
      ...(until === undefined ? {} : { until: new Date(until * SECOND_MS) }),
      ...(found === 'ended' && endedAt !== undefined ? { endedAt: new Date(endedAt) } : {}),
      quotaBytes: quota ?? settings.quotaBytes,
      usedBytes: await usage.used(last)
    })
  }
  return { profiles }
}

const AGREEMENTS = 'agreement/'

const listBans = async ({ after, limit }: PageOptions, { bans }: HostingBooks): Promise<HostedPage> => {
  const found = await Array.fromAsync(bans.entries({ ...(after === undefined ? {} : { after }), limit: limit + 1 }))
  const page = found.slice(0, limit)
  const profiles = page.map(({ id, ban }): HostedProfile => ({ id, state: 'banned', since: new Date(ban.at), reason: ban.reason }))
  return { profiles, ...(found.length > limit ? { next: page.at(-1)!.id } : {}) }
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1

const invalid = (what: string, range: string): MercuryError => new MercuryError('INVALID_ARGUMENT', `${what} must be a whole number: ${range}`)
