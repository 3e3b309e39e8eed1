/** Runs pieces of work on one key one after the other, in the order in which they were asked; those on other keys run meanwhile. */
export type Lock = <T>(key: string, work: () => Promise<T>) => Promise<T>

export const createLock = (): Lock => {
  const lastByKey = new Map<string, Promise<void>>()
  return (key, work) => {
    const turn = (lastByKey.get(key) ?? Promise.resolve()).then(work)
    const settled = turn.then(ignore, ignore)
    lastByKey.set(key, settled)
    // An idle key is forgotten; `settled` never rejects.
    void settled.then(() => { if (lastByKey.get(key) === settled) lastByKey.delete(key) })
    return turn
  }
}

/** The outcome is told to whoever asked for the work; the next in line only waits for it. */
const ignore = (): void => undefined
