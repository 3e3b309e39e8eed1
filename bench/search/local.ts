import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Table } from '../report.ts'
import type { BuiltIndex } from './built-index.ts'
import { QUERY_SHAPES, commonQueries, type QueryShape } from './common-queries.ts'
import { datasetProfile } from './dataset.ts'
import { createFts5 } from './fts5.ts'
import { latencyOf, type Latency } from './latency.ts'
import { createMiniSearch } from './minisearch.ts'
import { createOurs } from './ours.ts'

export interface LocalTimes {
  readonly latencies: ReadonlyMap<QueryShape, readonly { readonly subject: string; readonly latency: Latency }[]>
  readonly miniSearchBuildMs: number
}

const QUERIES = 300

/** The same queries to ours, to MiniSearch and to FTS5 with its trigrams, one after the other, warm. */
export const measureLocal = async (index: BuiltIndex): Promise<LocalTimes> => {
  const { count } = index.documents
  const directory = mkdtempSync(join(tmpdir(), 'mercury-bench-search-'))
  const profiles = Array.from({ length: count }, (_, i) => datasetProfile(i))
  const started = performance.now()
  const miniSearch = createMiniSearch(profiles)
  const miniSearchBuildMs = performance.now() - started
  const subjects = [createOurs(index), miniSearch, createFts5(profiles, { file: join(directory, 'words.db') })]
  try {
    const latencies = new Map<QueryShape, { subject: string; latency: Latency }[]>()
    for (const shape of QUERY_SHAPES) {
      const queries = commonQueries(shape, { profiles: count, count: QUERIES })
      const measured: { subject: string; latency: Latency }[] = []
      for (const subject of subjects) measured.push({ subject: subject.name, latency: await latencyOf(subject, queries) })
      latencies.set(shape, measured)
    }
    return { latencies, miniSearchBuildMs }
  } finally {
    for (const subject of subjects) subject.close()
    rmSync(directory, { recursive: true })
  }
}

export const localTable = (count: number, { latencies }: LocalTimes): Table => ({
  title: `A query at home at ${count.toLocaleString('en')} profiles, in ms`,
  columns: ['query', ...[...latencies.values()][0]!.flatMap(({ subject }) => [`${subject} p50`, 'p99'])],
  rows: [...latencies].map(([shape, measured]) => [shape, ...measured.flatMap(({ latency: { p50Ms, p99Ms } }) => [p50Ms, p99Ms])])
})
