import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { decodeCborMap, encodeCbor, type CborMap } from '../../../src/cbor.ts'
import { wordKey } from '../../../src/search/query/keys.ts'
import { buildSegment, type SegmentInput } from '../../../src/search/segment/build-segment.ts'
import { documentsOf, writeTable } from '../../../src/search/segment/document-table.ts'
import { findKeys } from '../../../src/search/segment/find-keys.ts'
import { InvalidIndexBlockError, decodeIndexBlock, encodeIndexBlock, type IndexBlock } from '../../../src/search/segment/index-block.ts'
import { parseLeaf } from '../../../src/search/segment/leaf.ts'
import { mergeSegments } from '../../../src/search/segment/merge-segments.ts'
import { readWith } from '../../../src/search/segment/read-table.ts'
import { entriesOf, numbersOf, type IndexBlockReader } from '../../../src/search/segment/segment-entries.ts'
import { decodeSegment, encodeSegment, type Segment } from '../../../src/search/segment/segment.ts'
import { deadAmong, readDead, readDeadBeside, writeDead } from '../../../src/search/segment/tombstones.ts'
import { DAG_CBOR, cidOf } from '../../../src/store/block.ts'
import '../../property-seed.ts'

/** Blocks in memory, which counts what is read of them. */
const createShelf = () => {
  const bytesByCid = new Map<string, Uint8Array>()
  let reads = 0
  const read: IndexBlockReader = async (cids) => cids.map((cid) => {
    reads++
    return decodeIndexBlock(cid, bytesByCid.get(cid.toString())!)
  })
  return {
    bytesByCid,
    read,
    get reads () {
      return reads
    },
    sink: {
      async put (bytes: Uint8Array): Promise<CID> {
        const cid = await cidOf(bytes, DAG_CBOR)
        bytesByCid.set(cid.toString(), bytes)
        return cid
      }
    }
  }
}

const digestOf = (seed: number): Uint8Array => {
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(0, Math.imul(seed, 2_654_435_761))
  new DataView(digest.buffer).setUint32(4, seed)
  return digest
}

const WORDS = ['ada', 'adam', 'li', 'lovelace', 'lovelase', 'иван', '山田', 'x', 'z']
const inputOf = (seed: number, words: readonly string[], quality: number): SegmentInput => ({ digest: digestOf(seed), quality, keys: [...new Set(words.flatMap((word) => [wordKey(word, 'name'), wordKey(word, 'tag'), wordKey(word, 'bio')]))] })
const inputs = fc.uniqueArray(fc.record({ seed: fc.nat(5_000), words: fc.subarray(WORDS, { minLength: 1 }), quality: fc.constantFrom(0, 7, 255) }), { selector: ({ seed }) => seed, minLength: 1, maxLength: 80 })
const mapOf = (segment: Segment): string => Buffer.from(encodeCbor(encodeSegment({ ...segment, dead: [] }))).toString('hex')

describe('a segment', () => {
  it('does not depend on the order in which profiles come', async () => {
    await fc.assert(fc.asyncProperty(inputs, async (people) => {
      const made = people.map(({ seed, words, quality }) => inputOf(seed, words, quality))
      const { sink } = createShelf()
      expect(mapOf(await buildSegment(made, sink))).toBe(mapOf(await buildSegment(made.toReversed(), sink)))
    }), { numRuns: 60 })
  })

  it('merged of others is, block for block, what building it of the live ones gives', async () => {
    await fc.assert(fc.asyncProperty(inputs, fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(80), { maxLength: 20 }), async (people, parts, buried) => {
      const shelf = createShelf()
      const made = people.map(({ seed, words, quality }) => inputOf(seed, words, quality))
      const dead = new Set(buried.filter((i) => i < made.length))
      const segments: Segment[] = []
      for (let part = 0; part < parts; part++) {
        const own = made.map((input, i) => ({ input, i })).filter(({ i }) => i % parts === part)
        if (own.length === 0) continue
        const segment = await buildSegment(own.map(({ input }) => input), shelf.sink)
        const all = await readWith(shelf.read, documentsOf(segment, Array.from({ length: segment.documents }, (_, number) => number)))
        const numbers = all.filter(({ digest }) => own.some(({ input, i }) => dead.has(i) && Buffer.from(input.digest).equals(digest))).map(({ number }) => number)
        segments.push(numbers.length === 0 ? segment : await writeDead(segment, await readWith(shelf.read, readDeadBeside(segment, numbers)), shelf.sink))
      }
      const merged = await mergeSegments(await Promise.all(segments.map(async (segment) => ({ segment, dead: await readWith(shelf.read, readDead(segment)) }))), shelf.read, shelf.sink)
      const live = made.filter((_, i) => !dead.has(i))
      if (live.length === 0) {
        expect(merged).toBeUndefined()
        return
      }
      const fresh = createShelf()
      const built = await buildSegment(live, fresh.sink)
      expect(mapOf(merged!)).toBe(mapOf(built))
      for (const cid of fresh.bytesByCid.keys()) expect(shelf.bytesByCid.has(cid)).toBe(true)
    }), { numRuns: 80 })
  })

  it.each([1, 32, 33, 512, 513, 5_000])('of %d profiles gives each number its document, and each key its profiles, best first', async (count) => {
    const shelf = createShelf()
    const made = Array.from({ length: count }, (_, i) => inputOf(i, i % 3 === 0 ? ['ada', `w${i % 40}`] : ['li', `w${i}`], i % 5))
    const segment = await buildSegment(made, shelf.sink)
    const ranked = made.toSorted((a, b) => b.quality - a.quality || Buffer.compare(a.digest, b.digest))
    const documents = await readWith(shelf.read, documentsOf(segment, ranked.map((_, number) => number)))
    expect(documents.every(({ digest, quality }, number) => Buffer.from(ranked[number]!.digest).equals(digest) && quality === ranked[number]!.quality)).toBe(true)
    for (const key of ['ada\u0000n', 'li\u0000t', 'w7\u0000b', 'nobody\u0000n']) {
      const [entry] = await readWith(shelf.read, findKeys(segment, [key]))
      const expected = ranked.flatMap(({ keys }, number) => (keys.includes(key) ? [number] : []))
      expect(entry ? [...(await numbersOf(segment, entry, shelf.read))] : []).toEqual(expected)
      expect(entry?.documents ?? 0).toBe(expected.length)
    }
    const all = (await Array.fromAsync(entriesOf(segment, shelf.read))).map(({ key }) => key)
    expect(all).toEqual([...new Set(all)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
  })

  it('takes one block for each level of its tree, however many keys are looked up together', async () => {
    const shelf = createShelf()
    const segment = await buildSegment(Array.from({ length: 20_000 }, (_, i) => inputOf(i, [`word${i}`], 1)), shelf.sink)
    const levels = segment.keys.data[1]!
    const before = shelf.reads
    const reading = findKeys(segment, ['word500\u0000n', 'word500\u0000t', 'word500\u0000b'])
    let rounds = 0
    for (let step = reading.next(); !step.done; step = reading.next(await shelf.read(step.value.map(({ cid }) => cid)))) rounds++
    expect([rounds, shelf.reads - before]).toEqual([levels, levels])
  })
})

describe('a table of documents', () => {
  it.each([
    [512, 1],
    [513, 2],
    [65_536, 2],
    [65_537, 3],
    [70_000, 3]
  ])('of %d is %d levels of nodes high, and has every number at the edges of its leaves and nodes', async (documents, levels) => {
    const shelf = createShelf()
    const qualities = new Uint8Array(documents).fill(9)
    const digests = new Uint8Array(documents * 32)
    for (let number = 0; number < documents; number++) digests.set(digestOf(number), number * 32)
    const table = await writeTable(digests, qualities, shelf.sink)
    const cid = await shelf.sink.put(encodeIndexBlock(table))
    const segment = { documents, table: { cid, ...table } } as Segment
    const edges = [32, 4_096, 32_768, 65_536, documents].flatMap((edge) => [edge - 1, edge]).filter((number) => number < documents)
    const reading = documentsOf(segment, [0, ...edges])
    let rounds = 0
    let step = reading.next()
    for (; !step.done; step = reading.next(await shelf.read(step.value.map(({ cid }) => cid)))) rounds++
    expect(rounds).toBe(levels)
    expect(step.value.map(({ number, digest }) => [number, digest])).toEqual([0, ...edges].map((number) => [number, digestOf(number)]))
  })
})

describe('a leaf', () => {
  const leaf = async (): Promise<{ block: IndexBlock; documents: number }> => {
    const shelf = createShelf()
    const segment = await buildSegment(Array.from({ length: 40 }, (_, i) => inputOf(i, ['ada', 'lovelace', `w${i % 4}`], i % 3)), shelf.sink)
    return { block: (await shelf.read([segment.keys.links[0]!]))[0]!, documents: segment.documents }
  }

  it('is refused, naming it, when it is cut short at any byte', async () => {
    const { block, documents } = await leaf()
    for (let length = 0; length < block.data.byteLength; length++) {
      expect(() => parseLeaf({ ...block, data: block.data.slice(0, length) }, documents), `at ${length}`).toThrow(InvalidIndexBlockError)
    }
  })

  it('is refused or sound, whatever bytes of it are changed', async () => {
    const { block, documents } = await leaf()
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(block.data.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (edits) => {
      const data = Uint8Array.from(block.data)
      for (const [at, value] of edits) data[at] = value
      let entries
      try {
        entries = parseLeaf({ ...block, data }, documents)
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidIndexBlockError)
        return
      }
      for (const { documents: count, hits, postings } of entries) {
        expect(count).toBeLessThanOrEqual(Math.max(documents, 64))
        for (const { number } of hits) expect(number).toBeLessThan(documents)
        if (postings.kind === 'listed') expect(postings.numbers.every((number, i, all) => number < documents && (i === 0 || number > all[i - 1]!))).toBe(true)
      }
    }), { numRuns: 2_000 })
  })

  it('is refused for links that it does not use, and for profiles that the segment does not have', async () => {
    const { block, documents } = await leaf()
    expect(() => parseLeaf({ ...block, links: [block.cid] }, documents)).toThrow(/links that no entry uses/)
    expect(() => parseLeaf({ ...block, data: Uint8Array.from(block.data) }, 3)).toThrow(InvalidIndexBlockError)
  })
})

describe('blocks that two places share', () => {
  /** Each block decoded once, as the source of a query does. */
  const readOnce = (read: IndexBlockReader): IndexBlockReader => {
    const known = new Map<string, IndexBlock>()
    return async (cids) => Promise.all(cids.map(async (cid) => {
      const name = cid.toString()
      if (!known.has(name)) known.set(name, (await read([cid]))[0]!)
      return known.get(name)!
    }))
  }

  it('keep the dead of two slices apart that lie alike in them', async () => {
    const shelf = createShelf()
    const segment = await buildSegment(Array.from({ length: 40_000 }, (_, i) => inputOf(i, ['ada'], 1)), shelf.sink)
    const dead = await writeDead(segment, await readWith(shelf.read, readDeadBeside(segment, [5, 32_773])), shelf.sink)
    expect(dead.dead[0]!.cid.equals(dead.dead[1]!.cid)).toBe(true)
    const read = readOnce(shelf.read)
    expect(await readWith(read, deadAmong(dead, [5, 32_773, 6]))).toEqual([true, true, false])
    const more = await writeDead(dead, await readWith(read, readDeadBeside(dead, [6, 39_000])), shelf.sink)
    expect([...await readWith(read, readDead(more))]).toEqual([5, 6, 32_773, 39_000])
  })

  it('are a leaf to each segment only within its own number of profiles', async () => {
    const shelf = createShelf()
    const segment = await buildSegment(Array.from({ length: 100 }, (_, i) => inputOf(i, ['ada'], 1)), shelf.sink)
    const read = readOnce(shelf.read)
    await readWith(read, findKeys(segment, ['ada\u0000n']))
    await expect(readWith(read, findKeys({ ...segment, documents: 40 }, ['ada\u0000n']))).rejects.toThrow(InvalidIndexBlockError)
  })
})

describe('a segment that stands in a manifest', () => {
  const encoded = async (): Promise<{ map: CborMap; cid: CID }> => {
    const shelf = createShelf()
    const segment = await buildSegment(Array.from({ length: 600 }, (_, i) => inputOf(i, ['ada'], 1)), shelf.sink)
    const dead = await writeDead(segment, await readWith(shelf.read, readDeadBeside(segment, [1, 5])), shelf.sink)
    const bytes = encodeCbor(encodeSegment(dead))
    return { map: decodeCborMap(bytes), cid: await cidOf(bytes, DAG_CBOR) }
  }

  it('is read as it was written', async () => {
    const { map, cid } = await encoded()
    expect(encodeSegment(decodeSegment(map, cid))).toEqual(map)
  })

  it.each([
    ['documents', 0], ['documents', 2 ** 23], ['documents', 'many'], ['keys', undefined], ['keys', { data: Uint8Array.of(3), links: [] }], ['keys', { data: Uint8Array.of(2, 1), links: ['x'] }],
    ['keys', { data: Uint8Array.of(2, 1), links: [], more: 1 }], ['table', { data: Uint8Array.of(5, 1), links: [], more: 1 }], ['table', 7], ['dead', undefined], ['dead', [[0, 0, null]]], ['dead', [[9, 1, null]]], ['dead', [[0, 700, null]]], ['more', 1]
  ])('is refused for %s being %j', async (key, value) => {
    const { map, cid } = await encoded()
    const changed = Object.fromEntries(Object.entries({ ...map, [key]: value }).filter(([, each]) => each !== undefined)) as CborMap
    expect(() => decodeSegment(changed, cid)).toThrow(InvalidIndexBlockError)
  })
})
