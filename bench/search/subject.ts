import type { QueryFilters } from '../../src/search/query/query.ts'

export interface Question {
  readonly text: string
  readonly filters: QueryFilters
}

/** A search over the first profiles of the set, as somebody would set it up for them. */
export interface Subject {
  readonly name: string
  /** Indices of the profiles found, the best first, at most `limit`. */
  search(question: Question, limit: number): readonly number[] | Promise<readonly number[]>
  close(): void
}
