import { mkdtempSync, rmSync, statSync } from 'node:fs'
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
  /** With its trigrams and the tables for filters. */
  readonly fts5BuildMs: number
  readonly fts5FileBytes: number
}

const QUERIES = 300
/** Of a large set; each takes MiniSearch a good part of a second, and is asked four times. */
const FEWER_QUERIES = 100
const LARGE = 200_000

/** The same queries to ours, to MiniSearch and to FTS5 with its trigrams, one after the other, warm. */
export const measureLocal = async (index: BuiltIndex): Promise<LocalTimes> => {
  const { count } = index.documents
  const directory = mkdtempSync(join(tmpdir(), 'mercury-bench-search-'))
  const profiles = Array.from({ length: count }, (_, i) => datasetProfile(i))
  const file = join(directory, 'words.db')
  const [miniSearch, miniSearchBuildMs] = timed(() => createMiniSearch(profiles))
  const [fts5, fts5BuildMs] = timed(() => createFts5(profiles, { file }))
  const subjects = [createOurs(index), miniSearch, fts5]
  try {
    const latencies = new Map<QueryShape, { subject: string; latency: Latency }[]>()
    for (const shape of QUERY_SHAPES) {
      const queries = commonQueries(shape, { profiles: count, count: count > LARGE ? FEWER_QUERIES : QUERIES })
      const measured: { subject: string; latency: Latency }[] = []
      for (const subject of subjects) measured.push({ subject: subject.name, latency: await latencyOf(subject, queries) })
      latencies.set(shape, measured)
    }
    return { latencies, miniSearchBuildMs, fts5BuildMs, fts5FileBytes: statSync(file).size }
  } finally {
    for (const subject of subjects) subject.close()
    rmSync(directory, { recursive: true })
  }
}

const timed = <T>(make: () => T): [T, number] => {
  const started = performance.now()
  return [make(), performance.now() - started]
}

export const localTable = (count: number, { latencies }: LocalTimes): Table => ({
  title: `A query at home at ${count.toLocaleString('en')} profiles, in ms`,
  columns: ['query', ...[...latencies.values()][0]!.flatMap(({ subject }) => [`${subject} p50`, 'p99'])],
  rows: [...latencies].map(([shape, measured]) => [shape, ...measured.flatMap(({ latency: { p50Ms, p99Ms } }) => [p50Ms, p99Ms])])
})
