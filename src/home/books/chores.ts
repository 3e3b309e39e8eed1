import { MercuryError } from '../../errors.ts'
import { recallProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { DAY_MS } from '../../limits.ts'
import type { HomeSettings } from '../settings.ts'
import type { AgreementEntry } from './agreement-entry.ts'
import type { Agreements } from './agreements.ts'
import type { Backups } from './backups.ts'
import type { Bans } from './bans.ts'
import { formatTime, type BookOptions, type BookParts } from './book.ts'
import type { Nonces } from './nonces.ts'
import { storedDocument, type ServedProfiles } from './served-profiles.ts'
import { voucherKey } from './vouchers.ts'

const PREFIX = 'chore/'
/** What one pass looks at. */
const MAX_CHORES = 256

export interface ChoresParts extends BookParts {
  readonly agreements: Agreements
  readonly bans: Bans
  readonly backups: Pick<Backups, 'removeAll'>
  readonly nonces: Nonces
  readonly profiles: ServedProfiles
  readonly settings: HomeSettings
}

/** What came of one pass. */
export interface ChoresDone {
  /** How many were done. */
  readonly done: number
  /** Whether there may be more to do at once. */
  readonly more: boolean
  /** Those that failed, by what the first of them failed: they are tried again in the next pass. */
  readonly failed?: { readonly count: number; readonly error: MercuryError }
}

/**
 * What is to be done at some time: `chore/<ms>/<kind>/<subject>`, in order of time.
 *
 * `lapse`: an offer that was not used; `end`: an agreement past its end; `forget`: a profile that left long enough ago; `unserve`: one that was banned; `voucher`: the uses of one that expired.
 * Each may be cut off and done again at every step, and two processes may do the same one.
 */
export class Chores {
  private readonly parts: ChoresParts

  constructor (parts: ChoresParts) {
    this.parts = parts
  }

  /** One pass over what is due, the longest due first; at most 256 chores and 1,024 nonces. */
  async run ({ signal }: BookOptions = {}): Promise<ChoresDone> {
    const { store, clock, nonces } = this.parts
    const due: string[] = []
    for await (const [key] of store.entries({ prefix: PREFIX, lt: PREFIX + formatTime(clock() + 1), limit: MAX_CHORES }, { signal })) due.push(key)
    let failed: ChoresDone['failed']
    for (const key of due) {
      try {
        await this.do(key, { signal })
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof MercuryError)) throw error
        failed = { count: (failed?.count ?? 0) + 1, error: failed?.error ?? error }
      }
    }
    const swept = await nonces.sweep({ signal })
    return { done: due.length - (failed?.count ?? 0) + swept, more: due.length === MAX_CHORES && !failed, ...(failed ? { failed } : {}) }
  }

  /** Lets go of what was kept of somebody who was banned, at once. */
  async unserve (id: ProfileId, options?: BookOptions): Promise<void> {
    const { agreements, bans, profiles } = this.parts
    const found = await agreements.read(id, options)
    // What the program keeps on its own account is only no longer served.
    if (!found || found.entry.kept || found.entry.gone || !(await bans.get(id, options))) return
    await profiles.forget(id, options)
  }

  private async do (key: string, options: BookOptions): Promise<void> {
    const { store, agreements } = this.parts
    const [, time, kind, subject = ''] = key.split('/')
    if (kind === 'voucher') return store.batch([{ type: 'delete', key: voucherKey(subject) }, { type: 'delete', key }], options)
    const id = recallProfileId(subject)
    if (kind === 'unserve') {
      await this.unserve(id, options)
      return store.delete(key, options)
    }
    const found = await agreements.read(id, options)
    // Changed meanwhile: with the entry its chore went, too.
    if (!found || found.entry.due !== Number(time)) return store.delete(key, options)
    const { entry } = found
    if (entry.state === 'active') await this.end(id, entry, options)
    else if (entry.state === 'offered' && !entry.leaving) await this.lapse(id, entry, options)
    else await this.leave(id, options)
  }

  private async end (id: ProfileId, { due }: AgreementEntry, options: BookOptions): Promise<void> {
    const { agreements } = this.parts
    await agreements.change(id, (entry) => (entry.due === due && entry.state === 'active' ? agreements.ended(entry) : undefined), options)
  }

  /** A document that carries the acceptance may have been taken just before a crash. */
  private async lapse (id: ProfileId, { due }: AgreementEntry, options: BookOptions): Promise<void> {
    const { agreements, profiles, settings } = this.parts
    const document = await storedDocument(id, profiles, options)
    if (document && (await agreements.taken(id, document, { ...options, isCurrent: async () => true })) !== undefined) return
    const after = await agreements.change(id, (entry) => {
      if (entry.due !== due || entry.state !== 'offered') return undefined
      // Who had an agreement before has it ended, as it was.
      return entry.endedAt === undefined ? { ...entry, leaving: true } : { ...entry, state: 'ended', due: entry.endedAt + settings.unhostedDays * DAY_MS }
    }, options)
    if (after?.leaving) await this.leave(id, options)
  }

  /** Removes what is left of an agreement. It is marked first, so that nobody takes up what is being removed. */
  private async leave (id: ProfileId, options: BookOptions): Promise<void> {
    const { agreements, backups, clock, profiles } = this.parts
    const entry = await agreements.change(id, (entry) => (!entry.leaving && entry.state === 'ended' && (entry.due ?? Infinity) <= clock() ? { ...entry, leaving: true } : undefined), options)
    if (!entry?.leaving) return
    await backups.removeAll(id, options)
    // A tombstone is kept for good.
    if (!entry.kept && !entry.gone) await profiles.forget(id, options)
    await agreements.change(id, (entry) => (entry.leaving ? 'gone' : undefined), options)
  }
}
