import { MercuryError, reasonOf } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { untilAborted } from '../../until-aborted.ts'
import { ROUTER_TIMEOUT_MS } from './index-record.ts'

/** What became of the record of an index at one router. */
export interface Announcement {
  readonly router: string
  readonly outcome: 'delivered' | 'failed' | 'timeout'
  readonly ms: number
  /** Why it did not take it; for people. */
  readonly reason?: string
  readonly code?: string
}

/** Gives `record` to all `routers` at once. Never rejects but for the signal: what a router does is its line in the answer. @param options `timeoutMs` 30 s by default, for each */
export const announce = async (name: ProfileId, record: Uint8Array, routers: readonly NameRouter[], { timeoutMs = ROUTER_TIMEOUT_MS, signal }: { timeoutMs?: number; signal?: AbortSignal | undefined } = {}): Promise<readonly Announcement[]> => {
  signal?.throwIfAborted()
  const announcements = await Promise.all(routers.map((router) => announceTo(router, name, record, timeoutMs, signal)))
  signal?.throwIfAborted()
  return announcements
}

const announceTo = async (router: NameRouter, name: ProfileId, record: Uint8Array, timeoutMs: number, signal: AbortSignal | undefined): Promise<Announcement> => {
  const started = performance.now()
  const late = AbortSignal.timeout(timeoutMs)
  const until = signal ? AbortSignal.any([signal, late]) : late
  const answer = (outcome: Announcement['outcome'], error?: unknown): Announcement => ({
    router: router.name,
    outcome,
    ms: performance.now() - started,
    ...(error === undefined ? {} : { reason: reasonOf(error), ...(error instanceof MercuryError ? { code: error.code } : {}) })
  })
  try {
    await untilAborted(router.put(name, record, { signal: until }), until)
    return answer('delivered')
  } catch (error) {
    return late.aborted && !signal?.aborted ? answer('timeout') : answer('failed', error)
  }
}
