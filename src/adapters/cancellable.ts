import { untilAborted } from '../until-aborted.ts'

/**
 * An async iterable over `start(signal)` whose `return()` cancels at once what is under way.
 *
 * A plain async generator queues `return()` behind a running `next()`, so a reader that has enough could not stop a query that hangs.
 * Here `return()` aborts the signal that `start` was given, ends a waiting `next()`, and resolves when the source has cleaned up.
 * When one of `signals` aborts, a waiting `next()` rejects with that signal's reason, even where the source does not listen.
 */
export const cancellable = <T>(start: (signal: AbortSignal) => AsyncIterable<T>, signals: readonly (AbortSignal | undefined)[]): AsyncIterable<T> => ({
  [Symbol.asyncIterator]: () => {
    const cancelled = new AbortController()
    const signal = AbortSignal.any([cancelled.signal, ...signals.filter((given) => given !== undefined)])
    const source = start(signal)[Symbol.asyncIterator]()
    return {
      async next () {
        if (cancelled.signal.aborted) return { done: true, value: undefined }
        try {
          signal.throwIfAborted()
          return await untilAborted(source.next(), signal)
        } catch (error) {
          if (cancelled.signal.aborted) return { done: true, value: undefined }
          throw signal.aborted ? signal.reason : error
        }
      },
      async return () {
        cancelled.abort()
        try {
          await source.return?.()
        } catch {
          // What was under way failed because it was cancelled; its reader has left.
        }
        return { done: true, value: undefined }
      }
    }
  }
})
