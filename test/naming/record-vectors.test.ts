import { describe, expect, it } from 'vitest'
import { MercuryError } from '../../src/errors.ts'
import { parseProfileId } from '../../src/identity/profile-id.ts'
import { NotAProfileError, RecordExpiredError, readProfileRecord, selectRecord, validateRecord, verifyIpnsRecord, type IpnsRecord, type ProfileRecord } from '../../src/naming/record.ts'
import { frozenText, hex, readFrozen, renderFrozen } from '../vectors/frozen.ts'
import { recordVectors, type RecordCase, type SelectionCase } from '../vectors/make-record.ts'
import { unpackBytes } from '../vectors/packed-bytes.ts'

const { cases, selections } = readFrozen<{ cases: RecordCase[]; selections: SelectionCase[] }>('record')

describe('record.json', () => {
  it.each(cases)('$name: $verdict', async ({ id, now, bytes, verdict, authentic }) => {
    const name = parseProfileId(id)
    const outcome = await validateRecord(name, unpackBytes(bytes), { now }).then((record) => ({ verdict: 'accept', record }), outcomeOf)
    expect(outcome.verdict).toBe(verdict)
    expect(outcome.record && describeRecord(outcome.record)).toEqual(authentic && { ...authentic, reduced: hex(unpackBytes(authentic.reduced)), value: hex(unpackBytes(authentic.value)) })
    if (outcome.record) {
      // What is stored and passed on is judged as what came in, at every level.
      expect(await verifyIpnsRecord(name, outcome.record.bytes)).toMatchObject({ id, bytes: outcome.record.bytes })
      expect((await validateRecord(name, outcome.record.bytes, { now }).then(() => ({ verdict: 'accept' }), outcomeOf)).verdict).toBe(verdict)
      if (verdict !== 'NOT_A_PROFILE') expect((await readProfileRecord(name, unpackBytes(bytes), { now })).expired).toBe(verdict === 'RECORD_EXPIRED')
    }
  })

  it.each(selections)('$name', async ({ id, now, records, best }) => {
    const selected = await selectRecord(parseProfileId(id), records.map(unpackBytes), { now })
    const wanted = best === null ? undefined : (await readProfileRecord(parseProfileId(id), unpackBytes(records[best]!), { now })).bytes
    expect(selected?.bytes).toEqual(wanted)
  })

  it('is still what its script makes, byte for byte', () => {
    expect(renderFrozen(recordVectors())).toBe(frozenText('record'))
  })
})

const outcomeOf = (error: unknown): { verdict: string; record?: IpnsRecord } => {
  if (!(error instanceof MercuryError)) throw error
  return { verdict: error.code, ...(error instanceof NotAProfileError || error instanceof RecordExpiredError ? { record: error.record } : {}) }
}

const describeRecord = (record: IpnsRecord | ProfileRecord): unknown => ({
  reduced: hex(record.bytes),
  value: hex(record.value),
  sequence: String(record.sequence),
  validityNs: String(record.validityNs),
  ttlMs: record.ttlMs,
  ...('cid' in record ? { cid: record.cid.toString(), inline: record.documentBytes !== undefined } : {})
})
