import { sha256 } from '@noble/hashes/sha2.js'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { decodeCborMap, encodeCbor } from '../../src/cbor.ts'
import { InvalidSignatureError, MercuryError } from '../../src/errors.ts'
import { createPledge, verifyPledge } from '../../src/identity/pledge.ts'
import { decodeProfileId, parseProfileId, type ProfileId } from '../../src/identity/profile-id.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { verifyAcceptance } from '../../src/profile/acceptance.ts'
import { signDocument, verifyDocument, type HomeEntry } from '../../src/profile/document.ts'
import { completeProof, isRevokedBy, verifyProof, type RelationProof, type VerifiedRelation } from '../../src/profile/relation.ts'
import { verifySuccession } from '../../src/profile/succession.ts'
import { frozenText, hex, readFrozen, renderFrozen, unhex } from '../vectors/frozen.ts'
import { documentVectors, type DocumentCase, type WrittenCase } from '../vectors/make-document.ts'
import { signedMapVectors, type AcceptanceCase, type HalfProofCase, type PledgeCase, type RelationCase, type RevocationCase, type SuccessionCase } from '../vectors/make-signed-maps.ts'
import { unpackBytes } from '../vectors/packed-bytes.ts'

interface NamedKey { name: string; seed: string }
const signerOf = (keys: readonly NamedKey[], wanted: string) => createSigner(unhex(keys.find(({ name }) => name === wanted)!.seed))

interface Outcome { verdict: string; path?: string | undefined }

/** What came of it, in the words of the vector files. */
const outcomeOf = async <T extends object>(judging: Promise<T>): Promise<Outcome & Partial<T>> => {
  try {
    return { verdict: 'accept', ...(await judging) }
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    const { path } = error as { path?: string }
    return { verdict: error.code, ...(path === undefined ? {} : { path }) } as Outcome & Partial<T>
  }
}
const expected = ({ verdict, path }: Outcome): Outcome => ({ verdict, ...(path === undefined ? {} : { path }) })

describe('document.json', () => {
  const { cases, written, keys } = readFrozen<{ cases: DocumentCase[]; written: WrittenCase[]; keys: NamedKey[] }>('document')
  it.each(cases)('$name: $verdict', async ({ bytes, expect: { id, cid }, id: owner, cid: ownCid, ...verdict }) => {
    const judging = verifyDocument(unpackBytes(bytes), { id: id as ProfileId | 'any', ...(cid === undefined ? {} : { cid: CID.parse(cid) }) })
    const outcome = await outcomeOf(judging.then((document) => ({ id: document.id as string, cid: document.cid.toString(), document: document.document })))
    expect(outcome).toMatchObject({ ...expected(verdict), ...(owner === undefined ? {} : { id: owner, cid: ownCid }) })
    expect(outcome.path).toBe(verdict.path)
    if (outcome.document) expect(encodeCbor(outcome.document)).toEqual(unpackBytes(bytes))
  })
  it.each(written)('written: $name', async ({ key, pledgedTo, draft, version: { seq, prev, time }, gone, bytes, cid }) => {
    const signer = await signerOf(keys, key)
    const pledge = pledgedTo === null ? undefined : await createPledge(signer, (await signerOf(keys, pledgedTo)).publicKey)
    const signed = await signDocument(draft, { ...signer, ...(pledge ? { pledge } : {}) }, { seq, prev: prev === null ? null : unhex(prev), time }, { gone })
    expect(signed.bytes).toEqual(unpackBytes(bytes))
    expect(signed.cid.toString()).toBe(cid)
  })
})

describe('pledge.json', () => {
  const { cases } = readFrozen<{ cases: PledgeCase[] }>('pledge')
  it.each(cases)('$name: $verdict', async ({ id, next, sig, verdict }) => {
    const holds = await verifyPledge(parseProfileId(id), { next: unhex(next), sig: unhex(sig) })
    expect(holds ? 'accept' : new InvalidSignatureError('pledge').code).toBe(verdict)
  })
})

describe('acceptance.json', () => {
  const { cases } = readFrozen<{ cases: AcceptanceCase[] }>('acceptance')
  it.each(cases)('$name: $verdict', async ({ entry, persona, next, at, home, ...verdict }) => {
    const judging = verifyAcceptance(decodeCborMap(unhex(entry)) as HomeEntry, { persona: parseProfileId(persona), next: next === null ? null : unhex(next), ...(at === undefined ? {} : { at }) })
    expect(await outcomeOf(judging)).toEqual({ ...expected(verdict), ...(home === undefined ? {} : { home }) })
  })
})

describe('succession.json', () => {
  const { cases } = readFrozen<{ cases: SuccessionCase[] }>('succession')
  it.each(cases)('$name: $verdict', async ({ bytes, verdict, path, from, to, last, time }) => {
    const claims = verdict === 'accept' ? { from, to, last, time } : {}
    const judging = verifySuccession(decodeCborMap(unhex(bytes)))
    expect(await outcomeOf(judging.then(({ last, ...rest }) => ({ ...rest, last: last && hex(last) })))).toEqual({ ...expected({ verdict, path }), ...claims })
  })
})

describe('relation.json', () => {
  const { cases, halves, keys } = readFrozen<{ cases: RelationCase[]; halves: HalfProofCase[]; keys: NamedKey[] }>('relation')
  it.each(cases)('$name: $verdict', async ({ bytes, expect: { now, type, from, to }, digest, ...verdict }) => {
    const proof = decodeCborMap(unhex(bytes))
    const judging = verifyProof(proof, { now, ...(type === undefined ? {} : { type }), ...(from === undefined ? {} : { from: parseProfileId(from) }), ...(to === undefined ? {} : { to: parseProfileId(to) }) })
    const outcome = await outcomeOf(judging)
    expect(outcome).toMatchObject(expected(verdict))
    expect(outcome.path).toBe(verdict.path)
    expect(outcome.digest && hex(outcome.digest)).toBe(digest)
  })
  it.each(halves)('$name: $verdict', async ({ half, by, proof, ...verdict }) => {
    const signer = await signerOf(keys, by)
    const outcome = await outcomeOf(completeProof(decodeCborMap(unhex(half)), signer).then((complete) => ({ proof: hex(encodeCbor(complete)) })))
    expect(outcome).toEqual({ ...expected(verdict), ...(proof === undefined ? {} : { proof }) })
  })
})

describe('revocation.json', () => {
  const { cases } = readFrozen<{ cases: RevocationCase[] }>('revocation')
  it.each(cases)('$name: $verdict', async ({ relation, bytes, verdict, path }) => {
    const outcome = await outcomeOf(isRevokedBy(relationOf(unhex(relation)), decodeCborMap(unhex(bytes))).then((revoked) => ({ verdict: revoked ? 'accept' : 'NO_EFFECT' })))
    expect(outcome).toEqual(expected({ verdict, path }))
  })
})

describe('the scripts', () => {
  it.each(Object.entries({ document: documentVectors, ...signedMapVectors }))('still make %s.json, byte for byte', (name, make) => {
    expect(renderFrozen(make())).toBe(frozenText(name))
  })
})

const relationOf = (bytes: Uint8Array): VerifiedRelation => {
  const { fromSig: _, toSig: __, ...body } = decodeCborMap(bytes) as RelationProof
  return { type: body.type, from: decodeProfileId(body.from), to: decodeProfileId(body.to), time: body.time, digest: sha256(encodeCbor(body)) }
}
