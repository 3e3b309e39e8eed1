import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
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

it('runs the home of the README as it is printed there, in a network of its own', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [, code] = /```ts\n(import \{ openHome \}.*?)```/s.exec(readme)!
  const directory = await mkdtemp(join(tmpdir(), 'mercury-readme-'))
  try {
    const here = code!.replace("'./home'", JSON.stringify(join(directory, 'home'))).replace('openHome({', "openHome({ http: { port: 0 }, dhtProtocol: '/mercury-readme/kad/1.0.0',")
    expect(await runInPackage(`${here}await home.close()\n`)).toMatch(/^mercury:k51\w+\?addr=\/dns\/home\.example\/tcp\/443\/https\S* mercury:k51\S+invitation=/)
  } finally {
    await rm(directory, { recursive: true })
  }
})
