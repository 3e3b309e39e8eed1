import { resolve } from 'node:path'
import { bundleForBrowsers, openPage, pageOf } from '../../test/chromium.ts'
import { executableOf } from '../../test/services/executables.ts'
import type { Report } from '../report.ts'
import { rootsOf, type BuiltInBrowser } from './browser-page.ts'
import { buildIndex } from './built-index.ts'
import { datasetBytes } from './dataset.ts'

/** Documents are handed over so many at a time. */
const PART = 5_000

/** Builds the same index in Node and, of nothing but the documents, in a real Chromium, and compares. */
export const measureInBrowser = async (count: number): Promise<Pick<Report, 'figures' | 'notes'>> => {
  if (executableOf('Chromium') === undefined) return { figures: [], notes: ['no index was built in a browser: Chromium is not there; npm run services provides it'] }
  const { segments, buildMs } = await buildIndex(count)
  const script = await bundleForBrowsers({ stdin: { contents: "import { buildInBrowser } from './bench/search/browser-page.ts'\nconst told = await buildInBrowser(new URLSearchParams(location.search).get('parts')).then(JSON.stringify, String)\nawait fetch('/told', { method: 'POST', body: told })", resolveDir: resolve('.'), loader: 'ts' } })
  const page = await openPage((path) => {
    if (path === '/') return pageOf("import './page.js'")
    if (path === '/page.js') return ['text/javascript', script]
    const part = /^\/documents\/(\d+)$/.exec(path)
    return part ? ['application/octet-stream', encodePart(Number(part[1]) * PART, count)] : undefined
  }, `?parts=${Math.ceil(count / PART)}`)
  try {
    const built = JSON.parse(await page.told) as BuiltInBrowser
    const here = rootsOf(segments[0]!)
    return {
      figures: [
        { what: `roots that differ between Node and Chromium, of ${count.toLocaleString('en')} profiles`, value: here.filter((root, i) => root !== built.roots[i]).length, unit: '', goal: '<= 0' },
        { what: 'build, in Chromium / in Node', value: built.buildMs / buildMs, unit: 'x' }
      ],
      notes: []
    }
  } finally {
    await page.close()
  }
}

/** Each document after its length, 4 bytes. */
const encodePart = (from: number, count: number): Uint8Array => {
  const parts: Uint8Array[] = []
  for (let index = from; index < Math.min(from + PART, count); index++) {
    const bytes = datasetBytes(index)
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, bytes.byteLength)
    parts.push(length, bytes)
  }
  return Buffer.concat(parts)
}
