import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { openDelayingRelay, type DelayingRelay } from './delaying-relay.ts'

let server: Server
let relay: DelayingRelay

afterEach(async () => {
  await relay.close()
  await new Promise((resolve) => server.close(resolve))
})

const openEcho = async (delayMs: number): Promise<void> => {
  server = createServer((socket) => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  relay = await openDelayingRelay({ port: (server.address() as AddressInfo).port }, delayMs)
}

test('delays each direction, keeps the order, passes the end on', async () => {
  await openEcho(50)
  const socket = connect(relay.port, '127.0.0.1')
  const start = performance.now()
  const sent = Array.from({ length: 100 }, (_, i) => `${i};`)
  for (const part of sent) socket.write(part)
  const [first] = await once(socket, 'data') as [Buffer]
  expect(performance.now() - start).toBeGreaterThanOrEqual(99)
  socket.end()
  const rest = await socket.toArray() as Buffer[]
  expect(Buffer.concat([first, ...rest]).toString()).toBe(sent.join(''))
  expect(relay.connections).toBe(1)
})

test('many requests are on the way at once', async () => {
  await openEcho(100)
  const start = performance.now()
  await Promise.all(Array.from({ length: 20 }, async () => {
    const socket = connect(relay.port, '127.0.0.1')
    socket.end('x')
    expect(Buffer.concat(await socket.toArray() as Buffer[]).toString()).toBe('x')
  }))
  // One after the other they would take 20 × 200 ms.
  expect(performance.now() - start).toBeLessThan(2_000)
  expect(relay.connections).toBe(20)
})

test('a connection that the target refuses is closed', async () => {
  await openEcho(1)
  await new Promise((resolve) => server.close(resolve))
  const socket = connect(relay.port, '127.0.0.1')
  socket.resume()
  await once(socket, 'close')
})
