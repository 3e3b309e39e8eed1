import { untilAborted } from '../../until-aborted.ts'
import { TransientStoreError } from './failure.ts'

/** Before the second and the third attempt; up to twice as long, so that many who failed at once do not come again at once. */
const WAITS_MS = [50, 250] as const

/** The outcome of `attempt`, which is tried again at most twice while it fails with a {@link TransientStoreError}. */
export const withRetries = async <T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> => {
  for (const waitMs of WAITS_MS) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof TransientStoreError)) throw error
    }
    await wait(waitMs * (1 + Math.random()), signal)
  }
  return attempt()
}

const wait = async (ms: number, signal: AbortSignal): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  try {
    await untilAborted(promise, signal)
  } finally {
    clearTimeout(timer)
  }
}
