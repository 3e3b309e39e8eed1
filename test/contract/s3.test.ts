import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { createS3Store } from '../../src/adapters/s3.ts'
import { testHashStore, testHashStoreFaults } from '../../src/testing/index.ts'
import { mountSmallDisk, roomOn } from '../adapters/small-disk.ts'
import { openFaults } from '../services/faults.ts'
import { openS3Service, type S3Service } from '../services/s3.ts'
import { describeWithService } from '../services/service.ts'

const DISK_MEBIBYTES = 16

describeWithService('S3', 'an S3 server', () => {
  let service: S3Service
  let disk: Awaited<ReturnType<typeof mountSmallDisk>>

  beforeAll(async () => {
    disk = await mountSmallDisk(DISK_MEBIBYTES)
    service = await openS3Service('location' in disk ? { location: disk.location } : {})
  })
  afterAll(async () => {
    await service.close()
    if ('unmount' in disk) await disk.unmount()
  })

  const freshBucket = async (): Promise<string> => {
    const bucket = `blocks-${randomBytes(8).toString('hex')}`
    await service.createBucket(bucket)
    return bucket
  }

  testHashStore('an S3 store', {
    async create () {
      const bucket = await freshBucket()
      return { open: async () => createS3Store({ endpoint: service.endpoint, credentials: service.credentials, bucket, prefix: 'mercury/', allowPrivate: true }) }
    }
  })

  testHashStoreFaults('an S3 store', {
    async create () {
      const bucket = await freshBucket()
      const faults = await openFaults(service)
      const endpoint = `http://127.0.0.1:${faults.port}`
      const { accessKeyId, secretAccessKey } = service.credentials
      const wrong = { accessKeyId, secretAccessKey: 'another-secret' }
      return {
        faults,
        secrets: [secretAccessKey, wrong.secretAccessKey],
        open: async () => createS3Store({ endpoint, credentials: service.credentials, bucket, allowPrivate: true }),
        openRefused: async () => createS3Store({ endpoint, credentials: wrong, bucket, allowPrivate: true }),
        ...('location' in disk ? roomOn(disk.location, DISK_MEBIBYTES) : {}),
        destroy: () => faults.close()
      }
    }
  })
})
