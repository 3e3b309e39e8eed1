import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { format, machine, type Report } from './report.ts'

const BENCHMARKS: Readonly<Record<string, () => Promise<{ run(): Promise<Report> }>>> = {
  size: () => import('./size/size.ts'),
  verify: () => import('./verify/verify.ts'),
  publish: () => import('./publish/publish.ts'),
  resolve: () => import('./resolve/resolve.ts')
}

/** Runs the benchmarks that are named, or all of them, one after the other, and prints what each found. */
const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } })
const unknown = positionals.find((name) => !Object.hasOwn(BENCHMARKS, name))
if (unknown !== undefined) {
  console.error(`there is no benchmark ${unknown}; there are ${Object.keys(BENCHMARKS).join(', ')}`)
  process.exit(2)
}
const reports: Record<string, Report> = {}
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)) {
  const { run } = await BENCHMARKS[name]!()
  reports[name] = await run()
  console.log(format(reports[name]))
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ machine: machine(), reports }, null, 2)}\n`)
