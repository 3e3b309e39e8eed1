import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { DatasetProfile } from './dataset.ts'
import { foldText } from './people.ts'
import type { Question, Subject } from './subject.ts'

export interface Fts5Options {
  /** A path; in memory without one. */
  file?: string
  /** A second table over names by three letters, which finds misspelled ones. */
  trigrams?: boolean
  /** What the filters need. */
  filters?: boolean
}

export interface Fts5 extends Subject {
  readonly database: DatabaseSync
}

/** The name above everything else; words of a name are worth ten of a bio. */
const RANKING = 'bm25(words, 10.0, 3.0, 2.0, 1.0)'
const METRES_PER_DEGREE = 111_195

/** An index over `profiles`, as the documentation of FTS5 advises for names: accents folded, prefixes of 2 to 4 letters indexed, bm25 with weights; where that finds too few, by trigrams of the name. */
export const createFts5 = (profiles: Iterable<DatasetProfile>, { file = ':memory:', trigrams = true, filters = true }: Fts5Options = {}): Fts5 => {
  const database = new DatabaseSync(file)
  database.exec('pragma journal_mode = off; pragma synchronous = off')
  database.exec(`create virtual table words using fts5(name, tags, place, bio, content='', tokenize = "unicode61 remove_diacritics 2", prefix = '2 3 4')`)
  if (trigrams) database.exec(`create virtual table trigrams using fts5(name, content='', tokenize = "trigram remove_diacritics 1")`)
  if (filters) database.exec('create table profile(kind, lang, lat, lon); create table tag(tag, profile, primary key(tag, profile)) without rowid')
  insert(database, profiles, { trigrams, filters })
  database.exec(`insert into words(words) values('optimize')${trigrams ? "; insert into trigrams(trigrams) values('optimize')" : ''}`)
  if (filters) database.exec('create index profile_place on profile(lat, lon)')
  return { name: 'FTS5', database, search: createSearch(database), close: () => database.close() }
}

const insert = (database: DatabaseSync, profiles: Iterable<DatasetProfile>, { trigrams, filters }: { trigrams: boolean; filters: boolean }): void => {
  const addWords = database.prepare('insert into words(rowid, name, tags, place, bio) values (?, ?, ?, ?, ?)')
  const addTrigrams = trigrams ? database.prepare('insert into trigrams(rowid, name) values (?, ?)') : undefined
  const addProfile = filters ? database.prepare('insert into profile(rowid, kind, lang, lat, lon) values (?, ?, ?, ?, ?)') : undefined
  const addTag = filters ? database.prepare('insert or ignore into tag values (?, ?)') : undefined
  database.exec('begin')
  for (const { index, name, tags, place = '', bio, kind, lang, location } of profiles) {
    const row = index + 1
    addWords.run(row, name, tags.join('\n'), place, bio)
    addTrigrams?.run(row, name)
    addProfile?.run(row, kind, lang, location?.lat ?? null, location?.lon ?? null)
    for (const tag of addTag ? tags : []) addTag!.run(foldText(tag), row)
  }
  database.exec('commit')
}

const createSearch = (database: DatabaseSync): Subject['search'] => {
  const statements = new Map<string, StatementSync>()
  const ask = (sql: string, values: readonly SQLInputValue[]): number[] => {
    const statement = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, statement)
    return statement.all(...values).map(({ row }) => Number(row) - 1)
  }
  return ({ text, filters }, limit) => {
    const conditions = conditionsOf(filters)
    const search = (table: string, match: string, ranking: string): number[] =>
      ask(`select rowid as row from ${table} where ${[`${table} match ?`, ...conditions.map(({ sql }) => sql)].join(' and ')} order by ${ranking} limit ?`, [match, ...conditions.flatMap(({ values }) => values), limit])
    if (text === '') return ask(`select rowid as row from profile where ${conditions.map(({ sql }) => sql).join(' and ')} limit ?`, [...conditions.flatMap(({ values }) => values), limit])
    // As its tokenizer takes them apart.
    const words = foldText(text).match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
    const found = words.length === 0 ? [] : search('words', words.map((word, i) => `"${word}"${i === words.length - 1 ? '*' : ''}`).join(' AND '), RANKING)
    const parts = trigramsOf(words)
    if (found.length >= limit || parts.length === 0) return found
    return [...new Set([...found, ...search('trigrams', parts.map((part) => `"${part}"`).join(' OR '), 'bm25(trigrams)')])].slice(0, limit)
  }
}

const conditionsOf = ({ tags = [], kind, lang, near }: Question['filters']): { sql: string; values: readonly SQLInputValue[] }[] => [
  ...tags.map((tag) => ({ sql: 'rowid in (select profile from tag where tag = ?)', values: [foldText(tag)] })),
  ...(kind === undefined ? [] : [{ sql: 'rowid in (select rowid from profile where kind = ?)', values: [kind] }]),
  ...(lang === undefined ? [] : [{ sql: 'rowid in (select rowid from profile where lang = ?)', values: [lang] }]),
  ...(near === undefined ? [] : [nearCondition(near)])
]

/** On a plane, which over some tens of kilometres is right to the metre. */
const nearCondition = ({ lat, lon, radiusMetres }: NonNullable<Question['filters']['near']>): { sql: string; values: readonly SQLInputValue[] } => {
  const degrees = radiusMetres / METRES_PER_DEGREE
  const narrowing = Math.cos((lat * Math.PI) / 180)
  return {
    sql: 'rowid in (select rowid from profile where lat between ? and ? and lon between ? and ? and (lat - ?) * (lat - ?) + (lon - ?) * (lon - ?) * ? <= ?)',
    values: [lat - degrees, lat + degrees, lon - degrees / narrowing, lon + degrees / narrowing, lat, lat, lon, lon, narrowing ** 2, degrees ** 2]
  }
}

const trigramsOf = (words: readonly string[]): string[] => {
  const letters = Array.from(words.join(' '))
  return letters.slice(2).map((letter, i) => `${letters[i]}${letters[i + 1]}${letter}`)
}
