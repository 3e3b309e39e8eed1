/** Calls under way at once. */
export const AT_A_TIME = 64

/** Runs `work` for 0 to `count` - 1, {@link AT_A_TIME} at once. @returns milliseconds for all */
export const timed = async (count: number, work: (i: number) => Promise<unknown>): Promise<number> => {
  let next = 0
  const started = performance.now()
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count) }, async () => {
    while (next < count) await work(next++)
  }))
  return performance.now() - started
}
