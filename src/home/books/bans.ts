import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { recallProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { checkLimit } from '../../errors.ts'
import { utf8Length } from '../../bytes.ts'
import { banKey, choreKey, isHeld, markUnindexed } from './agreement-entry.ts'
import type { Agreements } from './agreements.ts'
import type { BookOptions, BookParts } from './book.ts'

const MAX_REASON_BYTES = 1_024
const PREFIX = 'ban/'

export interface Ban {
  /** For the operator: nobody else is told. Up to 1,024 bytes, may be empty. */
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Whom the home serves no more: `ban/<id>` is `{reason, at}`. A ban ends the agreement in its own batch; the profile elsewhere is none of its business. */
export class Bans {
  private readonly parts: BookParts & { readonly agreements: Agreements }

  constructor (parts: BookParts & { readonly agreements: Agreements }) {
    this.parts = parts
  }

  async get (id: ProfileId, options?: BookOptions): Promise<Ban | undefined> {
    const bytes = await this.parts.store.get(banKey(id), options)
    return bytes && decodeCborMap(bytes) as unknown as Ban
  }

  /** From now on; what was kept of the profile is let go by a chore that is due at once. Whether it was banned before makes no difference. @throws LimitError */
  async ban (id: ProfileId, reason: string, options: BookOptions = {}): Promise<void> {
    checkLimit('reason bytes', MAX_REASON_BYTES, utf8Length(reason))
    const { agreements, clock } = this.parts
    const at = clock()
    const value = encodeCbor({ reason, at })
    await agreements.change(id, (entry) => (isHeld(entry) ? agreements.ended(entry) : undefined), {
      ...options,
      // An offer rests on there being no ban, so a batch that makes one cannot come between.
      also: () => [{ type: 'put', key: banKey(id), value }, { type: 'put', key: choreKey(at, 'unserve', id), value: new Uint8Array() }, markUnindexed(id)]
    })
  }

  /** @returns whether it was banned */
  async unban (id: ProfileId, options?: BookOptions): Promise<boolean> {
    const before = await this.get(id, options)
    await this.parts.store.batch([{ type: 'delete', key: banKey(id) }, markUnindexed(id)], options)
    return before !== undefined
  }

  /** In the order of their IDs, after `after`. */
  async * entries ({ after, limit, signal }: BookOptions & { after?: ProfileId; limit?: number } = {}): AsyncGenerator<{ id: ProfileId; ban: Ban }> {
    for await (const [key, value] of this.parts.store.entries({ prefix: PREFIX, limit, ...(after === undefined ? {} : { gt: banKey(after) }) }, { signal })) {
      yield { id: recallProfileId(key.slice(PREFIX.length)), ban: decodeCborMap(value) as unknown as Ban }
    }
  }
}
