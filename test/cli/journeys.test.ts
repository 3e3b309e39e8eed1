import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanUp, errorOf, mercury, nextLine, start, temporaryFolder, type RunOptions, type Told } from './mercury.ts'
import { openTestNetwork, type TestNetwork } from './network.ts'

let network: TestNetwork
let folder: string
/** Alice's ID and what her publishing said. */
let alice: string
let published: Told

beforeAll(async () => {
  [network, folder] = await Promise.all([openTestNetwork(), temporaryFolder()])
  await on('alice', ['init', '--unprotected'])
  published = (await online('alice', ['publish', resolve('examples/alice.yaml')])).json
  alice = published.id
})
afterAll(async () => {
  await network.close()
  await cleanUp()
})

/** Runs a command in one of the directories, asking nobody. */
const on = async (name: string, argv: readonly string[], options?: RunOptions) => mercury(['--directory', join(folder, name), '--json', ...argv], options)
const online = async (name: string, argv: readonly string[], options?: RunOptions) => on(name, [...network.flags, ...argv], options)
const plain = async (name: string, argv: readonly string[]) => mercury(['--directory', join(folder, name), ...argv])

describe('publish and resolve', () => {
  test('a stranger on a fresh machine reads what was published', async () => {
    expect(published).toEqual({
      id: expect.stringMatching(/^k51/),
      cid: expect.stringMatching(/^bafyrei/),
      sequence: expect.any(Number),
      receipts: expect.arrayContaining([expect.objectContaining({ target: 'blocks', outcome: 'delivered', ms: expect.any(Number) }), expect.objectContaining({ target: 'dht', outcome: 'delivered' })]),
      pending: [],
      link: expect.stringContaining(`mercury:${published.id}?next=`)
    })
    const resolved = await online('stranger', ['resolve', alice])
    expect(resolved).toMatchObject({ status: 0, stderr: '' })
    expect(resolved.json).toMatchObject({
      id: alice,
      cid: published.cid,
      sequence: published.sequence,
      freshness: 'confirmed',
      source: 'dht',
      profile: { name: 'Alice Liddell', kind: 'persona', listed: true, avatar: { type: 'image/png', size: 4985 } },
      answers: [{ router: 'dht', outcome: 'found' }]
    })
  })

  test('the link of the publisher works, and one that pins another pledge does not', async () => {
    expect((await online('linked', ['resolve', published.link, '--all'])).json.id).toBe(alice)
    const other = `mercury:${alice}?next=${Buffer.alloc(32, 7).toString('base64url')}`
    expect(errorOf(await online('misled', ['resolve', other])).code).toBe('CONTESTED')
  })

  test('what was seen is there offline; what was not is not', async () => {
    await online('reader', ['resolve', alice])
    expect((await on('reader', ['--offline', 'resolve', alice])).json).toMatchObject({ freshness: 'cached', source: 'cache', answers: [] })
    const refused = await on('empty', ['--offline', 'resolve', alice])
    expect(refused.status).toBe(1)
    expect(errorOf(refused).code).toBe('UNREACHABLE')
  })

  test('for people, it says what they need', async () => {
    const text = await plain('alice', ['--offline', 'resolve', alice])
    expect(text.stderr).toBe('')
    for (const part of ['Alice Liddell', 'botany, chess', '51.7548, -1.2544 (within 5000 m)', 'image/png, 4985 bytes', 'Blog: https://alice.example', 'in search', alice, String(published.sequence)]) expect(text.stdout).toContain(part)
    expect(text.stdout).not.toContain('\u001b')
  })

  test('a new version, from a pipe and relative to the working directory, is above the old one', async () => {
    await on('mallory', ['init', '--unprotected'])
    const first = await online('mallory', ['publish', '-'], { stdin: 'name: One\navatar: alice.png', cwd: resolve('examples') })
    expect(first).toMatchObject({ status: 0, stderr: '' })
    const second = await online('mallory', ['publish', '-'], { stdin: '{ "name": "Two" }' })
    expect(second.json.sequence).toBeGreaterThan(first.json.sequence)
    expect((await online('stranger', ['resolve', first.json.id])).json.profile).toMatchObject({ name: 'Two' })
  })

  test('a restored seed goes on above the live sequence, and says which one it found', async () => {
    const { json: { words } } = await on('device-1', ['init', '--unprotected'])
    const { json: live } = await online('device-1', ['publish', '-'], { stdin: 'name: Here' })
    await on('device-2', ['init', '--restore', '--unprotected'], { stdin: words.join(' ') })
    const offline = await on('device-2', ['--offline', 'publish', '-'], { stdin: 'name: There' })
    expect(errorOf(offline)).toMatchObject({ code: 'SEQUENCE_UNKNOWN' })
    const { json: restored } = await online('device-2', ['publish', '-'], { stdin: 'name: There' })
    expect(restored).toMatchObject({ id: live.id, found: { sequence: live.sequence, source: 'dht' } })
    expect(restored.sequence).toBeGreaterThan(live.sequence)
  })

  test('a version that was saved offline is owed, and the next command sends it', async () => {
    await on('traveller', ['init', '--unprotected'])
    const saved = await on('traveller', ['--offline', 'publish', '-'], { stdin: 'name: Traveller' })
    expect(saved).toMatchObject({ status: 0 })
    expect(saved.json.pending.sort()).toEqual(['blocks', 'dht'])
    expect((await on('traveller', ['status'])).json).toMatchObject({ kept: 1, owed: [{ id: saved.json.id, targets: ['blocks', 'dht'] }] })
    expect(errorOf(await online('stranger', ['resolve', saved.json.id])).code).toBe('NOT_FOUND')
    await online('traveller', ['resolve', '--all', saved.json.id])
    expect((await on('traveller', ['status'])).json.owed).toEqual([])
    expect((await online('stranger', ['resolve', saved.json.id])).json.profile.name).toBe('Traveller')
  })

  test('a second persona keeps what it is owed to itself', async () => {
    await on('two', ['init', '--unprotected'])
    const first = (await on('two', ['--offline', 'publish', '-'], { stdin: 'name: First' })).json
    await on('two', ['persona', 'create', 'second'])
    await on('two', ['persona', 'use', 'second'])
    const second = (await online('two', ['publish', '-'], { stdin: 'name: Second' })).json
    expect(second.pending).toEqual([])
    // Neither the node that spoke for the second one, nor one that only reads, sent the version of the first.
    await online('two', ['resolve', second.id])
    expect((await on('two', ['status'])).json).toMatchObject({ personas: 2, current: second.id, owed: [{ id: first.id, targets: ['blocks', 'dht'] }] })
  })

  test('without a network a publish is saved, says so, and fails', async () => {
    await on('lonely', ['init', '--unprotected'])
    const failed = await on('lonely', ['--dht-protocol', '/nobody/kad/1.0.0', 'publish', '-'], { stdin: 'name: Lonely' })
    expect(failed).toMatchObject({ status: 1, stdout: '' })
    expect(errorOf(failed)).toMatchObject({ code: 'UNDELIVERED', message: expect.stringContaining('saved on this device') })
    expect((await on('lonely', ['status'])).json.owed).toHaveLength(1)
    expect(errorOf(await on('lonely', ['--dht-protocol', '/nobody/kad/1.0.0', 'resolve', alice])).code).toBe('UNREACHABLE')
  })
})

describe('watch', () => {
  test('tells each version, one line of JSON each, and ends with an interrupt', async () => {
    const { json: first } = await on('watched', ['init', '--unprotected'])
    await online('watched', ['publish', '-'], { stdin: 'name: Before' })
    const child = start(['--directory', join(folder, 'watcher'), '--json', ...network.flags, 'watch', first.id, '--every', '0.2'])
    expect((await nextLine(child)).profile.name).toBe('Before')
    await online('watched', ['publish', '-'], { stdin: 'name: After' })
    expect((await nextLine(child)).profile.name).toBe('After')
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([0, null])
  })

  test('ends when whoever reads has gone', async () => {
    const child = start(['--directory', join(folder, 'watcher-2'), '--json', ...network.flags, 'watch', alice, '--every', '0.1'])
    await nextLine(child)
    child.stdout.destroy()
    child.stderr.resume()
    const closed = once(child, 'close')
    await online('alice', ['publish', resolve('examples/alice.yaml')])
    expect((await closed)[0]).toBe(0)
  })

  test('ends with an error when the profile is gone', async () => {
    const { json: { id } } = await on('ending', ['init', '--unprotected'])
    await online('ending', ['publish', '-'], { stdin: 'name: Ending' })
    const removed = await online('ending', ['remove'])
    expect(removed).toMatchObject({ status: 0 })
    expect(removed.json).toMatchObject({ id, pending: [] })
    expect(errorOf(await online('watcher-3', ['watch', id])).code).toBe('GONE')
    expect(errorOf(await online('stranger', ['resolve', id])).code).toBe('GONE')
    expect(errorOf(await online('ending', ['publish', '-'], { stdin: 'name: Again' })).code).toBe('GONE')
  })
})

describe('export, verify and import', () => {
  test('a profile goes through a file with its picture, and is kept', async () => {
    const exported = await mercury(['--directory', join(folder, 'alice'), '--offline', 'export', alice])
    expect(exported).toMatchObject({ status: 0, stderr: '' })
    const file = join(folder, 'alice.car')
    await writeFile(file, exported.bytes)
    const verified = await mercury(['--json', 'verify', file])
    expect(verified.json).toMatchObject({ id: alice, name: 'Alice Liddell', kind: 'persona', expired: false, gone: false, blocks: 2, missing: [] })
    expect((await mercury(['verify', '-'], { stdin: exported.bytes })).stdout).toContain('Verified: Alice Liddell')
    const imported = await online('keeper', ['import', file])
    expect(imported.json).toMatchObject({ id: alice, sequence: verified.json.sequence, pending: [] })
    expect((await on('keeper', ['status'])).json).toMatchObject({ initialised: false, kept: 1, owed: [] })
    const again = await mercury(['--directory', join(folder, 'keeper'), '--offline', 'export', alice])
    expect(Buffer.from(again.bytes).equals(Buffer.from(exported.bytes))).toBe(true)
  })

  test('as JSON, the archive is in it', async () => {
    const { json } = await on('alice', ['--offline', 'export', alice])
    expect(json).toMatchObject({ id: alice, bytes: Buffer.from(json.archive, 'base64').byteLength })
  })

  test('a changed file is refused, and nothing is kept', async () => {
    const bytes = Buffer.from((await on('alice', ['--offline', 'export', alice])).json.archive, 'base64')
    const changed = Buffer.from(bytes)
    changed[changed.indexOf('Alice Liddell')] = 'M'.charCodeAt(0)
    for (const [name, stdin] of [['changed', changed], ['cut', bytes.subarray(0, -1)], ['text', Buffer.from('no CAR')], ['nothing', Buffer.alloc(0)]] as const) {
      expect([name, (await mercury(['verify', '-'], { stdin })).status]).toEqual([name, 1])
    }
    expect((await online('victim', ['import', '-'], { stdin: changed })).status).toBe(1)
    expect((await on('victim', ['status'])).json.kept).toBe(0)
  })
})

describe('status', () => {
  test('makes nothing in a directory that is new', async () => {
    const directory = join(folder, 'nowhere')
    const { json } = await on('nowhere', ['status'])
    expect(json).toEqual({ directory, initialised: false, node: null, places: expect.any(Array) as unknown[], kept: 0, owed: [], versions: { mercury: JSON.parse(await readFile('package.json', 'utf8')).version, node: expect.any(String) } })
    await expect(readFile(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('for people', async () => {
    const { stdout } = await plain('alice', ['status'])
    for (const part of [alice, 'kept by file mode only', '1 profile', 'nothing', 'mercury serve']) expect(stdout).toContain(part)
  })
})
