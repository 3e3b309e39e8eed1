import { MercuryError, reasonOf } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { RECORD_REFRESH_BELOW_MS } from '../limits.ts'
import { createValidRecord } from '../naming/record.ts'
import { untilAborted } from '../until-aborted.ts'
import { lookUp } from './look-up.ts'
import type { ClientParts } from './parts.ts'
import { CONFLICT_TRIES, retryOnConflict, type Head } from './profile-state.ts'

const MAX_CONCURRENCY = 64

/** What was done for one name. */
export interface KeptAlive {
  id: ProfileId
  /** Routers that took the record again. */
  relayed: readonly string[]
  /** Routers that did not, and `state` where what is kept here cannot be read. */
  failed: readonly { router: string; reason: string }[]
  /** The owner's key was here and the record got a new validity. */
  refreshed: boolean
}

export interface KeepAliveOptions {
  /** Names under way at once; 4 by default, at most 64. */
  concurrency?: number
  /** Keys of this device's own profiles: records with under 300 days left are signed anew for 365. */
  signers?: readonly Signer[]
  /** All kept names, due or not. */
  all?: boolean
  signal?: AbortSignal
  onProgress?: (kept: KeptAlive) => void
}

/**
 * One pass: delivers what the outbox owes, then passes on the record of every kept name that is due, in its reduced form, to every router.
 *
 * Relaying needs no key. A name that is not this device's own is looked up first, so that it is the newest record that is passed on.
 * Pictures that were attached over a day ago and never published are let go.
 * What is due is remembered in `state`, name by name, so that a restart neither forgets nor repeats; call it every few minutes.
 */
export const keepAlive = async ({ concurrency = 4, signers = [], all = false, signal, onProgress }: KeepAliveOptions, parts: ClientParts): Promise<void> => {
  const { schedule, clock } = parts
  const until = signal ? AbortSignal.any([signal, parts.closing]) : parts.closing
  const signerById = new Map(signers.map((signer) => [signer.id, signer]))
  const names = all ? schedule.kept({ signal: until }) : schedule.due(clock(), { signal: until })
  const workers = Math.max(1, Math.min(concurrency, MAX_CONCURRENCY))
  const work = async (): Promise<void> => {
    for (let next = await names.next(); !next.done; next = await names.next()) {
      until.throwIfAborted()
      if (!parts.carries(next.value)) continue
      const kept = await keepOneAlive(next.value, signerById.get(next.value), until, parts).catch(damaged(next.value, until))
      onProgress?.(kept)
    }
  }
  await flushOutbox({ concurrency: workers, signal: until }, parts)
  // What cannot be let go now is held on, and holds up no name.
  await parts.attachments.expire({ signal: until }).catch(passOverMercuryErrors)
  await Promise.all(Array.from({ length: workers }, work))
}

/** Delivers what is owed from before, by this process or one that was killed. */
export const flushOutbox = async ({ concurrency, signal }: { concurrency: number; signal: AbortSignal }, parts: ClientParts): Promise<void> => {
  const entries = parts.outbox.entries({ signal })
  const work = async (): Promise<void> => {
    for (let next = await entries.next(); !next.done; next = await entries.next()) {
      const { id, targets } = next.value
      if (!parts.carries(id)) continue
      const head = await parts.state.head(id, { now: parts.clock(), signal }).catch(passOverMercuryErrors)
      if (head) await parts.outbox.deliver(head, targets, { signal })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

const keepOneAlive = async (id: ProfileId, signer: Signer | undefined, signal: AbortSignal, parts: ClientParts): Promise<KeptAlive> => {
  const refreshed = signer ? await parts.exclusively(id, () => retryOnConflict(CONFLICT_TRIES, () => refresh(id, signer, signal, parts))) : false
  if (!signer) await lookUp(id, { policy: 'all', signal }, parts).catch(passOverMercuryErrors)
  const record = await parts.state.newestRecord(id, { now: parts.clock(), signal })
  const relayed: string[] = []
  const failed: { router: string; reason: string }[] = []
  if (record && !record.expired) {
    await Promise.all(
      parts.routers.map(async (router) => {
        const until = AbortSignal.any([signal, AbortSignal.timeout(parts.routerTimeoutMs)])
        try {
          await untilAborted(router.put(id, record.bytes, { signal: until }), until)
          relayed.push(router.name)
        } catch (error) {
          signal.throwIfAborted()
          failed.push({ router: router.name, reason: reasonOf(error) })
        }
      })
    )
  }
  await parts.store.batch(await parts.schedule.keep(id, parts.clock(), { signal }), { signal })
  return { id, relayed, failed, refreshed }
}

/** A longer validity at the same sequence and value: a refresh, not a new version. */
const refresh = async (id: ProfileId, signer: Signer, signal: AbortSignal, parts: ClientParts): Promise<boolean> => {
  const now = parts.clock()
  const head = await parts.state.head(id, { now, signal })
  if (!head || head.record.validUntil.getTime() - now >= RECORD_REFRESH_BELOW_MS) return false
  const signed = { bytes: head.documentBytes, cid: head.record.cid, document: head.document }
  const record = await createValidRecord(signed, signer, { now, sequence: head.record.sequence, ttlMs: head.record.ttlMs, signal })
  const next: Head = { ...head, record, checkedAt: now }
  await parts.state.commit(next, head.floor, { also: [parts.outbox.owe(record, parts.outbox.targets())], signal })
  await parts.outbox.deliver(next, parts.outbox.targets(), { signal })
  return true
}

/** Of one profile among many: what is wrong with it is told to who resolves it, and holds up no other. */
const passOverMercuryErrors = (error: unknown): undefined => {
  if (!(error instanceof MercuryError)) throw error
}

/** What is kept of one name cannot be read; the others go on. */
const damaged = (id: ProfileId, signal: AbortSignal) => (error: unknown): KeptAlive => {
  signal.throwIfAborted()
  if (!(error instanceof MercuryError)) throw error
  return { id, relayed: [], failed: [{ router: 'state', reason: error.message }], refreshed: false }
}
