import { openFsStore } from '../../src/adapters/fs.ts'
import { createGroupCommit } from '../../src/store/group-commit.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { testHashStore, testKeyValueStore } from '../../src/testing/index.ts'
import { closingBelow, inDirectory } from './in-directory.ts'

testKeyValueStore('the file store', inDirectory((location) => openFsStore({ location })))

testKeyValueStore('group commit over the file store', inDirectory(async (location) => {
  const files = await openFsStore({ location })
  return closingBelow(createGroupCommit(files), files)
}))

testHashStore('a hash store over the file store', inDirectory(async (location) => {
  const files = await openFsStore({ location })
  return closingBelow(createHashStore(files), files)
}))
