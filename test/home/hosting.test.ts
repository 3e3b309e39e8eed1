import { afterEach, describe, expect, test } from 'vitest'
import type { Signer } from '../../src/index.ts'
import { signerOf } from '../client/world.ts'
import { openHome as open, requestOf, versionOf, type RunningHome } from './running-home.ts'

const opened: RunningHome[] = []
const openHome = async (options?: Parameters<typeof open>[0]): Promise<RunningHome> => {
  const home = await open(options)
  opened.push(home)
  return home
}
afterEach(async () => {
  for (const home of opened.splice(0)) await home.close()
})

describe('a home', () => {
  test('is joined with an invitation, hosts, and is left', async () => {
    const { home, client, profiles } = await openHome()
    const alice = await signerOf(2)
    const description = await client.describe()
    expect(description).toMatchObject({ home: home.id, policy: 'invitation', limits: { profiles: 100_000, quotaBytes: 64 * 1_048_576, unhostedDays: 30, offerHours: 24 } })
    await expect(client.agree(requestOf(alice), home.id, alice)).rejects.toMatchObject({ refusal: 'INVITATION_NEEDED', status: 403 })
    const { voucher } = await home.invite()
    const offered = await client.agree(requestOf(alice, { voucher }), home.id, alice)
    expect(offered.state).toBe('offered')
    expect(await client.agree(requestOf(alice), home.id, alice)).toEqual(offered)
    const first = await versionOf(alice, { seq: 1, homes: [offered.acceptance] })
    await client.putRecord(alice.id, first.record)
    expect((await client.agreement(home.id, alice.pledge!.next, alice))?.state).toBe('active')
    const answer = await client.profile(alice.id)
    expect(answer).toMatchObject({ hosting: 'active' })
    expect(answer!.home).toEqual((await profiles.stored(home.id))!.record)
    await client.end(alice)
    expect((await client.agreement(home.id, alice.pledge!.next, alice))?.state).toBe('ended')
    expect(await client.record(alice.id)).toEqual(answer!.record)
    const moved = await versionOf(alice, { seq: 2, name: 'moved' })
    await client.putRecord(alice.id, moved.record)
    expect(await client.record(alice.id)).toEqual(moved.record)
    expect(await client.profile(alice.id)).toMatchObject({ hosting: 'ended', record: moved.record })
    await expect(client.putRecord(alice.id, first.record)).rejects.toMatchObject({ status: 409, refusal: 'ROLLED_BACK' })
    expect(await home.stats()).toMatchObject({ hosted: 0 })
  })

  test('that takes anybody takes so many new ones from one address, and those whom it has, or whom it invited, whenever they ask', async () => {
    const limits = { burstAgreements: 2, agreementsPerHour: 0 }
    const { home, client, close } = await openHome({ settings: { policy: 'open' }, limits })
    const [alice, bob, carol] = await Promise.all([2, 3, 4].map(signerOf)) as [Signer, Signer, Signer]
    for (const persona of [alice, bob, alice]) await client.agree(requestOf(persona), home.id, persona)
    await expect(client.agree(requestOf(carol), home.id, carol)).rejects.toMatchObject({ status: 429, refusal: 'TOO_MANY_REQUESTS' })
    await client.end(alice)
    await expect(client.agree(requestOf(alice), home.id, alice)).rejects.toMatchObject({ status: 429 })
    expect((await client.agree(requestOf(bob), home.id, bob)).state).toBe('offered')
    await close()
    const inviting = await openHome({ settings: { policy: 'invitation' }, limits })
    const { voucher } = await inviting.home.invite({ uses: 3 })
    for (const persona of [alice, bob, carol]) await inviting.client.agree(requestOf(persona, { voucher }), inviting.home.id, persona)
  })

  test('says where it is in its own profile, HTTP first', async () => {
    const { home, profiles } = await openHome({ addresses: () => ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGRUVh1uHdF1HBZqFFCYQmBHLVYnhMUjiX9hbMTAZbyNw'] })
    const { document } = await profiles.resolve(home.id)
    expect(document.kind).toBe('home')
    expect(document.addrs).toEqual([`/ip4/127.0.0.1/tcp/${new URL(home.url!).port}/http`, '/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGRUVh1uHdF1HBZqFFCYQmBHLVYnhMUjiX9hbMTAZbyNw'])
    expect(home.link).toMatch(/^mercury:k51\w+\?addr=/)
  })
})
