import { concat } from 'uint8arrays'
import { plainBytes } from '../bytes.ts'
import { InvalidRecordError } from './invalid-record.ts'

/** The protobuf fields of an IPNS record; none is signed but what `data` says. */
export interface Envelope {
  value?: Uint8Array
  signatureV1?: Uint8Array
  validityType?: bigint
  validity?: Uint8Array
  sequence?: bigint
  ttl?: bigint
  pubKey?: Uint8Array
  signatureV2?: Uint8Array
  data?: Uint8Array
}

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

const FIELDS: Readonly<Record<number, { name: keyof Envelope; wire: number }>> = {
  1: { name: 'value', wire: LENGTH_DELIMITED },
  2: { name: 'signatureV1', wire: LENGTH_DELIMITED },
  3: { name: 'validityType', wire: VARINT },
  4: { name: 'validity', wire: LENGTH_DELIMITED },
  5: { name: 'sequence', wire: VARINT },
  6: { name: 'ttl', wire: VARINT },
  7: { name: 'pubKey', wire: LENGTH_DELIMITED },
  8: { name: 'signatureV2', wire: LENGTH_DELIMITED },
  9: { name: 'data', wire: LENGTH_DELIMITED }
}

/**
 * Parses the envelope: the last duplicate of a field wins, unknown fields and known ones of another wire type are skipped.
 *
 * @throws InvalidRecordError
 * @see https://specs.ipfs.tech/ipns/ipns-record/#record-serialization-format
 */
export const parseEnvelope = (encoded: Uint8Array): Envelope => {
  const bytes = plainBytes(encoded)
  const envelope: Record<string, Uint8Array | bigint> = {}
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
  while (at < bytes.byteLength) {
    const tag = varint()
    const wire = Number(tag & 7n)
    const number = Number(tag >> 3n)
    if (number === 0 || tag >= 2n ** 32n) throw new InvalidRecordError('a protobuf field number is out of range')
    const value = wire === VARINT ? varint() : wire === LENGTH_DELIMITED ? take(varint()) : wire === FIXED64 ? take(8n) : wire === FIXED32 ? take(4n) : undefined
    if (value === undefined) throw new InvalidRecordError('a protobuf wire type that is not allowed')
    const field = FIELDS[number]
    if (field?.wire === wire) envelope[field.name] = value
  }
  return envelope
}

/** The one form in which records are judged, compared, stored and relayed: fields 8 and 9 and nothing else. */
export const encodeReducedEnvelope = (signatureV2: Uint8Array, data: Uint8Array): Uint8Array =>
  concat([Uint8Array.of((8 << 3) | LENGTH_DELIMITED), encodeVarint(signatureV2.byteLength), signatureV2, Uint8Array.of((9 << 3) | LENGTH_DELIMITED), encodeVarint(data.byteLength), data])

const encodeVarint = (value: number): Uint8Array => {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}
