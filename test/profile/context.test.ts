import { describe, expect, it } from 'vitest'
import { encodeCbor, type CborMap } from '../../src/cbor.ts'
import { PLEDGE_CONTEXT } from '../../src/identity/pledge.ts'
import { signMap, signedBytes, verifyMap } from '../../src/identity/signed-map.ts'
import { HOSTING_CONTEXT } from '../../src/profile/acceptance.ts'
import { DOCUMENT_CONTEXT } from '../../src/profile/document.ts'
import { RELATION_CONTEXT, REVOCATION_CONTEXT } from '../../src/profile/relation.ts'
import { SUCCESSION_CONTEXT } from '../../src/profile/succession.ts'
import { encode, keyPair, signFields } from '../vectors/forge.ts'
import { alice, bob } from './cast.ts'

const contexts = [DOCUMENT_CONTEXT, PLEDGE_CONTEXT, HOSTING_CONTEXT, SUCCESSION_CONTEXT, RELATION_CONTEXT, REVOCATION_CONTEXT]
const map: CborMap = { v: 1, b: [1], a: null }

describe('the contexts of signatures', () => {
  it('are those of the specification', () => {
    expect(contexts).toEqual(['profile', 'pledge', 'hosting', 'succession', 'relation', 'revocation'].map((name) => `mercury/${name}/1`))
  })

  it('are followed by a zero byte and the canonical map, so that none is the beginning of another', () => {
    expect(Buffer.from(signedBytes('mercury/x/1', encodeCbor(map))).toString('latin1')).toBe(`mercury/x/1\0${Buffer.from(encode(map as never)).toString('latin1')}`)
    const beginnings = [...contexts.map((context) => `${context}\0`), 'ipns-signature:']
    for (const one of beginnings) for (const other of beginnings) expect(one !== other && other.startsWith(one)).toBe(false)
  })

  it('keep a signature in its role', async () => {
    for (const signedIn of contexts) {
      const sig = await signMap(signedIn, map, alice)
      expect(sig).toEqual(signFields(signedIn, map as never, keyPair('alice')))
      for (const verifiedIn of contexts) expect(await verifyMap(verifiedIn, map, alice.id, sig)).toBe(signedIn === verifiedIn)
      expect(await verifyMap(signedIn, map, bob.id, sig)).toBe(false)
      expect(await verifyMap(signedIn, { ...map, c: 1 }, alice.id, sig)).toBe(false)
    }
  })

  it('need a whole signature', async () => {
    const sig = await signMap(DOCUMENT_CONTEXT, map, alice)
    for (const length of [0, 1, 32, 63]) expect(await verifyMap(DOCUMENT_CONTEXT, map, alice.id, sig.slice(0, length))).toBe(false)
    expect(await verifyMap(DOCUMENT_CONTEXT, map, alice.id, Uint8Array.from([...sig, 0]))).toBe(false)
  })
})
