import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mnemonicToSeedSync } from '@scure/bip39'
import { afterAll, describe, expect, test } from 'vitest'
import { openSeed } from '../../src/identity/seed.ts'
import { openVault } from '../../src/identity/vault.ts'
import { childNode, masterNode } from '../../src/identity/slip10.ts'
import { cleanUp, errorOf, mercury, temporaryFolder } from './mercury.ts'

const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow'

afterAll(cleanUp)

/** A directory that does not exist yet. */
const fresh = async (): Promise<string> => join(await temporaryFolder(), 'mercury')

/** Every file below `folder`, with its bytes. */
const filesOf = async (folder: string): Promise<{ path: string; bytes: Buffer }[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return Promise.all(entries.filter((entry) => entry.isFile()).map(async ({ parentPath, name }) => ({ path: join(parentPath, name), bytes: await readFile(join(parentPath, name)) })))
}

const init = async (directory: string, ...argv: string[]) => mercury(['--directory', directory, '--json', 'init', ...argv])

describe('init', () => {
  test('shows 12 words that restore the same personas elsewhere', async () => {
    const [one, two] = [await fresh(), await fresh()]
    const made = await init(one, '--unprotected')
    expect(made).toMatchObject({ status: 0, stderr: '' })
    expect(made.json).toEqual({ id: expect.stringMatching(/^k51/), restored: false, directory: one, protection: 'file mode', words: expect.any(Array) })
    expect(made.json.words).toHaveLength(12)
    const restored = await mercury(['--directory', two, '--json', 'init', '--restore', '--unprotected'], { stdin: `  ${made.json.words.join('\n').toUpperCase()}\n` })
    expect(restored.json).toEqual({ id: made.json.id, restored: true, directory: two, protection: 'file mode' })
  })

  test('the words, the seed and the nodes that lead to later keys are in no file', async () => {
    const directory = await fresh()
    const { json: { words } } = await init(directory, '--unprotected', '--words', '24')
    expect(words).toHaveLength(24)
    await mercury(['--directory', directory, 'persona', 'create', 'work'])
    await mercury(['--directory', directory, '--offline', 'publish', '-'], { stdin: 'name: A' })
    const seed = mnemonicToSeedSync(words.join(' '))
    const master = masterNode(seed)
    const root = childNode(master, 7_169_394)
    const persona = childNode(root, 0)
    const role = childNode(persona, 0)
    const secrets = [seed, ...[master, root, persona, role].flatMap(({ key, chainCode }) => [key, chainCode]), childNode(role, 1).key].map(Buffer.from)
    const files = await filesOf(directory)
    expect(files.map(({ path }) => path)).toContain(join(directory, 'vault'))
    for (const { path, bytes } of files) {
      for (const secret of secrets) expect(bytes.includes(secret), path).toBe(false)
      const found = words.filter((word: string) => new RegExp(`(?<![a-z])${word}(?![a-z])`).test(bytes.toString('latin1')))
      expect(found.length, path).toBeLessThan(4)
    }
    // The search finds what is there: the key of this generation.
    const vault = files.find(({ path }) => path.endsWith('vault'))!.bytes
    expect(vault.includes(Buffer.from(childNode(role, 0).key))).toBe(true)
  })

  test('keeps everything to its owner', async () => {
    const directory = await fresh()
    await init(directory, '--unprotected')
    await mercury(['--directory', directory, '--offline', 'publish', '-'], { stdin: 'name: A' })
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    for (const name of ['state', 'blocks', 'datastore']) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o700)
    for (const name of ['vault', 'personas.json']) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
    expect((await readdir(directory)).sort()).toEqual(['blocks', 'datastore', 'personas.json', 'state', 'vault'])
  })

  test('in a folder that was there, open to all, what it makes is closed', async () => {
    const directory = await fresh()
    await mkdir(directory, { mode: 0o755 })
    await init(directory, '--unprotected')
    for (const name of ['state', 'vault', 'personas.json']) expect((await stat(join(directory, name))).mode & 0o077).toBe(0)
  })

  test('a passphrase protects the vault; a wrong one, none and an empty one open nothing', async () => {
    const directory = await fresh()
    const made = await mercury(['--directory', directory, '--json', 'init'], { env: { MERCURY_PASSPHRASE: 'rabbit hole' } })
    expect(made.json).toMatchObject({ protection: 'passphrase' })
    const personas = await openVault(await readFile(join(directory, 'vault')), 'rabbit hole')
    expect(personas).toHaveLength(8)
    expect(personas[0]!.id).toBe(made.json.id)
    const publish = async (env?: Record<string, string>) => mercury(['--directory', directory, '--json', '--offline', 'publish', '-'], { stdin: 'name: A', env })
    expect(errorOf(await publish({ MERCURY_PASSPHRASE: 'looking glass' }))).toMatchObject({ code: 'WRONG_PASSPHRASE', message: expect.stringContaining('try again') })
    expect(errorOf(await publish({ MERCURY_PASSPHRASE: '' }))).toMatchObject({ code: 'PASSPHRASE_NEEDED' })
    expect(errorOf(await publish())).toMatchObject({ code: 'NO_TERMINAL', message: expect.stringContaining('MERCURY_PASSPHRASE') })
    expect(await publish({ MERCURY_PASSPHRASE: 'rabbit hole' })).toMatchObject({ status: 0 })
  })

  test('without a terminal and without a passphrase nothing is made', async () => {
    const directory = await fresh()
    const refused = await init(directory)
    expect(refused).toMatchObject({ status: 1, stdout: '' })
    expect(errorOf(refused).code).toBe('NO_TERMINAL')
    expect(errorOf(await mercury(['--directory', directory, '--json', 'init'], { env: { MERCURY_PASSPHRASE: '' } })).code).toBe('PASSPHRASE_NEEDED')
    expect(await init(directory, '--unprotected')).toMatchObject({ status: 0 })
  })

  test('does not overwrite personas', async () => {
    const directory = await fresh()
    await init(directory, '--unprotected')
    const before = await readFile(join(directory, 'vault'))
    const again = await init(directory, '--unprotected')
    expect(again.status).toBe(1)
    expect(errorOf(again).code).toBe('ALREADY_INITIALISED')
    expect(await readFile(join(directory, 'vault'))).toEqual(before)
  })

  test('two at once in one directory: one makes personas, the other fails', async () => {
    const directory = await fresh()
    const both = await Promise.all([init(directory, '--unprotected'), init(directory, '--unprotected')])
    const [winner] = both.filter(({ status }) => status === 0)
    const losers = both.filter(({ status }) => status !== 0)
    expect(losers).toHaveLength(1)
    expect(['STORE_LOCKED', 'ALREADY_INITIALISED']).toContain(errorOf(losers[0]!).code)
    const { json } = await mercury(['--directory', directory, '--json', 'persona', 'list'])
    expect(json.personas[0]?.id).toBe(winner!.json.id)
  })

  test.each([
    ['', 'it has 0 words'],
    ['legal winner', 'it has 2 words'],
    [WORDS.replace('sausage', 'sossage'), 'word 6 is not in the word list'],
    [WORDS.replace('legal winner', 'winner legal'), 'checksum'],
    ['x'.repeat(1_025), 'input bytes is limited to 1024']
  ])('restores from no wrong words: %j', async (stdin, message) => {
    const directory = await fresh()
    const refused = await mercury(['--directory', directory, 'init', '--restore', '--unprotected'], { stdin })
    expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(message) })
    for (const word of ['legal', 'sossage']) expect(refused.stderr).not.toContain(word)
    await expect(stat(join(directory, 'vault'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('takes no words from the command line', async () => {
    expect(await mercury(['--directory', await fresh(), 'init', '--restore', ...WORDS.split(' ')])).toMatchObject({ status: 2 })
  })

  test('a vault that others can read is not opened', async () => {
    const directory = await fresh()
    await init(directory, '--unprotected')
    await chmod(join(directory, 'vault'), 0o644)
    const refused = await mercury(['--directory', directory, '--json', '--offline', 'publish', '-'], { stdin: 'name: A' })
    expect(errorOf(refused)).toMatchObject({ code: 'FILE_EXPOSED', message: expect.stringContaining('chmod 600') })
  })

  test('damaged files are told by name', async () => {
    const directory = await fresh()
    await init(directory, '--unprotected')
    const vault = await readFile(join(directory, 'vault'))
    await writeFile(join(directory, 'vault'), vault.subarray(0, 100))
    expect(errorOf(await mercury(['--directory', directory, '--json', '--offline', 'publish', '-'], { stdin: 'name: A' })).code).toBe('INVALID_VAULT')
    await writeFile(join(directory, 'personas.json'), '{"version":1')
    expect(errorOf(await mercury(['--directory', directory, '--json', 'persona', 'list'])).code).toBe('DAMAGED_PERSONAS')
  })
})

describe('persona', () => {
  const run = async (directory: string, ...argv: string[]) => mercury(['--directory', directory, '--json', 'persona', ...argv])

  test('creates, lists, uses and shows the personas of the words', async () => {
    const directory = await fresh()
    await mercury(['--directory', directory, 'init', '--restore', '--unprotected', '--label', 'home'], { stdin: WORDS })
    const seed = await openSeed(WORDS)
    const ids = await Promise.all([0, 1, 2].map(async (index) => (await seed.persona(index)).id))
    expect((await run(directory, 'create', 'work')).json).toEqual({ index: 1, id: ids[1], label: 'work', current: false })
    expect((await run(directory, 'create')).json).toEqual({ index: 2, id: ids[2], current: false })
    expect((await run(directory, 'list')).json).toEqual({ personas: [{ index: 0, id: ids[0], label: 'home', current: true }, { index: 1, id: ids[1], label: 'work', current: false }, { index: 2, id: ids[2], current: false }] })
    expect((await run(directory, 'use', 'work')).json).toMatchObject({ index: 1, current: true })
    expect((await run(directory, 'show')).json).toMatchObject({ index: 1, id: ids[1], did: expect.stringMatching(/^did:key:z6Mk/), peer: expect.stringMatching(/^12D3Koo/), link: `mercury:${ids[1]}` })
    expect((await run(directory, 'show', ids[2]!)).json).toMatchObject({ index: 2, current: false })
    const list = await mercury(['--directory', directory, 'persona', 'list'])
    expect(list.stdout).toContain(`* 1  work  ${ids[1]}`)
  })

  test('past the first 8, the words are needed, and they must be the same', async () => {
    const directory = await fresh()
    await mercury(['--directory', directory, 'init', '--restore', '--unprotected'], { stdin: WORDS })
    const seed = await openSeed(WORDS)
    for (let index = 1; index < 8; index++) expect((await run(directory, 'create')).json.index).toBe(index)
    const others = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
    const create = async (stdin: string) => mercury(['--directory', directory, '--json', 'persona', 'create', 'ninth'], { stdin })
    expect(errorOf(await create(others)).code).toBe('OTHER_WORDS')
    expect((await create(WORDS)).json).toMatchObject({ index: 8, id: (await seed.persona(8)).id })
    await run(directory, 'use', 'ninth')
    const published = await mercury(['--directory', directory, '--json', '--offline', 'publish', '-'], { stdin: 'name: A' })
    expect(errorOf(published).code).toBe('SEQUENCE_UNKNOWN')
  })

  test.each([
    [['create', '12'], 1, 'INVALID_LABEL'],
    [['create', 'a\u001b[31m'], 1, 'INVALID_LABEL'],
    [['create', 'x'.repeat(65)], 1, 'INVALID_LABEL'],
    [['create', 'home'], 1, 'INVALID_LABEL'],
    [['use', 'nobody'], 1, 'NO_SUCH_PERSONA'],
    [['show', '7'], 1, 'NO_SUCH_PERSONA'],
    [['use'], 2, 'MISUSE'],
    [['list', 'all'], 2, 'MISUSE'],
    [['creat'], 2, 'MISUSE'],
    [[], 2, 'MISUSE']
  ])('%j is refused', async (argv, status, code) => {
    const directory = await fresh()
    await init(directory, '--unprotected', '--label', 'home')
    const refused = await run(directory, ...argv)
    expect(refused.status).toBe(status)
    expect(errorOf(refused).code).toBe(code)
    expect((await run(directory, 'list')).json.personas).toHaveLength(1)
  })

  test('needs init first', async () => {
    for (const argv of [['list'], ['create'], ['use', 'x'], ['show']]) expect(errorOf(await run(await fresh(), ...argv))).toMatchObject({ code: 'NOT_INITIALISED', message: expect.stringContaining('mercury init') })
  })
})
