import { chmod, mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, it } from 'vitest'
import { openPostgresStore } from '../../src/adapters/postgres.ts'
import { createGroupCommit } from '../../src/store/group-commit.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { testHashStore, testKeyValueStore, testKeyValueStoreFaults, type Factory } from '../../src/testing/index.ts'
import { mountSmallDisk } from '../adapters/small-disk.ts'
import { executableOf } from '../services/executables.ts'
import { openFaults } from '../services/faults.ts'
import { openPostgresService, type PostgresService } from '../services/postgres.ts'
import { describeWithService } from '../services/service.ts'
import { closingBelow } from './in-directory.ts'

const MEBIBYTE = 1_048_576
const DISK_MEBIBYTES = 224
/** What a full disk leaves: less than the tests then write. */
const ROOM_BYTES = 8 * MEBIBYTE

const disk = executableOf('PostgreSQL') ? await mountSmallDisk(DISK_MEBIBYTES) : { reason: 'not needed' }
afterAll(() => ('reason' in disk ? undefined : disk.unmount()))

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

describeWithService('PostgreSQL', 'a PostgreSQL database with faults', () => {
  let service: PostgresService
  let tables = 0
  beforeAll(async () => { service = await openPostgresService('reason' in disk ? {} : { location: await folderOn(disk.location) }) })
  afterAll(() => service.close())

  testKeyValueStoreFaults('the PostgreSQL store', {
    async create () {
      const table = `subject_${++tables}`
      const faults = await openFaults(service, { encode: asBase64 })
      const url = service.url.replace(String(service.port), String(faults.port))
      const wrong = 'another-secret'
      return {
        faults,
        secrets: [service.password, wrong],
        open: () => openPostgresStore({ url, table }),
        openRefused: () => openPostgresStore({ url: url.replace(service.password, wrong), table }),
        ...('reason' in disk ? {} : {
          fill: () => fillDisk(disk.location),
          async makeRoom () {
            await rm(join(disk.location, 'filler'))
            // A server that could not write its log may have ended.
            await service.stop().catch(() => undefined)
            await service.start()
          }
        }),
        destroy: () => faults.close()
      }
    }
  })
  if ('reason' in disk) it.skip(`a full server (${disk.reason})`)
})

/** As PostgreSQL writes it: lines of 76. */
const asBase64 = (content: Uint8Array): Uint8Array => Buffer.from(Buffer.from(content).toString('base64').replaceAll(/.{76}(?=.)/g, '$&\n'))

/** Where a server that does not run as root may work. */
const folderOn = async (location: string): Promise<string> => {
  await chmod(location, 0o711)
  await mkdir(join(location, 'postgres'))
  return join(location, 'postgres')
}

const fillDisk = async (location: string): Promise<void> => {
  const { bavail, bsize } = await statfs(location)
  await writeFile(join(location, 'filler'), new Uint8Array(Math.max(0, bavail * bsize - ROOM_BYTES)))
}
