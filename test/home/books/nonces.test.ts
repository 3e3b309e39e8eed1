import { expect, test } from 'vitest'
import { MAX_NONCES_PER_SIGNER } from '../../../src/home/books/nonces.ts'
import { createMemoryStore } from '../../../src/index.ts'
import { signerOf } from '../../client/world.ts'
import { requestOf } from '../running-home.ts'
import { keysOf, openBooks, type OpenBooks } from './open-books.ts'

const headOf = async (books: OpenBooks, nonce: string, seed = 2): Promise<{ signer: any; nonce: string; created: number }> => ({ signer: (await signerOf(seed)).id, nonce, created: Math.floor(books.now() / 1_000) })

test('a request is made once: not again, nor after a restart, nor in another process', async () => {
  const state = createMemoryStore()
  const books = await openBooks({ state })
  const head = await headOf(books, 'a'.repeat(16))
  await books.nonces.note(head)
  await expect(books.nonces.note(head)).rejects.toMatchObject({ code: 'SIGNATURE_REPLAYED' })
  const again = await openBooks({ state })
  await expect(again.nonces.note(head)).rejects.toMatchObject({ code: 'SIGNATURE_REPLAYED' })
  await again.nonces.note(await headOf(books, 'a'.repeat(16), 3))
  await again.nonces.note(await headOf(books, 'b'.repeat(16)))
})

test('of two that race one is made', async () => {
  const state = createMemoryStore()
  const processes = [await openBooks({ state }), await openBooks({ state })]
  const head = await headOf(processes[0]!, 'c'.repeat(16))
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => processes[i % 2]!.nonces.note(head)))
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1)
})

test('the nonce goes into the batch of what was asked for: a replay changes nothing, also where it would be something new', async () => {
  const books = await openBooks()
  const alice = await signerOf(2)
  const head = await headOf(books, 'd'.repeat(16))
  await books.agreements.offer(requestOf(alice), { note: books.nonces.noteOf(head) })
  await books.agreements.end(alice.id)
  await expect(books.agreements.offer(requestOf(alice), { note: books.nonces.noteOf(head) })).rejects.toMatchObject({ code: 'SIGNATURE_REPLAYED' })
  expect(await books.hosting.standing(alice.id)).toBe('ended')
})

test('a request that is refused leaves nothing behind', async () => {
  const books = await openBooks({ policy: 'closed' })
  await expect(books.agreements.offer(requestOf(await signerOf(2)), { note: books.nonces.noteOf(await headOf(books, 'e'.repeat(16))) })).rejects.toMatchObject({ code: 'HOME_CLOSED' })
  expect(await keysOf(books.state)).toEqual([])
})

test('what is out of the window is swept, and what is in it is not', async () => {
  const books = await openBooks()
  await books.nonces.note(await headOf(books, 'f'.repeat(16)))
  books.sleep(120_000)
  await books.nonces.note(await headOf(books, 'g'.repeat(16)))
  expect(await books.nonces.sweep()).toBe(0)
  books.sleep(1_000)
  expect(await books.nonces.sweep()).toBe(1)
  expect(await keysOf(books.state)).toHaveLength(1)
})

test('a signer is held to a number within the window, and others are not', async () => {
  const books = await openBooks()
  const head = await headOf(books, 'h'.repeat(16))
  for (let i = 0; i < MAX_NONCES_PER_SIGNER; i++) books.nonces.noteOf(head)
  expect(() => books.nonces.noteOf(head)).toThrow(expect.objectContaining({ code: 'TOO_MANY_REQUESTS' }))
  books.nonces.noteOf(await headOf(books, 'h'.repeat(16), 3))
  books.sleep(120_000)
  books.nonces.noteOf(head)
})
