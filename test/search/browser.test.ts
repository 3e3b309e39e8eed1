import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createRecord, signDocument } from '../../src/index.ts'
import { bundleForBrowsers, openPage, pageOf } from '../chromium.ts'
import { signerOf } from '../client/world.ts'
import { openHome, requestOf } from '../home/running-home.ts'
import { describeWithService } from '../services/service.ts'
import { compute, type Computed } from './browser-page.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** @returns what the page of `files` tells */
const toldBy = async (files: Readonly<Record<string, readonly [type: string, body: string]>>, query?: string): Promise<string> => {
  const page = await openPage((path) => files[path], query)
  closers.push(page.close)
  return page.told
}

describeWithService('Chromium', 'search in a browser', () => {
  it('makes the same words, cells and blocks as Node', async () => {
    const script = await bundleForBrowsers({ stdin: { contents: "import { compute } from './test/search/browser-page.ts'\nconst told = await compute().then(JSON.stringify, String)\nawait fetch('/told', { method: 'POST', body: told })", resolveDir: resolve('.'), loader: 'ts' } })
    const told = await toldBy({ '/': pageOf("import './page.js'"), '/page.js': ['text/javascript', script] })
    expect(JSON.parse(told) as Computed).toEqual(JSON.parse(JSON.stringify(await compute())))
  }, 120_000)

  it('finds a profile in the index of a home, through its gateway alone, on the page of the example', async () => {
    const index = await signerOf(90)
    const home = await openHome({ settings: { policy: 'open' }, passMs: 25, indexMs: 1, indexSigner: index })
    closers.push(() => home.close())
    for (const [seed, name] of [[2, 'Ada Lovelace'], [3, 'Adam <b>Smith</b>']] as const) {
      const persona = await signerOf(seed)
      const { acceptance } = await home.client.agree(requestOf(persona), home.home.id, persona)
      const signed = await signDocument({ name, listed: true }, persona, { seq: 1, prev: null, time: 1_790_000_000 }, { fields: { homes: [acceptance as never] } })
      await home.client.putRecord(persona.id, await createRecord(signed, persona))
    }
    const url = home.home.url!
    while (!(await fetch(`${url}/routing/v1/ipns/${index.id}`)).ok) await new Promise((soon) => { setTimeout(soon, 25) })
    const page = await readFile('examples/search-page/index.html', 'utf8')
    const watch = "<script>setInterval(() => { const report = document.querySelector('#report').textContent; if (report) fetch('/told', { method: 'POST', body: JSON.stringify({ report, hits: [...document.querySelectorAll('#hits li')].map((item) => item.innerText), marked: [...document.querySelectorAll('mark')].map((mark) => mark.textContent), bold: document.querySelectorAll('b').length }) }) }, 50)</script>"
    const told = await toldBy({ '/': ['text/html; charset=utf-8', page + watch], '/main.js': ['text/javascript', await bundleForBrowsers({ entryPoints: ['examples/search-page/main.ts'] })] }, `?gateway=${encodeURIComponent(url)}&index=${index.id}&q=ada`)
    const { report, hits, marked, bold } = JSON.parse(told) as { report: string; hits: string[]; marked: string[]; bold: number }
    expect(hits.map((text) => text.split('\n')[0]!.trim())).toEqual(['Ada Lovelace name', 'Adam <b>Smith</b> name-prefix'])
    expect([marked, bold]).toEqual([['Ada', 'Ada'], 0])
    expect(report).toMatch(/answered, 2 profiles; \d+ blocks, \d+ bytes, \d+ rounds/)
  }, 120_000)
})
