import { describe, expect, it } from 'vitest'
import { signDocument, type NameRouter } from '../../src/index.ts'
import { HOUR_MS } from '../../src/limits.ts'
import { parseEnvelope } from '../../src/naming/envelope.ts'
import { readProfileRecord, verifyIpnsRecord } from '../../src/naming/record.ts'
import { ELSEWHERE, kuboRecord } from '../kubo-record.ts'
import { NOON, openDevice, openWorld, signerOf } from './world.ts'

const alice = await signerOf(1)
const key = new Uint8Array(32).fill(1)
const hour = BigInt(NOON / 1_000)

/** The record of `sequence` that points elsewhere, as routers have it after Kubo published it. */
const pointElsewhere = async (routers: readonly NameRouter[], sequence = 7n): Promise<void> => {
  const record = await kuboRecord(key, { sequence, now: NOON })
  for (const router of routers) await router.put(alice.id, record)
}

const recordIn = async (router: NameRouter): Promise<Uint8Array> => (await Array.fromAsync(router.get(alice.id)))[0]!

describe('a name that points to something else', () => {
  it('was made by software that writes V1 and V2, and is authentic', async () => {
    const record = await kuboRecord(key)
    expect(parseEnvelope(record)).toMatchObject({ signatureV1: expect.any(Uint8Array), signatureV2: expect.any(Uint8Array), sequence: 7n })
    expect(await verifyIpnsRecord(alice.id, record)).toMatchObject({ sequence: 7n })
    await expect(readProfileRecord(alice.id, record)).rejects.toMatchObject({ code: 'NOT_A_PROFILE' })
  })

  it('becomes a profile by its owner\'s first publish, which goes on from its sequence and says where it pointed', async () => {
    const world = openWorld()
    await pointElsewhere(world.routers)
    // A clock before every sequence, so that it is the next number that is taken and not the time.
    const { profiles } = openDevice({ ...world, clock: () => NOON % HOUR_MS })
    const published = await profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    expect(published).toMatchObject({ sequence: 8n, pending: [], found: { sequence: 7n, source: 'north', value: ELSEWHERE } })
    expect(await openDevice(world).profiles.resolve(alice.id)).toMatchObject({ sequence: 8n, profile: { name: 'Alice' }, document: { seq: 8, prev: null, kind: 'persona', next: alice.pledge!.next } })
  })

  it.each([[7n, hour], [hour + 7n, hour + 8n]])('is gone above from %i to %i: the time, or the next number where that is higher', async (before, after) => {
    const world = openWorld()
    await pointElsewhere(world.routers, before)
    expect(await openDevice(world).profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })).toMatchObject({ sequence: after, found: { sequence: before } })
    for (const router of world.routers) expect(await readProfileRecord(alice.id, await recordIn(router))).toMatchObject({ sequence: after })
  })

  it('is gone above also where one router alone knows of it', async () => {
    const world = openWorld()
    await pointElsewhere(world.routers.slice(1), hour + 7n)
    expect(await openDevice(world).profiles.publish({}, alice, { wait: 'all' })).toMatchObject({ sequence: hour + 8n, found: { source: 'south' } })
  })

  it('is left alone by who edits, removes or reads a profile there, and by who knows which version he publishes over', async () => {
    const world = openWorld()
    await pointElsewhere(world.routers)
    const { profiles, state } = openDevice(world)
    const { cid } = await signDocument({}, alice, { seq: 1, prev: null, time: 0 })
    const refused = { code: 'NOT_A_PROFILE', message: expect.stringContaining(ELSEWHERE) }
    await expect(profiles.edit(alice, (draft) => draft)).rejects.toMatchObject(refused)
    await expect(profiles.remove(alice)).rejects.toMatchObject(refused)
    await expect(profiles.resolve(alice.id)).rejects.toMatchObject(refused)
    await expect(profiles.publish({}, alice, { after: cid })).rejects.toMatchObject(refused)
    expect(await Array.fromAsync(state.entries())).toEqual([])
    expect((await verifyIpnsRecord(alice.id, await recordIn(world.routers[0]!))).sequence).toBe(7n)
  })
})

describe('a profile whose name was pointed elsewhere', () => {
  it('comes back over its last document, with what that fixed for good', async () => {
    const world = openWorld()
    const { profiles } = openDevice(world)
    const first = await profiles.publish({ kind: 'application', name: 'App', 'org.example.app/x': 1 }, alice, { wait: 'all' })
    await pointElsewhere(world.routers, first.sequence + 7n)
    await expect(profiles.resolve(alice.id, { policy: 'all' })).rejects.toMatchObject({ code: 'NOT_A_PROFILE' })
    const second = await profiles.publish({ name: 'App again' }, alice, { wait: 'all' })
    expect(second).toMatchObject({ sequence: first.sequence + 8n, found: { sequence: first.sequence + 7n, value: ELSEWHERE } })
    const { document } = await openDevice(world).profiles.resolve(alice.id)
    expect(document).toMatchObject({ kind: 'application', prev: first.cid.multihash.digest, attrs: { name: 'App again', 'org.example.app/x': 1 } })
    expect((await profiles.publish({ name: 'App' }, alice)).found).toBeUndefined()
  })

  it('comes back so on a device that knew nothing, where a router still has the document', async () => {
    const world = openWorld()
    const first = await openDevice(world).profiles.publish({ name: 'Alice', 'org.example.app/x': 1 }, alice, { wait: 'all' })
    await pointElsewhere(world.routers.slice(0, 1), first.sequence + 7n)
    const restored = openDevice(world).profiles
    expect(await restored.publish({ name: 'Alice again' }, alice, { wait: 'all' })).toMatchObject({ sequence: first.sequence + 8n })
    expect((await restored.resolve(alice.id)).document).toMatchObject({ prev: first.cid.multihash.digest, attrs: { name: 'Alice again', 'org.example.app/x': 1 } })
  })

  it('does not come back after it was removed', async () => {
    const world = openWorld()
    const { profiles } = openDevice(world)
    await profiles.publish({}, alice)
    const { sequence } = await profiles.remove(alice, { wait: 'all' })
    await pointElsewhere(world.routers, sequence + 7n)
    await expect(profiles.publish({}, alice)).rejects.toMatchObject({ code: 'GONE' })
  })

  it('is not confirmed by what points elsewhere', async () => {
    const world = openWorld()
    const device = openDevice(world)
    const { sequence } = await device.profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    await pointElsewhere(world.routers, sequence + 7n)
    device.sleep(HOUR_MS)
    const looked: unknown[] = []
    await device.profiles.publish({ name: 5 as unknown as string }, alice, { onProgress: (progress) => looked.push(progress) }).catch(() => undefined)
    expect(looked).toMatchObject([{ type: 'looked-up', sequence: sequence + 7n, answers: [{ outcome: 'found' }, { outcome: 'found' }] }])
    expect((await device.profiles.resolve(alice.id, { policy: 'offline' })).checkedAt).toEqual(new Date(NOON))
  })
})
