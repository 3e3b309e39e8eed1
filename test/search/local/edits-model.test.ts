import { expect, it } from 'vitest'
import { seededRandom } from '../../../bench/profiles.ts'
import { encodeCbor } from '../../../src/cbor.ts'
import { recallEncodedProfileId, type ProfileId } from '../../../src/identity/profile-id.ts'
import { openLocalIndex } from '../../../src/search/local/local-index.ts'
import type { ProfileHead } from '../../../src/search/local/heads.ts'
import { MARKS } from '../../../src/search/local/marks.ts'
import { qualityOf } from '../../../src/search/query/quality.ts'
import { parseQuery } from '../../../src/search/query/query.ts'
import { DAG_CBOR, cidOf } from '../../../src/store/block.ts'
import { createMemoryStore } from '../../../src/store/memory-store.ts'
import { evaluate, nameOfHit, unsignedDocument, type LiveDocument } from '../engine/small-index.ts'

const PROFILES = 1_400
const GIVEN = ['ada', 'adam', 'alice', 'ali', 'bill', 'albert']
const FAMILY = ['lovelace', 'liddell', 'li', 'smith', 'lovelock']
const QUERIES = ['ada', 'ada lovelace', 'li alice', 'al', 'lovel', 'lidell', 'chess', 'ali smith chess']
/** So many change at a time: a look one by one, and writes that fill the smallest level and the next. */
const BATCHES = [900, 1, 40, 256, 257, 3, 500, 120, 700, 1, 30, 600, 5, 1_300, 60]

/** Heads as a device keeps them, and what a query must find among them. */
const openModel = async () => {
  const state = createMemoryStore()
  const heads = new Map<ProfileId, ProfileHead>()
  const live = new Map<ProfileId, LiveDocument>()
  const random = seededRandom(6)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  let seq = 0
  const add = async (owner: number): Promise<void> => {
    const document = unsignedDocument({ name: `person ${owner}` }, owner)
    const bytes = encodeCbor(document)
    heads.set(recallEncodedProfileId(document.id), { cid: await cidOf(bytes, DAG_CBOR), bytes })
    await state.put(`${MARKS}${recallEncodedProfileId(document.id)}`, encodeCbor({ seq: 0 }))
  }
  const change = async (): Promise<void> => {
    const document = { ...unsignedDocument({ name: `${pick(GIVEN)} ${pick(FAMILY)}`, tags: random() < 0.3 ? ['chess'] : [], bio: `line ${seq}` }, Math.floor(random() * PROFILES)), seq: ++seq, listed: random() < 0.9 }
    const id = recallEncodedProfileId(document.id)
    const bytes = encodeCbor(document)
    const cid = await cidOf(bytes, DAG_CBOR)
    const isForgotten = random() < 0.05
    if (isForgotten) heads.delete(id)
    else heads.set(id, { cid, bytes })
    live.delete(id)
    if (!isForgotten && document.listed) live.set(id, { digest: cid.multihash.digest, quality: qualityOf(document, { accepted: false }), document, bytes })
    await state.put(`${MARKS}${id}`, encodeCbor({ seq }))
  }
  const index = openLocalIndex({
    state,
    headOf: async (id) => heads.get(id),
    async * ids (after) {
      for (const id of [...heads.keys()].sort()) if (after === undefined || id > after) yield id
    }
  })
  return { index, live, add, change }
}

it('finds after any edits, written or not, what judging every document finds', { timeout: 120_000 }, async () => {
  const { index, live, change } = await openModel()
  const seen = new Set<number>()
  for (const [step, batch] of BATCHES.entries()) {
    for (let i = 0; i < batch; i++) await change()
    if (step % 3 === 2) await index.refresh()
    for (const text of QUERIES) {
      const expected = evaluate([...live.values()], parseQuery(text))
      const { hits } = await index.search(text, { limit: 100 })
      expect([step, text, hits.map(nameOfHit)]).toEqual([step, text, expected.slice(0, 100)])
    }
    seen.add((await index.status()).segments)
  }
  await index.refresh()
  expect(await index.status()).toMatchObject({ documents: live.size, pending: 0, rebuilding: false })
  expect(Math.max(...seen), 'the levels were never apart').toBeGreaterThan(1)
  await index.close()
})

it('keeps 512 profiles in the smallest segment, and not one more', async () => {
  const { index, add } = await openModel()
  for (let owner = 0; owner < 512; owner++) await add(owner)
  await index.refresh()
  // One more and all of them are of the next level; the one after that begins a segment of its own.
  const segments = [(await index.status()).segments]
  for (const owner of [512, 513]) {
    await add(owner)
    await index.refresh()
    segments.push((await index.status()).segments)
  }
  expect(segments).toEqual([1, 1, 2])
  await index.close()
})
