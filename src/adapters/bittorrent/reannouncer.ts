import { setTimeout as delay } from 'node:timers/promises'
import { HOUR_MS } from '../../limits.ts'

/** BEP 44: a node may forget an item 2 h after it was last put, so it is put every hour. */
const PERIOD_MS = HOUR_MS
const SLOTS = 360
const CONCURRENCY = 8

/** A part of the hour: what is kept under names from `from` up to, not including, `to`. Both are lowercase hex; the last slot has no `to`. */
export interface Slot {
  readonly from: string
  readonly to?: string
}

/** Keeps items alive: names them for a slot, each with the work of putting it again. */
export type Keeper = (slot: Slot, signal: AbortSignal) => AsyncIterable<() => Promise<void>>

export interface Reannouncer {
  /** @returns what ends it */
  add(keeper: Keeper): () => void
  close(): Promise<void>
}

/** Resolves after `ms`; rejects when `signal` aborts, and leaves no timer. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>

const waitUnreferenced: Wait = async (ms, signal) => delay(ms, undefined, { signal, ref: false })

/**
 * Puts what is kept again once in an hour, evenly: the hour has 360 slots of 10 s, and each item the one that its name, a hash, falls into.
 *
 * It begins at the slot of the clock, so a node that is restarted often does not begin with the same items each time. Slots follow each other:
 * after a sleep nothing is made up for at once, and where the network is too slow for all, the round takes longer than an hour.
 */
export const startReannouncer = ({ wait = waitUnreferenced, now = Date.now }: { wait?: Wait; now?: () => number } = {}): Reannouncer => {
  const keepers = new Set<Keeper>()
  const closing = new AbortController()
  const slotMs = PERIOD_MS / SLOTS

  const rounds = async (signal: AbortSignal): Promise<void> => {
    let pause = slotMs
    for (let number = Math.floor(now() / slotMs); ; number++) {
      await wait(pause, signal)
      const started = now()
      await runSlot(slotOf(number % SLOTS), signal)
      pause = Math.min(slotMs, Math.max(0, started + slotMs - now()))
    }
  }

  const runSlot = async (slot: Slot, signal: AbortSignal): Promise<void> => {
    for (const keeper of keepers) {
      let batch: Promise<void>[] = []
      try {
        for await (const put of keeper(slot, signal)) {
          batch.push(put())
          if (batch.length < CONCURRENCY) continue
          await Promise.allSettled(batch)
          batch = []
        }
      } catch {
        // What could not be read or put now has its turn again in the next round.
      }
      await Promise.allSettled(batch)
    }
  }

  // It ends by rejecting when it is closed, and in no other way.
  const running = rounds(closing.signal).catch(() => undefined)
  return {
    add (keeper) {
      keepers.add(keeper)
      return () => keepers.delete(keeper)
    },
    async close () {
      closing.abort()
      await running
    }
  }
}

const slotOf = (index: number): Slot => ({ from: boundary(index), ...(index + 1 < SLOTS ? { to: boundary(index + 1) } : {}) })

const boundary = (index: number): string => Math.ceil(index / SLOTS * 2 ** 32).toString(16).padStart(8, '0')

/** The range of keys that are `prefix` and a name in `slot`. */
export const keysOfSlot = (prefix: string, { from, to }: Slot): { gte: string; lt: string } => ({ gte: prefix + from, lt: prefix + (to ?? 'g') })
