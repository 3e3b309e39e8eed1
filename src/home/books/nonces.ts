import { ConflictError, MercuryError } from '../../errors.ts'
import { RequestRefusedError, SIGNATURE_WINDOW_S, type SignedHead } from '../../hosting/request-signature.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { SECOND_MS } from '../../limits.ts'
import type { Operation } from '../../store/key-value-store.ts'
import { formatTime, type BookOptions, type BookParts, type ChangeNote } from './book.ts'

/** Signed requests that one profile may make within the window, in one process. */
export const MAX_NONCES_PER_SIGNER = 1_000
/** Signers that are counted; beyond, those that began first are forgotten. */
const MAX_SIGNERS = 65_536
/** What one sweep removes at most. */
const MAX_SWEPT = 1_024
const PREFIX = 'nonce/'
const EMPTY = new Uint8Array()

/**
 * Which signed requests were made before, so that none is made twice: `nonce/<unix second at which it is of no use>/<signer>/<nonce>`.
 *
 * Durable where the state is: what was done before a restart is not done again after it. Only requests that are acted on are noted, so a stranger writes nothing here.
 */
export class Nonces {
  private readonly parts: BookParts
  /** How many each signer has used since when; no longer than two windows. */
  private readonly used = new Map<ProfileId, { since: number; count: number }>()

  constructor (parts: BookParts) {
    this.parts = parts
  }

  /**
   * For the batch of the change that the request asks for.
   *
   * @throws MercuryError `TOO_MANY_REQUESTS`
   */
  noteOf (head: Pick<SignedHead, 'signer' | 'nonce' | 'created'>): ChangeNote {
    this.count(head.signer)
    const key = nonceKey(head)
    const operations: Operation[] = [{ type: 'check', key, value: undefined }, { type: 'put', key, value: EMPTY }]
    return {
      operations,
      refuseUsed: async (options) => {
        if (await this.parts.store.get(key, options)) throw replayed()
      }
    }
  }

  /** In a batch of its own. @throws RequestRefusedError (`SIGNATURE_REPLAYED`), MercuryError `TOO_MANY_REQUESTS` */
  async note (head: Pick<SignedHead, 'signer' | 'nonce' | 'created'>, options?: BookOptions): Promise<void> {
    const { operations } = this.noteOf(head)
    try {
      await this.parts.store.batch(operations, options)
    } catch (error) {
      throw error instanceof ConflictError ? replayed({ cause: error }) : error
    }
  }

  /** Removes what is out of the window, and another window longer: processes that share a state have clocks of their own. @returns how many */
  async sweep (options: BookOptions = {}): Promise<number> {
    const until = Math.floor(this.parts.clock() / SECOND_MS) - SIGNATURE_WINDOW_S
    const keys: string[] = []
    for await (const [key] of this.parts.store.entries({ prefix: PREFIX, lt: PREFIX + formatTime(Math.max(0, until)), limit: MAX_SWEPT }, options)) keys.push(key)
    if (keys.length > 0) await this.parts.store.batch(keys.map((key) => ({ type: 'delete', key })), options)
    return keys.length
  }

  private count (signer: ProfileId): void {
    const now = this.parts.clock()
    const windowMs = 2 * SIGNATURE_WINDOW_S * SECOND_MS
    // In the order in which they began, so the old ones are first.
    for (const [id, { since }] of this.used) {
      if (Math.abs(now - since) < windowMs) break
      this.used.delete(id)
    }
    const entry = this.used.get(signer) ?? { since: now, count: 0 }
    if (entry.count >= MAX_NONCES_PER_SIGNER) throw new MercuryError('TOO_MANY_REQUESTS', `a profile may make ${MAX_NONCES_PER_SIGNER} signed requests in ${windowMs / SECOND_MS} s`)
    entry.count++
    this.used.set(signer, entry)
    if (this.used.size > MAX_SIGNERS) this.used.delete(this.used.keys().next().value!)
  }
}

const nonceKey = ({ signer, nonce, created }: Pick<SignedHead, 'signer' | 'nonce' | 'created'>): string => `${PREFIX}${formatTime(created + SIGNATURE_WINDOW_S)}/${signer}/${nonce}`

const replayed = (options?: ErrorOptions): RequestRefusedError => new RequestRefusedError('SIGNATURE_REPLAYED', 'this very request was made before; sign it anew, with another nonce', options)
