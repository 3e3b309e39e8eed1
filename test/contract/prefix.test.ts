import { createMemoryStore } from '../../src/store/memory-store.ts'
import { createPrefixStore } from '../../src/store/prefix-store.ts'
import { testKeyValueStore } from '../../src/testing/index.ts'

testKeyValueStore('a view behind a prefix', {
  create: async () => ({
    maxKeyBytes: 1_024 - 11,
    async open () {
      const store = createMemoryStore()
      for (const key of ['inne', 'inner 0', 'inner/\uffff', 'inner/😀', 'outer']) await store.put(key, new Uint8Array())
      return createPrefixStore(store, 'inner/😁/')
    }
  })
})
