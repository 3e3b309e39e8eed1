import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MercuryError, type ProfileDraft } from '../../src/index.ts'
import { hasLinkScheme } from '../../src/profile/attribute.ts'
import { encodeAttributes } from '../../src/profile/draft.ts'
import { formatVcard, parseVcard } from '../../src/vcard.ts'
import { alice } from '../profile/cast.ts'
import { PIXEL_BASE64, card } from './cards.ts'

const encoder = new TextEncoder()
const atMost = (maxBytes: number) => (text: string): boolean => text !== '' && encoder.encode(text.normalize('NFC')).byteLength <= maxBytes
/** What text is made of that a card could confuse with its own. */
const awkward = fc.constantFrom('\\', '\\\\', ',', ';', ':', '\n', '\\n', '\\,', ' ', '\t', '"', '^n', '=', '\u0085', '\u2028', '\ufeff', 'é', '漢', '🐇', 'a', 'BEGIN:VCARD', 'data:')
const text = (maxBytes: number) => fc.oneof(fc.array(awkward, { maxLength: 40 }).map((parts) => parts.join('')), fc.string({ unit: 'grapheme', maxLength: 80 })).filter((value) => !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(value)).filter(atMost(maxBytes))
const names = text(256).map((name) => name.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, 'x'))
const urls = fc.tuple(fc.constantFrom('https:', 'mailto:', 'HTTP:', 'mercury:', 'tel:'), text(1_000)).map(([scheme, rest]) => `${scheme}${rest.replace(/[\n\\]/g, '/')}`).filter(hasLinkScheme)
const degrees = (max: number) => fc.integer({ min: -max * 1e6, max: max * 1e6 }).map((microdegrees) => microdegrees / 1e6)

/** Every draft that a card can hold. */
const drafts: fc.Arbitrary<ProfileDraft> = fc.record({
  kind: fc.constantFrom('persona', 'application', 'home'),
  name: names,
  bio: text(4_096),
  tags: fc.array(text(64), { minLength: 1, maxLength: 32 }),
  lang: fc.constantFrom('en', 'pt-BR', 'de-CH-1996'),
  location: fc.oneof(fc.record({ lat: degrees(90), lon: degrees(180) }), fc.record({ lat: degrees(90), lon: degrees(180), precision: fc.integer({ min: 0, max: 20_100_000 }) })),
  links: fc.array(fc.oneof(fc.record({ url: urls }), fc.record({ url: urls, label: text(256) })), { minLength: 1, maxLength: 8 })
}, { requiredKeys: [] })

describe('there and back', () => {
  it('every draft that a card can hold comes back as it was', async () => {
    await fc.assert(fc.asyncProperty(drafts, fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 })), async (draft, bytes) => {
      const photo = bytes ? { photo: { bytes, type: 'image/webp' } } : {}
      const { text, lost } = await formatVcard(draft, { id: alice.id, ...photo })
      expect(lost).toEqual([])
      const parsed = await parseVcard(text)
      expect({ ...parsed, draft: encodeAttributes(parsed.draft) }).toEqual({ draft: encodeAttributes(draft), id: alice.id, lost: [], ...photo })
      expect(parsed.draft.kind).toBe(draft.kind)
      expect((await formatVcard(parsed.draft, { id: alice.id, ...photo })).text).toBe(text)
    }), { numRuns: 300 })
  })

  it('what a card cannot hold is listed, and nothing else changes', async () => {
    const extras = fc.record({ listed: fc.constant(true), type: text(100), 'org.example.app/a': fc.integer(), 'org.example.app/b': fc.array(fc.boolean(), { minLength: 1 }) }, { requiredKeys: [] })
    await fc.assert(fc.asyncProperty(drafts, extras, async (draft, extra) => {
      const { text, lost } = await formatVcard({ ...draft, ...extra })
      expect(lost.toSorted()).toEqual(Object.keys(extra).sort())
      expect(text).toBe((await formatVcard(draft)).text)
    }), { numRuns: 100 })
  })
})

const NAMES = ['FN', 'N', 'NOTE', 'CATEGORIES', 'LANG', 'GEO', 'PHOTO', 'URL', 'X-ABLabel', 'UID', 'KIND', 'REV', 'TEL', 'BEGIN', 'END', 'VERSION', '__proto__', 'constructor', 'item1.URL', 'item1.X-ABLabel']
const junk = fc.string({ unit: 'binary', maxLength: 60 })
const values = fc.oneof(junk, fc.constantFrom('VCARD', '4.0', 'geo:1,2;u=3', 'geo:999,0', 'https://a.example', 'javascript:x', `data:image/png;base64,${PIXEL_BASE64}`, 'data:image/png;base64,====', 'data:,', alice.id, 'individual', ';;;', '\\', 'en', 'a,b\\,c'))
const parameters = fc.array(fc.oneof(junk.map((value) => `;${value}`), fc.constantFrom(';TYPE=pref', ';PREF=1', ';PREF=x', ';ENCODING=b', ';ENCODING=QUOTED-PRINTABLE', ';TYPE="a,b:c"', ';__proto__=1', ';=', ';X="')), { maxLength: 3 })
const hostileLines = fc.oneof(fc.tuple(fc.oneof(fc.constantFrom(...NAMES), junk), parameters, values).map(([name, parameter, value]) => `${name}${parameter.join('')}:${value}`), junk)

/** Nothing but what the contract says comes out of it. */
const survives = async (input: string | Uint8Array): Promise<void> => {
  try {
    const { draft, lost } = await parseVcard(input)
    encodeAttributes(draft)
    expect(Object.getPrototypeOf(draft)).toBe(Object.prototype)
    expect(lost.every((name) => /^[A-Z0-9-]{1,64}$/.test(name))).toBe(true)
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    expect(['INVALID_VCARD', 'INVALID_DRAFT', 'LIMIT_EXCEEDED']).toContain(error.code)
    expect(error.message.length).toBeLessThan(300)
  }
}

describe('hostile text', () => {
  it('is read or refused by a typed error', async () => {
    await fc.assert(fc.asyncProperty(fc.array(hostileLines, { maxLength: 12 }), fc.constantFrom('3.0', '4.0'), async (lines, version) => survives(card(lines, version))), { numRuns: 1_000 })
    await fc.assert(fc.asyncProperty(fc.oneof(junk, fc.uint8Array({ maxLength: 200 })), survives), { numRuns: 300 })
    expect(({} as Record<string, unknown>).X).toBeUndefined()
  })

  it('that was changed in one place is read or refused too', async () => {
    const { text } = await formatVcard({ name: 'Alice', bio: 'a\nb', tags: ['x', 'y'], location: { lat: 1, lon: 2 }, links: [{ label: 'Blog', url: 'https://a.example' }] }, { id: alice.id, photo: { bytes: new Uint8Array(90), type: 'image/png' } })
    await fc.assert(fc.asyncProperty(fc.nat(text.length), fc.nat(20), fc.oneof(junk, fc.constantFrom('\r\n', '\r\n ', '"', ';', ':', '\\')), async (at, cut, put) => survives(text.slice(0, at) + put + text.slice(at + cut))), { numRuns: 1_000 })
  })

  it.each([
    ['quotes', (size: number) => `FN;X=${'"'.repeat(size)}:x`],
    ['parameters', (size: number) => `FN${';a=b'.repeat(size / 4)}:x`],
    ['folds', (size: number) => `FN:${'\r\n '.repeat(size / 3)}`],
    ['blank lines', (size: number) => '\r\n'.repeat(size / 2)],
    ['padding', (size: number) => `PHOTO:data:image/png;base64,${'='.repeat(size)}A`],
    ['semicolons before the data', (size: number) => `PHOTO:data:${';'.repeat(size)}`],
    ['backslashes', (size: number) => `LOGO:${'\\'.repeat(size)}`],
    ['backslashes in a URL', (size: number) => `URL:https:${'\\,'.repeat(size / 2)}`],
    ['colons', (size: number) => ':'.repeat(size)]
  ])('of 2 MiB of %s costs no more than its length', async (_, lineOf) => {
    // Quadratic work on this length would run into the limit of the test.
    await survives(card([lineOf(2_000_000)]))
  })
})
