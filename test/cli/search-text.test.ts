import { expect, it } from 'vitest'
import { coverageLines, foundJson, foundLines } from '../../src/cli/search-text.ts'
import { toJson } from '../../src/cli/printable.ts'
import type { Paint } from '../../src/cli/output.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { cidOf, DAG_CBOR } from '../../src/store/block.ts'
import { matchDocument, parseQuery, type FederatedAnswer, type FederatedHit, type SourceReport } from '../../src/search.ts'
import { signDocument, verifyDocument, type ProfileDocument } from '../../src/index.ts'
import { signerOf } from '../client/world.ts'

const tagged: Paint = (colour, text) => `<${colour}>${text}</${colour}>`
const plain: Paint = (_, text) => text

/** As a forger would sign it: no writer of this program would put `attrs` like that into a document. */
const hitOf = async (text: string, attrs: Record<string, string | string[]>): Promise<FederatedHit> => {
  const { document: authentic, id } = await verifyDocument((await signDocument({ name: 'A', listed: true }, await signerOf(1), { seq: 1, prev: null, time: 1_790_000_000 })).bytes, { id: 'any' })
  const document: ProfileDocument = { ...authentic, attrs }
  const bytes = encodeCbor({ attrs })
  const cid = await cidOf(bytes, DAG_CBOR)
  const match = matchDocument(parseQuery(text), document)!
  return { id, cid, bytes, document, match, rank: { class: match.class, quality: 7, digest: cid.multihash.digest }, sources: ['local'] }
}

const NOTHING = { work: { rounds: 0, blocks: 0, bytes: 0 }, dropped: { unavailable: 0, forged: 0, notMatching: 0, misScored: 0, stale: 0 } }
const answerOf = (hits: readonly FederatedHit[], ...sources: readonly Partial<SourceReport>[]): FederatedAnswer =>
  ({ hits, coverage: { sources: sources.map((source) => ({ name: 'local', state: 'answered', hits: hits.length, ...NOTHING, ...source })), homes: [], deferred: 0 } })

it('marks what was found, in the owner’s own spelling', async () => {
  const lines = foundLines(answerOf([await hitOf('zoe chess', { name: 'Zoë Byron', tags: ['go', 'Chess'], bio: 'Plays chess' })]), { explain: false, command: 'mercury search', paint: tagged })
  expect(lines[0]).toBe('<bold><yellow>Zoë</yellow></bold> Byron')
  expect(lines[2]).toContain('#go  #<bold>Chess</bold>')
})

it.each([
  ['name', 'ada \u001b[2J\u202e red'],
  ['bio', 'ada \u001b]0;title\u0007\r\n\u2066'],
  ['place', 'ada \u009b31m'],
  ['tags', ['ada \u001b[31m']]
])('nothing in a %s moves the terminal, in text or in JSON', async (attribute, value) => {
  const hit = await hitOf('ada', { name: 'Ada', tags: ['ada'], [attribute]: value })
  const answer = answerOf([hit])
  for (const text of [...foundLines(answer, { explain: true, command: 'mercury search ada', paint: plain }), toJson(foundJson(answer, { explain: true }))]) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\n/)
})

it('explains a hit: its class, each word, the opinion of the index, and where it came from', async () => {
  const [, , ...explanation] = foundLines(answerOf([await hitOf('lovelcae ada', { name: 'Ada King Lovelace' })]), { explain: true, command: '', paint: plain })
  expect(explanation.join('\n')).toMatch(/lovelcae: typo of lovelace in name.*ada: in name|ada: in name.*lovelcae: typo of lovelace in name/)
  expect(explanation.join('\n')).toContain('quality 7 of 255')
  expect(explanation.join('\n')).toContain('from local; no home has signed for it')
})

const NOW = 1_800_000_000_000

it.each<[Partial<SourceReport>, RegExp]>([
  [{ name: 'k51late', state: 'late' }, /^k51late was late;/],
  [{ name: 'k51dead', state: 'failed', error: { code: 'UNREACHABLE', reason: 'nobody \u001b[2J is there' } }, /^k51dead failed: nobody \uFFFD\[2J is there;/],
  [{ name: 'k51liar', state: 'dropped', dropped: { ...NOTHING.dropped, forged: 2, notMatching: 1 } }, /^k51liar offers false hits and was asked no more;.*3 false hits left out/],
  [{ name: 'k51odd', dropped: { ...NOTHING.dropped, misScored: 1 } }, /^k51odd; .*1 false hit left out/]
])('says without being asked what went wrong: %j', (source, says) => {
  const lines = coverageLines(answerOf([], source), { explain: false }, NOW)
  expect(lines.join('\n')).toMatch(says)
})

it('says on request how old an index is and what the search cost, and never that it is complete', () => {
  const sources: Partial<SourceReport>[] = [{ name: 'k51old', documents: 9, madeAt: NOW - 3 * 86_400_000, work: { rounds: 4, blocks: 12, bytes: 34_567 } }]
  expect(coverageLines(answerOf([], ...sources), { explain: false }, NOW)).toEqual([])
  expect(coverageLines(answerOf([], ...sources), { explain: true }, NOW)).toEqual([
    'k51old; 0 of these hits, 9 profiles, made 3 days ago; 4 rounds, 12 blocks, 34567 bytes',
    'What is shown is authentic and matches; that nobody hides anything cannot be proven.'
  ])
})
