import { existsSync } from 'node:fs'
import { format, type Report } from '../report.ts'
import { bundle, strangersIn, type Bundle } from './bundle.ts'
import { measureStart } from './start.ts'

/** What was measured, and a little: joining homes, moving between them and finding them took 42,000 bytes, of them 14,000 gzip. A change that needs more says so here. */
const BUDGET_BYTES = { core: 236_000, coreGzip: 88_500 }
const CHROMIUM = '/usr/bin/chromium'

export const run = async (): Promise<Report> => {
  const [core, verifying, multiformats] = await Promise.all([bundleCore(), bundle("export { parseProfileId, validateRecord, verifyDocument } from './src/index.ts'"), bundle("export * from 'multiformats'")])
  const start = await measureStart()
  return {
    question: 'What does it cost to load the core?',
    figures: [
      { what: 'imports of anything but own files and dependencies', value: 0, unit: '', goal: '0' },
      { what: 'bundle of the core entry for browsers, minified', value: core.bytes / 1_000, unit: 'KB' },
      { what: 'the same, gzip', value: core.gzipBytes / 1_000, unit: 'KB' },
      { what: 'only verifyDocument, validateRecord, parseProfileId', value: verifying.bytes / 1_000, unit: 'KB' },
      { what: 'the same, gzip', value: verifying.gzipBytes / 1_000, unit: 'KB' },
      { what: 'all of multiformats, gzip', value: multiformats.gzipBytes / 1_000, unit: 'KB' },
      { what: 'import in Node, core / multiformats', value: start.core / start.multiformats, unit: 'x' },
      { what: 'browser bundle in Node, core / multiformats', value: start.coreBundle / start.multiformatsBundle, unit: 'x' },
      { what: 'import in Node, core', value: start.core, unit: 'ms' },
      { what: 'import in Node, multiformats', value: start.multiformats, unit: 'ms' },
      { what: 'browser bundle in Node, core', value: start.coreBundle, unit: 'ms' },
      { what: 'browser bundle in Node, multiformats', value: start.multiformatsBundle, unit: 'ms' },
      { what: 'a Node process that imports nothing', value: start.node, unit: 'ms' }
    ],
    notes: [`start in a browser was not measured: ${existsSync(CHROMIUM) ? 'nothing here drives Chromium' : `there is no ${CHROMIUM}`}; the browser bundle was started in Node instead, which has the same engine`]
  }
}

const bundleCore = async (): Promise<Bundle> => {
  const core = await bundle("export * from './src/index.ts'")
  const strangers = strangersIn(core)
  if (strangers.length > 0) throw new Error(`the core entry imports ${strangers.join(', ')}`)
  return core
}

/** For CI. @throws Error over a budget */
const check = async (): Promise<void> => {
  const { bytes, gzipBytes } = await bundleCore()
  console.log(`core: ${bytes} bytes of ${BUDGET_BYTES.core}, gzip ${gzipBytes} of ${BUDGET_BYTES.coreGzip}`)
  if (bytes > BUDGET_BYTES.core || gzipBytes > BUDGET_BYTES.coreGzip) throw new Error('the core entry is over its budget; see bench/size/README.md')
}

if (import.meta.main) {
  if (process.argv.includes('--check')) await check()
  else console.log(format(await run()))
}
