import { concat } from 'uint8arrays'
import { describe, expect, it, vi } from 'vitest'
import { createHashStore, createMemoryStore, createRecord, formatProfileId, signDocument, type NameRouter, type Signer } from '../../src/index.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { DAY_MS, HOUR_MS } from '../../src/limits.ts'
import { NOON, openDevice, openWorld, routerOf, signerOf } from './world.ts'

const alice = await signerOf(1)
const mallory = await signerOf(66)
const hour = NOON / 1_000

const recordOf = async (signer: Signer, { seq, name = `v${seq}`, prev = null, now = NOON, validityMs, big = false }: { seq: number; name?: string; prev?: Uint8Array | null; now?: number; validityMs?: number; big?: boolean }) => {
  const filler = 'x'.repeat(12_000)
  const signed = await signDocument({ name, ...(big ? { 'org.example.app/filler': filler } : {}) }, signer, { seq, prev, time: hour })
  return { signed, record: await createRecord(signed, signer, { now, ...(validityMs === undefined ? {} : { validityMs }) }) }
}

const giving = (name: string, ...records: Uint8Array[]): NameRouter => routerOf(name, async function * () { yield * records })

describe('resolve', () => {
  it('takes an ID in any spelling', async () => {
    const { profiles } = openDevice(openWorld())
    await profiles.publish({ name: 'Alice' }, alice)
    for (const as of ['ipns', 'did', 'peer'] as const) expect((await profiles.resolve(formatProfileId(alice.id, as))).id).toBe(alice.id)
    expect((await profiles.resolve(`mercury:${alice.id}?name=Alice`)).id).toBe(alice.id)
    await expect(profiles.resolve('k51nothing')).rejects.toMatchObject({ code: 'INVALID_PROFILE_ID' })
  })

  it('says NOT_FOUND when all answered no, UNREACHABLE when some did not answer, with what each did', async () => {
    const none = giving('none')
    const broken = routerOf('broken', () => { throw 'odd' })
    await expect(openDevice({ routers: [none] }).profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'NOT_FOUND', answers: [{ router: 'none', outcome: 'none' }] })
    await expect(openDevice({ routers: [none, broken] }).profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNREACHABLE', answers: [{ outcome: 'none' }, { outcome: 'failed', reason: 'odd' }] })
    await expect(openDevice({}).profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNREACHABLE', answers: [] })
    await expect(openDevice({ routers: [none] }).profiles.resolve(alice.id, { policy: 'offline' })).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  it('answers from what it knows when nobody confirms it, and says since when', async () => {
    const world = openWorld()
    await openDevice(world).profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    const state = createMemoryStore()
    await openDevice({ ...world, state }).profiles.resolve(alice.id)
    const offline = openDevice({ state, routers: [routerOf('down', () => { throw new Error('down') })] })
    offline.sleep(HOUR_MS)
    const resolved = await offline.profiles.resolve(alice.id)
    expect(resolved).toMatchObject({ freshness: 'cached', source: 'cache', profile: { name: 'Alice' }, checkedAt: new Date(NOON) })
  })

  it('remembers when the head was last confirmed', async () => {
    const world = openWorld()
    const device = openDevice(world)
    await device.profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    device.sleep(HOUR_MS)
    await device.profiles.resolve(alice.id)
    device.sleep(HOUR_MS)
    expect((await device.profiles.resolve(alice.id, { policy: 'offline' })).checkedAt).toEqual(new Date(NOON + HOUR_MS))
  })

  it('marks a profile whose record has expired', async () => {
    const { record } = await recordOf(alice, { seq: 5, validityMs: DAY_MS })
    const device = openDevice({ routers: [giving('r', record)] })
    expect(await device.profiles.resolve(alice.id)).toMatchObject({ freshness: 'confirmed', expiresAt: new Date(NOON + DAY_MS) })
    device.sleep(DAY_MS)
    expect(await device.profiles.resolve(alice.id)).toMatchObject({ freshness: 'expired', sequence: 5n })
  })

  it('does not show an older version in place of a name that now points elsewhere', async () => {
    const { record } = await recordOf(alice, { seq: 5 })
    const data = encodeCbor({ Value: new TextEncoder().encode('/ipfs/bafkqaaa'), Validity: new TextEncoder().encode('2033-01-01T00:00:00Z'), ValidityType: 0, Sequence: 6, TTL: 0 })
    const signature = await alice.sign(concat([new TextEncoder().encode('ipns-signature:'), data]))
    const elsewhere = concat([Uint8Array.of(0x42, 64), signature, Uint8Array.of(0x4a, data.byteLength), data])
    const device = openDevice({ routers: [giving('r', record, elsewhere)] })
    await expect(device.profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'NOT_A_PROFILE' })
  })
})

describe('a router that is not honest', () => {
  it('cannot forge: what is not authentic is refused with the reason', async () => {
    const world = openWorld()
    await openDevice(world).profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    const forged = (await recordOf(mallory, { seq: hour + 1_000 })).record
    const { answers, profile } = await openDevice({ routers: [giving('liar', forged), ...world.routers] }).profiles.resolve(alice.id, { policy: 'all' })
    expect(profile.name).toBe('Alice')
    expect(answers[0]).toMatchObject({ router: 'liar', outcome: 'invalid', code: 'INVALID_SIGNATURE' })
    await expect(openDevice({ routers: [giving('liar', forged)] }).profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNREACHABLE', answers: [{ outcome: 'invalid' }] })
  })

  it('cannot roll back what was seen, after a restart neither', async () => {
    const [v1, v2] = [await recordOf(alice, { seq: 1 }), await recordOf(alice, { seq: 2 })]
    const state = createMemoryStore()
    await openDevice({ state, routers: [giving('r', v2.record)] }).profiles.resolve(alice.id)
    for (const policy of ['first', 'all'] as const) {
      const resolved = await openDevice({ state, routers: [giving('r', v1.record)] }).profiles.resolve(alice.id, { policy })
      expect(resolved).toMatchObject({ sequence: 2n, freshness: 'cached', profile: { name: 'v2' }, answers: [{ outcome: 'older', reason: 'version 1 is older than 2' }] })
    }
  })

  it('does not hold up an honest one: endless, silent, throwing, lying and late routers are passed over', async () => {
    const { record } = await recordOf(alice, { seq: 7 })
    const forged = (await recordOf(mallory, { seq: 9 })).record
    const silent = routerOf('silent', async function * () { await new Promise(() => {}) })
    const endless = routerOf('endless', async function * () { while (true) yield forged })
    const odd = routerOf('odd', async function * () { yield 'text' as unknown as Uint8Array; yield new Uint8Array(20_000); throw null })
    const immediate = routerOf('immediate', () => { throw new Error('at once') })
    const routers = [silent, endless, odd, immediate, giving('honest', record)]
    const { answers, profile } = await openDevice({ routers, routerTimeoutMs: 60_000 }).profiles.resolve(alice.id)
    expect(profile.name).toBe('v7')
    const outcome = Object.fromEntries(answers.map((answer) => [answer.router, answer.outcome]))
    expect(outcome).toMatchObject({ silent: 'unfinished', honest: 'found', immediate: 'failed' })
    const all = await openDevice({ routers, routerTimeoutMs: 50 }).profiles.resolve(alice.id, { policy: 'all' })
    expect(Object.fromEntries(all.answers.map((answer) => [answer.router, answer.outcome]))).toEqual({ silent: 'timeout', endless: 'invalid', odd: 'invalid', immediate: 'failed', honest: 'found' })
  })

  it('is told to stop when the answer is there, and is left when it ignores that', async () => {
    const { record } = await recordOf(alice, { seq: 7 })
    let returned = false
    const leaving = routerOf('leaving', (_, options) => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise((_resolve, reject) => options?.signal?.addEventListener('abort', () => reject(options.signal!.reason as Error))), return: async () => { returned = true; return { done: true, value: undefined } } })
    }))
    await openDevice({ routers: [leaving, giving('honest', record)] }).profiles.resolve(alice.id)
    await vi.waitFor(() => expect(returned).toBe(true))
  })

  it('verifies the same bytes once, however often they are given', async () => {
    const { record } = await recordOf(alice, { seq: 7 })
    const many = Array.from({ length: 64 }, () => record)
    const { answers } = await openDevice({ routers: [giving('a', ...many), giving('b', ...many)] }).profiles.resolve(alice.id, { policy: 'all' })
    expect(answers.map(({ outcome }) => outcome)).toEqual(['found', 'found'])
  })

  it('cannot make a store of wrong blocks believed', async () => {
    const { record, signed } = await recordOf(alice, { seq: 7, big: true })
    const lying = { ...createHashStore(createMemoryStore()), get: async () => new Uint8Array([1, 2, 3]) }
    await expect(openDevice({ blocks: lying, routers: [giving('r', record)] }).profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    const silent = { ...lying, get: () => new Promise<never>(() => {}) }
    await expect(openDevice({ blocks: silent, blockTimeoutMs: 50, routers: [giving('r', record)] }).profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    const honest = { ...lying, get: async () => signed.bytes }
    expect((await openDevice({ blocks: honest, routers: [giving('r', record)] }).profiles.resolve(alice.id)).profile.name).toBe('v7')
  })
})

describe('head and floor', () => {
  it('shows the last verified version, marked behind, while the newest document cannot be had; and the newest as soon as it can', async () => {
    const v1 = await recordOf(alice, { seq: 1 })
    const v2 = await recordOf(alice, { seq: 2, big: true, prev: v1.signed.cid.multihash.digest })
    const state = createMemoryStore()
    const blocks = createHashStore(createMemoryStore())
    await openDevice({ state, blocks, routers: [giving('r', v1.record)] }).profiles.resolve(alice.id)
    const behind = await openDevice({ state, blocks, routers: [giving('r', v2.record)] }).profiles.resolve(alice.id)
    expect(behind).toMatchObject({ freshness: 'behind', sequence: 1n, profile: { name: 'v1' } })
    await blocks.put(v2.signed.cid, v2.signed.bytes)
    expect(await openDevice({ state, blocks, routers: [] }).profiles.resolve(alice.id)).toMatchObject({ sequence: 2n, profile: { name: 'v2' } })
  })

  it('reports two versions of one sequence as forked, the same winner whatever the order, until a higher one ends it', async () => {
    const [a, b] = [await recordOf(alice, { seq: 3, name: 'a' }), await recordOf(alice, { seq: 3, name: 'b' })]
    const seen = await Promise.all([[a.record, b.record], [b.record, a.record]].map(async (records) => {
      const device = openDevice({ routers: [giving('r', ...records)] })
      const both = openDevice({ state: device.state, routers: records.map((record, i) => giving(`r${i}`, record)) })
      return both.profiles.resolve(alice.id, { policy: 'all' })
    }))
    expect(seen[0]!.cid.equals(seen[1]!.cid)).toBe(true)
    expect(seen[0]!.fork?.records).toHaveLength(2)
    expect(seen[0]!.fork).toEqual(seen[1]!.fork)
    expect(seen[0]!.answers.map(({ outcome }) => outcome).sort()).toEqual(['fork', 'found'])

    const state = createMemoryStore()
    await openDevice({ state, routers: [giving('r', a.record)] }).profiles.resolve(alice.id)
    const one = openDevice({ state, routers: [giving('r', b.record)] })
    expect((await one.profiles.resolve(alice.id)).fork?.records).toHaveLength(2)
    expect((await one.profiles.resolve(alice.id, { policy: 'offline' })).fork?.records).toHaveLength(2)
    await one.profiles.publish({ name: 'over both' }, alice, { wait: 'local' })
    const after = await one.profiles.resolve(alice.id, { policy: 'offline' })
    expect(after).toMatchObject({ sequence: BigInt(hour) })
    expect(after.fork).toBeUndefined()
    expect((await one.profiles.fork(alice.id))?.records).toHaveLength(2)
  })

  it('reports a version that passed over the one it knew as a branch, and honest steps not', async () => {
    const v1 = await recordOf(alice, { seq: 1 })
    const digest = v1.signed.cid.multihash.digest
    const resolveOver = async (...records: Uint8Array[]) => {
      const state = createMemoryStore()
      for (const record of records.slice(0, -1)) await openDevice({ state, routers: [giving('r', record)] }).profiles.resolve(alice.id)
      return openDevice({ state, routers: [giving('r', records.at(-1)!)] }).profiles.resolve(alice.id)
    }
    const v2 = await recordOf(alice, { seq: 2, prev: digest })
    const sibling = await recordOf(alice, { seq: 9, prev: digest, name: 'sibling' })
    const orphan = await recordOf(alice, { seq: 9, name: 'orphan' })
    const later = await recordOf(alice, { seq: 9, prev: new Uint8Array(32), name: 'later' })
    const squeezed = await recordOf(alice, { seq: 3, prev: new Uint8Array(32), name: 'squeezed' })
    expect((await resolveOver(v1.record, v2.record)).branch).toBeUndefined()
    expect((await resolveOver(v1.record, v2.record, sibling.record)).branch).toBe(true)
    expect((await resolveOver(v1.record, v2.record, orphan.record)).branch).toBe(true)
    expect((await resolveOver(v1.record, v2.record, squeezed.record)).branch).toBe(true)
    expect((await resolveOver(v1.record, v2.record, later.record)).branch).toBeUndefined()
  })

  it('takes a record whose sequence a stock republisher raised, and refuses a document above its record', async () => {
    const { signed } = await recordOf(alice, { seq: 5 })
    const raised = await createRecord(signed, alice, { now: NOON, sequence: 9n })
    expect(await openDevice({ routers: [giving('r', raised)] }).profiles.resolve(alice.id)).toMatchObject({ sequence: 9n, document: { seq: 5 } })
    const device = openDevice({ routers: [giving('r', raised)] })
    await device.profiles.resolve(alice.id)
    expect((await device.profiles.publish({}, alice, { wait: 'local' })).sequence).toBe(BigInt(hour))
    await expect(createRecord(signed, alice, { sequence: 4n })).rejects.toMatchObject({ code: 'INVALID_RECORD' })
  })

  it('does not follow a second pledge, another kind, or a document that fell behind its own past', async () => {
    const other = await signerOf(1)
    const stranger = await signerOf(3)
    const { createPledge } = await import('../../src/index.ts')
    const contested = { ...other, pledge: await createPledge(other, stranger.publicKey) }
    const base = await recordOf(alice, { seq: 10 })
    const cases = [
      { code: 'CONTESTED', record: (await recordOf(contested, { seq: 11 })).record },
      { code: 'KIND_CHANGED', record: await signDocument({ kind: 'home' }, alice, { seq: 11, prev: null, time: hour }).then((signed) => createRecord(signed, alice, { now: NOON })) },
      { code: 'ROLLED_BACK', record: await signDocument({}, alice, { seq: 9, prev: null, time: hour }).then((signed) => createRecord(signed, alice, { now: NOON, sequence: 12n })) }
    ]
    for (const { code, record } of cases) {
      const state = createMemoryStore()
      await openDevice({ state, routers: [giving('r', base.record)] }).profiles.resolve(alice.id)
      await expect(openDevice({ state, routers: [giving('r', record)] }).profiles.resolve(alice.id)).rejects.toMatchObject({ code })
      expect((await openDevice({ state }).profiles.resolve(alice.id, { policy: 'offline' })).sequence).toBe(10n)
    }
    await expect(openDevice({ routers: [giving('r', base.record)] }).profiles.resolve(alice.id, { next: stranger.pledge!.next })).rejects.toMatchObject({ code: 'CONTESTED' })
    await expect(openDevice({ routers: [giving('r', base.record)] }).profiles.resolve(alice.id, { next: alice.pledge!.next })).resolves.toMatchObject({ sequence: 10n })
  })

  it('never falls back in silence from a version that it cannot read, but keeps and passes on its record', async () => {
    const v1 = await recordOf(alice, { seq: 1 })
    const strange = await signDocument({}, alice, { seq: 2, prev: null, time: hour }, { fields: { 'org.example.must': true } }).then(async ({ document }) => {
      const { sig: _, ...unsigned } = document
      const { signMap } = await import('../../src/identity/signed-map.ts')
      const body = { ...unsigned, crit: ['org.example.must'] }
      const bytes = encodeCbor({ ...body, sig: await signMap('mercury/profile/1', body, alice) })
      const { documentCid } = await import('../../src/profile/document.ts')
      return createRecord({ bytes, cid: await documentCid(bytes), document }, alice, { now: NOON })
    })
    const state = createMemoryStore()
    await openDevice({ state, routers: [giving('r', v1.record)] }).profiles.resolve(alice.id)
    const taken: Uint8Array[] = []
    const router = { ...giving('r', strange), put: async (_: unknown, record: Uint8Array) => { taken.push(record) } }
    const device = openDevice({ state, routers: [router] })
    await expect(device.profiles.resolve(alice.id)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(device.profiles.resolve(alice.id, { policy: 'offline' })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})

describe('watch', () => {
  it('yields the profile now, and each new version as it is published here or found by asking', async () => {
    const world = openWorld()
    const [writer, reader] = [openDevice(world).profiles, openDevice(world).profiles]
    await writer.publish({ name: 'one' }, alice, { wait: 'all' })
    const watching = reader.watch(alice.id, { intervalMs: 20 })[Symbol.asyncIterator]()
    expect((await watching.next()).value).toMatchObject({ profile: { name: 'one' } })
    await writer.publish({ name: 'two' }, alice, { wait: 'all' })
    expect((await watching.next()).value).toMatchObject({ profile: { name: 'two' } })
    const own = writer.watch(alice.id, { intervalMs: 3_600_000 })[Symbol.asyncIterator]()
    expect((await own.next()).value).toMatchObject({ profile: { name: 'two' } })
    const next = own.next()
    await writer.publish({ name: 'three' }, alice, { wait: 'local' })
    expect((await next).value).toMatchObject({ profile: { name: 'three' } })
    await own.return!()
    await watching.return!()
  })

  it('hears of a version from a router that announces it', async () => {
    const world = openWorld()
    const { promise, resolve } = Promise.withResolvers<void>()
    const announcing: NameRouter = { ...world.routers[0]!, name: 'announcing', watch: async function * () { await promise; yield new Uint8Array() } }
    const reader = openDevice({ ...world, routers: [announcing] }).profiles
    const watching = reader.watch(alice.id, { intervalMs: 3_600_000 })[Symbol.asyncIterator]()
    const first = watching.next()
    await openDevice(world).profiles.publish({ name: 'one' }, alice, { wait: 'all' })
    resolve()
    expect((await first).value).toMatchObject({ profile: { name: 'one' } })
    await watching.return!()
  })

  it('ends with the reason of its signal, with the client, or with the profile', async () => {
    const world = openWorld()
    const device = openDevice(world)
    await device.profiles.publish({ name: 'one' }, alice, { wait: 'all' })
    const cancel = new AbortController()
    const watching = device.profiles.watch(alice.id, { signal: cancel.signal })[Symbol.asyncIterator]()
    await watching.next()
    const next = watching.next()
    const reason = new Error('enough')
    cancel.abort(reason)
    await expect(next).rejects.toBe(reason)

    const other = device.profiles.watch(alice.id)[Symbol.asyncIterator]()
    await other.next()
    const gone = other.next()
    await device.profiles.remove(alice, { wait: 'all' })
    await expect(gone).rejects.toMatchObject({ code: 'GONE' })

    const bob = await signerOf(5)
    const third = device.profiles.watch(bob.id)[Symbol.asyncIterator]().next()
    await device.profiles.close()
    expect(await third).toEqual({ done: true, value: undefined })
  })
})

describe('keepAlive', () => {
  it('passes on what is due, in the reduced form, without the key, and not again before its time, after a restart neither', async () => {
    const { record } = await recordOf(alice, { seq: 7 })
    const altered = concat([record, Uint8Array.of(0x38, 0x01)])
    const taken: Uint8Array[] = []
    const router: NameRouter = { ...giving('r', altered), put: async (_, bytes) => { taken.push(bytes) } }
    const device = openDevice({ routers: [router] })
    await device.profiles.resolve(alice.id, { keep: true })
    await device.profiles.keepAlive()
    expect(taken).toEqual([])
    device.sleep(18 * HOUR_MS)
    await device.profiles.keepAlive()
    expect(taken).toEqual([record])
    await device.profiles.close()
    const restarted = openDevice({ state: device.state, routers: [router] })
    restarted.sleep(18 * HOUR_MS)
    await restarted.profiles.keepAlive()
    expect(taken).toHaveLength(1)
    restarted.sleep(18 * HOUR_MS)
    await restarted.profiles.keepAlive()
    expect(taken).toHaveLength(2)
  })

  it('does not keep what was only read, nor pass on what has expired', async () => {
    const { record } = await recordOf(alice, { seq: 7, validityMs: DAY_MS })
    const put = vi.fn(async () => {})
    const device = openDevice({ routers: [{ ...giving('r', record), put }] })
    await device.profiles.resolve(alice.id)
    device.sleep(18 * HOUR_MS)
    await device.profiles.keepAlive()
    expect(put).not.toHaveBeenCalled()
    await device.profiles.resolve(alice.id, { keep: true })
    device.sleep(2 * DAY_MS)
    await device.profiles.keepAlive()
    expect(put).not.toHaveBeenCalled()
  })

  it('spreads names evenly over its period, without a burst after all were kept at once', async () => {
    const put = vi.fn(async () => {})
    const quiet: NameRouter = { name: 'r', get: async function * () {}, put, close: async () => {} }
    const device = openDevice({ routers: [quiet], blocks: { ...createHashStore(createMemoryStore()), supports: { put: false, pin: false, persistence: false, network: false } } })
    const signers = await Promise.all(Array.from({ length: 400 }, (_, i) => import('../../src/index.ts').then(({ createSigner }) => createSigner(Uint8Array.from({ length: 32 }, (__, j) => (j === 0 ? i & 255 : j === 1 ? i >> 8 : 3))))))
    await Promise.all(signers.map((signer) => device.profiles.publish({}, signer, { wait: 'all', first: true })))
    put.mockClear()
    const perHour: number[] = []
    for (let i = 0; i < 36; i++) {
      device.sleep(HOUR_MS)
      const before = put.mock.calls.length
      await device.profiles.keepAlive()
      perHour.push(put.mock.calls.length - before)
    }
    const mean = 400 / 12
    expect(perHour.slice(0, 6).every((count) => count === 0)).toBe(true)
    expect(Math.max(...perHour)).toBeLessThan(2 * mean)
    expect(Math.min(...perHour.slice(18))).toBeGreaterThan(0)
  })

  it('lets the owner renew a record with under 300 days left: a longer validity at the same sequence and value', async () => {
    const world = openWorld()
    const device = openDevice(world)
    const { sequence, cid } = await device.profiles.publish({ name: 'Alice' }, alice, { wait: 'all' })
    device.sleep(65 * DAY_MS)
    await device.profiles.keepAlive({ signers: [alice] })
    expect((await device.profiles.resolve(alice.id)).expiresAt).toEqual(new Date(NOON + 365 * DAY_MS))
    device.sleep(DAY_MS)
    const refreshed: boolean[] = []
    await device.profiles.keepAlive({ signers: [alice], onProgress: (kept) => refreshed.push(kept.refreshed) })
    const resolved = await openDevice(world).profiles.resolve(alice.id)
    expect(refreshed).toEqual([true])
    expect(resolved).toMatchObject({ sequence, expiresAt: new Date(NOON + (365 + 66) * DAY_MS) })
    expect(resolved.cid.equals(cid)).toBe(true)
  })
})
