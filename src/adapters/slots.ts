import { untilAborted } from '../until-aborted.ts'

/** So many at a time; the others wait in the order in which they came. */
export interface Slots {
  /** Resolves when a slot is this caller's. @throws the reason of `signal`; no slot is taken then */
  take(signal?: AbortSignal): Promise<void>
  give(): void
}

export const createSlots = (count: number): Slots => {
  const waiting = new Set<() => void>()
  let free = count

  const give = (): void => {
    const [next] = waiting
    if (!next) {
      free++
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    async take (signal) {
      signal?.throwIfAborted()
      if (free > 0) {
        free--
        return
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add(resolve)
      try {
        await (signal ? untilAborted(promise, signal) : promise)
      } catch (error) {
        // The slot may have been handed over at the moment of the abort.
        if (!waiting.delete(resolve)) give()
        throw error
      }
    },
    give
  }
}

/** Runs `work` when it is its turn, first come first served; who is aborted while waiting rejects with the signal's reason and loses his place. */
export type TakeTurn = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>

/** @param count how many may run at once */
export const createTurns = (count: number): TakeTurn => {
  const slots = createSlots(count)
  return async (signal, work) => {
    await slots.take(signal)
    try {
      return await work()
    } finally {
      slots.give()
    }
  }
}
