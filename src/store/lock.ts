/** Runs pieces of work on one key one after the other, in the order in which they were asked; those on other keys run meanwhile. */
export type Lock = <T>(key: string, work: () => Promise<T>) => Promise<T>

export const createLock = (): Lock => {
  const lastByKey = new Map<string, Promise<void>>()
  /** An idle key is forgotten. */
  const forget = async (key: string, settled: Promise<void>): Promise<void> => {
    await settled
    if (lastByKey.get(key) === settled) lastByKey.delete(key)
  }
  return (key, work) => {
    const turn = (lastByKey.get(key) ?? Promise.resolve()).then(work)
    const settled = turn.then(ignore, ignore)
    lastByKey.set(key, settled)
    // `settled` never rejects.
    void forget(key, settled)
    return turn
  }
}

/** The outcome is told to whoever asked for the work; the next in line only waits for it. */
const ignore = (): void => undefined
