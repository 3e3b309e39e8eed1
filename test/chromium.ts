import { build, type BuildOptions } from 'esbuild'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killProcess, requireExecutable } from './services/service.ts'

/** What the server of a page answers for a path; `undefined` is a 404. */
export type PageFiles = (path: string) => readonly [type: string, body: string | Uint8Array] | undefined

/** A page that a real Chromium has open. */
export interface OpenPage {
  /** The body that the page posts to `/told`; rejects when the browser ends before. */
  readonly told: Promise<string>
  close(): Promise<void>
}

/** One script of an entry point and all that it imports, for browsers. */
export const bundleForBrowsers = async (options: BuildOptions): Promise<string> => {
  const { outputFiles } = await build({ ...options, bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', logLevel: 'error' })
  return outputFiles[0]!.text
}

/** A page of nothing but `script`, a module. */
export const pageOf = (script: string): readonly [string, string] => ['text/html; charset=utf-8', `<!doctype html><meta charset="utf-8"><script type="module">${script}</script>`]

/** Serves `files` on loopback, and opens `/` with `query` in Chromium, which must be there. */
export const openPage = async (files: PageFiles, query = ''): Promise<OpenPage> => {
  const { promise: told, resolve: tell, reject } = Promise.withResolvers<string>()
  const server = await serve(files, tell)
  const profile = await mkdtemp(join(tmpdir(), 'mercury-browser-'))
  const browser = spawn(requireExecutable('Chromium'), ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', `--user-data-dir=${profile}`, `http://127.0.0.1:${(server.address() as AddressInfo).port}/${query}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  browser.stderr.on('data', (part: Buffer) => { said = (said + part.toString()).slice(-2_000) })
  browser.once('exit', () => reject(new Error(`the browser ended: ${said}`)))
  told.catch(() => undefined)
  return {
    told,
    async close () {
      await killProcess(browser)
      server.closeAllConnections()
      await new Promise((closed) => { server.close(closed) })
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}

const serve = async (files: PageFiles, tell: (body: string) => void): Promise<Server> => {
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
    const file = files(new URL(request.url!, 'http://page.invalid').pathname)
    response.writeHead(file ? 200 : 404, { 'content-type': file?.[0] ?? 'text/plain' }).end(file?.[1] ?? '')
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => { server.once('listening', listening) })
  return server
}
