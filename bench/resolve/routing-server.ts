import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { openRelay } from '../../test/relay.ts'

const IPNS_RECORD_TYPE = 'application/vnd.ipfs.ipns-record'

/** How a server answers: `wrong` with a forged record, `late` after {@link LATE_MS}, `never` not at all. */
export type Manner = 'right' | 'wrong' | 'late' | 'never'

export const LATE_MS = 2_000

export interface RoutingServer {
  readonly url: string
  /** Requests that came in since it was opened. */
  readonly requests: number
  close(): Promise<void>
}

/** The least of Delegated Routing V1: records by name, behind a relay of `delayMs` each way. */
export const openRoutingServer = async (records: ReadonlyMap<string, Uint8Array>, manner: Manner, delayMs: number): Promise<RoutingServer> => {
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    const record = records.get(request.url?.split('/').at(-1) ?? '')
    const answer = (): void => void (record ? response.writeHead(200, { 'content-type': IPNS_RECORD_TYPE }).end(manner === 'wrong' ? forge(record) : record) : response.writeHead(404).end())
    if (manner === 'late') void delay(LATE_MS, undefined, { ref: false }).then(answer)
    else if (manner !== 'never') answer()
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const relay = delayMs > 0 ? await openRelay({ port }, { delayMs }) : undefined
  return {
    url: `http://127.0.0.1:${relay?.port ?? port}`,
    get requests () {
      return requests
    },
    async close () {
      server.closeAllConnections()
      await Promise.all([relay?.close(), new Promise((resolve) => server.close(resolve))])
    }
  }
}

/** The record with one bit of its signature changed. */
export const forge = (record: Uint8Array): Uint8Array => record.with(20, record[20]! ^ 1)
