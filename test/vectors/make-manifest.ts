import { CID } from 'multiformats/cid'
import { blockCid, describeKey, encode, idBytesOf, joined, keyPair, sealed, sha256, type Fields, type KeyPair, type Value } from './forge.ts'
import { writeFrozen } from './frozen.ts'
import { packBytes, type PackedBytes } from './packed-bytes.ts'

/** Writes manifest.json: `node test/vectors/make-manifest.ts`. */

export interface ManifestCase {
  name: string
  /** The name that was asked for. */
  id: string
  bytes: PackedBytes
  /** `accept`, or the code of the error. */
  verdict: string
  /** Of accepted ones. */
  cid?: string
  seq?: number
  documents?: number
  segments?: number
}

export interface CoverageCase {
  name: string
  bytes: PackedBytes
  /** How many profiles the manifest says that there are. */
  documents: number
  verdict: string
  homes?: number
}

const CONTEXT = 'mercury/manifest/1'
const TIME = 1_800_000_000
const alice = keyPair('alice')
const home = keyPair('home')
const mallory = keyPair('mallory')
const SMALL_ORDER_KEY = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
const CONTEXTS = ['profile', 'pledge', 'succession', 'hosting', 'relation', 'revocation', 'invitation', 'mail'].map((name) => `mercury/${name}/1`)
const omit = (map: Fields, ...keys: string[]): Fields => Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)))

const coverageBlock = encode({ v: 1, homes: [] })
const coverage = blockCid(coverageBlock)
const fields: Fields = { v: 1, id: alice.idBytes, seq: TIME, time: TIME, analyser: 1, documents: 0, segments: [], coverage, providers: [], prev: null }

export const manifestVectors = () => {
  const cases: ManifestCase[] = []
  const sign = (change: Fields = {}, key: KeyPair = alice, context = CONTEXT): Fields => sealed(context, { ...fields, ...change }, key)
  const addBytes = (name: string, bytes: Uint8Array, verdict: string, { id = alice.id, map }: { id?: string; map?: Fields } = {}): void => {
    const accepted = map && verdict === 'accept' ? { cid: blockCid(bytes).toString(), seq: map.seq as number, documents: map.documents as number, segments: (map.segments as readonly Value[]).length } : {}
    cases.push({ name, id, bytes: packBytes(bytes), verdict, ...accepted })
  }
  const add = (name: string, map: Fields, verdict: string, { id = alice.id }: { id?: string } = {}): void => addBytes(name, encode(map), verdict, { id, map })
  const malformed = (name: string, change: Fields): void => add(name, sign(change), 'INVALID_MANIFEST')

  add('an empty index', sign(), 'accept')
  add('the version after another', sign({ prev: sha256('before') }), 'accept')
  add('seq is 0', sign({ seq: 0 }), 'accept')
  add('with a key of a later time: it is covered', sign({ also: 1 }), 'accept')
  add('a key that is not covered', { ...sign(), also: 1 }, 'INVALID_SIGNATURE')
  add('another seq than was signed', { ...sign(), seq: TIME + 1 }, 'INVALID_SIGNATURE')
  add('by another key', sign({}, mallory), 'INVALID_SIGNATURE')
  add('of another index', sign({ id: mallory.idBytes }, mallory), 'INVALID_MANIFEST')
  add('asked for under another name', sign(), 'INVALID_MANIFEST', { id: mallory.id })
  for (const context of CONTEXTS) add(`in the context ${context}`, sign({}, alice, context), 'INVALID_SIGNATURE')
  for (const key of Object.keys(fields)) add(`${key} absent`, sealed(CONTEXT, omit(fields, key), alice), 'INVALID_MANIFEST')
  add('no signature', fields, 'INVALID_MANIFEST')
  add('a signature of 63 bytes', { ...sign(), sig: new Uint8Array(63) }, 'INVALID_MANIFEST')
  add('v is 2', sign({ v: 2 }), 'UNSUPPORTED')
  malformed('v is text', { v: '1' })
  add('a later version of the analyser', sign({ analyser: 2 }), 'UNSUPPORTED')
  malformed('analyser is text', { analyser: '1' })
  malformed('id has 37 bytes', { id: alice.idBytes.subarray(1) })
  malformed('id is text', { id: alice.id })
  malformed('id is a key of small order', { id: idBytesOf(SMALL_ORDER_KEY) })
  malformed('seq is -1', { seq: -1 })
  malformed('time is -1', { time: -1 })
  malformed('documents is 1, of an index without segments', { documents: 1 })
  malformed('documents is -1', { documents: -1 })
  malformed('segments is a map', { segments: {} })
  malformed('a segment that is bytes', { segments: [new Uint8Array(2)] })
  malformed('a segment that is empty', { segments: [{}] })
  malformed('coverage is bytes', { coverage: coverage.bytes })
  malformed('coverage is a raw block', { coverage: blockCid(coverageBlock, 0x55) })
  malformed('coverage is a CIDv0', { coverage: CID.createV0(coverage.multihash as Parameters<typeof CID.createV0>[0]) })
  const address = `/dns4/${'a'.repeat(108)}/tcp/443/tls`
  add('16 providers of 128 bytes', sign({ providers: Array.from({ length: 16 }, () => address.padEnd(128, 's')) }), 'accept')
  malformed('17 providers', { providers: Array.from({ length: 17 }, () => '/ip4/192.0.2.1/tcp/4001') })
  malformed('a provider of 129 bytes', { providers: [address.padEnd(129, 's')] })
  malformed('a provider that is empty', { providers: [''] })
  malformed('a provider that is bytes', { providers: [new Uint8Array(3)] })
  malformed('prev has 31 bytes', { prev: sha256('before').subarray(1) })
  malformed('prev is a link', { prev: coverage })
  const link = blockCid(encode('a block'))
  const segment: Fields = { documents: 3, keys: { data: Uint8Array.of(2, 1), links: [link] }, table: { data: Uint8Array.of(5, 1), links: [link] }, dead: [] }
  const one = (change: Fields, documents = 3): Fields => sign({ documents, segments: [{ ...segment, ...change }] })
  const malformedSegment = (name: string, change: Fields): void => add(name, one(change), 'INVALID_MANIFEST')
  add('a segment', one({}), 'accept')
  add('a segment of which one is dead', one({ dead: [[0, 1, link]] }, 2), 'accept')
  add('a segment of which all are dead', one({ dead: [[0, 3, link]] }, 0), 'accept')
  add('two slices of tombstones', sign({ documents: 39_997, segments: [{ ...segment, documents: 40_000, dead: [[0, 1, link], [1, 2, link]] }] }), 'accept')
  add('the most profiles that a segment has', sign({ documents: 2 ** 22, segments: [{ ...segment, documents: 2 ** 22 }] }), 'accept')
  add('8 segments', sign({ documents: 24, segments: Array.from({ length: 8 }, () => segment) }), 'accept')
  malformed('9 segments', { documents: 27, segments: Array.from({ length: 9 }, () => segment) })
  malformed('documents counts the dead, too', { documents: 3, segments: [{ ...segment, dead: [[0, 1, link]] }] })
  malformed('a segment without profiles', { documents: 0, segments: [{ ...segment, documents: 0 }] })
  malformed('a segment of 2^22 + 1', { documents: 2 ** 22 + 1, segments: [{ ...segment, documents: 2 ** 22 + 1 }] })
  malformedSegment('a segment with a key of a later time', { also: 1 })
  for (const key of Object.keys(segment)) malformed(`${key} of a segment absent`, { documents: 3, segments: [omit(segment, key)] })
  malformedSegment('keys is a link', { keys: link })
  malformedSegment('the top of the keys is a table', { keys: { data: Uint8Array.of(5, 1), links: [link] } })
  malformedSegment('links of the keys is text', { keys: { data: Uint8Array.of(2, 1), links: 'x' } })
  malformedSegment('the keys link to a raw block', { keys: { data: Uint8Array.of(2, 1), links: [blockCid(encode(1), 0x55)] } })
  malformedSegment('data of the table is text', { table: { data: 'x', links: [link] } })
  malformedSegment('dead is a map', { dead: {} })
  malformedSegment('a slice of tombstones is a map', { dead: [{ slice: 0, count: 1, cid: link }] })
  malformedSegment('a slice without a tombstone', { dead: [[0, 0, link]] })
  malformedSegment('more tombstones than profiles', { dead: [[0, 4, link]] })
  malformedSegment('a slice beyond the profiles', { dead: [[1, 1, link]] })
  malformedSegment('a slice that is -1', { dead: [[-1, 1, link]] })
  malformedSegment('tombstones without a link', { dead: [[0, 1]] })
  malformed('slices of tombstones out of order', { documents: 39_997, segments: [{ ...segment, documents: 40_000, dead: [[1, 2, link], [0, 1, link]] }] })
  malformed('a slice of tombstones twice', { documents: 39_998, segments: [{ ...segment, documents: 40_000, dead: [[0, 1, link], [0, 1, link]] }] })
  const padded = (length: number): Fields => {
    const spare = length - encode(sign({ also: '' })).byteLength
    return sign({ also: 'x'.repeat(spare - 2) })
  }
  add('12,288 bytes', padded(12_288), 'accept')
  add('12,289 bytes', padded(12_289), 'LIMIT_EXCEEDED')
  addBytes('bytes after the map', joined(encode(sign()), Uint8Array.of(0)), 'INVALID_MANIFEST')
  addBytes('a list', encode([1]), 'INVALID_MANIFEST')
  addBytes('nothing', new Uint8Array(), 'INVALID_MANIFEST')
  return { about: 'Manifests of search indexes; README.md says how to read this file', spec: 'docs/spec.md#search-manifest', keys: [alice, home, mallory].map(describeKey), cases, coverages: coverageCases() }
}

const coverageCases = (): CoverageCase[] => {
  const cases: CoverageCase[] = []
  const entry: Fields = { id: home.idBytes, documents: 3, oldest: TIME }
  const add = (name: string, map: Fields, verdict: string, documents = 3): void => {
    cases.push({ name, bytes: packBytes(encode(map)), documents, verdict, ...(verdict === 'accept' ? { homes: (map.homes as readonly Value[]).length } : {}) })
  }
  const malformed = (name: string, change: Fields): void => add(name, { v: 1, homes: [{ ...entry, ...change }] }, 'INVALID_MANIFEST')
  add('nothing', { v: 1, homes: [] }, 'accept', 0)
  add('one home', { v: 1, homes: [entry] }, 'accept')
  add('one home, followed up to a change', { v: 1, homes: [{ ...entry, head: '001800000000000-000000000007' }] }, 'accept')
  add('two homes and others', { v: 1, homes: [entry, { ...entry, id: alice.idBytes }], others: { documents: 1, oldest: 0 } }, 'accept', 7)
  add('keys of a later time', { v: 1, homes: [{ ...entry, also: 1 }], also: 1 }, 'accept')
  add('more profiles than the index has', { v: 1, homes: [entry] }, 'INVALID_MANIFEST', 2)
  add('fewer profiles than the index has', { v: 1, homes: [entry] }, 'INVALID_MANIFEST', 4)
  add('a home twice', { v: 1, homes: [entry, entry] }, 'INVALID_MANIFEST', 6)
  add('v is 2', { v: 2, homes: [] }, 'UNSUPPORTED', 0)
  add('homes absent', { v: 1 }, 'INVALID_MANIFEST', 0)
  add('others is null', { v: 1, homes: [entry], others: null }, 'INVALID_MANIFEST')
  malformed('id is text', { id: home.id })
  malformed('id is a key of small order', { id: idBytesOf(SMALL_ORDER_KEY) })
  malformed('documents is -1', { documents: -1 })
  malformed('oldest is text', { oldest: '1' })
  malformed('head has 65 bytes', { head: 'h'.repeat(65) })
  malformed('head is empty', { head: '' })
  const many = Array.from({ length: 401 }, (_, i) => ({ ...entry, documents: 0, id: keyPair(`home ${i}`).idBytes }))
  add('400 homes', { v: 1, homes: many.slice(0, 400) }, 'accept', 0)
  add('401 homes', { v: 1, homes: many }, 'INVALID_MANIFEST', 0)
  return cases
}

if (import.meta.main) writeFrozen('manifest', manifestVectors())
