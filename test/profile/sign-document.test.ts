import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { beforeAll, describe, expect, it } from 'vitest'
import { utf8Length } from '../../src/bytes.ts'
import type { CborMap } from '../../src/cbor.ts'
import { LimitError } from '../../src/errors.ts'
import { MAX_DOCUMENT_BYTES, MAX_TAG_BYTES } from '../../src/limits.ts'
import { acceptHosting } from '../../src/profile/acceptance.ts'
import { signDocument, verifyDocument, type ProfileDocument, type SignDocumentOptions } from '../../src/profile/document.ts'
import { draftOf, type ProfileDraft } from '../../src/profile/draft.ts'
import { createSuccession } from '../../src/profile/succession.ts'
import { viewProfile } from '../../src/profile/view.ts'
import { blockCid, encode, keyPair, sealed } from '../vectors/forge.ts'
import { TIME, alice, aliceNext, aliceUnpledged, bob, frozen, home } from './cast.ts'

const section = blockCid(Uint8Array.of(1), 0x55)
const sign = (draft: ProfileDraft, options: SignDocumentOptions & { signer?: typeof alice } = {}) => {
  const { signer = alice, ...rest } = options
  return signDocument(draft, signer, { seq: TIME + 5, prev: null, time: TIME }, rest)
}
/** A document that another program wrote, with attributes that no draft can hold. */
const foreign = async (change: CborMap, attrs: CborMap = {}): Promise<ProfileDocument> => {
  const key = keyPair('alice')
  const bytes = encode(sealed('mercury/profile/1', { v: 1, kind: 'persona', id: key.idBytes, seq: 1, time: TIME, prev: null, next: null, attrs, ...change }, key))
  return (await verifyDocument(bytes, { id: alice.id })).document
}

let carried: CborMap
let base: ProfileDocument

beforeAll(async () => {
  const homes = [await acceptHosting({ persona: alice.id, since: TIME, next: alice.pledge!.next, addrs: ['/dns4/home.example/tcp/4001'] }, home)]
  carried = { homes, addrs: ['/ip4/192.0.2.1/tcp/4001'], index: homes[0]!.id, sealed: [section], keys: { x25519: new Uint8Array(32).fill(1), other: 1 }, crit: ['attrs'], unknown: { list: [1, null] } }
  base = frozen((await sign({ name: 'Alice', bio: 'old', 'org.example.app/x': 1, 'org.example.app/y': 2 }, { fields: carried })).document)
})

describe('signDocument', () => {
  it('writes what it is told, and nothing that is empty', async () => {
    const { document } = await signDocument({ name: 'Alice', bio: '', tags: null, links: [] }, alice, { seq: 7, prev: new Uint8Array(32).fill(2), time: TIME + 3_600 })
    expect(document).toEqual({ v: 1, kind: 'persona', id: document.id, seq: 7, time: TIME + 3_600, prev: new Uint8Array(32).fill(2), next: alice.pledge!.next, pledge: alice.pledge!.sig, attrs: { name: 'Alice' }, sig: document.sig })
  })

  it('leaves out empty fields, and lists only who asks for it', async () => {
    const { document } = await sign({ listed: false }, { fields: { homes: [], addrs: [], sealed: [], keys: {}, crit: [], listed: false } })
    expect(Object.keys(document).sort()).toEqual(['attrs', 'id', 'kind', 'next', 'pledge', 'prev', 'seq', 'sig', 'time', 'v'])
    expect((await sign({ listed: true })).document.listed).toBe(true)
  })

  it('says that there will never be a next key when the signer has no pledge', async () => {
    const { document } = await sign({}, { signer: bob })
    expect(document.next).toBeNull()
    expect('pledge' in document).toBe(false)
  })

  it.each([
    ['persona', undefined, TIME],
    ['persona', 'persona', TIME],
    ['home', 'home', TIME + 3_599],
    ['an unknown kind', 'robot', TIME + 3_599]
  ])('rounds the time of a persona only: %s', async (_, kind, time) => {
    const { document } = await signDocument(kind === undefined ? {} : { kind }, alice, { seq: 1, prev: null, time: TIME + 3_599 })
    expect(document.time).toBe(time)
  })

  it.each([
    ['seq', { seq: -1 }],
    ['seq', { seq: 1.5 }],
    ['seq', { seq: 2 ** 53 }],
    ['seq', { seq: Number.NaN }],
    ['time', { time: -1 }],
    ['time', { time: Number.NaN }],
    ['prev', { prev: new Uint8Array(31) }]
  ])('refuses a %s that no document can hold: %j', async (_, change) => {
    await expect(signDocument({}, alice, { seq: 1, prev: null, time: TIME, ...change })).rejects.toMatchObject({ code: expect.stringMatching(/^INVALID_(DOCUMENT|CBOR)$/) as string })
  })

  it('signs 65,536 bytes and refuses one more by limit and size', async () => {
    const empty = (await sign({ 'a/b': new Uint8Array(60_000) })).bytes.byteLength - 60_000
    const { bytes } = await sign({ 'a/b': new Uint8Array(MAX_DOCUMENT_BYTES - empty) })
    expect(bytes.byteLength).toBe(65_536)
    const error = await sign({ 'a/b': new Uint8Array(MAX_DOCUMENT_BYTES - empty + 1) }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LimitError)
    expect(error).toMatchObject({ limit: 'document bytes', max: 65_536, value: 65_537 })
  })

  it('refuses fields that make no document', async () => {
    await expect(sign({}, { fields: { homes: [{}] } })).rejects.toMatchObject({ code: 'INVALID_DOCUMENT', path: 'homes[0].id' })
    await expect(sign({}, { fields: { crit: ['unheard-of'] } })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(sign({ name: 'A' }, { fields: { gone: true } })).rejects.toMatchObject({ code: 'INVALID_DOCUMENT', path: 'attrs' })
  })

  it('neither changes nor keeps what it is given', async () => {
    const bytes = new Uint8Array(8).fill(3)
    const draft = frozen({ name: 'A', tags: ['a'], 'a/b': { bytes }, location: { lat: 1, lon: 2 }, links: [{ url: 'https://a.example' }] })
    const fields = frozen({ ...carried, more: { bytes } })
    const { document } = await sign(draft, { base, before: frozen(draftOf(base)), fields })
    bytes.fill(0)
    expect((document.attrs['a/b'] as CborMap).bytes).toEqual(new Uint8Array(8).fill(3))
    expect((document.more as CborMap).bytes).toEqual(new Uint8Array(8).fill(3))
  })
})

describe('over the document before', () => {
  it('carries over what the draft does not speak of', async () => {
    const { document } = await sign({ name: 'Alice L.' }, { base })
    for (const [key, value] of Object.entries(carried)) expect(document[key]).toEqual(value)
    expect(document.next).toEqual(base.next)
    expect(document.pledge).toEqual(base.pledge)
    expect(document.kind).toBe('persona')
  })

  it('carries over the pledge where the signer does not know it', async () => {
    const { document } = await sign({}, { base, signer: aliceUnpledged })
    expect(document.next).toEqual(alice.pledge!.next)
    expect(document.pledge).toEqual(alice.pledge!.sig)
  })

  it('never changes the pledge, and never adds one', async () => {
    const other = { ...alice, pledge: { next: new Uint8Array(32), sig: new Uint8Array(64) } }
    await expect(sign({}, { base, signer: other })).rejects.toMatchObject({ code: 'CONTESTED' })
    const unpledged = (await sign({}, { signer: aliceUnpledged })).document
    expect((await sign({}, { base: unpledged })).document.next).toBeNull()
  })

  it('never changes the kind', async () => {
    await expect(sign({ kind: 'home' }, { base })).rejects.toMatchObject({ code: 'INVALID_DRAFT', path: 'kind' })
    const robot = (await sign({ kind: 'robot' })).document
    expect((await sign({}, { base: robot })).document.kind).toBe('robot')
    expect((await sign({ kind: 'robot' }, { base: robot })).document.kind).toBe('robot')
  })

  it('carries nothing over from another profile', async () => {
    await expect(sign({}, { base, signer: bob })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('puts fields over those carried, and takes away what they empty', async () => {
    const { document } = await sign({}, { base, fields: { homes: [], addrs: ['/ip4/192.0.2.2/tcp/1'], unknown: 'other' } })
    expect('homes' in document).toBe(false)
    expect(document.addrs).toEqual(['/ip4/192.0.2.2/tcp/1'])
    expect(document.unknown).toBe('other')
  })

  it('replaces the attributes, but for those of other applications that the draft does not name', async () => {
    const { document } = await sign({ name: 'Alice L.', 'org.example.app/x': null, 'com.example/z': true }, { base })
    expect(document.attrs).toEqual({ name: 'Alice L.', 'org.example.app/y': 2, 'com.example/z': true })
  })

  it('does not list because the document before was listed', async () => {
    const listed = (await sign({ listed: true })).document
    expect('listed' in (await sign({}, { base: listed })).document).toBe(false)
  })

  it('keeps a succession in every later document', async () => {
    const succession = await createSuccession({ from: alice.id, pledge: alice.pledge!, last: null, time: TIME }, aliceNext)
    const first = await sign({ name: 'Alice' }, { signer: aliceNext, fields: { succeeds: succession } })
    const second = await sign({ name: 'Alice L.' }, { signer: aliceNext, base: first.document })
    expect(second.document.succeeds).toEqual(succession)
    await expect(sign({}, { signer: bob, fields: { succeeds: succession } })).rejects.toMatchObject({ code: 'INVALID_DOCUMENT', path: 'succeeds' })
  })
})

describe('a change of the draft that was read from the document before', () => {
  it('leaves everything that it did not touch as it stands, readable or not', async () => {
    const odd = await foreign({}, { name: 'Alice', location: { lat: 1, lon: 2, altitude: 3 }, tags: 'not a list', 'Not A Key': 1, kind: 'an attribute', listed: 'another', deep: { b: [1, { c: null }] } })
    const before = draftOf(odd)
    const { document } = await sign({ ...before, name: 'Alice L.' }, { base: odd, before })
    expect(document.attrs).toEqual({ ...odd.attrs, name: 'Alice L.' })
    const listed = await sign({ ...before, listed: true }, { base: odd, before })
    expect(listed.document.attrs).toEqual(odd.attrs)
    expect(listed.document.listed).toBe(true)
  })

  it('takes away what it deletes or empties, and replaces what it changes', async () => {
    const source = await foreign({}, { name: 'Alice', bio: 'old', tags: ['a'], location: { lat: 1, lon: 2, altitude: 3 }, 'a/b': 1 })
    const before = draftOf(source)
    const { bio: _, ...rest } = before
    const { document } = await sign({ ...rest, tags: [], 'a/b': null, location: { lat: 5, lon: 6 } }, { base: source, before })
    expect(document.attrs).toEqual({ name: 'Alice', location: { lat: 5_000_000, lon: 6_000_000 } })
  })

  it('compares links, bytes and maps by what they hold', async () => {
    const source = await foreign({}, { avatar: { cid: section, type: 'image/png', size: 5, other: 'kept' }, bytes: Uint8Array.of(1, 2) })
    const before = draftOf(source)
    const same = { ...before, avatar: { cid: CID.parse(section.toString()), type: 'image/png', size: 5 }, bytes: Uint8Array.of(1, 2) }
    expect((await sign(same, { base: source, before })).document.attrs).toEqual(source.attrs)
    const other = { ...before, avatar: { cid: blockCid(Uint8Array.of(9), 0x55), type: 'image/png', size: 5 }, bytes: Uint8Array.of(1, 3) }
    expect((await sign(other, { base: source, before })).document.attrs).toEqual({ avatar: { cid: blockCid(Uint8Array.of(9), 0x55), type: 'image/png', size: 5 }, bytes: Uint8Array.of(1, 3) })
  })
})

describe('a tombstone', () => {
  it('empties the profile, and keeps what binds its successor', async () => {
    const { document } = await sign({ name: 'ignored', listed: true }, { base, gone: true })
    expect(document.gone).toBe(true)
    expect(document.attrs).toEqual({})
    for (const key of ['homes', 'sealed', 'addrs', 'index', 'keys', 'listed']) expect(key in document).toBe(false)
    expect(document.next).toEqual(base.next)
    expect(document.pledge).toEqual(base.pledge)
    expect(document.unknown).toEqual(carried.unknown)
  })

  it('is final', async () => {
    const tombstone = (await sign({}, { base, gone: true })).document
    await expect(sign({ name: 'back again' }, { base: tombstone })).rejects.toMatchObject({ code: 'GONE' })
    expect((await sign({}, { base: tombstone, gone: true })).document.gone).toBe(true)
  })
})

describe('any draft', () => {
  const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => text.normalize('NFC')).filter((text) => utf8Length(text) <= MAX_TAG_BYTES)
  const shown = word.filter((text) => !/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text))
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, fc.boolean(), fc.maxSafeInteger(), word, fc.uint8Array({ maxLength: 20 }), fc.constant(null), fc.constant(section), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(word.filter((key) => !['__proto__', 'constructor', 'prototype'].includes(key)), tie('value'), { maxKeys: 3 }))
  })).value.filter((candidate) => candidate !== null && candidate !== '' && !(Array.isArray(candidate) && candidate.length === 0))
  const microdegrees = (max: number) => fc.integer({ min: -max * 1e6, max: max * 1e6 }).map((whole) => whole / 1e6)
  const drafts: fc.Arbitrary<ProfileDraft> = fc
    .record(
      {
        listed: fc.constant(true),
        name: shown,
        bio: word,
        tags: fc.array(word, { minLength: 1, maxLength: 32 }),
        type: word,
        lang: fc.constantFrom('en', 'pt-BR', 'zh-Hant-TW'),
        location: fc.record({ lat: microdegrees(90), lon: microdegrees(180), precision: fc.nat(20_100_000) }, { requiredKeys: ['lat', 'lon'] }),
        avatar: fc.record({ cid: fc.constant(section), type: fc.constant('image/png'), size: fc.integer({ min: 1, max: 1_048_576 }) }),
        links: fc.array(fc.record({ label: word, url: word.map((path) => `https://a.example/${path}`) }, { requiredKeys: ['url'] }), { minLength: 1, maxLength: 5 })
      },
      { requiredKeys: [] }
    )
    .chain((known) => fc.dictionary(fc.stringMatching(/^[a-z0-9._/-]{1,20}$/), value, { maxKeys: 4 }).map((own) => ({ ...own, ...known })))
    .filter((draft) => ['constructor', '__proto__', 'prototype', 'kind'].every((key) => !Object.hasOwn(draft, key)))

  it('is signed, verified and read back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(drafts, async (draft) => {
        const { bytes, document } = await sign(frozen(draft))
        const verified = await verifyDocument(bytes, { id: alice.id })
        expect(verified.document).toEqual(document)
        const { kind, listed = false, ...attributes } = draftOf(verified.document)
        expect(kind).toBe('persona')
        expect({ ...attributes, ...(listed ? { listed } : {}) }).toEqual(plain(draft))
        const view = viewProfile(verified.document)
        expect(view.ignored).toEqual([])
        expect(view.attributes).toEqual(attributes)
      }),
      { numRuns: 100 }
    )
  })

  it('read from a document and signed again unchanged gives the same attributes, byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(drafts, async (draft) => {
        const { document } = await sign(draft)
        const before = draftOf(document)
        expect(encode((await sign(before, { base: document, before })).document.attrs as never)).toEqual(encode(document.attrs as never))
        expect(encode((await sign(before)).document.attrs as never)).toEqual(encode(document.attrs as never))
      }),
      { numRuns: 100 }
    )
  })
})

/** Maps of fast-check have no prototype. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || CID.asCID(value)) return Object.is(value, -0) ? 0 : value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}
