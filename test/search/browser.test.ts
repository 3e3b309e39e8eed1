import { build } from 'esbuild'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { spawn } from 'node:child_process'
import { afterEach, expect, it } from 'vitest'
import { createRecord, signDocument } from '../../src/index.ts'
import { signerOf } from '../client/world.ts'
import { openHome, requestOf } from '../home/running-home.ts'
import { describeWithService, killProcess, requireExecutable } from '../services/service.ts'
import { compute, type Computed } from './browser-page.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const bundled = async (options: Parameters<typeof build>[0]): Promise<string> => {
  const { outputFiles } = await build({ ...options, bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', logLevel: 'error' })
  return outputFiles[0]!.text
}

/** Serves `files` by their path, and resolves with the body that a page of them posts to `/told`. */
const openPage = async (files: Readonly<Record<string, readonly [type: string, body: string]>>, query = ''): Promise<string> => {
  const { promise: told, resolve: tell, reject } = Promise.withResolvers<string>()
  const server = createServer((request, response) => {
    if (request.method === 'POST' && request.url === '/told') {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        response.end()
        tell(Buffer.concat(parts).toString())
      })
      return
    }
    const file = files[new URL(request.url!, 'http://page.invalid').pathname]
    response.writeHead(file ? 200 : 404, { 'content-type': file?.[0] ?? 'text/plain' }).end(file?.[1] ?? '')
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => { server.once('listening', listening) })
  const profile = await mkdtemp(join(tmpdir(), 'mercury-browser-'))
  const browser = spawn(requireExecutable('Chromium'), ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', `--user-data-dir=${profile}`, `http://127.0.0.1:${(server.address() as AddressInfo).port}/${query}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  browser.stderr.on('data', (part: Buffer) => { said = (said + part.toString()).slice(-2_000) })
  browser.once('exit', () => reject(new Error(`the browser ended: ${said}`)))
  closers.push(async () => {
    told.catch(() => undefined)
    await killProcess(browser)
    server.closeAllConnections()
    await new Promise((closed) => { server.close(closed) })
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  return told
}

const html = (script: string): [string, string] => ['text/html; charset=utf-8', `<!doctype html><meta charset="utf-8"><script type="module">${script}</script>`]

describeWithService('Chromium', 'search in a browser', () => {
  it('makes the same words, cells and blocks as Node', async () => {
    const script = await bundled({ stdin: { contents: "import { compute } from './test/search/browser-page.ts'\nconst told = await compute().then(JSON.stringify, String)\nawait fetch('/told', { method: 'POST', body: told })", resolveDir: resolve('.'), loader: 'ts' } })
    const told = await openPage({ '/': html("import './page.js'"), '/page.js': ['text/javascript', script] })
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
    const told = await openPage({ '/': ['text/html; charset=utf-8', page + watch], '/main.js': ['text/javascript', await bundled({ entryPoints: ['examples/search-page/main.ts'] })] }, `?gateway=${encodeURIComponent(url)}&index=${index.id}&q=ada`)
    const { report, hits, marked, bold } = JSON.parse(told) as { report: string; hits: string[]; marked: string[]; bold: number }
    expect(hits.map((text) => text.split('\n')[0]!.trim())).toEqual(['Ada Lovelace name', 'Adam <b>Smith</b> name-prefix'])
    expect([marked, bold]).toEqual([['Ada', 'Ada'], 0])
    expect(report).toMatch(/answered, 2 profiles; \d+ blocks, \d+ bytes, \d+ rounds/)
  }, 120_000)
})
