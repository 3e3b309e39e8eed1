import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { compareRecords, readProfileRecord, selectRecord, type ProfileRecord } from '../../src/naming/record.ts'
import { blockCid, encode, joined, keyPair, protobufField, recordData, reduced, signRecord } from '../vectors/forge.ts'
import { readFrozen, unhex } from '../vectors/frozen.ts'
import type { SelectionCase } from '../vectors/make-record.ts'
import { unpackBytes } from '../vectors/packed-bytes.ts'
import { NOW, alice } from '../profile/cast.ts'

const key = keyPair('alice')
/** Few values for each field, so that all of the ties come up. */
const signed = (sequence: bigint, validity: string, ttl: number, block: number): Uint8Array =>
  reduced(signRecord(recordData({ Value: Buffer.from(`/ipfs/${blockCid(encode(block)).toString()}`), Validity: Buffer.from(validity), ValidityType: 0, Sequence: sequence, TTL: ttl }), key))
const records: Uint8Array[] = []
for (const sequence of [0n, 2n ** 53n, 2n ** 64n - 1n]) {
  for (const validity of ['2020-01-01T00:00:00Z', '2028-01-01T00:00:00Z', '2028-01-01T00:00:00.0Z', '2028-01-01T00:00:00.000000001Z']) {
    for (const ttl of [0, 1]) for (const block of [1, 2]) records.push(signed(sequence, validity, ttl, block))
  }
}
// One set of data with two signatures, which only the owner can make.
records.push(...readFrozen<{ selections: SelectionCase[] }>('record').selections.find(({ name }) => name.startsWith('the same data signed twice'))!.records.map(unpackBytes))

const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.constantFrom(
    new Uint8Array(10_241),
    reduced(signRecord(recordData({ Value: Buffer.from('/ipfs/bafkqaaa'), Validity: Buffer.from('2028-01-01T00:00:00Z'), ValidityType: 0, Sequence: 2n ** 64n - 1n, TTL: 0 }), key)),
    reduced(signRecord(recordData({ Value: Buffer.from('/ipfs/x'), Validity: Buffer.from('2028-01-01T00:00:00Z'), ValidityType: 0, Sequence: -1, TTL: 0 }), key)),
    reduced(signRecord(recordData({ Value: Buffer.from('/ipfs/x'), Validity: Buffer.from('2028-01-01T00:00:00Z'), ValidityType: 0, Sequence: 'zzz', TTL: 0 }), key)),
    reduced(signRecord(recordData({ Value: Buffer.from(`/ipfs/${blockCid(encode(1)).toString()}`), Validity: Buffer.from('2028-01-01T00:00:00Z'), ValidityType: 0, Sequence: 2n ** 64n - 1n, TTL: 0 }), keyPair('mallory'))),
    unhex('ff')
  )
)
const altered = (bytes: Uint8Array, value: bigint): Uint8Array => joined(protobufField(15, 0, value), bytes, protobufField(5, 0, value))

let read: ProfileRecord[]
beforeAll(async () => {
  read = await Promise.all(records.map((bytes) => readProfileRecord(alice.id, bytes, { now: NOW })))
})

describe('compareRecords', () => {
  it('is a total order: antisymmetric, transitive, and 0 for the same bytes only', () => {
    const order = read.map((a) => read.map((b) => Math.sign(compareRecords(a, b))))
    for (let a = 0; a < read.length; a++) {
      for (let b = 0; b < read.length; b++) {
        expect(order[a]![b]! + order[b]![a]!).toBe(0)
        expect(order[a]![b] === 0).toBe(Buffer.compare(read[a]!.bytes, read[b]!.bytes) === 0)
        for (let c = 0; c < read.length; c++) if (order[a]![b]! <= 0 && order[b]![c]! <= 0) expect(order[a]![c]).toBeLessThanOrEqual(0)
      }
    }
  })

  it('goes by sequence, then by the instant of validity, then by data, then by signature', () => {
    const sorted = read.toSorted(compareRecords)
    const key = ({ sequence, validityNs, data, bytes }: ProfileRecord): string => `${String(sequence).padStart(20, '0')} ${String(validityNs).padStart(20, '0')} ${Buffer.from(data).toString('hex')} ${Buffer.from(bytes).toString('hex')}`
    expect(sorted.map(key)).toEqual(read.map(key).sort())
  })

  it('does not ask whether a record has expired', () => {
    const expired = read.filter((record) => record.expired)
    expect(expired.length).toBeGreaterThan(0)
    expect(expired.some((record) => read.some((valid) => !valid.expired && compareRecords(record, valid) > 0))).toBe(true)
  })
})

describe('selectRecord', () => {
  const subset = fc.shuffledSubarray([...records.keys()], { minLength: 1, maxLength: 8 })

  it('finds the greatest, whatever the order of arrival, among garbage, duplicates and altered envelopes', async () => {
    await fc.assert(
      fc.asyncProperty(subset, fc.array(garbage, { maxLength: 6 }), fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 4 }), fc.infiniteStream(fc.nat()), async (chosen, rubbish, alterations, shuffle) => {
        const greatest = chosen.map((i) => read[i]!).toSorted(compareRecords).at(-1)!
        const doubles = alterations.map((value, i) => altered(records[chosen[i % chosen.length]!]!, value))
        const arrivals = [...chosen.map((i) => records[i]!), ...doubles, ...rubbish].map((bytes) => ({ bytes, at: shuffle.next().value as number })).sort((a, b) => a.at - b.at)
        const best = await selectRecord(alice.id, arrivals.map(({ bytes }) => bytes), { now: NOW })
        expect(best?.bytes).toEqual(greatest.bytes)
      }),
      { numRuns: 150 }
    )
  })

  it('finds nothing in garbage, and never throws', async () => {
    await fc.assert(fc.asyncProperty(fc.array(garbage, { maxLength: 10 }), async (rubbish) => (await selectRecord(alice.id, rubbish, { now: NOW })) === undefined), { numRuns: 200 })
  })

  it('takes 64 records, and refuses one more by limit and number', async () => {
    expect((await selectRecord(alice.id, Array.from({ length: 64 }, () => records[0]!), { now: NOW }))?.bytes).toEqual(records[0])
    await expect(selectRecord(alice.id, Array.from({ length: 65 }, () => records[0]!), { now: NOW })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', max: 64, value: 65 })
  })
})
