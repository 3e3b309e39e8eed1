import { untilAborted } from '../until-aborted.ts'

/** Keys of one look. */
export const MAX_GROUP_KEYS = 64

export interface ReadGroup {
  /** @returns `undefined` for a key that is not there */
  get(key: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined>
}

interface Waiting {
  readonly key: string
  readonly signal: AbortSignal | undefined
  resolve(value: Uint8Array | undefined): void
  reject(error: unknown): void
}

/**
 * What is asked for in one turn is looked for together: over a server a profile is read in one round trip, and many profiles on few connections; over a thread, each turn wakes it once.
 *
 * A read that is asked for alone goes at once. A look is given up when everybody who waits for it has left.
 *
 * @param readAll the values of at most {@link MAX_GROUP_KEYS} keys, without those that are not there; each is the caller's own from then on
 */
export const createReadGroup = (readAll: (keys: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, Uint8Array>>): ReadGroup => {
  let waiting: Waiting[] = []

  const send = async (group: readonly Waiting[]): Promise<void> => {
    const abandoned = new AbortController()
    let left = group.length
    const leave = (): void => { if (--left === 0) abandoned.abort() }
    for (const { signal } of group) signal?.addEventListener('abort', leave, { once: true })
    try {
      const values = await readAll([...new Set(group.map(({ key }) => key))], abandoned.signal)
      const given = new Set<string>()
      for (const { key, resolve } of group) {
        const value = values.get(key)
        // Two who asked for one key get bytes of their own.
        resolve(value && given.has(key) ? Uint8Array.from(value) : value)
        given.add(key)
      }
    } catch (error) {
      for (const { reject } of group) reject(error)
    } finally {
      for (const { signal } of group) signal?.removeEventListener('abort', leave)
    }
  }

  const flush = (): void => {
    const groups = waiting.filter(({ signal }) => signal?.aborted !== true)
    waiting = []
    // It never rejects: each of the group is told.
    while (groups.length > 0) void send(groups.splice(0, MAX_GROUP_KEYS))
  }

  return {
    get (key, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
      if (waiting.push({ key, signal, resolve, reject }) === 1) setImmediate(flush)
      return signal ? untilAborted(promise, signal) : promise
    }
  }
}
