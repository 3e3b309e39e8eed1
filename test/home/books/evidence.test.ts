import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import { cidOf, getBlock, RAW } from '../../../src/store/block.ts'
import { createPledge, createSigner, createSuccession, type Signer, type Succession } from '../../../src/index.ts'
import { MAX_SUCCESSION_HOPS } from '../../../src/limits.ts'
import { requestOf, versionOf } from '../running-home.ts'
import { keysOf, openBooks } from './open-books.ts'

/** `length` keys, each pledged to the next one, and the last one to the first. */
const chain = async (length: number): Promise<Signer[]> => {
  const keys = Array.from({ length }, (_, i) => new Uint8Array(32).fill(i + 20))
  const bare = await Promise.all(keys.map((key) => createSigner(key)))
  return Promise.all(keys.map(async (key, i) => createSigner(key, { pledge: await createPledge(bare[i]!, bare[(i + 1) % length]!.publicKey) })))
}

const step = (from: Signer, to: Signer, time = 1): Promise<Succession> => createSuccession({ from: from.id, pledge: from.pledge!, last: null, time }, to)

describe('a succession', () => {
  test('is kept for good, the first one, and its key can be asked for by the pledge', async () => {
    const { evidence, blocks } = await openBooks()
    const [a, b] = await chain(3) as [Signer, Signer]
    const succession = await step(a, b)
    expect(await evidence.keep(succession)).toEqual({ from: a.id, to: b.id })
    await evidence.keep(await step(a, b, 2))
    expect(await evidence.succession(a.id)).toEqual(succession)
    const cid = await cidOf(b.publicKey, RAW)
    expect(cid.multihash.digest).toEqual(a.pledge!.next)
    expect(await getBlock(blocks, cid)).toEqual(b.publicKey)
  })

  test('of another profile than was said, or one that does not verify, is refused', async () => {
    const { evidence, state } = await openBooks()
    const [a, b, c] = await chain(3) as [Signer, Signer, Signer]
    const succession = await step(a, b)
    await expect(evidence.keep(succession, { from: c.id })).rejects.toMatchObject({ code: 'INVALID_SUCCESSION' })
    await expect(evidence.keep({ ...succession, time: 5 })).rejects.toMatchObject({ code: 'INVALID_SIGNATURE' })
    await expect(evidence.keep({ ...succession, note: 'x'.repeat(5_000) })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(await keysOf(state)).toEqual([])
  })

  test('to another key than the home has witnessed is refused', async () => {
    const { agreements, evidence } = await openBooks()
    const [a] = await chain(3) as [Signer]
    const thief = await createSigner(new Uint8Array(32).fill(99))
    const stolen = await createSigner(new Uint8Array(32).fill(20), { pledge: await createPledge(await createSigner(new Uint8Array(32).fill(20)), thief.publicKey) })
    await agreements.offer(requestOf(a))
    await expect(evidence.keep(await step(stolen, thief))).rejects.toMatchObject({ code: 'CONTESTED' })
  })

  test('leads on 16 times at most, whichever way it is put together, and never back', async () => {
    const signers = await chain(MAX_SUCCESSION_HOPS + 2)
    const steps = await Promise.all(signers.map((signer, i) => step(signer, signers[(i + 1) % signers.length]!)))
    const { evidence } = await openBooks()
    for (const succession of steps.slice(0, MAX_SUCCESSION_HOPS)) await evidence.keep(succession)
    await expect(evidence.keep(steps[MAX_SUCCESSION_HOPS]!)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', value: 17 })
    const backwards = (await openBooks()).evidence
    for (const succession of steps.slice(1, MAX_SUCCESSION_HOPS + 1).reverse()) await backwards.keep(succession)
    await expect(backwards.keep(steps[0]!)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    const ring = await chain(3)
    const around = (await openBooks()).evidence
    await around.keep(await step(ring[0]!, ring[1]!))
    await around.keep(await step(ring[1]!, ring[2]!))
    await expect(around.keep(await step(ring[2]!, ring[0]!))).rejects.toMatchObject({ code: 'SUCCESSION_LOOP' })
  })

  test('comes with a document that succeeds another', async () => {
    const books = await openBooks()
    const [a, b] = await chain(3) as [Signer, Signer]
    await books.agreements.offer(requestOf(b))
    const succession = await step(a, b)
    await books.hosting.taken(b.id, await versionOf(b, { seq: 1, now: books.now(), fields: { succeeds: succession } }))
    expect(await books.hosting.succession(a.id)).toEqual(succession)
    expect(sha256(b.publicKey)).toEqual(a.pledge!.next)
  })

  test('of a stranger is kept once for each key, however many strangers pledge themselves to it', async () => {
    const books = await openBooks()
    const alice = await createSigner(new Uint8Array(32).fill(60))
    const strangers = await Promise.all([61, 62, 63].map(async (fill) => {
      const secret = new Uint8Array(32).fill(fill)
      return createSigner(secret, { pledge: await createPledge(await createSigner(secret), alice.publicKey) })
    }))
    await books.agreements.offer(requestOf(alice))
    for (const [i, stranger] of strangers.entries()) {
      await books.hosting.taken(alice.id, await versionOf(alice, { seq: i + 1, now: books.now(), fields: { succeeds: await step(stranger, alice) } }))
    }
    expect((await keysOf(books.state)).filter((key) => key.startsWith('succession/'))).toEqual([`succession/${strangers[0]!.id}`])
    await books.agreements.offer(requestOf(strangers[2]!))
    await books.evidence.keep(await step(strangers[2]!, alice))
    expect(await books.evidence.succession(strangers[2]!.id)).toBeDefined()
  })
})
