import { describe, expect, it } from 'vitest'
import { formatProfileId } from '../../src/index.ts'
import { MAX_VCARD_BYTES, MAX_VCARD_PROPERTIES, isVcard, parseVcard } from '../../src/vcard.ts'
import { alice } from '../profile/cast.ts'
import { PIXEL, PIXEL_BASE64, card } from './cards.ts'

const parse = async (...lines: string[]) => parseVcard(card(lines))
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('parseVcard', () => {
  it('reads a card of version 4.0', async () => {
    expect(await parse(
      'KIND:individual', `UID:${formatProfileId(alice.id, 'did')}`, 'FN:Alice Liddell', 'N:;Alice Liddell;;;', 'NOTE:Curious.\\nFollows\\, asks\\; back\\\\n.', 'CATEGORIES:botany,chess\\, blind', 'CATEGORIES:tea', 'LANG:en',
      'GEO:geo:51.7548,-1.2544;u=5000', `PHOTO:data:image/png;base64,${PIXEL_BASE64}`, 'item1.URL:https://alice.example/a,b;c', 'ITEM1.X-ABLABEL:Blog', 'REV:20261124T120000Z', 'PRODID:x'
    )).toEqual({
      draft: {
        kind: 'persona', name: 'Alice Liddell', bio: 'Curious.\nFollows, asks; back\\n.', tags: ['botany', 'chess, blind', 'tea'], lang: 'en',
        location: { lat: 51.7548, lon: -1.2544, precision: 5000 }, links: [{ label: 'Blog', url: 'https://alice.example/a,b;c' }]
      },
      photo: { bytes: PIXEL, type: 'image/png' },
      id: alice.id,
      lost: []
    })
  })

  it('reads a card of version 3.0, as a telephone writes it', async () => {
    const folded = PIXEL_BASE64.match(/.{1,60}/g)!.join('\r\n ')
    const text = card([
      'PRODID:-//Apple Inc.//iPhone OS 18//EN', 'N:Liddell;Alice;Pleasance;Miss;', 'FN:Alice Liddell', 'item1.URL;type=pref:https\\://alice.example', 'item1.X-ABLabel:_$!<HomePage>!$_', 'TEL;type=CELL;type=VOICE;type=pref:+44 1865 000000',
      'EMAIL;INTERNET:alice@alice.example', 'ADR;type=HOME:;;1 Broad St;Oxford;;;', 'BDAY:1852-05-04', 'GEO:51.7548;-1.2544', 'CATEGORIES:botany,chess', `PHOTO;ENCODING=b;TYPE=JPEG:${folded}`, 'REV:2026-11-24T12:00:00Z', 'UID:0-1-2', 'X-SOCIALPROFILE;type=x:http://x.example'
    ], '3.0')
    expect(await parseVcard(bytesOf(text))).toEqual({
      draft: { name: 'Alice Liddell', tags: ['botany', 'chess'], location: { lat: 51.7548, lon: -1.2544 }, links: [{ label: 'HomePage', url: 'https://alice.example' }] },
      photo: { bytes: PIXEL, type: 'image/jpeg' },
      lost: ['ADR', 'BDAY', 'EMAIL', 'N', 'TEL', 'UID', 'X-SOCIALPROFILE']
    })
  })

  it.each<[string, string[], object, string[]]>([
    ['a name only in parts', ['N:Liddell;Alice;Pleasance;Miss;MA'], { name: 'Miss Alice Pleasance Liddell MA' }, ['N']],
    ['a name in one part', ['N:Alice;;;;'], { name: 'Alice' }, []],
    ['no name', ['FN:'], {}, []],
    ['two names', ['FN:One', 'FN;PREF=1:Two'], { name: 'Two' }, ['FN']],
    ['two notes', ['NOTE:one', 'NOTE:two'], { bio: 'one' }, ['NOTE']],
    ['two languages', ['LANG;PREF=2:de', 'LANG;PREF=1:en'], { lang: 'en' }, ['LANG']],
    ['a language that is none', ['LANG:English, mostly'], {}, ['LANG']],
    ['an organisation', ['KIND:org', 'FN:A'], { name: 'A' }, ['KIND']],
    ['a URL that profiles do not link to', ['URL:javascript:alert(1)', 'URL:www.a.example', 'URL:https://a.example'], { links: [{ url: 'https://a.example' }] }, ['URL']],
    ['a label of something else', ['item1.TEL:1', 'item1.X-ABLabel:Office'], {}, ['TEL', 'X-ABLABEL']],
    ['a label of nothing', ['X-ABLabel:Office', 'URL:https://a.example'], { links: [{ url: 'https://a.example' }] }, ['X-ABLABEL']],
    ['two labels of one URL', ['item1.URL:https://a.example', 'item1.X-ABLabel:One', 'item1.X-ABLabel:Two'], { links: [{ label: 'Two', url: 'https://a.example' }] }, ['X-ABLABEL']],
    ['a URL behind a blank', ['URL: https://a.example'], { links: [{ url: 'https://a.example' }] }, []],
    ['a place known to more than the earth', ['GEO:geo:1,2;u=20100001'], { location: { lat: 1, lon: 2 } }, ['GEO']],
    ['a place known to half the earth', ['GEO:geo:1,2;u=20100000'], { location: { lat: 1, lon: 2, precision: 20_100_000 } }, []],
    ['a place with an altitude', ['GEO:geo:1.5,2.5,100'], { location: { lat: 1.5, lon: 2.5 } }, ['GEO']],
    ['a place known to half metres', ['GEO:geo:1,2;u=0.5'], { location: { lat: 1, lon: 2 } }, ['GEO']],
    ['a place on the moon', ['GEO:geo:1,2;crs=Moon-2011'], {}, ['GEO']],
    ['a place of a known system', ['GEO:geo:1,2;crs=WGS84;u=7'], { location: { lat: 1, lon: 2, precision: 7 } }, []],
    ['a place off the earth', ['GEO:geo:91,2'], {}, ['GEO']],
    ['a place with an exponent', ['GEO:geo:1e1,2'], {}, ['GEO']],
    ['quoted-printable', ['FN;ENCODING=QUOTED-PRINTABLE:=C3=89', 'NOTE;ENCODING=QUOTED-PRINTABLE:=41', 'CATEGORIES;ENCODING=QUOTED-PRINTABLE:=41'], {}, ['CATEGORIES', 'FN', 'NOTE']],
    ['a picture elsewhere', ['PHOTO:https://a.example/a.png'], {}, ['PHOTO']],
    ['a picture of no type', [`PHOTO;ENCODING=b:${PIXEL_BASE64}`, `PHOTO:data:;base64,${PIXEL_BASE64}`, `PHOTO:data:text/html;base64,${PIXEL_BASE64}`], {}, ['PHOTO']],
    ['a picture that is not base64', ['PHOTO:data:image/png,%89PNG'], {}, ['PHOTO']],
    ['empty properties', ['ADR:;;;;;;', 'NOTE:', 'CATEGORIES:,,', 'X-A: '], {}, []],
    ['parameters of all sorts', ['NOTE;X="a;b:c,d";LANGUAGE=en;TYPE=home,"w,x";ALTID=:text'], { bio: 'text' }, []],
    ['names that objects have', ['CONSTRUCTOR:x', 'X-TOSTRING;CONSTRUCTOR=1:x', 'HASOWNPROPERTY:y'], {}, ['CONSTRUCTOR', 'HASOWNPROPERTY', 'X-TOSTRING']]
  ])('reads %s', async (_, lines, draft, lost) => {
    const parsed = await parse(...lines)
    expect(parsed).toEqual({ draft, lost })
    expect(Object.getPrototypeOf(parsed.draft)).toBe(Object.prototype)
  })

  it.each([[`PHOTO:data:image/png\\;base64\\,${PIXEL_BASE64}`], [`PHOTO;VALUE=URI:DATA:IMAGE/PNG;BASE64,${PIXEL_BASE64.replace(/=+$/, '')}`], [`PHOTO;TYPE=PNG;ENCODING=BASE64:${PIXEL_BASE64}`], [`PHOTO;MEDIATYPE=image/png;ENCODING=b:${PIXEL_BASE64}`]])('reads a picture as other programs write it: %.40s', async (line) => {
    expect(await parse(line)).toEqual({ draft: {}, photo: { bytes: PIXEL, type: 'image/png' }, lost: [] })
  })

  it.each([['\r\n', '\ufeff'], ['\n', '\n\n'], ['\r', '']])('takes lines that end with %j', async (end, start) => {
    expect((await parseVcard(start + card(['NOTE:a', ' b', '\t c', 'FN:A']).replaceAll('\r\n', end))).draft).toEqual({ bio: 'ab c', name: 'A' })
  })

  it.each([
    ['', 'BEGIN:VCARD'],
    ['name: Alice', 'BEGIN:VCARD'],
    ['BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR', 'BEGIN:VCARD'],
    ['BEGIN:VCARD', 'END:VCARD'],
    ['BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A', 'END:VCARD'],
    ['BEGIN:VCARD\r\nFN:A\r\nEND:VCARD', 'version 3.0 or 4.0'],
    [card(['FN:A'], '5.0'), 'version 3.0 or 4.0'],
    [card(['FN:A'], '2.1'), 'version 2.1; export it again'],
    [card(['FN:A']) + card(['FN:B']), 'more than one card'],
    [card(['BEGIN:VCARD', 'END:VCARD']), 'more than one card'],
    [card(['END:VCARD', 'FN:A']), 'END:VCARD'],
    [card(['BEGIN:VEVENT', 'END:VEVENT']), 'END:VCARD'],
    [card(['FN']), 'no colon'],
    [card(['FN;X="a:b']), 'no colon'],
    [card([`FN;X=${'a'.repeat(4_096)}:b`]), 'no colon'],
    [card(['__proto__:x']), 'a name that is none'],
    [card(['a.b.c:x']), 'a name that is none'],
    [card([':x']), 'a name that is none'],
    [card(['FN;:x']), 'FN has a parameter'],
    [card(['FN;__proto__=1:x']), 'FN has a parameter'],
    [card(['PHOTO:data:image/png;base64,!!!!']), 'PHOTO is not base64']
  ])('refuses %.60j', async (text, reason) => {
    await expect(parseVcard(text)).rejects.toMatchObject({ name: 'InvalidVcardError', code: 'INVALID_VCARD', message: expect.stringContaining(reason) as string })
  })

  it('refuses what is not UTF-8', async () => {
    await expect(parseVcard(Buffer.from(card(['FN:É']), 'latin1'))).rejects.toMatchObject({ code: 'INVALID_VCARD', message: expect.stringContaining('UTF-8') as string })
  })

  it('refuses what is over a limit of a profile, by name, and never cuts it off', async () => {
    const over: [string, string][] = [[`FN:${'n'.repeat(257)}`, 'name'], ['FN:a\\nb', 'name'], ['FN:\u202ea', 'name'], ['FN:\ud800', 'name'], [`NOTE:${'b'.repeat(4_097)}`, 'bio'], [`CATEGORIES:${Array.from({ length: 33 }, (_, i) => i).join(',')}`, 'tags'], [`CATEGORIES:a,${'t'.repeat(65)}`, 'tags[1]'], [`URL:https://${'u'.repeat(2_041)}`, 'links[0].url']]
    for (const [line, path] of over) await expect(parse(line), line.slice(0, 40)).rejects.toMatchObject({ code: 'INVALID_DRAFT', path })
    await expect(parse(...Array.from({ length: 65 }, () => 'URL:https://a.example'))).rejects.toMatchObject({ code: 'INVALID_DRAFT', path: 'links' })
    expect((await parse(`FN:${'n'.repeat(256)}`, `NOTE:${'b'.repeat(4_096)}`, `CATEGORIES:${Array.from({ length: 32 }, () => 't'.repeat(64)).join(',')}`)).lost).toEqual([])
  })

  it('takes 2 MiB, and not one byte more', async () => {
    const text = card(['LOGO:'])
    const full = text.replace('LOGO:', `LOGO:${'A'.repeat(MAX_VCARD_BYTES - text.length)}`)
    expect((await parseVcard(full)).lost).toEqual(['LOGO'])
    for (const over of [`${full}\n`, bytesOf(`${full}\n`), full.replace('A', 'é')]) await expect(parseVcard(over)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: MAX_VCARD_BYTES, value: MAX_VCARD_BYTES + 1 })
  })

  it('takes 1,024 properties, and not one more', async () => {
    const lines = Array.from({ length: MAX_VCARD_PROPERTIES - 3 }, (_, i) => `X-${i}:x`)
    expect((await parse(...lines)).lost).toHaveLength(MAX_VCARD_PROPERTIES - 3)
    await expect(parse(...lines, 'X:x')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: MAX_VCARD_PROPERTIES, value: MAX_VCARD_PROPERTIES + 1 })
  })

  it('takes a picture of 1 MiB, and not one byte more', async () => {
    const photoOf = (bytes: number): string => `PHOTO:data:image/png;base64,${Buffer.alloc(bytes).toString('base64')}`
    expect((await parse(photoOf(1_048_576))).photo?.bytes.byteLength).toBe(1_048_576)
    await expect(parse(photoOf(1_048_577))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: 1_048_576, value: 1_048_577 })
  })

  it('takes a text of 65,536 characters to judge it, and not one more', async () => {
    await expect(parse(`CATEGORIES:${','.repeat(65_536)}`)).resolves.toEqual({ draft: {}, lost: [] })
    await expect(parse(`CATEGORIES:${','.repeat(65_537)}`)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: 65_536, value: 65_537 })
  })
})

describe('isVcard', () => {
  it('goes by how a file starts', () => {
    for (const text of ['BEGIN:VCARD', 'begin:vcard\n', '\ufeffBEGIN:VCARD', '\r\n BEGIN:VCARD\r\n']) expect(isVcard(bytesOf(text)), text).toBe(true)
    for (const text of ['', 'name: BEGIN:VCARD', 'BEGIN:VCALENDAR', '{"BEGIN":"VCARD"}']) expect(isVcard(bytesOf(text)), text).toBe(false)
  })
})
