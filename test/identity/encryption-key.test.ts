import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import * as fc from 'fast-check'
import { createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encryptionPrivateKey, x25519PublicKey } from '../../src/identity/encryption-key.ts'
import { hex, unhex } from '../vectors/frozen.ts'
import { describePublished } from '../vectors/published.ts'

const keys = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** RFC 8410: the fixed DER frames around 32 bytes of X25519. */
const privateKeyOf = (key: Uint8Array) => createPrivateKey({ key: Buffer.concat([unhex('302e020100300506032b656e04220420'), key]), format: 'der', type: 'pkcs8' })
const publicKeyOf = (key: Uint8Array) => createPublicKey({ key: Buffer.concat([unhex('302a300506032b656e032100'), key]), format: 'der', type: 'spki' })
const publicKeyByOpenSsl = (privateKey: Uint8Array) => createPublicKey(privateKeyOf(privateKey)).export({ format: 'der', type: 'spki' }).subarray(-32)

describe('X25519 public keys', () => {
  it.each([
    ['section 5.2, once', '0900000000000000000000000000000000000000000000000000000000000000', '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079'],
    ['section 6.1, Alice', '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a', '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'],
    ['section 6.1, Bob', '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb', 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f']
  ])('are those of RFC 7748, %s', (_, privateKey, publicKey) => {
    expect(hex(x25519PublicKey(unhex(privateKey)))).toBe(publicKey)
  })

  it('are those of OpenSSL, also where clamping changes every bit that it can', () => {
    for (const edge of ['00', '01', '07', '40', '7f', '80', 'bf', 'ff'].map((byte) => unhex(byte.repeat(32)))) expect(hex(x25519PublicKey(edge))).toBe(hex(publicKeyByOpenSsl(edge)))
    fc.assert(fc.property(keys, (key) => {
      expect(hex(x25519PublicKey(key))).toBe(hex(publicKeyByOpenSsl(key)))
    }), { numRuns: 50 })
  })

  it('let two parties agree', () => {
    fc.assert(fc.property(keys, keys, (leaf, other) => {
      const mine = encryptionPrivateKey(leaf)
      const forward = diffieHellman({ privateKey: privateKeyOf(mine), publicKey: publicKeyOf(x25519PublicKey(other)) })
      const backward = diffieHellman({ privateKey: privateKeyOf(other), publicKey: publicKeyOf(x25519PublicKey(mine)) })
      expect(forward.equals(backward)).toBe(true)
    }), { numRuns: 20 })
  })

  it('do not change the private key that they are of', () => {
    const key = unhex('ff'.repeat(32))
    x25519PublicKey(key)
    expect(hex(key)).toBe('ff'.repeat(32))
  })
})

describe('X25519 private keys', () => {
  it('are HKDF-SHA-256 of the leaf without salt, with the label of the format', () => {
    fc.assert(fc.property(keys, (leaf) => {
      expect(hex(encryptionPrivateKey(leaf))).toBe(hex(new Uint8Array(hkdfSync('sha256', leaf, new Uint8Array(), 'mercury/x25519/1', 32))))
    }), { numRuns: 20 })
  })
})

interface Xdh { testGroups: { tests: { tcId: number; private: string }[] }[] }

describePublished('Wycheproof X25519', 'wycheproof/x25519_test.json', ({ testGroups }: Xdh) => {
  it('has no private key of which we have another public key than OpenSSL', () => {
    for (const { tcId, private: privateKey } of testGroups.flatMap((group) => group.tests)) expect(hex(x25519PublicKey(unhex(privateKey))), String(tcId)).toBe(hex(publicKeyByOpenSsl(unhex(privateKey))))
  })
})

interface Hkdf { testGroups: { tests: { tcId: number; ikm: string; salt: string; info: string; size: number; okm: string; result: 'valid' | 'invalid' }[] }[] }

describePublished('Wycheproof HKDF-SHA-256', 'wycheproof/hkdf_sha256_test.json', ({ testGroups }: Hkdf) => {
  it('is what the library that we derive with computes', () => {
    for (const { tcId, ikm, salt, info, size, okm, result } of testGroups.flatMap((group) => group.tests)) {
      const derive = () => hex(hkdf(sha256, unhex(ikm), unhex(salt), unhex(info), size))
      if (result === 'valid') expect(derive(), String(tcId)).toBe(okm)
      else expect(derive, String(tcId)).toThrow()
    }
  })
})
