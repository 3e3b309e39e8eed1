import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCommands } from '../../src/cli/commands/index.ts'
import { cleanUp, errorOf, mercury, temporaryFolder } from './mercury.ts'

let folder: string
let directory: string

beforeAll(async () => {
  folder = await temporaryFolder()
  directory = join(folder, 'mercury')
  await mercury(['--directory', directory, 'init', '--unprotected'])
})
afterAll(cleanUp)

const run = async (argv: readonly string[], stdin?: string) => mercury(['--directory', directory, '--json', ...argv], { stdin })

describe('help', () => {
  const commands = createCommands(async () => 0)

  test.each(commands.map(({ name }) => [name]))('%s is explained, with an example', async (name) => {
    const { status, stdout } = await mercury(['help', name])
    expect(status).toBe(0)
    expect(stdout).toContain(`mercury ${name}`)
    expect(stdout).toContain('# ')
  })

  test('--help says the same, after any words', async () => {
    expect((await mercury(['resolve', '--help'])).stdout).toBe((await mercury(['help', 'resolve'])).stdout)
    expect((await mercury(['--help'])).stdout).toBe((await mercury(['help'])).stdout)
  })

  test('as JSON', async () => {
    const { json } = await mercury(['help', '--json'])
    expect(json.commands.map(({ name }: { name: string }) => name)).toEqual(commands.map(({ name }) => name))
    expect((await mercury(['help', 'serve', '--json'])).json).toMatchObject({ name: 'serve', usage: expect.stringContaining('mercury serve [--http HOST:PORT]'), options: { http: { type: 'string' } }, settings: expect.arrayContaining([expect.objectContaining({ option: 'quota', variable: 'MERCURY_QUOTA', key: 'quota', default: '64MiB' })]), examples: expect.any(Array) })
  })
})

describe('misuse exits with 2 and one line', () => {
  test.each([
    [[]],
    [['--json']],
    [['nonsense']],
    [['help', 'nonsense']],
    [['resolve']],
    [['resolve', 'a', 'b']],
    [['publish', '--fast', 'x']],
    [['status', '--router']],
    [['persona']],
    [['completion']]
  ])('%j', async (argv) => {
    const { status, stdout, stderr } = await mercury(argv)
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).not.toMatch(/ {4}at |node:internal/)
  })
})

describe('trouble exits with 1, a code and what to do', () => {
  const cases: [string[], string, string, string?][] = [
    [['publish', 'nowhere.yaml'], 'FILE_NOT_FOUND', 'check the name'],
    [['publish', '.'], 'FILE_UNREADABLE', 'name a file'],
    [['publish', '-'], 'INVALID_PROFILE_FILE', 'mercury help publish'],
    [['publish', '-'], 'INVALID_PROFILE_FILE', '(line 2)', 'name: A\nname: B\n'],
    [['publish', '-'], 'INVALID_PROFILE_FILE', 'download the picture first', 'avatar: https://alice.example/a.png'],
    [['publish', '-'], 'FILE_NOT_FOUND', 'none.png', 'avatar: none.png'],
    [['publish', '-'], 'INVALID_DRAFT', 'tags', 'tags: botany'],
    [['publish', '-'], 'INVALID_DRAFT', 'listed', 'listed: "no"'],
    [['publish', '-'], 'INVALID_DRAFT', 'Name', 'Name: A'],
    [['publish', '-'], 'INVALID_DRAFT', '__proto__', '__proto__: { a: 1 }'],
    [['publish', '-'], 'INVALID_DRAFT', 'location.lat', 'location: { lat: 91, lon: 0 }'],
    [['publish', '-'], 'INVALID_DRAFT', 'links[0].url', 'links: [{ url: "javascript:alert(1)" }]'],
    [['publish', '-'], 'INVALID_DRAFT', 'height', 'height: 1.5'],
    [['publish', '-'], 'LIMIT_EXCEEDED', '262144', `bio: ${'x'.repeat(262_144)}`],
    [['resolve', 'nonsense'], 'INVALID_PROFILE_ID', 'copy it again'],
    [['resolve', 'mercury:k51?next=x'], 'INVALID_PROFILE_ID', 'copy it again'],
    [['watch', 'nonsense'], 'INVALID_PROFILE_ID', 'copy it again'],
    [['export', 'nonsense'], 'INVALID_PROFILE_ID', 'copy it again'],
    [['import', 'nowhere.car'], 'FILE_NOT_FOUND', 'check the name'],
    [['verify', '-'], 'INVALID_ARCHIVE', 'export the profile again', 'no CAR at all'],
    [['--router', 'ftp://x', 'resolve', 'k51qzi5uqu5dkghbugk78xndgxbqgc71vutwz1zwkv3u6xgsz96kwwtfxx701f'], 'INVALID_PLACE', 'https://HOST'],
    [['--bootstrap', 'nonsense', 'resolve', 'k51qzi5uqu5dkghbugk78xndgxbqgc71vutwz1zwkv3u6xgsz96kwwtfxx701f'], 'INVALID_ADDRESS', '/ip4/192.0.2.1']
  ]
  test.each(cases)('%j: %s', async (argv, code, advice, stdin) => {
    const ended = await run(argv, stdin)
    expect(ended).toMatchObject({ status: 1, stdout: '' })
    expect(errorOf(ended)).toMatchObject({ code, message: expect.stringContaining(advice) })
    expect(ended.stderr).not.toMatch(/\\n {4}at |node:internal/)
    const text = await mercury(['--directory', directory, ...argv], { stdin })
    expect(text.stderr.trim().split('\n')).toHaveLength(1)
    expect(text.stderr).toMatch(/^mercury: /)
  })

  test('nothing of it was kept', async () => {
    expect((await run(['status'])).json).toMatchObject({ kept: 0, owed: [] })
  })

  test('a document that is too large is refused by name', async () => {
    const attributes = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`org.example/${i}`, 'x'.repeat(2_000)]))
    const ended = await run(['--offline', 'publish', '-'], JSON.stringify(attributes))
    expect(errorOf(ended)).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('65536') })
  })

  test('a directory that may not be written', async () => {
    if (process.getuid?.() === 0) return
    const closed = join(folder, 'closed')
    await mkdir(closed, { mode: 0o500 })
    expect(errorOf(await mercury(['--directory', join(closed, 'x'), '--json', 'init', '--unprotected'])).code).toBe('STORE_FAILED')
    const file = join(folder, 'secret.yaml')
    await writeFile(file, 'name: A')
    await chmod(file, 0)
    expect(errorOf(await run(['publish', file])).code).toBe('FILE_UNREADABLE')
  })
})

test('the default directory is the platform\'s data folder', async () => {
  const env = { HOME: folder, XDG_DATA_HOME: join(folder, 'data') }
  expect((await mercury(['--json', 'status'], { env })).json.directory).toBe(join(folder, 'data', 'mercury'))
  expect((await mercury(['--json', 'status'], { env: { HOME: folder, XDG_DATA_HOME: '' } })).json.directory).toBe(join(folder, '.local', 'share', 'mercury'))
  expect((await mercury(['--json', '--directory', 'relative', 'status'], { cwd: folder })).json.directory).toBe(resolve(folder, 'relative'))
})
