import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = new URL('../..', import.meta.url).pathname

it('runs the example of docs/search.md as it is printed there, and it prints what its comments say', async () => {
  const [, code] = /```ts\n(.*?)```/s.exec(await readFile(join(root, 'docs/search.md'), 'utf8'))!
  // Inside the package, so that the example imports it by its name, through its exports, as its users do.
  const directory = await mkdtemp(join(root, 'dist', 'search-'))
  try {
    await writeFile(join(directory, 'example.ts'), code!)
    const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'example.ts')])
    expect(stdout.trim().split('\n')).toEqual([...code!.matchAll(/^console\.log.* \/\/ (.*)$/gm)].map(([, printed]) => printed))
  } finally {
    await rm(directory, { recursive: true })
  }
})
