import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll } from 'vitest'
import { createGatewayStore } from '../../src/adapters/gateway.ts'
import { testHashStore, testHashStoreFaults } from '../../src/testing/index.ts'
import { openFaults } from '../services/faults.ts'
import { openKuboService, type KuboService } from '../services/kubo.ts'
import { answers, describeWithService } from '../services/service.ts'

describeWithService('Kubo', 'the gateway of a Kubo node', () => {
  let kubo: KuboService

  beforeAll(async () => {
    kubo = await openKuboService()
  })
  afterAll(() => kubo.close())

  const give = async (_cid: CID, bytes: Uint8Array): Promise<void> => {
    const body = new FormData()
    body.append('data', new Blob([Uint8Array.from(bytes)]))
    const { ok, status } = await fetch(`${kubo.rpc}/api/v0/block/put?cid-codec=raw&mhtype=sha2-256&pin=true`, { method: 'POST', body })
    if (!ok) throw new Error(`the block could not be laid: status ${status}`)
  }

  /** The gateway is there a moment after the RPC API is. */
  const start = async (): Promise<void> => {
    await kubo.start()
    await answers(kubo.gatewayPort, () => undefined)
  }

  testHashStore('a gateway store', {
    create: async () => ({ give, open: async () => createGatewayStore({ urls: [kubo.gateway], allowPrivate: true }) })
  })

  // In a CAR, Kubo gives only blocks that it can decode, which those of the contract are not.
  for (const format of ['raw', 'car'] as const) {
    testHashStoreFaults(`a gateway store (${format})`, {
      async create () {
        const faults = await openFaults(kubo, { port: kubo.gatewayPort })
        return {
          give,
          faults: { ...faults, start },
          open: async () => createGatewayStore({ urls: [`http://127.0.0.1:${faults.port}`], format, allowPrivate: true }),
          destroy: () => faults.close()
        }
      }
    })
  }
})
