import { concat } from 'uint8arrays'
import { readProtobuf } from './protobuf.ts'

/** The protobuf fields of an IPNS record; none is signed but what `data` says. Empty bytes are absent, as protobuf has it. */
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

type FieldOf<T> = { [K in keyof Required<Envelope>]: Required<Envelope>[K] extends T ? K : never }[keyof Envelope]

const BYTE_FIELDS: Readonly<Record<number, FieldOf<Uint8Array>>> = { 1: 'value', 2: 'signatureV1', 4: 'validity', 7: 'pubKey', 8: 'signatureV2', 9: 'data' }
const NUMBER_FIELDS: Readonly<Record<number, FieldOf<bigint>>> = { 3: 'validityType', 5: 'sequence', 6: 'ttl' }
const ED25519_KEY_TYPE = 1n
const LENGTH_DELIMITED = 2

/**
 * Parses the envelope: the last duplicate of a field wins, unknown fields and known ones of another wire type are skipped.
 *
 * @throws InvalidRecordError
 * @see https://specs.ipfs.tech/ipns/ipns-record/#record-serialization-format
 */
export const parseEnvelope = (encoded: Uint8Array): Envelope => {
  const envelope: Envelope = {}
  for (const { number, value } of readProtobuf(encoded)) {
    if (typeof value === 'bigint') {
      const name = NUMBER_FIELDS[number]
      if (name) envelope[name] = name === 'validityType' ? enumValue(value) : value
      continue
    }
    const name = BYTE_FIELDS[number]
    if (!name) continue
    if (value.byteLength > 0) envelope[name] = value
    else delete envelope[name]
  }
  return envelope
}

/**
 * The raw bytes of the Ed25519 key in a libp2p `PublicKey` message, however its fields are ordered; undefined where it is no such key.
 *
 * @throws InvalidRecordError when it is not protobuf
 * @see https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#keys
 */
export const readEd25519Key = (message: Uint8Array): Uint8Array | undefined => {
  let type: bigint | undefined
  let key: Uint8Array | undefined
  for (const { number, value } of readProtobuf(message)) {
    if (number === 1 && typeof value === 'bigint') type = enumValue(value)
    if (number === 2 && typeof value !== 'bigint') key = value
  }
  return type === ED25519_KEY_TYPE ? key : undefined
}

/** Protobuf keeps the low 32 bits of an enumeration. */
const enumValue = (value: bigint): bigint => BigInt.asIntN(32, value)

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
