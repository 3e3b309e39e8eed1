import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHeliaStore, openHeliaNode, type HeliaNodeOptions } from '../../src/adapters/helia/index.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import { testHashStore } from '../../src/testing/index.ts'

/** A store together with its node, so that closing the one closes the other. */
const openStore = async (options: HeliaNodeOptions): Promise<HashStore> => {
  const node = await openHeliaNode({ allowPrivate: true, ...options })
  const store = createHeliaStore(node.helia, { timeoutMs: 50, persistence: options.location !== undefined })
  return {
    ...store,
    async close () {
      await store.close()
      await node.close()
    }
  }
}

testHashStore('Helia in memory', { create: async () => ({ open: async () => openStore({}) }) })

testHashStore('Helia in a folder', {
  async create () {
    const location = await mkdtemp(join(tmpdir(), 'mercury-helia-'))
    return {
      open: async () => openStore({ location }),
      destroy: async () => rm(location, { recursive: true })
    }
  }
})
