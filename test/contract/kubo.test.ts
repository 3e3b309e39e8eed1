import { afterAll, beforeAll } from 'vitest'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { createKuboRouter, createKuboStore } from '../../src/adapters/kubo/index.ts'
import type { NameRouter } from '../../src/naming/name-router.ts'
import { testHashStore, testHashStoreFaults, testNameRouter, testNameRouterFaults } from '../../src/testing/index.ts'
import { mountSmallDisk, roomOn } from '../adapters/small-disk.ts'
import { openFaults } from '../services/faults.ts'
import { openKuboNetwork, openKuboService, type KuboService } from '../services/kubo.ts'
import { describeWithService } from '../services/service.ts'

/** Room for a repository and the blocks of the clauses. */
const DISK_MEBIBYTES = 64
const TOKEN = 'the-secret-of-the-tests'

/** Long enough for any answer on loopback; it is waited for only where a block is nowhere. */
const ABSENT_MS = 1_000

describeWithService('Kubo', 'Kubo', () => {
  // The blocks of one clause are none that another takes to be absent.
  let kubo: KuboService
  let disk: Awaited<ReturnType<typeof mountSmallDisk>>
  beforeAll(async () => {
    disk = await mountSmallDisk(DISK_MEBIBYTES)
    kubo = await openKuboService({ token: TOKEN, ...('location' in disk ? { location: disk.location } : {}) })
  })
  afterAll(async () => {
    await kubo.close()
    if ('unmount' in disk) await disk.unmount()
  })

  testHashStore('Kubo', {
    create: async () => ({ open: async () => createKuboStore({ url: kubo.rpc, authorization: `Bearer ${TOKEN}`, timeoutMs: ABSENT_MS }) })
  })

  testHashStoreFaults('Kubo', {
    async create () {
      const faults = await openFaults(kubo)
      const url = `http://127.0.0.1:${faults.port}`
      return {
        open: async () => createKuboStore({ url, authorization: `Bearer ${TOKEN}` }),
        openRefused: async () => createKuboStore({ url, authorization: 'Bearer another-secret' }),
        secrets: [TOKEN, 'another-secret'],
        faults,
        ...('location' in disk ? roomOn(disk.location, DISK_MEBIBYTES) : {}),
        destroy: () => faults.close()
      }
    }
  })

  testRouter('the RPC API of Kubo', ({ rpc }) => createKuboRouter({ url: rpc }))
  testRouter('the routing API of Kubo', ({ gateway }) => createDelegatedRouter({ url: gateway, allowPrivate: true }))

  testNameRouterFaults('the RPC API of Kubo', {
    async create () {
      const network = await openKuboNetwork(2, { token: TOKEN })
      const kubo = network.nodes[1]!
      const faults = await openFaults(kubo, { encode: (record) => Buffer.from(Buffer.from(record).toString('base64')) })
      const url = `http://127.0.0.1:${faults.port}`
      return {
        open: async () => createKuboRouter({ url, authorization: `Bearer ${TOKEN}` }),
        openRefused: async () => createKuboRouter({ url, authorization: 'Bearer another-secret' }),
        secrets: [TOKEN, 'another-secret'],
        faults,
        destroy: async () => { await Promise.all([network.close(), faults.close()]) }
      }
    }
  })

  testNameRouterFaults('the routing API of Kubo', {
    async create () {
      const network = await openKuboNetwork(2)
      const kubo = network.nodes[1]!
      const faults = await openFaults(kubo, { port: kubo.gatewayPort })
      return {
        open: async () => createDelegatedRouter({ url: `http://127.0.0.1:${faults.port}`, allowPrivate: true }),
        faults,
        destroy: async () => { await Promise.all([network.close(), faults.close()]) }
      }
    }
  })
})

/** Every clause has a network of its own: its names are those of every other clause. */
function testRouter (name: string, open: (kubo: KuboService) => NameRouter): void {
  testNameRouter(name, {
    async create () {
      const network = await openKuboNetwork(2)
      return { open: async () => open(network.nodes[1]!), destroy: network.close }
    }
  })
}
