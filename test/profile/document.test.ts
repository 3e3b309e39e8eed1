import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { beforeAll, describe, expect, it } from 'vitest'
import { LimitError, MercuryError } from '../../src/errors.ts'
import { documentCid, documentDigest, follows, signDocument, verifyDocument, type SignedDocument } from '../../src/profile/document.ts'
import { TIME, alice, bob, bufferView, mallory } from './cast.ts'

const version = { seq: TIME, prev: null, time: TIME }
let signed: SignedDocument

beforeAll(async () => {
  signed = await signDocument({ name: 'Alice Liddell', tags: ['chess'], 'org.example.app/key': Uint8Array.of(1, 2, 3) }, alice, version, { fields: { keys: { x25519: new Uint8Array(32).fill(9) }, unknown: { kept: true } } })
})

describe('verifyDocument', () => {
  it('says whose document it is and under which CID', async () => {
    const { id, cid, document } = await verifyDocument(signed.bytes, { id: alice.id })
    expect(id).toBe(alice.id)
    expect(cid.toString()).toBe(signed.cid.toString())
    expect(cid.toString()).toMatch(/^bafyrei/)
    expect(document).toEqual(signed.document)
    expect(document.unknown).toEqual({ kept: true })
  })

  it.each([undefined, {}, { id: undefined }, { id: null }, { id: 5 }])('cannot be asked without saying whom one trusts: %j', async (expectation) => {
    await expect(verifyDocument(signed.bytes, expectation as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('takes no prefix of an ID for the ID, and no other profile', async () => {
    await expect(verifyDocument(signed.bytes, { id: '' as never })).rejects.toMatchObject({ code: 'INVALID_DOCUMENT', path: 'id' })
    await expect(verifyDocument(signed.bytes, { id: alice.id.slice(0, -1) as never })).rejects.toMatchObject({ code: 'INVALID_DOCUMENT', path: 'id' })
    await expect(verifyDocument(signed.bytes, { id: bob.id })).rejects.toMatchObject({ code: 'INVALID_DOCUMENT', path: 'id' })
  })

  it('reads a Buffer that is a view as it reads a Uint8Array, and gives out no Buffer', async () => {
    const { cid, document } = await verifyDocument(bufferView(signed.bytes), { id: alice.id, cid: signed.cid })
    expect(cid.toString()).toBe(signed.cid.toString())
    expect(document).toStrictEqual(signed.document)
    expect(Object.getPrototypeOf(document.sig)).toBe(Uint8Array.prototype)
    expect(Object.getPrototypeOf(document.attrs['org.example.app/key'])).toBe(Uint8Array.prototype)
  })

  it('neither changes nor keeps the bytes that it reads', async () => {
    for (const input of [Uint8Array.from(signed.bytes), bufferView(signed.bytes)]) {
      const { cid, document } = await verifyDocument(input, { id: alice.id })
      expect(Buffer.compare(input, signed.bytes)).toBe(0)
      input.fill(0)
      expect(document).toEqual(signed.document)
      expect(cid.toString()).toBe(signed.cid.toString())
    }
  })

  it('judges the bytes that it was called with, whatever becomes of them while it does', async () => {
    const other = await signDocument({ name: 'Other' }, alice, version)
    const input = Uint8Array.from(signed.bytes)
    const judging = verifyDocument(input, { id: alice.id })
    input.fill(0)
    input.set(other.bytes)
    const { cid, document } = await judging
    expect(document).toEqual(signed.document)
    expect(cid.toString()).toBe(signed.cid.toString())
  })

  it('refuses the document with any one bit flipped', async () => {
    const accepted: number[] = []
    for (let bit = 0; bit < signed.bytes.byteLength * 8; bit++) {
      const flipped = signed.bytes.with(bit >> 3, signed.bytes[bit >> 3]! ^ (1 << (bit & 7)))
      if (await isAccepted(flipped)) accepted.push(bit)
    }
    expect(accepted).toEqual([])
  })

  it('refuses the document cut off anywhere, and with anything after it', async () => {
    for (let length = 0; length < signed.bytes.byteLength; length++) expect(await isAccepted(signed.bytes.slice(0, length))).toBe(false)
    for (let byte = 0; byte < 256; byte++) expect(await isAccepted(Uint8Array.from([...signed.bytes, byte]))).toBe(false)
  })

  it('answers garbage with a MercuryError and nothing else', async () => {
    const spliced = fc.tuple(fc.nat(signed.bytes.byteLength), fc.nat(20), fc.uint8Array({ maxLength: 20 })).map(([at, cut, added]) => Uint8Array.from([...signed.bytes.subarray(0, at), ...added, ...signed.bytes.subarray(at + cut)]))
    const garbage = fc.oneof(fc.uint8Array({ maxLength: 300 }), spliced).filter((bytes) => Buffer.compare(bytes, signed.bytes) !== 0)
    await fc.assert(fc.asyncProperty(garbage, async (bytes) => !(await isAccepted(bytes))), { numRuns: 2_000 })
  })

  it('names limit and size of a document that is too large, before it reads it', async () => {
    const error = await verifyDocument(new Uint8Array(65_537), { id: alice.id }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LimitError)
    expect(error).toMatchObject({ limit: 'document bytes', max: 65_536, value: 65_537 })
  })

  it('does not take a pledge for checked because it was once checked beside another document', async () => {
    await verifyDocument(signed.bytes, { id: alice.id })
    const forged = { ...alice, pledge: { next: alice.pledge!.next, sig: alice.pledge!.sig.with(5, alice.pledge!.sig[5]! ^ 1) } }
    await expect(signDocument({}, forged, version)).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    const swapped = { ...alice, pledge: { next: alice.pledge!.next.with(0, alice.pledge!.next[0]! ^ 1), sig: alice.pledge!.sig } }
    await expect(signDocument({}, swapped, version)).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
  })
})

describe('the chain of documents', () => {
  it('goes by the digest of the document before', async () => {
    const next = await signDocument({ name: 'A' }, alice, { seq: TIME + 1, prev: documentDigest(signed.cid), time: TIME }, { base: signed.document })
    expect(follows(next.document, signed.cid)).toBe(true)
    expect(follows(signed.document, signed.cid)).toBe(false)
    expect(follows(next.document, next.cid)).toBe(false)
  })

  it('names a document by CIDv1, dag-cbor and sha2-256', async () => {
    const { version: cidVersion, code, multihash } = await documentCid(signed.bytes)
    expect([cidVersion, code, multihash.code, multihash.digest.byteLength]).toEqual([1, 0x71, 0x12, 32])
    await expect(verifyDocument(signed.bytes, { id: alice.id, cid: CID.createV1(0x55, multihash) })).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
  })
})

describe('a signer', () => {
  it.each([
    ['signs something else', async () => mallory.sign(Uint8Array.of(1))],
    ['gives back 63 bytes', async () => new Uint8Array(63)],
    ['gives back nothing', async () => new Uint8Array()]
  ])('that %s gets no document', async (_, sign) => {
    await expect(signDocument({}, { ...alice, sign }, version)).rejects.toBeInstanceOf(MercuryError)
  })

  it('is asked with the signal, and its refusal is the answer', async () => {
    const reason = new Error('changed my mind')
    await expect(signDocument({}, alice, version, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

const isAccepted = async (bytes: Uint8Array): Promise<boolean> => {
  try {
    await verifyDocument(bytes, { id: 'any' })
    return true
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    return false
  }
}
