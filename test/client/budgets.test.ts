import { describe, expect, it } from 'vitest'
import { createHashStore, createLocalRouter, createMemoryStore, type Avatar, type HashStore, type KeyValueStore, type NameRouter } from '../../src/index.ts'
import { openDevice, signerOf } from './world.ts'

const alice = await signerOf(1)
const draft = { name: 'Alice Liddell', bio: 'Curious. Follows rabbits.', tags: ['botany', 'chess'], location: { lat: 51.7548, lon: -1.2544, precision: 5_000 }, links: [{ label: 'Blog', url: 'https://alice.example' }], listed: true }

/** Work done, as an outsider would see it. */
interface Work { writes: number; reads: number; scans: number; asked: number; sent: number; blocksRead: number; blocksWritten: number; bytes: number }

const none = (): Work => ({ writes: 0, reads: 0, scans: 0, asked: 0, sent: 0, blocksRead: 0, blocksWritten: 0, bytes: 0 })

const counted = (work: () => Work) => {
  const countStore = (store: KeyValueStore): KeyValueStore => ({
    ...store,
    get: (key, options) => { work().reads++; return store.get(key, options) },
    put: (key, value, options) => { work().writes++; return store.put(key, value, options) },
    delete: (key, options) => { work().writes++; return store.delete(key, options) },
    batch: (operations, options) => { work().writes++; return store.batch(operations, options) },
    entries: (range, options) => { work().scans++; return store.entries(range, options) }
  })
  const countRouter = (router: NameRouter): NameRouter => ({
    ...router,
    put: async (id, record, options) => { work().sent++; work().bytes += record.byteLength; return router.put(id, record, options) },
    get: async function * (id, options) {
      work().asked++
      for await (const record of router.get(id, options)) {
        work().bytes += record.byteLength
        yield record
      }
    }
  })
  const countBlocks = (blocks: HashStore): HashStore => ({
    ...blocks,
    put: (cid, bytes, options) => { work().blocksWritten++; return blocks.put(cid, bytes, options) },
    get: async (cid, options) => {
      work().blocksRead++
      const bytes = await blocks.get(cid, options)
      work().bytes += bytes?.byteLength ?? 0
      return bytes
    }
  })
  return { countStore, countRouter, countBlocks }
}

const openCounted = () => {
  let work = none()
  const { countStore, countRouter, countBlocks } = counted(() => work)
  const names = createMemoryStore()
  const blocks = createHashStore(createMemoryStore())
  const open = () => openDevice({ state: countStore(createMemoryStore()), routers: [countRouter(createLocalRouter(names))], blocks: countBlocks(blocks) }).profiles
  const measure = async (journey: () => Promise<unknown>): Promise<Work> => {
    work = none()
    await journey()
    return work
  }
  return { open, measure }
}

describe('work of the journeys', () => {
  it('a first publish: one question, one write, one record and one block sent', async () => {
    const { open, measure } = openCounted()
    const profiles = open()
    const local = await measure(() => profiles.publish(draft, alice, { wait: 'local', first: true }))
    expect(local).toMatchObject({ writes: 1, asked: 0 })
    await profiles.flush()
    const other = open()
    const all = await measure(async () => { await other.publish({ ...draft, name: 'Bob' }, await signerOf(2), { wait: 'all' }) })
    expect(all).toMatchObject({ asked: 1, sent: 1, blocksWritten: 1, blocksRead: 0 })
    expect(all.bytes).toBeLessThan(2_000)
  })

  it('a publish with a picture: two writes more to attach it and two to hand it over, none for what an edit leaves as it was', async () => {
    const { open, measure } = openCounted()
    const profiles = open()
    const publish = (change: object) => measure(() => profiles.publish({ ...draft, ...change }, alice, { wait: 'all', first: true }))
    await publish({})
    const without = await publish({ bio: 'Another.' })
    expect(without).toMatchObject({ writes: 6, reads: 11, scans: 1, blocksWritten: 1, blocksRead: 0 })
    let avatar: Avatar | undefined
    const attached = await measure(async () => { avatar = await profiles.attach(new Uint8Array(9_000), { type: 'image/png' }) })
    expect(attached).toEqual({ ...none(), writes: 2, reads: 1, blocksWritten: 1 })
    const withPicture = await publish({ avatar })
    expect(withPicture).toMatchObject({ writes: without.writes + 2, reads: without.reads + 2, scans: without.scans + 1, asked: without.asked, sent: without.sent, blocksWritten: 1, blocksRead: 1 })
    const reused = await publish({ avatar, bio: 'Another.' })
    expect(reused).toMatchObject({ writes: without.writes + 1, scans: without.scans + 1, blocksWritten: 1 })
    const edited = await measure(() => profiles.edit(alice, (before) => ({ ...before, bio: 'One more.' }), { wait: 'all' }))
    expect(edited).toMatchObject({ writes: without.writes, scans: without.scans })
  })

  it('a resolve by who has never seen the profile: one question, no block, under 1,024 bytes, one write', async () => {
    const { open, measure } = openCounted()
    await open().publish(draft, alice, { wait: 'all' })
    const reader = open()
    const cold = await measure(() => reader.resolve(alice.id))
    expect(cold).toMatchObject({ asked: 1, blocksRead: 0, writes: 1 })
    expect(cold.bytes).toBeLessThan(1_024)
    const warm = await measure(() => reader.resolve(alice.id))
    expect(warm).toMatchObject({ asked: 1, blocksRead: 0, writes: 0 })
    const offline = await measure(() => reader.resolve(alice.id, { policy: 'offline' }))
    expect(offline).toMatchObject({ asked: 0, blocksRead: 0, writes: 0, bytes: 0 })
  })

  it('a resolve of a document that does not ride in its record: one question, one block', async () => {
    const { open, measure } = openCounted()
    await open().publish({ ...draft, 'org.example.app/filler': 'x'.repeat(12_000) }, alice, { wait: 'all' })
    const reader = open()
    expect(await measure(() => reader.resolve(alice.id))).toMatchObject({ asked: 1, blocksRead: 1, writes: 1 })
    expect(await measure(() => reader.resolve(alice.id))).toMatchObject({ asked: 1, blocksRead: 0, writes: 0 })
  })
})
