import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { decodeCborMap, encodeCbor, type CborMap } from '../../src/cbor.ts'
import { MercuryError } from '../../src/errors.ts'
import { publicKeyOfPrivate, verifySignature } from '../../src/identity/ed25519.ts'
import { LEAF_ROLES, type Persona } from '../../src/identity/persona.ts'
import { openSeed } from '../../src/identity/seed.ts'
import { childNode, masterNode, type KeyNode } from '../../src/identity/slip10.ts'
import { MAX_VAULT_BYTES, MAX_VAULT_PERSONAS, openVault, sealVault } from '../../src/identity/vault.ts'
import { hex, readFrozen, unhex } from '../vectors/frozen.ts'
import type { VaultCase } from '../vectors/make-identity.ts'
import { describePublished } from '../vectors/published.ts'

const PHRASE = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
const BIP39_SEED = unhex('5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4')
const CHEAP = { log2N: 10 }

const seed = await openSeed(PHRASE)
const personas = [await seed.persona(0), await seed.persona(3, { generation: 2 })]
const withCode = (code: string) => expect.objectContaining({ code })
const shape = ({ id, index, generation, leaves, pledge, encryptionPublicKey }: Persona) => ({ id, index, generation, leaves, pledge, encryptionPublicKey })

describe('vaults', () => {
  it.each(readFrozen<{ vaults: VaultCase[] }>('identity', 'vaults').vaults)('open as frozen: $passphrase', async ({ passphrase, bytes, personas }) => {
    expect(await openVault(unhex(bytes), passphrase)).toMatchObject(personas)
  })

  it('are sealed as frozen, byte for byte: nothing more is in them', async () => {
    const [open, sealed] = readFrozen<{ vaults: VaultCase[] }>('identity', 'vaults').vaults as [VaultCase, VaultCase]
    const held = await openVault(unhex(open.bytes))
    const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i)
    expect(hex(await sealVault(held, { unprotected: true }))).toBe(open.bytes)
    expect(hex(await sealVault(held, { passphrase: sealed.passphrase! }, { ...CHEAP, random: counting }))).toBe(sealed.bytes)
  })

  it.each([['protected', { passphrase: 'hunter2' }], ['unprotected', { unprotected: true }]] as const)('give back what was sealed: %s', async (_, protection) => {
    const opened = await openVault(await sealVault(personas, protection, CHEAP), 'hunter2')
    expect(opened.map(shape)).toEqual(personas.map(shape))
    for (const persona of opened) {
      expect(Object.keys(persona)).not.toContain('leaves')
      expect(await verifySignature(persona.publicKey, await persona.sign(Uint8Array.of(7)), Uint8Array.of(7))).toBe(true)
    }
  })

  it('cost what the format says unless a test asks for less, and let other work through meanwhile', async () => {
    let turns = 0
    let sealing = true
    const count = () => {
      turns++
      if (sealing) setImmediate(count)
    }
    setImmediate(count)
    const progress: number[] = []
    const sealed = await sealVault([], { passphrase: 'x' }, { onProgress: (fraction) => progress.push(fraction) })
    sealing = false
    expect(decodeCborMap(sealed)).toMatchObject({ v: 1, kdf: { log2N: 17, r: 8, p: 1 } })
    expect(turns).toBeGreaterThan(5)
    expect(progress.at(-1)).toBe(1)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
  })

  it('never look alike, and look alike with the same randomness', async () => {
    const seal = async (random?: (bytes: number) => Uint8Array) => hex(await sealVault(personas, { passphrase: 'x' }, { ...CHEAP, ...(random ? { random } : {}) }))
    expect(await seal()).not.toBe(await seal())
    const fixed = (bytes: number) => new Uint8Array(bytes).fill(5)
    expect(await seal(fixed)).toBe(await seal(fixed))
  })

  it('need the passphrase, in any Unicode form', async () => {
    const sealed = await sealVault(personas, { passphrase: '\ufb01ne \uff21 e\u0301' }, CHEAP)
    expect(await openVault(sealed, 'fine A é')).toHaveLength(2)
    for (const wrong of ['fine A e', 'fine a é', ' fine A é', 'x']) await expect(openVault(sealed, wrong)).rejects.toThrow(withCode('WRONG_PASSPHRASE'))
    for (const none of [undefined, '']) await expect(openVault(sealed, none)).rejects.toThrow(withCode('PASSPHRASE_NEEDED'))
    await expect(sealVault(personas, { passphrase: '' }, CHEAP)).rejects.toThrow(withCode('PASSPHRASE_NEEDED'))
  })

  it('give an abort the reason of its signal, before and while the key is derived', async () => {
    const reason = new Error('enough')
    await expect(sealVault([], { passphrase: 'x' }, { ...CHEAP, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const sealed = await sealVault([], { passphrase: 'x' }, CHEAP)
    const controller = new AbortController()
    await expect(openVault(sealed, 'x', { signal: controller.signal, onProgress: () => controller.abort(reason) })).rejects.toBe(reason)
  })

  it('hold 128 personas and not one more', async () => {
    const full = Array.from({ length: MAX_VAULT_PERSONAS }, () => personas[0]!)
    const sealed = await sealVault(full, { passphrase: 'x' }, CHEAP)
    expect(sealed.byteLength).toBeLessThan(MAX_VAULT_BYTES)
    expect(await openVault(sealed, 'x')).toHaveLength(128)
    await expect(sealVault([...full, personas[0]!], { passphrase: 'x' }, CHEAP)).rejects.toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', max: 128, value: 129 }))
    const entry = (decodeCborMap(await sealVault(personas, { unprotected: true })).personas as CborMap[])[0]!
    await expect(openVault(encodeCbor({ v: 1, personas: Array.from({ length: 129 }, () => entry) }))).rejects.toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', max: 128, value: 129 }))
  })
})

describe('what a vault holds', () => {
  const rolesOf = (index: number): { nodes: KeyNode[]; roles: KeyNode[] } => {
    const master = masterNode(BIP39_SEED)
    const purpose = childNode(master, 7_169_394)
    const persona = childNode(purpose, index)
    const roles = LEAF_ROLES.map((_, role) => childNode(persona, role))
    return { nodes: [master, purpose, persona], roles }
  }
  const windowsOf = (bytes: Uint8Array): string[] => Array.from({ length: bytes.byteLength - 31 }, (_, i) => hex(bytes.subarray(i, i + 32)))

  it('is no key, chain code or seed that leads to a later generation, and nothing that hashes or derives to one', async () => {
    const plaintext = await sealVault(personas, { unprotected: true })
    const inner = new Set<string>([hex(BIP39_SEED.subarray(0, 32)), hex(BIP39_SEED.subarray(32))])
    const later = new Set<string>()
    for (const { index, generation } of personas) {
      const { nodes, roles } = rolesOf(index)
      const leaves = roles.map((role) => childNode(role, generation))
      for (const { key, chainCode } of [...nodes, ...roles]) [key, chainCode].forEach((bytes) => inner.add(hex(bytes)))
      for (const { chainCode } of leaves) inner.add(hex(chainCode))
      for (const other of [generation + 1, generation + 2]) for (const { key, chainCode } of roles.map((role) => childNode(role, other))) [key, chainCode, publicKeyOfPrivate(key)].forEach((bytes) => later.add(hex(bytes)))
    }
    const forbidden = new Set([...inner, ...later])
    const windows = windowsOf(plaintext)
    for (const persona of personas) for (const leaf of Object.values(persona.leaves)) expect(windows).toContain(hex(leaf))
    expect(windows.filter((window) => forbidden.has(window))).toEqual([])
    const hashed = windows.flatMap((window) => ['sha256', 'sha512'].flatMap((algorithm) => windowsOf(createHash(algorithm).update(unhex(window)).digest())))
    expect(hashed.filter((window) => forbidden.has(window))).toEqual([])

    const held = personas.flatMap(({ leaves, pledge }) => [...Object.values(leaves), pledge.next, pledge.sig.subarray(0, 32), pledge.sig.subarray(32)])
    const derived = held.flatMap((key) => [masterNode(key), ...held.flatMap((chainCode) => [0, 1, 2, 3, 4, 5].map((index) => childNode({ key, chainCode }, index)))])
    expect(derived.filter(({ key, chainCode }) => forbidden.has(hex(key)) || forbidden.has(hex(chainCode)))).toEqual([])
  })

  it('is, of the next generation, the digest of its public key alone', async () => {
    const plaintext = hex(await sealVault(personas, { unprotected: true }))
    for (const { index, generation } of personas) {
      const next = publicKeyOfPrivate(childNode(rolesOf(index).roles[0]!, generation + 1).key)
      expect(plaintext).toContain(createHash('sha256').update(next).digest('hex'))
    }
  })

  it('is sealed: no leaf key and no profile ID can be read without the passphrase', async () => {
    const sealed = Buffer.from(await sealVault(personas, { passphrase: 'x' }, CHEAP))
    for (const persona of personas) for (const bytes of [...Object.values(persona.leaves), persona.publicKey, persona.pledge.next, persona.pledge.sig]) expect(sealed.includes(bytes.subarray(0, 8))).toBe(false)
  })
})

describe('hostile vaults', () => {
  const codes = ['WRONG_PASSPHRASE', 'INVALID_VAULT', 'UNSUPPORTED', 'INVALID_CBOR']
  const codeOf = async (bytes: Uint8Array, passphrase: string | undefined = 'x') => openVault(bytes, passphrase).then(() => 'opened', (error: unknown) => (error instanceof MercuryError ? error.code : `untyped ${inspect(error)}`))

  it('are refused wherever one byte is another, or bytes are missing or too many', async () => {
    const sealed = await sealVault(personas.slice(0, 1), { passphrase: 'x' }, CHEAP)
    for (let at = 0; at < sealed.byteLength; at++) expect(codes, `byte ${at}`).toContain(await codeOf(sealed.map((byte, i) => (i === at ? byte ^ 1 : byte))))
    for (let length = 0; length < sealed.byteLength; length++) expect(await codeOf(sealed.subarray(0, length)), `${length} bytes`).toBe('INVALID_VAULT')
    expect(await codeOf(Uint8Array.of(...sealed, 0))).toBe('INVALID_VAULT')
  })

  it('are refused when the parameters of another vault are put on them', async () => {
    const sealed = decodeCborMap(await sealVault(personas, { passphrase: 'x' }, CHEAP))
    const other = decodeCborMap(await sealVault(personas, { passphrase: 'x' }, CHEAP))
    const swaps: CborMap[] = [{ nonce: other.nonce! }, { kdf: other.kdf! }, { box: other.box! }, { kdf: { ...(sealed.kdf as CborMap), p: 2 } }, { note: 'added' }]
    for (const swapped of swaps) expect(await codeOf(encodeCbor({ ...sealed, ...swapped }))).toBe('WRONG_PASSPHRASE')
  })

  it.each([['log2N', 9], ['log2N', 19], ['log2N', 32], ['log2N', -1], ['log2N', Number.MAX_SAFE_INTEGER], ['log2N', '17'], ['r', 0], ['r', 9], ['r', 2 ** 31], ['p', 0], ['p', 5], ['p', 2 ** 31], ['salt', new Uint8Array(31)], ['salt', new Uint8Array(33)], ['salt', 'salt']])('are refused before any work when %s is %s', async (name, value) => {
    const sealed = decodeCborMap(await sealVault(personas, { passphrase: 'x' }, CHEAP))
    const hostile = encodeCbor({ ...sealed, kdf: { ...(sealed.kdf as CborMap), [name]: value } })
    let worked = false
    await expect(openVault(hostile, 'x', { onProgress: () => { worked = true } })).rejects.toThrow(withCode('INVALID_VAULT'))
    expect(worked).toBe(false)
    if (name !== 'salt') await expect(sealVault([], { passphrase: 'x' }, { log2N: 19 })).rejects.toThrow(withCode('INVALID_VAULT'))
  })

  it.each([{ log2N: 10, r: 8, p: 4 }, { log2N: 18, r: 1, p: 1 }])('may ask for what is just within the bounds: %o', async (parameters) => {
    expect(await codeOf(encodeCbor({ v: 1, kdf: { ...parameters, salt: new Uint8Array(32) }, nonce: new Uint8Array(24), box: new Uint8Array(32) }))).toBe('WRONG_PASSPHRASE')
  })

  it.each<[string, CborMap, string]>([
    ['an empty map', {}, 'INVALID_VAULT'],
    ['a later version', { v: 2 }, 'UNSUPPORTED'],
    ['neither personas nor a box', { v: 1 }, 'INVALID_VAULT'],
    ['personas that are no list', { v: 1, personas: {} }, 'INVALID_VAULT'],
    ['a persona that is no map', { v: 1, personas: [7] }, 'INVALID_VAULT'],
    ['a nonce of 23 bytes', { v: 1, kdf: { log2N: 10, r: 8, p: 1, salt: new Uint8Array(32) }, nonce: new Uint8Array(23), box: new Uint8Array(32) }, 'INVALID_VAULT'],
    ['a box that is text', { v: 1, kdf: { log2N: 10, r: 8, p: 1, salt: new Uint8Array(32) }, nonce: new Uint8Array(24), box: 'box' }, 'INVALID_VAULT'],
    ['a box shorter than its tag', { v: 1, kdf: { log2N: 10, r: 8, p: 1, salt: new Uint8Array(32) }, nonce: new Uint8Array(24), box: new Uint8Array(15) }, 'WRONG_PASSPHRASE']
  ])('are refused: %s', async (_, vault, code) => {
    expect(await codeOf(encodeCbor(vault))).toBe(code)
  })

  it('are refused when personas do not hold together', async () => {
    const [entry, other] = decodeCborMap(await sealVault(personas, { unprotected: true })).personas as [CborMap, CborMap]
    const leaves = entry.leaves as Uint8Array[]
    const changes: CborMap[] = [
      { next: other.next! }, { sig: other.sig! }, { leaves: other.leaves! }, { leaves: [leaves[1]!, leaves[0]!, ...leaves.slice(2)] }, { leaves: leaves.slice(1) }, { leaves: [...leaves, leaves[0]!] },
      { leaves: [leaves[0]!.subarray(1), ...leaves.slice(1)] }, { leaves: 'leaves' }, { index: -1 }, { index: 2 ** 31 }, { generation: 2 ** 31 - 1 }, { index: '0' }, { generation: null }, { next: new Uint8Array(31) }, { sig: new Uint8Array(64) }, { sig: null }
    ]
    for (const change of changes) expect(await codeOf(encodeCbor({ v: 1, personas: [{ ...entry, ...change }] }), undefined), inspect(change)).toBe('INVALID_VAULT')
    const { sig: _, ...unsigned } = entry
    expect(await codeOf(encodeCbor({ v: 1, personas: [unsigned] }), undefined)).toBe('INVALID_VAULT')
  })

  it('are limited to 65,536 bytes, before they are parsed', async () => {
    const padded = (length: number) => encodeCbor({ v: 1, personas: [], x: new Uint8Array(length - 19) })
    expect(padded(MAX_VAULT_BYTES)).toHaveLength(MAX_VAULT_BYTES)
    expect(await openVault(padded(MAX_VAULT_BYTES))).toEqual([])
    await expect(openVault(padded(MAX_VAULT_BYTES + 1))).rejects.toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED', max: 65_536, value: 65_537 }))
    await expect(openVault(new Uint8Array(MAX_VAULT_BYTES + 1).fill(0x81))).rejects.toThrow(withCode('LIMIT_EXCEEDED'))
  })
})

interface Aead { testGroups: { tests: { tcId: number; comment: string; key: string; iv: string; aad: string; msg: string; ct: string; tag: string; result: 'valid' | 'invalid' }[] }[] }

describePublished('Wycheproof XChaCha20-Poly1305', 'wycheproof/xchacha20_poly1305_test.json', ({ testGroups }: Aead) => {
  it('is what the cipher that seals vaults does', () => {
    for (const { tcId, comment, key, iv, aad, msg, ct, tag, result } of testGroups.flatMap((group) => group.tests)) {
      const cipher = () => xchacha20poly1305(unhex(key), unhex(iv), unhex(aad))
      const open = () => hex(cipher().decrypt(unhex(ct + tag)))
      if (result === 'invalid') expect(open, `${tcId} ${comment}`).toThrow()
      else expect([open(), hex(cipher().encrypt(unhex(msg)))], `${tcId} ${comment}`).toEqual([msg, ct + tag])
    }
  })
})
