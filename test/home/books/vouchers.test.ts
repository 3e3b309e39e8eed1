import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLevelStore } from '../../../src/adapters/level.ts'
import { MAX_INVITATION_USES, createInvitation } from '../../../src/hosting/invitation.ts'
import { DAY_MS } from '../../../src/limits.ts'
import { signerOf } from '../../client/world.ts'
import { requestOf } from '../running-home.ts'
import { keysOf, openBooks } from './open-books.ts'

let directory: string
beforeAll(async () => { directory = await mkdtemp(join(tmpdir(), 'mercury-vouchers-')) })
afterAll(async () => rm(directory, { recursive: true, force: true }))

const inAnHour = (now: number): number => Math.floor(now / 1_000) + 3_600

test('of many who race for the last uses of a voucher, as many get one as there are, over LevelDB and in two processes', async () => {
  const state = await openLevelStore({ location: join(directory, 'race') })
  const homes = [await openBooks({ state, policy: 'invitation' }), await openBooks({ state, policy: 'invitation' })]
  const [home] = homes
  const once = await createInvitation({ expires: inAnHour(home!.now()), uses: 1 }, home!.home)
  const thrice = await createInvitation({ expires: inAnHour(home!.now()), uses: 3 }, home!.home)
  const personas = await Promise.all(Array.from({ length: 40 }, (_, i) => signerOf(i + 2)))
  const outcomes = await Promise.allSettled(personas.map((persona, i) => homes[i % 2]!.agreements.offer(requestOf(persona, { voucher: i < 20 ? once : thrice }))))
  const taken = (from: number, to: number): number => outcomes.slice(from, to).filter(({ status }) => status === 'fulfilled').length
  expect(taken(0, 20)).toBe(1)
  expect(taken(20, 40)).toBe(3)
  expect(new Set(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])))).toEqual(new Set(['INVITATION_USED']))
  expect(await home!.agreements.count()).toBe(4)
  await state.close()
})

test('a voucher of 1,000 uses is used a thousand times, and not once more', async () => {
  const { store, vouchers, home, now } = await openBooks()
  const verified = await vouchers.verify(await createInvitation({ expires: inAnHour(now()), uses: MAX_INVITATION_USES }, home))
  for (let i = 0; i < 1_000; i++) await store.batch(await vouchers.use(verified))
  await expect(vouchers.use(verified)).rejects.toMatchObject({ code: 'INVITATION_USED', message: expect.stringContaining('1000 uses') })
})

test('a refused offer uses up nothing', async () => {
  const books = await openBooks({ policy: 'invitation', maxProfiles: 0 })
  const voucher = await createInvitation({ expires: inAnHour(books.now()), uses: 1 }, books.home)
  await expect(books.agreements.offer(requestOf(await signerOf(2), { voucher }))).rejects.toMatchObject({ code: 'HOME_FULL' })
  expect(await keysOf(books.state)).toEqual([])
})

test('a voucher that is expired, damaged or another home\'s is refused', async () => {
  const books = await openBooks({ policy: 'invitation' })
  const alice = await signerOf(2)
  const voucher = await createInvitation({ expires: inAnHour(books.now()) }, books.home)
  const foreign = await createInvitation({ expires: inAnHour(books.now()) }, await signerOf(9))
  await expect(books.agreements.offer(requestOf(alice, { voucher: foreign }))).rejects.toMatchObject({ code: 'INVALID_INVITATION' })
  await expect(books.agreements.offer(requestOf(alice, { voucher: voucher.slice(0, -4) }))).rejects.toMatchObject({ code: 'INVALID_INVITATION' })
  await expect(books.agreements.offer(requestOf(alice, { voucher: `${voucher.slice(0, -4)}AAAA` }))).rejects.toMatchObject({ code: expect.stringMatching(/^INVALID_/) })
  books.sleep(3_600_000)
  await expect(books.agreements.offer(requestOf(alice, { voucher }))).rejects.toMatchObject({ code: 'INVITATION_EXPIRED' })
})

test('the uses of a voucher are forgotten when it has expired for a day, and no sooner', async () => {
  const books = await openBooks({ policy: 'invitation' })
  const voucher = await createInvitation({ expires: inAnHour(books.now()) }, books.home)
  await books.agreements.offer(requestOf(await signerOf(2), { voucher }))
  const vouchers = async (): Promise<string[]> => (await keysOf(books.state)).filter((key) => key.includes('voucher'))
  books.sleep(DAY_MS)
  await books.chores.run()
  expect(await vouchers()).toHaveLength(2)
  books.sleep(3_600_000)
  await books.chores.run()
  expect(await vouchers()).toEqual([])
})
