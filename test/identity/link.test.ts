import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { utf8Length } from '../../src/bytes.ts'
import { MercuryError } from '../../src/errors.ts'
import { formatLink, parseLink, type LinkDraft } from '../../src/identity/link.ts'
import { parseProfileId } from '../../src/identity/profile-id.ts'
import { hex, readFrozen, unhex } from '../vectors/frozen.ts'
import type { LinkCase, MalformedCase, SpellingCase } from '../vectors/make-identity.ts'

const frozen = readFrozen<{ links: LinkCase[]; spellings: SpellingCase[]; malformed: MalformedCase[] }>('identity', 'links', 'spellings', 'malformed')
const ids = [...new Set(frozen.spellings.map(({ id }) => id))].map(parseProfileId)
const [id, home] = ids as [typeof ids[0], typeof ids[0]]
const CID_TEXT = 'bafyreihdb57fdysx5h35urvxz64ros7zvywshber7id6t6c6fek37jgyfe'
const NEXT_TEXT = 'AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8'
const documentCid = (digest: Uint8Array) => CID.createV1(0x71, createDigest(0x12, digest))
const invalid = (reason: RegExp) => expect.objectContaining({ name: 'InvalidLinkError', code: 'INVALID_LINK', message: expect.stringMatching(reason) as string })
const overLimit = (max: number, value: number) => expect.objectContaining({ code: 'LIMIT_EXCEEDED', max, value })
const link = (query: string) => `mercury:${id}?${query}`

describe('links', () => {
  it.each(frozen.links)('are read and written as frozen: $text', ({ text, id, home, addresses, cid, name, next }) => {
    const parsed = parseLink(text)
    expect(parsed).toEqual({ id, addresses, ...(home ? { home } : {}), ...(cid ? { cid: CID.parse(cid) } : {}), ...(name ? { name } : {}), ...(next ? { next: unhex(next) } : {}) })
    expect(formatLink(parsed)).toBe(text)
  })

  it('are also all spellings of a profile ID, with nothing but the ID', () => {
    for (const { text, id } of frozen.spellings.filter(({ text }) => !text.includes('?'))) expect(parseLink(text)).toEqual({ id, addresses: [] })
  })

  it('are not what is no profile ID', () => {
    for (const { text, comment } of frozen.malformed) expect(() => parseLink(text), comment).toThrow(expect.objectContaining({ code: 'INVALID_PROFILE_ID' }))
    for (const bad of [`mercury:${id}0?name=A`, 'mercury:?name=A', `mercury:${id}#a?name=A`, link('home=k51'), link('home='), link(`home=${home}0`)]) expect(() => parseLink(bad), bad).toThrow(expect.objectContaining({ code: 'INVALID_PROFILE_ID' }))
  })

  const text = (unit: 'grapheme' | 'binary', maxBytes: number) => fc.string({ unit, minLength: 1, maxLength: 80 }).filter((value) => value.isWellFormed() && utf8Length(value) <= maxBytes && !/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(value))
  const digests = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const drafts: fc.Arbitrary<LinkDraft> = fc.record({
    id: fc.constantFrom(...ids), home: fc.constantFrom(...ids), addresses: fc.array(text('binary', 127).map((rest) => `/${rest}`), { maxLength: 4 }),
    cid: digests.map(documentCid), name: text('binary', 256), next: digests
  }, { requiredKeys: ['id'] })

  it('come back from their text, whatever they hold', () => {
    fc.assert(fc.property(drafts, (draft) => {
      const text = formatLink(draft)
      expect(text).toMatch(/^[!-~]+$/)
      const { cid, ...parsed } = parseLink(text)
      const { cid: expected, ...rest } = draft
      expect(parsed).toEqual({ addresses: [], ...rest })
      expect(cid?.toString()).toBe(expected?.toString())
      expect(parseProfileId(text)).toBe(draft.id)
    }), { numRuns: 300 })
  })

  it('are read or refused with a typed error, whatever the query', () => {
    const pieces = fc.constantFrom('home', 'addr', 'cid', 'name', 'next', '=', '&', '?', '%', '%2', '%20', '%ff', '%00', '+', '/', 'a', 'é', '#', ' ', id, CID_TEXT, NEXT_TEXT, '\ud800', '__proto__')
    fc.assert(fc.property(fc.array(pieces, { maxLength: 12 }).map((parts) => link(parts.join(''))), (text) => {
      try {
        const parsed = parseLink(text)
        expect(parseLink(formatLink(parsed))).toEqual(parsed)
      } catch (error) {
        expect(error).toBeInstanceOf(MercuryError)
        expect(['INVALID_LINK', 'INVALID_PROFILE_ID', 'LIMIT_EXCEEDED']).toContain((error as MercuryError).code)
      }
    }), { numRuns: 2_000 })
  })

  it('ignore parameters of other names, however often they come', () => {
    expect(parseLink(link('x=1&x=2&org.example.app/key=%E7%8C%AB&flag&__proto__=1&constructor=2&Name=B&name=A'))).toEqual({ id, addresses: [], name: 'A' })
    expect(({} as Record<string, unknown>)[1]).toBeUndefined()
  })

  it('take a parameter by its decoded name and refuse it twice, also when it is spelled differently', () => {
    expect(parseLink(link('%6eame=A')).name).toBe('A')
    for (const [name, value] of [['home', home], ['cid', CID_TEXT], ['name', 'A'], ['next', NEXT_TEXT]] as const) {
      expect(() => parseLink(link(`${name}=${value}&x=1&${name}=${value}`)), name).toThrow(invalid(new RegExp(`${name} more than once`)))
    }
    expect(() => parseLink(link('name=A&n%61me=B'))).toThrow(invalid(/name more than once/))
  })

  it('take `+` as it is, and a `=` in a value', () => {
    expect(parseLink(link('name=a+b=c')).name).toBe('a+b=c')
  })

  it.each([
    ['a % alone', 'name=100%'], ['one hexadecimal digit', 'name=%4'], ['no hexadecimal digits', 'name=%zz'], ['a space', 'name=a b'], ['a letter outside ASCII', 'name=é'], ['a fragment', 'name=a#b'],
    ['a quote', 'name="a"'], ['a bracket', 'name=[a]'], ['a backslash', 'name=a\\b'], ['a line break', 'name=a\n'], ['a lone surrogate', 'name=\ud800'], ['a bad one in a parameter that is ignored', 'x=%zz&name=A']
  ])('must be percent-encoded strictly: %s', (_, query) => {
    expect(() => parseLink(link(query))).toThrow(invalid(/percent-encoded/))
  })

  it.each([['bytes that are not UTF-8', 'name=%ff'], ['an overlong slash', 'name=%c0%af'], ['half of a pair', 'name=%ed%a0%80'], ['the same in a name', '%ff=1']])('must percent-encode UTF-8, not %s', (_, query) => {
    expect(() => parseLink(link(query))).toThrow(invalid(/not UTF-8/))
  })

  it.each(['', '&', 'name=A&', '&name=A', 'name=A&&x=1', '=A', 'name=A&=B'])('have no parameter without a name: "%s"', (query) => {
    expect(() => parseLink(link(query))).toThrow(invalid(/without a name/))
  })

  it.each([
    ['name', 'name='], ['name', 'name'], ['addr', 'addr='], ['addr', 'addr=%00'], ['addr', 'addr=ip4/192.0.2.1'], ['addr', 'addr=https://home.example'], ['addr', 'addr=/dns4/a%0Ab'], ['cid', 'cid='], ['cid', 'cid=bafy'],
    ['cid', `cid=${CID_TEXT.toUpperCase()}`], ['cid', `cid=b${CID_TEXT.slice(1).toUpperCase()}`], ['cid', `cid=${CID_TEXT}=`], ['cid', `cid=/ipfs/${CID_TEXT}`], ['cid', 'cid=QmcZ4WbL8avqYZ3ZkYxzBmqWJhXcbyGx1yfQDL6UpSSZ5P'],
    ['cid', 'cid=bafkreihdb57fdysx5h35urvxz64ros7zvywshber7id6t6c6fek37jgyfe'], ['cid', 'cid=bafyqaaa'], ['next', 'next='], ['next', `next=${NEXT_TEXT}=`], ['next', `next=${NEXT_TEXT}A`], ['next', `next=${NEXT_TEXT.slice(0, -1)}`],
    ['next', `next=${NEXT_TEXT.slice(0, -1)}9`], ['next', `next=${NEXT_TEXT.replaceAll('_', '/')}`], ['next', `next=${'A'.repeat(42)}`], ['next', `next=${'A'.repeat(44)}`]
  ])('have a well-formed %s, not %s', (what, query) => {
    expect(() => parseLink(link(query))).toThrow(invalid(new RegExp(`${what}|multiaddr`)))
  })

  it.each(['\0', '\n', '\u001f', '\u007f', '\u0085', '\u009f', '\u202a', '\u202e', '\u2066', '\u2069'])('have no control character in a name: %j', (control) => {
    expect(() => parseLink(link(`name=a${encodeURIComponent(control)}b`))).toThrow(invalid(/control characters/))
    expect(() => formatLink({ id, name: `a${control}b` })).toThrow(invalid(/control characters/))
    expect(() => formatLink({ id, addresses: [`/a${control}`] })).toThrow(invalid(/control characters/))
  })

  it('take what is beside those controls', () => {
    for (const name of [' ', '~', '\u00a0', '\u2029', '\u202f', '\u2065', '\u206a', '\u200d', 'عربى']) expect(parseLink(formatLink({ id, name })).name).toBe(name)
  })

  it('are not written of what could not be read', () => {
    expect(() => formatLink({ id, name: '' })).toThrow(invalid(/name is empty/))
    expect(() => formatLink({ id, name: '\ud800' })).toThrow(invalid(/lone surrogate/))
    expect(() => formatLink({ id, addresses: ['ip4'] })).toThrow(invalid(/multiaddr/))
    expect(() => formatLink({ id, next: new Uint8Array(31) })).toThrow(invalid(/31 bytes, not 32/))
    const digest = createDigest(0x12, new Uint8Array(32))
    for (const cid of [CID.createV1(0x55, digest), CID.createV1(0x70, digest).toV0(), CID.createV1(0x71, createDigest(0x12, new Uint8Array(31))), CID.createV1(0x71, createDigest(0, new Uint8Array(32)))]) expect(() => formatLink({ id, cid })).toThrow(invalid(/not of a document/))
  })
})

describe('limits of links', () => {
  it('4,096 characters', () => {
    const of = (length: number) => link('x='.padEnd(length - id.length - 9, 'x'))
    expect(of(4_096)).toHaveLength(4_096)
    expect(parseLink(of(4_096))).toEqual({ id, addresses: [] })
    expect(() => parseLink(of(4_097))).toThrow(overLimit(4_096, 4_097))
    expect(() => parseLink(link('x'.repeat(10_000_000)))).toThrow(overLimit(4_096, 10_000_000 + id.length + 9))
    expect(() => formatLink({ id, addresses: Array.from({ length: 16 }, () => `/${'猫'.repeat(42)}`) })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', limit: 'link characters' }))
  })

  it('256 bytes of name', () => {
    for (const [name, over] of [['a'.repeat(256), 'a'.repeat(257)], ['猫'.repeat(85), '猫'.repeat(86)]] as const) {
      expect(parseLink(formatLink({ id, name })).name).toBe(name)
      expect(() => parseLink(link(`name=${encodeURIComponent(over)}`))).toThrow(overLimit(256, utf8Length(over)))
      expect(() => formatLink({ id, name: over })).toThrow(overLimit(256, utf8Length(over)))
    }
  })

  it('16 addresses of 128 bytes', () => {
    const address = `/${'a'.repeat(127)}`
    expect(parseLink(formatLink({ id, addresses: Array.from({ length: 16 }, () => address) })).addresses).toHaveLength(16)
    expect(() => parseLink(link(`addr=${address}a`))).toThrow(overLimit(128, 129))
    expect(() => parseLink(link(Array.from({ length: 17 }, () => 'addr=/a').join('&')))).toThrow(overLimit(16, 17))
    expect(() => formatLink({ id, addresses: Array.from({ length: 17 }, () => '/a') })).toThrow(overLimit(16, 17))
  })

  it('32 bytes of next', () => {
    expect(hex(parseLink(link(`next=${'A'.repeat(43)}`)).next!)).toBe('00'.repeat(32))
  })
})
