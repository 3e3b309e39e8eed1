import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { decodeProfileId } from '../../src/identity/profile-id.ts'
import { manifestLength } from '../../src/search/published/manifest.ts'
import { quantile, type Table } from '../report.ts'
import type { BuiltIndex } from './built-index.ts'
import { QUERY_SHAPES, commonQueries, type QueryShape } from './common-queries.ts'
import { datasetDocument, datasetProfile, type DatasetProfile } from './dataset.ts'
import { bytesOfQuery } from './file-reads.ts'
import { createFts5 } from './fts5.ts'
import { askIndex } from './ours.ts'
import { COST_TABLE } from './plot.ts'

/** What one query takes of somebody who has nothing but the CID of the manifest. */
export interface Cost {
  readonly bytes: number
  readonly postingBytes: number
  readonly blocks: number
  readonly rounds: number
  /** It came to a limit before it was complete. */
  readonly stopped: boolean
}

export interface ColdCosts {
  readonly profiles: number
  readonly ours: ReadonlyMap<QueryShape, readonly Cost[]>
}

export interface Fts5Costs {
  /** What each query reads of the file. */
  readonly pageBytes: ReadonlyMap<QueryShape, readonly number[]>
  readonly fileBytes: number
  readonly buildMs: number
}

const QUERIES = 200
const HITS = 10
const KIB = 1_024

/** Asks `index` queries of each shape, each as the first one ever. */
export const measureCold = async (index: BuiltIndex): Promise<ColdCosts> => {
  const manifestBytes = manifestBytesOf(index)
  const { count } = index.documents
  const ours = new Map<QueryShape, readonly Cost[]>()
  for (const shape of QUERY_SHAPES) {
    const costs: Cost[] = []
    for (const text of commonQueries(shape, { profiles: count, count: QUERIES })) costs.push(await costOf(index, text, manifestBytes))
    ours.set(shape, costs)
  }
  return { profiles: count, ours }
}

/** Of the block that the index's CID names, with places where its blocks are. */
const manifestBytesOf = ({ segments }: BuiltIndex): number =>
  manifestLength({ segments, coverage: segments[0]!.keys.cid, providers: ['/dns4/index.example/tcp/443/https', 'https://mirror.example/ipfs'] }, decodeProfileId(datasetDocument(datasetProfile(0)).id))

const costOf = async (index: BuiltIndex, text: string, manifestBytes: number): Promise<Cost> => {
  const { blocks } = index
  blocks.reset()
  const { report: { work, stopped } } = await askIndex(index, { text, filters: {} }, { limit: HITS })
  const { reads } = blocks
  if (work.bytes !== reads.bytes || work.blocks !== reads.blocks) throw new Error(`${JSON.stringify(text)} reports ${work.blocks} blocks and ${work.bytes} bytes, and read ${reads.blocks} and ${reads.bytes}`)
  return { bytes: reads.bytes + manifestBytes, postingBytes: reads.postingBytes, blocks: reads.blocks + 1, rounds: work.rounds + 1, stopped: stopped !== undefined }
}

/** The same queries to FTS5 over the first `count` profiles, whose words are in a file. */
export const measureFts5Pages = (count: number): Fts5Costs => {
  const directory = mkdtempSync(join(tmpdir(), 'mercury-bench-search-'))
  try {
    const file = join(directory, 'words.db')
    let preparingMs = 0
    function * profiles (): Generator<DatasetProfile> {
      for (let index = 0; index < count; index++) {
        const started = performance.now()
        const profile = datasetProfile(index)
        preparingMs += performance.now() - started
        yield profile
      }
    }
    const started = performance.now()
    createFts5(profiles(), { file, trigrams: false, filters: false }).close()
    const buildMs = performance.now() - started - preparingMs
    const pageBytes = new Map(QUERY_SHAPES.map((shape) => [shape, commonQueries(shape, { profiles: count, count: QUERIES }).map((text) => bytesOfQuery(file, (database) => askWords(database, text)))]))
    return { pageBytes, fileBytes: statSync(file).size, buildMs }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const askWords = (database: DatabaseSync, text: string): void => {
  const words = text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  const match = words.map((word, i) => `"${word}"${i === words.length - 1 ? '*' : ''}`).join(' AND ')
  database.prepare(`select rowid from words where words match ? order by bm25(words, 10.0, 3.0, 2.0, 1.0) limit ${HITS}`).all(match)
}

export const shareOfCosts = ({ ours }: ColdCosts, shape: QueryShape, of: (cost: Cost) => number, share: number): number => quantile(ours.get(shape)!.map(of), share)

export const stoppedQueries = ({ ours }: ColdCosts): number => [...ours.values()].flat().filter(({ stopped }) => stopped).length

/** One row for each shape of query. */
export const coldTable = (title: string, costs: ColdCosts, fts5?: Fts5Costs): Table => ({
  title,
  columns: ['query', 'KiB p50', 'p90', 'most', 'postings p50', 'p90', 'blocks p50', 'most', 'rounds p50', 'p90', 'most', ...(fts5 ? ['FTS5 pages KiB p50', 'p90', 'most'] : [])],
  rows: QUERY_SHAPES.map((shape) => [
    shape,
    ...[0.5, 0.9, 1].map((share) => shareOfCosts(costs, shape, ({ bytes }) => bytes / KIB, share)),
    ...[0.5, 0.9].map((share) => shareOfCosts(costs, shape, ({ postingBytes }) => postingBytes / KIB, share)),
    ...[0.5, 1].map((share) => shareOfCosts(costs, shape, ({ blocks }) => blocks, share)),
    ...[0.5, 0.9, 1].map((share) => shareOfCosts(costs, shape, ({ rounds }) => rounds, share)),
    ...(fts5 ? [0.5, 0.9, 1].map((share) => quantile(fts5.pageBytes.get(shape)!, share) / KIB) : [])
  ])
})

/** One row for each number of profiles, which `plot.ts` draws. */
export const costTable = (all: readonly { costs: ColdCosts; fts5: Fts5Costs }[]): Table => {
  const lines: readonly { name: string; kib(at: { costs: ColdCosts; fts5: Fts5Costs }): number }[] = [
    ...(['one word', 'beginning of a word', 'two words', 'misspelled word'] as const).map((shape) => ({ name: `ours, ${shape}`, kib: ({ costs }: { costs: ColdCosts }) => shareOfCosts(costs, shape, ({ bytes }) => bytes / KIB, 0.9) })),
    ...(['one word', 'two words'] as const).map((shape) => ({ name: `FTS5 pages, ${shape}`, kib: ({ fts5 }: { fts5: Fts5Costs }) => quantile(fts5.pageBytes.get(shape)!, 0.9) / KIB }))
  ]
  return {
    title: COST_TABLE,
    columns: ['profiles', ...lines.map(({ name }) => name)],
    rows: all.map((at) => [at.costs.profiles, ...lines.map(({ kib }) => kib(at))])
  }
}
