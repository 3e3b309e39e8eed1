import { CID } from 'multiformats/cid'
import { concat } from 'uint8arrays'
import { plainBytes } from '../bytes.ts'
import { decodeCborMap, encodeCbor, type CborMap } from '../cbor.ts'
import { LimitError } from '../errors.ts'
import { MAX_BLOCK_BYTES } from '../limits.ts'

/** A block under the CID that a CAR has for it; nobody has hashed it yet. */
export interface CarBlock {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** Makes the error that a caller sees. */
type Fail = (reason: string, options?: ErrorOptions) => Error

const MAX_CID_BYTES = 64

/** A CAR v1 of `blocks`, in their order. @see https://ipld.io/specs/transport/car/carv1/ */
export const encodeCar = (roots: readonly CID[], blocks: readonly CarBlock[]): Uint8Array => {
  const header = encodeCbor({ roots, version: 1 })
  return concat([varint(header.byteLength), header, ...blocks.flatMap(({ cid, bytes }) => [varint(cid.bytes.byteLength + bytes.byteLength), cid.bytes, bytes])])
}

/**
 * Reads a CAR v1: its header at once, its blocks as they are asked for, each a copy. The caller caps the size first and hashes what comes out.
 *
 * @throws LimitError for a block over 1 MiB, what `fail` makes for any other fault; while `blocks` are read, too
 */
export const parseCar = (car: Uint8Array, fail: Fail): { roots: CID[]; blocks: Iterable<CarBlock> } => {
  const bytes = plainBytes(car)
  let at = 0
  const take = (what: string): Uint8Array => {
    const length = readVarint()
    if (length > MAX_BLOCK_BYTES + MAX_CID_BYTES) throw new LimitError(`${what} bytes`, MAX_BLOCK_BYTES, length)
    if (length === 0 || length > bytes.byteLength - at) throw fail(`it ends in the middle of a ${what}`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const readVarint = (): number => {
    let value = 0
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw fail('it ends in the middle of a length')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw fail('a length is out of range')
  }
  const roots = readRoots(take('header'), fail)
  const blocks = function * (): Generator<CarBlock> {
    while (at < bytes.byteLength) yield splitSection(take('block'), fail)
  }
  return { roots, blocks: blocks() }
}

const readRoots = (header: Uint8Array, fail: Fail): CID[] => {
  const { version, roots } = readHeader(header, fail)
  if (version !== 1) throw fail('it is not a CAR of version 1')
  const cids = Array.isArray(roots) ? (roots as unknown[]).map((root) => CID.asCID(root)) : [null]
  if (!cids.every((cid) => cid !== null)) throw fail('its roots are no CIDs')
  return cids
}

const readHeader = (header: Uint8Array, fail: Fail): CborMap => {
  try {
    return decodeCborMap(header)
  } catch (error) {
    throw fail('it does not start like a CAR', { cause: error })
  }
}

const splitSection = (bytes: Uint8Array, fail: Fail): CarBlock => {
  try {
    const [cid, block] = CID.decodeFirst(bytes)
    return { cid, bytes: block.slice() }
  } catch (error) {
    throw fail('a block has no well-formed CID', { cause: error })
  }
}

const varint = (value: number): Uint8Array => {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}
