import { setTimeout as delay } from 'node:timers/promises'
import { SECOND_MS } from '../limits.ts'
import { untilAborted } from '../until-aborted.ts'
import type { ChangeEvent, ChangeLog } from './change-log.ts'

/** How long changes are gathered after one was noticed, and how often the state is looked at for those of other processes. */
const GATHER_MS = 50
const LOOK_MS = SECOND_MS
/** The newest events, in memory for all who follow. */
const MAX_RECENT = 1_024

/** Drains the log as changes come, and tells all who follow it from one reading. */
export interface EventFeed {
  /** A change is in the state: looks soon instead of at the next turn. */
  notice(): void
  /** Up to 256 events after `key`; waits for the first until `signal` aborts, whose reason it then rejects with. */
  next(key: string | undefined, signal: AbortSignal): Promise<readonly ChangeEvent[]>
  /** Drains what is there, and ends. */
  close(): Promise<void>
}

/** @param onError hears of a turn that failed; the next one tries again */
export const openEventFeed = (log: ChangeLog, { onError, lookMs = LOOK_MS }: { onError?: (error: unknown) => void; lookMs?: number } = {}): EventFeed => {
  const closing = new AbortController()
  /** In order and without a gap, up to the newest that was read. */
  const recent: ChangeEvent[] = []
  let readTo: string | undefined
  let noticed = Promise.withResolvers<void>()
  const waiting = new Set<() => void>()

  const turn = async (): Promise<void> => {
    await log.drain()
    const last = await log.last()
    if (last === undefined || last === readTo) return
    for (let events = await log.after(readTo); events.length > 0; events = await log.after(readTo)) {
      recent.push(...events)
      readTo = events.at(-1)!.key
      recent.splice(0, recent.length - MAX_RECENT)
    }
    readTo = last
    for (const wake of waiting) wake()
  }

  const run = async (): Promise<void> => {
    readTo = await log.last().catch(() => undefined)
    while (true) {
      await turn().catch((error: unknown) => onError?.(error))
      if (closing.signal.aborted) return
      // Aborted: one more turn, and the end.
      await Promise.race([noticed.promise, delay(lookMs, undefined, { signal: closing.signal, ref: false })]).catch(() => undefined)
      await delay(GATHER_MS, undefined, { signal: closing.signal }).catch(() => undefined)
      noticed = Promise.withResolvers()
    }
  }
  const running = run()

  const eventsAfter = async (key: string | undefined, signal: AbortSignal): Promise<readonly ChangeEvent[]> => {
    const [first] = recent
    if (key !== undefined && first && key >= first.key) return recent.filter((event) => event.key > key).slice(0, 256)
    if (key !== undefined && key === readTo) return []
    return log.after(key, { signal })
  }

  return {
    notice: () => noticed.resolve(),
    async next (key, signal) {
      while (true) {
        signal.throwIfAborted()
        const { promise: woken, resolve: wake } = Promise.withResolvers<void>()
        // Before the look: what arrives in between must not be slept through.
        waiting.add(wake)
        try {
          const events = await eventsAfter(key, signal)
          if (events.length > 0) return events
          await untilAborted(woken, signal)
        } finally {
          waiting.delete(wake)
        }
      }
    },
    async close () {
      closing.abort()
      await running
    }
  }
}
