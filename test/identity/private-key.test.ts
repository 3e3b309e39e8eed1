import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyFromRaw, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { publicKeyOfPrivate } from '../../src/identity/ed25519.ts'
import { MAX_PRIVATE_KEY_BYTES, encodePrivateKey, parsePrivateKey, type PrivateKeyForm } from '../../src/identity/private-key.ts'
import { profileIdFromPublicKey } from '../../src/identity/profile-id.ts'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
const forms = fc.constantFrom<PrivateKeyForm>('pem', 'libp2p')
const seedOf = (key: KeyObject): Uint8Array => new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url'))
const pemOf = (key: KeyObject, options: { cipher?: string; passphrase?: string } = {}): Buffer => Buffer.from(key.export({ format: 'pem', type: 'pkcs8', ...options }))
const wrap = (der: Uint8Array, label = 'PRIVATE KEY'): Buffer => Buffer.from(`-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** What {@link parsePrivateKey} says against `bytes`. */
const refusal = (bytes: Uint8Array): { code: string; message: string; keyType?: string } => {
  try {
    parsePrivateKey(bytes)
  } catch (error) {
    return error as { code: string; message: string; keyType?: string }
  }
  throw new Error('it was taken')
}

/** From RFC 8410, section 10.3: without and with attributes and the public key. */
const RFC_8410 = [
  'MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC',
  'MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE='
].map((base64) => Buffer.from(base64, 'base64'))
const rfcSeed = RFC_8410[0]!.subarray(16)

describe('what is written', () => {
  it('is what node:crypto writes and reads as PEM', () => {
    for (let i = 0; i < 20; i++) {
      const { privateKey } = generateKeyPairSync('ed25519')
      const pem = encodePrivateKey(seedOf(privateKey), 'pem')
      expect(text(pem)).toBe(pemOf(privateKey).toString())
      expect(createPrivateKey(Buffer.from(pem)).equals(privateKey)).toBe(true)
      expect(parsePrivateKey(pemOf(privateKey))).toEqual({ privateKey: seedOf(privateKey), form: 'pem' })
    }
  })

  it('is what libp2p writes and reads as protobuf, under the same name', async () => {
    for (let i = 0; i < 20; i++) {
      const theirs = await generateKeyPair('Ed25519')
      const seed = theirs.raw.slice(0, 32)
      expect(encodePrivateKey(seed, 'libp2p')).toEqual(privateKeyToProtobuf(theirs))
      expect(parsePrivateKey(privateKeyToProtobuf(theirs))).toEqual({ privateKey: seed, form: 'libp2p' })
      const read = privateKeyFromProtobuf(encodePrivateKey(seed, 'libp2p'))
      expect(read.equals(theirs)).toBe(true)
      expect(read.publicKey.toCID().toString()).toBe(theirs.publicKey.toCID().toString())
      expect(profileIdFromPublicKey(publicKeyOfPrivate(seed))).toMatch(/^k51/)
    }
  })

  it('is read again as the same key, as a copy', () => {
    fc.assert(fc.property(seeds, forms, (seed, form) => {
      const bytes = Buffer.from(encodePrivateKey(seed, form))
      expect(bytes.byteLength).toBe(form === 'pem' ? 119 : 68)
      const parsed = parsePrivateKey(bytes)
      expect(parsed).toEqual({ privateKey: seed, form })
      const before = Buffer.from(bytes)
      parsed.privateKey.fill(0)
      expect(bytes).toEqual(before)
    }))
  })

  it.each([0, 31, 33, 64])('is no key of %i bytes', (length) => {
    for (const form of ['pem', 'libp2p'] as const) expect(() => encodePrivateKey(new Uint8Array(length), form)).toThrow(expect.objectContaining({ code: 'INVALID_PUBLIC_KEY' }))
  })
})

describe('what else is read', () => {
  it('PEM with other line ends, other line lengths and white space around it', () => {
    const pem = text(encodePrivateKey(rfcSeed, 'pem'))
    for (const variant of [pem.replaceAll('\n', '\r\n'), pem.trimEnd(), `\n\n  ${pem}\n\n`, pem.replace('BCIE', 'BC\nIE')]) {
      expect(parsePrivateKey(Buffer.from(variant)).privateKey).toEqual(new Uint8Array(rfcSeed))
    }
  })

  it('PKCS#8 of version 1 with attributes and the public key, which must be that of the key', () => {
    const [plain, whole] = RFC_8410 as [Buffer, Buffer]
    expect(parsePrivateKey(wrap(plain)).privateKey).toEqual(new Uint8Array(rfcSeed))
    expect(parsePrivateKey(wrap(whole)).privateKey).toEqual(new Uint8Array(rfcSeed))
    for (let at = whole.byteLength - 32; at < whole.byteLength; at++) expect(refusal(wrap(whole.with(at, whole[at]! ^ 1)))).toMatchObject({ code: 'INVALID_PRIVATE_KEY', message: expect.stringContaining('public half') })
  })

  it('the protobuf of 96 bytes with the public key twice, both those of the key', async () => {
    const { raw } = await generateKeyPair('Ed25519')
    const old = Uint8Array.of(0x08, 1, 0x12, 96, ...raw, ...raw.subarray(32))
    expect(parsePrivateKey(old)).toEqual({ privateKey: raw.slice(0, 32), form: 'libp2p' })
    for (let at = 4 + 32; at < old.byteLength; at++) expect(refusal(old.with(at, old[at]! ^ 1))).toMatchObject({ code: 'INVALID_PRIVATE_KEY', message: expect.stringContaining('public half') })
  })
})

describe('keys of other types', () => {
  const types = {
    RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    'RSA for PSS': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
    ECDSA: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    secp256k1: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    X25519: generateKeyPairSync('x25519'),
    Ed448: generateKeyPairSync('ed448'),
    X448: generateKeyPairSync('x448')
  }

  it.each(Object.entries(types))('%s as PEM is named', (name, { privateKey }) => {
    expect(refusal(pemOf(privateKey))).toMatchObject({ code: 'UNSUPPORTED_KEY', keyType: name.split(' ')[0], message: expect.stringContaining('Ed25519') })
  })

  it.each(['RSA', 'secp256k1', 'ECDSA'] as const)('%s as protobuf is named', async (type) => {
    const key = type === 'RSA' ? await generateKeyPair('RSA', 2048) : type === 'secp256k1' ? await generateKeyPair('secp256k1') : await generateKeyPair('ECDSA')
    expect(refusal(privateKeyToProtobuf(key))).toMatchObject({ code: 'UNSUPPORTED_KEY', keyType: type })
  })

  it('encrypted, old, foreign and public ones are named', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const cases: [Buffer, string][] = [
      [pemOf(privateKey, { cipher: 'aes-256-cbc', passphrase: 'rabbit' }), 'encrypted'],
      [Buffer.from(types.RSA.privateKey.export({ format: 'pem', type: 'pkcs1' })), 'RSA'],
      [Buffer.from(types.ECDSA.privateKey.export({ format: 'pem', type: 'sec1' })), 'ECDSA'],
      [wrap(randomBytes(100), 'OPENSSH PRIVATE KEY'), 'in the form of OpenSSH'],
      [Buffer.from(publicKey.export({ format: 'pem', type: 'spki' })), 'a public key'],
      [Buffer.of(0x08, 1, 0x12, 32, ...publicKeyOfPrivate(rfcSeed)), 'a public key']
    ]
    for (const [bytes, keyType] of cases) expect(refusal(bytes)).toMatchObject({ code: 'UNSUPPORTED_KEY', keyType })
  })
})

describe('what is no key', () => {
  const der = RFC_8410[0]!
  const pem = text(encodePrivateKey(rfcSeed, 'pem'))
  const base64 = pem.split('\n')[1]!
  const protobuf = Buffer.from(encodePrivateKey(rfcSeed, 'libp2p'))
  const other = generateKeyPairSync('ed25519').privateKey

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['text', Buffer.from('legal winner thank year')],
    ['the raw seed', rfcSeed],
    ['bare DER', der],
    ['a PEM without an end', Buffer.from(pem.slice(0, -10))],
    ['a PEM with another end', Buffer.from(pem.replace('END PRIVATE', 'END PUBLIC'))],
    ['two PEM blocks', Buffer.from(pem + pem)],
    ['text before the PEM', Buffer.from(`key:\n${pem}`)],
    ['text behind the PEM', Buffer.from(`${pem}key`)],
    ['an empty PEM', Buffer.from('-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n')],
    ['a PEM with another label', wrap(der, 'CERTIFICATE')],
    ['base64url', Buffer.from(pem.replace('/', '_'))],
    ['base64 without its padding', Buffer.from(pem.replace(base64, base64.slice(0, -3)))],
    ['base64 with stray bits', Buffer.from(wrap(RFC_8410[1]!).toString().replace('uE=', 'uF='))],
    ['base64 with padding that is not needed', Buffer.from(pem.replace(base64, `${base64}====`))],
    ['base64 with padding in the middle', Buffer.from(pem.replace(base64, `${base64.slice(0, 20)}=${base64.slice(21)}`))],
    ['a second value behind the DER', wrap(Buffer.concat([der, Buffer.of(5, 0)]))],
    ['a length that is longer than needed', wrap(Buffer.concat([Buffer.of(0x30, 0x81, 0x2e), der.subarray(2)]))],
    ['version 1 without a public key', wrap(der.with(4, 1))],
    ['version 2', wrap(der.with(4, 2))],
    ['a public key in version 0', wrap(Buffer.concat([Buffer.of(0x30, 0x51), der.subarray(2), Buffer.of(0x81, 33, 0), publicKeyOfPrivate(rfcSeed)]))],
    ['an algorithm with parameters', wrap(Buffer.concat([Buffer.of(0x30, 0x30, 2, 1, 0, 0x30, 7, 6, 3, 0x2b, 0x65, 0x70, 5, 0), der.subarray(12)]))],
    ['a seed of 31 bytes', wrap(Buffer.concat([Buffer.of(0x30, 0x2d, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x21, 4, 0x1f), rfcSeed.subarray(1)]))],
    ['a public key as DER', wrap(createPublicKey(other).export({ format: 'der', type: 'spki' }))],
    ['a protobuf that is cut off', protobuf.subarray(0, -1)],
    ['a protobuf with a byte more', Buffer.concat([protobuf, Buffer.of(0)])],
    ['a protobuf in another order', Buffer.concat([protobuf.subarray(2), protobuf.subarray(0, 2)])],
    ['a protobuf with an overlong type', Buffer.concat([Buffer.of(0x08, 0x81, 0x00), protobuf.subarray(2)])],
    ['a protobuf of an unknown type', protobuf.with(1, 9)],
    ['a protobuf of 65 bytes', Buffer.concat([protobuf.with(3, 65), Buffer.of(1)])],
    ['a protobuf without data', protobuf.subarray(0, 2)],
    ['the public half of another', Buffer.concat([protobuf.subarray(0, 36), publicKeyOfPrivate(seedOf(other))])]
  ])('%s', (_, bytes) => {
    expect(refusal(bytes).code).toBe('INVALID_PRIVATE_KEY')
  })

  it('is refused by its size before it is looked at', () => {
    const long = (length: number): Buffer => Buffer.from(pem.padEnd(length))
    expect(parsePrivateKey(long(MAX_PRIVATE_KEY_BYTES)).form).toBe('pem')
    expect(refusal(long(MAX_PRIVATE_KEY_BYTES + 1))).toMatchObject({ code: 'LIMIT_EXCEEDED', max: 16_384, value: 16_385 })
  })

  it('any bytes: a key or a typed error, and never another one for an altered byte in silence', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(refusal(bytes).code).toMatch(/^(INVALID_PRIVATE_KEY|UNSUPPORTED_KEY)$/)
    }))
    fc.assert(fc.property(seeds, fc.nat(67), fc.integer({ min: 1, max: 255 }), (seed, at, mask) => {
      const bytes = encodePrivateKey(seed, 'libp2p')
      expect(refusal(bytes.with(at, bytes[at]! ^ mask)).code).toMatch(/^(INVALID_PRIVATE_KEY|UNSUPPORTED_KEY)$/)
    }))
    fc.assert(fc.property(seeds, fc.nat(118), fc.integer({ min: 1, max: 255 }), (seed, at, mask) => {
      const bytes = encodePrivateKey(seed, 'pem')
      const altered = bytes.with(at, bytes[at]! ^ mask)
      try {
        const { privateKey } = parsePrivateKey(altered)
        // Of PEM every bit of the seed stands there once: another key is a key. The oracle reads the same.
        expect(privateKey).toEqual(seedOf(createPrivateKey(Buffer.from(altered))))
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^(INVALID_PRIVATE_KEY|UNSUPPORTED_KEY)$/)
      }
    }))
  })

  it('is not told in the error', () => {
    fc.assert(fc.property(seeds, fc.nat(67), forms, (seed, cut, form) => {
      const bytes = encodePrivateKey(seed, form).slice(0, -1 - cut)
      const error = refusal(Buffer.concat([bytes, Buffer.of(1)]))
      const told = JSON.stringify([error.message, error, String((error as { cause?: unknown }).cause)])
      for (const spelling of [Buffer.from(seed).toString('hex'), Buffer.from(seed).toString('base64'), base64Within(seed)]) expect(told).not.toContain(spelling.slice(0, 12))
    }))
    expect(refusal(wrap(der, 'MY SECRET 1234')).message).not.toContain('1234')
  })
})

/** How the first bytes of a seed look in PEM. */
const base64Within = (seed: Uint8Array): string => text(encodePrivateKey(seed, 'pem')).split('\n')[1]!.slice(22)

describe('libp2p', () => {
  it('has the key that was parsed', async () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const parsed = parsePrivateKey(pemOf(privateKey))
    const raw = Uint8Array.of(...parsed.privateKey, ...publicKeyOfPrivate(parsed.privateKey))
    expect(privateKeyFromRaw(raw).publicKey.toCID().toString()).toContain('bafzaa')
  })
})
