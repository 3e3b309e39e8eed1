import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { InOrder, Raw, blockCid, describeKey, encode, head, idBytesOf, joined, keyPair, pledgeTo, sealed, sha256, signFields, varint, type Fields, type KeyPair, type Value } from './forge.ts'
import { hex, writeFrozen } from './frozen.ts'
import { packBytes, type PackedBytes } from './packed-bytes.ts'

/** Writes document.json: `node test/vectors/make-document.ts`. */

export interface DocumentCase {
  name: string
  bytes: PackedBytes
  expect: { id: string; cid?: string }
  /** `accept`, or the code of the error. */
  verdict: string
  /** The field at fault, where the verdict names one. */
  path?: string
  /** Of an accepted document. */
  id?: string
  cid?: string
}

/** A draft, and the document that a writer makes of it. */
export interface WrittenCase {
  name: string
  /** Names of keys. */
  key: string
  pledgedTo: string | null
  draft: { readonly [attribute: string]: unknown }
  version: { seq: number; prev: string | null; time: number }
  gone: boolean
  bytes: PackedBytes
  cid: string
}

const CONTEXT = 'mercury/profile/1'
const alice = keyPair('alice')
const aliceNext = keyPair('alice, generation 1')
const bob = keyPair('bob')
const home = keyPair('home')
const elder = keyPair('elder, succeeded by alice')
const PLEDGE = pledgeTo(alice, aliceNext)
const TIME = 1_800_000_000
const SMALL_ORDER_KEY = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
const SHA2_512 = 0x13
const IDENTITY = 0x00
const RAW_CODEC = 0x55

/** The fields of a small valid document, without its signature. */
const fields: Fields = { v: 1, kind: 'persona', id: alice.idBytes, seq: TIME, time: TIME, prev: null, ...PLEDGE, attrs: { name: 'Alice Liddell' } }
const without = (...keys: string[]): Fields => Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)))
const unpledged = { ...without('pledge'), next: null }

const cases: DocumentCase[] = []

const add = (name: string, bytes: Uint8Array, verdict: string, { path, expect = { id: alice.id } }: { path?: string; expect?: { id: string; cid?: string } } = {}): void => {
  const accepted = verdict === 'accept' ? { id: expect.id === 'any' ? alice.id : expect.id, cid: blockCid(bytes).toString() } : {}
  cases.push({ name, bytes: packBytes(bytes), expect, verdict, ...(path === undefined ? {} : { path }), ...accepted })
}
const sign = (map: Fields, key: KeyPair = alice): Uint8Array => encode(sealed(CONTEXT, map, key))
const accept = (name: string, change: Fields): void => add(name, sign({ ...fields, ...change }), 'accept')
const malformed = (name: string, change: Fields, path: string): void => add(name, sign({ ...fields, ...change }), 'INVALID_DOCUMENT', { path })
const absent = (key: string): void => add(`${key} absent`, sign(without(key)), 'INVALID_DOCUMENT', { path: key })
/** The signed fields, written by hand: `build` gets the signature over their canonical form. */
const smuggle = (name: string, build: (sig: Uint8Array) => Uint8Array, verdict = 'INVALID_CBOR'): void => add(name, build(signFields(CONTEXT, unpledged, alice)), verdict)

// The whole document.
add('a small document without a pledge', sign(unpledged), 'accept')
accept('a small document with a pledge', {})
accept('every field and every type of attribute', {
  prev: sha256('before'),
  attrs: { name: 'Alice', bool: true, int: -5, text: 'é', bytes: Uint8Array.of(1, 2, 3), link: blockCid(Uint8Array.of(1)), list: [1, 'two', null, []], 'org.example.app/map': { b: 1, aa: { c: false } }, max: Number.MAX_SAFE_INTEGER, min: Number.MIN_SAFE_INTEGER },
  keys: { x25519: sha256('x25519'), other: 'kept' },
  homes: [{ id: home.idBytes, since: TIME, until: TIME + 1, sig: sha64('acceptance'), addrs: ['/dns4/home.example/tcp/443/tls/http'], other: 'kept' }],
  addrs: ['/ip4/192.0.2.1/tcp/4001'],
  index: home.idBytes,
  sealed: [blockCid(Uint8Array.of(2), RAW_CODEC)],
  listed: true,
  crit: ['attrs', 'homes'],
  unknown: { kept: [1, 2, 3] }
})
accept('what is empty may stand there all the same', { keys: {}, homes: [], addrs: [], sealed: [], listed: false, crit: [] })
accept('attributes of any shape: they never decide acceptance', { attrs: { name: 5, 'Not A Key': 1, tags: 'none', links: [{ url: 'javascript:alert(1)' }] } })
add('an unknown key that is not covered by the signature', encode({ ...sealed(CONTEXT, fields, alice), unknown: 1 }), 'INVALID_SIGNATURE')

// Sizes.
add('65,536 bytes', sign({ ...fields, attrs: { a: new Uint8Array(65_536 - sign({ ...fields, attrs: { a: new Uint8Array(1_000) } }).byteLength + 1_000) } }), 'accept')
add('65,537 bytes', sign({ ...fields, attrs: { a: new Uint8Array(65_537 - sign({ ...fields, attrs: { a: new Uint8Array(1_000) } }).byteLength + 1_000) } }), 'LIMIT_EXCEEDED')
accept('depth 16', { attrs: { deep: nested(14) } })
add('depth 17', sign({ ...fields, attrs: { deep: nested(15) } }), 'LIMIT_EXCEEDED')
accept('4,096 items', { attrs: { many: zeros(4_096 - ITEMS_BESIDE()) } })
add('4,097 items', sign({ ...fields, attrs: { many: zeros(4_097 - ITEMS_BESIDE()) } }), 'LIMIT_EXCEEDED')

// What the reader expects.
add('of anybody', sign(fields), 'accept', { expect: { id: 'any' } })
add('of somebody else', sign(fields), 'INVALID_DOCUMENT', { path: 'id', expect: { id: bob.id } })
add('under its CID', sign(fields), 'accept', { expect: { id: alice.id, cid: blockCid(sign(fields)).toString() } })
add('under the CID of other bytes', sign(fields), 'WRONG_BLOCK', { expect: { id: alice.id, cid: blockCid(sign(unpledged)).toString() } })
add('under its digest as a raw block', sign(fields), 'WRONG_BLOCK', { expect: { id: alice.id, cid: blockCid(sign(fields), RAW_CODEC).toString() } })

// v
absent('v')
malformed('v is text', { v: '1' }, 'v')
add('v is 2', sign({ ...fields, v: 2 }), 'UNSUPPORTED')
add('v is 0', sign({ ...fields, v: 0 }), 'UNSUPPORTED')
add('v is 2 and nothing else is as it was', encode({ v: 2, id: 'elsewhere' }), 'UNSUPPORTED')

// kind
absent('kind')
for (const kind of ['home', 'application', 'robot', 'k'.repeat(64), 'é'.repeat(32)]) accept(`kind is ${kind}`, { kind })
malformed('kind is empty', { kind: '' }, 'kind')
malformed('kind has 65 bytes', { kind: 'k'.repeat(65) }, 'kind')
malformed('kind has 33 characters in 66 bytes', { kind: 'é'.repeat(33) }, 'kind')
malformed('kind is a number', { kind: 1 }, 'kind')

// id
absent('id')
malformed('id is text', { id: alice.id }, 'id')
malformed('id has 37 bytes', { id: alice.idBytes.subarray(1) }, 'id')
malformed('id has 39 bytes', { id: joined(alice.idBytes, Uint8Array.of(0)) }, 'id')
malformed('id is the hash of a key', { id: joined(Uint8Array.of(0x12, 36), sha256('a'), Uint8Array.of(0, 0, 0, 0)) }, 'id')
malformed('id is a key of another type', { id: joined(Uint8Array.of(0, 36, 8, 2, 18, 32), alice.publicKey) }, 'id')
malformed('id is a key of small order', { id: idBytesOf(SMALL_ORDER_KEY) }, 'id')
malformed('id is no point of the curve', { id: idBytesOf(new Uint8Array(32).fill(2)) }, 'id')

// seq and time
for (const key of ['seq', 'time']) {
  absent(key)
  accept(`${key} is 0`, { [key]: 0 })
  accept(`${key} is 2^53 - 1`, { [key]: Number.MAX_SAFE_INTEGER })
  add(`${key} is 2^53`, sign({ ...fields, [key]: 2n ** 53n }), 'INVALID_CBOR')
  malformed(`${key} is -1`, { [key]: -1 }, key)
  malformed(`${key} is text`, { [key]: '1' }, key)
  malformed(`${key} is null`, { [key]: null }, key)
}
accept('time is within an hour: readers do not judge it', { time: TIME + 1 })
accept('time is far ahead: readers do not judge it', { time: TIME * 100 })

// prev
absent('prev')
accept('prev is a digest', { prev: sha256('before') })
malformed('prev is text', { prev: 'before' }, 'prev')
malformed('prev has 31 bytes', { prev: new Uint8Array(31) }, 'prev')
malformed('prev has 33 bytes', { prev: new Uint8Array(33) }, 'prev')
malformed('prev is a link', { prev: blockCid(Uint8Array.of(1)) }, 'prev')

// next and pledge
absent('next')
malformed('next is text', { next: 'next' }, 'next')
malformed('next has 31 bytes', { next: PLEDGE.next.subarray(1) }, 'next')
malformed('next has 33 bytes', { next: joined(PLEDGE.next, Uint8Array.of(0)) }, 'next')
absent('pledge')
malformed('pledge where next is null', { next: null }, 'pledge')
malformed('pledge is null', { pledge: null }, 'pledge')
malformed('pledge is text', { pledge: 'pledge' }, 'pledge')
malformed('pledge has 63 bytes', { pledge: PLEDGE.pledge.subarray(1) }, 'pledge')
malformed('pledge has 65 bytes', { pledge: joined(PLEDGE.pledge, Uint8Array.of(0)) }, 'pledge')
add('pledge of another profile', sign({ ...fields, ...pledgeTo(bob, aliceNext) }), 'INVALID_SIGNATURE')
add('pledge to another key', sign({ ...fields, next: sha256(bob.publicKey) }), 'INVALID_SIGNATURE')
add('pledge in the context of documents', sign({ ...fields, pledge: signFields(CONTEXT, { v: 1, id: alice.idBytes, next: PLEDGE.next }, alice) }), 'INVALID_SIGNATURE')

// succeeds
const succession = (change: Fields = {}, by = alice): Fields => sealed('mercury/succession/1', { v: 1, from: elder.idBytes, key: alice.publicKey, pledge: pledgeTo(elder, alice).pledge, last: null, time: TIME, ...change }, by)
accept('succeeds another profile', { succeeds: succession() })
malformed('succeeds is a list', { succeeds: [] }, 'succeeds')
malformed('succeeds is null', { succeeds: null }, 'succeeds')
malformed('a succession that leads to another profile', { succeeds: succession({ key: bob.publicKey, pledge: pledgeTo(elder, bob).pledge }, bob) }, 'succeeds')
add('a succession without its from', sign({ ...fields, succeeds: { v: 1 } }), 'INVALID_SUCCESSION', { path: 'from' })
add('a succession of version 2', sign({ ...fields, succeeds: succession({ v: 2 }) }), 'UNSUPPORTED')
add('a succession with another signature', sign({ ...fields, succeeds: { ...succession(), last: sha256('changed') } }), 'INVALID_SIGNATURE')
add('a succession to which nobody was pledged', sign({ ...fields, succeeds: succession({ pledge: pledgeTo(elder, bob).pledge }) }), 'INVALID_SIGNATURE')

// attrs and keys
absent('attrs')
accept('attrs is empty', { attrs: {} })
malformed('attrs is a list', { attrs: [] }, 'attrs')
malformed('attrs is null', { attrs: null }, 'attrs')
malformed('attrs is a link', { attrs: blockCid(Uint8Array.of(1)) }, 'attrs')
accept('links of any codec and hash up to 2^53 - 1', { attrs: { codec: CID.decode(Uint8Array.of(1, ...varint(2n ** 53n - 1n), 0x12, 1, 0xff)), hash: CID.decode(Uint8Array.of(1, 0x55, ...varint(2n ** 53n - 1n), 1, 0xff)), v0: CID.createV0(createDigest(0x12, sha256('a')) as never), none: CID.createV1(RAW_CODEC, createDigest(IDENTITY, new Uint8Array())) } })
accept('attrs that look like a link', { attrs: { '/': Uint8Array.of(1), bytes: Uint8Array.of(1) } })
malformed('keys is a list', { keys: [] }, 'keys')
malformed('keys.x25519 is text', { keys: { x25519: 'key' } }, 'keys.x25519')
malformed('keys.x25519 has 31 bytes', { keys: { x25519: new Uint8Array(31) } }, 'keys.x25519')
malformed('keys.x25519 has 33 bytes', { keys: { x25519: new Uint8Array(33) } }, 'keys.x25519')

// homes
const entry: Fields = { id: home.idBytes, since: TIME, sig: sha64('acceptance') }
const withEntry = (change: Fields): Fields => ({ homes: [entry, { ...entry, ...change }] })
const withoutInEntry = (key: string): Fields => ({ homes: [Object.fromEntries(Object.entries(entry).filter(([name]) => name !== key))] })
accept('4 homes', { homes: [entry, entry, entry, entry] })
malformed('5 homes', { homes: [entry, entry, entry, entry, entry] }, 'homes')
malformed('homes is a map', { homes: {} }, 'homes')
malformed('a home is text', { homes: ['home'] }, 'homes[0]')
for (const key of ['id', 'since', 'sig']) malformed(`a home without ${key}`, withoutInEntry(key), `homes[0].${key}`)
malformed('a home whose id has 37 bytes', withEntry({ id: home.idBytes.subarray(1) }), 'homes[1].id')
malformed('a home whose since is -1', withEntry({ since: -1 }), 'homes[1].since')
malformed('a home whose until is null', withEntry({ until: null }), 'homes[1].until')
malformed('a home whose sig has 63 bytes', withEntry({ sig: new Uint8Array(63) }), 'homes[1].sig')
accept('a home with 4 addresses of 128 bytes', withEntry({ addrs: Array.from({ length: 4 }, () => 'a'.repeat(128)) }))
malformed('a home with 5 addresses', withEntry({ addrs: ['a', 'a', 'a', 'a', 'a'] }), 'homes[1].addrs')
malformed('a home with an address of 129 bytes', withEntry({ addrs: ['a', 'a'.repeat(129)] }), 'homes[1].addrs[1]')
malformed('a home with an empty address', withEntry({ addrs: [''] }), 'homes[1].addrs[0]')
malformed('a home with an address of bytes', withEntry({ addrs: [Uint8Array.of(4)] }), 'homes[1].addrs[0]')

// addrs, index, sealed, listed, crit
accept('16 addresses of 128 bytes', { addrs: Array.from({ length: 16 }, () => 'a'.repeat(128)) })
malformed('17 addresses', { addrs: Array.from({ length: 17 }, () => 'a') }, 'addrs')
malformed('an address of 129 bytes', { addrs: ['a'.repeat(129)] }, 'addrs[0]')
malformed('an empty address', { addrs: ['a', ''] }, 'addrs[1]')
malformed('addrs is text', { addrs: 'a' }, 'addrs')
malformed('index has 37 bytes', { index: home.idBytes.subarray(1) }, 'index')
malformed('index has 39 bytes', { index: joined(home.idBytes, Uint8Array.of(0)) }, 'index')
malformed('index is text', { index: home.id }, 'index')
const section = blockCid(Uint8Array.of(2), RAW_CODEC)
accept('4 sealed sections', { sealed: [section, section, section, section] })
malformed('5 sealed sections', { sealed: [section, section, section, section, section] }, 'sealed')
malformed('a sealed section is text', { sealed: [section.toString()] }, 'sealed[0]')
malformed('a sealed section is bytes', { sealed: [section.bytes] }, 'sealed[0]')
malformed('a sealed section is a map', { sealed: [{}] }, 'sealed[0]')
malformed('a sealed section is dag-cbor', { sealed: [section, blockCid(Uint8Array.of(2))] }, 'sealed[1]')
malformed('a sealed section under CIDv0', { sealed: [CID.createV0(createDigest(0x12, sha256('a')) as never)] }, 'sealed[0]')
malformed('a sealed section under sha2-512', { sealed: [CID.createV1(RAW_CODEC, createDigest(SHA2_512, new Uint8Array(64)))] }, 'sealed[0]')
malformed('a sealed section under the identity hash', { sealed: [CID.createV1(RAW_CODEC, createDigest(IDENTITY, new Uint8Array(32)))] }, 'sealed[0]')
malformed('a sealed section under a sha2-256 of 31 bytes', { sealed: [CID.createV1(RAW_CODEC, createDigest(0x12, new Uint8Array(31)))] }, 'sealed[0]')
malformed('a sealed section under a sha2-256 of 1,000 bytes', { sealed: [CID.createV1(RAW_CODEC, createDigest(0x12, new Uint8Array(1_000)))] }, 'sealed[0]')
malformed('listed is text', { listed: 'true' }, 'listed')
malformed('listed is 1', { listed: 1 }, 'listed')
malformed('listed is null', { listed: null }, 'listed')
accept('crit names 64 keys of this version', { crit: Array.from({ length: 64 }, () => 'attrs') })
malformed('crit names 65 keys', { crit: Array.from({ length: 65 }, () => 'attrs') }, 'crit')
malformed('crit is text', { crit: 'attrs' }, 'crit')
malformed('crit names a number', { crit: [1] }, 'crit[0]')
malformed('crit names the empty key', { crit: [''] }, 'crit[0]')
malformed('crit names a key of 65 bytes', { crit: ['k'.repeat(65)] }, 'crit[0]')
add('crit names a key of 64 bytes', sign({ ...fields, crit: ['k'.repeat(64)] }), 'UNSUPPORTED')
add('crit names an unknown key', sign({ ...fields, crit: ['attrs', 'quorum'], quorum: 2 }), 'UNSUPPORTED')
add('crit names an unknown key that is not there', sign({ ...fields, crit: ['quorum'] }), 'UNSUPPORTED')
add('crit names an unknown key, but the signature is another', encode({ ...sealed(CONTEXT, fields, alice), crit: ['quorum'] }), 'INVALID_SIGNATURE')

// gone
accept('a tombstone keeps next and pledge', { gone: true, attrs: {} })
accept('a tombstone with empty lists', { gone: true, attrs: {}, homes: [], sealed: [] })
malformed('gone is false', { gone: false, attrs: {} }, 'gone')
malformed('gone is 1', { gone: 1, attrs: {} }, 'gone')
malformed('a tombstone with an attribute', { gone: true }, 'attrs')
malformed('a tombstone with a home', { gone: true, attrs: {}, homes: [entry] }, 'homes')
malformed('a tombstone with a sealed section', { gone: true, attrs: {}, sealed: [section] }, 'sealed')

// sig
add('sig absent', encode(fields), 'INVALID_DOCUMENT', { path: 'sig' })
add('sig has 63 bytes', encode({ ...fields, sig: new Uint8Array(63) }), 'INVALID_DOCUMENT', { path: 'sig' })
add('sig has 65 bytes', encode({ ...fields, sig: new Uint8Array(65) }), 'INVALID_DOCUMENT', { path: 'sig' })
add('sig is text', encode({ ...fields, sig: 's'.repeat(64) }), 'INVALID_DOCUMENT', { path: 'sig' })
add('sig is zeros', encode({ ...fields, sig: new Uint8Array(64) }), 'INVALID_SIGNATURE')
add('sig by another key', sign(fields, bob), 'INVALID_SIGNATURE')
for (const context of ['pledge', 'succession', 'hosting', 'relation', 'revocation', 'manifest', 'invitation', 'mail']) add(`sig in the context of ${context}`, encode(sealed(`mercury/${context}/1`, fields, alice)), 'INVALID_SIGNATURE')
add('sig over the bytes without a context', encode({ ...fields, sig: signFields('', fields, alice) }), 'INVALID_SIGNATURE')

// Bytes that are not the canonical form of anything, though the signature is over the canonical form.
smuggle('no bytes', () => new Uint8Array())
smuggle('a list', () => encode([1]))
smuggle('a byte follows', (sig) => joined(encode({ ...unpledged, sig }), Uint8Array.of(0)))
smuggle('the last byte is missing', (sig) => encode({ ...unpledged, sig }).slice(0, -1))
smuggle('keys in another order', (sig) => encode(new InOrder(...Object.entries({ ...unpledged, sig }))))
smuggle('a key twice', (sig) => encode(new InOrder(...inOrder({ ...unpledged, sig }).flatMap((pair) => (pair[0] === 'kind' ? [pair, pair] : [pair])))))
smuggle('an integer longer than needed', (sig) => encode({ ...unpledged, sig, v: new Raw(...head(0, 1, 1)) }))
smuggle('a length longer than needed', (sig) => encode({ ...unpledged, sig, kind: new Raw(...head(3, 7, 2), ...Buffer.from('persona')) }))
smuggle('a map of indefinite length', (sig) => encode({ ...unpledged, sig, attrs: new Raw(0xbf, 0xff) }))
smuggle('text of indefinite length', (sig) => encode({ ...unpledged, sig, kind: new Raw(0x7f, 0xff) }))
smuggle('a float', (sig) => encode({ ...unpledged, sig, attrs: { a: 1.5 } }))
smuggle('an integer as a float', (sig) => encode({ ...unpledged, sig, v: new Raw(0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0) }))
smuggle('undefined', (sig) => encode({ ...unpledged, sig, attrs: { a: undefined } }))
smuggle('another tag than 42', (sig) => encode({ ...unpledged, sig, time: new Raw(0xc1, 0x00) }))
smuggle('a CID without its leading zero', (sig) => encode({ ...unpledged, sig, attrs: { a: new Raw(0xd8, 0x2a, ...head(2, 36), ...section.bytes) } }))
smuggle('a CID with an overlong number', (sig) => encode({ ...unpledged, sig, attrs: { a: new Raw(0xd8, 0x2a, ...head(2, 38), 0, 0x81, 0x00, ...section.bytes.subarray(1)) } }))
for (const [what, codec, hash] of [['codec', varint(2n ** 53n), [0x12]], ['codec', varint(2n ** 53n + 1n), [0x12]], ['hash code', [0x55], varint(2n ** 53n)], ['hash code', [0x55], varint(2n ** 53n + 1n)]] as const) {
  smuggle(`a CID with a ${what} of 2^53 or more, ${hex(Uint8Array.from(codec))}`, (sig) => encode({ ...unpledged, sig, attrs: { a: new Raw(0xd8, 0x2a, ...head(2, 1 + 1 + codec.length + hash.length + 2), 0, 1, ...codec, ...hash, 1, 0xff) } }))
}
smuggle('text that is not UTF-8', (sig) => encode({ ...unpledged, sig, attrs: { a: new Raw(0x61, 0xff) } }))
smuggle('a lone surrogate in UTF-8', (sig) => encode({ ...unpledged, sig, attrs: { a: new Raw(0x63, 0xed, 0xa0, 0x80) } }))
smuggle('a key that is not text', (sig) => encode({ ...unpledged, sig, attrs: new InOrder([1, 1]) }))
for (const key of ['__proto__', 'constructor', 'prototype']) smuggle(`the key ${key}`, (sig) => encode({ ...unpledged, sig, attrs: new InOrder([key, 1]) }))
smuggle('an integer below -(2^53 - 1)', (sig) => encode({ ...unpledged, sig, attrs: { a: -(2n ** 53n) } }))
smuggle('bytes of which 2^40 are announced', (sig) => encode({ ...unpledged, sig, attrs: { a: new Raw(...head(2, 2n ** 40n)) } }))
smuggle('a list of which 2^32 - 1 entries are announced', (sig) => encode({ ...unpledged, sig, attrs: { a: new Raw(...head(4, 2n ** 32n - 1n)) } }), 'LIMIT_EXCEEDED')
smuggle('a map of which 2^53 entries are announced', (sig) => encode({ ...unpledged, sig, attrs: new Raw(...head(5, 2n ** 53n)) }))

// Drafts, and what a writer makes of them.
const written: WrittenCase[] = []
const write = (name: string, draft: WrittenCase['draft'], made: Fields, { seq = TIME, time = TIME, prev = null, gone = false, pledged = true }: { seq?: number; time?: number; prev?: Uint8Array | null; gone?: boolean; pledged?: boolean } = {}): void => {
  const bytes = sign({ v: 1, kind: 'persona', id: alice.idBytes, seq, time, prev, ...(pledged ? PLEDGE : { next: null }), ...made })
  written.push({ name, key: alice.name, pledgedTo: pledged ? aliceNext.name : null, draft, version: { seq, prev: prev && hex(prev), time }, gone, bytes: packBytes(bytes), cid: blockCid(bytes).toString() })
}
write('nothing', {}, { attrs: {} }, { pledged: false })
write(
  'everything',
  {
    name: 'Alice Liddell',
    bio: 'Curious. Follows rabbits.',
    tags: ['botany', 'chess'],
    type: 'person',
    lang: 'en-GB',
    location: { lat: 51.7548, lon: -1.2544, precision: 5_000 },
    avatar: { cid: section.toString(), type: 'image/png', size: 1_048_576 },
    links: [{ label: 'Blog', url: 'https://alice.example' }, { url: 'mailto:alice@alice.example' }],
    'org.example.app/score': -5,
    listed: true
  },
  {
    attrs: {
      name: 'Alice Liddell',
      bio: 'Curious. Follows rabbits.',
      tags: ['botany', 'chess'],
      type: 'person',
      lang: 'en-GB',
      location: { lat: 51_754_800, lon: -1_254_400, precision: 5_000 },
      avatar: { cid: section, type: 'image/png', size: 1_048_576 },
      links: [{ label: 'Blog', url: 'https://alice.example' }, { url: 'mailto:alice@alice.example' }],
      'org.example.app/score': -5
    },
    listed: true
  },
  { prev: sha256('before') }
)
write('decomposed text becomes NFC', { name: 'Zoe\u0308', tags: ['caf\u0065\u0301'] }, { attrs: { name: 'Zo\u00eb', tags: ['caf\u00e9'] } })
write('what is empty is left out', { name: '', bio: null, tags: [], links: [], listed: false, kind: null }, { attrs: {} })
write('the time of a persona is rounded down to the hour', { name: 'A' }, { time: TIME, attrs: { name: 'A' } }, { time: TIME + 3_599 })
write('the time of a home is not', { kind: 'home', name: 'H' }, { kind: 'home', attrs: { name: 'H' } }, { time: TIME + 3_599 })
write('a tombstone', { name: 'A', listed: true }, { attrs: {}, gone: true }, { gone: true, prev: sha256('before') })

export const documentVectors = () => ({
  about: 'Profile documents; README.md says how to read this file',
  spec: 'docs/spec.md#document',
  keys: [alice, aliceNext, bob, home, elder].map(describeKey),
  cases,
  written
})

function sha64 (text: string): Uint8Array {
  return joined(sha256(`${text} 1`), sha256(`${text} 2`))
}

/** `depth` lists in each other. */
function nested (depth: number): Value {
  return depth === 0 ? 0 : [nested(depth - 1)]
}

function zeros (count: number): readonly number[] {
  return Array.from({ length: count }, () => 0)
}

/** How many items the document has beside the entries of `attrs.many`: itself, its keys and values, and the list. */
function ITEMS_BESIDE (): number {
  return 1 + 2 * Object.keys(fields).length + 2 + 2
}

function inOrder (map: Fields): Array<[string, Value]> {
  return Object.entries(map).sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1))
}

if (import.meta.main) writeFrozen('document', documentVectors())
