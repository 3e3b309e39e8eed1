import { readFileSync, writeFileSync } from 'node:fs'
import { CID } from 'multiformats/cid'
import { fromString, toString } from 'uint8arrays'
import { parseProfileId, type ProfileId } from '../../src/identity/profile-id.ts'
import type { Signer } from '../../src/identity/signer.ts'
import { createRecord } from '../../src/naming/record.ts'
import { signDocument } from '../../src/profile/document.ts'
import { createDraft, createSigners, randomBytes, seededRandom } from '../profiles.ts'

export interface Sample {
  readonly id: ProfileId
  readonly seq: number
  readonly cid: CID
  readonly document: Uint8Array
  readonly record: Uint8Array
}

export interface Corpus {
  /** Many documents of few signers. */
  readonly known: readonly Sample[]
  /** One document of each of many signers. */
  readonly strangers: readonly Sample[]
}

const SIGNERS = 32
const DOCUMENTS = 4_000
const STRANGERS = 1_000

/** Writes a corpus, the same for the same `seed`, for a process that has not seen its keys. */
export const writeCorpus = async (file: string, seed: number): Promise<void> => {
  const random = seededRandom(seed)
  const signers = await createSigners(SIGNERS, random)
  const strangers = await createSigners(STRANGERS, random)
  const encode = async (signer: Signer, i: number): Promise<EncodedSample> => {
    const seq = 1_790_000_000 + i
    const signed = await signDocument(createDraft(random), signer, { seq, prev: randomBytes(32, random), time: 1_790_000_000 })
    const record = await createRecord(signed, signer)
    return { id: signer.id, seq, cid: signed.cid.toString(), document: toString(signed.bytes, 'base64'), record: toString(record, 'base64') }
  }
  const known: EncodedSample[] = []
  for (let i = 0; i < DOCUMENTS; i++) known.push(await encode(signers[i % SIGNERS]!, i))
  const others: EncodedSample[] = []
  for (const [i, signer] of strangers.entries()) others.push(await encode(signer, i))
  writeFileSync(file, JSON.stringify({ known, strangers: others }))
}

/** A {@link Sample} as JSON has it: text, bytes in base64. */
interface EncodedSample { id: string; seq: number; cid: string; document: string; record: string }

/** The IDs of `strangers` are taken unparsed, so that their keys are still to be admitted. */
export const readCorpus = (file: string): Corpus => {
  const { known, strangers } = JSON.parse(readFileSync(file, 'utf8')) as Record<keyof Corpus, EncodedSample[]>
  const decode = (readId: (text: string) => ProfileId) => ({ id, seq, cid, document, record }: EncodedSample): Sample =>
    ({ id: readId(id), seq, cid: CID.parse(cid), document: fromString(document, 'base64'), record: fromString(record, 'base64') })
  return { known: known.map(decode(parseProfileId)), strangers: strangers.map(decode((id) => id as ProfileId)) }
}
