/** An attempt that has failed, by its place in the order. */
export interface FailedAttempt {
  readonly index: number
  readonly error: unknown
}

/**
 * Runs `attempts` in their order until one has a value: the next one starts as soon as the latest has ended without one, or after `hedgeMs`.
 *
 * The first value wins, whoever it comes from, and the other attempts are aborted.
 * An attempt without a value resolves with `undefined` or rejects; no attempt is waited for once its signal is aborted.
 *
 * @returns the value, or what failed; neither when every attempt resolved with `undefined`
 * @throws the reason of `signal`
 */
export const raceHedged = async <T>(attempts: readonly ((signal: AbortSignal) => Promise<T | undefined>)[], { hedgeMs, signal }: { hedgeMs: number; signal: AbortSignal }): Promise<{ value: T | undefined; failures: readonly FailedAttempt[] }> => {
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const failures: FailedAttempt[] = []
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>()
  const onAbort = (): void => reject(signal.reason as Error)
  let timer: ReturnType<typeof setTimeout> | undefined
  let started = 0
  let running = 0

  const startNext = (): void => {
    clearTimeout(timer)
    const attempt = attempts[started]
    if (!attempt || over.signal.aborted) return
    running++
    void run(attempt, started++)
    timer = setTimeout(startNext, hedgeMs)
  }

  const run = async (attempt: (signal: AbortSignal) => Promise<T | undefined>, index: number): Promise<void> => {
    try {
      const value = await attempt(both)
      if (value !== undefined) return resolve(value)
    } catch (error) {
      failures.push({ index, error })
    }
    running--
    // An earlier attempt that ends while a later one runs has been answered for by the hedge already.
    if (index === started - 1 || running === 0) startNext()
    if (running === 0) resolve(undefined)
  }

  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    startNext()
    return { value: await promise, failures }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    over.abort(new DOMException('another attempt has the value', 'AbortError'))
  }
}
