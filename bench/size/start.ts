import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { median } from '../report.ts'
import { bundle } from './bundle.ts'

const ROOT = join(import.meta.dirname, '../..')
const SPAWNS = 41

/** Milliseconds from `import` to ready, in a process that did nothing before; medians of {@link SPAWNS}. */
export interface StartTimes {
  core: number
  multiformats: number
  coreBundle: number
  multiformatsBundle: number
  /** A process that imports nothing. */
  node: number
}

/** Everything takes turns, so that a busy machine is as unfair to one as to the other. */
export const measureStart = async (): Promise<StartTimes> => {
  const directory = mkdtempSync(join(tmpdir(), 'mercury-bench-size-'))
  try {
    const urls = await prepare(directory)
    const times: Record<keyof StartTimes, number[]> = { core: [], multiformats: [], coreBundle: [], multiformatsBundle: [], node: [] }
    for (let i = 0; i < SPAWNS; i++) {
      for (const name of Object.keys(urls) as (keyof typeof urls)[]) times[name].push(importTime(urls[name], directory))
      const started = performance.now()
      execFileSync(process.execPath, ['--eval', ''])
      times.node.push(performance.now() - started)
    }
    return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)])) as unknown as StartTimes
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Compiles the package as `npm run build` does, and the two bundles, into `directory`, with the repository's dependencies beside them. */
const prepare = async (directory: string): Promise<Record<Exclude<keyof StartTimes, 'node'>, string>> => {
  const file = (name: string): string => join(directory, name)
  symlinkSync(join(ROOT, 'node_modules'), file('node_modules'))
  writeFileSync(file('package.json'), '{"type":"module"}')
  compile(file('dist'))
  writeFileSync(file('core.bundle.js'), (await bundle("export * from './src/index.ts'")).code)
  writeFileSync(file('multiformats.bundle.js'), (await bundle("export * from 'multiformats'")).code)
  return {
    core: pathToFileURL(file('dist/index.js')).href,
    multiformats: 'multiformats',
    coreBundle: pathToFileURL(file('core.bundle.js')).href,
    multiformatsBundle: pathToFileURL(file('multiformats.bundle.js')).href
  }
}

const compile = (outDir: string): void => {
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', outDir, '--declaration', 'false', '--sourceMap', 'false'], { stdio: ['ignore', 'inherit', 'inherit'] })
}

const importTime = (url: string, cwd: string): number => {
  const script = `const started = performance.now(); const module = await import(${JSON.stringify(url)}); const ms = performance.now() - started; if (Object.keys(module).length < 3) throw new Error('it exports nothing'); console.log(ms)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd, encoding: 'utf8' }))
}
