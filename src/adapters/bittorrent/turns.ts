/** Runs `work` when it is its turn, first come first served; who is aborted while waiting rejects with the signal's reason and loses his place. */
export type TakeTurn = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>

/** @param count how many may run at once */
export const createTurns = (count: number): TakeTurn => {
  const waiting = new Set<() => void>()
  let free = count

  const turn = async (signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => {
      waiting.delete(resolve)
      reject(signal.reason as Error)
    }
    waiting.add(resolve)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  const pass = (): void => {
    const [next] = waiting
    if (!next) {
      free++
      return
    }
    waiting.delete(next)
    next()
  }

  return async (signal, work) => {
    signal.throwIfAborted()
    if (free > 0) free--
    else await turn(signal)
    try {
      return await work()
    } finally {
      pass()
    }
  }
}
