import ICAL from 'ical.js'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { formatProfileId } from '../../src/index.ts'
import { formatVcard } from '../../src/vcard.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { alice, frozen } from '../profile/cast.ts'
import { PIXEL, PIXEL_BASE64, linesOf } from './cards.ts'

const avatar = { cid: await cidOf(PIXEL, RAW), type: 'image/png', size: PIXEL.byteLength }
const linesFor = async (...[draft, options]: Parameters<typeof formatVcard>): Promise<string[]> => linesOf((await formatVcard(draft, options)).text)
const lostOf = async (...[draft, options]: Parameters<typeof formatVcard>): Promise<string[]> => (await formatVcard(draft, options)).lost

describe('formatVcard', () => {
  it('writes each attribute as the property that stands for it', async () => {
    const draft = frozen({
      kind: 'persona', name: 'Alice Liddell', bio: 'Curious.\nFollows rabbits, asks; back\\slash.', tags: ['botany', 'chess, blind'], lang: 'en-GB',
      location: { lat: 51.7548, lon: -1.2544, precision: 5000 }, links: [{ label: 'Blog', url: 'https://alice.example/?a=1,2;b' }, { url: 'mailto:alice@alice.example' }]
    })
    const { text, lost } = await formatVcard({ ...draft, avatar }, { id: alice.id, photo: { bytes: PIXEL, type: 'image/png' }, revised: new Date('2026-11-24T12:00:00.5Z') })
    expect(text.startsWith('BEGIN:VCARD\r\nVERSION:4.0\r\n')).toBe(true)
    expect(text.endsWith('\r\nEND:VCARD\r\n')).toBe(true)
    expect(linesOf(text)).toEqual([
      'KIND:individual',
      `UID:${formatProfileId(alice.id, 'did')}`,
      'FN:Alice Liddell',
      'N:;Alice Liddell;;;',
      'NOTE:Curious.\\nFollows rabbits\\, asks; back\\\\slash.',
      'CATEGORIES:botany,chess\\, blind',
      'LANG:en-GB',
      'GEO:geo:51.7548,-1.2544;u=5000',
      `PHOTO:data:image/png;base64,${PIXEL_BASE64}`,
      'item1.URL:https://alice.example/?a=1,2;b',
      'item1.X-ABLabel:Blog',
      'URL:mailto:alice@alice.example',
      'REV:20261124T120000Z'
    ])
    expect(lost).toEqual([])
  })

  it('another reader of vCards reads the same', async () => {
    const { text } = await formatVcard({ kind: 'application', name: 'Häschen, "klein"; \\ 🐇', bio: `${'Zeile 漢字 🐇\n'.repeat(40)}Ende`, tags: ['a,b', 'c'], links: [{ label: 'Büro: Linz', url: 'https://a.example/x' }] }, { photo: { bytes: PIXEL, type: 'image/png' } })
    const [, properties] = ICAL.parse(text) as [string, [string, { group?: string }, string, ...unknown[]][]]
    const read = Object.fromEntries(properties.map(([name, { group }, , ...values]) => [group ? `${group}.${name}` : name, values]))
    expect(read).toEqual({
      version: ['4.0'],
      kind: ['application'],
      fn: ['Häschen, "klein"; \\ 🐇'],
      n: [['', 'Häschen, "klein"; \\ 🐇', '', '', '']],
      note: [`${'Zeile 漢字 🐇\n'.repeat(40)}Ende`],
      categories: ['a,b', 'c'],
      photo: [`data:image/png;base64,${PIXEL_BASE64}`],
      'item1.url': ['https://a.example/x'],
      'item1.x-ablabel': ['Büro: Linz']
    })
  })

  it('folds at 75 octets, never within a character', async () => {
    const { text } = await formatVcard({ name: 'n'.repeat(72), bio: '🐇漢é'.repeat(400) }, { photo: { bytes: new Uint8Array(5_000), type: 'image/png' } })
    const lines = text.split('\r\n').map((line) => Buffer.from(line))
    expect(Math.max(...lines.map(({ byteLength }) => byteLength))).toBe(75)
    expect(lines.every((line) => line.toString('utf8') === new TextDecoder('utf-8', { fatal: true }).decode(line))).toBe(true)
    expect(text).toContain(`\r\nFN:${'n'.repeat(72)}\r\n`)
    expect((await formatVcard({ name: 'n'.repeat(73) })).text).toContain(`\r\nFN:${'n'.repeat(72)}\r\n n\r\n`)
  })

  it('lists what a card cannot hold', async () => {
    expect(await lostOf({ name: 'Alice', listed: true, type: 'rabbit', 'org.example.app/score': 5 })).toEqual(['listed', 'type', 'org.example.app/score'])
    expect(await lostOf({ name: 'Alice', listed: false, bio: '', tags: [], links: null })).toEqual([])
    expect(await lostOf({ kind: 'robot', avatar })).toEqual(['kind', 'avatar'])
    expect(await lostOf({ links: [{ url: 'https://a.example/\\x' }, { url: 'https://a.example/\u0001' }, { url: 'https://a.example', label: 'a\u0007b' }, { url: 'https://a.example', label: '_$!<Home>!$_' }] })).toEqual(['links[0]', 'links[1]', 'links[2].label', 'links[3].label'])
  })

  it('holds text without its control characters, and says so', async () => {
    const { text, lost } = await formatVcard({ bio: 'one\r\ntwo\tthree\u0000\u007f\u0085', tags: ['a\u0001', '\u0002', 'ok'] })
    expect(linesOf(text)).toEqual(['FN:', 'NOTE:one\\ntwo\tthree\u0085', 'CATEGORIES:a,ok'])
    expect(lost).toEqual(['bio', 'tags[0]', 'tags[1]'])
  })

  it.each([['persona', 'individual'], ['application', 'application'], ['home', 'x-mercury-home']])('the kind %s is %s', async (kind, written) => {
    expect(await linesFor({ kind, name: 'A' })).toContain(`KIND:${written}`)
  })

  it.each([[{ lat: 0, lon: -0 }, 'geo:0,0'], [{ lat: 90, lon: -180, precision: 0 }, 'geo:90,-180;u=0'], [{ lat: 1e-7, lon: 100 }, 'geo:0,100'], [{ lat: -0.000001, lon: 12.3456789 }, 'geo:-0.000001,12.345679']])('the place %j is %s', async (location, written) => {
    expect(await linesFor({ location })).toContain(`GEO:${written}`)
  })

  it('refuses what is no profile, and another picture than its own', async () => {
    await expect(formatVcard({ name: 5 as never })).rejects.toMatchObject({ code: 'INVALID_DRAFT', path: 'name' })
    await expect(formatVcard({ listed: 'no' as never })).rejects.toMatchObject({ code: 'INVALID_DRAFT' })
    await expect(formatVcard({ name: 'A', avatar }, { photo: { bytes: Uint8Array.of(1), type: 'image/png' } })).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
    await expect(formatVcard({ name: 'A' }, { photo: { bytes: new Uint8Array(1_048_577), type: 'image/png' } })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('a type that cannot stand in a URI keeps the picture out', async () => {
    for (const type of ['text/html', 'image/png;x', 'image/png\r\nX:1', 'image/']) expect(await lostOf({ name: 'A' }, { photo: { bytes: PIXEL, type } })).toEqual(['avatar'])
    expect(await lostOf({ avatar: { ...avatar, cid: CID.parse(avatar.cid.toString()), type: 'IMAGE/PNG' } }, { photo: { bytes: PIXEL, type: 'x' } })).toEqual([])
  })
})
