import { readFileSync, writeFileSync } from 'node:fs'
import type { Report, Table } from '../report.ts'

/**
 * Draws what a cold query costs at each number of profiles, both on logarithmic scales: `node bench/search/plot.ts results.json docs/search-cost.svg`,
 * of the results that `node bench/run.ts search --json results.json` writes.
 */
export const COST_TABLE = 'What nine of ten cold queries stay under, in KiB'

const WIDTH = 720
const HEIGHT = 420
const MARGIN = { top: 44, right: 190, bottom: 48, left: 64 }
/** Ours are lines through, the others' are dashed. Colours that who sees no red from green can tell apart. */
const COLOURS = ['#0072b2', '#009e73', '#d55e00', '#cc79a7', '#56b4e9', '#e69f00', '#000000']
/** Between the labels at the right. */
const LABEL_HEIGHT = 15

interface Series {
  readonly name: string
  readonly points: readonly { readonly profiles: number; readonly kib: number }[]
}

/** An SVG of `table`, whose first column is the number of profiles and each further one a line, in KiB; a cell that is not a number was not measured. */
export const drawCost = ({ title, columns, rows }: Table): string => {
  const series = columns.slice(1).map((name, i): Series => ({
    name,
    points: rows.flatMap((row) => {
      const [profiles, kib] = [row[0], row[i + 1]]
      return typeof profiles === 'number' && typeof kib === 'number' && kib > 0 ? [{ profiles, kib }] : []
    })
  })).filter(({ points }) => points.length > 0)
  const all = series.flatMap(({ points }) => points)
  const x = logScale(all.map(({ profiles }) => profiles), MARGIN.left, WIDTH - MARGIN.right)
  const y = logScale(all.map(({ kib }) => kib), HEIGHT - MARGIN.bottom, MARGIN.top)
  const labels = spread(series.map(({ points }) => y.at(points.at(-1)!.kib)))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${escape(title)}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${MARGIN.left}" y="24" font-size="14" font-weight="600">${escape(title)}</text>`,
    ...x.ticks.flatMap((tick) => [line(x.at(tick), MARGIN.top, x.at(tick), HEIGHT - MARGIN.bottom), text(x.at(tick), HEIGHT - MARGIN.bottom + 18, tick.toLocaleString('en'), 'middle')]),
    ...y.ticks.flatMap((tick) => [line(MARGIN.left, y.at(tick), WIDTH - MARGIN.right, y.at(tick)), text(MARGIN.left - 8, y.at(tick) + 4, tick.toLocaleString('en'), 'end')]),
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 10, 'profiles in the index', 'middle'),
    ...series.flatMap(({ name, points }, i) => drawSeries(name, points.map(({ profiles, kib }) => ({ x: x.at(profiles), y: y.at(kib) })), labels[i]!, COLOURS[i % COLOURS.length]!)),
    '</svg>',
    ''
  ].join('\n')
}

const drawSeries = (name: string, points: readonly { x: number; y: number }[], labelY: number, colour: string): string[] => [
  `<polyline points="${points.map(({ x, y }) => `${round(x)},${round(y)}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${name.startsWith('ours') ? '' : ' stroke-dasharray="6 4"'}/>`,
  ...points.map(({ x, y }) => `<circle cx="${round(x)}" cy="${round(y)}" r="3" fill="${colour}"/>`),
  `<text x="${round(points.at(-1)!.x + 10)}" y="${round(labelY + 4)}" fill="${colour}">${escape(name)}</text>`
]

interface Scale {
  at(value: number): number
  /** Powers of ten. */
  readonly ticks: readonly number[]
}

const logScale = (values: readonly number[], from: number, to: number): Scale => {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  return {
    at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  }
}

/** Moves what is nearer together than a line of text apart, downwards. */
const spread = (positions: readonly number[]): readonly number[] => {
  const moved = [...positions]
  let last = -Infinity
  for (const i of [...positions.keys()].sort((a, b) => positions[a]! - positions[b]!)) moved[i] = last = Math.max(positions[i]!, last + LABEL_HEIGHT)
  return moved
}

const line = (x1: number, y1: number, x2: number, y2: number): string => `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#e0e0e0"/>`
const text = (x: number, y: number, content: string, anchor: string): string => `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="#444444">${escape(content)}</text>`
const round = (value: number): number => Math.round(value * 10) / 10
const escape = (content: string): string => content.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`)

if (import.meta.main) {
  const [results = '', target = ''] = process.argv.slice(2)
  const { reports } = JSON.parse(readFileSync(results, 'utf8')) as { reports: Record<string, Report> }
  const table = reports.search?.tables?.find(({ title }) => title === COST_TABLE)
  if (!table) throw new Error(`there is no table of costs in ${results}`)
  writeFileSync(target, drawCost(table))
}
