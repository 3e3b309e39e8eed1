import * as fc from 'fast-check'
import { compare } from 'uint8arrays'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeCborMap, encodeCbor, type CborMap } from '../../src/cbor.ts'
import { encodeProfileId } from '../../src/identity/profile-id.ts'
import { completeProof, isRevokedBy, revokeRelation, signHalfProof, verifyProof, type RelationProof, type RelationTerms } from '../../src/profile/relation.ts'
import { TIME, alice, bob, bufferView, frozen, mallory } from './cast.ts'

/** By bytes of the ID. */
const [smaller, greater] = compare(encodeProfileId(alice.id), encodeProfileId(bob.id)) < 0 ? [alice, bob] : [bob, alice]
const customer = (change: Partial<RelationTerms> = {}): RelationTerms => ({ type: 'org.example.shop/customer', from: greater.id, to: smaller.id, time: TIME, until: TIME + 100, ...change })
const now = { now: TIME }

let proof: RelationProof
beforeAll(async () => {
  proof = await completeProof(await signHalfProof(customer(), greater), smaller)
})

describe('a relation', () => {
  it('is signed by one side and then by the other, in either order', async () => {
    const nonce = new Uint8Array(16).fill(7)
    const half = await signHalfProof(customer({ nonce }), greater)
    expect(Object.keys(half)).not.toContain('toSig')
    const whole = await completeProof(half, smaller)
    expect(whole).toEqual(await completeProof(await signHalfProof(customer({ nonce }), smaller), greater))
    expect(await verifyProof(whole, { ...now, type: 'org.example.shop/customer', from: greater.id, to: smaller.id })).toEqual({ type: 'org.example.shop/customer', from: greater.id, to: smaller.id, time: TIME, until: TIME + 100, digest: expect.any(Uint8Array) as Uint8Array })
  })

  it('is, of any terms, what both signed', async () => {
    const types = fc.string({ minLength: 1, maxLength: 16 }).filter((type) => type !== 'contact' && type !== 'enable_call_between')
    const times = fc.tuple(fc.maxSafeInteger().map((value) => Math.abs(value) % (Number.MAX_SAFE_INTEGER - 1)), fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined }))
    await fc.assert(
      fc.asyncProperty(types, times, fc.boolean(), async (type, [time, lasts], turned) => {
        const [from, to] = turned ? [alice, bob] : [bob, alice]
        const until = lasts === undefined ? undefined : Math.min(time + lasts, Number.MAX_SAFE_INTEGER)
        const whole = await completeProof(await signHalfProof(frozen({ type, from: from.id, to: to.id, time, ...(until === undefined ? {} : { until }) }), from), to)
        const read = await verifyProof(decodeCborMap(encodeCbor(whole)), { now: time })
        expect(read).toMatchObject({ type, from: from.id, to: to.id, time })
        expect(read.until).toBe(until)
      }),
      { numRuns: 100 }
    )
  })

  it('has a nonce of its own each time', async () => {
    const [one, two] = await Promise.all([signHalfProof(customer(), greater), signHalfProof(customer(), greater)])
    expect(one.nonce).toHaveLength(16)
    expect(one.nonce).not.toEqual(two.nonce)
  })

  it('holds from its first second until its last', async () => {
    const at = (second: number) => verifyProof(proof, { now: second }).then(() => 'holds', (error: { code: string }) => error.code)
    expect([await at(TIME - 1), await at(TIME), await at(TIME + 99), await at(TIME + 100)]).toEqual(['RELATION_NOT_YET_VALID', 'holds', 'holds', 'RELATION_ENDED'])
  })

  it('has one order of its sides where it says the same of both', async () => {
    for (const type of ['contact', 'enable_call_between']) {
      const whole = await completeProof(await signHalfProof({ type, from: smaller.id, to: greater.id, time: TIME }, greater), smaller)
      expect((await verifyProof(whole, now)).from).toBe(smaller.id)
      await expect(signHalfProof({ type, from: greater.id, to: smaller.id, time: TIME }, greater)).rejects.toMatchObject({ code: 'INVALID_RELATION', path: 'from' })
    }
  })

  it('is signed by its sides only, and needs both', async () => {
    const half = await signHalfProof(customer(), greater)
    await expect(signHalfProof(customer(), mallory)).rejects.toMatchObject({ code: 'NOT_A_PARTY' })
    await expect(completeProof(half, mallory)).rejects.toMatchObject({ code: 'NOT_A_PARTY' })
    await expect(completeProof(half, greater)).rejects.toMatchObject({ code: 'NOT_A_PARTY' })
    await expect(verifyProof(half, now)).rejects.toMatchObject({ code: 'INVALID_RELATION', path: 'toSig' })
  })

  it.each([
    ['type', { type: 't'.repeat(65) }],
    ['type', { type: '' }],
    ['nonce', { nonce: new Uint8Array(15) }],
    ['time', { time: -1 }],
    ['until', { until: TIME }],
    ['to', { to: greater.id }]
  ])('has no terms that a reader refuses: %s', async (path, change) => {
    await expect(signHalfProof(customer(change), greater)).rejects.toMatchObject({ code: 'INVALID_RELATION', path })
  })

  it('is refused with any one bit of what it says flipped', async () => {
    const bytes = encodeCbor(proof)
    const accepted: number[] = []
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      try {
        await verifyProof(decodeCborMap(bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))), now)
        accepted.push(bit)
      } catch (error) {
        expect((error as { code?: unknown }).code).toEqual(expect.any(String))
      }
    }
    expect(accepted).toEqual([])
  })

  it('reads Buffers, and shares no bytes with what it was made of', async () => {
    const nonce = new Uint8Array(16).fill(7)
    const half = await signHalfProof(customer({ nonce }), greater)
    const copy = decodeCborMap(encodeCbor(half))
    nonce.fill(0)
    expect(half).toEqual(copy)
    const whole = await completeProof(half, smaller)
    for (const bytes of [half.nonce, half.from, half.fromSig!]) bytes.fill(0)
    expect(await verifyProof(whole, now)).toMatchObject({ from: greater.id })
    expect(await verifyProof({ ...proof, from: bufferView(proof.from), nonce: bufferView(proof.nonce), toSig: bufferView(proof.toSig!) }, now)).toMatchObject({ from: greater.id })
  })
})

describe('a revocation', () => {
  it.each([['from', greater], ['to', smaller]])('by %s ends the relation for good', async (_, by) => {
    const revocation = await revokeRelation(proof, by, { time: TIME + 10 })
    await expect(verifyProof(proof, { ...now, revocations: [revocation] })).rejects.toMatchObject({ code: 'RELATION_REVOKED' })
    await expect(verifyProof(proof, { ...now, revocations: [decodeCborMap(encodeCbor(revocation))] })).rejects.toMatchObject({ code: 'RELATION_REVOKED' })
  })

  it('ends a half proof before it is completed', async () => {
    const half = await signHalfProof(customer(), greater)
    const revocation = await revokeRelation(half, greater, { time: TIME })
    const whole = await completeProof(half, smaller)
    await expect(verifyProof(whole, { ...now, revocations: [revocation] })).rejects.toMatchObject({ code: 'RELATION_REVOKED' })
  })

  it('is not undone by signing the same relation again', async () => {
    const revocation = await revokeRelation(proof, smaller, { time: TIME })
    const terms = customer({ nonce: proof.nonce })
    const again = await completeProof(await signHalfProof(terms, smaller), greater)
    await expect(verifyProof(again, { ...now, revocations: [revocation] })).rejects.toMatchObject({ code: 'RELATION_REVOKED' })
  })

  it('says nothing of a new relation of the same two, with a new nonce', async () => {
    const revocation = await revokeRelation(proof, smaller, { time: TIME })
    const renewed = await completeProof(await signHalfProof(customer(), greater), smaller)
    expect(await verifyProof(renewed, { ...now, revocations: [revocation] })).toMatchObject({ from: greater.id })
  })

  it('is for the two sides to make', async () => {
    await expect(revokeRelation(proof, mallory, { time: TIME })).rejects.toMatchObject({ code: 'NOT_A_PARTY' })
    const relation = await verifyProof(proof, now)
    const own = await revokeRelation(proof, greater, { time: TIME })
    expect(await isRevokedBy(relation, { ...own, by: encodeProfileId(mallory.id), sig: await mallory.sign(new Uint8Array()) })).toBe(false)
  })

  it('that is made up cannot hide one that is real, nor end a relation that holds', async () => {
    const madeUp: CborMap[] = [{}, { v: 1 }, { v: 2 }, { v: 1, body: new Uint8Array(32), by: encodeProfileId(greater.id), time: 0, sig: new Uint8Array(64) }, { v: 1, body: (await verifyProof(proof, now)).digest, by: new Uint8Array(38), time: 0, sig: new Uint8Array(64) }]
    expect(await verifyProof(proof, { ...now, revocations: madeUp })).toMatchObject({ from: greater.id })
    await expect(verifyProof(proof, { ...now, revocations: [...madeUp, await revokeRelation(proof, greater, { time: TIME })] })).rejects.toMatchObject({ code: 'RELATION_REVOKED' })
  })
})
