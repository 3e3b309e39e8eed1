import type { ProfileId } from '../identity/profile-id.ts'
import { MINUTE_MS } from '../limits.ts'
import type { NameRouter } from '../naming/name-router.ts'
import type { ClientParts } from './parts.ts'

export interface WatchOptions {
  /** How often routers are asked in between; 1 minute by default. */
  intervalMs?: number
  signal?: AbortSignal
}

/**
 * Ticks whenever it may pay to look a profile up again: at once, when this device learns of a version, when a router announces one, and at intervals.
 * Ends when the client closes; rejects with the signal's reason when that aborts.
 */
export async function * ticks (id: ProfileId, { intervalMs = MINUTE_MS, signal }: WatchOptions, parts: ClientParts): AsyncGenerator<void> {
  const stop = new AbortController()
  const until = AbortSignal.any([stop.signal, parts.closing, ...(signal ? [signal] : [])])
  let pending = true
  let wake = (): void => {}
  const tick = (): void => {
    pending = true
    wake()
  }
  until.addEventListener('abort', () => wake(), { once: true })
  parts.onChange((changed) => { if (changed === id) tick() }, until)
  for (const router of parts.routers) parts.background(listen(id, router, tick, until))
  const timer = setInterval(tick, intervalMs)
  try {
    while (!until.aborted) {
      if (pending) {
        pending = false
        yield
      } else {
        await new Promise<void>((resolve) => { wake = resolve })
      }
    }
    signal?.throwIfAborted()
  } finally {
    clearInterval(timer)
    stop.abort()
  }
}

/** A router that cannot watch, or fails to, leaves the intervals. What it yields is only a reason to look: the look-up judges. */
const listen = async (id: ProfileId, router: NameRouter, tick: () => void, signal: AbortSignal): Promise<void> => {
  try {
    for await (const _ of router.watch?.(id, { signal }) ?? []) tick()
  } catch {
    // The intervals go on.
  }
}
