import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { concat } from 'uint8arrays'
import { MercuryError } from '../../../src/errors.ts'
import type { Signer } from '../../../src/identity/signer.ts'
import { createBlockCache } from '../../../src/search/engine/block-cache.ts'
import type { Hit } from '../../../src/search/engine/search-answer.ts'
import { searchIndexes } from '../../../src/search/federation/search-indexes.ts'
import { publishedSource } from '../../../src/search/federation/sources.ts'
import { auditIndex } from '../../../src/search/published/audit.ts'
import { encodeCoverage } from '../../../src/search/published/coverage.ts'
import { signManifest } from '../../../src/search/published/manifest.ts'
import { InvalidManifestError } from '../../../src/search/published/invalid-manifest.ts'
import { indexAt, type PublishedIndex } from '../../../src/search/published/open-index.ts'
import { matchDocument } from '../../../src/search/query/match.ts'
import { parseQuery, type QueryFilters } from '../../../src/search/query/query.ts'
import { buildSegment } from '../../../src/search/segment/build-segment.ts'
import type { BlockSink } from '../../../src/search/segment/document-table.ts'
import { decodeIndexBlock, encodeIndexBlock, type IndexBlock } from '../../../src/search/segment/index-block.ts'
import { deadCountOf, type Segment } from '../../../src/search/segment/segment.ts'
import { getBlock } from '../../../src/store/block.ts'
import { NOW, createShelf, homeless, indexSigner, inputOf, personOf, type Person, type Shelf } from './index-fixture.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 60)
/** The one who is in the index and dead. */
const DEAD = 2
const GIVEN = ['ada', 'adam', 'alice', 'ali', 'bill', 'albert', 'zoe']
const FAMILY = ['lovelace', 'liddell', 'li', 'smith', 'lovelock']
const QUERIES: readonly [string, QueryFilters][] = [['ada', {}], ['ada lovelace', {}], ['lovelock ali', {}], ['al', {}], ['lovelase', {}], ['alcie smith', {}], ['chess', {}], ['', { tags: ['chess'] }], ['smith', { tags: ['botany'] }], ['', { near: { lat: 51.7, lon: -1.2, radiusMetres: 50_000 } }], ['', { kind: 'persona' }]]

let signer: Signer
let shelf: Shelf
let persons: Person[]
let honest: readonly Segment[]
/** Of the honest index, but for the tops that stand in its manifest. */
let blockCount = 0
beforeAll(async () => {
  signer = await indexSigner()
  shelf = createShelf()
  persons = await Promise.all(Array.from({ length: 360 }, (_, i) => personOf(i, { name: `${GIVEN[i % 7]!} ${FAMILY[(i * 3) % 5]!}`, tags: i % 3 === 0 ? ['chess'] : ['botany'], bio: `writes about number${i}`, ...(i % 4 === 0 ? { location: { lat: 51.75, lon: -1.25, precision: 4 } } : {}), listed: true })))
  for (const { signed } of persons) await shelf.blocks.put(signed.cid, signed.bytes)
  const [one, two] = await build({ put: (bytes) => {
    blockCount++
    return shelf.sink.put(bytes)
  } })
  honest = [await shelf.bury(one, [persons[DEAD]!]), two]
}, 60_000)

const quality = (number: number): number => (number * 31) % 251

const build = async (sink: BlockSink): Promise<[Segment, Segment]> => {
  const inputs = persons.map(({ signed }, number) => inputOf(signed, quality(number)))
  return [await buildSegment(inputs.slice(0, 300), sink), await buildSegment(inputs.slice(300), sink)]
}

interface Mutation {
  readonly block: number
  readonly how: 'byte' | 'insert' | 'remove' | 'truncate' | 'swap link' | 'repeat link' | 'drop link' | 'foreign link'
  readonly at: number
  readonly byte: number
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  block: fc.nat(65_535),
  how: fc.constantFrom('byte', 'byte', 'byte', 'insert', 'remove', 'truncate', 'swap link', 'repeat link', 'drop link', 'foreign link'),
  at: fc.nat(65_535),
  byte: fc.nat(255)
})

const mutated = ({ data, links }: Pick<IndexBlock, 'data' | 'links'>, { how, at, byte }: Mutation): Pick<IndexBlock, 'data' | 'links'> => {
  const place = at % data.length
  const link = links.length < 2 ? 0 : 1 + at % (links.length - 1)
  switch (links.length < 2 && how.endsWith('link') ? 'byte' : how) {
    case 'byte': return { data: data.with(place, byte), links }
    case 'insert': return { data: concat([data.subarray(0, place), Uint8Array.of(byte), data.subarray(place)]), links }
    case 'remove': return { data: concat([data.subarray(0, place), data.subarray(place + 1)]), links }
    case 'truncate': return { data: data.subarray(0, place), links }
    case 'swap link': return { data, links: links.with(0, links[link]!).with(link, links[0]!) }
    case 'repeat link': return { data, links: links.with(link, links[0]!) }
    case 'drop link': return { data, links: links.toSpliced(link, 1) }
    default: return { data, links: links.with(link, persons[byte]!.signed.cid) }
  }
}

/** An index that its publisher signed, of which one block is another one; all that link to it link to that one. */
const publishMutated = async (change: Mutation): Promise<PublishedIndex> => {
  const place = change.block % (blockCount + 5)
  let put = 0
  const [one, two] = await build({ put: (bytes) => shelf.sink.put(put++ === place ? encodeIndexBlock(mutated(decodeIndexBlock(honest[0]!.keys.cid, bytes), change)) : bytes) })
  const [dead] = honest[0]!.dead
  const segments = [{ ...one, dead: [dead!] }, two]
  if (place < blockCount) return publish(segments)
  if (place === blockCount + 4) {
    const block = decodeIndexBlock(dead!.cid, (await getBlock(shelf.blocks, dead!.cid))!)
    return publish([{ ...one, dead: [{ ...dead!, cid: await shelf.sink.put(encodeIndexBlock(mutated(block, change))) }] }, two])
  }
  const top = place - blockCount
  const which = top % 2 === 0 ? 'keys' : 'table'
  return publish(segments.map((segment, i) => (i === top >> 1 ? { ...segment, [which]: { ...segment[which], ...mutated(segment[which], change) } } : segment)))
}

const publish = async (segments: readonly Segment[]): Promise<PublishedIndex> => {
  const coverage = await encodeCoverage(homeless(segments.reduce((sum, segment) => sum + segment.documents - deadCountOf(segment), 0)))
  await shelf.blocks.put(coverage.cid, coverage.bytes)
  const { manifest, cid } = await signManifest({ seq: 5, time: NOW / 1_000, segments, coverage: coverage.cid, providers: [], prev: null }, signer)
  return indexAt({ name: signer.id, cid, manifest } as Parameters<typeof indexAt>[0], { blocks: shelf.blocks, cache: createBlockCache() })
}

const namesOf = (hits: readonly Hit[]): string[] => hits.map(({ cid, rank }) => `${rank.class} ${cid.toString()}`)
const classOf = (name: string): string => name.split(' ', 1)[0]!

it('an index with any one block changed gives true hits or an error that says why, takes nothing from another index, and passes an audit only where it answers like the honest one', { timeout: 60_000 + RUNS * 1_000 }, async () => {
  const real = new Set(persons.map(({ signed }) => signed.cid.toString()))
  const good = await publish(honest)
  const expected = await Promise.all(QUERIES.map(async ([text, filters]) => namesOf((await good.search(text, { ...filters, limit: 20, timeoutMs: 60_000 })).hits)))
  expect(expected.every((names) => names.length > 0)).toBe(true)
  const known = persons.toSpliced(DEAD, 1).map(({ id, signed }) => ({ id, ...signed }))
  const outcomes = { refused: 0, different: 0, same: 0 }

  await fc.assert(fc.asyncProperty(mutation, async (change) => {
    const index = await publishMutated(change).catch((error) => {
      if (error instanceof InvalidManifestError) return undefined
      throw error
    })
    if (!index) {
      outcomes.refused++
      return
    }
    let answersLikeHonest = true
    for (const [i, [text, filters]] of QUERIES.entries()) {
      const query = parseQuery(text, filters)
      try {
        const { hits, report } = await index.search(text, { ...filters, limit: 20, timeoutMs: 60_000 })
        for (const { cid, document, rank } of hits) {
          expect(real.has(cid.toString())).toBe(true)
          expect(matchDocument(query, document)?.class).toBe(rank.class)
        }
        expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length)
        expect(report.work.blocks).toBeLessThanOrEqual(128)
        const same = namesOf(hits).join() === expected[i]!.join()
        answersLikeHonest &&= same
        outcomes[same ? 'same' : 'different']++
      } catch (error) {
        if (!(error instanceof MercuryError)) throw error
        expect(error.code).toBe('INVALID_INDEX_BLOCK')
        answersLikeHonest = false
        outcomes.refused++
      }
      const sources = [publishedSource('mutated', async () => index), publishedSource(index.name, async () => good)]
      const both = namesOf((await searchIndexes(sources, text, { ...filters, limit: 20, timeoutMs: 60_000 })).hits)
      // Its opinion decides among equals, and so who of a class is on a full page.
      expect(both.map(classOf)).toEqual(expected[i]!.map(classOf))
      if (both.length < 20) expect(new Set(both)).toEqual(new Set(expected[i]))
    }
    const audit = await auditIndex(index, { blocks: shelf.blocks, documents: known }).catch((error) => {
      if (error instanceof MercuryError) return { faithful: false }
      throw error
    })
    expect([audit.faithful, answersLikeHonest]).not.toEqual([true, false])
  }), { numRuns: RUNS, ...(process.env.FUZZ_SEED ? { seed: Number(process.env.FUZZ_SEED) } : {}) })
  // What the changes came to: otherwise they would test nothing.
  expect([outcomes.refused, outcomes.different].every((count) => count > 0), JSON.stringify(outcomes)).toBe(true)
})
