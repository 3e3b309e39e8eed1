import { createHashStore } from '../../src/store/hash-store.ts'
import { createHashWeb } from '../../src/store/hash-web.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { testHashStore } from '../../src/testing/index.ts'

testHashStore('a hash web of two spaces', {
  create: async () => ({
    open: async () => createHashWeb({ spaces: [{ ...createHashStore(createMemoryStore()), space: 'other' }, createHashStore(createMemoryStore())], default: 'ipfs' })
  })
})
