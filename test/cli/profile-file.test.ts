import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { MAX_PROFILE_FILE_BYTES, parseProfileFile, readPicture } from '../../src/cli/profile-file.ts'
import { MAX_AVATAR_BYTES } from '../../src/limits.ts'
import { cleanUp, temporaryFolder } from './mercury.ts'

const parse = (text: string) => parseProfileFile(new TextEncoder().encode(text))

afterAll(cleanUp)

describe('parseProfileFile', () => {
  test('reads YAML and JSON', () => {
    const profile = { name: 'Alice', tags: ['botany', 'chess'], location: { lat: 51.7548, lon: -1.2544 }, listed: true }
    expect(parse('name: Alice\ntags: [botany, chess]\nlocation: { lat: 51.7548, lon: -1.2544 }\nlisted: true\n')).toEqual(profile)
    expect(parse(JSON.stringify(profile, null, '\t'))).toEqual(profile)
  })

  test('YAML 1.2: no is text, and so is a date', () => {
    expect(parse('a: no\nb: 2026-01-01\nc: 012')).toEqual({ a: 'no', b: '2026-01-01', c: 12 })
  })

  test('few aliases are taken', () => {
    expect(parse('a: &x [1]\nb: *x')).toEqual({ a: [1], b: [1] })
  })

  test.each([
    ['', 'it is empty'],
    ['# only a comment\n', 'it is empty'],
    ['- a\n- b\n', 'it is not a map'],
    ['just text', 'it is not a map'],
    ['name: Alice\nname: Bob\n', '(line 2)'],
    ['{"name": "Alice",\n "name": "Bob"}', '(line 2)'],
    ['name: "Alice\nbio: x\n', '(line'],
    ['name: Alice\n\tbio: x\n', '(line 2)'],
    ['a: 1\n---\nb: 2\n', 'more than one document'],
    ['name: !!binary aGk=\n', '(line 1)'],
    ['name: !custom x\n', '(line 1)'],
    ['? [a, b]\n: c\n', '(line 1)'],
    ['name: *nobody\n', 'nobody'],
    [`a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [${'*a, '.repeat(8)}*a]\nc: &c [${'*b, '.repeat(8)}*b]\nd: [${'*c, '.repeat(8)}*c]\n`, 'alias']
  ])('refuses %j', (text, reason) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'INVALID_PROFILE_FILE', message: expect.stringContaining(reason) }))
  })

  test('refuses what is not UTF-8', () => {
    expect(() => parseProfileFile(Uint8Array.of(0x6e, 0xff, 0xfe))).toThrow(expect.objectContaining({ code: 'INVALID_PROFILE_FILE', message: expect.stringContaining('UTF-8') }))
  })

  test('takes 256 KiB, and not one byte more', () => {
    const text = 'bio: x\n#'
    const full = text + '-'.repeat(MAX_PROFILE_FILE_BYTES - text.length)
    expect(parse(full)).toEqual({ bio: 'x' })
    expect(() => parse(`${full}-`)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
  })

  test('__proto__ is a key like others, for the profile\'s own rules to refuse', () => {
    const content = parse('__proto__: { admin: true }\nname: A')
    expect(Object.getPrototypeOf(content)).toBe(Object.prototype)
    expect(Object.keys(content)).toContain('__proto__')
  })
})

describe('readPicture', () => {
  test('knows a picture by its bytes, whatever its name says', async () => {
    const folder = await temporaryFolder()
    const png = await readFile(resolve('examples/alice.png'))
    await writeFile(join(folder, 'picture.txt'), png)
    await writeFile(join(folder, 'a.jpg'), Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0))
    await writeFile(join(folder, 'a.gif'), 'GIF89a...')
    await writeFile(join(folder, 'a.webp'), 'RIFF....WEBPVP8 ')
    expect(await readPicture({ avatar: './picture.txt' }, folder)).toEqual({ bytes: new Uint8Array(png), type: 'image/png' })
    expect((await readPicture({ avatar: 'a.jpg' }, folder))?.type).toBe('image/jpeg')
    expect((await readPicture({ avatar: join(folder, 'a.gif') }, '/'))?.type).toBe('image/gif')
    expect((await readPicture({ avatar: 'a.webp' }, folder))?.type).toBe('image/webp')
  })

  test('there need not be one, and one that is stored already is left alone', async () => {
    expect(await readPicture({}, '/')).toBeUndefined()
    expect(await readPicture({ avatar: null }, '/')).toBeUndefined()
    expect(await readPicture({ avatar: { cid: 'bafk', type: 'image/png', size: 1 } }, '/')).toBeUndefined()
  })

  test('refuses what is no picture, no file, or too large', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'script.png'), '<svg onload=alert(1)>')
    await writeFile(join(folder, 'riff.png'), 'RIFX....WEBP')
    await writeFile(join(folder, 'empty.png'), '')
    await mkdir(join(folder, 'folder.png'))
    const png = await readFile(resolve('examples/alice.png'))
    await writeFile(join(folder, 'large.png'), Buffer.concat([png, Buffer.alloc(MAX_AVATAR_BYTES - png.byteLength + 1)]))
    await writeFile(join(folder, 'full.png'), Buffer.concat([png, Buffer.alloc(MAX_AVATAR_BYTES - png.byteLength)]))
    for (const avatar of ['script.png', 'riff.png', 'empty.png', 'https://alice.example/a.png', 'data:image/png;base64,iVBORw0KGgo=']) {
      await expect(readPicture({ avatar }, folder)).rejects.toMatchObject({ code: 'INVALID_PROFILE_FILE' })
    }
    await expect(readPicture({ avatar: 'none.png' }, folder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(readPicture({ avatar: 'folder.png' }, folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
    await expect(readPicture({ avatar: '/dev/zero' }, folder)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
    await expect(readPicture({ avatar: 'large.png' }, folder)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect((await readPicture({ avatar: 'full.png' }, folder))?.bytes.byteLength).toBe(MAX_AVATAR_BYTES)
  })
})
