import { openLevelStore } from '../../src/adapters/level.ts'
import { createGroupCommit } from '../../src/store/group-commit.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { createPrefixStore } from '../../src/store/prefix-store.ts'
import { createTieredStore } from '../../src/store/tiered-store.ts'
import { testHashStore, testKeyValueStore } from '../../src/testing/index.ts'
import { closingBelow, inDirectory } from './in-directory.ts'

testKeyValueStore('the LevelDB store', inDirectory((location) => openLevelStore({ location })))

testKeyValueStore('group commit over the LevelDB store', inDirectory(async (location) => {
  const level = await openLevelStore({ location })
  return closingBelow(createGroupCommit(level), level)
}))

testHashStore('a hash store over the LevelDB store', inDirectory(async (location) => {
  const level = await openLevelStore({ location })
  return closingBelow(createHashStore(createPrefixStore(level, 'blocks/')), level)
}))

testHashStore('a tiered store of memory and LevelDB', inDirectory(async (location) => {
  const level = await openLevelStore({ location })
  return closingBelow(createTieredStore([createHashStore(createMemoryStore()), createHashStore(level)]), level)
}))
