import type { CID } from 'multiformats/cid'
import { MercuryError, reasonOf } from '../errors.ts'
import { verifyBlock } from './block.ts'
import { createGate } from './gate.ts'
import { BlockNotFoundError, type HashStore, type HashStoreOptions } from './hash-store.ts'
import { NotSupportedError } from './not-supported.ts'

/** More than one tier failed; one that fails alone is told by its own error. */
export class TiersFailedError extends MercuryError {
  override readonly name = 'TiersFailedError'
  /** In the order of the tiers. */
  readonly errors: readonly unknown[]

  constructor (errors: readonly unknown[]) {
    super('STORE_FAILED', `${errors.length} tiers failed: ${errors.map(reasonOf).join('; ')}`, { cause: errors[0] })
    this.errors = errors
  }
}

/**
 * Several hash stores of one space as one, the fastest first.
 *
 * - `put` is done when every tier that takes blocks has the block; it rejects when one has failed, after all have settled.
 * - `get` asks one tier after the other, each once, and puts what it found into the faster tiers that take blocks. A tier that fails or gives other bytes is passed over;
 *   absence is answered only when every tier said so, else the failure is told (`WRONG_BLOCK` for other bytes).
 * - `pin` and `unpin` go to every tier that pins; a tier that lacks the block is given it by the others.
 *
 * It does what any of its tiers does. `close()` leaves the tiers open.
 *
 * @throws MercuryError `INVALID_TIERS` when there is none, or they are of several spaces
 */
export const createTieredStore = (stores: readonly HashStore[]): HashStore => {
  const [fastest] = stores
  if (!fastest || stores.some(({ space }) => space !== fastest.space)) throw new MercuryError('INVALID_TIERS', `tiers are one or more stores of one space; got ${stores.map(({ space }) => space).join(', ') || 'none'}`)
  const gate = createGate('store')
  const writable = stores.filter(({ supports }) => supports.put)
  const pinning = stores.filter(({ supports }) => supports.pin)

  const put = async (cid: CID, bytes: Uint8Array, pin: boolean, { signal }: HashStoreOptions): Promise<void> => {
    if (writable.length === 0) throw new NotSupportedError('writing')
    if (pin && pinning.length === 0) throw new NotSupportedError('pins')
    await all(writable, (tier) => tier.put(cid, bytes, { signal, pin: pin && tier.supports.pin }), signal)
    if (pin) await all(pinning.filter(({ supports }) => !supports.put), (tier) => tier.pin(cid, { signal }), signal)
  }

  const get = async (cid: CID, options: NonNullable<Parameters<HashStore['get']>[1]>): Promise<Uint8Array | undefined> => {
    const failures: unknown[] = []
    for (const [i, tier] of stores.entries()) {
      try {
        const bytes = await tier.get(cid, options)
        if (!bytes) continue
        await verifyBlock(cid, bytes)
        await fill(stores.slice(0, i), cid, bytes, options.signal)
        return bytes
      } catch (error) {
        options.signal?.throwIfAborted()
        failures.push(error)
      }
    }
    throwAny(failures)
    return undefined
  }

  const pin = async (cid: CID, { signal }: HashStoreOptions): Promise<void> => {
    if (pinning.length === 0) throw new NotSupportedError('pins')
    const lacking: HashStore[] = []
    await all(pinning, (tier) => tier.pin(cid, { signal }).catch((error: unknown) => {
      if (!tier.supports.put || !(error instanceof MercuryError && error.code === 'NOT_FOUND')) throw error
      lacking.push(tier)
    }), signal)
    if (lacking.length === 0) return
    const bytes = await get(cid, { signal })
    if (!bytes) throw new BlockNotFoundError(cid)
    await all(lacking, (tier) => tier.put(cid, bytes, { signal, pin: true }), signal)
  }

  const unpin = async (cid: CID, { signal }: HashStoreOptions): Promise<void> => {
    if (pinning.length === 0) throw new NotSupportedError('pins')
    await all(pinning, (tier) => tier.unpin(cid, { signal }), signal)
  }

  return {
    space: fastest.space,
    supports: {
      put: writable.length > 0,
      pin: pinning.length > 0,
      persistence: writable.some(({ supports }) => supports.persistence),
      network: stores.some(({ supports }) => supports.network)
    },
    put: (cid, bytes, { signal, pin = false } = {}) => gate.run(signal, () => put(cid, bytes, pin, { signal })),
    get: (cid, options = {}) => gate.run(options.signal, () => get(cid, options)),
    pin: (cid, { signal } = {}) => gate.run(signal, () => pin(cid, { signal })),
    unpin: (cid, { signal } = {}) => gate.run(signal, () => unpin(cid, { signal })),
    close: () => gate.close()
  }
}

/** The block is found already: a faster tier that cannot keep it, a full disk for example, costs the next reader time and nothing else. */
const fill = async (faster: readonly HashStore[], cid: CID, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> => {
  await Promise.allSettled(faster.filter(({ supports }) => supports.put).map(async (tier) => tier.put(cid, bytes, { signal })))
}

/** Waits for every tier, then tells the failures. */
const all = async (tiers: readonly HashStore[], work: (tier: HashStore) => Promise<void>, signal: AbortSignal | undefined): Promise<void> => {
  const outcomes = await Promise.allSettled(tiers.map(async (tier) => work(tier)))
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }): unknown => reason)
  if (failures.length > 0) signal?.throwIfAborted()
  throwAny(failures)
}

const throwAny = (failures: readonly unknown[]): void => {
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new TiersFailedError(failures)
}
