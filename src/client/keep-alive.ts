import { ConflictError, MercuryError, reasonOf } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { RECORD_REFRESH_BELOW_MS } from '../limits.ts'
import { createValidRecord } from '../naming/record.ts'
import { untilAborted } from '../until-aborted.ts'
import { lookUp } from './look-up.ts'
import type { ClientParts } from './parts.ts'
import { CONFLICT_TRIES, retryOnConflict, type Head } from './profile-state.ts'

const MAX_CONCURRENCY = 64
/** Where few names are kept most passes take none, and a new version must not wait hours for its next try. */
const MIN_OWED = 64

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
  /** At most so many names, the longest due first, and so many profiles of which deliveries are owed, or 64 where that is less; all by default. {@link passLimit} says how many a home takes. */
  limit?: number
  /** Keys of this device's own profiles: records with under 300 days left are signed anew for 365. */
  signers?: readonly Signer[]
  /** All kept names, due or not. */
  all?: boolean
  signal?: AbortSignal
  onProgress?: (kept: KeptAlive) => void
}

/**
 * One pass: delivers what the outbox owes, and passes on the record of every kept name that is due, in its reduced form, to every router.
 *
 * Relaying needs no key. A name that is not this device's own is looked up first, so that it is the newest record that is passed on.
 * Pictures that were attached over a day ago and never published are let go.
 * What is due is remembered in `state`, name by name, so that a restart neither forgets nor repeats; call it every few minutes.
 */
export const keepAlive = async ({ concurrency = 4, limit = Infinity, signers = [], all = false, signal, onProgress }: KeepAliveOptions, parts: ClientParts): Promise<void> => {
  const until = signal ? AbortSignal.any([signal, parts.closing]) : parts.closing
  const signerById = new Map(signers.map((signer) => [signer.id, signer]))
  const turns = carried(all ? everyName(until, parts) : parts.schedule.due(parts.clock(), { signal: until }), { limit, parts })
  const workers = Math.max(1, Math.min(concurrency, MAX_CONCURRENCY))
  const work = async (): Promise<void> => {
    for (let next = await turns.next(); !next.done; next = await turns.next()) {
      until.throwIfAborted()
      const kept = await takeTurn(next.value, signerById.get(next.value.id), until, parts)
      onProgress?.(kept)
    }
  }
  /** What is owed first: it may need what would be let go. */
  const settleBooks = async (): Promise<void> => {
    await flushOutbox({ concurrency: workers, limit: Math.max(limit, MIN_OWED), signal: until }, parts)
    // What cannot be let go now is held on, and holds up no name.
    await parts.attachments.expire({ signal: until }).catch(passOverMercuryErrors)
  }
  await allSettled([settleBooks(), ...Array.from({ length: workers }, work)])
}

/** Delivers what is owed from before, by this process or one that was killed: of at most `limit` profiles, the next call goes on after them. */
export const flushOutbox = async ({ concurrency, limit = Infinity, signal }: { concurrency: number; limit?: number; signal: AbortSignal }, parts: ClientParts): Promise<void> => {
  const owed = parts.outbox.rotate({ limit, carries: parts.carries, signal })
  const work = async (): Promise<void> => {
    for (let next = await owed.next(); !next.done; next = await owed.next()) {
      const retrying = parts.deliveries.retry(next.value)
      parts.background(retrying)
      await untilAborted(retrying, signal)
    }
  }
  await allSettled(Array.from({ length: concurrency }, work))
}

/** A name whose turn has come; `due` where it stands in the order of time. */
interface Turn {
  readonly id: ProfileId
  readonly due?: number
}

const everyName = async function * (signal: AbortSignal, { schedule }: ClientParts): AsyncGenerator<Turn> {
  for await (const id of schedule.kept({ signal })) yield { id }
}

/** At most `limit` of those that go out through these routers. */
const carried = async function * (turns: AsyncIterable<Turn>, { limit, parts }: { limit: number; parts: ClientParts }): AsyncGenerator<Turn> {
  let left = limit
  if (left <= 0) return
  for await (const turn of turns) {
    if (!parts.carries(turn.id)) continue
    yield turn
    if (--left <= 0) return
  }
}

/** A name that is damaged gets its next turn too: were it to stay the longest due, a few of them would take every turn there is. */
const takeTurn = async ({ id, due }: Turn, signer: Signer | undefined, signal: AbortSignal, parts: ClientParts): Promise<KeptAlive> => {
  const kept = await keepOneAlive(id, signer, signal, parts).catch(damaged(id, signal))
  try {
    await parts.store.batch(await parts.schedule.again(id, parts.clock(), { was: due, signal }), { signal })
  } catch (error) {
    // Somebody else has given it its turn, or let it go.
    if (!(error instanceof ConflictError)) throw error
  }
  return kept
}

/** All of `work`, whatever came of the others. @throws what the first of them failed with */
const allSettled = async (work: readonly Promise<unknown>[]): Promise<void> => {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
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
  await parts.state.commit(next, head.floor, { also: [await parts.outbox.owe(record, parts.outbox.targets(head.document))], signal })
  await parts.outbox.deliver(next, parts.outbox.targets(head.document), { signal, signer })
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
