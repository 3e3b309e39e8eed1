import type { Table } from '../report.ts'
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

/** How each subject did, side by side, by `keyOf`. @param judgedBySubject ours first */
export const qualityTable = (title: string, judgedBySubject: ReadonlyMap<string, readonly Judged[]>, keyOf: (query: KnownQuery) => string): Table => {
  const bySubject = [...judgedBySubject].map(([subject, judged]) => ({ subject, quality: qualityBy(judged, keyOf) }))
  return {
    title,
    columns: [title.split(' ').at(-1)!, 'queries', ...bySubject.flatMap(({ subject }) => [`${subject} at 1`, 'at 5', 'MRR'])],
    rows: [...bySubject[0]!.quality].map(([key, { queries }]) => [
      key,
      queries,
      ...bySubject.flatMap(({ quality }) => {
        const { successAt1, successAt5, mrr } = quality.get(key)!
        return [successAt1, successAt5, mrr].map((value) => value.toFixed(3))
      })
    ])
  }
}

/** Where another than ours, the first, is better, and by how much. */
export const whereBeaten = (judgedBySubject: ReadonlyMap<string, readonly Judged[]>): readonly string[] => {
  const [ours, ...others] = [...judgedBySubject].map(([subject, judged]) => ({ subject, quality: qualityBy(judged, ({ kind }) => kind) }))
  return others.flatMap(({ subject, quality }) => [...quality].flatMap(([kind, theirs]) => MEASURES.flatMap(({ name, of }) => {
    const behind = of(theirs) - of(ours!.quality.get(kind)!)
    return behind > 0 ? [`${kind}: ours is behind ${subject} by ${behind.toFixed(3)} in ${name}`] : []
  })))
}

const MEASURES: readonly { name: string; of(quality: Quality): number }[] = [
  { name: 'success at 1', of: ({ successAt1 }) => successAt1 },
  { name: 'success at 5', of: ({ successAt5 }) => successAt5 },
  { name: 'MRR', of: ({ mrr }) => mrr }
]
