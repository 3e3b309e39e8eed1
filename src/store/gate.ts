import { ClosedError } from '../errors.ts'

/** Stands before every call of a store: refuses it once closed or when its signal is aborted, and lets `close` wait for those under way. */
export interface Gate {
  /** @throws ClosedError, or the reason of `signal` */
  check(signal?: AbortSignal): void
  /** Runs `work` unless refused; `close` waits until it has settled. */
  run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T>
  /** Refuses from now on, and resolves when what was let in before has settled. */
  close(): Promise<void>
}

/** @param what is closed, for the message: `store`, `router` */
export const createGate = (what: string): Gate => {
  const underWay = new Set<Promise<unknown>>()
  let closed = false
  const check = (signal?: AbortSignal): void => {
    if (closed) throw new ClosedError(what)
    signal?.throwIfAborted()
  }
  return {
    check,
    async run (signal, work) {
      check(signal)
      const running = work()
      underWay.add(running)
      try {
        return await running
      } finally {
        underWay.delete(running)
      }
    },
    async close () {
      closed = true
      await Promise.allSettled(underWay)
    }
  }
}
