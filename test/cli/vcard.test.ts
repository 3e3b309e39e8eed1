import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseVcard } from '../../src/vcard.ts'
import { card } from '../vcard/cards.ts'
import { cleanUp, errorOf, mercury, temporaryFolder, type Ended, type RunOptions } from './mercury.ts'

let folder: string
/** The ID of the profile of `examples/alice.yaml`. */
let alice: string

beforeAll(async () => {
  folder = await temporaryFolder()
  await on('alice', ['init', '--unprotected'])
  alice = (await on('alice', ['publish', resolve('examples/alice.yaml')])).json.id
})
afterAll(cleanUp)

const on = async (name: string, argv: readonly string[], options?: RunOptions) => mercury(['--directory', join(folder, name), '--json', '--offline', ...argv], options)
const plain = async (name: string, argv: readonly string[], options?: RunOptions) => mercury(['--directory', join(folder, name), '--offline', ...argv], options)
/** What `export --vcard` and `publish` say with `--json`, besides what every command may. */
const told = ({ stdout }: Ended) => JSON.parse(stdout) as { vcard: string; lost: string[]; profile: Record<string, unknown> }
const warningOf = ({ stderr }: Ended) => (JSON.parse(stderr) as { warning: { code: string; message: string } }).warning

describe('export --vcard', () => {
  test('writes a card with the picture in it, and names what it does not hold', async () => {
    const exported = await plain('alice', ['export', alice, '--vcard'])
    expect(exported).toMatchObject({ status: 0, stderr: 'mercury: warning: left out of the vCard: listed\n' })
    const { draft, photo, id, lost } = await parseVcard(exported.bytes)
    expect(draft).toMatchObject({ kind: 'persona', name: 'Alice Liddell', tags: ['botany', 'chess', 'croquet'], lang: 'en', location: { lat: 51.7548, lon: -1.2544, precision: 5000 }, links: [{ label: 'Blog', url: 'https://alice.example' }, { label: 'Write to me', url: 'mailto:alice@alice.example' }] })
    expect(photo).toEqual({ bytes: new Uint8Array(await readFile('examples/alice.png')), type: 'image/png' })
    expect({ id, lost }).toEqual({ id: alice, lost: [] })
    expect(exported.stdout).toMatch(/\r\nREV:\d{8}T\d{6}Z\r\nEND:VCARD\r\n$/)
  })

  test('as JSON, the card and the loss are in it', async () => {
    const exported = await on('alice', ['export', alice, '--vcard'])
    expect(told(exported)).toEqual({ id: alice, cid: expect.any(String), sequence: expect.any(Number), vcard: (await plain('alice', ['export', alice, '--vcard'])).stdout, lost: ['listed'] })
    expect(warningOf(exported)).toEqual({ code: 'VCARD_LOSS', message: 'left out of the vCard: listed' })
  })

  test('without the picture where it cannot be had, and says so', async () => {
    const { json: { id } } = await on('elsewhere', ['init', '--unprotected'])
    await on('elsewhere', ['publish', '-'], { stdin: JSON.stringify({ name: 'Elsewhere', avatar: { cid: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', type: 'image/png', size: 5 }, 'org.example/x': 1 }) })
    const exported = await on('elsewhere', ['export', id, '--vcard'])
    expect(exported.status).toBe(0)
    expect(told(exported).lost).toEqual(['avatar', 'org.example/x'])
    expect(told(exported).vcard).not.toContain('PHOTO')
  })
})

describe('publish of a vCard', () => {
  test('goes by the content, takes the picture along, and names what stays out', async () => {
    const file = join(folder, 'alice.txt')
    await writeFile(file, (await plain('alice', ['export', alice, '--vcard'])).bytes)
    await on('reborn', ['init', '--unprotected'])
    const published = await on('reborn', ['publish', file])
    expect(published).toMatchObject({ status: 0, stderr: '' })
    const { profile } = told(await on('reborn', ['resolve', published.json.id]))
    const before = told(await on('alice', ['resolve', alice])).profile
    expect(profile).toEqual({ ...before, listed: false })
    expect(profile.avatar).toMatchObject({ type: 'image/png', size: 4985 })

    const phone = await plain('reborn', ['publish', '-'], { stdin: card(['N:Liddell;Alice;;;', 'FN:Alice', 'TEL:+44 1865 000000', 'BDAY:1852-05-04', `PHOTO;ENCODING=b;TYPE=PNG:${Buffer.from('no picture').toString('base64')}`], '3.0') })
    expect(phone).toMatchObject({ status: 0, stderr: 'mercury: warning: left out of the profile: BDAY, N, PHOTO, TEL\n' })
    expect(told(await on('reborn', ['resolve', published.json.id])).profile).toMatchObject({ name: 'Alice', tags: [], attributes: { name: 'Alice' } })
  })

  test.each([
    [card(['FN:A']) + card(['FN:B']), 'INVALID_VCARD', 'more than one card; put each into a file of its own'],
    [card(['FN:A'], '2.1'), 'INVALID_VCARD', 'export it again as version 3.0 or 4.0'],
    [card([`NOTE:${'x'.repeat(4_097)}`]), 'INVALID_DRAFT', 'bio must be at most 4096 bytes'],
    [card(Array.from({ length: 1_024 }, () => 'X:x')), 'LIMIT_EXCEEDED', 'vCard properties'],
    [card([`LOGO:${'x'.repeat(2_097_152)}`]), 'LIMIT_EXCEEDED', '2097152']
  ])('refuses %.50j and keeps nothing', async (stdin, code, advice) => {
    await on('refused', ['init', '--unprotected'])
    const ended = await on('refused', ['publish', '-'], { stdin })
    expect(ended).toMatchObject({ status: 1, stdout: '' })
    expect(errorOf(ended)).toMatchObject({ code, message: expect.stringContaining(advice) })
    expect((await on('refused', ['status'])).json.kept).toBe(0)
  })

  test('a YAML file has no more room than before', async () => {
    expect(errorOf(await on('refused', ['publish', '-'], { stdin: `bio: ${'x'.repeat(262_144)}` }))).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('262144') })
  })
})

test('import of a vCard says in one sentence what to do instead', async () => {
  const ended = await plain('keeper', ['import', '-'], { stdin: card(['FN:A']) })
  expect(ended).toMatchObject({ status: 2, stdout: '', stderr: 'mercury: a vCard is signed by nobody, so there is nothing to keep; to make it your own profile: mercury publish FILE.vcf\n' })
})

test('help and completion know it', async () => {
  expect((await mercury(['help', 'export'])).stdout).toContain('--vcard')
  expect((await mercury(['help', 'publish'])).stdout).toContain('alice.vcf')
  expect((await mercury(['completion', 'bash'])).stdout).toContain('--vcard')
})
