import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { MercuryError } from '../../errors.ts'
import { verifyInvitation, type VerifiedInvitation } from '../../hosting/invitation.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { DAY_MS, SECOND_MS } from '../../limits.ts'
import type { Operation } from '../../store/key-value-store.ts'
import { choreKey } from './agreement-entry.ts'
import type { BookOptions, BookParts } from './book.ts'

/** How long an expired voucher's uses are remembered: a clock may be set back. */
const REMEMBERED_MS = DAY_MS

/**
 * How often each voucher was used: `voucher/<digest>` is `{uses, expires}`, from its first use on.
 *
 * A use is written in the batch of the agreement that it is for, on condition that nobody else used the voucher meanwhile: of two who race for the last use, one gets it.
 */
export class Vouchers {
  private readonly parts: BookParts & { readonly home: ProfileId }

  constructor (parts: BookParts & { readonly home: ProfileId }) {
    this.parts = parts
  }

  /** @throws what {@link verifyInvitation} throws for one that is damaged, expired, or another home's */
  async verify (voucher: string): Promise<VerifiedInvitation> {
    return verifyInvitation(voucher, { home: this.parts.home, now: this.parts.clock() })
  }

  /** For the batch of what the voucher is used for. @throws MercuryError `INVITATION_USED` */
  async use ({ digest, uses, expires }: VerifiedInvitation, options?: BookOptions): Promise<Operation[]> {
    const key = voucherKey(digest)
    const before = await this.parts.store.get(key, options)
    const used = before ? usesOf(before) : 0
    if (used >= uses) throw new MercuryError('INVITATION_USED', uses === 1 ? 'the invitation was used before' : `the invitation was good for ${uses} uses, and they are used up`)
    return [
      { type: 'check', key, value: before },
      { type: 'put', key, value: encodeCbor({ uses: used + 1, expires }) },
      ...(before ? [] : [{ type: 'put', key: choreKey(expires * SECOND_MS + REMEMBERED_MS, 'voucher', digest), value: new Uint8Array() } as const])
    ]
  }
}

export const voucherKey = (digest: string): string => `voucher/${digest}`

const usesOf = (bytes: Uint8Array): number => decodeCborMap(bytes).uses as number
