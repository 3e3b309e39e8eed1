import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { format, machine, type Report } from './report.ts'

/** In the order of the journeys; each is a folder here, with a README that states its question. */
const BENCHMARKS = ['verify', 'size', 'publish', 'resolve', 'stores', 'home', 'search'] as const

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' }, check: { type: 'boolean', default: false }, million: { type: 'boolean', default: false } } })
const unknown = positionals.filter((name) => !BENCHMARKS.some((known) => known === name))
if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(', ')}; there are ${BENCHMARKS.join(', ')}`)
  process.exit(2)
}
const where = machine()
console.log(Object.entries(where).map(([name, value]) => `${name} ${value}`).join(', '))
const reports: Record<string, Report> = {}
for (const name of BENCHMARKS.filter((known) => positionals.length === 0 || positionals.includes(known))) {
  const { run } = (await import(`./${name}/${name}.ts`)) as { run(options: { million: boolean }): Promise<Report> }
  reports[name] = await run({ million: values.million })
  console.log(format(reports[name]))
}
console.log(format({
  question: 'What has a goal, of all of them',
  figures: Object.entries(reports).flatMap(([name, { figures }]) => figures.filter(({ goal }) => goal !== undefined).map((figure) => ({ ...figure, what: `${name}: ${figure.what}` }))),
  notes: []
}))
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine: where, reports }, undefined, 2)}\n`)

// Work is the same on every machine; times and their ratios are not.
const missed = Object.values(reports).flatMap(({ figures }) => figures).filter(({ unit, goal, value }) => unit === '' && goal !== undefined && value !== Number(goal))
if (values.check && missed.length > 0) {
  console.error(`over what was promised: ${missed.map(({ what, value, goal }) => `${what}: ${value}, not ${goal}`).join('; ')}`)
  process.exitCode = 1
}
