import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { ConflictError } from '../../errors.ts'
import type { BookOptions, BookParts } from './book.ts'

/**
 * Lets one of several processes over one state do what need not be done twice: `lease/<what>` is `{holder, until}`.
 *
 * It saves work; nothing rests on it. Two may hold it where their clocks differ, and whoever was killed is followed when his time is over.
 */
export class Lease {
  private readonly parts: BookParts
  private readonly key: string
  private readonly holder: string

  /** @param holder tells this process from others: random */
  constructor (parts: BookParts, { what, holder }: { what: string; holder: string }) {
    this.parts = parts
    this.key = `lease/${what}`
    this.holder = holder
  }

  /** Takes it, or goes on holding it, for `ms` from now. @returns whether this process has it */
  async hold (ms: number, options?: BookOptions): Promise<boolean> {
    const { store, clock } = this.parts
    const now = clock()
    const before = await store.get(this.key, options)
    const { holder, until } = before ? decodeLease(before) : { holder: undefined, until: 0 }
    // One that is further ahead than anybody takes it for was written by a clock that was wrong.
    if (holder !== undefined && holder !== this.holder && until > now && until <= now + MAX_LEASE_MS) return false
    try {
      await store.batch([{ type: 'check', key: this.key, value: before }, { type: 'put', key: this.key, value: encodeCbor({ holder: this.holder, until: now + Math.min(ms, MAX_LEASE_MS) }) }], options)
      return true
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
      // Another, or this very process, which takes it for several loops at once.
      const winner = await store.get(this.key, options)
      return winner !== undefined && decodeLease(winner).holder === this.holder
    }
  }

  /** Lets the next one have it at once; one that somebody else holds is left to him. */
  async release (options?: BookOptions): Promise<void> {
    const { store } = this.parts
    const before = await store.get(this.key, options)
    if (!before || decodeLease(before).holder !== this.holder) return
    try {
      await store.batch([{ type: 'check', key: this.key, value: before }, { type: 'delete', key: this.key }], options)
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    }
  }
}

/** Longer than anybody should wait for one that was killed. */
export const MAX_LEASE_MS = 600_000

const decodeLease = (bytes: Uint8Array): { holder: string; until: number } => decodeCborMap(bytes) as { holder: string; until: number }
