import type { CID } from 'multiformats/cid'
import { expect, it } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { LimitError, MercuryError } from '../../src/errors.ts'
import { createBlockSource } from '../../src/search/engine/block-source.ts'
import { openHitStream } from '../../src/search/engine/hit-stream.ts'
import { searchIndexes } from '../../src/search/federation/search-indexes.ts'
import type { SearchSource } from '../../src/search/federation/source-lane.ts'
import { InvalidQueryError, parseQuery } from '../../src/search/query/query.ts'
import { termsOf } from '../../src/search/query/profile-terms.ts'
import { InvalidIndexBlockError, decodeIndexBlock, encodeIndexBlock } from '../../src/search/segment/index-block.ts'
import type { Segment } from '../../src/search/segment/segment.ts'
import { DAG_CBOR, putBlock } from '../../src/store/block.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import { buildIndex, smallPeople, unsignedDocument, type SmallIndex } from '../search/engine/small-index.ts'

const sourceOver = (name: string, segments: readonly Segment[], blocks: HashStore): SearchSource => ({
  name,
  open: async (query) => ({ stream: openHitStream({ segments, query, source: createBlockSource({ blocks, verify: 'hash' }), head: name }) })
})

let whole: SmallIndex | undefined
const index = async (): Promise<SmallIndex> => (whole ??= await buildIndex(smallPeople(3_000), { segments: 3 }))

it.each([
  ['empty', '', InvalidQueryError],
  ['white space', ' \t\n ', InvalidQueryError],
  ['huge', 'a'.repeat(1_000_000), LimitError],
  ['10,000 terms', Array.from({ length: 10_000 }, (_, i) => `w${i}`).join(' '), LimitError],
  ['17 terms', Array.from({ length: 17 }, (_, i) => `w${i}`).join(' '), LimitError],
  ['a regular expression of signs', '.*+?[]{}()^$|\\', InvalidQueryError],
  ['lone surrogates', '\ud800\udfff\udc00', InvalidQueryError],
  ['controls', '\u0000\u0001\u0002\u001b[31m'.slice(0, 4), InvalidQueryError],
  ['directions', '\u202e\u2066\u2069', InvalidQueryError],
  ['one letter', 'a', InvalidQueryError],
  ['a key of the index', '\u{10ffff}', InvalidQueryError]
])('refuses a query that is %s', async (_, text, error) => {
  const { segments, blocks } = await index()
  await expect(searchIndexes([sourceOver('index', segments, blocks)], text)).rejects.toThrow(error)
})

it.each([
  ['(a+)+$ ada', 'ada'],
  ['ada\u0000n', 'adan'],
  ['ada\u202eecalevol', 'ada'],
  ["ada'; drop table words; --", 'ada'],
  ['../../ada', 'ada'],
  ['\ud800ada', 'ada'],
  ['ADA\u0301\u0301\u0301\u0301\u0301', 'ada'],
  ['<script>ada</script>', 'script'],
  ['ada '.repeat(16), 'ada'],
  ['\u{1f469}\u200d\u{1f469} ada', 'ada']
])('answers %j soundly, with bounded work', async (text) => {
  const { segments, blocks } = await index()
  const { hits, coverage: { sources: [report] } } = await searchIndexes([sourceOver('index', segments, blocks)], text)
  expect(report!.state).toBe('answered')
  expect(report!.work.blocks).toBeLessThanOrEqual(128)
  expect(report!.work.bytes).toBeLessThanOrEqual(1_048_576 + 65_536)
  const query = parseQuery(text)
  for (const { document } of hits) expect(query.words.some((word) => JSON.stringify(document.attrs).toLowerCase().includes(word))).toBe(true)
})

it.each([
  ['tags', { tags: Array.from({ length: 17 }, () => 'a1') }],
  ['a tag of 300 bytes', { tags: ['x'.repeat(300)] }],
  ['a latitude beyond the pole', { near: { lat: 91, lon: 0, radiusMetres: 1 } }],
  ['no number', { near: { lat: Number.NaN, lon: 0, radiusMetres: 1 } }],
  ['no distance', { near: { lat: 0, lon: 0, radiusMetres: 0 } }],
  ['an endless distance', { near: { lat: 0, lon: 0, radiusMetres: Number.POSITIVE_INFINITY } }],
  ['a kind of 100 bytes', { kind: 'k'.repeat(100) }],
  ['an ill-formed language', { lang: '\ud800' }]
])('refuses a filter with %s', (_, filters) => {
  expect(() => parseQuery('ada', filters)).toThrow(MercuryError)
})

it.each([
  ['a name of combining marks', { name: `a${'\u0301'.repeat(120)}`.slice(0, 128) }],
  ['a name of 60 words', { name: Array.from({ length: 60 }, (_, i) => `w${i}`).join(' ') }],
  ['a name of one long word', { name: 'ß'.repeat(120) }],
  ['a name of a ligature that becomes 18 letters', { name: 'ﷺ'.repeat(80) }],
  ['a bio of a thousand words', { name: 'Ada', bio: Array.from({ length: 500 }, (_, i) => `w${i}`).join(' ') }],
  ['tags of everything', { name: 'Ada', tags: Array.from({ length: 32 }, (_, i) => `tag ${i} of ${i * 7}`) }],
  ['attributes of other types', { name: ['Ada'] as unknown as string, bio: 7 as unknown as string, tags: 'x' as unknown as string[] }]
])('indexes %s within the bounds of a profile', (_, person) => {
  const document = unsignedDocument(person, 1)
  const keys = termsOf(document, encodeCbor(document).byteLength)?.keys ?? []
  expect(keys.length).toBeGreaterThan(0)
  expect(keys.length).toBeLessThanOrEqual(256)
  for (const key of keys) expect(Buffer.byteLength(key)).toBeLessThanOrEqual(256)
})

it('puts an honest name before stuffed ones', async () => {
  const stuffed = Array.from({ length: 40 }, (_, i) => ({ name: `Ada Lovelace ${'Ada Lovelace '.repeat(3)}${i}`, bio: 'ada lovelace '.repeat(60), tags: ['ada lovelace', 'ada', 'lovelace'], quality: 255 }))
  const { segments, blocks } = await buildIndex([...stuffed, { name: 'Ada Lovelace', quality: 0 }])
  const { hits } = await searchIndexes([sourceOver('index', segments, blocks)], 'ada lovelace')
  expect(hits[0]!.document.attrs.name).toBe('Ada Lovelace')
})

/** The segment with the block that `at` finds replaced by what `change` makes of it, and every block above it with its new name: such blocks hash to their CIDs. */
const withBlock = async ({ segments: [segment], blocks }: SmallIndex, change: (block: { data: Uint8Array; links: readonly CID[] }) => Uint8Array): Promise<Segment> => {
  const links = [...segment!.keys.links]
  for (const [i, cid] of links.entries()) {
    const block = decodeIndexBlock(cid, (await blocks.get(cid))!)
    links[i] = await putBlock(blocks, change(block), DAG_CBOR)
  }
  return { ...segment!, keys: { ...segment!.keys, links } }
}

it.each([
  ['of another type', ({ data, links }: { data: Uint8Array; links: readonly CID[] }) => encodeIndexBlock({ data: Uint8Array.of(9, ...data.subarray(1)), links })],
  ['cut short', ({ data, links }: { data: Uint8Array; links: readonly CID[] }) => encodeIndexBlock({ data: data.subarray(0, data.byteLength - 1), links })],
  ['too long', ({ data, links }: { data: Uint8Array; links: readonly CID[] }) => encodeIndexBlock({ data: Uint8Array.of(...data, 0), links })],
  ['counting more than it holds', ({ data, links }: { data: Uint8Array; links: readonly CID[] }) => encodeIndexBlock({ data: Uint8Array.of(data[0]!, 0xff, 0xff, 0xff, 0xff, 0x0f, ...data.subarray(3)), links })],
  ['of another version', ({ data, links }: { data: Uint8Array; links: readonly CID[] }) => encodeCbor({ v: 2, data, links })],
  ['no map', () => encodeCbor([1, 2, 3])],
  ['of another format', () => Uint8Array.of(0xff, 0xff)],
  ['larger than a block may be', ({ data }: { data: Uint8Array; links: readonly CID[] }) => encodeCbor({ v: 1, data: new Uint8Array(70_000).fill(data[0]!), links: [] })]
])('names a block of an index that is %s, while another index answers', async (_, change) => {
  const broken = await buildIndex(smallPeople(2_000))
  const segment = await withBlock(broken, change)
  const { segments, blocks } = await index()
  const { hits, coverage: { sources } } = await searchIndexes([sourceOver('broken', [segment], broken.blocks), sourceOver('whole', segments, blocks)], 'ada')
  expect(hits.length).toBe(10)
  expect(sources.map(({ name, state, error }) => [name, state, error?.code])).toEqual([['broken', 'failed', 'INVALID_INDEX_BLOCK'], ['whole', 'answered', undefined]])
  const alone = openHitStream({ segments: [segment], query: parseQuery('ada'), source: createBlockSource({ blocks: broken.blocks, verify: 'hash' }), head: 'h' })
  const error = await alone.take(10).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(InvalidIndexBlockError)
  expect(segment.keys.links.map(String)).toContain((error as InvalidIndexBlockError).cid.toString())
})

it('ends where nodes of an index go round in circles', async () => {
  const { segments: [segment], blocks } = await buildIndex(smallPeople(2_000))
  // No block can link to itself by its hash, so the node above is served in its place, over and over.
  const looping = await putBlock(blocks, encodeIndexBlock(segment!.keys), DAG_CBOR)
  const circle: Segment = { ...segment!, keys: { ...segment!.keys, links: segment!.keys.links.map(() => looping) } }
  const stream = openHitStream({ segments: [circle], query: parseQuery('ada'), source: createBlockSource({ blocks, verify: 'hash' }), head: 'h' })
  await expect(stream.take(10)).rejects.toThrow(InvalidIndexBlockError)
  expect(stream.report.work.blocks).toBeLessThanOrEqual(2)
})

it('names a block that is missing, and one that is another', async () => {
  const { segments, blocks } = await buildIndex(smallPeople(2_000))
  for (const get of [async () => undefined, async () => Uint8Array.of(1)]) {
    const stream = openHitStream({ segments, query: parseQuery('ada'), source: createBlockSource({ blocks: { ...blocks, get }, verify: 'hash' }), head: 'h' })
    await expect(stream.take(10)).rejects.toThrow(InvalidIndexBlockError)
  }
})

it('shows an honest profile on the first page, whoever mints a thousand others, and says so', async () => {
  const minted = Array.from({ length: 1_000 }, (_, i) => ({ name: 'Ada Lovelace', bio: `copy ${i}`, quality: 100 }))
  const mint = await buildIndex(minted)
  const honest = await buildIndex([{ name: 'Ada Lovelace', bio: 'the one', quality: 200 }])
  const { hits, coverage } = await searchIndexes([sourceOver('mint', mint.segments, mint.blocks), sourceOver('honest', honest.segments, honest.blocks)], 'ada lovelace')
  expect(hits.map(({ document }) => document.attrs.bio)).toContain('the one')
  expect(coverage.homes[0]!.hits).toBeGreaterThan(10)
  expect(coverage.sources.map(({ name, hits }) => [name, hits])).toEqual([['mint', 9], ['honest', 1]])
})
