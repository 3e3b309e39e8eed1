import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface DelayingRelay {
  /** Connect here, on 127.0.0.1, instead of to the target. */
  readonly port: number
  /** Connections taken since it was opened. */
  readonly connections: number
  close(): Promise<void>
}

/**
 * A plain TCP relay to `target` that hands every byte on `delayMs` after it came, each direction for itself, in order.
 * A request and its answer are 2 × `delayMs` apart; as many as fit may be on the way at once.
 */
export const openDelayingRelay = async (target: { port: number; host?: string }, delayMs: number): Promise<DelayingRelay> => {
  const open = new Set<Socket>()
  let connections = 0
  const server = createServer({ allowHalfOpen: true }, (near) => {
    connections++
    const far = connect({ port: target.port, host: target.host ?? '127.0.0.1', allowHalfOpen: true })
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    }
    passOn(near, far, delayMs)
    passOn(far, near, delayMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get connections () {
      return connections
    },
    async close () {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

/** Timers of one length fire in the order in which they were set, so bytes stay in order. */
const passOn = (from: Socket, to: Socket, delayMs: number): void => {
  const later = (action: () => void): void => void setTimeout(() => { if (!to.destroyed) action() }, delayMs)
  from.on('data', (bytes) => later(() => to.write(bytes)))
  from.on('end', () => later(() => to.end()))
  // A broken connection is passed on as one; what broke it is the affair of its two ends.
  from.on('error', () => later(() => to.destroy()))
}
