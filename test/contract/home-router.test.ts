import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHomeTransport } from '../../src/adapters/home-transport.ts'
import { encodeProfileAnswer } from '../../src/hosting/profile-answer.ts'
import { createHomeRouter, type NameRouter } from '../../src/index.ts'
import { testNameRouter, testNameRouterFaults } from '../../src/testing/index.ts'
import { openFaults } from '../services/faults.ts'

interface RecordServer {
  readonly port: number
  start(): Promise<void>
  stop(): Promise<void>
}

/** The two routes of a home that a router asks, for whatever it is given. */
const openRecordServer = async (): Promise<RecordServer> => {
  const recordById = new Map<string, Buffer>()
  let port = 0
  let server: Server
  const start = async (): Promise<void> => {
    server = createServer((request, response) => {
      void (async () => {
        const id = request.url!.split('/').at(-1)!
        const body = Buffer.concat(await request.toArray() as Buffer[])
        if (request.method === 'PUT') recordById.set(id, body)
        const record = recordById.get(id)
        response.writeHead(record ? 200 : 404).end(record && request.method === 'GET' ? encodeProfileAnswer({ hosting: 'active', record: new Uint8Array(record) }) : undefined)
      })().catch(() => response.destroy())
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  await start()
  return {
    get port () {
      return port
    },
    start,
    async stop () {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

const openAt = (port: number): NameRouter => createHomeRouter({ transport: createHomeTransport(), urls: [`http://127.0.0.1:${port}/`], trusted: true })

testNameRouter('a home as a router', {
  async create () {
    const server = await openRecordServer()
    return { open: async () => openAt(server.port), destroy: () => server.stop() }
  }
})

testNameRouterFaults('a home as a router', {
  async create () {
    const server = await openRecordServer()
    const faults = await openFaults(server)
    return { open: async () => openAt(faults.port), faults, destroy: async () => { await Promise.all([server.stop(), faults.close()]) } }
  }
})
