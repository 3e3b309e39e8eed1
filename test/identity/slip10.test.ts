import * as fc from 'fast-check'
import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { publicKeyOfPrivate } from '../../src/identity/ed25519.ts'
import { MAX_KEY_INDEX, childNode, masterNode } from '../../src/identity/slip10.ts'
import { hex, unhex } from '../vectors/frozen.ts'
import { describePublished } from '../vectors/published.ts'

interface Slip10 { seed: string; chain: { path: string; chainCode: string; privateKey: string; publicKey: string }[] }

describePublished('SLIP-0010 Ed25519', 'slip10/ed25519.json', (vectors: Slip10[]) => {
  it.each(vectors.flatMap(({ seed, chain }) => chain.map((node) => ({ seed, ...node }))))('$path of $seed', ({ seed, path, chainCode, privateKey, publicKey }) => {
    const indexes = path.split('/').slice(1).map((step) => Number(step.replace("'", '')))
    const node = indexes.reduce(childNode, masterNode(unhex(seed)))
    expect(hex(node.chainCode)).toBe(chainCode)
    expect(hex(node.key)).toBe(privateKey)
    expect(hex(publicKeyOfPrivate(node.key))).toBe(publicKey)
  })
})

describe('key trees', () => {
  it('are those of HMAC-SHA-512 over 0x00, key, hardened index', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), fc.nat(MAX_KEY_INDEX), (seed, index) => {
      const master = createHmac('sha512', 'ed25519 seed').update(seed).digest()
      const hardened = Buffer.alloc(4)
      hardened.writeUInt32BE(index + 2 ** 31)
      const child = createHmac('sha512', master.subarray(32)).update(Buffer.concat([Buffer.of(0), master.subarray(0, 32), hardened])).digest()
      expect(childNode(masterNode(seed), index)).toEqual({ key: Uint8Array.from(child.subarray(0, 32)), chainCode: Uint8Array.from(child.subarray(32)) })
    }))
  })

  it.each([-1, 2 ** 31, 2 ** 32, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '0' as unknown as number])('have no index %s', (index) => {
    expect(() => childNode(masterNode(new Uint8Array(16)), index)).toThrow(expect.objectContaining({ code: 'INVALID_KEY_INDEX' }))
  })

  it('have the indexes 0 and 2^31-1', () => {
    const master = masterNode(new Uint8Array(16))
    expect(childNode(master, 0)).not.toEqual(childNode(master, MAX_KEY_INDEX))
  })
})
