import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openMercury, type Mercury } from '../../src/node.ts'
import { openBittorrentNetwork, type BittorrentNetwork } from '../bittorrent-network.ts'
import { signerOf } from '../client/world.ts'

const alice = await signerOf(1)
let network: BittorrentNetwork
let folder: string
const opened: Mercury[] = []

beforeAll(async () => {
  network = await openBittorrentNetwork()
  folder = await mkdtemp(join(tmpdir(), 'mercury-bittorrent-'))
})
afterAll(async () => {
  for (const mercury of opened) await mercury.close()
  await network.close()
  await rm(folder, { recursive: true })
})

const open = async (name: string): Promise<Mercury> => {
  const place = `bittorrent://127.0.0.1:0?bootstrap=${network.bootstrap.join(',')}`
  const mercury = await openMercury({ directory: join(folder, name), blocks: place, routers: [place], signers: (id) => (id === alice.id ? alice : undefined) })
  opened.push(mercury)
  return mercury
}

it('publishes and resolves over BitTorrent alone, with one node for blocks and names and none of IPFS', async () => {
  const author = await open('author')
  expect(author).not.toHaveProperty('helia')
  const small = await author.profiles.publish({ name: 'Alice' }, alice, { wait: 'all', first: true })
  expect(small.receipts.map(({ target, outcome }) => `${target} ${outcome}`).sort()).toEqual(['bittorrent delivered', 'blocks delivered'])
  expect((await (await open('reader')).profiles.resolve(alice.id)).profile.name).toBe('Alice')

  // The document no longer rides in its record, and the record no longer in one item.
  await author.profiles.publish({ name: 'Alice, at length', 'org.example/story': 'x'.repeat(20_000) }, alice, { wait: 'all' })
  const stranger = await open('stranger')
  expect(await stranger.profiles.resolve(alice.id)).toMatchObject({ freshness: 'confirmed', profile: { name: 'Alice, at length' } })
  expect((await readdir(join(folder, 'author'))).sort()).toEqual(['state'])
})
