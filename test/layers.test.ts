import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = new URL('..', import.meta.url).pathname
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mercury-layers-'))
  await cp(join(root, '.oxlintrc.json'), join(directory, '.oxlintrc.json'))
})
afterAll(() => rm(directory, { recursive: true }))

/** What the linter says of one file at `path` that imports `specifier`. */
const lint = async (path: string, statement: string): Promise<string> => {
  const file = join(directory, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${statement}\n`)
  return new Promise((resolve) => execFile(join(root, 'node_modules/.bin/oxlint'), ['-f', 'unix', path], { cwd: directory }, (_, stdout) => resolve(stdout)))
}

it.each([
  ['src/store/x.ts', "export type { A } from '../identity/a.ts'"],
  ['src/identity/x.ts', "export { a } from '../profile/a.ts'"],
  ['src/profile/x.ts', "export { a } from '../naming/a.ts'"],
  ['src/naming/x.ts', "export { a } from '../client/a.ts'"],
  ['src/naming/x.ts', "export { a } from '../hosting/a.ts'"],
  ['src/hosting/x.ts', "export { a } from '../client/a.ts'"],
  ['src/hosting/x.ts', "export { readFile } from 'node:fs'"],
  ['src/client/x.ts', "export { a } from '../search/a.ts'"],
  ['src/search/x.ts', "export { a } from '../client/a.ts'"],
  ['src/client/x.ts', "export { a } from '../adapters/level.ts'"],
  ['src/home/x.ts', "export { a } from '../adapters/helia/index.ts'"],
  ['src/adapters/x.ts', "export { a } from '../client/a.ts'"],
  ['src/naming/x.ts', "export { readFile } from 'node:fs'"],
  ['src/index.ts', "export { createHelia } from 'helia'"],
  ['src/store/x.ts', "export { it } from 'vitest'"],
  ['src/client/x.ts', "export { a } from '../index.ts'"],
  ['src/cbor.ts', "export { a } from './store/a.ts'"],
  ['src/node-crypto.ts', "export { a } from './store/a.ts'"],
  ['src/node-crypto.ts', "export { hash } from 'node:crypto'"]
])('%s must not: %s', async (path, statement) => {
  expect(await lint(path, statement)).toContain('no-restricted-imports')
})

it.each([
  ['src/client/x.ts', "export { a } from '../naming/a.ts'"],
  ['src/client/x.ts', "export { a } from '../hosting/a.ts'"],
  ['src/home/x.ts', "export { a } from '../hosting/a.ts'"],
  ['src/adapters/x.ts', "export { a } from '../hosting/a.ts'"],
  ['src/identity/x.ts', "export { a } from '../cbor.ts'"],
  ['src/adapters/x.ts', "export { a } from '../store/a.ts'"],
  ['src/adapters/helia/index.ts', "export { a } from './node.ts'"],
  ['src/testing/x.ts', "export { it } from 'vitest'"],
  ['src/cli/x.ts', "export { a } from '../adapters/level.ts'"]
])('%s may: %s', async (path, statement) => {
  expect(await lint(path, statement)).not.toContain('no-restricted-imports')
})
