import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openS3Service, type S3Service } from '../services/s3.ts'
import { describeWithService } from '../services/service.ts'
import { cleanUp, errorOf, mercury, nextLine, start, temporaryFolder, type Ended } from './mercury.ts'
import { openTestNetwork, type TestNetwork } from './network.ts'

interface Found {
  hits: { id: string; name: string; class: string; sources: string[]; home?: string; distanceMetres?: number; highlights: { start: number; end: number }[]; explanation?: { quality: number } }[]
  cursor?: string
  coverage: { sources: { name: string; state: string; documents?: number; error?: { code: string } }[] }
  facets?: { tags: { value: string; count: number }[] }
}

let network: TestNetwork
let folder: string
const children: ChildProcessWithoutNullStreams[] = []

beforeAll(async () => { [network, folder] = await Promise.all([openTestNetwork(), temporaryFolder()]) })
afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }
  await network.close()
  await cleanUp()
})

const at = (name: string): string[] => ['--directory', join(folder, name)]
const on = (name: string, argv: readonly string[]): Promise<Ended> => mercury([...at(name), '--json', ...argv])
const plain = (name: string, argv: readonly string[]): Promise<Ended> => mercury([...at(name), ...argv])
const online = (name: string, argv: readonly string[]): Promise<Ended> => on(name, [...network.flags, ...argv])
const found = ({ stdout, stderr, status }: Ended): Found => {
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as Found
}
const namesOf = ({ hits }: Found): string[] => hits.map(({ name }) => name)

const publish = async (name: string, lines: string): Promise<void> => {
  await mkdir(join(folder, name), { recursive: true })
  const file = join(folder, name, 'profile.yaml')
  await writeFile(file, `${lines}\nlisted: true\n`)
  expect((await on(name, ['--offline', 'publish', file])).status).toBe(0)
}

describe('on this device', () => {
  beforeAll(async () => {
    await on('alice', ['init', '--unprotected'])
    await publish('alice', 'name: Alice Liddell\ntags: [chess, botany]\nbio: Curious. Follows rabbits.\nlocation: { lat: 51.7548, lon: -1.2544, precision: 1000 }')
    await on('alice', ['persona', 'new'])
  })

  test.each([
    [['alice', 'liddell'], 'exact-name'],
    [['liddell,', 'ALICE'], 'exact-name'],
    [['lidd'], 'name-prefix'],
    [['alcie'], 'typo'],
    [['rabbits'], 'bio'],
    [['--tag', 'chess'], 'anywhere'],
    [['--near', '51.7,-1.2,20'], 'anywhere'],
    [['alice', '--tag', 'Chess', '--kind', 'persona', '--near=51.7,-1.2,20'], 'name']
  ])('finds a profile by %j', async (words, expected) => {
    expect(found(await on('alice', ['--offline', 'search', ...words])).hits.map(({ name, class: by }) => [name, by])).toEqual([['Alice Liddell', expected]])
  })

  test('says nobody where there is nobody, and what to do', async () => {
    const ended = await plain('alice', ['--offline', 'search', 'zebedee'])
    expect([ended.status, ended.stdout]).toEqual([0, 'Nobody.\n'])
    expect(ended.stderr).toContain('--index NAME')
  })

  test('prints the command that shows the next page, whatever was typed', async () => {
    await on('zoe', ['init', '--unprotected'])
    await publish('zoe', 'name: Zoë -dash O’Neil')
    await on('zoe', ['persona', 'create'])
    await on('zoe', ['persona', 'use', '1'])
    await publish('zoe', 'name: Zoë -dash O’Neil the second')
    const typed = ["zoë o'neil", '-dash', '$(', '\u001b[']
    const first = await plain('zoe', ['--offline', 'search', '--limit', '1', '--', ...typed])
    expect([first.status, first.stderr]).toEqual([0, ''])
    expect(first.stdout).toContain('Zoë -dash O’Neil\n')
    const [, command] = /^More: mercury (.*)$/m.exec(first.stdout)!
    expect(command).not.toContain('\u001b')
    const shell = spawn('bash', ['-c', `printf '%s\\0' ${command!}`])
    const words: Buffer[] = []
    shell.stdout.on('data', (part: Buffer) => words.push(part))
    await once(shell, 'close')
    const second = await plain('zoe', ['--offline', ...Buffer.concat(words).toString().split('\0').slice(0, -1)])
    expect(second.stdout).toContain('O’Neil the second\n')
    expect(second.stdout).not.toContain('More:')
  })

  test('explains why a hit stands where it does, and marks nothing where there are no colours', async () => {
    const { stdout, stderr } = await plain('alice', ['--offline', 'search', 'alcie', '--explain', '--facets'])
    expect(stdout).toContain('words of the name but for a slip (typo); alcie: typo of alice in name')
    expect(stdout).toContain('quality 100 of 255')
    expect(stdout).toContain('Tags: botany 1, chess 1')
    expect(stderr).toMatch(/local; 1 of these hits.*rounds, \d+ blocks, \d+ bytes/)
    expect(stdout).not.toContain('\u001b')
  })

  test.each([
    [['search'], 1, 'INVALID_QUERY'],
    [['search', 'a'], 1, 'INVALID_QUERY'],
    [['search', '.*'], 1, 'INVALID_QUERY'],
    [['search', 'a'.repeat(300)], 1, 'LIMIT_EXCEEDED'],
    [['search', 'alice', '--near', 'Oxford'], 1, 'INVALID_QUERY'],
    [['search', 'alice', '--near', '99,0,5'], 1, 'INVALID_QUERY'],
    [['search', 'alice', '--limit', '0'], 2, 'MISUSE'],
    [['search', 'alice', '--limit', '101'], 2, 'MISUSE'],
    [['search', 'alice', '--after', 'x'], 1, 'INVALID_CURSOR'],
    [['search', 'alice', '--index', 'nonsense'], 1, 'INVALID_PROFILE_ID'],
    [['search', 'alice', '--facets', '--index', 'nonsense'], 2, 'MISUSE'],
    [['index'], 2, 'MISUSE'],
    [['index', 'pubish'], 2, 'MISUSE'],
    [['index', 'audit'], 2, 'MISUSE'],
    [['index', 'publish', '--kept'], 2, 'MISUSE']
  ])('refuses %j', async (argv, status, code) => {
    const ended = await on('alice', ['--offline', ...argv])
    expect([ended.status, errorOf(ended).code]).toEqual([status, code])
  })
})

describe('in the indexes of others', () => {
  let name: string

  beforeAll(async () => {
    await on('bob', ['init', '--unprotected'])
    await publish('bob', 'name: Bob Dodgson\ntags: [maths]')
    const serving = start([...at('bob'), '--json', ...network.flags, 'serve', '--http', 'none'])
    children.push(serving)
    await nextLine(serving, ({ event }) => event === 'started')
    serving.stdout.resume()
    const published = await on('bob', ['index', 'publish'])
    expect(published.status, published.stderr).toBe(0)
    const answer = JSON.parse(published.stdout) as { name: string; documents: number; isNew: boolean; announcements: { outcome: string }[] }
    expect(answer).toMatchObject({ documents: 1, isNew: true, announcements: [{ outcome: 'delivered' }] })
    name = answer.name
  }, 60_000)

  test('a machine that has never seen the index finds a profile in it, over IPFS', async () => {
    const answer = found(await online('stranger', ['search', 'bob', '--index', name, '--explain']))
    expect(namesOf(answer)).toEqual(['Bob Dodgson'])
    expect(answer.hits[0]).toMatchObject({ sources: [name], class: 'name', explanation: { quality: 100 } })
    expect(answer.coverage.sources).toMatchObject([{ name, state: 'answered', documents: 1 }])
  })

  test('one index that nobody publishes takes nothing away from the other, and is told', async () => {
    const nobody = 'k51qzi5uqu5dih92467vi2i0kt9ncabqzzf7gtp7qi8ywjk224u2kgx4u714bq'
    const answer = found(await online('stranger', ['search', 'bob', '--index', nobody, '--index', name]))
    expect(namesOf(answer)).toEqual(['Bob Dodgson'])
    expect(answer.coverage.sources.map(({ state, error }) => [state, error?.code])).toEqual([['failed', 'NOT_FOUND'], ['answered', undefined]])
    const failed = await online('stranger', ['search', 'bob', '--index', nobody])
    expect([failed.status, errorOf(failed).code]).toEqual([1, 'NOT_FOUND'])
  })

  test('whoever audits it builds it again', async () => {
    const audit = await online('auditor', ['index', 'audit', name])
    expect(audit.status, audit.stderr).toBe(0)
    expect(JSON.parse(audit.stdout)).toMatchObject({ faithful: true, documents: 1, segments: [{ rebuilt: true }] })
  })

  test('whoever keeps a profile that is not in it is told that it is missing, and fails', async () => {
    await on('auditor', ['init', '--unprotected'])
    await publish('auditor', 'name: Eve Auditor')
    const [{ id }] = JSON.parse((await on('auditor', ['persona', 'list'])).stdout).personas as [{ id: string }]
    const audit = await online('auditor', ['index', 'audit', name, '--kept'])
    expect([audit.status, errorOf(audit).code]).toEqual([1, 'INDEX_WRONG'])
    expect(JSON.parse(audit.stdout)).toMatchObject({ faithful: false, missing: { total: 1, items: [{ id }] } })
    expect((await plain('auditor', [...network.flags, 'index', 'audit', name, '--kept'])).stdout).toMatch(new RegExp(`Missing: 1\n  ${id}\n`))
  })

  test('the same again is announced, and a change writes a new version', async () => {
    const again = JSON.parse((await on('bob', ['index', 'publish'])).stdout) as { isNew: boolean; written: { blocks: number } }
    expect(again).toMatchObject({ isNew: false, written: { blocks: 0 } })
    const file = join(folder, 'bob', 'profile.yaml')
    await writeFile(file, 'name: Bob Hargreaves\nlisted: true\n')
    expect((await on('bob', ['publish', file])).status).toBe(0)
    const changed = JSON.parse((await on('bob', ['index', 'publish'])).stdout) as { isNew: boolean; documents: number }
    expect(changed).toMatchObject({ isNew: true, documents: 1 })
    expect(namesOf(found(await online('newcomer', ['search', 'hargreaves', '--index', name])))).toEqual(['Bob Hargreaves'])
    expect(namesOf(found(await online('newcomer', ['search', 'dodgson', '--index', name])))).toEqual([])
  })

  test('the ID of a profile that publishes none is told apart', async () => {
    const [persona] = JSON.parse((await on('bob', ['persona', 'list'])).stdout).personas as { id: string }[]
    const ended = await online('stranger', ['search', 'bob', '--index', persona!.id])
    expect([ended.status, errorOf(ended).code]).toEqual([1, 'NO_INDEX'])
  })
})

describeWithService('S3', 'an index in a bucket', () => {
  let s3: S3Service
  beforeAll(async () => {
    s3 = await openS3Service()
    await s3.createBucket('index')
  })
  afterAll(async () => s3.close())

  test('is found by its name and searched, with nobody online who has it', async () => {
    const env = { AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey }
    const run = async (name: string, argv: readonly string[]): Promise<Ended> => mercury([...at(name), '--json', ...network.flags, ...argv], { env })
    for (const name of ['fred', 'greta']) {
      await mkdir(join(folder, name), { recursive: true })
      await writeFile(join(folder, name, 'mercury.config.yaml'), `blocks: [${name === 'fred' ? 'level' : 'memory'}, 's3://index?endpoint=${s3.endpoint}']\nrouters: [dht]\n`)
    }
    await run('fred', ['init', '--unprotected'])
    await writeFile(join(folder, 'fred', 'profile.yaml'), 'name: Fred Bucket\nlisted: true\n')
    expect((await run('fred', ['publish', join(folder, 'fred', 'profile.yaml')])).status).toBe(0)
    const published = await run('fred', ['index', 'publish'])
    expect(published.status, published.stderr).toBe(0)
    const { name } = JSON.parse(published.stdout) as { name: string }
    const answer = found(await run('greta', ['search', 'fred bucket', '--index', `mercury:${name}`]))
    expect(answer.hits).toMatchObject([{ name: 'Fred Bucket', class: 'exact-name', sources: [name] }])
  })
})

test('a home publishes its index by itself, and whoever knows the home searches it over the home’s gateway', async () => {
  const folderOf = (name: string): string => join(folder, name)
  const serving = start([...at('home'), '--json', ...network.flags, 'serve', '--http', '127.0.0.1:0', '--policy', 'open'])
  children.push(serving)
  const { http, id } = await nextLine(serving, ({ event }) => event === 'started')
  serving.stdout.resume()
  await mkdir(folderOf('carol'), { recursive: true })
  await writeFile(join(folderOf('carol'), 'mercury.config.yaml'), `blocks: [memory, '${http}']\nstate: level\nrouters: ['${http}']\n`)
  await on('carol', ['init', '--unprotected'])
  await publish('carol', 'name: Carol Home')
  const joined = await on('carol', ['join', http, '--yes'])
  expect(joined.status, joined.stderr).toBe(0)
  await mkdir(folderOf('dave'), { recursive: true })
  await writeFile(join(folderOf('dave'), 'mercury.config.yaml'), `blocks: [memory, '${http}']\nstate: level\nrouters: ['${http}']\n`)
  let answer: Found | undefined
  // The home looks every few seconds whether there is something to publish.
  for (; answer?.hits.length !== 1; await delay(250)) {
    const ended = await on('dave', ['search', 'carol', '--index', id])
    if (ended.status === 0) answer = JSON.parse(ended.stdout) as Found
    else expect(['NOT_FOUND', 'NO_INDEX', 'UNREACHABLE']).toContain(errorOf(ended).code)
  }
  expect(answer.hits.map(({ name, home }) => [name, home])).toEqual([['Carol Home', id]])
  expect(found(await on('dave', ['search', 'carol', '--index', id, '--without', id])).hits).toEqual([])
  // Whoever lives there asks it without naming it.
  expect(found(await on('carol', ['search', 'carol'])).coverage.sources.map(({ name, state }) => [name, state])).toEqual([['local', 'answered'], [id, 'answered']])
}, 120_000)

test('what is typed and what strangers wrote cannot move the terminal', async () => {
  await on('mallory', ['init', '--unprotected'])
  await publish('mallory', String.raw`name: "Mallory Red"` + '\n' + String.raw`bio: "\e[31mred\e[0m \u202e evil"` + '\n' + String.raw`tags: ["\e[2Jgone"]`)
  const { stdout } = await plain('mallory', ['--offline', 'search', 'mallory'])
  expect(stdout).toContain('Mallory Red')
  expect(stdout).not.toMatch(/[\u001b\u202e]/)
})
