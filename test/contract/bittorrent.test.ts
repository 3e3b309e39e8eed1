import { MAX_BITTORRENT_BLOCK_BYTES, createBittorrentRouter, createBittorrentStore, type BittorrentNode } from '../../src/adapters/bittorrent/index.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { testHashStore, testNameRouter } from '../../src/testing/index.ts'
import { openBittorrentNetwork } from '../bittorrent-network.ts'

/** A DHT of five nodes of the library and one of ours for every clause: nothing that one put is there for the next. */
const inNetwork = <Subject>(open: (node: BittorrentNode) => Promise<() => Promise<Subject>>) => ({
  async create () {
    const network = await openBittorrentNetwork(5)
    return { open: await open(await network.join()), maxBlockBytes: MAX_BITTORRENT_BLOCK_BYTES, destroy: async () => network.close() }
  }
})

testNameRouter('the BitTorrent DHT', inNetwork(async (node) => {
  const signers = await Promise.all([1, 2, 3, 4, 5].map((seed) => createSigner(new Uint8Array(32).fill(seed))))
  return async () => createBittorrentRouter(node, { signers })
}))

testHashStore('BitTorrent with a store of its own', inNetwork(async (node) => {
  const memory = createMemoryStore()
  const state = { ...memory, supports: { ...memory.supports, persistence: true } }
  return async () => createBittorrentStore(node, { state })
}))

testHashStore('BitTorrent alone', {
  async create () {
    const setup = await inNetwork(async (node) => async () => createBittorrentStore(node)).create()
    return { ...setup, keepsNothing: true }
  }
})
