import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { LimitError } from '../../src/errors.ts'
import { acceptHosting, verifyAcceptance, type HostingTerms } from '../../src/profile/acceptance.ts'
import { signDocument, type HomeEntry } from '../../src/profile/document.ts'
import { TIME, alice, bob, bufferView, frozen, home, mallory } from './cast.ts'

const next = alice.pledge!.next
const terms = (change: Partial<HostingTerms> = {}): HostingTerms => ({ persona: alice.id, since: TIME, next, ...change })

describe('an acceptance', () => {
  let entry: HomeEntry
  beforeAll(async () => {
    entry = await acceptHosting(terms({ until: TIME + 100, addrs: ['/dns4/home.example/tcp/4001'] }), home)
  })

  it('stands in the document of the persona', async () => {
    const { document } = await signDocument({}, alice, { seq: 1, prev: null, time: TIME }, { fields: { homes: [entry] } })
    expect(document.homes).toEqual([entry])
    expect(await verifyAcceptance(document.homes![0]!, { persona: alice.id, next: document.next })).toEqual({ home: home.id })
  })

  it('is of any terms what was agreed', async () => {
    const uint = fc.maxSafeInteger().map(Math.abs)
    await fc.assert(
      fc.asyncProperty(uint, fc.option(uint, { nil: undefined }), fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: null }), fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 4 }), async (since, until, digest, addrs) => {
        const accepted = await acceptHosting(frozen({ persona: bob.id, since, ...(until === undefined ? {} : { until }), next: digest, addrs }), home)
        expect(accepted.addrs).toEqual(addrs.length === 0 ? undefined : addrs)
        expect('until' in accepted).toBe(until !== undefined)
        expect(await verifyAcceptance(accepted, { persona: bob.id, next: digest })).toEqual({ home: home.id })
        await expect(verifyAcceptance(accepted, { persona: mallory.id, next: digest })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
      }),
      { numRuns: 100 }
    )
  })

  it('holds until its last second', async () => {
    const at = (second: number) => verifyAcceptance(entry, { persona: alice.id, next, at: second })
    expect(await at(TIME + 99)).toEqual({ home: home.id })
    await expect(at(TIME + 100)).rejects.toMatchObject({ code: 'ACCEPTANCE_ENDED' })
    expect(await at(0)).toEqual({ home: home.id })
  })

  it('is refused with any one bit of its signature flipped', async () => {
    for (let bit = 0; bit < 512; bit++) {
      await expect(verifyAcceptance({ ...entry, sig: entry.sig.with(bit >> 3, entry.sig[bit >> 3]! ^ (1 << (bit & 7))) }, { persona: alice.id, next })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    }
  })

  it('reads Buffers, and shares no list with the terms', async () => {
    const addrs = ['/dns4/home.example/tcp/4001']
    const accepted = await acceptHosting(terms({ addrs }), home)
    addrs.push('changed')
    expect(accepted.addrs).toEqual(['/dns4/home.example/tcp/4001'])
    expect(await verifyAcceptance({ ...entry, id: bufferView(entry.id), sig: bufferView(entry.sig) }, { persona: alice.id, next: bufferView(next) })).toEqual({ home: home.id })
  })

  it.each([
    ['no entry at all', {}],
    ['a map of other types', { id: 'home', since: 'now', sig: null }],
    ['a list', []]
  ])('is refused with a typed error where it is %s', async (_, hostile) => {
    await expect(verifyAcceptance(hostile as never, { persona: alice.id, next })).rejects.toMatchObject({ code: 'INVALID_ACCEPTANCE', path: 'id' })
  })
})

describe('acceptHosting', () => {
  it('takes 4 addresses of 128 bytes, and refuses more by limit and size', async () => {
    expect((await acceptHosting(terms({ addrs: Array.from({ length: 4 }, () => 'é'.repeat(64)) }), home)).addrs).toHaveLength(4)
    const error = await acceptHosting(terms({ addrs: Array.from({ length: 5 }, () => 'a') }), home).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LimitError)
    expect(error).toMatchObject({ max: 4, value: 5 })
    await expect(acceptHosting(terms({ addrs: ['a'.repeat(129)] }), home)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: 128, value: 129 })
  })

  it.each([
    ['since', { since: -1 }, 'INVALID_ACCEPTANCE'],
    ['since', { since: 1.5 }, 'INVALID_CBOR'],
    ['until', { until: -1 }, 'INVALID_ACCEPTANCE'],
    ['next', { next: new Uint8Array(31) }, 'INVALID_ACCEPTANCE'],
    ['next', { next: new Uint8Array(33) }, 'INVALID_ACCEPTANCE'],
    ['addrs', { addrs: [''] }, 'INVALID_ACCEPTANCE']
  ])('agrees to no terms that no document can hold: %s', async (_, change, code) => {
    await expect(acceptHosting(terms(change), home)).rejects.toMatchObject({ code })
  })
})
