import type { Sink } from './host.ts'

const FLUSH_MS = 50
/** What waits for a reader that is slow, in characters; what comes beyond it is counted and left out. */
const MAX_WAITING = 1_048_576

/** Lines for a sink, many at a time. */
export interface RequestLog {
  write(line: string): void
  /** Resolves when all that waited has been written. */
  close(): Promise<void>
}

/** @param sink a file or a pipe: what takes no more is not waited for by those who write */
export const createRequestLog = (sink: Pick<Sink, 'write'>): RequestLog => {
  let waiting: string[] = []
  let length = 0
  let dropped = 0
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()

  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return
    const text = `${waiting.join('\n')}\n${dropped > 0 ? `${JSON.stringify({ dropped })}\n` : ''}`
    waiting = []
    length = 0
    dropped = 0
    // Whoever read the log has gone: the home goes on.
    await sink.write(text).catch(() => undefined)
  }
  const schedule = (): void => {
    timer ??= setTimeout(() => {
      writing = writing.then(flush).finally(() => {
        timer = undefined
        if (waiting.length > 0) schedule()
      })
    }, FLUSH_MS)
  }
  return {
    write (line) {
      if (length + line.length > MAX_WAITING) {
        dropped++
        return
      }
      waiting.push(line)
      length += line.length
      schedule()
    },
    async close () {
      clearTimeout(timer)
      await writing
      clearTimeout(timer)
      await flush()
    }
  }
}
