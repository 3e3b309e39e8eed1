import { plainBytes } from '../bytes.ts'
import { InvalidRecordError } from './invalid-record.ts'

/** A field that holds a number or bytes; the only two wire types that records use. */
export interface ProtobufField {
  readonly number: number
  /** A view of what was read. */
  readonly value: bigint | Uint8Array
}

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const START_GROUP = 3
const END_GROUP = 4
const FIXED32 = 5
const MAX_FIELD_NUMBER = 2n ** 29n - 1n
/** Other software checks the numbers inside a group less strictly, and what it lets pass must not be refused here. */
const MAX_NUMBER_IN_GROUP = 2n ** 31n - 1n

/**
 * The fields of a protobuf message in the order they stand. Fixed-width fields and groups, which no record defines, are skipped.
 *
 * It takes what the IPFS implementations take, no less: anyone may add fields to a record on its way, and a reader that refused
 * what the others keep and pass on could be cut off from the name.
 *
 * @throws InvalidRecordError
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export const readProtobuf = (encoded: Uint8Array): ProtobufField[] => {
  const bytes = plainBytes(encoded)
  const fields: ProtobufField[] = []
  const openGroups: bigint[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) throw new InvalidRecordError('the protobuf ends in the middle of a field')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        if (value >= 2n ** 64n) break
        return value
      }
    }
    throw new InvalidRecordError('a protobuf number is over 64 bits')
  }
  const take = (length: bigint): Uint8Array => {
    if (length > BigInt(bytes.byteLength - at)) throw new InvalidRecordError('the protobuf ends in the middle of a field')
    at += Number(length)
    return bytes.subarray(at - Number(length), at)
  }
  const add = (number: bigint, value: bigint | Uint8Array): void => {
    if (openGroups.length === 0) fields.push({ number: Number(number), value })
  }
  while (at < bytes.byteLength) {
    const tag = varint()
    const number = tag >> 3n
    if (number === 0n || number > (openGroups.length === 0 ? MAX_FIELD_NUMBER : MAX_NUMBER_IN_GROUP)) throw new InvalidRecordError('a protobuf field number is out of range')
    switch (Number(tag & 7n)) {
      case VARINT: add(number, varint()); break
      case LENGTH_DELIMITED: add(number, take(varint())); break
      case FIXED64: take(8n); break
      case FIXED32: take(4n); break
      case START_GROUP: openGroups.push(number); break
      case END_GROUP: if (openGroups.pop() !== number) throw new InvalidRecordError('a protobuf group ends that did not begin'); break
      default: throw new InvalidRecordError('a protobuf wire type that is not allowed')
    }
  }
  if (openGroups.length > 0) throw new InvalidRecordError('the protobuf ends in the middle of a group')
  return fields
}
