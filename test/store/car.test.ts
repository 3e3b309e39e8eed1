import { CID } from 'multiformats/cid'
import type { MultihashDigest } from 'multiformats'
import { concat } from 'uint8arrays'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { encodeCbor, type CborMap } from '../../src/cbor.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { encodeCar, parseCar, type CarBlock } from '../../src/store/car.ts'

class Refused extends Error {}
const refuse = (reason: string): Error => new Refused(reason)

const read = (bytes: Uint8Array) => {
  const { roots, blocks } = parseCar(bytes, refuse)
  return { roots: roots.map(String), blocks: [...blocks].map(textOf) }
}

/** Two texts are compared faster than two arrays of a million bytes. */
const textOf = ({ cid, bytes }: CarBlock): string => `${cid.toString()} ${Buffer.from(bytes).toString('base64')}`

const one = { cid: await cidOf(utf8('one'), RAW), bytes: utf8('one') }
const two = { cid: await cidOf(new Uint8Array(1_048_576), RAW), bytes: new Uint8Array(1_048_576) }
const empty = { cid: await cidOf(new Uint8Array(), RAW), bytes: new Uint8Array() }
const car = encodeCar([one.cid], [one])

const DIGEST_OF_ONE = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'
/** After it alone a CAR may end. */
const HEADER_BYTES = 59

const withHeader = (header: CborMap): Uint8Array => {
  const bytes = encodeCbor(header)
  return concat([Uint8Array.of(bytes.byteLength), bytes])
}

describe('a CAR v1', () => {
  it('is the header and, for each block, its length, its CID and its bytes', () => {
    expect(Buffer.from(car).toString('hex')).toBe(`3aa265726f6f747381d82a58250001551220${DIGEST_OF_ONE}6776657273696f6e012701551220${DIGEST_OF_ONE}6f6e65`)
  })

  it.each([
    ['no block', [one.cid], []],
    ['an empty block and one of 1 MiB', [two.cid, one.cid], [empty, two, one]],
    ['no root', [], [one]]
  ])('of %s is read as it was written', (_, roots, blocks) => {
    expect(read(encodeCar(roots, blocks))).toEqual({ roots: roots.map(String), blocks: blocks.map(textOf) })
  })

  it('is read from a view too, into copies of its blocks', () => {
    const buffer = Buffer.concat([Buffer.alloc(3), car])
    const [block] = parseCar(buffer.subarray(3), refuse).blocks
    buffer.fill(0)
    expect(block?.bytes).toEqual(utf8('one'))
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['text', utf8('<html>nothing</html>')],
    ['version 2', withHeader({ roots: [], version: 2 })],
    ['no roots', withHeader({ version: 1 })],
    ['roots that are no CIDs', withHeader({ roots: ['x'], version: 1 })],
    ['a block of no length', concat([car, Uint8Array.of(0)])],
    ['a length without end', concat([car, new Uint8Array(16).fill(0xff)])],
    ['a block without a CID', concat([car, Uint8Array.of(1, 9)])],
    ...Array.from({ length: car.byteLength - 1 }, (_, end): [string, Uint8Array] => [`${end} bytes of ${car.byteLength}`, car.subarray(0, end)]).filter(([, bytes]) => bytes.byteLength !== HEADER_BYTES)
  ])('is not %s', (_, bytes) => {
    expect(() => read(bytes)).toThrow(Refused)
  })

  it('has no block over 1 MiB', () => {
    expect(() => read(encodeCar([], [{ cid: one.cid, bytes: new Uint8Array(1_048_576 + 65) }]))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
  })

  it('keeps the CID of a block as it stands, whatever it hashes', () => {
    const v0 = CID.createV0(one.cid.multihash as MultihashDigest<0x12>)
    expect(read(encodeCar([v0], [{ cid: v0, bytes: utf8('other') }]))).toEqual({ roots: [v0.toString()], blocks: [textOf({ cid: v0, bytes: utf8('other') })] })
  })
})
