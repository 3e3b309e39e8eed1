import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPledge, createSigner, createMemoryStore, verifyAcceptance, type KeyValueStore, type Signer } from '../../../src/index.ts'
import { isHeld } from '../../../src/home/books/agreement-entry.ts'
import { termsDigest } from '../../../src/hosting/agreement.ts'
import { createInvitation } from '../../../src/hosting/invitation.ts'
import { DAY_MS, HOUR_MS } from '../../../src/limits.ts'
import { signerOf } from '../../client/world.ts'
import { requestOf, versionOf } from '../running-home.ts'
import { keysOf, openBooks, type OpenBooks } from './open-books.ts'

/** The same profile, pledged to another key. */
const pledgedElsewhere = async (seed: number): Promise<Signer> => {
  const key = new Uint8Array(32).fill(seed)
  const other = await createSigner(new Uint8Array(32).fill(seed + 50))
  return createSigner(key, { pledge: await createPledge(await createSigner(key), other.publicKey) })
}

/** The persona publishes a document with the home's acceptance, or without. */
const publish = async (books: OpenBooks, persona: Signer, seq: number, { ours = true, gone = false } = {}): Promise<'active' | 'ended' | undefined> => {
  const found = await books.agreements.read(persona.id)
  const { acceptance } = books.agreements.describe(persona.id, found!.entry, { usedBytes: 0, addresses: [] })
  const { record, document } = await versionOf(persona, { seq, homes: ours ? [acceptance] : [], now: books.now(), gone })
  await books.profiles.accept({ record, document }, { id: persona.id, wait: 'local' })
  await books.hosting.taken(persona.id, { record, document })
  return (await books.agreements.read(persona.id))?.entry.state as 'active' | 'ended'
}

describe('an agreement', () => {
  test('is offered with an acceptance that verifies, and asked for again is the same one', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    const { entry, isNew } = await books.agreements.offer(requestOf(alice))
    const { acceptance, lapsesAt } = books.agreements.describe(alice.id, entry, { usedBytes: 0, addresses: ['/dns/home.example/tcp/443/https'] })
    expect(isNew).toBe(true)
    expect(await verifyAcceptance(acceptance, { persona: alice.id, next: alice.pledge!.next })).toEqual({ home: books.home.id })
    expect(lapsesAt).toBe(Math.floor((books.now() + 24 * HOUR_MS) / 1_000))
    books.sleep(HOUR_MS)
    expect(await books.agreements.offer(requestOf(alice))).toEqual({ entry, isNew: false })
    expect(await books.agreements.count()).toBe(1)
    expect(await books.hosting.standing(alice.id)).toBe('offered')
  })

  test('becomes active by a document that carries it, and ends by one that does not', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    expect(await publish(books, alice, 1, { ours: false })).toBe('offered')
    expect(await publish(books, alice, 2)).toBe('active')
    expect(await publish(books, alice, 3)).toBe('active')
    books.sleep(25 * HOUR_MS)
    await books.chores.run()
    expect(await books.hosting.standing(alice.id)).toBe('active')
    expect(await publish(books, alice, 4, { ours: false })).toBe('ended')
    expect(await books.agreements.count()).toBe(0)
    expect(await books.hosting.standing(alice.id)).toBe('ended')
  })

  test('does not become active by an acceptance that is not its own', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    const other = await openBooks()
    other.sleep(1_000)
    const { entry } = await other.agreements.offer(requestOf(alice))
    const { acceptance } = other.agreements.describe(alice.id, entry, { usedBytes: 0, addresses: [] })
    const { record, document } = await versionOf(alice, { seq: 1, homes: [acceptance], now: books.now() })
    await books.hosting.taken(alice.id, { record, document })
    expect(await books.hosting.standing(alice.id)).toBe('offered')
  })

  test('is not ended by a document that is no longer the newest', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    await publish(books, alice, 2)
    const old = await versionOf(alice, { seq: 1, now: books.now() })
    await books.hosting.taken(alice.id, old)
    expect(await books.hosting.standing(alice.id)).toBe('active')
  })

  test('that has ended is followed by a new one, with a new acceptance', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    const { entry: first } = await books.agreements.offer(requestOf(alice))
    await publish(books, alice, 1)
    expect((await books.agreements.end(alice.id))?.state).toBe('ended')
    expect((await books.agreements.end(alice.id))?.endedAt).toBe(books.now())
    books.sleep(5_000)
    const { entry: second, isNew } = await books.agreements.offer(requestOf(alice))
    expect(isNew).toBe(true)
    expect(second.since).toBe(first.since + 5)
    expect(await books.agreements.count()).toBe(1)
  })

  test('ends with a tombstone, which is kept for good and admits no other', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    await publish(books, alice, 1)
    expect(await publish(books, alice, 2, { gone: true })).toBe('ended')
    await expect(books.agreements.offer(requestOf(alice))).rejects.toMatchObject({ code: 'GONE' })
    books.sleep(31 * DAY_MS)
    await books.chores.run()
    expect(await books.agreements.read(alice.id)).toBeUndefined()
    expect(await books.profiles.stored(alice.id)).toBeDefined()
    expect(await books.hosting.standing(alice.id)).toBe('kept')
  })
})

describe('a pledge', () => {
  test('is witnessed for good: while it is offered, after the end, after the ban, and when it is forgotten', async () => {
    const books = await openBooks()
    const [alice, thief] = [await signerOf(2), await pledgedElsewhere(2)]
    const contested = async (): Promise<void> => expect(books.agreements.offer(requestOf(thief))).rejects.toMatchObject({ code: 'PLEDGE_CONTESTED' })
    await books.agreements.offer(requestOf(alice))
    await contested()
    await publish(books, alice, 1)
    await contested()
    await books.agreements.end(alice.id)
    await contested()
    books.sleep(31 * DAY_MS)
    await books.chores.run()
    expect(await books.agreements.read(alice.id)).toBeUndefined()
    await contested()
    await books.bans.ban(alice.id, 'spam')
    await expect(books.agreements.offer(requestOf(thief))).rejects.toMatchObject({ code: 'BANNED' })
    await books.bans.unban(alice.id)
    await contested()
    await expect(books.agreements.offer(requestOf(alice, { next: null, pledge: undefined }))).rejects.toMatchObject({ code: 'PLEDGE_CONTESTED' })
    await books.agreements.offer(requestOf(alice))
  })

  test('that there will be none is one, too', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer({ persona: alice.id, next: null })
    await expect(books.agreements.offer(requestOf(alice))).rejects.toMatchObject({ code: 'PLEDGE_CONTESTED' })
  })

  test('is one, before whichever read of one process another one is faster', async () => {
    const [alice, thief] = [await signerOf(2), await pledgedElsewhere(2)]
    for (let reads = 1, interrupted = true; interrupted; reads++) {
      const state = createMemoryStore()
      const rival = await openBooks({ state })
      interrupted = false
      let left = reads
      const slow = await openBooks({ state: { ...state, get: async (key, options) => {
        if (--left === 0) {
          interrupted = true
          await rival.agreements.offer(requestOf(thief))
        }
        return state.get(key, options)
      } } })
      const outcome = await slow.agreements.offer(requestOf(alice)).then(() => 'offered', (error) => error.code)
      expect([reads, outcome]).toEqual([reads, interrupted ? 'PLEDGE_CONTESTED' : 'offered'])
      const { entry } = (await rival.agreements.read(alice.id))!
      expect(entry.next).toEqual((interrupted ? thief : alice).pledge!.next)
    }
  })

  test('is one of two that race, in two processes over one state', async () => {
    for (let round = 0; round < 20; round++) {
      const state = createMemoryStore()
      const [one, two] = [await openBooks({ state }), await openBooks({ state })]
      const [alice, thief] = [await signerOf(2), await pledgedElsewhere(2)]
      const outcomes = await Promise.allSettled([one.agreements.offer(requestOf(alice)), two.agreements.offer(requestOf(thief)), two.agreements.offer(requestOf(alice)), one.agreements.offer(requestOf(thief))])
      const nexts = new Set(outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.entry.next!.join()] : [])))
      const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
      expect(nexts.size).toBe(1)
      expect(refusals).toEqual(['PLEDGE_CONTESTED', 'PLEDGE_CONTESTED'])
      expect(await one.agreements.count()).toBe(1)
    }
  })
})

describe('a home', () => {
  test('takes as many as it says, whoever is asked', async () => {
    const state = createMemoryStore()
    const homes = [await openBooks({ state, maxProfiles: 5 }), await openBooks({ state, maxProfiles: 5 })]
    const personas = await Promise.all(Array.from({ length: 12 }, (_, i) => signerOf(i + 2)))
    const outcomes = await Promise.allSettled(personas.map((persona, i) => homes[i % 2]!.agreements.offer(requestOf(persona))))
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(5)
    expect(new Set(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])))).toEqual(new Set(['HOME_FULL']))
    expect(await homes[0]!.agreements.count()).toBe(5)
    const held = personas[outcomes.findIndex(({ status }) => status === 'fulfilled')]!
    await homes[1]!.agreements.end(held.id)
    const left = personas[outcomes.findIndex(({ status }) => status === 'rejected')]!
    await homes[0]!.agreements.offer(requestOf(left))
    expect(await homes[0]!.agreements.count()).toBe(5)
  })

  test('that is closed takes nobody, and keeps whom it has', async () => {
    const state = createMemoryStore()
    const [open, closed] = [await openBooks({ state }), await openBooks({ state, policy: 'closed' })]
    const [alice, bob] = [await signerOf(2), await signerOf(3)]
    const { entry } = await open.agreements.offer(requestOf(alice))
    expect((await closed.agreements.offer(requestOf(alice))).entry).toEqual(entry)
    await expect(closed.agreements.offer(requestOf(bob))).rejects.toMatchObject({ code: 'HOME_CLOSED' })
  })

  test('with terms takes who agrees to them as they are', async () => {
    const books = await openBooks({ terms: 'Be kind.' })
    const alice = await signerOf(2)
    await expect(books.agreements.offer(requestOf(alice))).rejects.toMatchObject({ code: 'TERMS_CHANGED' })
    await expect(books.agreements.offer(requestOf(alice, { terms: termsDigest('Be kind') }))).rejects.toMatchObject({ code: 'TERMS_CHANGED' })
    await books.agreements.offer(requestOf(alice, { terms: termsDigest('Be kind.') }))
  })

  test('relays for the peers of those whom it hosts, and for no others', async () => {
    const books = await openBooks()
    const [alice, peer, other] = [await signerOf(2), await signerOf(7), await signerOf(8)]
    await books.agreements.offer(requestOf(alice, { peer: (await import('../../../src/index.ts')).formatProfileId(peer.id, 'peer') }))
    expect(await books.relaysFor(peer.id)).toBe(true)
    expect(await books.relaysFor(other.id)).toBe(false)
    await books.agreements.end(alice.id)
    expect(await books.relaysFor(peer.id)).toBe(false)
    await expect(books.agreements.offer(requestOf(await signerOf(3), { peer: '../../etc' }))).rejects.toMatchObject({ code: 'INVALID_PEER' })
  })

  test('whose agreements end says until when, and lets its owner ask for another', async () => {
    const books = await openBooks({ agreementDays: 10 })
    const alice = await signerOf(2)
    const { entry } = await books.agreements.offer(requestOf(alice))
    expect(entry.until).toBe(entry.since + 10 * 86_400)
    await publish(books, alice, 1)
    books.sleep(10 * DAY_MS)
    await books.chores.run()
    expect(await books.hosting.standing(alice.id)).toBe('ended')
    expect((await books.agreements.offer(requestOf(alice))).isNew).toBe(true)
  })
})

describe('an offer', () => {
  test('lapses when it is not used, and leaves nothing but the pledge', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    await publish(books, alice, 1, { ours: false })
    books.sleep(24 * HOUR_MS - 1)
    await books.chores.run()
    expect(await books.hosting.standing(alice.id)).toBe('offered')
    books.sleep(1)
    await books.chores.run()
    expect(await books.hosting.standing(alice.id)).toBe('none')
    expect(await books.profiles.stored(alice.id)).toBeUndefined()
    expect(await keysOf(books.state)).toEqual(['count', `witness/${alice.id}`])
    expect(await books.agreements.count()).toBe(0)
  })

  test('does not lapse when the document that carries it was taken just before a crash', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    const { entry } = await books.agreements.offer(requestOf(alice))
    const { acceptance } = books.agreements.describe(alice.id, entry, { usedBytes: 0, addresses: [] })
    await books.profiles.accept(await versionOf(alice, { seq: 1, homes: [acceptance], now: books.now() }), { id: alice.id, wait: 'local' })
    books.sleep(25 * HOUR_MS)
    await books.chores.run()
    expect(await books.hosting.standing(alice.id)).toBe('active')
  })

  test('after an agreement leaves that one ended as it was', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    await publish(books, alice, 1)
    await books.agreements.end(alice.id)
    const endedAt = books.now()
    books.sleep(DAY_MS)
    await books.agreements.offer(requestOf(alice))
    books.sleep(2 * DAY_MS)
    await books.chores.run()
    expect((await books.agreements.read(alice.id))?.entry).toMatchObject({ state: 'ended', endedAt })
    expect(await books.profiles.stored(alice.id)).toBeDefined()
    books.sleep(27 * DAY_MS)
    await books.chores.run()
    expect(await books.profiles.stored(alice.id)).toBeUndefined()
  })

  test('of a voucher is counted once, however often it is asked for', async () => {
    const books = await openBooks({ policy: 'invitation' })
    const voucher = await createInvitation({ expires: Math.floor(books.now() / 1_000) + 60, uses: 1 }, books.home)
    const [alice, bob] = [await signerOf(2), await signerOf(3)]
    await Promise.all([1, 2, 3].map(() => books.agreements.offer(requestOf(alice, { voucher }))))
    await expect(books.agreements.offer(requestOf(bob, { voucher }))).rejects.toMatchObject({ code: 'INVITATION_USED' })
    await books.agreements.offer(requestOf(alice))
  })
})

describe('what has ended', () => {
  test('is forgotten after 30 days, with its backups, and not before', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    await publish(books, alice, 1)
    await books.backups.put(alice.id, 'vault', new Uint8Array(10), { condition: 'none', quota: 100 })
    await books.agreements.end(alice.id)
    books.sleep(29 * DAY_MS)
    expect(await publish(books, alice, 2, { ours: false })).toBe('ended')
    books.sleep(DAY_MS - 1)
    await books.chores.run()
    expect(await books.profiles.stored(alice.id)).toMatchObject({ sequence: 2n })
    expect(await books.hosting.standing(alice.id)).toBe('ended')
    expect(await books.backups.list(alice.id)).toHaveLength(1)
    books.sleep(1)
    await books.chores.run()
    expect(await books.profiles.stored(alice.id)).toBeUndefined()
    expect(await books.hosting.standing(alice.id)).toBe('none')
    expect(await keysOf(books.state)).toEqual(['count', `witness/${alice.id}`])
  })

  test('is kept on where the program kept it before', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.profiles.publish({ name: 'Alice' }, alice, { wait: 'local', first: true })
    expect(await books.hosting.standing(alice.id)).toBe('kept')
    await books.agreements.offer(requestOf(alice))
    await books.agreements.end(alice.id)
    books.sleep(31 * DAY_MS)
    await books.chores.run()
    expect(await books.hosting.standing(alice.id)).toBe('kept')
    expect(await books.profiles.stored(alice.id)).toBeDefined()
  })
})

describe('a ban', () => {
  test('ends the agreement and stops serving at once, and unbanned he may ask again', async () => {
    const books = await openBooks()
    const alice = await signerOf(2)
    await books.agreements.offer(requestOf(alice))
    await publish(books, alice, 1)
    await books.bans.ban(alice.id, 'spam')
    expect(await books.hosting.standing(alice.id)).toBe('banned')
    expect(await books.agreements.count()).toBe(0)
    await books.chores.run()
    expect(await books.profiles.stored(alice.id)).toBeUndefined()
    expect(await books.bans.get(alice.id)).toEqual({ reason: 'spam', at: books.now() })
    await expect(books.agreements.offer(requestOf(alice))).rejects.toMatchObject({ code: 'BANNED' })
    expect(await books.bans.unban(alice.id)).toBe(true)
    expect(await books.bans.unban(alice.id)).toBe(false)
    await books.agreements.offer(requestOf(alice))
  })

  test('and an offer that race never leave both', async () => {
    for (let round = 0; round < 20; round++) {
      const state = createMemoryStore()
      const [one, two] = [await openBooks({ state }), await openBooks({ state })]
      const alice = await signerOf(2)
      await Promise.allSettled([one.agreements.offer(requestOf(alice)), two.bans.ban(alice.id, ''), two.agreements.offer(requestOf(alice))])
      expect(await one.hosting.standing(alice.id)).toBe('banned')
      expect(isHeld((await one.agreements.read(alice.id))?.entry)).toBe(false)
      expect(await one.agreements.count()).toBe(0)
    }
  })
})

describe('what another process does between the look and the write of an offer', () => {
  /** A view of `state` that lets `other` act just before an agreement is written for the first time. */
  const interrupted = (state: KeyValueStore, other: () => Promise<unknown>): KeyValueStore => {
    let isOver = false
    return {
      ...state,
      async batch (operations, options) {
        if (!isOver && operations.some(({ type, key }) => type === 'put' && key.startsWith('home/agreement/'))) {
          isOver = true
          await other()
        }
        return state.batch(operations, options)
      }
    }
  }

  test.each([
    ['a ban', 'BANNED', async (other: OpenBooks) => other.bans.ban((await signerOf(2)).id, '')],
    ['the last place', 'HOME_FULL', async (other: OpenBooks) => other.agreements.offer(requestOf(await signerOf(3)))],
    ['another pledge', 'PLEDGE_CONTESTED', async (other: OpenBooks) => other.agreements.offer(requestOf(await pledgedElsewhere(2)))]
  ] as const)('counts: %s', async (_, code, act) => {
    const state = createMemoryStore()
    const other = await openBooks({ state, maxProfiles: 1 })
    const books = await openBooks({ state: interrupted(state, () => act(other)), maxProfiles: 1 })
    await expect(books.agreements.offer(requestOf(await signerOf(2)))).rejects.toMatchObject({ code })
    expect(await other.agreements.count()).toBe(code === 'BANNED' ? 0 : 1)
  })

  test('counts: the last use of a voucher', async () => {
    const state = createMemoryStore()
    const other = await openBooks({ state, policy: 'invitation' })
    const voucher = await createInvitation({ expires: Math.floor(other.now() / 1_000) + 60 }, other.home)
    const books = await openBooks({ state: interrupted(state, async () => other.agreements.offer(requestOf(await signerOf(3), { voucher }))), policy: 'invitation' })
    await expect(books.agreements.offer(requestOf(await signerOf(2), { voucher }))).rejects.toMatchObject({ code: 'INVITATION_USED' })
  })
})

test('whatever happens in whatever order, the count and the indexes say what the entries say', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('offer', 'publish', 'leave', 'end', 'ban', 'unban', 'gone', 'sleep', 'chores'), fc.integer({ min: 2, max: 4 }), fc.boolean()), { maxLength: 25 }), async (steps) => {
    const state = createMemoryStore()
    const processes = [await openBooks({ state, maxProfiles: 2 }), await openBooks({ state, maxProfiles: 2 })] as const
    let seq = 0
    for (const [step, seed, second] of steps) {
      const books = processes[Number(second)]!
      const persona = await signerOf(seed)
      const doIt = async (): Promise<unknown> => {
        if (step === 'offer') return books.agreements.offer(requestOf(persona))
        if (step === 'publish') return publish(books, persona, ++seq)
        if (step === 'leave') return publish(books, persona, ++seq, { ours: false })
        if (step === 'gone') return publish(books, persona, ++seq, { gone: true })
        if (step === 'end') return books.agreements.end(persona.id)
        if (step === 'ban') return books.bans.ban(persona.id, '')
        if (step === 'unban') return books.bans.unban(persona.id)
        if (step === 'chores') return books.chores.run()
        return processes.map(({ sleep }) => sleep(11 * DAY_MS))
      }
      await doIt().catch(() => undefined)
    }
    const keys = await keysOf(state)
    const entries = await Promise.all([2, 3, 4].map(async (seed) => ({ id: (await signerOf(seed)).id, found: await processes[0].agreements.read((await signerOf(seed)).id) })))
    expect(await processes[0].agreements.count()).toBe(entries.filter(({ found }) => isHeld(found?.entry)).length)
    expect(await processes[0].agreements.count()).toBeLessThanOrEqual(2)
    for (const { id, found } of entries) expect(keys.filter((key) => /^chore\/\d+\/(lapse|end|forget)/.test(key) && key.endsWith(id)).length).toBe(found?.entry.due === undefined ? 0 : 1)
  }), { numRuns: 40 })
})
