import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { openSeed } from '../../src/identity/seed.ts'
import { sealVault } from '../../src/identity/vault.ts'
import { openHomeKeys } from '../../src/node/home-keys.ts'

const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow'

let folder: string
let directory: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mercury-home-keys-'))
  directory = join(folder, 'home')
})
afterEach(async () => rm(folder, { recursive: true }))

const vault = (): string => join(directory, 'home-vault')
const words = (): string => join(directory, 'home-words')
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

/** Writes down words as whoever restores a home does. */
const writeWords = async (text: string): Promise<void> => {
  await openHomeKeys({ directory })
  await rm(vault())
  await writeFile(words(), text)
}

describe('the keys of a home', () => {
  test('an empty folder gets words, and a vault of the persona that they make', async () => {
    const { persona, wordsFile, isNew } = await openHomeKeys({ directory })
    expect([wordsFile, isNew]).toEqual([words(), true])
    expect([await modeOf(directory), await modeOf(words()), await modeOf(vault())]).toEqual([0o700, 0o600, 0o600])
    const text = await readFile(words(), 'utf8')
    expect(text.trim().split(' ')).toHaveLength(12)
    expect(persona.id).toBe((await (await openSeed(text)).persona(0)).id)
    expect(await readdir(directory)).toEqual(['home-vault', 'home-words'])
  })

  test('are the same ones ever after, also when the words are gone', async () => {
    const { persona: { id } } = await openHomeKeys({ directory })
    expect(await openHomeKeys({ directory })).toMatchObject({ persona: { id }, wordsFile: words(), isNew: false })
    await rm(words())
    const again = await openHomeKeys({ directory })
    expect(again.persona.id).toBe(id)
    expect(again.wordsFile).toBeUndefined()
    expect(await readdir(directory)).toEqual(['home-vault'])
  })

  test('words that a killed process was writing are gone with their file', async () => {
    await openHomeKeys({ directory })
    await writeFile(join(directory, 'home-words.0123456789ab.tmp'), WORDS)
    await openHomeKeys({ directory })
    await rm(words())
    await openHomeKeys({ directory })
    expect(await readdir(directory)).toEqual(['home-vault'])
  })

  test('the words alone bring it back', async () => {
    await writeWords(`  ${WORDS.toUpperCase()}\n`)
    const { persona, isNew } = await openHomeKeys({ directory })
    // Whoever restores a home may have published before.
    expect([persona.id, isNew]).toEqual([(await (await openSeed(WORDS)).persona(0)).id, false])
    await rm(words())
    expect((await openHomeKeys({ directory })).persona.id).toBe(persona.id)
  })

  test('a passphrase seals the vault, and is needed from then on', async () => {
    const { persona: { id } } = await openHomeKeys({ directory, passphrase: 'rabbit' })
    expect((await openHomeKeys({ directory, passphrase: async () => 'rabbit' })).persona.id).toBe(id)
    await expect(openHomeKeys({ directory })).rejects.toMatchObject({ code: 'PASSPHRASE_NEEDED' })
    await expect(openHomeKeys({ directory, passphrase: 'hare' })).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' })
  })

  test('nobody is asked for a passphrase that is not needed', async () => {
    const passphrase = async (): Promise<string> => { throw new Error('asked') }
    const { persona: { id } } = await openHomeKeys({ directory, passphrase })
    expect((await openHomeKeys({ directory, passphrase })).persona.id).toBe(id)
    expect((await openHomeKeys({ directory, passphrase: 'not needed' })).persona.id).toBe(id)
  })

  test('many processes at once come to one home', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, async () => (await openHomeKeys({ directory })).persona.id))
    expect(new Set(ids).size).toBe(1)
    expect((await openHomeKeys({ directory })).persona.id).toBe(ids[0])
    expect(await readdir(directory)).toEqual(['home-vault', 'home-words'])
  })

  test('a process that is killed at any moment leaves words that lead to its vault, or nothing', async () => {
    const module = new URL('../../src/node/home-keys.ts', import.meta.url).href
    for (let delayMs = 0; delayMs < 400; delayMs += 40) {
      const at = join(folder, `killed-${delayMs}`)
      const child = spawn(process.execPath, ['-e', `import('${module}').then(async ({ openHomeKeys }) => { process.stdout.write('begin'); await openHomeKeys({ directory: ${JSON.stringify(at)} }) })`], { stdio: 'pipe' })
      const closed = once(child, 'close')
      await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, delayMs / 4))
      child.kill('SIGKILL')
      await closed
      const { persona, wordsFile } = await openHomeKeys({ directory: at })
      expect((await (await openSeed(await readFile(wordsFile!, 'utf8'))).persona(0)).id).toBe(persona.id)
      expect((await openHomeKeys({ directory: at })).persona.id).toBe(persona.id)
    }
  })
})

describe('what is wrong with the files is said, and nothing is replaced', () => {
  test.each([
    ['no words', '', 'INVALID_SEED_PHRASE'],
    ['too few', 'legal winner thank', 'INVALID_SEED_PHRASE'],
    ['a slip', WORDS.replace('sausage', 'sausages'), 'INVALID_SEED_PHRASE'],
    ['far too much', 'legal '.repeat(1_000), 'STORE_FAILED']
  ])('words: %s', async (_, text, code) => {
    await writeWords(text)
    const refused = await openHomeKeys({ directory }).catch((error: unknown) => error as Error & { code: string })
    expect(refused).toMatchObject({ code })
    expect((refused as Error).message).not.toMatch(/legal|sausages/)
    expect(await readdir(directory)).toEqual(['home-words'])
    expect(await readFile(words(), 'utf8')).toBe(text)
  })

  test.each([
    ['damaged', async () => new Uint8Array([1, 2, 3])],
    ['empty', async () => new Uint8Array()],
    ['without a persona', async () => sealVault([], { unprotected: true })],
    ['of something else', async () => encodeCbor({ v: 1 })]
  ])('a vault: %s', async (_, make) => {
    await openHomeKeys({ directory })
    await rm(words())
    await writeFile(vault(), await make())
    await expect(openHomeKeys({ directory })).rejects.toMatchObject({ code: 'INVALID_VAULT' })
    expect(await readdir(directory)).toEqual(['home-vault'])
  })

  test('words of another home', async () => {
    await openHomeKeys({ directory })
    await writeFile(words(), WORDS)
    await expect(openHomeKeys({ directory })).rejects.toMatchObject({ code: 'OTHER_WORDS', message: expect.stringContaining('home-words') })
  })

  test.each([['home-words'], ['home-vault']])('%s that others can read', async (name) => {
    await openHomeKeys({ directory })
    await chmod(join(directory, name), 0o644)
    await expect(openHomeKeys({ directory })).rejects.toMatchObject({ code: 'FILE_EXPOSED', message: expect.stringContaining('chmod 600') })
  })

  test('a directory that is a file', async () => {
    await writeFile(directory, '')
    await expect(openHomeKeys({ directory })).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(directory) })
  })
})
