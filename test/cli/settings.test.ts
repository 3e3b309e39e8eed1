import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Flags } from '../../src/cli/flags.ts'
import { parseSize, formatSize } from '../../src/cli/settings/form.ts'
import { readConfig } from '../../src/cli/config-file.ts'
import { readSettings } from '../../src/cli/settings/read.ts'
import { SETTINGS, SETTING_NAMES, type Setting, type SettingName } from '../../src/cli/settings/table.ts'
import { cleanUp, temporaryFolder } from './mercury.ts'

let folder: string
beforeAll(async () => { folder = await temporaryFolder() })
afterAll(cleanUp)

/** Each setting as an option or the environment has it, and what comes of it. */
const VALUES: Readonly<Record<SettingName, readonly [texts: readonly string[], value: unknown]>> = {
  http: [['[::1]:8080'], { host: '::1', port: 8080 }],
  publicUrls: [['https://home.example', 'http://192.0.2.1:8080'], ['https://home.example', 'http://192.0.2.1:8080']],
  name: [['Alice\'s home'], 'Alice\'s home'],
  policy: [['closed'], 'closed'],
  terms: [['/etc/terms.txt'], '/etc/terms.txt'],
  maxProfiles: [['250000'], 250_000],
  quota: [['1.5 GiB'], 1_610_612_736],
  unhostedDays: [['60'], 60],
  offerHours: [['48'], 48],
  indexMinutes: [['60'], 60],
  trustProxy: [['127.0.0.1', 'fd00::/8'], ['127.0.0.1', 'fd00::/8']],
  listen: [['/ip4/0.0.0.0/tcp/4001', '/ip4/0.0.0.0/tcp/4002/ws'], ['/ip4/0.0.0.0/tcp/4001', '/ip4/0.0.0.0/tcp/4002/ws']],
  announce: [['/dns4/home.example/tcp/4001'], ['/dns4/home.example/tcp/4001']],
  bootstrap: [['/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWx'], ['/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWx']],
  dhtProtocol: [['/own/kad'], '/own/kad'],
  homes: [['https://other.example'], ['https://other.example']],
  blocks: [['level', 's3://profiles'], ['level', 's3://profiles']],
  state: [['fs'], 'fs'],
  routers: [['dht', 'kubo://127.0.0.1:5001'], ['dht', 'kubo://127.0.0.1:5001']]
}

/** What each setting may not be. */
const WRONG: readonly (readonly [SettingName, string])[] = [
  ['http', '8080'], ['http', 'localhost'], ['http', '127.0.0.1:65536'], ['http', '::1:80'], ['http', 'NONE'],
  ['publicUrls', 'home.example'], ['publicUrls', 'https://home.example/path'], ['publicUrls', 'ftp://home.example'], ['publicUrls', 'https://user@home.example'],
  ['name', 'x'.repeat(257)], ['name', 'a\u0007b'],
  ['policy', 'friends'], ['policy', 'Open'],
  ['maxProfiles', '0'], ['maxProfiles', '1e3'], ['maxProfiles', '-1'], ['maxProfiles', '1000000001'],
  ['quota', '0'], ['quota', '64 mib'], ['quota', 'MiB'], ['quota', '1.0000001kB'], ['quota', '17TiB'],
  ['unhostedDays', '3651'], ['unhostedDays', '1.5'], ['offerHours', '0'], ['indexMinutes', '0'], ['indexMinutes', '1441'],
  ['trustProxy', 'proxy.example'], ['trustProxy', '10.0.0.0/33'], ['trustProxy', '10.0.0.0/']
]

const read = async (names: readonly SettingName[], { flags = {}, env = {}, file }: { flags?: Record<string, readonly string[]>; env?: Record<string, string>; file?: string } = {}) => {
  const directory = join(folder, 'home')
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'mercury.config.yaml'), file ?? '{}')
  const config = await readConfig({ named: undefined, directory })
  return readSettings(names, { flags: new Flags(new Map(Object.entries(flags))), env, config, cwd: '/folder' })
}

const table = SETTINGS as Readonly<Record<SettingName, Setting>>
const withFlag = SETTING_NAMES.filter((name) => table[name].flag !== undefined)
const withKey = SETTING_NAMES.filter((name) => table[name].key !== undefined)
const inFile = (name: SettingName): unknown => {
  const [texts] = VALUES[name]
  return table[name].form.count === 'one' ? texts[0] : texts
}

describe('a setting', () => {
  test.each(withFlag.map((name) => [name]))('%s by option', async (name) => {
    const [texts, value] = VALUES[name]
    expect(await read([name], { flags: { [table[name].flag!]: texts } })).toEqual({ [name]: value })
  })

  test.each(SETTING_NAMES.map((name) => [name]))('%s by environment', async (name) => {
    const [texts, value] = VALUES[name]
    expect(await read([name], { env: { [table[name].variable]: texts.join(' ') } })).toEqual({ [name]: value })
  })

  test.each(withKey.map((name) => [name]))('%s by file', async (name) => {
    expect(await read([name], { file: JSON.stringify({ [table[name].key!]: inFile(name) }) })).toEqual({ [name]: VALUES[name][1] })
  })

  test('counts from where it comes first: option, environment, file', async () => {
    const sources = { flags: { quota: ['1MiB'] }, env: { MERCURY_QUOTA: '2MiB' }, file: 'quota: 3MiB' }
    expect(await read(['quota'], sources)).toEqual({ quota: 2 ** 20 })
    expect(await read(['quota'], { ...sources, flags: {} })).toEqual({ quota: 2 ** 21 })
    expect(await read(['quota'], { file: sources.file })).toEqual({ quota: 3 * 2 ** 20 })
    expect(await read(['quota'], { env: { MERCURY_QUOTA: ' ' }, file: sources.file })).toEqual({ quota: 3 * 2 ** 20 })
    expect(await read(SETTING_NAMES)).toEqual({})
  })

  test('of a file may be a number where it is one', async () => {
    expect(await read(['maxProfiles', 'quota'], { file: 'maxProfiles: 5\nquota: 1000000' })).toEqual({ maxProfiles: 5, quota: 1_000_000 })
    await expect(read(['name'], { file: 'name: 5' })).rejects.toThrow('name is a name of')
  })

  test('that is a file name is from where it was written', async () => {
    expect(await read(['terms'], { flags: { terms: ['terms.txt'] } })).toEqual({ terms: '/folder/terms.txt' })
    expect(await read(['terms'], { env: { MERCURY_TERMS: 'terms.txt' } })).toEqual({ terms: '/folder/terms.txt' })
    expect(await read(['terms'], { file: 'terms: terms.txt' })).toEqual({ terms: join(folder, 'home', 'terms.txt') })
  })
})

describe('one that is wrong is refused in one sentence that names it and where it came from', () => {
  test.each(WRONG)('%s: %s', async (name, text) => {
    const { flag, variable, key, form } = table[name]
    await expect(read([name], { flags: { [flag!]: [text] } })).rejects.toMatchObject({ code: 'MISUSE', message: `--${flag} is ${form.says}; got ${JSON.stringify(text.slice(0, 80))}`.replace(/got ".*@.*"$/, 'got something else') })
    // Spaces separate.
    if (form.count === 'one' || !text.includes(' ')) await expect(read([name], { env: { [variable]: text } })).rejects.toMatchObject({ code: 'INVALID_SETTING', message: expect.stringContaining(`${variable} in the environment is ${form.says}; got `) })
    await expect(read([name], { file: JSON.stringify({ [key!]: form.count === 'one' ? text : [text] }) })).rejects.toMatchObject({ code: 'INVALID_CONFIG', message: `${join(folder, 'home', 'mercury.config.yaml')} cannot be used: ${key} is ${form.says}` })
  })

  test('a list where one is meant, and one where a list is', async () => {
    await expect(read(['policy'], { file: 'policy: [open]' })).rejects.toThrow('policy is one of open, invitation, closed')
    await expect(read(['publicUrls'], { file: 'publicUrls: https://home.example' })).rejects.toThrow('publicUrls is a URL')
    await expect(read([], { file: 'policies: open' })).rejects.toThrow('did you mean policy?')
  })
})

test.each([['1', 1], ['64MiB', 67_108_864], ['64 MB', 64_000_000], ['1.5KiB', 1_536], ['16TiB', 2 ** 44], ['16.1TiB', undefined], ['', undefined], ['1 2', undefined], ['0x10', undefined], ['1constructor', undefined]])('the size %j is %j bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each([[1, '1 B'], [1_023, '1023 B'], [1_536, '1.5 KiB'], [67_108_864, '64 MiB'], [64_000_000, '64 MB'], [1_000_000_000, '1 GB'], [64_000_001, '61.0 MiB'], [2 ** 44, '16 TiB']])('%j bytes are shown as %j', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text)
})
