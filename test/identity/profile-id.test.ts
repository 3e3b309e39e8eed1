import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { publicKeyOfPrivate } from '../../src/identity/ed25519.ts'
import { PROFILE_ID_BYTES, decodeProfileId, encodeProfileId, formatProfileId, parseProfileId, profileIdFromPublicKey, publicKeyOf, recallKeyOf, recallProfileId } from '../../src/identity/profile-id.ts'
import { hex, readFrozen, unhex } from '../vectors/frozen.ts'
import { makeIdentity, type MalformedCase, type SpellingCase } from '../vectors/make-identity.ts'

const frozen = readFrozen<{ spellings: SpellingCase[]; malformed: MalformedCase[] }>('identity', 'spellings', 'malformed')
const invalid = expect.objectContaining({ name: 'InvalidProfileIdError', code: 'INVALID_PROFILE_ID' })
const publicKeys = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(publicKeyOfPrivate)

describe('profile IDs', () => {
  it('are as frozen', () => {
    expect(makeIdentity()).toEqual(readFrozen('identity'))
  })

  it.each(frozen.spellings)('are read as $comment: $text', ({ text, id }) => {
    expect(parseProfileId(text)).toBe(id)
  })

  it.each(frozen.malformed)('are not read: $comment', ({ text }) => {
    expect(() => parseProfileId(text)).toThrow(invalid)
  })

  it('refuse malformed text also after the ID was read', () => {
    for (const { text } of frozen.spellings) parseProfileId(text)
    for (const { text } of frozen.malformed) expect(() => parseProfileId(text)).toThrow(invalid)
  })

  it.each([['hashed name', /hash of a key/], ['codec dag-cbor', /not of a libp2p key/], ['RSA key', /not an Ed25519 public key/], ['key of small order', /its order is small/], ['upper case after its prefix', /canonical/]])('say what is wrong with: %s', (comment, reason) => {
    const { text } = frozen.malformed.find((malformed) => malformed.comment === comment)!
    expect(() => parseProfileId(text)).toThrow(reason)
  })

  it('are recalled from the state without their key being admitted again, and no other spelling is', () => {
    const { text } = frozen.malformed.find(({ comment }) => comment === 'key of small order')!
    expect(recallProfileId(text)).toBe(text)
    expect(() => parseProfileId(text)).toThrow(invalid)
    const { text: upper } = frozen.malformed.find(({ comment }) => comment === 'upper case after its prefix')!
    expect(() => recallProfileId(upper)).toThrow(invalid)
    for (const { text: spelled, id } of frozen.spellings) expect(recallProfileId(spelled)).toBe(id)
  })

  it('are known by their key when that was recalled', () => {
    const publicKey = publicKeyOfPrivate(new Uint8Array(32).fill(77))
    const id = recallProfileId('k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r')
    recallKeyOf(id)
    expect(profileIdFromPublicKey(publicKeyOf(id))).toBe(id)
    expect(profileIdFromPublicKey(publicKey)).not.toBe(id)
  })

  it('come back from every spelling of every key', () => {
    fc.assert(fc.property(publicKeys, (publicKey) => {
      const id = profileIdFromPublicKey(publicKey)
      expect(id).toMatch(/^k51[0-9a-z]{59}$/)
      expect(publicKeyOf(id)).toEqual(publicKey)
      for (const as of ['ipns', 'did', 'peer'] as const) expect(parseProfileId(formatProfileId(id, as))).toBe(id)
      expect(encodeProfileId(id)).toHaveLength(PROFILE_ID_BYTES)
      expect(decodeProfileId(encodeProfileId(id))).toBe(id)
    }), { numRuns: 60 })
  })

  it('have one form of each spelling: a change of any character is refused or is another ID', () => {
    fc.assert(fc.property(fc.constantFrom(...frozen.spellings.filter(({ text }) => !text.includes('?'))), fc.nat(), fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ=+/ -_\0é\ud800'.split('')), fc.constantFrom('replace', 'insert', 'delete'), ({ text, id }, at, character, change) => {
      const position = at % text.length
      const changed = text.slice(0, position) + (change === 'delete' ? '' : character) + text.slice(position + (change === 'insert' ? 0 : 1))
      fc.pre(changed !== text)
      let other: string
      try {
        other = parseProfileId(changed)
      } catch (error) {
        expect(error).toEqual(invalid)
        return
      }
      expect(other).not.toBe(id)
    }), { numRuns: 600 })
  })

  it('refuse any other text, in bounded time and with a bounded message', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom('k', 'b', '12D3Koo', 'did:key:z', '/ipns/k', 'mercury:k').chain((prefix) => fc.string({ maxLength: 130 }).map((rest) => prefix + rest))), (text) => {
      expect(() => parseProfileId(text)).toThrow(invalid)
    }))
    for (const huge of ['k', 'k51', 'bafzaa', '12D3Koo', 'did:key:z6Mk', '/ipns/k51', 'mercury:', 'mercury:k51', 'mercury:?', '?'].map((prefix) => prefix.padEnd(10_000_000, '5'))) {
      expect(() => parseProfileId(huge)).toThrow(invalid)
      expect(messageOf(() => parseProfileId(huge)).length).toBeLessThan(300)
    }
  })

  it('are limited to 128 characters, links to 4,096', () => {
    const { text } = frozen.spellings[0]!
    const hinted = (length: number) => `mercury:${text}?x=`.padEnd(length, 'x')
    expect(parseProfileId(hinted(4_096))).toBe(text)
    expect(() => parseProfileId(hinted(4_097))).toThrow(/limited to 4096 characters/)
    expect(() => parseProfileId(text.padEnd(129, '0'))).toThrow(/longer than 128 characters/)
    expect(() => parseProfileId(text.padEnd(128, '0'))).not.toThrow(/longer than/)
  })

  it('refuse what is not text', () => {
    for (const value of [undefined, null, 7, {}, ['k51'], new Uint8Array(38)]) expect(() => parseProfileId(value as unknown as string)).toThrow(invalid)
  })

  it('are read from exactly the 38 bytes that stand in documents', () => {
    const bytes = encodeProfileId(parseProfileId(frozen.spellings[0]!.text))
    for (const wrong of [new Uint8Array(), bytes.subarray(1), bytes.subarray(0, 37), Uint8Array.of(...bytes, 0), unhex(`1220${hex(bytes).slice(4)}`)]) expect(() => decodeProfileId(wrong)).toThrow(invalid)
    for (let at = 0; at < 6; at++) expect(() => decodeProfileId(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)))).toThrow(invalid)
    const smallOrder = Uint8Array.of(...bytes.subarray(0, 6), 1, ...new Uint8Array(31))
    expect(() => decodeProfileId(smallOrder)).toThrow(/its order is small/)
  })

  it('give out copies: changing one changes no ID', () => {
    const id = parseProfileId(frozen.spellings[0]!.text)
    const before = hex(publicKeyOf(id))
    publicKeyOf(id).fill(0)
    encodeProfileId(id).fill(0)
    const publicKey = publicKeyOf(id)
    profileIdFromPublicKey(publicKey)
    publicKey.fill(0)
    expect(hex(publicKeyOf(id))).toBe(before)
  })

  it('still know their keys when thousands of others were read since', () => {
    const id = parseProfileId(frozen.spellings[0]!.text)
    const publicKey = publicKeyOf(id)
    for (let i = 0; i < 4_200; i++) profileIdFromPublicKey(publicKeyOfPrivate(unhex(i.toString(16).padStart(64, '0'))))
    expect(publicKeyOf(id)).toEqual(publicKey)
    expect(encodeProfileId(id)).toEqual(Uint8Array.of(0, 36, 8, 1, 18, 32, ...publicKey))
  })
})

const messageOf = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    return (error as Error).message
  }
  return ''
}
