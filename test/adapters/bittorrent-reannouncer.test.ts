import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createBittorrentRouter, createBittorrentStore } from '../../src/adapters/bittorrent/index.ts'
import { keysOfSlot, startReannouncer, type Keeper, type Reannouncer, type Wait } from '../../src/adapters/bittorrent/reannouncer.ts'
import { utf8 } from '../../src/bytes.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { DAY_MS, HOUR_MS } from '../../src/limits.ts'
import { verifyIpnsRecord } from '../../src/naming/record.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { openBittorrentNetwork, type BittorrentNetwork } from '../bittorrent-network.ts'
import { signProfile } from '../signed-profile.ts'

const SLOTS = 360
const closers: (() => Promise<void>)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

/** Waits that pass at once, until `slots` slots have run; then none does. */
const hurry = (slots: number, onWait: (ms: number) => void = () => undefined) => {
  const over = Promise.withResolvers<void>()
  let passed = 0
  const wait: Wait = async (ms, signal) => {
    onWait(ms)
    if (passed++ < slots) return
    over.resolve()
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
  }
  return { wait, over: over.promise }
}

const openNetwork = async (): Promise<BittorrentNetwork> => {
  const network = await openBittorrentNetwork(5)
  closers.push(network.close)
  return network
}

const start = (options: Parameters<typeof startReannouncer>[0]): Reannouncer => {
  const reannouncer = startReannouncer(options)
  closers.push(async () => reannouncer.close())
  return reannouncer
}

describe('the round', () => {
  const names = Array.from({ length: 10_000 }, (_, i) => createHash('sha1').update(String(i)).digest('hex'))

  const keepAll = async (): Promise<{ keeper: Keeper; countByName: Map<string, number>; counts: number[] }> => {
    const store = createMemoryStore()
    for (const name of names) await store.put(`kept/${name}`, new Uint8Array())
    const countByName = new Map<string, number>()
    const counts: number[] = []
    const keeper: Keeper = async function * (slot) {
      let count = 0
      for await (const [key] of store.entries(keysOfSlot('kept/', slot))) {
        yield async () => {
          count++
          countByName.set(key, (countByName.get(key) ?? 0) + 1)
        }
      }
      counts.push(count)
    }
    return { keeper, countByName, counts }
  }

  it.each([0, 1_234_567, HOUR_MS - 1])('puts each of 10,000 once in an hour and evenly, whenever the node was opened: %i ms', async (opened) => {
    let ms = opened
    const { wait, over } = hurry(SLOTS, (duration) => { ms += duration })
    const { keeper, countByName, counts } = await keepAll()
    start({ wait, now: () => ms }).add(keeper)
    await over
    // The wait after the last slot has begun.
    expect(ms - opened).toBe(HOUR_MS + 10_000)
    expect([...countByName.values()]).toEqual(names.map(() => 1))
    // 27.8 on average; chance alone makes none of 360 slots twice as full.
    expect(Math.max(...counts)).toBeLessThan(56)
    expect(Math.min(...counts)).toBeGreaterThan(5)
  })

  it('goes on at its pace after a sleep of the machine, and takes longer when putting does', async () => {
    let ms = 0
    const waits: number[] = []
    const { wait, over } = hurry(SLOTS, (duration) => { waits.push(duration); ms += duration })
    const { keeper, countByName, counts } = await keepAll()
    let slot = 0
    start({ wait, now: () => ms }).add(async function * (range, signal) {
      slot++
      if (slot === 5) ms += 7 * HOUR_MS
      if (slot === 9) ms += 4_000
      yield * keeper(range, signal)
    })
    await over
    expect(waits.slice(0, 11)).toEqual([10_000, 10_000, 10_000, 10_000, 10_000, 0, 10_000, 10_000, 10_000, 6_000, 10_000])
    expect([...countByName.values()]).toEqual(names.map(() => 1))
    expect(Math.max(...counts)).toBeLessThan(56)
  })

  it('one that fails or cannot be read holds up no other', async () => {
    const { wait, over } = hurry(3)
    const done: string[] = []
    const reannouncer = start({ wait, now: () => 0 })
    reannouncer.add(async function * () { yield async () => { throw new Error('down') }; yield async () => { done.push('second') } })
    reannouncer.add(async function * () { throw new Error('unreadable') })
    reannouncer.add(async function * () { yield async () => { done.push('third') } })
    const end = reannouncer.add(async function * () { yield async () => { done.push('ended') } })
    end()
    await over
    expect(done).toEqual(['second', 'third', 'second', 'third', 'second', 'third'])
  })

  it('no more than 8 are put at once', async () => {
    const { wait, over } = hurry(1)
    let [running, most] = [0, 0]
    start({ wait, now: () => 0 }).add(async function * () {
      for (let i = 0; i < 30; i++) {
        yield async () => {
          most = Math.max(most, ++running)
          await new Promise((resolve) => setImmediate(resolve))
          running--
        }
      }
    })
    await over
    expect(most).toBe(8)
  })
})

describe('what is kept', () => {
  it('blocks and names are put again within the hour, each once, after a restart and into a DHT that has forgotten them', async () => {
    const [before, after] = [await openNetwork(), await openNetwork()]
    const [blocks, names] = [createMemoryStore(), createMemoryStore()]
    const texts = Array.from({ length: 12 }, (_, i) => utf8(`block ${i}`))
    const profiles = await Promise.all(Array.from({ length: 6 }, (_, i) => signProfile({ seed: i + 1 })))
    const first = await before.join()
    const store = createBittorrentStore(first, { state: blocks })
    for (const text of texts) await store.put(await cidOf(text, RAW), text)
    const router = createBittorrentRouter(first, { signers: profiles.map(({ signer }) => signer), state: names })
    for (const { signer, record } of profiles) await router.put(signer.id, record)
    await store.unpin(await cidOf(texts[0]!, RAW))
    await store.close()
    await router.close()
    await before.close()

    let slot = 0
    const putsBySlot = new Map<number, Set<string>>()
    const { wait, over } = hurry(SLOTS, () => { slot++ })
    for (const node of after.plain) node.on('put', (key: Buffer) => putsBySlot.set(slot, (putsBySlot.get(slot) ?? new Set()).add(key.toString('hex'))))
    const begin = Promise.withResolvers<void>()
    const second = await after.join({ wait: async (ms, signal) => { await begin.promise; await wait(ms, signal) } })
    createBittorrentStore(second, { state: blocks })
    createBittorrentRouter(second, { state: names })
    begin.resolve()
    await over

    const puts = [...putsBySlot.values()].flatMap((keys) => [...keys])
    expect(puts).toHaveLength(11 * 3 + 6)
    expect(new Set(puts).size).toBe(11 * 3 + 6)
    expect(Math.max(...[...putsBySlot.values()].map(({ size }) => size))).toBeLessThanOrEqual(3 * 3 + 1)
    const reader = await after.join()
    for (const text of texts.slice(1)) expect(await createBittorrentStore(reader).get(await cidOf(text, RAW))).toEqual(text)
    for (const { signer, record } of profiles) expect(await Array.fromAsync(createBittorrentRouter(reader).get(signer.id))).toEqual([record])
    expect(await createBittorrentStore(reader).get(await cidOf(texts[0]!, RAW))).toBeUndefined()
  })

  it('a name is let go when its record has run out, and when the DHT holds a newer one', async () => {
    const network = await openNetwork()
    const state = createMemoryStore()
    const [alice, bob, carol] = [await signProfile({ seed: 1, validityMs: 1_000 }), await signProfile({ seed: 2 }), await signProfile({ seed: 3 })]
    const begin = Promise.withResolvers<void>()
    const { wait, over } = hurry(SLOTS)
    const node = await network.join({ wait: async (ms, signal) => { await begin.promise; await wait(ms, signal) } })
    const router = createBittorrentRouter(node, { signers: [alice.signer, bob.signer, carol.signer], state })
    for (const { signer, record } of [alice, bob, carol]) await router.put(signer.id, record)
    const newer = await signProfile({ seed: 2, seq: 2, validityMs: DAY_MS })
    await createBittorrentRouter(await network.join(), { signers: [await createSigner(new Uint8Array(32).fill(2))] }).put(bob.signer.id, newer.record)
    const { validUntil } = await verifyIpnsRecord(alice.signer.id, alice.record)
    while (Date.now() <= validUntil.getTime()) await new Promise((resolve) => setTimeout(resolve, 20))
    begin.resolve()
    await over
    const kept = await Array.fromAsync(state.entries())
    expect(kept.map(([key]) => key)).toEqual([`names/${Buffer.from(carol.signer.publicKey).toString('hex')}`])
  })
})
