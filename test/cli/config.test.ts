import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanUp, errorOf, mercury, temporaryFolder, type RunOptions, type Told } from './mercury.ts'

type Place = { role: string; place: string; outcome: string; reason?: string }

let folder: string
let alice: Told

const on = async (name: string, argv: readonly string[], options?: RunOptions) => mercury(['--directory', join(folder, name), '--json', ...argv], options)
const configure = async (name: string, text: string): Promise<void> => {
  await mkdir(join(folder, name), { recursive: true, mode: 0o700 })
  await writeFile(join(folder, name, 'mercury.config.yaml'), text)
}

const LOCAL = 'blocks: [memory, level]\nstate: fs\nrouters: []\n'

beforeAll(async () => {
  folder = await temporaryFolder()
  await configure('alice', LOCAL)
  await on('alice', ['init', '--unprotected'])
  alice = (await on('alice', ['publish', resolve('examples/alice.yaml')])).json
})
afterAll(cleanUp)

describe('mercury.config.yaml', () => {
  it('says where everything is, and no node is started for it', async () => {
    expect(alice.receipts.map(({ target, outcome }) => [target, outcome])).toEqual([['blocks', 'delivered']])
    expect((await on('alice', ['--offline', 'resolve', alice.id])).json).toMatchObject({ id: alice.id, profile: { name: 'Alice Liddell' } })
    const status = (await on('alice', ['status'])).json as unknown as { places: Place[]; kept: number }
    expect(status.places).toEqual([
      { role: 'blocks', place: 'memory', outcome: 'local' },
      { role: 'blocks', place: 'level', outcome: 'local' },
      { role: 'state', place: 'fs', outcome: 'local' }
    ])
    expect(status.kept).toBe(1)
  })

  it('without a router, publishing says that nobody can find it', async () => {
    const { stdout, status } = await mercury(['--directory', join(folder, 'alice'), 'publish', resolve('examples/alice.yaml')])
    expect(status).toBe(0)
    expect(stdout).toContain('Nobody else can find it: there is no router')
    alice = { ...alice, sequence: alice.sequence + 1 }
  })

  it('can be named; the one in the working folder is nobody\'s', async () => {
    const named = join(folder, 'other.yaml')
    await writeFile(named, 'state: fs:elsewhere\nblocks: level\nrouters: []\n')
    expect((await on('alice', ['--config', named, 'status'])).json.kept).toBe(0)
    const trap = await temporaryFolder()
    await writeFile(join(trap, 'mercury.config.yaml'), 'state: nonsense\n')
    expect((await on('alice', ['status'], { cwd: trap })).json.kept).toBe(1)
    expect(errorOf(await on('alice', ['--config', join(folder, 'missing.yaml'), 'status'])).code).toBe('FILE_NOT_FOUND')
  })

  it('may have 65,536 bytes', async () => {
    await configure('full', LOCAL + '#'.repeat(65_536 - LOCAL.length))
    expect((await on('full', ['status'])).status).toBe(0)
  })

  it.each([
    ['INVALID_CONFIG', 'state is a place', 'state: [a]'],
    ['INVALID_CONFIG', 'routers is a list of places', 'routers: dht'],
    ['INVALID_CONFIG', 'did you mean state?', 'stat: level'],
    ['INVALID_CONFIG', 'not a map', '- a'],
    ['INVALID_CONFIG', '(line 2)', 'state: level\nstate: fs'],
    ['INVALID_PLACE', 'is for something else', 'state: memory'],
    ['INVALID_PLACE', 'belongs into the environment', 'state: postgres://mercury:hunter2@db.example/x'],
    ['CREDENTIALS_MISSING', 'AWS_ACCESS_KEY_ID', 'blocks: s3://profiles\nrouters: []'],
    ['LIMIT_EXCEEDED', 'configuration bytes', LOCAL + '#'.repeat(65_537 - LOCAL.length)]
  ])('%s: %s', async (code, message, text) => {
    await configure('wrong', text)
    const ended = await on('wrong', ['resolve', alice.id], { env: { AWS_ACCESS_KEY_ID: '' } })
    expect(errorOf(ended)).toMatchObject({ code, message: expect.stringContaining(message) as string })
    expect(ended.stdout + ended.stderr).not.toContain('hunter2')
  })
})

describe('mercury copy', () => {
  const copy = async (...argv: string[]) => {
    const ended = await on('alice', ['copy', ...argv])
    return { ended, status: ended.status, told: ended.stdout === '' ? undefined : JSON.parse(ended.stdout) as { profiles: number; copied: number; present: number; failed: { cid?: string; reason: string }[] } }
  }

  it('copies document and picture, says so, and finds them there the next time', async () => {
    expect((await copy('--from', 'level', '--to', 'fs:backup')).told).toMatchObject({ profiles: 1, copied: 2, present: 0, failed: [] })
    expect((await copy('--from', 'level', '--to', 'fs:backup', alice.id)).told).toMatchObject({ profiles: 1, copied: 0, present: 2, failed: [] })
    expect((await copy('--from', 'fs:backup', '--to', 'level:third')).told).toMatchObject({ copied: 2 })
  })

  it('names what it could not copy, and fails', async () => {
    const { ended, status, told } = await copy('--from', 'level:empty', '--to', 'level:fourth')
    expect(status).toBe(1)
    // The document rides in its record; the picture is nowhere.
    expect(told).toMatchObject({ copied: 1, failed: [{ id: alice.id, cid: expect.stringMatching(/^bafkrei/) as string, reason: expect.stringContaining('cannot be had') as string }] })
    expect(errorOf(ended).code).toBe('NOT_ALL_COPIED')
  })

  it('copies the state, over which a command goes on', async () => {
    expect((await copy('--state', '--from', 'fs', '--to', 'level:state')).told).toMatchObject({ copied: 1, present: 0 })
    expect((await copy('--state', '--from', 'fs', '--to', 'level:state')).told).toMatchObject({ copied: 0, present: 1 })
    await writeFile(join(folder, 'moved.yaml'), 'state: level:state\nblocks: [memory, level]\nrouters: []\n')
    const next = (await on('alice', ['--config', join(folder, 'moved.yaml'), 'publish', resolve('examples/alice.yaml')])).json
    expect(next.sequence).toBe(alice.sequence + 1)
  })

  it.each([
    [['--from', 'level'], 2, 'MISUSE'],
    [['--from', 'level', '--to', 'level'], 2, 'MISUSE'],
    [['--from', 'level', '--to', 'nowhere'], 1, 'INVALID_PLACE'],
    [['--from', 'level', '--to', 'https://gateway.example'], 1, 'NOT_ALL_COPIED'],
    [['--from', 'level', '--to', 'fs:backup', 'nonsense'], 1, 'INVALID_PROFILE_ID'],
    [['--state', '--from', 'ipfs', '--to', 'level:x'], 1, 'INVALID_PLACE']
  ])('%j ends with %d and %s', async (argv, status, code) => {
    const { ended } = await copy(...argv)
    expect([ended.status, errorOf(ended).code]).toEqual([status, code])
  })
})
