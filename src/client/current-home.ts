import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { HomeEntry } from '../profile/document.ts'
import type { VerifiedSuccession } from '../profile/succession.ts'
import type { Policy } from './look-up.ts'

export interface ResolveHomeOptions {
  /** How routers are asked; see `resolve`. @default 'first' */
  policy?: Policy
  /** Whether a home that has not answered in the look-up itself is asked. Otherwise it is named unconfirmed. @default true */
  reach?: boolean
  /** Multiaddrs or URLs of homes that may know the profile, or where its document may be had. */
  hints?: readonly string[]
  /** The pledge digest that a link pinned, 32 bytes. */
  next?: Uint8Array
  signal?: AbortSignal
}

/** A home that the profile lists and that is not its current one. */
export interface PassedOver {
  /** `undefined` where the entry names no profile at all. */
  readonly home: ProfileId | undefined
  /**
   * `ENDED`, `NOT_HOSTED`, `BANNED`, `GONE`, `NOT_A_HOME`, `OLDER`, `HOME_UNREACHABLE`, `HOME_REFUSED`, or the code of what it gave does not verify by:
   * its acceptance, its own record, the profile's record.
   */
  readonly code: string
  readonly reason: string
}

/** Where a profile lives. */
export interface CurrentHome {
  readonly home: ProfileId
  /** Multiaddrs: of the home's own document where that is known, else those that the profile gives for it. */
  readonly addresses: readonly string[]
  /** The home answered, at an address of its own document, that it hosts the newest version that is known. */
  readonly confirmed: boolean
  readonly acceptance: HomeEntry
  /** Homes before it in the profile's own order, and why not. */
  readonly passedOver: readonly PassedOver[]
  /** The verified step to the owner's next key, where somebody gave one; it is reported, not followed. */
  readonly succession?: VerifiedSuccession
}

/** The profile lists no home, or none that is one. */
export class NoHomeError extends MercuryError {
  override readonly name = 'NoHomeError'
  readonly id: ProfileId
  readonly passedOver: readonly PassedOver[]
  constructor(id: ProfileId, passedOver: readonly PassedOver[], options?: ErrorOptions) {
    const list = passedOver.map(({ home, code, reason }) => `${home ?? 'an entry that names nobody'} (${code}: ${reason})`).join(', ')
    super('NO_HOME', passedOver.length === 0 ? `${id} lists no home` : `${id} has no home; passed over ${list}`, options)
    this.id = id
    this.passedOver = passedOver
  }
}
