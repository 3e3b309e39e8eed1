import { afterAll, beforeAll } from 'vitest'
import { openPostgresStore } from '../../src/adapters/postgres.ts'
import { createGroupCommit } from '../../src/store/group-commit.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { testHashStore, testKeyValueStore, type Factory } from '../../src/testing/index.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { openPostgresService, type PostgresService } from '../services/postgres.ts'
import { describeWithService } from '../services/service.ts'
import { closingBelow } from './in-directory.ts'

describeWithService('PostgreSQL', 'a PostgreSQL database', () => {
  let service: PostgresService
  let tables = 0
  beforeAll(async () => { service = await openPostgresService() })
  afterAll(() => service.close())

  /** Opens a subject over a table of its own for every clause. */
  const inTable = <Subject>(openOver: (store: KeyValueStore) => Subject): Factory<Subject> => ({
    async create () {
      const table = `subject_${++tables}`
      return { open: async () => openOver(await openPostgresStore({ url: service.url, table })) }
    }
  })

  testKeyValueStore('the PostgreSQL store', inTable((store) => store))
  testKeyValueStore('group commit over the PostgreSQL store', inTable((store) => closingBelow(createGroupCommit(store), store)))
  testHashStore('a hash store over the PostgreSQL store', inTable((store) => closingBelow(createHashStore(store), store)))
})
