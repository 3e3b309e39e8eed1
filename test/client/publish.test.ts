import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { createHashStore, createMemoryStore, createRecord, signDocument, type NameRouter } from '../../src/index.ts'
import { HOUR_MS } from '../../src/limits.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { NOON, openDevice, openWorld, routerOf, signerOf } from './world.ts'

const alice = await signerOf(1)
const hour = NOON / 1_000

describe('publish', () => {
  it('makes version after version over the one before', async () => {
    const { profiles } = openDevice(openWorld())
    const first = await profiles.publish({ name: 'Alice' }, alice)
    const second = await profiles.publish({ name: 'Alice L.' }, alice)
    expect(first.sequence).toBe(BigInt(hour))
    expect(second.sequence).toBe(BigInt(hour + 1))
    const { document, profile } = await profiles.resolve(alice.id)
    expect(profile.name).toBe('Alice L.')
    expect(document.prev).toEqual(first.cid.multihash.digest)
    expect(document.time).toBe(hour)
  })

  it('reaches another device in one look-up, without asking anybody for a block', async () => {
    const world = openWorld()
    const published = await openDevice(world).profiles.publish({ name: 'Alice', listed: true }, alice, { wait: 'all' })
    expect(published.pending).toEqual([])
    expect(published.receipts.map(({ target }) => target).sort()).toEqual(['blocks', 'north', 'south'])
    const get = vi.spyOn(world.blocks, 'get')
    const resolved = await openDevice(world).profiles.resolve(alice.id, { policy: 'all' })
    expect(get).not.toHaveBeenCalled()
    expect(resolved).toMatchObject({ id: alice.id, sequence: published.sequence, freshness: 'confirmed', source: 'north', profile: { name: 'Alice', listed: true, kind: 'persona' } })
    expect(resolved.answers.map(({ router, outcome }) => [router, outcome])).toEqual([['north', 'found'], ['south', 'found']])
    expect(resolved.cid.equals(published.cid)).toBe(true)
  })

  it('fetches a document that does not ride in its record as one block', async () => {
    const world = openWorld()
    const bio = 'x'.repeat(4_000)
    await openDevice(world).profiles.publish({ name: 'Alice', bio, 'org.example.app/a': bio, 'org.example.app/b': bio }, alice, { wait: 'all' })
    const get = vi.spyOn(world.blocks, 'get')
    const { profile, recordBytes } = await openDevice(world).profiles.resolve(alice.id)
    expect(profile.bio).toBe(bio)
    expect(recordBytes.byteLength).toBeLessThan(500)
    expect(get).toHaveBeenCalledTimes(1)
  })

  it('takes one synced write when it is alone, and shares one when many come together', async () => {
    const memory = createMemoryStore()
    // A write takes as long as a disk's, so that others come meanwhile.
    const batch = vi.fn<typeof memory.batch>(async (operations) => { await sleep(5); await memory.batch(operations) })
    const { profiles } = openDevice({ state: { ...memory, batch }, blocks: { ...createHashStore(createMemoryStore()), supports: { put: false, pin: false, persistence: false, network: false } } })
    await profiles.publish({ name: 'Alice' }, alice, { wait: 'local' })
    expect(batch).toHaveBeenCalledTimes(1)
    const signers = await Promise.all(Array.from({ length: 64 }, (_, i) => signerOf(i + 2)))
    await Promise.all(signers.map((signer) => profiles.publish({ name: 'N' }, signer, { wait: 'local' })))
    expect(batch.mock.calls.length).toBeLessThan(1 + 64 / 2)
    await profiles.close()
  })

  it('goes on above the live version where a restored key knows none, and says which it found', async () => {
    const world = openWorld()
    const old = openDevice(world)
    old.sleep(48 * HOUR_MS)
    const { sequence } = await old.profiles.publish({ name: 'Alice', 'org.example.app/x': 1 }, alice, { wait: 'all' })
    const restored = openDevice(world)
    const published = await restored.profiles.publish({ name: 'Alice again' }, alice)
    expect(published.found).toEqual({ sequence, source: 'north' })
    expect(published.sequence).toBe(sequence + 1n)
    expect((await restored.profiles.resolve(alice.id)).document.attrs).toEqual({ name: 'Alice again', 'org.example.app/x': 1 })
    expect((await old.profiles.resolve(alice.id, { policy: 'all' })).profile.name).toBe('Alice again')
  })

  it('does not publish below a version that nobody could tell it of', async () => {
    const down = routerOf('down', () => { throw new Error('no network') }, async () => {})
    const { profiles } = openDevice({ routers: [down] })
    await expect(profiles.publish({ name: 'Alice' }, alice)).rejects.toMatchObject({ code: 'SEQUENCE_UNKNOWN', answers: [{ router: 'down', outcome: 'failed', reason: 'no network' }] })
    await expect(profiles.publish({ name: 'Alice' }, alice, { first: true })).resolves.toMatchObject({ pending: ['blocks'] })
  })

  it('goes above a record whose document nobody has', async () => {
    const world = openWorld()
    const bio = 'x'.repeat(4_000)
    const old = openDevice({ ...world, blocks: createHashStore(createMemoryStore()) })
    const { sequence } = await old.profiles.publish({ bio, 'org.example.app/a': bio, 'org.example.app/b': bio }, alice, { wait: 'all' })
    const restored = openDevice(world)
    await expect(restored.profiles.edit(alice, (draft) => draft)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(await restored.profiles.publish({ name: 'Alice' }, alice)).toMatchObject({ sequence: sequence + 1n, found: { sequence } })
  })

  it('refuses to go over another head than the caller read', async () => {
    const world = openWorld()
    const [phone, laptop] = [openDevice(world).profiles, openDevice(world).profiles]
    const first = await phone.publish({ name: 'Alice' }, alice, { wait: 'all' })
    await laptop.publish({ name: 'Alice on the laptop' }, alice, { after: first.cid, wait: 'all' })
    await expect(phone.publish({ name: 'Alice on the phone' }, alice, { after: first.cid })).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(openDevice({}).profiles.publish({}, alice, { after: first.cid })).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('edits what it read, and again when another process was faster', async () => {
    const state = createMemoryStore()
    const [one, other] = [openDevice({ state }).profiles, openDevice({ state }).profiles]
    await one.publish({ name: 'Alice', tags: ['chess'], 'org.example.app/x': 1, 'org.example.app/y': 2 }, alice)
    let calls = 0
    await one.edit(alice, async (draft) => {
      if (calls++ === 0) await other.edit(alice, (theirs) => ({ ...theirs, bio: 'From the other process' }))
      const { 'org.example.app/y': _, ...rest } = draft
      return { ...rest, tags: [...draft.tags!, 'botany'] }
    })
    expect(calls).toBe(2)
    expect((await one.resolve(alice.id, { policy: 'offline' })).document.attrs).toEqual({ name: 'Alice', bio: 'From the other process', tags: ['chess', 'botany'], 'org.example.app/x': 1 })
  })

  it('runs the writes of one profile one after another, each over the one before', async () => {
    const { profiles } = openDevice(openWorld())
    const published = await Promise.all(Array.from({ length: 8 }, (_, i) => profiles.edit(alice, (draft) => ({ ...draft, tags: [...(draft.tags ?? []), `t${i}`] }))))
    expect(new Set(published.map(({ sequence }) => sequence)).size).toBe(8)
    expect((await profiles.resolve(alice.id)).profile.tags).toHaveLength(8)
  })

  it('says that the clock is off when the version before is from the future', async () => {
    const { profiles, sleep } = openDevice({})
    sleep(3 * HOUR_MS)
    await profiles.publish({ name: 'Alice' }, alice)
    sleep(-3 * HOUR_MS)
    const warnings: unknown[] = []
    const published = await profiles.publish({ name: 'Alice' }, alice, { onProgress: (progress) => { if (progress.type === 'warning') warnings.push(progress.code) } })
    expect(warnings).toEqual(['CLOCK'])
    expect(published.sequence).toBe(BigInt(hour + 3 * 3_600 + 1))
  })

  it('refuses what is above every sequence, and bad drafts, without writing anything', async () => {
    const { profiles, state } = openDevice({})
    await expect(profiles.publish({ name: 5 as unknown as string }, alice)).rejects.toMatchObject({ code: 'INVALID_DRAFT', path: 'name' })
    const signed = await signDocument({}, alice, { seq: Number.MAX_SAFE_INTEGER, prev: null, time: hour })
    await profiles.accept({ document: signed.bytes, record: await createRecord(signed, alice, { now: NOON }) }, { wait: 'all' })
    const before = await Array.fromAsync(state.entries())
    await expect(profiles.publish({}, alice)).rejects.toMatchObject({ code: 'SEQUENCE_EXHAUSTED' })
    expect((await Array.fromAsync(state.entries())).map(([key]) => key)).toEqual(before.map(([key]) => key))
  })
})

describe('wait and deliver', () => {
  const slow = (name: string, until: Promise<void>): NameRouter => routerOf(name, async function * () {}, () => until)

  it('answers at once, after one router, or after all, and keeps the rest owed', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const [quick] = openWorld().routers
    const { profiles } = openDevice({ routers: [quick!, slow('slow', promise)] })
    const local = await profiles.publish({}, alice, { wait: 'local' })
    expect(local).toMatchObject({ receipts: [], pending: ['blocks', quick!.name, 'slow'] })
    const any = await profiles.publish({}, alice)
    expect(any.pending).toContain('slow')
    const all = profiles.publish({}, alice, { wait: 'all' })
    setTimeout(resolve, 20)
    expect((await all).pending).toEqual([])
  })

  it('says so when nobody took it; the version is safe and is sent by the next client over the same state', async () => {
    const taken: string[] = []
    let up = false
    const router = routerOf('flaky', async function * () {}, async (id) => {
      if (!up) throw new Error('down')
      taken.push(id)
    })
    const device = openDevice({ routers: [router] })
    await expect(device.profiles.publish({ name: 'Alice' }, alice)).rejects.toMatchObject({ code: 'UNDELIVERED', published: { id: alice.id, pending: ['flaky'] } })
    await device.profiles.close()
    up = true
    const reopened = openDevice({ routers: [router], state: device.state })
    expect(await Array.fromAsync(reopened.profiles.owed())).toEqual([{ id: alice.id, targets: ['flaky'] }])
    await reopened.profiles.keepAlive()
    expect(new Set(taken)).toEqual(new Set([alice.id]))
    expect(await Array.fromAsync(reopened.profiles.owed())).toEqual([])
    expect((await reopened.profiles.resolve(alice.id, { policy: 'offline' })).profile.name).toBe('Alice')
  })

  it('owes a newer version to everybody, whatever an older delivery reports late', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let puts = 0
    const router = routerOf('slow', async function * () {}, () => gates[puts++]!.promise)
    const device = openDevice({ routers: [router] })
    await device.profiles.publish({ name: 'one' }, alice, { wait: 'local' })
    await device.profiles.publish({ name: 'two' }, alice, { wait: 'local' })
    gates[0]!.resolve()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect((await Array.fromAsync(device.profiles.owed()))[0]?.targets).toContain('slow')
    gates[1]!.resolve()
    await vi.waitFor(async () => expect(await Array.fromAsync(device.profiles.owed())).toEqual([]))
  })

  it('ends the wait when the signal says so, but not the delivery', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const device = openDevice({ routers: [slow('slow', promise)] })
    const reason = new Error('enough')
    const cancel = new AbortController()
    const published = device.profiles.publish({}, alice, { signal: cancel.signal, onProgress: ({ type }) => { if (type === 'saved') cancel.abort(reason) } })
    await expect(published).rejects.toBe(reason)
    resolve()
    await vi.waitFor(async () => expect(await Array.fromAsync(device.profiles.owed())).toEqual([]))
  })

  it('gives up on a router that never answers and ignores the abort', async () => {
    const device = openDevice({ routers: [slow('dead', new Promise(() => {}))], deliveryTimeoutMs: 50 })
    await expect(device.profiles.publish({}, alice)).rejects.toMatchObject({ code: 'UNDELIVERED' })
  })

  it('close ends what is under way, and every later call', async () => {
    const device = openDevice({ routers: [slow('dead', new Promise(() => {}))] })
    await device.profiles.publish({}, alice, { wait: 'local' })
    await device.profiles.close()
    await expect(device.profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(device.profiles.publish({}, alice)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('remove', () => {
  it('is final, here and for everybody who has seen it', async () => {
    const world = openWorld()
    const device = openDevice(world)
    const reader = openDevice(world)
    await device.profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    const first = await reader.profiles.resolve(alice.id)
    await device.profiles.remove(alice, { wait: 'all' })
    for (const { profiles } of [device, reader, openDevice(world)]) await expect(profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'GONE' })
    await expect(device.profiles.publish({ name: 'Alice' }, alice)).rejects.toMatchObject({ code: 'GONE' })
    const late = await signDocument({ name: 'back' }, alice, { seq: hour + 9_999_999, prev: null, time: hour })
    const lateRecord = await createRecord(late, alice, { now: NOON })
    await expect(reader.profiles.accept({ record: lateRecord })).rejects.toMatchObject({ code: 'GONE' })
    for (const router of world.routers) await router.put(alice.id, lateRecord)
    await expect(reader.profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'GONE' })
    await expect(reader.profiles.accept({ record: first.recordBytes })).rejects.toMatchObject({ code: 'GONE' })
  })
})

describe('attach', () => {
  it('stores a picture as one raw block that is pinned with the profile and let go with it', async () => {
    const world = openWorld()
    const { profiles } = openDevice(world)
    const picture = crypto.getRandomValues(new Uint8Array(60_000))
    const avatar = await profiles.attach(picture, { type: 'image/png' })
    await profiles.publish({ name: 'Alice', avatar }, alice, { wait: 'all' })
    expect((await openDevice(world).profiles.resolve(alice.id)).profile.avatar).toEqual(avatar)
    expect(await world.blocks.get(avatar.cid)).toEqual(picture)
    await profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    expect(await world.blocks.get(avatar.cid)).toBeUndefined()
  })

  it('refuses what is empty, over 1 MiB or without a media type', async () => {
    const { profiles } = openDevice({})
    await expect(profiles.attach(new Uint8Array(1_048_577), { type: 'image/png' })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await expect(profiles.attach(new Uint8Array(1_048_576), { type: 'image/png' })).resolves.toMatchObject({ size: 1_048_576 })
    await expect(profiles.attach(new Uint8Array(), { type: 'image/png' })).rejects.toMatchObject({ code: 'INVALID_ATTACHMENT' })
    await expect(profiles.attach(new Uint8Array(1), { type: 'png' })).rejects.toMatchObject({ code: 'INVALID_ATTACHMENT' })
  })
})

describe('createProfiles', () => {
  it('refuses a state that forgets, and routers that cannot be told apart', () => {
    expect(() => openDevice({ volatile: false })).toThrow(expect.objectContaining({ code: 'VOLATILE_STATE' }))
    const state = { ...createMemoryStore(), supports: { persistence: true, atomicBatch: true, conditionalBatch: false } }
    expect(() => openDevice({ state })).toThrow(expect.objectContaining({ code: 'VOLATILE_STATE' }))
    const [router] = openWorld().routers
    expect(() => openDevice({ routers: [router!, router!] })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

it('a picture that cannot be had keeps nobody from reading the document', async () => {
  const blocks = createHashStore(createMemoryStore())
  const { profiles } = openDevice({ blocks })
  const avatar = { cid: await cidOf(new Uint8Array([1, 2, 3]), RAW), type: 'image/png', size: 3 }
  const { cid, pending } = await profiles.publish({ name: 'Alice', avatar }, alice, { wait: 'local', first: true })
  await profiles.flush()
  expect(pending).toEqual(['blocks'])
  expect(await blocks.get(cid)).toBeDefined()
  expect((await Array.fromAsync(profiles.owed())).map(({ targets }) => targets)).toEqual([['blocks']])
})
