import { execFileSync } from 'node:child_process'
import { cpus, release } from 'node:os'

/** One measured number. */
export interface Figure {
  readonly what: string
  readonly value: number
  /** `x` is a ratio; a count of work has none. */
  readonly unit: string
  /** What it should reach, for people: `>= 0.8`. */
  readonly goal?: string
}

/** Figures that are read beside one another, or drawn. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

/** What one benchmark found. Ratios and counts of work come first: times are of one machine at one hour. */
export interface Report {
  readonly question: string
  readonly figures: readonly Figure[]
  /** What a reader needs to judge the figures. */
  readonly notes: readonly string[]
  readonly tables?: readonly Table[]
}

/** Where and when figures were taken. */
export const machine = (): Record<string, string | number> => ({
  date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  openssl: execFileSync('openssl', ['version'], { encoding: 'utf8' }).split(' ')[1] ?? 'unknown'
})

/** The report as a table for a terminal. */
export const format = ({ question, figures, notes, tables = [] }: Report): string => {
  const lines = formatRows([['figure', 'value', 'unit', 'to reach'], ...figures.map(({ what, value, unit, goal = '' }) => [what, value, unit, goal])])
  return ['', question, '', ...lines, ...tables.flatMap(formatTable), ...notes.map((note) => `- ${note}`)].join('\n')
}

const formatTable = ({ title, columns, rows }: Table): string[] => ['', title, ...formatRows([columns, ...rows]), '']

const formatRows = (rows: readonly (readonly (string | number)[])[]): string[] => {
  const isNumeric = (rows[0] ?? []).map((_, column) => rows.slice(1).every((row) => typeof row[column] === 'number'))
  const texts = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : cell)))
  const widths = isNumeric.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)))
  return texts.map((row) => row.map((cell, column) => (isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd())
}

const formatNumber = (value: number): string => {
  if (Number.isInteger(value)) return String(value)
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** The value that `share` (0 to 1) of `values` do not exceed; `values` is not empty. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - (share > 0 ? 1 : 0))]!
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
