import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { publicKeyOfPrivate, verifySignature } from '../../src/identity/ed25519.ts'
import { LEAF_ROLES, MAX_GENERATION, adoptKey, createPersona, type LeafKeys } from '../../src/identity/persona.ts'
import { createPledge, verifyPledge } from '../../src/identity/pledge.ts'
import { encodeProfileId } from '../../src/identity/profile-id.ts'
import { signMap, signedBytes, verifyMap } from '../../src/identity/signed-map.ts'
import { openSeed } from '../../src/identity/seed.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { openVault, sealVault } from '../../src/identity/vault.ts'
import { createSuccession, verifySuccession } from '../../src/profile/succession.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { utf8 } from '../../src/bytes.ts'
import { readFrozen, unhex } from '../vectors/frozen.ts'
import { torsion } from '../vectors/make-ed25519.ts'
import type { PersonaCase } from '../vectors/make-identity.ts'

const key = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const nextPublicKey = publicKeyOfPrivate(key(9))
const leaves = Object.fromEntries(LEAF_ROLES.map((role, i) => [role, key(i + 1)])) as unknown as LeafKeys
const signer = await createSigner(leaves.identity)
const pledge = await createPledge(signer, nextPublicKey)

describe('signers', () => {
  it('sign exactly the bytes that they are given', async () => {
    const message = utf8('mercury')
    expect(await verifySignature(signer.publicKey, await signer.sign(message), message)).toBe(true)
    expect(await verifySignature(signer.publicKey, await signer.sign(message), utf8('Mercury'))).toBe(false)
  })

  it('keep their own copy of the key', async () => {
    const mine = key(5)
    const kept = await createSigner(mine)
    mine.fill(0)
    expect(await verifySignature(kept.publicKey, await kept.sign(key(1)), key(1))).toBe(true)
  })

  it('have a pledge only when they are given one', async () => {
    expect('pledge' in signer).toBe(false)
    expect((await createSigner(leaves.identity, { pledge })).pledge).toBe(pledge)
  })

  it.each([0, 31, 33, 64])('have no key of %i bytes', async (length) => {
    await expect(createSigner(new Uint8Array(length))).rejects.toThrow(expect.objectContaining({ code: 'INVALID_PUBLIC_KEY' }))
  })
})

describe('signed maps', () => {
  const map = { v: 1, text: 'a' }

  it('are signed as context, zero, canonical CBOR', async () => {
    const signature = await signMap('mercury/mail/1', map, signer)
    const bytes = Uint8Array.of(...utf8('mercury/mail/1'), 0, ...encodeCbor(map))
    expect(signedBytes('mercury/mail/1', encodeCbor(map))).toEqual(bytes)
    expect(await verifySignature(signer.publicKey, signature, bytes)).toBe(true)
    expect(await verifyMap('mercury/mail/1', { text: 'a', v: 1 }, signer.id, signature)).toBe(true)
  })

  it('verify in no other context, for no other map and nobody else', async () => {
    const signature = await signMap('mercury/mail/1', map, signer)
    const other = await createSigner(key(2))
    expect(await verifyMap('mercury/mail/2', map, signer.id, signature)).toBe(false)
    expect(await verifyMap('mercury/mail/1', { ...map, v: 2 }, signer.id, signature)).toBe(false)
    expect(await verifyMap('mercury/mail/1', map, other.id, signature)).toBe(false)
  })
})

describe('pledges', () => {
  it('sign the digest of the next key, under the ID that makes them', async () => {
    expect(pledge.next).toEqual(Uint8Array.from(createHash('sha256').update(nextPublicKey).digest()))
    expect(await verifyMap('mercury/pledge/1', { v: 1, id: encodeProfileId(signer.id), next: pledge.next }, signer.id, pledge.sig)).toBe(true)
    expect(await verifyPledge(signer.id, pledge)).toBe(true)
  })

  it('do not verify for another ID or another next key', async () => {
    const other = await createSigner(key(2))
    expect(await verifyPledge(other.id, pledge)).toBe(false)
    expect(await verifyPledge(signer.id, { ...pledge, next: key(1) })).toBe(false)
    expect(await verifyPledge(signer.id, { ...pledge, sig: new Uint8Array(64) })).toBe(false)
  })

  it.each([0, 31, 33])('do not verify with a digest of %i bytes, even when it is signed', async (length) => {
    const next = new Uint8Array(length)
    const sig = await signMap('mercury/pledge/1', { v: 1, id: encodeProfileId(signer.id), next }, signer)
    expect(await verifyPledge(signer.id, { next, sig })).toBe(false)
  })

  it('are not made to a key that could never succeed', async () => {
    for (const dead of [new Uint8Array(31), torsion[3]!.toBytes(), key(255)]) await expect(createPledge(signer, dead)).rejects.toThrow(expect.objectContaining({ code: 'INVALID_PUBLIC_KEY' }))
  })
})

describe('personas', () => {
  it('are made of leaf keys and a pledge alone, without the seed', async () => {
    const { leaves, index, generation, id, next, pledge, encryptionPublicKey } = readFrozen<{ personas: PersonaCase[] }>('identity', 'personas').personas[1]!
    const keys = Object.fromEntries(LEAF_ROLES.map((role) => [role, unhex(leaves[role]!)])) as unknown as LeafKeys
    const persona = await createPersona(keys, { next: unhex(next), sig: unhex(pledge) }, { index, generation })
    expect(persona).toMatchObject({ id, index, generation, encryptionPublicKey: unhex(encryptionPublicKey) })
    expect(persona.leaves).toEqual(keys)
  })

  it('keep their own copy of the leaf keys', async () => {
    const mine = { ...leaves, peer: key(3) }
    const persona = await createPersona(mine, pledge, { index: 0, generation: 0 })
    mine.peer.fill(0)
    expect(persona.leaves.peer).toEqual(key(3))
  })

  it('are not made with the pledge of another', async () => {
    const foreign = await createPledge(await createSigner(key(2)), nextPublicKey)
    await expect(createPersona(leaves, foreign, { index: 0, generation: 0 })).rejects.toThrow(expect.objectContaining({ code: 'INVALID_SIGNATURE' }))
  })

  it.each(LEAF_ROLES)('are not made with a key of 31 bytes as %s', async (role) => {
    await expect(createPersona({ ...leaves, [role]: new Uint8Array(31) }, pledge, { index: 0, generation: 0 })).rejects.toThrow(expect.objectContaining({ code: 'INVALID_PUBLIC_KEY' }))
  })

  it('stand at whole numbers from 0, and have a generation after them', async () => {
    expect(await createPersona(leaves, pledge, { index: 2 ** 31 - 1, generation: MAX_GENERATION })).toMatchObject({ index: 2 ** 31 - 1, generation: 2 ** 31 - 2 })
    for (const position of [{ index: 2 ** 31, generation: 0 }, { index: -1, generation: 0 }, { index: 0, generation: MAX_GENERATION + 1 }, { index: 0.5, generation: 0 }]) {
      await expect(createPersona(leaves, pledge, position)).rejects.toThrow(expect.objectContaining({ code: 'INVALID_KEY_INDEX' }))
    }
  })
})

describe('a key from elsewhere', async () => {
  const seed = await openSeed('legal winner thank year wave sausage worth useful legal winner thank yellow')
  const slot = await seed.persona(3)
  const foreign = key(77)
  const adopted = await adoptKey(foreign, slot)

  it('signs in the place of a persona, whose other keys stay', async () => {
    const { id, publicKey } = await createSigner(foreign)
    expect(adopted).toMatchObject({ id, publicKey, index: 3, generation: 0, encryptionPublicKey: slot.encryptionPublicKey })
    expect(adopted.leaves).toEqual({ ...slot.leaves, identity: foreign })
    expect(await verifySignature(publicKey, await adopted.sign(key(1)), key(1))).toBe(true)
  })

  it('is pledged, by itself, to the next generation that the words lead to', async () => {
    expect(await verifyPledge(adopted.id, adopted.pledge)).toBe(true)
    const next = await seed.persona(3, { generation: 1 })
    const succession = await createSuccession({ from: adopted.id, pledge: adopted.pledge, last: null, time: 1_790_000_000 }, next)
    expect(await verifySuccession(succession)).toMatchObject({ from: adopted.id, to: next.id })
  })

  it('is kept by a vault as any other', async () => {
    const [, opened] = await openVault(await sealVault([slot, adopted], { unprotected: true }))
    expect(opened).toMatchObject({ id: adopted.id, pledge: adopted.pledge, index: 3 })
    expect(opened!.leaves).toEqual(adopted.leaves)
  })

  it('is a copy', async () => {
    const mine = key(78)
    const persona = await adoptKey(mine, slot)
    mine.fill(0)
    expect(persona.leaves.identity).toEqual(key(78))
  })

  it('is none of the keys of that persona, and not its next one', async () => {
    const next = await seed.persona(3, { generation: 1 })
    for (const taken of [...Object.values(slot.leaves), next.leaves.identity]) await expect(adoptKey(taken, slot)).rejects.toThrow(expect.objectContaining({ code: 'KEY_IN_USE' }))
    await expect(adoptKey(new Uint8Array(31), slot)).rejects.toThrow(expect.objectContaining({ code: 'INVALID_PUBLIC_KEY' }))
  })
})
