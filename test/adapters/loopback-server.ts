import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, vi } from 'vitest'

export interface LoopbackServer {
  readonly url: string
  readonly host: string
  /** Connections that are open now. */
  readonly open: number
  /** Connections that were ever made. */
  readonly connections: number
  /** Resolves when no connection is open. */
  idle(): Promise<void>
  close(): Promise<void>
}

const opened = new Set<LoopbackServer>()

/** An HTTP server on loopback that is closed after the test. */
export const serve = async (listener: RequestListener, make: (listener: RequestListener) => Server = createServer): Promise<LoopbackServer> => {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = make(listener)
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const loopback: LoopbackServer = {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    get open () {
      return sockets.size
    },
    get connections () {
      return connections
    },
    async idle () {
      while (sockets.size > 0) await delay(2)
    },
    async close () {
      opened.delete(loopback)
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
  opened.add(loopback)
  return loopback
}

afterEach(async () => {
  for (const server of opened) await server.close()
})

/**
 * Watches what the code under test leaves behind. The result resolves when no more sockets and look-ups keep this process running than now,
 * and fails for a timer that was set since and is set still.
 */
export const watchLeftovers = (): (() => Promise<void>) => {
  const before = activeSockets()
  const timers = new Set<NodeJS.Timeout>()
  const { setTimeout: set, clearTimeout: clear } = globalThis
  // Node's own count of timers has those of the test runner and of fetch in it, which come and go.
  vi.stubGlobal('setTimeout', (callback: () => void, ms: number) => {
    const timer = set(() => {
      timers.delete(timer)
      callback()
    }, ms)
    timers.add(timer)
    return timer
  })
  vi.stubGlobal('clearTimeout', (timer: NodeJS.Timeout | undefined) => {
    if (timer) timers.delete(timer)
    clear(timer)
  })
  return async () => {
    vi.unstubAllGlobals()
    while ([...activeSockets()].some(([kind, count]) => count > (before.get(kind) ?? 0))) await new Promise(setImmediate)
    expect([...timers].filter((timer) => timer.hasRef()), 'timers that are set still').toEqual([])
  }
}

/** How many sockets and look-ups keep this process running, by kind. */
const activeSockets = (): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) if (/^(TCP|TLS|GetAddrInfo|Query)/.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

/** Writes for as long as somebody reads. */
export const writeEndlessly: RequestListener = (_request, response) => {
  const more = (): void => {
    while (response.writable && response.write(Buffer.alloc(16_384, 0x61)));
  }
  response.on('drain', more)
  more()
}
