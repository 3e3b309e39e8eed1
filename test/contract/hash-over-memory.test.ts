import { createHashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { testHashStore } from '../../src/testing/index.ts'

testHashStore('a hash store over memory', { create: async () => ({ open: async () => createHashStore(createMemoryStore()) }) })
