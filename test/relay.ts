import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Relay {
  /** Connect here, on 127.0.0.1, instead of to the target. */
  readonly port: number
  /** Connections taken since it was opened. */
  readonly connections: number
  /** Connections that are open now. */
  readonly open: number
  /** Hands every byte on so much after it came. */
  slow(delayMs: number): void
  /** Takes requests and never answers. */
  stall(): void
  /** Breaks a connection when it has carried `bytes` of answers. */
  cutAfter(bytes: number): void
  /** Changes one byte wherever an answer holds `found`. */
  corrupt(found: Uint8Array): void
  /** As it was opened; connections that were broken stay so. */
  heal(): void
  close(): Promise<void>
}

type Fault = { type: 'none' } | { type: 'stall' } | { type: 'cut'; bytes: number } | { type: 'corrupt'; found: Uint8Array }

/**
 * A plain TCP relay to `target` that hands every byte on `delayMs` after it came, each direction for itself, in order.
 * A request and its answer are 2 × `delayMs` apart; as many as fit may be on the way at once.
 */
export const openRelay = async (target: { port: number; host?: string }, { delayMs: initialDelayMs = 0 }: { delayMs?: number } = {}): Promise<Relay> => {
  const sockets = new Set<Socket>()
  let connections = 0
  let open = 0
  let delayMs = initialDelayMs
  let fault: Fault = { type: 'none' }

  const server = createServer({ allowHalfOpen: true }, (near) => {
    connections++
    open++
    near.on('close', () => open--)
    const far = connect({ port: target.port, host: target.host ?? '127.0.0.1', allowHalfOpen: true })
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    passOn(near, far, (bytes) => bytes)
    passOn(far, near, createAnswerFilter(near))
  })

  /** What becomes of the bytes of one connection's answers. */
  const createAnswerFilter = (near: Socket) => {
    let carried = 0
    return (bytes: Buffer): Buffer | undefined => {
      if (fault.type === 'stall') return undefined
      if (fault.type === 'corrupt') return corrupted(bytes, fault.found)
      if (fault.type === 'none') return bytes
      const left = Math.max(fault.bytes - carried, 0)
      carried += bytes.byteLength
      if (carried < fault.bytes) return bytes
      near.end(bytes.subarray(0, left), () => near.destroy())
      return undefined
    }
  }

  /** Timers of one length fire in the order in which they were set, so bytes stay in order. */
  const passOn = (from: Socket, to: Socket, filter: (bytes: Buffer) => Buffer | undefined): void => {
    const later = (action: () => void): void => {
      const act = (): void => { if (!to.destroyed) action() }
      if (delayMs > 0) setTimeout(act, delayMs)
      else act()
    }
    from.on('data', (bytes: Buffer) => {
      const passed = filter(bytes)
      if (passed) later(() => to.write(passed))
    })
    from.on('end', () => later(() => to.end()))
    // A broken connection is passed on as one; what broke it is the affair of its two ends.
    from.on('error', () => later(() => to.destroy()))
    from.on('close', (broken) => { if (broken) later(() => to.destroy()) })
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get connections () {
      return connections
    },
    get open () {
      return open
    },
    slow (ms) {
      delayMs = ms
    },
    stall () {
      fault = { type: 'stall' }
    },
    cutAfter (bytes) {
      fault = { type: 'cut', bytes }
    },
    corrupt (found) {
      fault = { type: 'corrupt', found }
    },
    heal () {
      fault = { type: 'none' }
      delayMs = initialDelayMs
    },
    async close () {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

const corrupted = (bytes: Buffer, found: Uint8Array): Buffer => {
  const at = bytes.indexOf(found)
  if (at < 0) return bytes
  const changed = Buffer.from(bytes)
  changed[at]! ^= 1
  return changed
}
