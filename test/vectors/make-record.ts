import * as noble from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { InOrder, Raw, blockCid, describeKey, encode, head, joined, keyPair, pledgeTo, protobufField, reduced, sealed, sha256, signBytes, signRecord, type Fields, type KeyPair, type Value } from './forge.ts'
import { writeFrozen } from './frozen.ts'
import { packBytes, type PackedBytes } from './packed-bytes.ts'

/** Writes record.json: `node test/vectors/make-record.ts`. */

export interface RecordCase {
  name: string
  /** The name that was asked for. */
  id: string
  /** Milliseconds since 1970. */
  now: number
  bytes: PackedBytes
  /** `accept`, or the code of the error. */
  verdict: string
  /** What is authentic, where it has expired or is no profile too. */
  authentic?: {
    reduced: PackedBytes
    value: PackedBytes
    sequence: string
    validityNs: string
    ttlMs: number
    /** Of a profile. */
    cid?: string
    /** Whether the document of `cid` rides along. */
    inline?: boolean
  }
}

export interface SelectionCase {
  name: string
  id: string
  now: number
  records: PackedBytes[]
  /** Index into `records`, or null. */
  best: number | null
}

const alice = keyPair('alice')
const bob = keyPair('bob')
const NOW = 1_800_000_000_000
const VALIDITY = '2027-02-01T00:00:00.000000000Z'
const TTL = 300_000_000_000
const SEQUENCE = 1_800_000_000
const documentFields: Fields = { v: 1, kind: 'persona', id: alice.idBytes, seq: SEQUENCE, time: SEQUENCE, prev: null, ...pledgeTo(alice, keyPair('alice, generation 1')), attrs: { name: 'Alice Liddell' } }
const document = encode(sealed('mercury/profile/1', documentFields, alice))
const cid = blockCid(document)
const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value))
const fields = { Value: text(`/ipfs/${cid.toString()}`), Validity: text(VALIDITY), ValidityType: 0, Sequence: SEQUENCE, TTL } satisfies Fields
const without = (key: string): Fields => Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key))

const cases: RecordCase[] = []
const selections: SelectionCase[] = []

interface Authentic { signature: Uint8Array; data: Uint8Array; sequence?: bigint; validityNs?: bigint; ttlMs?: number; value?: Uint8Array; cid?: string | undefined; inline?: boolean }

const add = (name: string, bytes: Uint8Array, verdict: string, authentic?: Authentic, { id = alice.id, now = NOW } = {}): void => {
  cases.push({ name, id, now, bytes: packBytes(bytes), verdict, ...(authentic ? { authentic: describe(authentic) } : {}) })
}
const describe = ({ signature, data, sequence = BigInt(SEQUENCE), validityNs = instant(VALIDITY), ttlMs = 300_000, value = fields.Value, ...rest }: Authentic): RecordCase['authentic'] => ({
  reduced: packBytes(reduced({ signature, data })),
  value: packBytes(value),
  sequence: String(sequence),
  validityNs: String(validityNs),
  ttlMs,
  ...('cid' in rest ? {} : { cid: cid.toString(), inline: false }),
  ...(rest.cid === undefined ? {} : { cid: rest.cid, inline: false }),
  ...(rest.inline === undefined ? {} : { inline: rest.inline })
})
/** Nanoseconds of an instant with at most nine fraction digits. */
function instant (validity: string): bigint {
  const [seconds, fraction = ''] = validity.slice(0, -1).split('.') as [string, string?]
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

const sign = (data: Value, key: KeyPair = alice) => signRecord(encode(data), key)
const good = sign(fields)
const withDocument = sign({ ...fields, _mercury: document })
const SIGNATURE = protobufField(8, 2, good.signature)
const DATA = protobufField(9, 2, good.data)
/** The good record with these fields around it. */
const envelope = (name: string, ...parts: Uint8Array[]): void => add(name, joined(...parts), 'accept', good)
const refused = (name: string, ...parts: Uint8Array[]): void => add(name, joined(...parts), 'INVALID_RECORD')

// The envelope: nothing of it is signed, and whatever is added to it changes nothing.
add('the reduced form', reduced(good), 'accept', good)
add('the reduced form with the document', reduced(withDocument), 'accept', { ...withDocument, inline: true })
add('the document of somebody else under this name', reduced(good), 'INVALID_SIGNATURE', undefined, { id: bob.id })
envelope('data before the signature', DATA, SIGNATURE)
const v1 = { value: protobufField(1, 2, fields.Value), signatureV1: protobufField(2, 2, new Uint8Array(64)), validityType: protobufField(3, 0, 0), validity: protobufField(4, 2, fields.Validity), sequence: protobufField(5, 0, SEQUENCE), ttl: protobufField(6, 0, TTL) }
const withV1 = (change: Partial<typeof v1>, drop: ReadonlyArray<keyof typeof v1> = []): Uint8Array[] => [...Object.entries({ ...v1, ...change }).flatMap(([key, field]) => (drop.includes(key as keyof typeof v1) ? [] : [field])), SIGNATURE, DATA]
const NOTHING = new Uint8Array()
envelope('V1 fields that say the same', ...withV1({}))
envelope('V1 fields without signatureV1', ...withV1({}, ['signatureV1']))
envelope('V1 fields without validityType, which is 0 then', ...withV1({}, ['validityType']))
envelope('validityType 2^32, of which an enumeration keeps the low 32 bits', ...withV1({ validityType: protobufField(3, 0, 2n ** 32n) }))
refused('validityType 2^32 + 1', ...withV1({ validityType: protobufField(3, 0, 2n ** 32n + 1n) }))
refused('validityType 1', ...withV1({ validityType: protobufField(3, 0, 1) }))
refused('another value', ...withV1({ value: protobufField(1, 2, text('/ipfs/bafkqaaa')) }))
refused('signatureV1 without value', ...withV1({}, ['value']))
refused('another validity', ...withV1({ validity: protobufField(4, 2, text('2027-02-01T00:00:00Z')) }))
refused('no validity', ...withV1({}, ['validity']))
refused('another sequence', ...withV1({ sequence: protobufField(5, 0, SEQUENCE + 1) }))
refused('no sequence', ...withV1({}, ['sequence']))
refused('another TTL', ...withV1({ ttl: protobufField(6, 0, TTL + 1) }))
refused('no TTL', ...withV1({}, ['ttl']))
envelope('other V1 fields, but neither value nor signatureV1', ...withV1({ validity: protobufField(4, 2, text('never')), sequence: protobufField(5, 0, 7), ttl: protobufField(6, 0, 7), validityType: protobufField(3, 0, 7) }, ['value', 'signatureV1']))
envelope('other V1 fields, and value and signatureV1 empty, which is absent', ...withV1({ value: protobufField(1, 2, NOTHING), signatureV1: protobufField(2, 2, NOTHING), sequence: protobufField(5, 0, 7) }))
envelope('other V1 fields, and value emptied by a duplicate', ...withV1({ sequence: protobufField(5, 0, 7) }, ['signatureV1']), protobufField(1, 2, NOTHING))
const zero = sign({ ...fields, Sequence: 0, TTL: 0 })
add('V1 fields without sequence and TTL, which are 0 in data', joined(...Object.values(v1).slice(0, 4), protobufField(8, 2, zero.signature), protobufField(9, 2, zero.data)), 'accept', { ...zero, sequence: 0n, ttlMs: 0 })
refused('V1 alone', ...Object.values(v1))
refused('no signatureV2', DATA)
refused('an empty signatureV2', protobufField(8, 2, NOTHING), DATA)
refused('no data', SIGNATURE)
refused('empty data', SIGNATURE, protobufField(9, 2, NOTHING))
refused('nothing', NOTHING)
envelope('a good signature after a bad one', protobufField(8, 2, new Uint8Array(64)), SIGNATURE, DATA)
add('a bad signature after a good one', joined(SIGNATURE, DATA, protobufField(8, 2, new Uint8Array(64))), 'INVALID_SIGNATURE')
envelope('good data after other data', protobufField(9, 2, zero.data), SIGNATURE, DATA)
add('other data after good data', joined(SIGNATURE, DATA, protobufField(9, 2, zero.data)), 'INVALID_SIGNATURE')
refused('an emptied signature', SIGNATURE, DATA, protobufField(8, 2, NOTHING))
envelope('the same value after another', protobufField(1, 2, text('/ipfs/bafkqaaa')), ...withV1({}))
refused('another value after the same', ...withV1({}), protobufField(1, 2, text('/ipfs/bafkqaaa')))
for (const number of [10, 15, 16, 2 ** 29 - 1]) {
  envelope(`unknown number in field ${number}`, SIGNATURE, DATA, protobufField(number, 0, 5))
  envelope(`unknown bytes in field ${number}`, protobufField(number, 2, text('more')), SIGNATURE, DATA)
}
envelope('unknown 32 bits', SIGNATURE, protobufField(10, 5, new Uint8Array(4)), DATA)
envelope('unknown 64 bits', SIGNATURE, protobufField(10, 1, new Uint8Array(8)), DATA)
const group = (number: number, ...inside: Uint8Array[]): Uint8Array => joined(protobufField(number, 3, NOTHING), ...inside, protobufField(number, 4, NOTHING))
envelope('an unknown group', SIGNATURE, group(10), DATA)
envelope('signature and data again, in groups', SIGNATURE, DATA, group(10, protobufField(8, 2, new Uint8Array(64)), group(11, protobufField(9, 2, zero.data))))
envelope('groups 1,000 deep', SIGNATURE, DATA, new Uint8Array(1_000).fill(0x53), new Uint8Array(1_000).fill(0x54))
envelope('field number 2^31 - 1 in a group', SIGNATURE, DATA, group(10, protobufField(2n ** 31n - 1n, 0, 1)))
refused('field number 2^31 in a group', SIGNATURE, DATA, group(10, protobufField(2n ** 31n, 0, 1)))
refused('a group that does not end', SIGNATURE, DATA, protobufField(10, 3, NOTHING))
refused('a group that did not begin', SIGNATURE, DATA, protobufField(10, 4, NOTHING))
refused('a group that ends as another', SIGNATURE, DATA, protobufField(10, 3, NOTHING), protobufField(11, 4, NOTHING))
refused('groups that end crosswise', SIGNATURE, DATA, ...[[10, 3], [11, 3], [10, 4], [11, 4]].map(([number, wire]) => protobufField(number!, wire!, NOTHING)))
for (const wire of [6, 7]) refused(`wire type ${wire}`, SIGNATURE, DATA, protobufField(10, wire, NOTHING))
refused('field number 0', SIGNATURE, DATA, protobufField(0, 0, 1))
refused('field number 2^29', SIGNATURE, DATA, protobufField(2 ** 29, 0, 1))
refused('field number 2^61 - 1', SIGNATURE, DATA, protobufField(2n ** 61n - 1n, 0, 1))
envelope('data as a number too', SIGNATURE, DATA, protobufField(9, 0, 1))
envelope('signatureV2 as 32 bits too', SIGNATURE, DATA, protobufField(8, 5, new Uint8Array(4)))
envelope('sequence as bytes', SIGNATURE, DATA, ...Object.values(v1), protobufField(5, 2, text('7')))
envelope('overlong tag and length', joined(Uint8Array.of(0xc2, 0x80, 0x00, 0xc0, 0x00), good.signature), DATA)
envelope('the greatest number', SIGNATURE, DATA, protobufField(10, 0, 2n ** 64n - 1n))
refused('a number of 65 bits', SIGNATURE, DATA, Uint8Array.of(0x50, ...Array.from({ length: 9 }, () => 0xff), 0x02))
refused('a number of 11 bytes', SIGNATURE, DATA, Uint8Array.of(0x50, ...Array.from({ length: 10 }, () => 0x80), 0x00))
refused('a tag that is cut off', SIGNATURE, DATA, Uint8Array.of(0x80))
refused('a number that is cut off', SIGNATURE, DATA, Uint8Array.of(0x50))
refused('a length that is cut off', SIGNATURE, DATA, Uint8Array.of(0x52))
refused('bytes that are cut off', SIGNATURE, DATA, Uint8Array.of(0x52, 2, 1))
refused('32 bits that are cut off', SIGNATURE, DATA, Uint8Array.of(0x55, 1, 2, 3))
refused('64 bits that are cut off', SIGNATURE, DATA, Uint8Array.of(0x51, 1, 2, 3))
refused('2^63 bytes announced', SIGNATURE, DATA, Uint8Array.of(0x52, ...Array.from({ length: 9 }, () => 0x80), 0x01))
refused('the last byte is missing', joined(SIGNATURE, DATA).slice(0, -1))

// A public key changes nothing when it is the one in the name.
const publicKey = (...parts: Uint8Array[]): Uint8Array => protobufField(7, 2, joined(...parts))
const TYPE = protobufField(1, 0, 1)
const KEY = protobufField(2, 2, alice.publicKey)
envelope('the public key', SIGNATURE, DATA, publicKey(TYPE, KEY))
envelope('the public key, key before type', publicKey(KEY, TYPE), SIGNATURE, DATA)
envelope('the public key with an unknown field', SIGNATURE, DATA, publicKey(TYPE, KEY, protobufField(5, 0, 1)))
envelope('the public key after another', SIGNATURE, DATA, publicKey(TYPE, protobufField(2, 2, bob.publicKey)), publicKey(TYPE, KEY))
envelope('an empty public key, which is none', SIGNATURE, DATA, publicKey())
refused('another public key', SIGNATURE, DATA, publicKey(TYPE, protobufField(2, 2, bob.publicKey)))
refused('a public key of another type', SIGNATURE, DATA, publicKey(protobufField(1, 0, 2), KEY))
refused('a public key without its type', SIGNATURE, DATA, publicKey(KEY))
refused('a public key without its bytes', SIGNATURE, DATA, publicKey(TYPE))
refused('a public key of 31 bytes', SIGNATURE, DATA, publicKey(TYPE, protobufField(2, 2, alice.publicKey.subarray(1))))
refused('a public key of 33 bytes', SIGNATURE, DATA, publicKey(TYPE, protobufField(2, 2, joined(alice.publicKey, Uint8Array.of(0)))))
refused('a public key without its protobuf', SIGNATURE, DATA, publicKey(alice.publicKey))

// Sizes.
const padding = (total: number, ...parts: Uint8Array[]): Uint8Array => {
  const used = joined(...parts).byteLength
  return joined(...parts, protobufField(10, 2, new Uint8Array(total - used - 3)))
}
add('10,240 bytes, of which a stranger added most', padding(10_240, SIGNATURE, DATA), 'accept', good)
add('10,241 bytes', padding(10_241, SIGNATURE, DATA), 'LIMIT_EXCEEDED')
const long = (bytes: number) => {
  const bare = reduced(sign({ ...fields, _mercury: new Uint8Array(1_000) })).byteLength
  return sign({ ...fields, _mercury: new Uint8Array(bytes - bare + 1_000) })
}
add('10,240 bytes, all signed', reduced(long(10_240)), 'accept', long(10_240))
add('10,241 bytes, all signed', reduced(long(10_241)), 'LIMIT_EXCEEDED')

// The signature.
add('signed by another key', reduced(sign(fields, bob)), 'INVALID_SIGNATURE')
add('a signature without the prefix of IPNS', reduced({ signature: signBytes(alice, good.data), data: good.data }), 'INVALID_SIGNATURE')
add('a signature in the context of documents', reduced({ signature: signBytes(alice, joined(text('mercury/profile/1\0'), good.data)), data: good.data }), 'INVALID_SIGNATURE')
add('a signature of 63 bytes', reduced({ ...good, signature: good.signature.subarray(1) }), 'INVALID_SIGNATURE')
add('a signature of 65 bytes', reduced({ ...good, signature: joined(good.signature, Uint8Array.of(0)) }), 'INVALID_SIGNATURE')
add('one bit of the signature', reduced({ ...good, signature: good.signature.with(0, good.signature[0]! ^ 1) }), 'INVALID_SIGNATURE')
add('one bit of the data', reduced({ ...good, data: good.data.with(8, good.data[8]! ^ 1) }), 'INVALID_SIGNATURE')
add('S + L', reduced({ ...good, signature: malleated(good.signature) }), 'INVALID_SIGNATURE')

// The data.
const data = (name: string, value: Value, verdict: string, authentic: Partial<Authentic> = {}, now = NOW): void => {
  const signed = sign(value)
  add(name, reduced(signed), verdict, ['accept', 'NOT_A_PROFILE', 'RECORD_EXPIRED'].includes(verdict) ? { ...signed, ...authentic } : undefined, { now })
}
for (const key of Object.keys(fields)) data(`${key} absent`, without(key), 'INVALID_RECORD')
data('Value is text', { ...fields, Value: VALIDITY }, 'INVALID_RECORD')
data('Validity is text', { ...fields, Validity: VALIDITY }, 'INVALID_RECORD')
for (const ValidityType of [1, -1, '0', null, 2n ** 63n]) data(`ValidityType is ${show(ValidityType)}`, { ...fields, ValidityType }, 'INVALID_RECORD')
for (const [key, of] of [['Sequence', (value: bigint) => ({ sequence: value })], ['TTL', (value: bigint) => ({ ttlMs: Number(value / 1_000_000n) })]] as const) {
  for (const value of [0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) data(`${key} is ${value}`, { ...fields, [key]: value }, 'accept', of(value))
  for (const value of [-1, 'zzz', '1', null, true, text('1'), -(2n ** 63n)] as Value[]) data(`${key} is ${show(value)}`, { ...fields, [key]: value }, 'INVALID_RECORD')
  data(`${key} is 2^64, as a bignum`, { ...fields, [key]: new Raw(0xc2, ...head(2, 9), 1, 0, 0, 0, 0, 0, 0, 0, 0) }, 'INVALID_RECORD')
  data(`${key} is a float`, { ...fields, [key]: 1.5 }, 'INVALID_RECORD')
  data(`${key} is longer than needed`, { ...fields, [key]: new Raw(...head(0, 5, 8)) }, 'INVALID_RECORD')
}
data('keys in another order', new InOrder(...Object.entries(fields)), 'INVALID_RECORD')
const ordered = Object.entries(fields).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
data('a key twice', new InOrder(...ordered.flatMap((pair) => (pair[0] === 'Sequence' ? [pair, pair] : [pair]))), 'INVALID_RECORD')
data('a list', Object.values(fields), 'INVALID_RECORD')
data('a map of indefinite length', new Raw(0xbf, ...encode(fields).subarray(1), 0xff), 'INVALID_RECORD')
data('a byte follows', new Raw(...encode(fields), 0), 'INVALID_RECORD')
data('the last byte is missing', new Raw(...encode(fields).slice(0, -1)), 'INVALID_RECORD')
data('a float beside', { ...fields, _other: 1.5 }, 'INVALID_RECORD')
data('text that is not UTF-8 beside', { ...fields, _other: new Raw(0x61, 0xff) }, 'INVALID_RECORD')
data('the key __proto__ beside', new InOrder(...ordered.slice(0, 4), ['__proto__', 1], ...ordered.slice(4)), 'INVALID_RECORD')
data('data of another program beside', { ...fields, _other: { kept: [1, null, 'é', cid] } }, 'accept')
data('depth 16', { ...fields, _other: nested(15) }, 'accept')
data('depth 17', { ...fields, _other: nested(16) }, 'LIMIT_EXCEEDED')
const itemsBeside = 1 + 2 * Object.keys(fields).length + 2
data('4,096 items', { ...fields, _other: Array.from({ length: 4_096 - itemsBeside }, () => 0) }, 'accept')
data('4,097 items', { ...fields, _other: Array.from({ length: 4_097 - itemsBeside }, () => 0) }, 'LIMIT_EXCEEDED')
data('other bytes ride along: they are ignored', { ...fields, _mercury: document.with(5, document[5]! ^ 1) }, 'accept')
data('something else than bytes rides along: it is ignored', { ...fields, _mercury: { a: 1 } }, 'accept')

// Validity.
const validity = (value: string, verdict: string, now = NOW, name = `validity ${JSON.stringify(value)}`): void =>
  data(name, { ...fields, Validity: text(value) }, verdict, verdict === 'INVALID_RECORD' ? {} : { validityNs: instant(value) }, now)
for (let digits = 1; digits <= 9; digits++) validity(`2027-02-01T00:00:00.${'123456789'.slice(0, digits)}Z`, 'accept')
for (const value of ['2027-02-01T00:00:00Z', '2028-02-29T00:00:00Z', '2400-02-29T12:34:56Z', '9999-12-31T23:59:59.999999999Z']) validity(value, 'accept')
for (const value of ['0000-01-01T00:00:00Z', '0000-02-29T00:00:00Z', '0099-12-31T23:59:59Z', '1969-12-31T23:59:59.999999999Z', '1970-01-01T00:00:00Z']) validity(value, 'RECORD_EXPIRED')
for (const value of ['', '2027-02-01T00:00:00.1234567890Z', '2027-02-01T00:00:00.Z', '2027-02-01T00:00:00,5Z', '2027-02-01T00:00:00', '2027-02-01T00:00:00+00:00', '2027-02-01T00:00:00-00:00', '2027-02-01T01:00:00+01:00', '2027-02-01T00:00:00z', '2027-02-01t00:00:00Z', '2027-02-01 00:00:00Z', '2027-02-29T00:00:00Z', '2027-02-30T00:00:00Z', '2100-02-29T00:00:00Z', '2027-04-31T00:00:00Z', '2027-13-01T00:00:00Z', '2027-00-01T00:00:00Z', '2027-01-00T00:00:00Z', '2027-01-32T00:00:00Z', '2027-02-01T24:00:00Z', '2027-02-01T00:60:00Z', '2027-06-30T23:59:60Z', '12027-02-01T00:00:00Z', '+12027-02-01T00:00:00Z', '-2027-02-01T00:00:00Z', '27-02-01T00:00:00Z', '2027-2-1T00:00:00Z', ' 2027-02-01T00:00:00Z', '2027-02-01T00:00:00Z ', '2027-02-01T00:00:00Z\n', '2027-02-01T00:00:00ZZ', '2027-02-01', '2027-02-01T00:00Z', '20270201T000000Z', '٢٠٢٧-02-01T00:00:00Z']) validity(value, 'INVALID_RECORD')
validity('2027-01-15T08:00:00Z', 'RECORD_EXPIRED', NOW, 'valid until this millisecond')
validity('2027-01-15T08:00:00.000999999Z', 'RECORD_EXPIRED', NOW, 'valid until within this millisecond')
validity('2027-01-15T08:00:00.001Z', 'accept', NOW, 'valid until the next millisecond')
data('expired, with the document', { ...fields, Validity: text('2027-01-01T00:00:00Z'), _mercury: document }, 'RECORD_EXPIRED', { validityNs: instant('2027-01-01T00:00:00Z'), inline: true })

// Value.
const digest = sha256(document)
const value = (name: string, Value: Uint8Array | string): void => {
  const bytes = typeof Value === 'string' ? text(Value) : Value
  data(`Value is ${name}`, { ...fields, Value: bytes }, 'NOT_A_PROFILE', { value: bytes, cid: undefined })
}
const cidText = (codec: number, hash: number, digestBytes: Uint8Array): string => `/ipfs/${CID.createV1(codec, createDigest(hash, digestBytes)).toString()}`
value('empty', '')
value('a CIDv0', `/ipfs/${CID.createV0(createDigest(0x12, digest) as never).toString()}`)
value('in upper case', `/ipfs/${cid.toString().toUpperCase()}`)
value('with an upper-case digit', `/ipfs/${cid.toString().slice(0, -1)}${cid.toString().slice(-1).toUpperCase()}`)
value('in base58', `/ipfs/${cid.toString(base58btc)}`)
value('in base36', `/ipfs/${cid.toString(base36)}`)
value('with padding', `/ipfs/${cid.toString()}=`)
value('without multibase', `/ipfs/${cid.toString().slice(1)}`)
value('a raw block', cidText(0x55, 0x12, digest))
value('a dag-pb block', cidText(0x70, 0x12, digest))
value('a libp2p key', cidText(0x72, 0x12, digest))
value('under sha2-512', cidText(0x71, 0x13, new Uint8Array(64)))
value('under the identity hash', cidText(0x71, 0x00, new Uint8Array(32)))
value('under sha2-256 of 31 bytes', cidText(0x71, 0x12, digest.subarray(1)))
value('under sha2-256 of 33 bytes', cidText(0x71, 0x12, joined(digest, Uint8Array.of(0))))
value('a CID with an overlong number', `/ipfs/b${base32(joined(Uint8Array.of(0x81, 0x00), cid.bytes.subarray(1)))}`)
value('a CID with an overlong hash code', `/ipfs/b${base32(joined(cid.bytes.subarray(0, 2), Uint8Array.of(0x92, 0x00), cid.bytes.subarray(3)))}`)
value('a CID with an overlong length', `/ipfs/b${base32(joined(cid.bytes.subarray(0, 3), Uint8Array.of(0xa0, 0x00), cid.bytes.subarray(4)))}`)
value('followed by a slash', `/ipfs/${cid.toString()}/`)
value('followed by a path', `/ipfs/${cid.toString()}/avatar`)
value('followed by a query', `/ipfs/${cid.toString()}?x`)
value('followed by a byte', `/ipfs/${cid.toString()}a`)
value('after a space', ` /ipfs/${cid.toString()}`)
value('without /ipfs/', cid.toString())
value('a URL', `ipfs://${cid.toString()}`)
value('under /IPFS/', `/IPFS/${cid.toString()}`)
value('another name', `/ipns/${bob.id}`)
value('this name itself', `/ipns/${alice.id}`)
value('bytes that are not UTF-8', Uint8Array.of(0xff, 0xfe))
value('the bytes of the CID', cid.bytes)
value('long', `/ipfs/b${'a'.repeat(8_000)}`)
data('Value is another name, and expired: it is no profile first', { ...fields, Value: text(`/ipns/${bob.id}`), Validity: text('2027-01-01T00:00:00Z') }, 'NOT_A_PROFILE', { value: text(`/ipns/${bob.id}`), cid: undefined, validityNs: instant('2027-01-01T00:00:00Z') })

// Selection.
const select = (name: string, records: Uint8Array[], best: number | null): void => {
  selections.push({ name, id: alice.id, now: NOW, records: records.map(packBytes), best })
}
const record = (change: Fields): Uint8Array => reduced(sign({ ...fields, ...change }))
const laterValidity = record({ Validity: text('2027-02-01T00:00:00.000000001Z') })
select('higher sequence before later validity', [laterValidity, record({ Sequence: SEQUENCE + 1, Validity: text('2027-01-20T00:00:00Z') })], 1)
select('higher sequence beyond 2^53', [record({ Sequence: 2n ** 53n }), record({ Sequence: 2n ** 53n + 1n })], 1)
select('sequence is unsigned', [record({ Sequence: 2n ** 63n }), record({ Sequence: 2n ** 63n - 1n })], 0)
select('later validity by a nanosecond', [reduced(good), laterValidity], 1)
select('validity is an instant, not text', [record({ Validity: text('2027-02-01T00:00:00.1Z') }), record({ Validity: text('2027-02-01T00:00:00.09Z') })], 0)
const instants = [record({ Validity: text('2027-02-01T00:00:00Z') }), record({ Validity: text('2027-02-01T00:00:00.0Z') })]
select('the same instant, greater data', instants, greatest(instants.map(dataOf)))
const rivals = [record({ TTL: 1 }), record({ TTL: 2 }), reduced(good), record({ Value: text(`/ipfs/${blockCid(text('rival')).toString()}`) })]
select('greater data', rivals, greatest(rivals.map(dataOf)))
const again = reduced({ signature: signWithOtherNonce(good.data), data: good.data })
select('the same data signed twice, greater signature', [reduced(good), again], greatest([reduced(good), again]))
select('an expired record of a higher sequence', [reduced(good), record({ Sequence: SEQUENCE + 1, Validity: text('2020-01-01T00:00:00Z') })], 1)
select('among garbage', [new Uint8Array(), Uint8Array.of(0xff), new Uint8Array(10_241), reduced(sign({ ...fields, Sequence: -1 })), reduced(sign({ ...fields, Sequence: SEQUENCE + 9 }, bob)), reduced(good)], 5)
select('around the envelope, the greater bytes win nothing', [joined(Uint8Array.of(0x7a, 0), reduced(sign({ ...fields, TTL: 1 }))), reduced(sign({ ...fields, TTL: 1, Sequence: SEQUENCE + 1 }))], 1)
select('garbage alone', [new Uint8Array(), Uint8Array.of(0xff)], null)
select('nothing', [], null)

export const recordVectors = () => ({ about: 'IPNS records; README.md says how to read this file', spec: 'docs/spec.md#record', keys: [alice, bob].map(describeKey), cases, selections })

function show (value: Value): string {
  if (value instanceof Uint8Array) return 'bytes'
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}

function nested (depth: number): Value {
  return depth === 0 ? 0 : [nested(depth - 1)]
}

/** The signed data of a reduced record. */
function dataOf (bytes: Uint8Array): Uint8Array {
  const at = 2 + 64
  const long = bytes[at + 1]! >= 0x80
  return bytes.subarray(at + (long ? 3 : 2))
}

function greatest (list: readonly Uint8Array[]): number {
  return list.reduce((best, bytes, i) => (Buffer.compare(bytes, list[best]!) > 0 ? i : best), 0)
}

function base32 (bytes: Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return bits.match(/.{1,5}/g)!.map((five) => alphabet[parseInt(five.padEnd(5, '0'), 2)]).join('')
}

/** The signature with L added to its S: the equation holds all the same. */
function malleated (signature: Uint8Array): Uint8Array {
  const s = noble.Point.CURVE().n + littleEndian(signature.subarray(32))
  return joined(signature.subarray(0, 32), littleEndianBytes(s))
}

/** A second valid signature of the same data, which only the owner can make. */
function signWithOtherNonce (data: Uint8Array): Uint8Array {
  const message = joined(text('ipns-signature:'), data)
  const L = noble.Point.CURVE().n
  const scalarBytes = sha512(alice.seed).slice(0, 32)
  scalarBytes[0]! &= 248
  scalarBytes[31] = (scalarBytes[31]! & 127) | 64
  const nonce = littleEndian(sha512(text('another nonce'))) % L
  const R = noble.Point.BASE.multiply(nonce).toBytes()
  const h = littleEndian(sha512(joined(R, alice.publicKey, message))) % L
  return joined(R, littleEndianBytes((nonce + h * littleEndian(scalarBytes)) % L))
}

function littleEndian (bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function littleEndianBytes (value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}

if (import.meta.main) writeFrozen('record', recordVectors())
