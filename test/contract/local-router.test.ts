import { createLocalRouter } from '../../src/naming/local-router.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { testNameRouter } from '../../src/testing/index.ts'

testNameRouter('the local router', {
  async create () {
    const store = createMemoryStore()
    return { open: async () => createLocalRouter(store) }
  }
})
