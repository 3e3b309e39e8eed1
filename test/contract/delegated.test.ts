import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import { testNameRouter } from '../../src/testing/index.ts'

testNameRouter('a delegated router', {
  async create () {
    const recordByPath = new Map<string, Buffer>()
    const server = createServer((request, response) => {
      void (async () => {
        if (request.method === 'PUT') recordByPath.set(request.url!, Buffer.concat(await request.toArray() as Buffer[]))
        const record = request.method === 'GET' ? recordByPath.get(request.url!) : Buffer.alloc(0)
        response.writeHead(record ? 200 : 404, { 'content-type': IPNS_RECORD_TYPE }).end(record)
      })()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return {
      open: async () => createDelegatedRouter({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, allowPrivate: true }),
      async destroy () {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    }
  }
})
