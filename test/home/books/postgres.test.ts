import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPostgresStore } from '../../../src/adapters/postgres.ts'
import { createInvitation } from '../../../src/hosting/invitation.ts'
import { signerOf } from '../../client/world.ts'
import { openPostgresService, type PostgresService } from '../../services/postgres.ts'
import { describeWithService } from '../../services/service.ts'
import { requestOf } from '../running-home.ts'
import { openBooks } from './open-books.ts'

describeWithService('PostgreSQL', 'two processes of a home over PostgreSQL', () => {
  let service: PostgresService
  beforeAll(async () => { service = await openPostgresService() })
  afterAll(() => service.close())

  test('let no voucher be used too often, take no more than there is place for, and count alike', async () => {
    const stores = await Promise.all([1, 2].map(() => openPostgresStore({ url: service.url })))
    const processes = await Promise.all(stores.map((state) => openBooks({ state, policy: 'invitation', maxProfiles: 6 })))
    const voucher = await createInvitation({ expires: Math.floor(processes[0]!.now() / 1_000) + 60, uses: 4 }, processes[0]!.home)
    const other = await createInvitation({ expires: Math.floor(processes[0]!.now() / 1_000) + 60, uses: 20 }, processes[0]!.home)
    const join = async (from: number, to: number, invitation: string) => Promise.allSettled(Array.from({ length: to - from }, async (_, i) => processes[i % 2]!.agreements.offer(requestOf(await signerOf(from + i), { voucher: invitation }))))
    const taken = (outcomes: PromiseSettledResult<unknown>[]): number => outcomes.filter(({ status }) => status === 'fulfilled').length
    const first = await join(2, 18, voucher)
    expect(taken(first)).toBe(4)
    expect(new Set(first.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])))).toEqual(new Set(['INVITATION_USED']))
    expect(taken(await join(20, 30, other))).toBe(2)
    expect(await Promise.all(processes.map(({ agreements }) => agreements.count()))).toEqual([6, 6])
    const head = { signer: (await signerOf(2)).id, nonce: 'x'.repeat(16), created: Math.floor(processes[0]!.now() / 1_000) }
    const noted = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => processes[i % 2]!.nonces.note(head)))
    expect(taken(noted)).toBe(1)
    for (const { profiles } of processes) await profiles.close()
    for (const store of stores) await store.close()
  })
})
