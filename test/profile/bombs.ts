import { MercuryError } from '../../src/errors.ts'
import { parseProfileId } from '../../src/identity/profile-id.ts'
import { selectRecord, validateRecord } from '../../src/naming/record.ts'
import { verifyDocument } from '../../src/profile/document.ts'
import { encode, head, joined, keyPair, protobufField, reduced, sealed, signRecord } from '../vectors/forge.ts'

/**
 * Sets off each bomb, in a process of its own that runs with --expose-gc, and prints how many bytes were allocated for the hungriest
 * (what is not collected yet counts, also what was announced and never touched) and which were let in.
 */

const MIB = 1_048_576
const alice = keyPair('alice')
const id = parseProfileId(alice.id)
const fields = { v: 1, kind: 'persona', id: alice.idBytes, seq: 1, time: 0, prev: null, next: null, attrs: {} }
const document = encode(sealed('mercury/profile/1', fields, alice))
const recordFields = { Value: Buffer.from('/ipfs/'), Validity: Buffer.from('2999-01-01T00:00:00Z'), ValidityType: 0, Sequence: 1, TTL: 0 }
const record = reduced(signRecord(encode(recordFields), alice))

const full = (size: number, ...start: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(size)
  bytes.set(joined(...start))
  return bytes
}
/** `length` times `item` behind the head of a map with the one key `a`. */
const inMap = (...items: readonly Uint8Array[]): Uint8Array => joined(Uint8Array.of(0xa1, 0x61, 0x61), ...items)
const documents: Record<string, Uint8Array> = {
  'lists 65,000 deep': full(65_536, new Uint8Array(65_000).fill(0x81)),
  'maps 20,000 deep': inMap(...Array.from({ length: 20_000 }, () => Uint8Array.of(0xa1, 0x61, 0x61))),
  'a list of 65,000': inMap(head(4, 65_000), new Uint8Array(65_000)),
  'a list that announces 4,000 lists that announce 4,000': inMap(head(4, 4_000), ...Array.from({ length: 20_000 }, () => head(4, 4_000))),
  'a list that announces 2^32 - 1': full(65_536, inMap(head(4, 2n ** 32n - 1n))),
  'a list that announces 2^53 - 1': full(65_536, inMap(head(4, 2n ** 53n - 1n))),
  'a map that announces 2^53 - 1': full(65_536, head(5, 2n ** 53n - 1n)),
  'bytes that announce 2^32 - 1': full(65_536, inMap(head(2, 2n ** 32n - 1n))),
  'bytes that announce 2^63': full(65_536, inMap(head(2, 2n ** 63n))),
  'text that announces 2^40': full(65_536, inMap(head(3, 2n ** 40n))),
  'tags 65,000 deep': full(65_536, new Uint8Array(65_000).fill(0xd8)),
  '20,000 keys': joined(head(5, 20_000), ...Array.from({ length: 20_000 }, (_, i) => joined(head(3, 5), Buffer.from(String(10_000 + i)), Uint8Array.of(0)))),
  '__proto__ as a key': encode({ ...fields, attrs: JSON.parse('{ "__proto__": { "polluted": true } }') as Record<string, never> }),
  '50 MiB': full(50 * MIB, document),
  '50 MiB of a list': full(50 * MIB, inMap(head(4, 50 * MIB - 10)))
}
const records: Record<string, Uint8Array> = {
  'bytes that announce 2^62': full(10_240, protobufField(9, 0, 0).subarray(0, 0), Uint8Array.of(0x4a), varint(2n ** 62n)),
  '5,000 empty fields': new Uint8Array(10_000).map((_, i) => (i % 2 === 0 ? 0x52 : 0)),
  'groups 10,000 deep': new Uint8Array(10_000).fill(0x53),
  'an endless number': new Uint8Array(10_240).fill(0xff),
  'data 10,000 deep': joined(protobufField(8, 2, new Uint8Array(64)), protobufField(9, 2, new Uint8Array(10_000).fill(0x81))),
  'data that announces 2^53 - 1 keys': joined(protobufField(8, 2, new Uint8Array(64)), protobufField(9, 2, head(5, 2n ** 53n - 1n))),
  '50 MiB': full(50 * MIB, record)
}

const letIn: string[] = []
const refuses = async (name: string, judge: () => Promise<unknown>): Promise<void> => {
  try {
    await judge()
    letIn.push(name)
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
  }
}

const allocated = (): number => {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
let hungriest = { name: '', bytes: 0 }
const setOff = async (name: string, judge: () => Promise<unknown>): Promise<void> => {
  globalThis.gc!()
  const before = allocated()
  await refuses(name, judge)
  const bytes = allocated() - before
  if (bytes > hungriest.bytes) hungriest = { name, bytes }
}

await verifyDocument(document, { id })
if (await selectRecord(id, [record, ...Object.values(records)])) letIn.push('selection')
for (const [name, bytes] of Object.entries(documents)) await setOff(name, () => verifyDocument(bytes, { id: 'any' }))
for (const [name, bytes] of Object.entries(records)) await setOff(name, () => validateRecord(id, bytes))
console.log(JSON.stringify({ hungriest, letIn, polluted: 'polluted' in {} }))

function varint (value: bigint): Uint8Array {
  return protobufField(0, 0, value).subarray(1)
}
