import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Relay {
  /** Connect here, on 127.0.0.1, instead of to the target. */
  readonly port: number
  /** Connections taken since it was opened. */
  readonly connections: number
  /** Connections that are open now. */
  readonly open: number
  /** Those of them that were sent something and have not been answered since. */
  readonly unanswered: number
  /** Answers that were broken off or changed since it was opened. */
  readonly spoilt: number
  /** Hands every byte on so much after it came. */
  slow(delayMs: number): void
  /** Takes requests and never answers, nor ends a connection. */
  stall(): void
  /** Breaks a connection in the middle of an answer that carries `content`. */
  cut(content: Uint8Array): void
  /** Changes one byte wherever an answer carries `content`. */
  corrupt(content: Uint8Array): void
  /** As it was opened; connections that were broken stay so. */
  heal(): void
  close(): Promise<void>
}

type Fault = { type: 'none' } | { type: 'stall' } | { type: 'cut' | 'corrupt'; content: Uint8Array }

/** So much of the content is looked for: the rest may come in later parts. */
const HEAD_BYTES = 16

/**
 * A plain TCP relay to `target` that hands every byte on `delayMs` after it came, each direction for itself, in order.
 * A request and its answer are 2 × `delayMs` apart; as many as fit may be on the way at once.
 */
export const openRelay = async (target: { port: number; host?: string }, { delayMs: initialDelayMs = 0 }: { delayMs?: number } = {}): Promise<Relay> => {
  const sockets = new Set<Socket>()
  const unanswered = new Set<Socket>()
  let connections = 0
  let open = 0
  let spoilt = 0
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
    const filterAnswer = createAnswerFilter(near)
    passOn(near, far, (bytes) => {
      unanswered.add(near)
      return bytes
    }, () => true)
    passOn(far, near, (bytes) => {
      const passed = filterAnswer(bytes)
      if (passed) unanswered.delete(near)
      return passed
    }, () => fault.type !== 'stall' || near.readableEnded)
    // An end that was kept from who waited for more than that is given to who leaves.
    near.on('end', () => { if (far.readableEnded) near.end() })
    // Who has ended its own side waits no more.
    for (const event of ['end', 'close']) near.on(event, () => unanswered.delete(near))
  })

  /** What becomes of the bytes of one connection's answers. */
  const createAnswerFilter = (near: Socket) => {
    /** The end of what has been passed on: a head may begin there. */
    let tail = Buffer.alloc(0)
    let left = Infinity
    let brokenOff = false
    return (bytes: Buffer): Buffer | undefined => {
      if (brokenOff || fault.type === 'stall') return undefined
      if (fault.type === 'none') return bytes
      const head = fault.content.subarray(0, HEAD_BYTES)
      const seen = Buffer.concat([tail, bytes])
      const at = seen.indexOf(head)
      const before = tail.byteLength
      tail = seen.subarray(-(head.byteLength - 1))
      if (fault.type === 'corrupt') {
        if (at < 0) return bytes
        spoilt++
        return changedAt(bytes, at + head.byteLength - 1 - before)
      }
      if (at >= 0) left = Math.max(0, at - before + Math.floor(fault.content.byteLength / 2))
      if (bytes.byteLength < left) {
        left -= bytes.byteLength
        return bytes
      }
      spoilt++
      brokenOff = true
      near.end(bytes.subarray(0, left), () => near.destroy())
      return undefined
    }
  }

  /** Timers of one length fire in the order in which they were set, so bytes stay in order. */
  const passOn = (from: Socket, to: Socket, filter: (bytes: Buffer) => Buffer | undefined, mayEnd: () => boolean): void => {
    const later = (action: () => void): void => {
      const act = (): void => { if (!to.destroyed) action() }
      if (delayMs > 0) setTimeout(act, delayMs)
      else act()
    }
    from.on('data', (bytes: Buffer) => {
      const passed = filter(bytes)
      if (passed) later(() => to.write(passed))
    })
    from.on('end', () => { if (mayEnd()) later(() => to.end()) })
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
    get unanswered () {
      return unanswered.size
    },
    get spoilt () {
      return spoilt
    },
    slow (ms) {
      delayMs = ms
    },
    stall () {
      fault = { type: 'stall' }
    },
    cut (content) {
      fault = { type: 'cut', content }
    },
    corrupt (content) {
      fault = { type: 'corrupt', content }
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

const changedAt = (bytes: Buffer, at: number): Buffer => {
  const changed = Buffer.from(bytes)
  changed[at]! ^= 1
  return changed
}
