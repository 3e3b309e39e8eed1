import { quantile } from '../report.ts'
import type { Subject } from './subject.ts'

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

const HITS = 10

/** Of one query after another; each is asked once before, so that code is optimised and what is remembered is. */
export const latencyOf = async (subject: Subject, queries: readonly string[]): Promise<Latency> => {
  for (const text of queries) await subject.search({ text, filters: {} }, HITS)
  const times: number[] = []
  for (const text of queries) {
    const started = performance.now()
    await subject.search({ text, filters: {} }, HITS)
    times.push(performance.now() - started)
  }
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) }
}
