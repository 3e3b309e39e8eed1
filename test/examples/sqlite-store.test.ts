import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openSqliteStore } from '../../examples/adapter/sqlite-store.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { testHashStore, testKeyValueStore } from '../../src/testing/index.ts'
import { closingBelow } from '../contract/in-directory.ts'

const root = new URL('../..', import.meta.url).pathname

/** As the page shows it. */
const inFolder = <Subject>(open: (path: string) => Promise<Subject>) => ({
  async create () {
    const folder = await mkdtemp(join(tmpdir(), 'mercury-sqlite-'))
    return { open: () => open(join(folder, 'entries.db')), destroy: () => rm(folder, { recursive: true }) }
  }
})

testKeyValueStore('the SQLite store of docs/adapters.md', inFolder(openSqliteStore))

testHashStore('a hash store over the SQLite store', inFolder(async (path) => {
  const sqlite = await openSqliteStore(path)
  return closingBelow(createHashStore(sqlite), sqlite)
}))

it('is printed in docs/adapters.md as it is tested here, and is short', async () => {
  const [page, code] = await Promise.all([readFile(join(root, 'docs/adapters.md'), 'utf8'), readFile(join(root, 'examples/adapter/sqlite-store.ts'), 'utf8')])
  expect(page).toContain(`\`\`\`ts\n${code}\`\`\``)
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(60)
})
