import { createMemoryStore } from '../../src/store/memory-store.ts'
import { testKeyValueStore } from '../../src/testing/index.ts'

testKeyValueStore('the memory store', { create: async () => ({ open: async () => createMemoryStore() }) })
