import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { MIN_HELD_BYTES } from '../../src/home/request-limits.ts'
import type { Route, RouteRequest } from '../../src/home/route.ts'
import { openServer, type HomeServer } from '../../src/home/server.ts'

const MIB = 1_048_576
const operation = { operationId: 'test', summary: 'A test', tags: [], responses: {} }
const sockets: Socket[] = []
let server: HomeServer
/** Requests that the route has begun with. */
let begun = 0

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server.close({ graceMs: 0 })
})

const open = async (): Promise<void> => {
  begun = 0
  const put = async (request: RouteRequest) => {
    begun++
    return { status: 200, headers: { 'x-length': String((await request.body(4 * MIB)).byteLength) } }
  }
  const get = () => ({ status: 200, headers: {}, body: new Uint8Array(4 * MIB) })
  const routes: Route[] = [{ method: 'PUT', pattern: '/', operation, handle: put }, { method: 'GET', pattern: '/', operation, handle: get }]
  server = await openServer({ routes, trustProxy: ['127.0.0.1'], limits: { heldBytes: 10 * MIB, heldBytesPerAddress: 8 * MIB } })
}

/** Announces a body, and sends nothing of it. */
const begin = async (client: string, length: number | 'chunked'): Promise<Socket> => {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  socket.on('error', () => undefined)
  const before = begun
  socket.write(`PUT / HTTP/1.1\r\nhost: home\r\nx-forwarded-for: ${client}\r\n${length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`}\r\n\r\n`)
  await expect.poll(() => begun).toBe(before + 1)
  return socket
}

const put = async (client: string, bytes: number): Promise<number> => (await fetch(server.url, { method: 'PUT', body: new Uint8Array(bytes), headers: { 'x-forwarded-for': client } })).status
const get = (client: string): Promise<Response> => fetch(server.url, { headers: { 'x-forwarded-for': client } })

describe('what large bodies take up', () => {
  test.each([['announced', 4 * MIB], ['not announced', 'chunked']] as const)('is bounded for each address, and in all, where their length is %s', async (_, length) => {
    await open()
    expect(await put('10.0.0.1', 4 * MIB)).toBe(200)
    const one = await begin('10.0.0.1', length)
    await begin('10.0.0.1', length)
    expect(await put('10.0.0.1', MIN_HELD_BYTES + 1)).toBe(503)
    expect(await put('10.0.0.1', MIN_HELD_BYTES)).toBe(200)
    expect(await put('10.0.0.2', 2 * MIB)).toBe(200)
    expect(await put('10.0.0.2', 2 * MIB + 1)).toBe(503)
    one.destroy()
    await once(one, 'close')
    await expect.poll(() => put('10.0.0.1', 4 * MIB)).toBe(200)
  })

  test('counts for answers that are not read, too', async () => {
    await open()
    await begin('10.0.0.1', 4 * MIB)
    await begin('10.0.0.1', 4 * MIB)
    const refused = await get('10.0.0.2')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await refused.json()).toMatchObject({ code: 'BUSY' })
    sockets.pop()!.destroy()
    await expect.poll(async () => {
      const response = await get('10.0.0.2')
      return [response.status, (await response.arrayBuffer()).byteLength]
    }).toEqual([200, 4 * MIB])
  })
})
