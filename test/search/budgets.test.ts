import { beforeAll, describe, expect, it } from 'vitest'
import { buildIndex, type BuiltIndex } from '../../bench/search/built-index.ts'
import { measureCold, shareOfCosts, type ColdCosts } from '../../bench/search/cold.ts'
import type { QueryShape } from '../../bench/search/common-queries.ts'
import { createBlockSource } from '../../src/search/engine/block-source.ts'
import { openHitStream } from '../../src/search/engine/hit-stream.ts'
import { parseQuery, type QueryFilters } from '../../src/search/query/query.ts'

/** A fixed set: what a query costs is the same in every run, so a change that makes it dearer is seen. Bounds are what was measured and a tenth. */
const PROFILES = 20_000
const KIB = 1_024

let index: BuiltIndex
beforeAll(async () => { index = await buildIndex(PROFILES) }, 120_000)

describe('a cold query, its manifest and ten documents included', () => {
  let costs: ColdCosts
  let levels: ColdCosts
  beforeAll(async () => {
    costs = await measureCold(index)
    levels = await measureCold(await buildIndex(PROFILES, { documents: index.documents, levels: [4_000, 500] }))
  }, 240_000)

  const share = (of: ColdCosts, shape: QueryShape, part: number) => ({
    kib: shareOfCosts(of, shape, ({ bytes }) => bytes / KIB, part),
    blocks: shareOfCosts(of, shape, ({ blocks }) => blocks, part),
    rounds: shareOfCosts(of, shape, ({ rounds }) => rounds, part)
  })

  it.each([
    ['one word', 0.5, { kib: 42, blocks: 15, rounds: 4 }],
    ['one word', 0.9, { kib: 52, blocks: 22, rounds: 6 }],
    ['beginning of a word', 0.5, { kib: 41, blocks: 17, rounds: 4 }],
    ['beginning of a word', 0.9, { kib: 56, blocks: 24, rounds: 6 }],
    ['two words', 0.5, { kib: 42, blocks: 9, rounds: 4 }],
    ['two words', 0.9, { kib: 62, blocks: 18, rounds: 6 }],
    ['misspelled word', 0.5, { kib: 46, blocks: 14, rounds: 5 }],
    ['misspelled word', 0.9, { kib: 61, blocks: 22, rounds: 6 }],
    ['two words, one misspelled', 0.5, { kib: 72, blocks: 16, rounds: 7 }],
    ['two words, one misspelled', 0.9, { kib: 94, blocks: 20, rounds: 8 }]
  ] as const)('of %s takes little, %d of them', (shape, part, bound) => {
    const cost = share(costs, shape, part)
    expect(cost.kib).toBeLessThanOrEqual(bound.kib)
    expect(cost.blocks).toBeLessThanOrEqual(bound.blocks)
    expect(cost.rounds).toBeLessThanOrEqual(bound.rounds)
  })

  it('is not stopped by a limit, over three segments neither', () => {
    for (const of of [costs, levels]) expect([...of.ours.values()].flat().filter(({ stopped }) => stopped)).toEqual([])
    expect(share(levels, 'one word', 0.9).kib).toBeLessThanOrEqual(112)
    expect(share(levels, 'two words', 0.9).kib).toBeLessThanOrEqual(128)
    expect(share(levels, 'misspelled word', 0.9).kib).toBeLessThanOrEqual(128)
  })
})

const costOf = async (text: string, filters: QueryFilters = {}) => {
  const source = createBlockSource({ blocks: index.blocks.store, verify: 'hash', maxBlocks: 1_000 })
  const hits = await openHitStream({ segments: index.segments, query: parseQuery(text, filters), source, head: 'head' }).take(10)
  return { hits: hits.length, ...source.work }
}

it.each([
  ['a tag', '', { tags: ['chess'] }, { hits: 10, blocks: 13, rounds: 3, bytes: 21 * KIB }],
  ['a word and a tag', 'maria', { tags: ['chess'] }, { hits: 5, blocks: 31, rounds: 9, bytes: 112 * KIB }],
  ['near a city', '', { near: { lat: 48.8566, lon: 2.3522, radiusMetres: 30_000 } }, { hits: 10, blocks: 28, rounds: 6, bytes: 43 * KIB }],
  ['a kind', '', { kind: 'home' }, { hits: 10, blocks: 23, rounds: 6, bytes: 34 * KIB }],
  ['a word and what it is short for', 'peggy', {}, { hits: 10, blocks: 60, rounds: 7, bytes: 100 * KIB }]
] as const)('a query by %s is bounded', async (_, text, filters, bound) => {
  const cost = await costOf(text, filters as QueryFilters)
  expect(cost.hits).toBeGreaterThanOrEqual(bound.hits)
  expect(cost.blocks).toBeLessThanOrEqual(bound.blocks)
  expect(cost.rounds).toBeLessThanOrEqual(bound.rounds)
  expect(cost.bytes).toBeLessThanOrEqual(bound.bytes)
})

it('takes no more than a dozen blocks for ten hits of a word that many have, and reads no posting', async () => {
  index.blocks.reset()
  const { hits, rounds } = await costOf('maria')
  expect([hits, rounds]).toEqual([10, 3])
  expect(index.blocks.reads.postingBytes).toBe(0)
})
