import { expect, it } from 'vitest'
import { createBlockSource, runReading, type BlockSource } from '../../../src/search/engine/block-source.ts'
import { Conjunction } from '../../../src/search/engine/conjunction.ts'
import { openHitStream } from '../../../src/search/engine/hit-stream.ts'
import { SegmentKeys } from '../../../src/search/engine/segment-keys.ts'
import { wordKey } from '../../../src/search/query/keys.ts'
import { parseQuery } from '../../../src/search/query/query.ts'
import { buildSegment } from '../../../src/search/segment/build-segment.ts'
import { encodeIndexBlock } from '../../../src/search/segment/index-block.ts'
import { DAG_CBOR, cidOf, putBlock } from '../../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../../src/store/hash-store.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { buildIndex, evaluate, nameOfHit, smallPeople } from './small-index.ts'

const openOver = (index: Awaited<ReturnType<typeof buildIndex>>, text: string, source: BlockSource, cursor?: string) =>
  openHitStream({ segments: index.segments, query: parseQuery(text), source, head: 'head', ...(cursor === undefined ? {} : { cursor }) })

it('gives what the limit of blocks has room for when a page would take more, and goes on from there', async () => {
  const index = await buildIndex(smallPeople(3_000), { segments: 3 })
  for (const text of ['ada', 'ada li', 'lovelace', 'chess ada']) {
    const found: string[] = []
    let cursor: string | undefined
    do {
      const stream = openOver(index, text, createBlockSource({ blocks: index.blocks, verify: 'hash' }), cursor)
      const hits = await stream.take(100)
      if (cursor === undefined) expect(hits.length, text).toBeGreaterThan(50)
      found.push(...hits.map(nameOfHit))
      cursor = stream.cursor()
    } while (cursor !== undefined && found.length < 250)
    expect(found, text).toEqual(evaluate(index.live, parseQuery(text)).slice(0, found.length))
  }
})

it('loses no hit when a read fails and the caller asks again', async () => {
  const index = await buildIndex(smallPeople(600), { segments: 3 })
  for (const text of ['ada', 'ada li', 'chess ada', 'liddel']) {
    const expected = evaluate(index.live, parseQuery(text))
    for (let failing = 1; failing <= 12; failing++) {
      const source = createBlockSource({ blocks: index.blocks, verify: 'hash', maxBlocks: 10_000 })
      let reads = 0
      const stream = openOver(index, text, {
        work: source.work,
        read: async (needs, options) => {
          if (++reads === failing) throw new Error('the network is down')
          return source.read(needs, options)
        }
      })
      const found: string[] = []
      let failures = 0
      for (let ended = false; !ended;) {
        try {
          const hits = await stream.take(7)
          found.push(...hits.map(nameOfHit))
          ended = hits.length < 7
        } catch {
          failures++
        }
      }
      expect(failures).toBeLessThanOrEqual(1)
      expect(found, `${text}, read ${failing} fails`).toEqual(expected)
    }
  }
})

it('gives a profile once that an index lists twice, and counts it', async () => {
  const index = await buildIndex(smallPeople(50))
  const [segment] = index.segments
  const stream = openOver({ ...index, segments: [segment!, segment!] }, 'ada li', createBlockSource({ blocks: index.blocks, verify: 'hash' }))
  const hits = await stream.take(100)
  expect(hits.map(nameOfHit)).toEqual(evaluate(index.live, parseQuery('ada li')))
  expect(stream.report.dropped.misScored).toBe(hits.length)
})

it('asks for no more once the blocks of a round are over the limit of bytes', async () => {
  const memory = createHashStore(createMemoryStore())
  const needs = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const data = new Uint8Array(65_000)
    data.set([3, i])
    return { cid: await putBlock(memory, encodeIndexBlock({ data, links: [] }), DAG_CBOR), as: 'index' as const }
  }))
  let given = 0
  const blocks: HashStore = {
    ...memory,
    async get (cid, { signal } = {}) {
      await new Promise((resolve) => setTimeout(resolve, needs.findIndex((need) => need.cid.equals(cid)) * 5))
      signal?.throwIfAborted()
      given++
      return memory.get(cid)
    }
  }
  const source = createBlockSource({ blocks, verify: 'hash' })
  await expect(source.read(needs)).rejects.toThrow('limit of bytes')
  expect(given).toBeLessThan(40)
})

it('reads of a frequent word only what a rare one beside it makes likely to be needed', async () => {
  const blocks = createHashStore(createMemoryStore())
  const [rare, frequent, other] = [wordKey('rare', 'name'), wordKey('frequent', 'tag'), wordKey('other', 'bio')]
  const inputs = await Promise.all(Array.from({ length: 60_000 }, async (_, i) => {
    const { multihash: { digest } } = await cidOf(Uint8Array.of(i, i >> 8, i >> 16), DAG_CBOR)
    return { digest, quality: 0, keys: [wordKey('everybody', 'name'), ...(digest[31]! < 3 ? [rare] : []), ...(digest[30]! < 100 ? [frequent] : []), ...(digest[29]! < 100 ? [other] : [])] }
  }))
  const segment = await buildSegment(inputs, { put: (bytes) => putBlock(blocks, bytes, DAG_CBOR) })
  const keys = new SegmentKeys(segment)
  const source = createBlockSource({ blocks, verify: 'hash' })
  await runReading(keys.find([rare, frequent, other]), source)
  const before = source.work.blocks
  const scan = new Conjunction(segment, [rare, frequent, other].map((key) => [keys.numbers(key)!]), -1)
  const first = [...await runReading(scan.more(5), source)]
  expect(first.length).toBeGreaterThanOrEqual(5)
  expect(source.work.blocks - before).toBeLessThanOrEqual(7)
  while (!scan.ended) first.push(...await runReading(scan.more(5), source))
  const ranked = inputs.toSorted((a, b) => Buffer.compare(a.digest, b.digest))
  expect(first).toEqual([...ranked.keys()].filter((number) => [rare, frequent, other].every((key) => ranked[number]!.keys.includes(key))))
})
