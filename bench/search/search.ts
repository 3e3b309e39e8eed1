import { DatabaseSync } from 'node:sqlite'
import type { Figure, Report, Table } from '../report.ts'
import { measureInBrowser } from './browser.ts'
import { buildIndex, type BuiltIndex } from './built-index.ts'
import { searchCodeBytes } from './code-size.ts'
import { coldTable, costTable, measureCold, measureFts5Pages, shareOfCosts, stoppedQueries, type ColdCosts, type Fts5Costs } from './cold.ts'
import { QUERY_SHAPES } from './common-queries.ts'
import { datasetBytes } from './dataset.ts'
import { createDocumentBlocks } from './document-blocks.ts'
import { measureEdits } from './edits.ts'
import { createFts5 } from './fts5.ts'
import { localTable, measureLocal } from './local.ts'
import { createMiniSearch } from './minisearch.ts'
import { createOurs } from './ours.ts'
import { createPeople } from './people.ts'
import { judge, qualityOf, qualityTable, whereBeaten, type Judged } from './quality.ts'
import { createQueries } from './queries.ts'

const USUAL = 100_000
const MILLION = 1_000_000
const KIB = 1_024
/** Of a large index, so many of its newest profiles are in smaller segments. */
const LEVELS = [20_000, 500]
const PARTS = ['quality', 'cold', 'browser', 'local', 'edits'] as const

type Part = Pick<Report, 'figures' | 'notes'> & { readonly tables: readonly Table[] }

export const run = async ({ million = false }: { million?: boolean } = {}): Promise<Report> => {
  const count = million ? MILLION : Number(process.env.BENCH_SEARCH_PROFILES ?? USUAL)
  const wanted = process.env.BENCH_SEARCH_PARTS?.split(',') ?? PARTS
  const parts: Part[] = []
  // Answers are looked for among all profiles, which takes as long for a million as for a hundred thousand twice over: the usual set tells as much.
  if (wanted.includes('quality')) parts.push(await measureQuality(Math.min(count, USUAL)))
  if (wanted.includes('cold')) parts.push(await measureAllCold(count))
  if (wanted.includes('browser')) parts.push({ ...(await measureInBrowser(Math.min(count, USUAL))), tables: [] })
  if (wanted.includes('local')) parts.push(await measureAtHome(count))
  // A million is built in a quarter of an hour, and what an edit writes is nearly the same: of the largest level only marks on the dead.
  if (wanted.includes('edits')) parts.push({ ...(await measureEdits(Math.min(count, USUAL))), tables: [] })
  return {
    question: 'Does search find who was meant, and what does it cost?',
    figures: parts.flatMap(({ figures }) => figures),
    notes: parts.flatMap(({ notes }) => notes),
    tables: parts.flatMap(({ tables }) => tables)
  }
}

const measureQuality = async (count: number): Promise<Part> => {
  const people = createPeople(count)
  const queries = createQueries(people)
  const profiles = people.map(({ profile }) => profile)
  const judgedBySubject = new Map<string, readonly Judged[]>()
  for (const open of [async () => createOurs(await buildIndex(count)), async () => createMiniSearch(profiles), async () => createFts5(profiles)]) {
    const subject = await open()
    judgedBySubject.set(subject.name, await judge(subject, queries))
    subject.close()
  }
  const beaten = whereBeaten(judgedBySubject)
  const typos = qualityOf([...judgedBySubject.get('ours')!].filter(({ query }) => query.kind.startsWith('typo')))
  const stuffed = qualityOf([...judgedBySubject.get('ours')!].filter(({ query }) => query.kind === 'stuffed'))
  return {
    figures: [
      { what: 'queries with known answers', value: queries.length, unit: '' },
      ...[...judgedBySubject].flatMap(([subject, judged]): Figure[] => {
        const { successAt1, successAt5, mrr } = qualityOf(judged)
        return [
          { what: `${subject}: the answer is first, of all kinds`, value: successAt1, unit: 'share' },
          { what: `${subject}: among the first five`, value: successAt5, unit: 'share' },
          { what: `${subject}: MRR`, value: mrr, unit: '' }
        ]
      }),
      { what: 'ours: misspelled names among the first five', value: typos.successAt5, unit: 'share', goal: '>= 0.95' },
      { what: 'ours: the honest one before the stuffed one', value: stuffed.successAt1, unit: 'share', goal: '>= 1' },
      { what: 'kinds and measures in which another is better', value: beaten.length, unit: 'of them', goal: '<= 0' }
    ],
    notes: beaten,
    tables: [
      qualityTable(`Answers among ${count.toLocaleString('en')} profiles by kind`, judgedBySubject, ({ kind }) => kind),
      qualityTable(`Answers among ${count.toLocaleString('en')} profiles by script`, judgedBySubject, ({ script }) => script)
    ]
  }
}

const measureAllCold = async (count: number): Promise<Part> => {
  const measured: { costs: ColdCosts; fts5: Fts5Costs; index: BuiltIndex }[] = []
  for (const profiles of [1_000, 10_000, 100_000, 1_000_000].filter((step) => step < count).concat(count)) {
    const index = await buildIndex(profiles)
    measured.push({ index, costs: await measureCold(index), fts5: measureFts5Pages(profiles) })
  }
  const { index, costs, fts5 } = measured.at(-1)!
  const { documents } = index
  const again = await buildIndex(count, { documents, backwards: true })
  const levels = await measureCold(await buildIndex(count, { documents, levels: LEVELS.filter((level) => level * 2 < count) }))
  const kib = (shape: (typeof QUERY_SHAPES)[number], share: number): number => shareOfCosts(costs, shape, ({ bytes }) => bytes / KIB, share)
  const rounds = (shape: (typeof QUERY_SHAPES)[number], share: number): number => shareOfCosts(costs, shape, (cost) => cost.rounds, share)
  const postings = (share: number): number => shareOfCosts(costs, 'two words', ({ postingBytes }) => postingBytes / KIB, share)
  const pages = costTable([{ costs, fts5 }]).rows[0]!
  const [pagesOfOne, pagesOfTwo] = [pages.at(-2) as number, pages.at(-1) as number]
  return {
    figures: [
      { what: 'roots that differ when the profiles come in the other order', value: rootsThatDiffer(index, again), unit: '', goal: '0' },
      { what: 'cold queries that a limit stops', value: stoppedQueries(costs), unit: '', goal: '0' },
      { what: 'cold queries that a limit stops, the newest profiles in segments of their own', value: stoppedQueries(levels), unit: 'queries' },
      { what: 'cold, one word: pages of FTS5 / ours, p90', value: pagesOfOne / kib('one word', 0.9), unit: 'x' },
      { what: 'cold, two words: pages of FTS5 / ours, p90', value: pagesOfTwo / kib('two words', 0.9), unit: 'x' },
      { what: 'cold, one word, p90', value: kib('one word', 0.9), unit: 'KiB', goal: '<= 112' },
      { what: 'cold, one word, rounds p50', value: rounds('one word', 0.5), unit: 'rounds', goal: '<= 4' },
      { what: 'cold, beginning of a word, p90', value: kib('beginning of a word', 0.9), unit: 'KiB', goal: '<= 112' },
      { what: 'cold, beginning of a word, rounds p50', value: rounds('beginning of a word', 0.5), unit: 'rounds', goal: '<= 4' },
      { what: 'cold, two words, postings p50', value: postings(0.5), unit: 'KiB', goal: '<= 8' },
      { what: 'cold, two words, postings p90', value: postings(0.9), unit: 'KiB', goal: '<= 40' },
      { what: 'cold, two words, p90', value: kib('two words', 0.9), unit: 'KiB', goal: '<= 160' },
      { what: 'cold, two words, rounds p90', value: rounds('two words', 0.9), unit: 'rounds', goal: '<= 9' },
      { what: 'cold, misspelled word, p90', value: kib('misspelled word', 0.9), unit: 'KiB', goal: '<= 192' },
      { what: 'cold, misspelled word, rounds p90', value: rounds('misspelled word', 0.9), unit: 'rounds', goal: '<= 6' },
      { what: 'code to load before, gzip; Pagefind says under 300 with a query on 10,000 pages', value: (await searchCodeBytes()) / 1_000, unit: 'KB' },
      { what: 'size, FTS5 of words alone / ours', value: fts5.fileBytes / index.blocks.size.bytes, unit: 'x' },
      { what: 'size of the index', value: index.blocks.size.bytes / count, unit: 'B a profile', goal: '<= 260' },
      { what: 'build, ours / FTS5 of words alone', value: fts5.buildMs / index.buildMs, unit: 'x' },
      { what: 'build, one core', value: (count / index.buildMs) * 1_000, unit: 'profiles/s', goal: '>= 15000' }
    ],
    notes: [
      'rounds count the manifest; a query for which fewer than ten profiles have all words in their name goes on to the other classes, and takes more',
      `an index of ${count.toLocaleString('en')} profiles; goals for bytes and rounds are those of a million`,
      `SQLite ${sqliteVersion()}`
    ],
    tables: [
      coldTable(`A cold query at ${count.toLocaleString('en')} profiles, the manifest and the ten documents included`, costs, fts5),
      coldTable(`The same, the newest ${LEVELS.join(' and ')} of the profiles in segments of their own`, levels),
      costTable(measured)
    ]
  }
}

const rootsThatDiffer = (one: BuiltIndex, other: BuiltIndex): number =>
  one.segments.filter(({ keys, table }, i) => !keys.cid.equals(other.segments[i]!.keys.cid) || !table.cid.equals(other.segments[i]!.table.cid)).length

const measureAtHome = async (count: number): Promise<Part> => {
  const index = await buildIndex(count, { documents: createDocumentBlocks(count, datasetBytes, { held: true }) })
  const times = await measureLocal(index)
  const p99 = (shape: (typeof QUERY_SHAPES)[number], subject: string): number => times.latencies.get(shape)!.find((measured) => measured.subject === subject)!.latency.p99Ms
  const ratio = (shape: (typeof QUERY_SHAPES)[number], subject: string): Figure => ({ what: `at home, ${shape}, p99: ${subject} / ours`, value: p99(shape, subject) / p99(shape, 'ours'), unit: 'x' })
  return {
    figures: [
      ...(['one word', 'two words'] as const).flatMap((shape): Figure[] => [
        ratio(shape, 'MiniSearch'),
        ratio(shape, 'FTS5'),
        { what: `at home, ${shape}, p99`, value: p99(shape, 'ours'), unit: 'ms', goal: count > USUAL || shape === 'two words' ? '<= 20' : '<= 10' }
      ]),
      { what: 'size, FTS5 with its trigrams and filters / ours', value: times.fts5FileBytes / index.blocks.size.bytes, unit: 'x' },
      { what: 'build, ours / MiniSearch', value: times.miniSearchBuildMs / index.buildMs, unit: 'x' },
      { what: 'build, ours / FTS5 with its trigrams and filters', value: times.fts5BuildMs / index.buildMs, unit: 'x' }
    ],
    notes: [],
    tables: [localTable(count, times)]
  }
}

const sqliteVersion = (): string => String(new DatabaseSync(':memory:').prepare('select sqlite_version() as version').get()!.version)
