import { createGroupCommit } from '../../src/store/group-commit.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { testKeyValueStore } from '../../src/testing/index.ts'

testKeyValueStore('group commit', { create: async () => ({ open: async () => createGroupCommit(createMemoryStore()) }) })
