/** Enough to share an fsync or hide a round trip, few enough to bound memory: 8 blocks are at most 8 MiB. */
const CONCURRENCY = 8

/**
 * Runs `work` on every item, 8 at a time, and answers in the order of the items.
 *
 * When one fails, no further one is started, those under way are waited for, and the first failure is thrown.
 */
export const mapConcurrently = async <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = []
  for (let i = 0; i < items.length; i += CONCURRENCY) {
    const outcomes = await Promise.allSettled(items.slice(i, i + CONCURRENCY).map(work))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      results.push(outcome.value)
    }
  }
  return results
}
