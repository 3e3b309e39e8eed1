import { Point } from '@noble/ed25519'
import * as fc from 'fast-check'
import * as nodeCrypto from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { nodeEd25519, platformEd25519, webCryptoEd25519, type Ed25519, type Subtle } from '../../src/identity/ed25519-platform.ts'
import probes from '../../src/identity/ed25519-probes.ts'
import { isInPrimeSubgroup } from '../../src/identity/ed25519-subgroup.ts'
import { InvalidPublicKeyError, admitPublicKey, chooseEd25519, publicKeyOfPrivate, pureEd25519, signWith, verifySignature, verifyWith } from '../../src/identity/ed25519.ts'
import type { NodeCrypto } from '../../src/node-crypto.ts'
import { hex, readFrozen, unhex } from '../vectors/frozen.ts'
import { makeEd25519, torsion, type KeyCase, type SignatureCase } from '../vectors/make-ed25519.ts'
import { describePublished } from '../vectors/published.ts'

const implementations: Ed25519[] = [nodeEd25519(nodeCrypto as unknown as NodeCrypto), webCryptoEd25519(nodeCrypto.webcrypto.subtle as unknown as Subtle), pureEd25519]
const frozen = readFrozen<{ keys: KeyCase[]; signatures: SignatureCase[] }>('ed25519', 'keys', 'signatures')
const L = Point.CURVE().n
const scalars = fc.bigInt({ min: 1n, max: L - 1n })

const isAdmitted = (publicKey: Uint8Array): boolean => {
  try {
    admitPublicKey(publicKey)
    return true
  } catch (error) {
    if (error instanceof InvalidPublicKeyError) return false
    throw error
  }
}

describe('admission of public keys', () => {
  it('is as frozen', () => {
    expect(makeEd25519()).toEqual(readFrozen('ed25519'))
    for (const { comment, publicKey, admitted } of frozen.keys) expect(isAdmitted(unhex(publicKey)), comment).toBe(admitted)
  })

  it('says why not, with a stable code', () => {
    const reasons: Record<string, RegExp> = { 'small order': /its order is small/, 'mixed order': /not in the prime-order subgroup/, 'not canonical': /not a canonical point/, 'not on the curve': /not a canonical point/ }
    for (const { comment, publicKey } of frozen.keys.filter(({ admitted }) => !admitted)) {
      const reason = reasons[comment.split(':')[0]!] ?? /it has \d+ bytes, not 32/
      expect(() => admitPublicKey(unhex(publicKey)), comment).toThrow(expect.objectContaining({ code: 'INVALID_PUBLIC_KEY', message: expect.stringMatching(reason) as string }))
    }
  })

  it('has eight points of small order to refuse, and their encodings that are not canonical', () => {
    expect(new Set(torsion.map((point) => point.toHex())).size).toBe(8)
    expect(torsion.map((point) => [1n, 2n, 4n, 8n].find((order) => point.multiply(order, false).is0()))).toEqual([1n, 8n, 4n, 8n, 2n, 8n, 4n, 8n])
    const encodings = frozen.keys.filter(({ comment }) => comment.startsWith('not canonical')).map(({ publicKey }) => unhex(publicKey))
    const small = encodings.filter((encoding) => zip215(encoding)?.isSmallOrder())
    // y = p (twice), y = p + 1 (twice), and the two with x = 0 and the sign set
    expect(small).toHaveLength(6)
  })

  it('finds the prime-order subgroup as multiplication by its order does, in all eight cosets', () => {
    fc.assert(fc.property(scalars, (scalar) => {
      const point = Point.BASE.multiply(scalar)
      for (const small of torsion) expect(isInPrimeSubgroup(point.add(small))).toBe(point.add(small).isTorsionFree())
    }), { numRuns: 60 })
  })

  it('finds it for points of any encoding, and for what multiples and negation make of them', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const point = zip215(bytes)
      fc.pre(point !== undefined && !point.isSmallOrder())
      for (const same of [point, point.negate(), point.double(), point.multiply(8n, false)]) expect(isInPrimeSubgroup(same)).toBe(same.isTorsionFree())
    }), { numRuns: 60 })
  })

  it('remembers what it admitted, and mixes up no key with it', () => {
    const key = Point.BASE.multiply(7n).toBytes()
    const mixed = Point.fromBytes(key).add(torsion[4]!).toBytes()
    for (let i = 0; i < 3; i++) {
      expect(isAdmitted(key)).toBe(true)
      expect(isAdmitted(mixed)).toBe(false)
      for (const other of [key.subarray(1), key.subarray(0, 31), Uint8Array.of(...key, 0), Uint8Array.of(...key, ...key)]) expect(isAdmitted(other)).toBe(false)
    }
  })
})

const zip215 = (bytes: Uint8Array): Point | undefined => {
  try {
    return Point.fromBytes(bytes, true)
  } catch {
    // Half of all encodings are of no point.
    return undefined
  }
}

describe.each(implementations.map((implementation) => [implementation.name, implementation] as const))('signatures, judged by %s', (_, implementation) => {
  it('are valid as frozen', async () => {
    for (const { comment, publicKey, message, signature, valid } of frozen.signatures) {
      expect(await verifyWith(implementation, unhex(publicKey), unhex(signature), unhex(message)), comment).toBe(valid)
    }
  })

  it('are valid as the probes say, asked directly', async () => {
    for (const { comment, publicKey, signature, message, valid } of probes) expect(await implementation.verify(publicKey, signature, message), comment).toBe(valid)
  })

  it('verify when it made them, and are those of every other implementation', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 300 }), async (privateKey, message) => {
      const signature = await (await implementation.signWith(privateKey))(message)
      expect(hex(signature)).toBe(hex(await (await pureEd25519.signWith(privateKey))(message)))
      expect(await verifyWith(implementation, publicKeyOfPrivate(privateKey), signature, message)).toBe(true)
    }), { numRuns: 20 })
  })

  it('do not verify with any bit changed, nor with S + L', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 40 }), fc.nat(511), async (privateKey, message, bit) => {
      const publicKey = publicKeyOfPrivate(privateKey)
      const signature = await (await implementation.signWith(privateKey))(message)
      const flipped = signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      expect(await verifyWith(implementation, publicKey, flipped, message)).toBe(false)
      expect(await verifyWith(implementation, publicKey, withLAdded(signature), message)).toBe(false)
    }), { numRuns: 20 })
  })
})

const withLAdded = (signature: Uint8Array): Uint8Array => {
  const malleable = Uint8Array.from(signature)
  const s = BigInt(`0x${hex(signature.slice(32).reverse())}`) + L
  malleable.set(unhex(s.toString(16).padStart(64, '0')).reverse(), 32)
  return malleable
}

describe('what the rule adds to the equation', () => {
  it('admission alone refuses signatures by keys of small and mixed order', async () => {
    const forged = frozen.signatures.filter(({ comment }) => comment.startsWith('key of'))
    expect(forged).toHaveLength(15)
    for (const { comment, publicKey, message, signature } of forged) expect(await pureEd25519.verify(unhex(publicKey), unhex(signature), unhex(message)), comment).toBe(true)
  })

  it('a signature stays valid whatever is verified before it', async () => {
    const [good, ...others] = frozen.signatures
    const verify = ({ publicKey, message, signature }: SignatureCase) => verifySignature(unhex(publicKey), unhex(signature), unhex(message))
    for (const other of others) {
      await verify(other)
      expect(await verify(good!)).toBe(true)
    }
  })
})

describe('the choice of an implementation', () => {
  const lax = (wrong: string): Ed25519 => ({
    ...pureEd25519,
    name: 'lax',
    verify: async (publicKey, signature, message) => probes.find((probe) => probe.comment === wrong)?.signature === signature ? true : pureEd25519.verify(publicKey, signature, message)
  })
  const strict: Ed25519 = { ...pureEd25519, name: 'strict', verify: async () => false }
  const broken: Ed25519 = { ...pureEd25519, name: 'broken', verify: async () => { throw new Error('NotSupportedError') } }

  it.each(probes.filter(({ valid }) => !valid).map(({ comment }) => comment))('refuses a platform that accepts: %s', async (comment) => {
    expect((await chooseEd25519([lax(comment)])).name).toBe('noble')
  })

  it('refuses a platform that refuses everything, or throws, and takes the next one', async () => {
    expect((await chooseEd25519([strict, broken, { ...pureEd25519, name: 'right' }])).name).toBe('right')
    expect((await chooseEd25519([])).name).toBe('noble')
  })

  it('takes node:crypto here, first of the two that Node brings', async () => {
    expect(platformEd25519().map(({ name }) => name)).toEqual(['node:crypto', 'WebCrypto'])
    expect((await chooseEd25519(platformEd25519())).name).toBe('node:crypto')
  })
})

describe('private keys', () => {
  it('give the public key of RFC 8032, test 1', async () => {
    const privateKey = unhex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
    const publicKey = publicKeyOfPrivate(privateKey)
    expect(hex(publicKey)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    expect(hex(await (await signWith(privateKey))(new Uint8Array()))).toBe('e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b')
  })

  it.each([0, 31, 33, 64])('of %i bytes are refused', (length) => {
    expect(() => publicKeyOfPrivate(new Uint8Array(length))).toThrow(expect.objectContaining({ code: 'INVALID_PUBLIC_KEY' }))
  })
})

interface Wycheproof { testGroups: { publicKey: { pk: string }; tests: { tcId: number; comment: string; msg: string; sig: string; result: 'valid' | 'invalid' }[] }[] }

describePublished('Wycheproof Ed25519', 'wycheproof/ed25519_test.json', ({ testGroups }: Wycheproof) => {
  it.each(implementations.map((implementation) => [implementation.name, implementation] as const))('has no case on which %s and our rule differ from it', async (_, implementation) => {
    for (const { publicKey, tests } of testGroups) {
      for (const { tcId, comment, msg, sig, result } of tests) {
        expect(await verifyWith(implementation, unhex(publicKey.pk), unhex(sig), unhex(msg)), `${tcId} ${comment}`).toBe(result === 'valid')
      }
    }
  })

  it('has no key that our admission refuses', () => {
    expect(testGroups.filter(({ publicKey }) => !isAdmitted(unhex(publicKey.pk)))).toEqual([])
  })
})
