import { beforeAll, describe, expect, it } from 'vitest'
import { decodeCborMap, encodeCbor } from '../../src/cbor.ts'
import { createPledge, verifyPledge } from '../../src/identity/pledge.ts'
import { profileIdFromPublicKey } from '../../src/identity/profile-id.ts'
import { createSuccession, verifySuccession, type Succession } from '../../src/profile/succession.ts'
import { TIME, alice, aliceNext, bob, bufferView, mallory } from './cast.ts'

describe('a succession', () => {
  let succession: Succession
  const last = new Uint8Array(32).fill(4)
  beforeAll(async () => {
    succession = await createSuccession({ from: alice.id, pledge: alice.pledge!, last, time: TIME }, aliceNext)
  })

  it('leads from the old ID to the ID of the key it reveals', async () => {
    expect(await verifySuccession(succession)).toEqual({ from: alice.id, to: aliceNext.id, last, time: TIME })
    expect(profileIdFromPublicKey(succession.key)).toBe(aliceNext.id)
    expect(await verifySuccession(decodeCborMap(encodeCbor(succession)))).toEqual(await verifySuccession(succession))
  })

  it('may stand by no document', async () => {
    expect((await verifySuccession(await createSuccession({ from: alice.id, pledge: alice.pledge!, last: null, time: 0 }, aliceNext))).last).toBeNull()
  })

  it('can be made neither by a thief, nor of a pledge that is not there', async () => {
    const stolen = { ...alice, id: mallory.id, sign: mallory.sign }
    await expect(createSuccession({ from: alice.id, pledge: alice.pledge!, last: null, time: TIME }, mallory)).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(createSuccession({ from: alice.id, pledge: await createPledge(stolen, mallory.publicKey), last: null, time: TIME }, mallory)).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(createSuccession({ from: bob.id, pledge: alice.pledge!, last: null, time: TIME }, aliceNext)).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
  })

  it('leads nowhere when it leads to where it comes from', async () => {
    const own = await createPledge(alice, alice.publicKey)
    await expect(createSuccession({ from: alice.id, pledge: own, last: null, time: TIME }, alice)).rejects.toMatchObject({ code: 'INVALID_SUCCESSION', path: 'key' })
  })

  it.each([null, 5, 'x', [], new Uint8Array(100)])('is no succession: %j', async (value) => {
    await expect(verifySuccession(value)).rejects.toMatchObject({ code: 'INVALID_SUCCESSION' })
  })

  it('is refused with any one bit of what it says flipped', async () => {
    const bytes = encodeCbor(succession)
    let accepted = 0
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      try {
        await verifySuccession(decodeCborMap(bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))))
        accepted++
      } catch (error) {
        expect((error as { code?: unknown }).code).toEqual(expect.any(String))
      }
    }
    expect(accepted).toBe(0)
  })

  it('reads Buffers, and shares no bytes with what it was made of', async () => {
    const given = Uint8Array.from(last)
    const pledge = { next: Uint8Array.from(alice.pledge!.next), sig: Uint8Array.from(alice.pledge!.sig) }
    const key = Uint8Array.from(aliceNext.publicKey)
    const made = await createSuccession({ from: alice.id, pledge, last: given, time: TIME }, { ...aliceNext, publicKey: key })
    for (const bytes of [given, pledge.sig, pledge.next, key]) bytes.fill(0)
    expect(made).toEqual(succession)
    expect(await verifySuccession({ ...succession, from: bufferView(succession.from), key: bufferView(succession.key), sig: bufferView(succession.sig) })).toMatchObject({ to: aliceNext.id })
  })
})

describe('a pledge', () => {
  it('is of one profile to one key', async () => {
    const pledge = await createPledge(alice, aliceNext.publicKey)
    expect(pledge).toEqual(alice.pledge)
    expect(await verifyPledge(alice.id, pledge)).toBe(true)
    expect(await verifyPledge(bob.id, pledge)).toBe(false)
  })

  it('is refused with any one bit flipped', async () => {
    const { next, sig } = alice.pledge!
    for (let bit = 0; bit < 512; bit++) expect(await verifyPledge(alice.id, { next, sig: sig.with(bit >> 3, sig[bit >> 3]! ^ (1 << (bit & 7))) })).toBe(false)
    for (let bit = 0; bit < 256; bit++) expect(await verifyPledge(alice.id, { next: next.with(bit >> 3, next[bit >> 3]! ^ (1 << (bit & 7))), sig })).toBe(false)
  })

  it('is made to no key that could not succeed', async () => {
    for (const key of [new Uint8Array(32).with(0, 1), new Uint8Array(31), alice.publicKey.subarray(1)]) await expect(createPledge(alice, key)).rejects.toMatchObject({ code: 'INVALID_PUBLIC_KEY' })
  })
})
