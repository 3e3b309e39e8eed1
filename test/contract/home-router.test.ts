import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHomeTransport } from '../../src/adapters/home-transport.ts'
import { encodeProfileAnswer } from '../../src/hosting/profile-answer.ts'
import { createHomeRouter } from '../../src/index.ts'
import { testNameRouter } from '../../src/testing/index.ts'

testNameRouter('a home as a router', {
  async create () {
    const recordById = new Map<string, Buffer>()
    const server = createServer((request, response) => {
      void (async () => {
        const id = request.url!.split('/').at(-1)!
        if (request.method === 'PUT') recordById.set(id, Buffer.concat(await request.toArray() as Buffer[]))
        const record = request.method === 'GET' ? recordById.get(id) : Buffer.alloc(0)
        response.writeHead(record ? 200 : 404).end(record && request.method === 'GET' ? encodeProfileAnswer({ hosting: 'active', record: new Uint8Array(record) }) : undefined)
      })()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return {
      open: async () => createHomeRouter({ transport: createHomeTransport(), urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/`], trusted: true }),
      async destroy () {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    }
  }
})
