import type { KadDHT, SelectFn, ValidateFn } from '@libp2p/kad-dht'
import { Record } from '@libp2p/kad-dht'
import { MemoryBlockstore } from 'blockstore-core'
import { Key, type Datastore } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { concat } from 'uint8arrays'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createHeliaLight } from 'helia'
import { ipns } from '@helia/ipns'
import { utf8 } from '../../src/bytes.ts'
import { guardRecords, readOwnRecord, routingKeyOf } from '../../src/adapters/helia/dht-records.ts'
import { openHeliaNode, type HeliaNode } from '../../src/adapters/helia/node.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { MAX_RECORD_BYTES } from '../../src/limits.ts'
import { encodeReducedEnvelope } from '../../src/naming/envelope.ts'
import { signProfile } from '../signed-profile.ts'

let validate: ValidateFn
let select: SelectFn
let datastore: Datastore

const now = Date.now()
const older = await signProfile({ seq: 1, now })
const newer = await signProfile({ seq: 2, now })
const longer = await signProfile({ seq: 2, now: now + 1_000 })
const expired = await signProfile({ seq: 3, now: now - 10_000, validityMs: 5_000 })
const other = await signProfile({ seed: 2, seq: 9, now })
const key = routingKeyOf(older.signer.id)

/** A record of the same key that points to a folder, as an IPNS user without a profile has it. */
const ofFolder = await (async () => {
  const data = encodeCbor({ Value: utf8('/ipfs/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'), Validity: utf8('2100-01-01T00:00:00Z'), ValidityType: 0, Sequence: 1, TTL: 1 })
  return encodeReducedEnvelope(await older.signer.sign(concat([utf8('ipns-signature:'), data])), data)
})()

const hold = async (record: Uint8Array): Promise<void> => {
  await datastore.put(new Key(`/dht/record/${base32.encode(key).slice(1)}`, false), new Record(key, record, new Date()).serialize())
}

/** The same record with a field before it that nobody knows. */
const altered = (record: Uint8Array): Uint8Array => concat([Uint8Array.of(0x7a, 3, 1, 2, 3), record])

beforeEach(() => {
  datastore = createHeliaLight({ blockstore: new MemoryBlockstore() }).datastore
  const dht = guardRecords({ validators: {}, selectors: {} } as unknown as KadDHT, datastore)
  validate = dht.validators.ipns!
  select = dht.selectors.ipns!
})

describe('the validator', () => {
  test('takes an authentic record, also one that does not point to a profile', async () => {
    await validate(key, older.record)
    await validate(key, altered(older.record))
    await validate(key, ofFolder)
  })

  test.each<[string, () => Uint8Array, string]>([
    ['garbage', () => utf8('garbage'), 'INVALID_RECORD'],
    ['nothing', () => new Uint8Array(), 'INVALID_RECORD'],
    ["somebody else's", () => other.record, 'INVALID_SIGNATURE'],
    ['a forged', () => Uint8Array.from(older.record, (byte, i) => (i === 9 ? byte ^ 1 : byte)), 'INVALID_SIGNATURE'],
    ['an expired', () => expired.record, 'RECORD_REFUSED'],
    ['an oversized', () => concat([Uint8Array.of(0x7a, 0x80, 0x50), new Uint8Array(MAX_RECORD_BYTES), older.record]), 'LIMIT_EXCEEDED']
  ])('refuses %s record', async (_, record, code) => {
    await expect(validate(key, record())).rejects.toMatchObject({ code })
  })

  test('refuses names that are not Ed25519 keys', async () => {
    await expect(validate(concat([utf8('/ipns/'), Uint8Array.of(0x12, 32), new Uint8Array(32)]), older.record)).rejects.toMatchObject({ code: 'INVALID_PROFILE_ID' })
  })

  test('refuses what is older than the held record, takes the same and a newer one', async () => {
    await hold(newer.record)
    await expect(validate(key, older.record)).rejects.toMatchObject({ code: 'RECORD_REFUSED' })
    await validate(key, newer.record)
    await validate(key, longer.record)
  })

  test('refuses an altered envelope over the reduced one, takes the reduced one over an altered one', async () => {
    await hold(newer.record)
    await expect(validate(key, altered(newer.record))).rejects.toMatchObject({ code: 'RECORD_REFUSED' })
    await hold(altered(newer.record))
    await validate(key, newer.record)
  })

  test('does not let a held record that is garbage or expired stand in the way', async () => {
    await hold(utf8('garbage'))
    await validate(key, older.record)
    await hold(expired.record)
    await validate(key, older.record)
  })
})

describe('the selector', () => {
  test('chooses the best whatever the order, and never throws', async () => {
    const garbage = utf8('garbage')
    for (const values of [[garbage, older.record, longer.record, other.record, newer.record], [longer.record, garbage, older.record], [older.record, altered(longer.record), longer.record, new Uint8Array()]]) {
      for (const ordered of [values, values.toReversed()]) expect(ordered[await select(key, ordered)]).toBe(longer.record)
    }
    expect(await select(key, [garbage, garbage])).toBe(0)
  })
})

describe('on a running node', () => {
  let node: HeliaNode
  beforeAll(async () => { node = await openHeliaNode({ allowPrivate: true }) })
  afterAll(async () => node.close())

  test('the rules stay when @helia/ipns puts its own in their place', async () => {
    const { dht } = node.helia.libp2p.services
    ipns(node.helia)
    await expect(dht.validators.ipns!(key, expired.record)).rejects.toMatchObject({ code: 'RECORD_REFUSED' })
    expect(await dht.selectors.ipns!(key, [utf8('garbage'), newer.record])).toBe(1)
  })

  test('the own record is found where kad-dht keeps it', async () => {
    expect(await readOwnRecord(node.helia.datastore, key)).toBeUndefined()
    const signal = AbortSignal.timeout(50)
    await expect((async () => { for await (const _ of node.helia.libp2p.services.dht.put(key, newer.record, { signal })); })()).rejects.toThrow()
    expect(await readOwnRecord(node.helia.datastore, key)).toEqual(newer.record)
  })
})
