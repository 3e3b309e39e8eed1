import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { openFaults, type RelayedService } from '../services/faults.ts'

/** Keeps bytes by name over HTTP: `GET`, `HEAD`, `PUT` and `DELETE` of `/name`; `GET /` lists the names, `POST /` writes a batch whole. */
export interface SmallServer {
  readonly port: number
  readonly token: string
  /** Ends it in the middle of whatever it does; what it has answered for stays. */
  stop(): Promise<void>
  /** Starts it again, on the same port. */
  start(): Promise<void>
  /** Leaves room for so many bytes more, then none: status 507. */
  fill(roomBytes: number): void
  makeRoom(): void
}

/** One step of a batch; `value` in base64, `undefined` to remove. */
export interface Change {
  readonly name: string
  readonly value?: string
}

export const openSmallServer = async (): Promise<SmallServer> => {
  const token = 'the-secret-of-the-tests'
  const values = new Map<string, Buffer>()
  let room = Infinity
  let port = 0
  let server: Server

  const write = (changes: readonly [name: string, value: Buffer | undefined][]): number => {
    const needed = changes.reduce((sum, [, value]) => sum + (value?.byteLength ?? 0), 0)
    if (needed > room) return 507
    room -= needed
    for (const [name, value] of changes) {
      if (value) values.set(name, value)
      else values.delete(name)
    }
    return 204
  }

  const answer = async (request: IncomingMessage): Promise<{ status: number; body?: Buffer | string }> => {
    const body = Buffer.concat(await request.toArray() as Buffer[])
    if (request.headers.authorization !== `Bearer ${token}`) return { status: 401 }
    const name = request.url!.slice(1)
    if (request.method === 'PUT') return { status: write([[name, body]]) }
    if (request.method === 'DELETE') return { status: write([[name, undefined]]) }
    if (request.method === 'POST') return { status: write((JSON.parse(body.toString()) as Change[]).map(({ name, value }) => [name, value === undefined ? undefined : Buffer.from(value, 'base64')])) }
    if (name === '') return { status: 200, body: JSON.stringify([...values.keys()]) }
    const value = values.get(name)
    return value ? { status: 200, body: value } : { status: 404 }
  }

  const start = async (): Promise<void> => {
    server = createServer((request, response) => {
      answer(request).then(({ status, body }) => response.writeHead(status).end(body), () => response.destroy())
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }

  await start()
  return {
    port,
    token,
    start,
    async stop () {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
    fill (roomBytes) {
      room = roomBytes
    },
    makeRoom () {
      room = Infinity
    }
  }
}

/** Where a small server is reached, and by what right. */
export interface SmallPlace {
  readonly url: string
  readonly token: string
}

/** A small server of its own for one clause, with faults before it. @param roomBytes what `fill` leaves */
export const openSmallPlace = async ({ roomBytes = 0 }: { roomBytes?: number } = {}): Promise<{ place: SmallPlace; refused: SmallPlace; server: SmallServer; common: SmallSetup }> => {
  const server = await openSmallServer()
  const faults = await openFaults(server)
  const place = { url: `http://127.0.0.1:${faults.port}`, token: server.token }
  const refused = { ...place, token: 'another-secret' }
  return {
    place,
    refused,
    server,
    common: {
      faults,
      secrets: [place.token, refused.token],
      fill: async () => server.fill(roomBytes),
      makeRoom: async () => server.makeRoom(),
      async destroy () {
        await faults.close()
        await server.stop()
      }
    }
  }
}

interface SmallSetup {
  readonly faults: RelayedService
  readonly secrets: readonly string[]
  fill(): Promise<void>
  makeRoom(): Promise<void>
  destroy(): Promise<void>
}
