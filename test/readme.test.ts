import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = new URL('..', import.meta.url).pathname

/** Inside the package, so that the example imports it by its name, through its exports, as its users do. */
const runInPackage = async (code: string): Promise<string> => {
  const directory = await mkdtemp(join(root, 'dist', 'readme-'))
  try {
    const file = join(directory, 'example.ts')
    await writeFile(file, code)
    return (await promisify(execFile)(process.execPath, [file])).stdout
  } finally {
    await rm(directory, { recursive: true })
  }
}

it('runs the example of the README as it is printed there', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [, code] = /```ts\n(.*?)```/s.exec(readme)!
  expect(code!.trim().split('\n').length).toBeLessThanOrEqual(20)
  expect(await runInPackage(code!)).toContain("Alice confirmed [ 'chess' ]")
})
