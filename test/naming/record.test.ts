import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { LimitError, MercuryError } from '../../src/errors.ts'
import { encodeReducedEnvelope, parseEnvelope } from '../../src/naming/envelope.ts'
import { NotAProfileError, RecordExpiredError, createRecord, createValidRecord, readProfileRecord, validateRecord, verifyIpnsRecord } from '../../src/naming/record.ts'
import { signDocument, verifyDocument, type SignedDocument } from '../../src/profile/document.ts'
import { joined, keyPair, protobufField, recordData, reduced, signRecord } from '../vectors/forge.ts'
import { NOW, TIME, alice, bob, bufferView, mallory } from '../profile/cast.ts'

const DAY_MS = 86_400_000
let signed: SignedDocument
let record: Uint8Array

beforeAll(async () => {
  signed = await signDocument({ name: 'Alice' }, alice, { seq: TIME, prev: null, time: TIME })
  record = await createRecord(signed, alice, { now: NOW })
})

describe('createRecord', () => {
  it('names the document for 365 days, tells resolvers to ask again after 5 minutes, and carries the document along', async () => {
    const read = await validateRecord(alice.id, record, { now: NOW })
    expect(read).toMatchObject({ id: alice.id, sequence: BigInt(TIME), ttlMs: 300_000, expired: false, validUntil: new Date(NOW + 365 * DAY_MS) })
    expect(read.cid.toString()).toBe(signed.cid.toString())
    expect(Buffer.from(read.value).toString()).toBe(`/ipfs/${signed.cid.toString()}`)
    expect(read.documentBytes).toEqual(signed.bytes)
    expect((await verifyDocument(read.documentBytes!, { id: alice.id, cid: read.cid })).document).toEqual(signed.document)
  })

  it('writes signatureV2 and data and nothing else, as another writer does', async () => {
    expect(read(record)).toEqual(['signatureV2', 'data'])
    const key = keyPair('alice')
    const data = recordData({ Value: Buffer.from(`/ipfs/${signed.cid.toString()}`), Validity: Buffer.from('2028-01-15T08:00:00.000000000Z'), ValidityType: 0, Sequence: TIME, TTL: 300_000_000_000n, _mercury: signed.bytes })
    expect(record).toEqual(reduced(signRecord(data, key)))
    expect((await validateRecord(alice.id, record, { now: NOW })).bytes).toEqual(record)
  })

  it('takes validity, TTL and a higher sequence', async () => {
    const made = await validateRecord(alice.id, await createRecord(signed, alice, { now: NOW, validityMs: 1, ttlMs: 0, sequence: 2n ** 64n - 1n }), { now: NOW })
    expect(made).toMatchObject({ sequence: 2n ** 64n - 1n, ttlMs: 0, validUntil: new Date(NOW + 1) })
    expect((await validateRecord(alice.id, await createRecord(signed, alice, { now: NOW, ttlMs: 18_446_744_073_709 }), { now: NOW })).ttlMs).toBe(18_446_744_073_709)
    expect((await validateRecord(alice.id, await createRecord(signed, alice, { now: 0, validityMs: Date.parse('9999-12-31T23:59:59.999Z') }), { now: NOW })).validUntil.toISOString()).toBe('9999-12-31T23:59:59.999Z')
  })

  it.each([
    ['a sequence below the document', { sequence: BigInt(TIME - 1) }],
    ['a sequence over 64 bits', { sequence: 2n ** 64n }],
    ['a negative TTL', { ttlMs: -1 }],
    ['a TTL over 64 bits of nanoseconds', { ttlMs: 18_446_744_073_710 }],
    ['a TTL that is no number', { ttlMs: Number.NaN }],
    ['an endless TTL', { ttlMs: Number.POSITIVE_INFINITY }],
    ['a validity beyond the year 9999', { now: 0, validityMs: Date.parse('9999-12-31T23:59:59.999Z') + 1 }],
    ['a validity before the year 0', { now: 0, validityMs: Date.parse('0000-01-01T00:00:00Z') - 1 }],
    ['a validity that is no number', { validityMs: Number.NaN }],
    ['an endless validity', { validityMs: Number.POSITIVE_INFINITY }]
  ])('refuses %s', async (_, options) => {
    await expect(createRecord(signed, alice, { now: NOW, ...options })).rejects.toMatchObject({ code: 'INVALID_RECORD' })
  })

  it("refuses another owner's document, and what a broken signer signs", async () => {
    await expect(createRecord(signed, bob, { now: NOW })).rejects.toMatchObject({ code: 'INVALID_RECORD' })
    await expect(createRecord(signed, { ...alice, sign: (bytes) => mallory.sign(bytes) }, { now: NOW })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(createRecord(signed, { ...alice, sign: async () => new Uint8Array(63) }, { now: NOW })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(createRecord(signed, { ...alice, sign: async () => new Uint8Array() }, { now: NOW })).rejects.toBeInstanceOf(MercuryError)
  })

  it('hands the signal to the signer', async () => {
    const reason = new Error('changed my mind')
    await expect(createRecord(signed, alice, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('carries a document along up to 10,240 bytes of record, and leaves out one that is a byte longer', async () => {
    const make = async (bytes: number) => {
      const document = await signDocument({ 'a/b': new Uint8Array(bytes) }, alice, { seq: TIME, prev: null, time: TIME })
      return { document, record: await createRecord(document, alice, { now: NOW }) }
    }
    const room = 9_000 + 10_240 - (await make(9_000)).record.byteLength
    const fits = await make(room)
    expect(fits.record.byteLength).toBe(10_240)
    expect((await validateRecord(alice.id, fits.record, { now: NOW })).documentBytes).toEqual(fits.document.bytes)
    const doesNot = await make(room + 1)
    expect(doesNot.record.byteLength).toBeLessThan(300)
    const bare = await validateRecord(alice.id, doesNot.record, { now: NOW })
    expect(bare.documentBytes).toBeUndefined()
    expect(bare.cid.toString()).toBe(doesNot.document.cid.toString())
    expect((await validateRecord(alice.id, await createRecord(await signDocument({ 'a/b': new Uint8Array(65_000) }, alice, { seq: 1, prev: null, time: TIME }), alice, { now: NOW }), { now: NOW })).documentBytes).toBeUndefined()
  })

  it('can be had with what a reader says of it', async () => {
    const made = await createValidRecord(signed, alice, { now: NOW })
    expect(made).toEqual(await validateRecord(alice.id, record, { now: NOW }))
    await expect(createValidRecord(signed, alice, { now: NOW, validityMs: 0 })).rejects.toBeInstanceOf(RecordExpiredError)
    await expect(createValidRecord(signed, { ...alice, sign: (bytes) => mallory.sign(bytes) }, { now: NOW })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
  })

  it('is read back as it was made, whatever it says', async () => {
    const options = fc.record({ ttlMs: fc.nat(2 ** 40), validityMs: fc.integer({ min: 1, max: 2 ** 42 }), sequence: fc.bigInt({ min: BigInt(TIME), max: 2n ** 64n - 1n }), now: fc.nat(2 ** 42) })
    await fc.assert(
      fc.asyncProperty(options, async ({ ttlMs, validityMs, sequence, now }) => {
        const made = await validateRecord(alice.id, await createRecord(signed, alice, { ttlMs, validityMs, sequence, now }), { now })
        expect(made).toMatchObject({ ttlMs, sequence, validUntil: new Date(now + validityMs), validityNs: BigInt(now + validityMs) * 1_000_000n })
        expect(made.documentBytes).toEqual(signed.bytes)
      }),
      { numRuns: 100 }
    )
  })
})

describe('a record past its validity', () => {
  it('is an error that carries what is authentic, or an answer for who asks so', async () => {
    const until = NOW + 365 * DAY_MS
    expect((await validateRecord(alice.id, record, { now: until - 1 })).expired).toBe(false)
    const error = await validateRecord(alice.id, record, { now: until }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RecordExpiredError)
    expect(error).toMatchObject({ code: 'RECORD_EXPIRED', validUntil: new Date(until), record: { sequence: BigInt(TIME), expired: true, bytes: record } })
    expect((error as RecordExpiredError).record.documentBytes).toEqual(signed.bytes)
    expect(await readProfileRecord(alice.id, record, { now: until })).toEqual((error as RecordExpiredError).record)
  })

  it('is judged by the clock of this device when no other time is given', async () => {
    const long = await createRecord(signed, alice, { now: Date.now() + 60_000 })
    expect((await validateRecord(alice.id, long)).expired).toBe(false)
    await expect(validateRecord(alice.id, await createRecord(signed, alice, { validityMs: -1 }))).rejects.toBeInstanceOf(RecordExpiredError)
  })
})

describe('a record that points elsewhere', () => {
  it('is an error that carries it', async () => {
    const data = recordData({ Value: Buffer.from('/ipfs/bafkqaaa'), Validity: Buffer.from('2028-01-15T08:00:00Z'), ValidityType: 0, Sequence: 1, TTL: 0 })
    const bytes = reduced(signRecord(data, keyPair('alice')))
    const error = await validateRecord(alice.id, bytes, { now: NOW }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NotAProfileError)
    expect(error).toMatchObject({ code: 'NOT_A_PROFILE', record: { id: alice.id, bytes, sequence: 1n } })
    expect((error as Error).message).toContain('/ipfs/bafkqaaa')
  })
})

describe('what is signed', () => {
  it('is refused with any one bit flipped', async () => {
    const { signatureV2, data } = parseEnvelope(record) as { signatureV2: Uint8Array; data: Uint8Array }
    const accepted: string[] = []
    for (const [name, bytes, rebuild] of [
      ['data', data, (changed: Uint8Array) => encodeReducedEnvelope(signatureV2, changed)],
      ['signatureV2', signatureV2, (changed: Uint8Array) => encodeReducedEnvelope(changed, data)]
    ] as const) {
      for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
        const flipped = bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))
        if ((await judge(rebuild(flipped))) === 'accept') accepted.push(`${name} ${bit}`)
      }
    }
    expect(accepted).toEqual([])
  })

  it('is refused under every other name', async () => {
    await expect(validateRecord(bob.id, record, { now: NOW })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
  })
})

describe('the envelope', () => {
  const padded = fc.oneof(
    fc.tuple(fc.integer({ min: 10, max: 1_000 }), fc.uint8Array({ maxLength: 30 })).map(([number, bytes]) => protobufField(number, 2, bytes)),
    fc.tuple(fc.integer({ min: 10, max: 1_000 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map(([number, value]) => protobufField(number, 0, value)),
    fc.constantFrom(protobufField(3, 0, 1), protobufField(4, 2, Buffer.from('never')), protobufField(5, 0, 9), protobufField(6, 0, 9), protobufField(9, 0, 1), protobufField(1, 2, new Uint8Array()), protobufField(2, 2, new Uint8Array()), protobufField(7, 2, new Uint8Array())),
    fc.constantFrom(joined(protobufField(1, 0, 1), protobufField(2, 2, alice.publicKey)), joined(protobufField(2, 2, alice.publicKey), protobufField(1, 0, 1))).map((key) => protobufField(7, 2, key)),
    fc.constant(joined(protobufField(8, 3, new Uint8Array()), protobufField(9, 2, Buffer.from('data')), protobufField(8, 4, new Uint8Array())))
  )

  it('may be changed by anyone, and the reduced bytes are the same', async () => {
    const { signatureV2, data } = parseEnvelope(record) as { signatureV2: Uint8Array; data: Uint8Array }
    const judged = await validateRecord(alice.id, record, { now: NOW })
    await fc.assert(
      fc.asyncProperty(fc.array(padded, { maxLength: 6 }).chain((fields) => fc.shuffledSubarray([protobufField(8, 2, signatureV2), protobufField(9, 2, data), ...fields], { minLength: fields.length + 2 })), async (fields) => {
        expect(await validateRecord(alice.id, joined(...fields), { now: NOW })).toEqual(judged)
      }),
      { numRuns: 500 }
    )
  })

  it('is read from a Buffer that is a view, and what is read keeps none of it', async () => {
    const judged = await validateRecord(alice.id, record, { now: NOW })
    for (const input of [Uint8Array.from(record), bufferView(record)]) {
      const read = await validateRecord(alice.id, input, { now: NOW })
      expect(Buffer.compare(input, record)).toBe(0)
      input.fill(0)
      expect(read).toEqual(judged)
      for (const part of [read.bytes, read.data, read.value, read.documentBytes]) expect(Object.getPrototypeOf(part)).toBe(Uint8Array.prototype)
    }
  })

  it('is judged as it was when the judging began, whatever becomes of it meanwhile', async () => {
    const input = Uint8Array.from(record)
    const judging = validateRecord(alice.id, input, { now: NOW })
    input.fill(0)
    expect(await judging).toEqual(await validateRecord(alice.id, record, { now: NOW }))
  })

  it('names limit and size where it is too large, before it is read', async () => {
    const error = await verifyIpnsRecord(alice.id, new Uint8Array(10_241)).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LimitError)
    expect(error).toMatchObject({ limit: 'record bytes', max: 10_240, value: 10_241 })
  })

  it('answers garbage with a MercuryError and nothing else', async () => {
    const spliced = fc.tuple(fc.nat(record.byteLength), fc.nat(20), fc.uint8Array({ maxLength: 20 })).map(([at, cut, added]) => Uint8Array.from([...record.subarray(0, at), ...added, ...record.subarray(at + cut)]))
    const judged = await validateRecord(alice.id, record, { now: NOW })
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), spliced), async (bytes) => {
        if ((await judge(bytes)) === 'accept') expect(await validateRecord(alice.id, bytes, { now: NOW })).toEqual(judged)
      }),
      { numRuns: 3_000 }
    )
  })
})

const read = (bytes: Uint8Array): string[] => Object.keys(parseEnvelope(bytes))

const judge = async (bytes: Uint8Array): Promise<string> => {
  try {
    await validateRecord(alice.id, bytes, { now: NOW })
    return 'accept'
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    return error.code
  }
}
