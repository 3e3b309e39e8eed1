import fc from 'fast-check'
import { base64url } from 'multiformats/bases/base64'
import { describe, expect, test } from 'vitest'
import { decodeCborMap, encodeCbor } from '../../src/cbor.ts'
import { formatAgreement, formatDescription, formatRequest, readAgreement, readDescription, readRequest, termsDigest, type Agreement, type HomeDescription } from '../../src/hosting/agreement.ts'
import { MAX_INVITATION_USES, createInvitation, formatHomeLink, parseHomeLink, verifyInvitation } from '../../src/hosting/invitation.ts'
import { JsonShape, parseJson } from '../../src/hosting/json-shape.ts'
import { MAX_PROFILE_ANSWER_BYTES, decodeProfileAnswer, encodeProfileAnswer } from '../../src/hosting/profile-answer.ts'
import { MercuryError, acceptHosting, createPledge, createSigner } from '../../src/index.ts'
import { NOON, signerOf } from '../client/world.ts'

const SECONDS = NOON / 1_000
const json = (value: unknown): JsonShape => parseJson(new TextEncoder().encode(JSON.stringify(value)), 'message')
const asThrown = async (work: () => unknown): Promise<unknown> => {
  try {
    return ['no error', await work()]
  } catch (error) {
    return error
  }
}

describe('an invitation', () => {
  test('verifies for its home until it expires', async () => {
    const home = await signerOf(1)
    const voucher = await createInvitation({ expires: SECONDS + 60, uses: 3 }, home)
    expect(voucher).toMatch(/^[\w-]+$/)
    const verified = await verifyInvitation(voucher, { home: home.id, now: NOON + 59_999 })
    expect(verified).toMatchObject({ home: home.id, expires: SECONDS + 60, uses: 3 })
    await expect(verifyInvitation(voucher, { home: home.id, now: NOON + 60_000 })).rejects.toMatchObject({ code: 'INVITATION_EXPIRED' })
    expect(await verifyInvitation(voucher, { home: home.id })).toEqual(verified)
    await expect(verifyInvitation(voucher, { home: (await signerOf(2)).id })).rejects.toMatchObject({ code: 'INVALID_INVITATION' })
    expect(await createInvitation({ expires: SECONDS + 60, uses: 3 }, home)).not.toBe(voucher)
  })

  test.each([[0, 'INVALID_INVITATION'], [MAX_INVITATION_USES + 1, 'LIMIT_EXCEEDED']])('is not good for %i uses', async (uses, code) => {
    await expect(createInvitation({ expires: SECONDS, uses }, await signerOf(1))).rejects.toMatchObject({ code })
  })

  test('has one spelling alone: its uses are counted under its bytes', async () => {
    const home = await signerOf(1)
    const voucher = await createInvitation({ expires: SECONDS + 60 }, home)
    const { digest } = await verifyInvitation(voucher, { home: home.id })
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (const last of alphabet) {
      const other = await verifyInvitation(voucher.slice(0, -1) + last, { home: home.id }).catch(() => undefined)
      if (other) expect(other.digest).toBe(digest)
    }
    for (const other of [`${voucher}=`, `${voucher}A`, ` ${voucher}`, `${voucher}\n`]) {
      const read = await verifyInvitation(other, { home: home.id }).catch(() => undefined)
      if (read) expect(read.digest).toBe(digest)
    }
  })

  test('with other keys, or another version, is refused', async () => {
    const home = await signerOf(1)
    const map = decodeCborMap(base64url.baseDecode(await createInvitation({ expires: SECONDS + 60 }, home)))
    const damaged = (change: object): string => base64url.baseEncode(encodeCbor({ ...map, ...change }))
    await expect(verifyInvitation(damaged({ uses: 1_000 }), { home: home.id })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(verifyInvitation(damaged({ more: 1 }), { home: home.id })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(verifyInvitation(damaged({ v: 2 }), { home: home.id })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(verifyInvitation('A'.repeat(513), { home: home.id })).rejects.toMatchObject({ code: 'INVALID_INVITATION' })
    await expect(verifyInvitation('', { home: home.id })).rejects.toMatchObject({ code: 'INVALID_INVITATION' })
  })

  test('of whatever text is an error of this library', async () => {
    const { id } = await signerOf(1)
    await fc.assert(fc.asyncProperty(fc.oneof(fc.string(), fc.uint8Array().map((bytes) => base64url.baseEncode(bytes)), fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.string())).map((map) => { try { return base64url.baseEncode(encodeCbor(map)) } catch { return '' } })), async (text) => {
      expect(await asThrown(() => verifyInvitation(text, { home: id }))).toBeInstanceOf(MercuryError)
    }))
  })

  test('stands in a link that names the home and its addresses', async () => {
    const home = await signerOf(1)
    const voucher = await createInvitation({ expires: SECONDS + 60 }, home)
    for (const addresses of [[], ['/dns/home.example/tcp/443/https', '/ip4/127.0.0.1/tcp/8080/http']]) {
      expect(parseHomeLink(formatHomeLink({ home: home.id, addresses, voucher }))).toEqual({ home: home.id, addresses, voucher })
      expect(parseHomeLink(formatHomeLink({ home: home.id, addresses }))).toEqual({ home: home.id, addresses })
    }
    expect(() => parseHomeLink(`mercury:${home.id}?invitation=`)).toThrow(expect.objectContaining({ code: 'INVALID_INVITATION' }))
  })
})

describe('a description', () => {
  const description: HomeDescription = { home: 'k51qzi5uqu5djejcj9das04p3wen7mowcz0z5iq3tw0yxaa8ko01odjley7fdg' as HomeDescription['home'], policy: 'invitation', addresses: ['/dns/home.example/tcp/443/https'], peer: '12D3KooWGRUVh1uHdF1HBZqFFCYQmBHLVYnhMUjiX9hbMTAZbyNw', terms: { text: 'Be kind.', digest: termsDigest('Be kind.') }, limits: { profiles: 1, quotaBytes: 2, unhostedDays: 3, offerHours: 4 } }
  test('comes back as it went, with the digest of the terms that were read', async () => {
    expect(readDescription(json(formatDescription(description)))).toEqual(description)
    const lied = formatDescription({ ...description, terms: { text: 'Be kind.', digest: new Uint8Array(32) } })
    expect(readDescription(json(lied)).terms!.digest).toEqual(termsDigest('Be kind.'))
  })

  test.each([['home', 'bafzaa'], ['home', undefined], ['policy', 'whatever'], ['addresses', Array.from({ length: 5 }, () => '/ip4/1.2.3.4')], ['addresses', ['x'.repeat(129)]], ['addresses', 'x'], ['limits', {}], ['limits', undefined], ['terms', { text: '' }], ['terms', { text: 'x'.repeat(65_537) }], ['peer', 7]])('with a wrong %s is refused', (key, value) => {
    expect(() => readDescription(json({ ...formatDescription(description), [key]: value }))).toThrow(expect.objectContaining({ code: 'INVALID_MESSAGE' }))
  })
})

describe('a request for an agreement', () => {
  test('comes back as it went', async () => {
    const alice = await signerOf(2)
    const request = { persona: alice.id, next: alice.pledge!.next, pledge: alice.pledge!.sig, voucher: 'abc', terms: termsDigest('x'), peer: '12D3Koo' }
    expect(await readRequest(json(formatRequest(request)))).toEqual(request)
    expect(await readRequest(json(formatRequest({ persona: alice.id, next: null })))).toEqual({ persona: alice.id, next: null })
  })

  test('with a pledge of somebody else, or none, is refused', async () => {
    const [alice, bob] = [await signerOf(2), await signerOf(3)]
    await expect(readRequest(json(formatRequest({ persona: alice.id, next: bob.pledge!.next, pledge: bob.pledge!.sig })))).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(readRequest(json(formatRequest({ persona: alice.id, next: alice.pledge!.next })))).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
  })
})

describe('an agreement', () => {
  const agreed = async (): Promise<Agreement> => {
    const alice = await signerOf(2)
    return { persona: alice.id, state: 'offered', acceptance: await acceptHosting({ persona: alice.id, since: 1, until: 2, next: alice.pledge!.next, addrs: ['/dns/home.example/tcp/443/https'] }, await signerOf(1)), next: alice.pledge!.next, lapsesAt: 5, quotaBytes: 6, usedBytes: 7 }
  }

  test('comes back as it went, its acceptance verified', async () => {
    const [home, alice] = [await signerOf(1), await signerOf(2)]
    const agreement = await agreed()
    expect(await readAgreement(json(formatAgreement(agreement, home.id)), { persona: alice.id, next: alice.pledge!.next, home: home.id })).toEqual(agreement)
  })

  test.each([
    ['another persona', { persona: 3 }, 'INVALID_MESSAGE'],
    ['another home', { home: 4 }, 'INVALID_MESSAGE'],
    ['another since', { since: 2 }, 'INVALID_SIGNATURE'],
    ['no until', { until: undefined }, 'INVALID_SIGNATURE'],
    ['another signature', { sig: base64url.baseEncode(new Uint8Array(64)) }, 'INVALID_SIGNATURE'],
    ['a state that nobody knows', { state: 'forever' }, 'INVALID_MESSAGE'],
    ['a quota below nothing', { quotaBytes: -1 }, 'INVALID_MESSAGE']
  ])('with %s is refused', async (_, change, code) => {
    const [home, alice] = [await signerOf(1), await signerOf(2)]
    const named = Object.fromEntries(await Promise.all(Object.entries(change).map(async ([key, value]) => [key, key === 'persona' || key === 'home' ? (await signerOf(value as number)).id : value])))
    await expect(readAgreement(json({ ...formatAgreement(await agreed(), home.id), ...named }), { persona: alice.id, next: alice.pledge!.next, home: home.id })).rejects.toMatchObject({ code })
  })

  test('for another pledge than was asked for is refused: it would witness somebody else\'s', async () => {
    const [home, alice] = [await signerOf(1), await signerOf(2)]
    const other = (await createPledge(alice, (await createSigner(new Uint8Array(32).fill(77))).publicKey)).next
    await expect(readAgreement(json(formatAgreement(await agreed(), home.id)), { persona: alice.id, next: other, home: home.id })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
  })
})

test('whatever JSON comes, reading it is an error of this library or an answer', async () => {
  const alice = await signerOf(2)
  const keys = ['home', 'policy', 'addresses', 'limits', 'persona', 'next', 'pledge', 'state', 'since', 'sig', '__proto__', 'constructor', 'toString']
  await fc.assert(fc.asyncProperty(fc.oneof(fc.uint8Array(), fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...keys), fc.jsonValue())).map((value) => new TextEncoder().encode(JSON.stringify(value)))), async (bytes) => {
    for (const read of [() => readDescription(parseJson(bytes, 'x')), async () => readRequest(parseJson(bytes, 'x')), async () => readAgreement(parseJson(bytes, 'x'), { persona: alice.id, next: null, home: alice.id })]) {
      expect(await asThrown(read)).toBeInstanceOf(MercuryError)
    }
  }))
})

test('what an object inherits is no field', () => {
  const shape = json({ a: 1 })
  expect(shape.has('toString')).toBe(false)
  expect(() => shape.text('constructor', 10)).toThrow(MercuryError)
  expect(() => json({ text: 'AB' }).bytes('text', 1)).toThrow(MercuryError)
  expect(json({ text: 'AA' }).bytes('text', 1)).toEqual(new Uint8Array(1))
})

describe('an answer about a profile', () => {
  const record = new Uint8Array(10)
  test('comes back as it went', () => {
    for (const answer of [{ hosting: 'active' as const, record }, { hosting: 'ended' as const, record, document: new Uint8Array(65_536), home: new Uint8Array(10_240), succession: { v: 1 } }]) {
      expect(decodeProfileAnswer(encodeProfileAnswer(answer))).toEqual(answer)
    }
  })

  test.each([
    ['no record', { v: 1, hosting: 'active' }, 'INVALID_ANSWER'],
    ['an empty record', { v: 1, hosting: 'active', record: new Uint8Array() }, 'INVALID_ANSWER'],
    ['a record that is too long', { v: 1, hosting: 'active', record: new Uint8Array(10_241) }, 'INVALID_ANSWER'],
    ['a document that is too long', { v: 1, hosting: 'active', record, document: new Uint8Array(65_537) }, 'INVALID_ANSWER'],
    ['a home\'s record that is too long', { v: 1, hosting: 'active', record, home: new Uint8Array(10_241) }, 'INVALID_ANSWER'],
    ['another state', { v: 1, hosting: 'whatever', record }, 'INVALID_ANSWER'],
    ['another version', { v: 2, hosting: 'active', record }, 'UNSUPPORTED'],
    ['a succession that is no map', { v: 1, hosting: 'active', record, succession: 'x' }, 'INVALID_ANSWER'],
    ['more bytes than there may be', { v: 1, hosting: 'active', record, more: new Uint8Array(MAX_PROFILE_ANSWER_BYTES) }, 'LIMIT_EXCEEDED']
  ])('with %s is refused', (_, map, code) => {
    expect(() => decodeProfileAnswer(encodeCbor(map as any))).toThrow(expect.objectContaining({ code }))
  })

  test('of whatever bytes is an error of this library', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => { expect(() => decodeProfileAnswer(bytes)).toThrow(MercuryError) }))
  })
})
