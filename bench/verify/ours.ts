import { createPublicKey, verify } from 'node:crypto'
import { toString } from 'uint8arrays'
import { decodeCborMapWithout } from '../../src/cbor.ts'
import { publicKeyOf } from '../../src/identity/profile-id.ts'
import { signedBytes } from '../../src/identity/signed-map.ts'
import { validateRecord } from '../../src/naming/record.ts'
import { DOCUMENT_CONTEXT, verifyDocument } from '../../src/profile/document.ts'
import { readCorpus, type Sample } from './corpus.ts'

/** What one process measured; all per second of CPU time but `strangerUs`. */
export interface Measured {
  documents: number
  records: number
  /** The platform's verification of the same signatures alone, keys imported and bytes at hand before. */
  signatures: number
  /** Microseconds for a document by a key never seen before. */
  strangerUs: number
  documentBytes: number
  recordBytes: number
}

const SECONDS = 3
const BATCH = 250

/** CPU time of all threads, as `openssl speed` counts its own: neighbours on the core do not matter, garbage collection does. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const timed = async (work: () => Promise<void>): Promise<number> => {
  const before = cpuSeconds()
  await work()
  return cpuSeconds() - before
}

const { known, strangers } = readCorpus(process.argv[2]!)
const signatures = known.map(({ document, id }) => {
  const { map, without } = decodeCborMapWithout(document, 'sig')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: toString(publicKeyOf(id), 'base64url') }, format: 'jwk' })
  return { key, message: signedBytes(DOCUMENT_CONTEXT, without), signature: map.sig as Uint8Array }
})

const verdicts: boolean[] = []
/** Numbers only: what is kept must not become work for the garbage collector. */
const found: number[] = []
const work = {
  signatures: async (from: number) => {
    for (const { key, message, signature } of signatures.slice(from, from + BATCH)) verdicts.push(verify(null, message, key, signature))
  },
  documents: async (from: number) => {
    for (const sample of known.slice(from, from + BATCH)) found.push((await verifyDocument(sample.document, { id: sample.id, cid: sample.cid })).document.seq)
  },
  records: async (from: number) => {
    for (const sample of known.slice(from, from + BATCH)) found.push(Number((await validateRecord(sample.id, sample.record)).sequence))
  }
}
type Work = keyof typeof work
const names = Object.keys(work) as Work[]

/** Outside the timed region: the versions that came out are those that went in, in their order. */
const check = (expected: readonly Sample[]): void => {
  if (verdicts.some((verdict) => !verdict)) throw new Error('a good signature was refused')
  if (found.some((seq, i) => seq !== expected[i % expected.length]!.seq)) throw new Error('a wrong version was found')
  verdicts.length = found.length = 0
}

const checkRefusal = async ({ id, document, record }: Sample): Promise<void> => {
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.byteLength - 9 ? byte ^ 1 : byte))
  const accepted = await Promise.allSettled([verifyDocument(flip(document), { id }), validateRecord(id, flip(record))])
  if (accepted.some(({ status }) => status === 'fulfilled')) throw new Error('altered bytes were accepted')
}

// Optimised code, and keys that are known.
for (const name of names) {
  for (let from = 0; from < known.length; from += BATCH) await work[name](from)
  check(known)
}

/** Items a second of each, in turns of one batch. */
const rates = async <N extends Work>(turns: readonly N[]): Promise<Record<N, number>> => {
  const seconds = Object.fromEntries(turns.map((name) => [name, 0])) as Record<N, number>
  let count = 0
  for (const started = cpuSeconds(); cpuSeconds() - started < turns.length * SECONDS;) {
    for (let from = 0; from < known.length; from += BATCH) {
      for (const name of turns) seconds[name] += await timed(async () => work[name](from))
      count += BATCH
      check(known.slice(from, from + BATCH))
    }
  }
  return Object.fromEntries(turns.map((name) => [name, count / seconds[name]])) as Record<N, number>
}

const { documents, signatures: bare } = await rates(['signatures', 'documents'])
const { records } = await rates(['records'])

const strangerSeconds = await timed(async () => {
  for (const sample of strangers) found.push((await verifyDocument(sample.document, { id: sample.id, cid: sample.cid })).document.seq)
})
check(strangers)

for (const sample of known.slice(0, 100)) await checkRefusal(sample)

const mean = (bytes: readonly Uint8Array[]): number => Math.round(bytes.reduce((sum, { byteLength }) => sum + byteLength, 0) / bytes.length)
const measured: Measured = {
  documents,
  records,
  signatures: bare,
  strangerUs: (strangerSeconds / strangers.length) * 1e6,
  documentBytes: mean(known.map(({ document }) => document)),
  recordBytes: mean(known.map(({ record }) => record))
}
process.stdout.write(JSON.stringify(measured))
