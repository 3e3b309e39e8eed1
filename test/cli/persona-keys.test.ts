import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPairFromSeed, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createHeliaRouter } from '../../src/adapters/helia/index.ts'
import type { Sink, Source } from '../../src/cli/host.ts'
import { exportProfile } from '../../src/client/archive.ts'
import { runCommandLine } from '../../src/cli/run.ts'
import { keepInVault, readVault } from '../../src/cli/vault-file.ts'
import { MercuryError, checkLimit } from '../../src/errors.ts'
import { adoptKey } from '../../src/identity/persona.ts'
import { encodePrivateKey, parsePrivateKey } from '../../src/identity/private-key.ts'
import { parseProfileId } from '../../src/identity/profile-id.ts'
import { openSeed } from '../../src/identity/seed.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { openVault } from '../../src/identity/vault.ts'
import { createRecord } from '../../src/naming/record.ts'
import { signDocument } from '../../src/profile/document.ts'
import { createSuccession, verifySuccession } from '../../src/profile/succession.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { ELSEWHERE, kuboRecord } from '../kubo-record.ts'
import { knows } from '../network.ts'
import { Ended, cleanUp, errorOf, mercury, nextLine, start, temporaryFolder, type RunOptions } from './mercury.ts'
import { openTestNetwork } from './network.ts'

const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow'
const seed = await openSeed(WORDS)

/** A key from elsewhere, and the ID that it is. */
const key = Uint8Array.from({ length: 32 }, (_, i) => 200 - i)
const { id } = await createSigner(key)

/** A directory with the personas of the words, of which one is in use; each test has a copy. */
let template: string
let directory: string
beforeAll(async () => {
  template = join(await temporaryFolder(), 'mercury')
  directory = template
  await run(['init', '--restore', '--unprotected', '--label', 'home'], { stdin: WORDS }, template)
})
beforeEach(async () => {
  directory = join(await temporaryFolder(), 'mercury')
  await cp(template, directory, { recursive: true })
  await file('key.pem', encodePrivateKey(key, 'pem'))
})
afterAll(cleanUp)

/** Runs a command in this process, as `mercury` does in its own; `isTerminal` is of stdout. */
const run = async (argv: readonly string[], { stdin = '', env = {}, isTerminal = false }: RunOptions & { isTerminal?: boolean } = {}, folder = directory): Promise<Ended> => {
  const [out, err]: [Uint8Array[], Uint8Array[]] = [[], []]
  // Copies: what is secret is wiped once it is written.
  const sink = (parts: Uint8Array[], isTerminal = false): Sink => ({ isTerminal, hasColours: false, columns: 80, rows: 24, write: async (data) => void parts.push(Buffer.from(data)) })
  const source: Source = { isTerminal: false, read: async (maxBytes) => { checkLimit('input bytes', maxBytes, Buffer.byteLength(stdin)); return Uint8Array.from(Buffer.from(stdin)) }, ask: async () => { throw new MercuryError('NO_TERMINAL', 'nobody is there') } }
  const status = await runCommandLine(['--directory', folder, ...argv], { cwd: join(directory, '..'), passphrase: env.MERCURY_PASSPHRASE, stdout: sink(out, isTerminal), stderr: sink(err), stdin: source, signal: new AbortController().signal })
  return new Ended(status, Buffer.concat(out), Buffer.concat(err).toString())
}
const json = async (argv: readonly string[], options?: RunOptions) => run(['--json', ...argv], options)
const persona = async (argv: readonly string[], options?: RunOptions) => json(['persona', ...argv], options)
const answerOf = ({ stdout }: Ended) => JSON.parse(stdout) as Record<string, unknown>
const file = async (name: string, bytes: Uint8Array | string) => writeFile(join(directory, '..', name), bytes)
const kept = async () => Promise.all(['vault', 'personas.json'].map(async (name) => readFile(join(directory, name))))
const pemOf = (privateKey: KeyObject): string => privateKey.export({ format: 'pem', type: 'pkcs8' }) as string

describe('persona import', () => {
  test('takes a key as the next persona, in the place of one of the words, and says that they do not bring it back', async () => {
    const imported = await persona(['import', 'key.pem', 'blog'])
    expect(imported.status).toBe(0)
    expect(answerOf(imported)).toEqual({ index: 1, id, label: 'blog', current: false, imported: true })
    expect(JSON.parse(imported.stderr)).toEqual({ warning: { code: 'NOT_IN_WORDS', message: expect.stringContaining('your words do not bring this key back') } })
    expect((await persona(['create'])).json.index).toBe(2)
    expect((await persona(['list'])).json.personas).toEqual([{ index: 0, id: expect.any(String), label: 'home', current: true }, { index: 1, id, label: 'blog', current: false, imported: true }, { index: 2, id: (await seed.persona(2)).id, current: false }])
    expect((await run(['persona', 'list'])).stdout).toContain(`  1  blog  ${id}  imported\n`)
    expect((await run(['persona', 'show', 'blog'])).stdout).toContain('your words do not bring it back')

    const [vault, list] = await kept() as [Buffer, Buffer]
    const personas = await openVault(vault)
    const [slot, next] = [await seed.persona(1), await seed.persona(1, { generation: 1 })]
    const adopted = personas.find((candidate) => candidate.id === id)!
    expect(personas.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(adopted.leaves).toEqual({ ...slot.leaves, identity: key })
    expect(await verifySuccession(await createSuccession({ from: adopted.id, pledge: adopted.pledge, last: null, time: 1 }, next))).toMatchObject({ to: next.id })
    // Somebody may have published under it: the network is asked before the first version.
    expect((JSON.parse(list.toString()) as { personas: unknown[] }).personas[1]).toEqual({ index: 1, id, fresh: false, imported: true, label: 'blog' })
  })

  test('reads what node:crypto, libp2p and Kubo write, from a file or the input, and tells nothing of it', async () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const other = Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url')
    await file('theirs.key', privateKeyToProtobuf(await generateKeyPairFromSeed('Ed25519', key)))
    const imports = [await persona(['import', 'theirs.key']), await persona(['import', '-'], { stdin: pemOf(privateKey) })]
    expect(imports.map((ended) => answerOf(ended).id)).toEqual([id, (await createSigner(other)).id])
    for (const { stdout, stderr } of imports) {
      for (const secret of [key, other].flatMap((bytes) => ['hex', 'base64', 'base64url'].map((as) => Buffer.from(bytes).toString(as as 'hex')))) expect(stdout + stderr).not.toContain(secret)
    }
  })

  test('of a key that is here already is refused and changes nothing', async () => {
    await persona(['import', 'key.pem', 'blog'])
    const before = await kept()
    const slot = await seed.persona(2)
    const taken: [Uint8Array, string][] = [
      [key, 'persona 1 (blog) here already'],
      [(await seed.persona(0)).leaves.identity, 'persona 0 (home) here already'],
      [slot.leaves.identity, 'mercury persona create'],
      [slot.leaves.peer, 'persona 2 has this key for something else'],
      [(await seed.persona(1, { generation: 1 })).leaves.identity, 'persona 1 has this key for something else']
    ]
    for (const [privateKey, message] of taken) {
      const refused = await persona(['import', '-', 'again'], { stdin: encodePrivateKey(privateKey, 'libp2p') })
      expect(refused).toMatchObject({ status: 1, stdout: '' })
      expect(errorOf(refused)).toEqual({ code: 'KEY_IN_USE', message: expect.stringContaining(message) })
    }
    expect(await kept()).toEqual(before)
  })

  test('that ended half way is taken up again, and until then does not speak as another', async () => {
    await copyFile(join(directory, 'vault'), join(directory, '..', 'vault'))
    await persona(['import', 'key.pem', 'blog'])
    const [whole, list] = await kept()
    await copyFile(join(directory, '..', 'vault'), join(directory, 'vault'))
    await persona(['use', 'blog'])
    expect(errorOf(await json(['--offline', 'publish', '-'], { stdin: 'name: A' }))).toEqual({ code: 'KEY_MISSING', message: expect.stringContaining('mercury persona import FILE') })
    await persona(['use', 'home'])
    expect(answerOf(await persona(['import', 'key.pem', 'blog']))).toEqual({ index: 1, id, label: 'blog', current: false, imported: true })
    const [vault, after] = await kept()
    expect(vault).toEqual(whole)
    expect(JSON.parse(after!.toString())).toEqual(JSON.parse(list!.toString()))
  })

  test('past the first 8 needs the words, and so the key in a file', async () => {
    const list = JSON.parse((await readFile(join(directory, 'personas.json'))).toString()) as { personas: unknown[] }
    const { id: eighth } = await seed.persona(7)
    await writeFile(join(directory, 'personas.json'), JSON.stringify({ ...list, personas: [...list.personas, { index: 7, id: eighth, fresh: false }] }))
    expect(errorOf(await persona(['import', '-'], { stdin: encodePrivateKey(key, 'pem') }))).toMatchObject({ code: 'MISUSE', message: expect.stringContaining('name a file') })
    expect(errorOf(await persona(['import', 'key.pem'], { stdin: 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about' })).code).toBe('OTHER_WORDS')
    expect(answerOf(await persona(['import', 'key.pem'], { stdin: WORDS }))).toMatchObject({ index: 8, id })
    const adopted = (await openVault((await kept())[0]!)).find(({ index }) => index === 8)!
    expect(adopted.pledge.next).toEqual((await seed.persona(8)).pledge.next)
  })

  test('goes on with a profile that the key had, and links to it by the pledge that it shows', async () => {
    await persona(['import', 'key.pem', 'blog'])
    await persona(['use', 'blog'])
    const signer = await createSigner(key)
    const signed = await signDocument({ name: 'Before' }, signer, { seq: 7, prev: null, time: 0 })
    const archive = await exportProfile({ record: await createRecord(signed, signer), document: signed.bytes }, createHashStore(createMemoryStore()))
    await json(['--offline', 'import', '-'], { stdin: archive })
    const published = answerOf(await json(['--offline', 'publish', '-'], { stdin: 'name: Blog' }))
    expect(published).toMatchObject({ id, link: `mercury:${id}` })
  })

  test('does not undo what another command put into the vault meanwhile', async () => {
    const vault = await readVault(directory, async () => '')
    const [one, other] = [await adoptKey(key, await seed.persona(1)), await adoptKey(key.map((byte) => byte ^ 1), await seed.persona(2))]
    const kept = await Promise.allSettled([keepInVault(directory, vault, one), keepInVault(directory, vault, other)])
    expect(kept).toEqual([{ status: 'fulfilled', value: undefined }, { status: 'rejected', reason: expect.objectContaining({ code: 'CONFLICT' }) }])
    const ids = (await readVault(directory, async () => '')).personas.map((held) => held.id)
    expect(ids).toContain(one.id)
    expect(ids).toContain((await seed.persona(2)).id)
  })

  test('under a passphrase asks for it and keeps to it', async () => {
    const folder = join(directory, '..', 'other')
    const env = { MERCURY_PASSPHRASE: 'rabbit hole' }
    await run(['init'], { env }, folder)
    const imported = await run(['--json', 'persona', 'import', 'key.pem'], { env }, folder)
    expect(answerOf(imported)).toMatchObject({ index: 1, id })
    expect((await openVault(await readFile(join(folder, 'vault')), 'rabbit hole')).find(({ index }) => index === 1)!.id).toBe(id)
    expect(errorOf(await run(['--json', 'persona', 'export', '1', '--format', 'pem'], {}, folder)).code).toBe('NO_TERMINAL')
  })
})

describe('persona export', () => {
  test('writes the key as others read it, of the persona that is named or spoken for', async () => {
    await persona(['import', 'key.pem', 'blog'])
    const plain = async (...argv: string[]) => run(['persona', 'export', ...argv])
    expect((await plain('blog', '--format', 'pem')).stdout).toBe(Buffer.from(encodePrivateKey(key, 'pem')).toString())
    expect((await plain('blog', '--format', 'libp2p')).bytes).toEqual(Buffer.from(privateKeyToProtobuf(await generateKeyPairFromSeed('Ed25519', key))))
    const { leaves } = await seed.persona(0)
    expect(parsePrivateKey((await plain('--format', 'libp2p')).bytes).privateKey).toEqual(leaves.identity)
    expect(answerOf(await persona(['export', '1', '--format', 'pem']))).toEqual({ index: 1, id, format: 'pem', key: Buffer.from(encodePrivateKey(key, 'pem')).toString() })
    expect(answerOf(await persona(['export', id, '--format', 'libp2p']))).toEqual({ index: 1, id, format: 'libp2p', key: Buffer.from(encodePrivateKey(key, 'libp2p')).toString('base64') })
  })

  test('keeps the binary form off a terminal', async () => {
    const refused = await run(['persona', 'export', '--format', 'libp2p'], { isTerminal: true })
    expect(refused).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('FILE.key') })
    expect((await run(['persona', 'export', '--format', 'pem'], { isTerminal: true })).stdout).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
    expect((await run(['persona', 'export', '--format', 'libp2p', '--json'], { isTerminal: true })).status).toBe(0)
  })
})

describe('what is refused', () => {
  const rsa = pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)

  test.each<[argv: string[], status: number, code: string, stdin?: string]>([
    [['import', '-'], 1, 'UNSUPPORTED_KEY', rsa],
    [['import', '-'], 1, 'INVALID_PRIVATE_KEY', 'legal winner'],
    [['import', '-'], 1, 'LIMIT_EXCEEDED', 'x'.repeat(16_385)],
    [['import', 'nowhere.pem'], 1, 'FILE_NOT_FOUND'],
    [['import', 'key.pem', 'home'], 1, 'INVALID_LABEL'],
    [['import', 'key.pem', '12'], 1, 'INVALID_LABEL'],
    [['import', 'key.pem', 'a', 'b'], 2, 'MISUSE'],
    [['import'], 2, 'MISUSE'],
    [['export'], 2, 'MISUSE'],
    [['export', '--format', 'der'], 2, 'MISUSE'],
    [['export', 'home', 'work', '--format', 'pem'], 2, 'MISUSE'],
    [['export', 'nobody', '--format', 'pem'], 1, 'NO_SUCH_PERSONA'],
    [['list', '--format', 'pem'], 2, 'MISUSE'],
    [['create', 'a', 'b'], 2, 'MISUSE'],
    [['constructor'], 2, 'MISUSE']
  ])('%j: %i %s', async (argv, status, code, stdin) => {
    const before = await kept()
    const refused = await persona(argv, { stdin })
    expect(refused).toMatchObject({ status, stdout: '' })
    expect(errorOf(refused).code).toBe(code)
    expect(await kept()).toEqual(before)
  })
})

describe('on a network', () => {
  test('a name that Kubo published becomes a profile, above its sequence, and through mercury serve too', async () => {
    const apart = async (argv: readonly string[], options: RunOptions = {}) => mercury(['--directory', directory, ...argv], { cwd: directory, ...options })
    const network = await openTestNetwork()
    try {
      await knows(network.nodes[0]!, 2)
      await createHeliaRouter(network.nodes[0]!.helia).put(parseProfileId(id), await kuboRecord(key, { sequence: 5_000_000_007n }))
      expect(errorOf(await json([...network.flags, 'resolve', id])).code).toBe('NOT_A_PROFILE')
      const serving = start(['--directory', directory, '--json', ...network.flags, 'serve'])
      try {
        await nextLine(serving, ({ event }) => event === 'started')
        await apart(['persona', 'import', '../key.pem', 'blog'])
        await apart(['persona', 'use', 'blog'])
        const published = await apart(['--json', 'publish', '-'], { stdin: 'name: Blog' })
        expect(published.json).toMatchObject({ id, sequence: 5_000_000_008, pending: [], found: { sequence: 5_000_000_007, source: 'dht', value: ELSEWHERE } })
        expect((await apart(['persona', 'export', '--format', 'libp2p'])).bytes).toEqual(Buffer.from(encodePrivateKey(key, 'libp2p')))
      } finally {
        const closed = once(serving, 'close')
        serving.kill('SIGKILL')
        await closed
      }
      const stranger = await mercury(['--directory', join(directory, '..', 'stranger'), '--json', ...network.flags, 'resolve', id])
      expect(stranger.json).toMatchObject({ sequence: 5_000_000_008, profile: { name: 'Blog' } })
    } finally {
      await network.close()
    }
  })
})
