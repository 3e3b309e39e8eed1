import { median, quantile } from '../report.ts'
import type { Subject } from './subject.ts'

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

const HITS = 10
const PASSES = 3

/**
 * Of one query after another; all are asked once before, so that code is optimised and what is remembered is.
 * A query counts with the median of three passes: what a machine does beside is nothing that one query has and another has not.
 */
export const latencyOf = async (subject: Subject, queries: readonly string[]): Promise<Latency> => {
  const times = queries.map((): number[] => [])
  for (let pass = 0; pass <= PASSES; pass++) {
    for (const [i, text] of queries.entries()) {
      const started = performance.now()
      await subject.search({ text, filters: {} }, HITS)
      if (pass > 0) times[i]!.push(performance.now() - started)
    }
  }
  const medians = times.map((ofQuery) => median(ofQuery))
  return { p50Ms: quantile(medians, 0.5), p99Ms: quantile(medians, 0.99) }
}
