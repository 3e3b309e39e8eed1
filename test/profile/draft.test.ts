import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { InvalidDraftError, draftOf, encodeAttributes, readKind, readListed, type ProfileDraft } from '../../src/profile/draft.ts'
import { blockCid } from '../vectors/forge.ts'
import { frozen } from './cast.ts'

const section = blockCid(Uint8Array.of(1), 0x55)
const attribute = (key: string, value: unknown): unknown => encodeAttributes({ [key]: value })[key]
const refusal = (key: string, value: unknown): unknown => {
  try {
    encodeAttributes({ [key]: value })
  } catch (error) {
    if (error instanceof InvalidDraftError) return error.path
    throw error
  }
  return 'accepted'
}
const nested = (depth: number): unknown => (depth === 0 ? 0 : [nested(depth - 1)])

describe('a draft', () => {
  it.each([
    ['name', 'n'.repeat(256)],
    ['name', 'é'.repeat(128)],
    ['name', '🐇'.repeat(64)],
    ['name', 'Ada‍ Zero-width joiner and nothing worse'],
    ['bio', 'b'.repeat(4_096)],
    ['bio', 'line\nbreak\t\u202e and all'],
    ['tags', Array.from({ length: 32 }, (_, i) => `${i}`)],
    ['tags', ['t'.repeat(64)]],
    ['type', 't'.repeat(256)],
    ['lang', 'en'],
    ['lang', 'de-CH-1996'],
    ['lang', `${'a'.repeat(8)}-${'b'.repeat(8)}-${'c'.repeat(8)}-${'d'.repeat(8)}-${'e'.repeat(8)}-${'f'.repeat(8)}-${'g'.repeat(8)}-1`]
  ])('keeps %s at its limit: %j', (key, value) => {
    expect(attribute(key, value)).toEqual(value)
  })

  it.each([
    ['name', 'n'.repeat(257), 'name'],
    ['name', 'é'.repeat(129), 'name'],
    ['name', 5, 'name'],
    ['name', ['Alice'], 'name'],
    ['name', '\ud800', 'name'],
    ['name', 'a\udc00b', 'name'],
    ['bio', 'b'.repeat(4_097), 'bio'],
    ['bio', '\ud800', 'bio'],
    ['tags', Array.from({ length: 33 }, (_, i) => `${i}`), 'tags'],
    ['tags', ['ok', 't'.repeat(65)], 'tags[1]'],
    ['tags', ['ok', ''], 'tags[1]'],
    ['tags', ['ok', 5], 'tags[1]'],
    ['tags', 'chess', 'tags'],
    ['tags', { 0: 'chess' }, 'tags'],
    ['type', 't'.repeat(257), 'type'],
    ['type', true, 'type'],
    ['lang', 'e', 'lang'],
    ['lang', 'en_GB', 'lang'],
    ['lang', 'en-', 'lang'],
    ['lang', 'englishman', 'lang'],
    ['lang', 'en-abcdefghi', 'lang'],
    ['lang', 'é', 'lang'],
    ['lang', 'en\n', 'lang'],
    ['lang', `${'a'.repeat(8)}-${'b'.repeat(8)}-${'c'.repeat(8)}-${'d'.repeat(8)}-${'e'.repeat(8)}-${'f'.repeat(8)}-${'g'.repeat(8)}-12`, 'lang']
  ])('refuses %s past its limit: %j', (key, value, path) => {
    expect(refusal(key, value)).toBe(path)
  })

  it('refuses every control character and bidirectional override in a name, and takes their neighbours', () => {
    const forbidden = [...range(0x00, 0x1f), ...range(0x7f, 0x9f), ...range(0x202a, 0x202e), ...range(0x2066, 0x2069)]
    for (const point of forbidden) expect(refusal('name', `a${String.fromCodePoint(point)}b`)).toBe('name')
    for (const point of [0x20, 0x7e, 0xa0, 0x2029, 0x202f, 0x2065, 0x206a]) expect(refusal('name', `a${String.fromCodePoint(point)}b`)).toBe('accepted')
  })

  it('normalises what people read to NFC, and measures it then', () => {
    expect(encodeAttributes({ name: 'Zoe\u0308', bio: 'e\u0301', tags: ['e\u0301'], type: 'e\u0301', links: [{ label: 'e\u0301', url: 'https://a.example/e\u0301' }] })).toEqual({ name: 'Zo\u00eb', bio: '\u00e9', tags: ['\u00e9'], type: '\u00e9', links: [{ label: '\u00e9', url: 'https://a.example/\u00e9' }] })
    expect(attribute('name', 'e\u0301'.repeat(128))).toBe('\u00e9'.repeat(128))
    expect(refusal('name', '\u0344'.repeat(100))).toBe('name')
    expect(attribute('org.example.app/raw', 'e\u0301')).toBe('e\u0301')
  })

  it.each([
    [{ lat: 90, lon: -180 }, { lat: 90_000_000, lon: -180_000_000 }],
    [{ lat: -90, lon: 180, precision: 0 }, { lat: -90_000_000, lon: 180_000_000, precision: 0 }],
    [{ lat: 0, lon: -0, precision: 20_100_000 }, { lat: 0, lon: 0, precision: 20_100_000 }],
    [{ lat: 51.7548, lon: -1.2544 }, { lat: 51_754_800, lon: -1_254_400 }],
    [{ lat: 0.000_000_4, lon: -0.000_000_4 }, { lat: 0, lon: 0 }]
  ])('writes a location in microdegrees: %j', (value, written) => {
    expect(attribute('location', value)).toStrictEqual(written)
  })

  it.each([
    [{ lat: 90.000_001, lon: 0 }, 'location.lat'],
    [{ lat: 0, lon: -180.000_001 }, 'location.lon'],
    [{ lat: Number.NaN, lon: 0 }, 'location.lat'],
    [{ lat: 0, lon: Number.POSITIVE_INFINITY }, 'location.lon'],
    [{ lat: '1', lon: 0 }, 'location.lat'],
    [{ lat: 0 }, 'location.lon'],
    [{ lat: 0, lon: 0, precision: -1 }, 'location.precision'],
    [{ lat: 0, lon: 0, precision: 20_100_001 }, 'location.precision'],
    [{ lat: 0, lon: 0, precision: 1.5 }, 'location.precision'],
    [{ lat: 0, lon: 0, altitude: 5 }, 'location.altitude'],
    [[1, 2], 'location'],
    ['Oxford', 'location']
  ])('refuses the location %j', (value, path) => {
    expect(refusal('location', value)).toBe(path)
  })

  it('writes an avatar as a link', () => {
    expect(attribute('avatar', { cid: section, type: 'image/png', size: 1 })).toEqual({ cid: section, type: 'image/png', size: 1 })
    expect(attribute('avatar', { cid: section.toString(), type: 't'.repeat(128), size: 1_048_576 })).toEqual({ cid: section, type: 't'.repeat(128), size: 1_048_576 })
  })

  it.each([
    [{ cid: section, type: 'image/png', size: 0 }, 'avatar.size'],
    [{ cid: section, type: 'image/png', size: 1_048_577 }, 'avatar.size'],
    [{ cid: section, type: 'image/png', size: 1.5 }, 'avatar.size'],
    [{ cid: section, type: 'image/png' }, 'avatar.size'],
    [{ cid: section, type: 't'.repeat(129), size: 1 }, 'avatar.type'],
    [{ cid: section, type: '', size: 1 }, 'avatar.type'],
    [{ cid: section, size: 1 }, 'avatar.type'],
    [{ cid: './alice.png', type: 'image/png', size: 1 }, 'avatar.cid'],
    [{ cid: 'b'.repeat(129), type: 'image/png', size: 1 }, 'avatar.cid'],
    [{ cid: 5, type: 'image/png', size: 1 }, 'avatar.cid'],
    [{ type: 'image/png', size: 1 }, 'avatar.cid'],
    [{ cid: section, type: 'image/png', size: 1, alt: 'me' }, 'avatar.alt'],
    ['./alice.png', 'avatar']
  ])('refuses the avatar %j', (value, path) => {
    expect(refusal('avatar', value)).toBe(path)
  })

  it('writes links of the schemes that a profile may link to, with or without a label', () => {
    const urls = ['http://a.example', 'HTTPS://a.example', 'mailto:a@a.example', 'tel:+44', 'xmpp:a@a.example', 'matrix:u/a:a.example', 'ipfs://bafy', 'ipns://k51', 'mercury:k51', `https://${'a'.repeat(2_040)}`]
    expect(attribute('links', urls.map((url) => ({ url })))).toEqual(urls.map((url) => ({ url })))
    expect(attribute('links', [{ label: 'l'.repeat(256), url: 'https://a.example' }, { label: '', url: 'https://b.example' }])).toEqual([{ label: 'l'.repeat(256), url: 'https://a.example' }, { url: 'https://b.example' }])
    expect(refusal('links', Array.from({ length: 64 }, () => ({ url: 'https://a.example' })))).toBe('accepted')
  })

  it.each([
    [Array.from({ length: 65 }, () => ({ url: 'https://a.example' })), 'links'],
    [[{ url: `https://${'a'.repeat(2_041)}` }], 'links[0].url'],
    [[{ label: 'l'.repeat(257), url: 'https://a.example' }], 'links[0].label'],
    [[{ label: 5, url: 'https://a.example' }], 'links[0].label'],
    [[{ url: 'https://a.example' }, { url: 'javascript:alert(1)' }], 'links[1].url'],
    [[{ url: 'data:text/html,x' }], 'links[0].url'],
    [[{ url: 'file:///etc/passwd' }], 'links[0].url'],
    [[{ url: ' https://a.example' }], 'links[0].url'],
    [[{ url: 'ht\ntps://a.example' }], 'links[0].url'],
    [[{ url: '\u0000javascript:alert(1)' }], 'links[0].url'],
    [[{ url: 'http\u017f://a.example' }], 'links[0].url'],
    [[{ url: 'https:' }], 'links[0].url'],
    [[{ url: 'a.example' }], 'links[0].url'],
    [[{ url: '' }], 'links[0].url'],
    [[{ label: 'no URL' }], 'links[0].url'],
    [[{ url: 'https://a.example', rel: 'me' }], 'links[0].rel'],
    [['https://a.example'], 'links[0]'],
    [{ url: 'https://a.example' }, 'links']
  ])('refuses the links %j', (value, path) => {
    expect(refusal('links', value)).toBe(path)
  })

  it.each(['a', 'k'.repeat(64), 'org.example.app/deep/key', '0', '_', '-', '.', '/', 'tostring'])('takes the attribute key %s', (key) => {
    expect(attribute(key, 1)).toBe(1)
  })

  it.each(['', 'k'.repeat(65), 'A', 'é', 'a b', 'a\n', 'name ', 'a:b', '\u0000'])('refuses the attribute key %j', (key) => {
    expect(refusal(key, 1)).toBe(JSON.stringify(key))
  })

  it.each(['constructor', 'prototype', '__proto__'])('refuses the attribute key %s, which no canonical CBOR holds', (key) => {
    expect(() => encodeAttributes(JSON.parse(`{ "${key}": 1 }`) as ProfileDraft)).toThrow(InvalidDraftError)
  })

  it.each([
    ['a bool', false],
    ['an integer', -5],
    ['the greatest integer', Number.MAX_SAFE_INTEGER],
    ['a small bigint, as the integer that it is', 5n, 5],
    ['text', 'x'],
    ['bytes', Uint8Array.of(1)],
    ['a Buffer, as plain bytes', Buffer.from([1]), Uint8Array.of(1)],
    ['a link', section],
    ['a list', [1, [2, null]]],
    ['a map', { b: 1, a: { c: [] } }],
    ['as deep as a document goes', nested(14)]
  ])('takes any value that a document can hold: %s', (_, value, written: unknown = value) => {
    expect(attribute('org.example.app/x', value)).toStrictEqual(written)
  })

  it.each([
    ['a float', 1.5],
    ['NaN', Number.NaN],
    ['an integer beyond 2^53 - 1', 2 ** 53],
    ['a bigint beyond 2^53 - 1', 2n ** 53n],
    ['-0', -0],
    ['a date', new Date(0)],
    ['a function', () => 1],
    ['a map of another kind', new Map()],
    ['undefined inside', { a: undefined }],
    ['a lone surrogate', ['\ud800']],
    ['a forbidden key inside', { constructor: 1 }],
    ['deeper than a document goes', nested(15)],
    ['more items than a document has', Array.from({ length: 4_096 }, () => 0)]
  ])('refuses what none can hold, by the attribute: %s', (_, value) => {
    expect(refusal('org.example.app/x', value)).toBe('org.example.app/x')
  })

  it('leaves out null, empty text and empty lists, and no other emptiness', () => {
    expect(encodeAttributes({ name: null, bio: '', tags: [], links: undefined as never, 'a/zero': 0, 'a/no': false, 'a/map': {}, 'a/bytes': new Uint8Array() })).toEqual({ 'a/zero': 0, 'a/no': false, 'a/map': {}, 'a/bytes': new Uint8Array() })
  })

  it('shares nothing with what it makes', () => {
    const bytes = Uint8Array.of(1, 2)
    const attrs = encodeAttributes(frozen({ 'a/b': { bytes, list: [1] }, tags: ['a'] }))
    bytes.fill(0)
    expect(attrs).toEqual({ 'a/b': { bytes: Uint8Array.of(1, 2), list: [1] }, tags: ['a'] })
  })
})

describe('kind and listed', () => {
  it('are no attributes', () => {
    expect(encodeAttributes({ kind: 'home', listed: true, name: 'A' })).toEqual({ name: 'A' })
  })

  it.each([
    [undefined, undefined],
    [null, undefined],
    ['home', 'home'],
    ['k'.repeat(64), 'k'.repeat(64)],
    ['é'.repeat(32), 'é'.repeat(32)]
  ])('take the kind %j', (kind, read) => {
    expect(readKind({ kind } as ProfileDraft)).toBe(read)
  })

  it.each(['', 'k'.repeat(65), 'é'.repeat(33), 5, ['home'], '\ud800'])('refuse the kind %j', (kind) => {
    expect(() => readKind({ kind } as ProfileDraft)).toThrow(InvalidDraftError)
  })

  it('list nobody who did not say so in so many words', () => {
    expect([true, false, null, undefined].map((listed) => readListed({ listed } as ProfileDraft))).toEqual([true, false, false, false])
    for (const listed of ['no', 'false', 'true', 1, 0, '', []]) expect(() => readListed({ listed } as never)).toThrow(InvalidDraftError)
  })
})

describe('draftOf', () => {
  it('reads back what a writer would write', () => {
    const draft = { kind: 'persona', listed: true, name: 'Alice', location: { lat: 51.7548, lon: -1.2544 }, avatar: { cid: section, type: 'image/png', size: 5 }, links: [{ url: 'https://a.example' }], 'a/b': [1] }
    expect(draftOf({ kind: 'persona', listed: true, attrs: encodeAttributes(draft) })).toEqual(draft)
  })

  it('leaves out what a view leaves out, and attributes that are named as fields of a draft', () => {
    expect(draftOf({ kind: 'home', attrs: { kind: 'robot', listed: true, name: 5, 'Not A Key': 1, bio: 'kept' } })).toEqual({ kind: 'home', bio: 'kept' })
    expect(draftOf({ kind: 'home', listed: false, attrs: {} })).toEqual({ kind: 'home' })
  })

  it('gives links as CIDs', () => {
    const { avatar } = draftOf({ kind: 'persona', attrs: { avatar: { cid: section, type: 'image/png', size: 5 } } })
    expect(CID.asCID(avatar!.cid)?.equals(section)).toBe(true)
  })
})

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)
