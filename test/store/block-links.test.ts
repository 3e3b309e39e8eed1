import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { DAG_CBOR, DAG_PB, RAW, cidOf } from '../../src/store/block.ts'
import { linksOf } from '../../src/store/block-links.ts'

const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((text) => cidOf(utf8(text), RAW))) as [CID, CID, CID]
const of = (code: number): CID => CID.createV1(code, createDigest(0x12, new Uint8Array(32)))

it('finds the links of dag-cbor at any depth, in order, repeated ones too', () => {
  const bytes = encodeCbor({ a: [b, { deep: [[a]] }], b: a, bytes: c.bytes, c: null, text: c.toString() })
  expect(linksOf(of(DAG_CBOR), bytes).map(String)).toEqual([b, a, a].map(String))
  expect(linksOf(of(DAG_CBOR), encodeCbor(c)).map(String)).toEqual([String(c)])
})

it('finds the links of dag-pb', () => {
  const bytes = dagPb.encode(dagPb.prepare({ Data: utf8('data'), Links: [{ Name: 'b', Hash: b }, { Name: 'a', Hash: a }] }))
  expect(linksOf(of(DAG_PB), bytes).map(String)).toEqual([a, b].map(String))
})

it('takes raw blocks and keys for leaves', () => {
  expect(linksOf(of(RAW), encodeCbor([a]))).toEqual([])
  expect(linksOf(of(0x72), encodeCbor([a]))).toEqual([])
})

it('refuses what it cannot read rather than to lose links', () => {
  expect(() => linksOf(of(0x0129), utf8('{}'))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  expect(() => linksOf(of(DAG_CBOR), utf8('{}'))).toThrow(expect.objectContaining({ code: 'INVALID_CBOR' }))
  expect(() => linksOf(of(DAG_PB), utf8('{}'))).toThrow(expect.objectContaining({ code: 'INVALID_BLOCK' }))
})
