import fc from 'fast-check'
import { sha256 as portable } from 'multiformats/hashes/sha2'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { SHA2_256, sha256 } from '../../src/store/sha256.ts'

describe('sha256', () => {
  it('gives the digest of FIPS 180-4, appendix B.1', async () => {
    expect(Buffer.from(await sha256(utf8('abc'))).toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(SHA2_256).toBe(0x12)
  })

  it('agrees with multiformats, which hashes where node:crypto cannot', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      const digest = await sha256(bytes)
      expect(digest).toEqual((await portable.digest(bytes)).digest)
      expect(digest.constructor).toBe(Uint8Array)
    }))
  })

  it('hashes a view of a larger buffer, and no more than it', async () => {
    const bytes = utf8('_abc_')
    expect(await sha256(bytes.subarray(1, 4))).toEqual(await sha256(utf8('abc')))
  })
})
