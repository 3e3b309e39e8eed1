import type { KnownQuery } from './queries.ts'
import type { Subject } from './subject.ts'

export interface Quality {
  readonly queries: number
  /** Share of queries whose first hit is an answer. */
  readonly successAt1: number
  readonly successAt5: number
  /** Mean of 1 / rank of the first answer, 0 where it is not among the first ten. */
  readonly mrr: number
}

/** Of one query: the rank of the first answer, 0 where there is none. */
export interface Judged {
  readonly query: KnownQuery
  readonly rank: number
}

export const HITS = 10

/** Asks `subject` every query. */
export const judge = async (subject: Subject, queries: readonly KnownQuery[]): Promise<readonly Judged[]> => {
  const judged: Judged[] = []
  for (const query of queries) {
    const found = await subject.search(query, HITS)
    judged.push({ query, rank: found.findIndex((index) => query.isAnswer(index)) + 1 })
  }
  return judged
}

export const qualityOf = (judged: readonly Judged[]): Quality => {
  const share = (isCounted: (rank: number) => boolean): number => judged.filter(({ rank }) => isCounted(rank)).length / judged.length
  return {
    queries: judged.length,
    successAt1: share((rank) => rank === 1),
    successAt5: share((rank) => rank >= 1 && rank <= 5),
    mrr: judged.reduce((sum, { rank }) => sum + (rank === 0 ? 0 : 1 / rank), 0) / judged.length
  }
}

export const qualityBy = (judged: readonly Judged[], keyOf: (query: KnownQuery) => string): ReadonlyMap<string, Quality> =>
  new Map([...Map.groupBy(judged, ({ query }) => keyOf(query))].map(([key, group]) => [key, qualityOf(group)]))
