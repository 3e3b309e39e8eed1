import { MercuryError } from '../errors.ts'
import type { HostingPolicy } from '../hosting/agreement.ts'
import { MAX_TERMS_LENGTH } from '../hosting/agreement.ts'

const MIB = 1_048_576

/** What the operator of a home decides; each has a default. */
export interface HomeSettings {
  /** Whom the home takes: anybody, whoever shows a voucher, or nobody. @default 'invitation' */
  readonly policy: HostingPolicy
  /** What whoever joins agrees to: at most 65,536 characters. @default none */
  readonly terms?: string
  /** Profiles that are offered a place or have one, at most. @default 100,000 */
  readonly maxProfiles: number
  /** Bytes of uploads and backups of one profile, unless it was given another quota. @default 64 MiB */
  readonly quotaBytes: number
  /** Days for which the newest record of a profile that left is handed out. @default 30 */
  readonly unhostedDays: number
  /** Hours after which an acceptance that was not used lapses. @default 24 */
  readonly offerHours: number
  /** Days after which every agreement ends; its owner may then ask for another. @default none: agreements have no end */
  readonly agreementDays?: number
  /** Under which URLs the home is reached from outside: http or https, a host and a port alone, the best first; at most 4. @default where it listens */
  readonly publicUrls: readonly string[]
  /** What the home is called in its own profile. @default none */
  readonly name?: string
  /** Addresses or networks of the reverse proxies whose `X-Forwarded-For` is believed. @default none */
  readonly trustProxy: readonly string[]
}

export const DEFAULT_SETTINGS: HomeSettings = {
  policy: 'invitation',
  maxProfiles: 100_000,
  quotaBytes: 64 * MIB,
  unhostedDays: 30,
  offerHours: 24,
  publicUrls: [],
  trustProxy: []
}

/** `given` over the defaults. @throws MercuryError `INVALID_SETTING` naming the one that cannot be used */
export const readSettings = (given: Partial<HomeSettings>): HomeSettings => {
  const settings = { ...DEFAULT_SETTINGS, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
  const { policy, terms, agreementDays } = settings
  if (!['open', 'invitation', 'closed'].includes(policy)) throw invalid('policy', 'must be open, invitation or closed')
  if (terms !== undefined && (terms === '' || terms.length > MAX_TERMS_LENGTH)) throw invalid('terms', `must be text of 1 to ${MAX_TERMS_LENGTH} characters`)
  for (const name of ['maxProfiles', 'quotaBytes', 'unhostedDays'] as const) if (!isCount(settings[name], 0)) throw invalid(name, 'must be a whole number, 0 or more')
  if (!isCount(settings.offerHours, 1)) throw invalid('offerHours', 'must be a whole number, 1 or more')
  if (agreementDays !== undefined && !isCount(agreementDays, 1)) throw invalid('agreementDays', 'must be a whole number, 1 or more')
  return settings
}

const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least

const invalid = (name: string, reason: string): MercuryError => new MercuryError('INVALID_SETTING', `the setting ${name} ${reason}`)
