import { afterEach, expect, it } from 'vitest'
import { createBittorrentRouter, createBittorrentStore, openBittorrentNode, type BittorrentNode } from '../../src/adapters/bittorrent/index.ts'
import { createHashStore, createMemoryStore, createProfiles, createSigner, createTieredStore, type HashStore, type Profiles, type ProfilesOptions, type Signer } from '../../src/index.ts'
import { openBittorrentNetwork, type BittorrentNetwork } from '../bittorrent-network.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

const openNetwork = async (): Promise<BittorrentNetwork> => {
  const network = await openBittorrentNetwork(5)
  closers.push(network.close)
  return network
}

const openProfiles = (node: BittorrentNode, signers: readonly Signer[] = [], options: Partial<ProfilesOptions> = {}): Profiles => {
  const profiles = createProfiles({ blocks: createBittorrentStore(node), routers: [createBittorrentRouter(node, { signers })], state: createMemoryStore(), volatile: true, ...options })
  closers.push(async () => profiles.close())
  return profiles
}

const bio = 'x'.repeat(4_000)
const notes = { 'org.example/notes': 'y'.repeat(20_000) }

it.each([
  ['rides in its record, in one item', {}],
  ['rides in its record, in pieces', { bio }],
  ['is a block of its own', { bio, ...notes }]
])('a profile is published on one node and resolved on another, when its document %s', async (_, attributes) => {
  const network = await openNetwork()
  const alice = await createSigner(new Uint8Array(32).fill(1))
  const publisher = openProfiles(await network.join(), [alice])
  const reader = openProfiles(await network.join())
  const published = await publisher.publish({ name: 'Alice', ...attributes }, alice, { first: true, wait: 'all' })
  expect(published.pending).toEqual([])
  const { profile, cid, freshness, source } = await reader.resolve(alice.id)
  expect({ name: profile.name, bio: profile.bio, cid: cid.toString(), freshness, source }).toEqual({ name: 'Alice', bio: 'bio' in attributes ? bio : undefined, cid: published.cid.toString(), freshness: 'confirmed', source: 'bittorrent' })
  await publisher.edit(alice, (draft) => ({ ...draft, name: 'Alice Liddell' }), { wait: 'all' })
  expect((await reader.resolve(alice.id, { policy: 'all' })).profile.name).toBe('Alice Liddell')
})

it('the block of a document that does not ride along fills a faster tier', async () => {
  const network = await openNetwork()
  const alice = await createSigner(new Uint8Array(32).fill(1))
  await openProfiles(await network.join(), [alice]).publish({ name: 'Alice', bio, ...notes }, alice, { first: true, wait: 'all' })
  const node = await network.join()
  const fast: HashStore = createHashStore(createMemoryStore(), { space: 'bittorrent' })
  const { cid } = await openProfiles(node, [], { blocks: createTieredStore([fast, createBittorrentStore(node)]) }).resolve(alice.id)
  expect(await fast.get(cid, { offline: true })).toBeDefined()
})

it('an unknown profile is not found, and nobody to ask is unreachable', async () => {
  const { id } = await createSigner(new Uint8Array(32).fill(7))
  const network = await openNetwork()
  await expect(openProfiles(await network.join()).resolve(id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const alone = await openBittorrentNode({ host: '127.0.0.1' })
  closers.push(alone.close)
  await expect(openProfiles(alone).resolve(id)).rejects.toMatchObject({ code: 'UNREACHABLE' })
})
