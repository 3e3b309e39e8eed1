import type { CID } from 'multiformats/cid'
import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'

/** What came of one delivery. */
export interface Receipt {
  /** A router's name, or `blocks` for the block store. */
  target: string
  outcome: 'delivered' | 'failed'
  ms: number
  reason?: string
  code?: string
}

export interface Published {
  id: ProfileId
  cid: CID
  sequence: bigint
  /** Deliveries that have ended by now. */
  receipts: readonly Receipt[]
  /** Targets that do not have it yet; they are tried again, after a restart too. */
  pending: readonly string[]
  /**
   * The version found on the network by a device that knew none, and who gave it: this one was made above it.
   * `value` is where the name pointed, as in `/ipfs/…`, when that was no profile; this is then said by a device that knew a version, too.
   */
  found?: { sequence: bigint; source: string; value?: string }
}

export type Wait = 'local' | 'any' | 'all'

/** The version is safe on this device, but not where the caller asked it to be before going on. */
export class UndeliveredError extends MercuryError {
  override readonly name = 'UndeliveredError'
  readonly published: Published
  constructor (published: Published, options?: ErrorOptions) {
    const failures = published.receipts.filter(({ outcome }) => outcome === 'failed').map(({ target, reason }) => `${target} (${reason})`)
    super('UNDELIVERED', `version ${published.sequence} is saved on this device, but was not taken by ${failures.join(', ')}; it is sent again when the program runs next`, options)
    this.published = published
  }
}
