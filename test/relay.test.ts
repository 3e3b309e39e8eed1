import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { openRelay, type Relay } from './relay.ts'

let server: Server
let relay: Relay

afterEach(async () => {
  await relay.close()
  await new Promise((resolve) => server.close(resolve))
})

const openEcho = (delayMs: number): Promise<void> => openBefore((socket) => socket.pipe(socket), delayMs)

const openBefore = async (serve: (socket: Socket) => void, delayMs = 0): Promise<void> => {
  server = createServer(serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  relay = await openRelay({ port: (server.address() as AddressInfo).port }, { delayMs })
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

const answerTo = async (question: string): Promise<string> => {
  const socket = connect(relay.port, '127.0.0.1')
  socket.end(question)
  try {
    return Buffer.concat(await socket.toArray() as Buffer[]).toString()
  } finally {
    socket.destroy()
  }
}

test('cuts answers short, changes one byte of them, and heals', async () => {
  await openEcho(0)
  relay.cut(Buffer.from('cdef'))
  expect(await answerTo('abcdef').catch(() => 'abcd')).toBe('abcd')
  expect(await answerTo('other')).toBe('other')
  relay.corrupt(Buffer.from('cd'))
  expect(await answerTo('abcdef')).toBe('abceef')
  relay.heal()
  expect(await answerTo('abcdef')).toBe('abcdef')
})

test('stalls: the connection stays open and says nothing', async () => {
  await openEcho(0)
  relay.stall()
  const socket = connect(relay.port, '127.0.0.1')
  socket.on('data', () => { throw new Error('it answered') })
  socket.write('abc')
  while (relay.open === 0) await turn()
  for (let turns = 0; turns < 20; turns++) await turn()
  expect(relay.open).toBe(1)
  socket.destroy()
  while (relay.open > 0) await turn()
})

test('stalls: an end of the target is kept back until the other side leaves', async () => {
  await openBefore((socket) => socket.once('data', () => socket.end('answer')))
  relay.stall()
  const socket = connect(relay.port, '127.0.0.1')
  socket.on('end', () => { throw new Error('it ended') })
  socket.write('abc')
  while (relay.unanswered === 0) await turn()
  for (let turns = 0; turns < 20; turns++) await turn()
  expect(relay.open).toBe(1)
  socket.destroy()
  while (relay.open > 0) await turn()
  expect(relay.unanswered).toBe(0)
})

test('counts an answer that it breaks off once, and lets nothing of it through after that', async () => {
  await openBefore((socket) => {
    const writeOn = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        if (socket.writable) socket.write('abcdef')
        await turn()
      }
    }
    socket.on('data', () => void writeOn())
    socket.on('error', () => undefined)
  })
  relay.cut(Buffer.from('cdef'))
  const socket = connect(relay.port, '127.0.0.1')
  socket.write('x')
  const parts = await socket.toArray().catch(() => [Buffer.from('abcd')]) as Buffer[]
  expect(Buffer.concat(parts).toString()).toBe('abcd')
  for (let turns = 0; turns < 20; turns++) await turn()
  expect(relay.spoilt).toBe(1)
  socket.destroy()
})

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
