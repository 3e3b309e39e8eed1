import { createHashStore, type HashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import { createTieredStore } from '../../src/store/tiered-store.ts'
import { testHashStore } from '../../src/testing/index.ts'

const refuse = async (): Promise<never> => { throw new NotSupportedError('writing') }
const readOnly = (store: HashStore): HashStore => ({ ...store, supports: { put: false, pin: false, persistence: true, network: false }, put: refuse, pin: refuse, unpin: refuse })

testHashStore('a tiered store of two', { create: async () => ({ open: async () => createTieredStore([createHashStore(createMemoryStore()), createHashStore(createMemoryStore())]) }) })

testHashStore('a tiered store of one that reads alone and one that writes', { create: async () => ({ open: async () => createTieredStore([readOnly(createHashStore(createMemoryStore())), createHashStore(createMemoryStore())]) }) })

testHashStore('a tiered store of one that reads alone', {
  async create () {
    const memory = createMemoryStore()
    return { open: async () => createTieredStore([readOnly(createHashStore(memory))]), give: (cid, bytes) => createHashStore(memory).put(cid, bytes) }
  }
})
