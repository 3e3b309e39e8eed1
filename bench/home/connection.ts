import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** One HTTP/1.1 request, ready to be written: making it is not measured. */
export interface PreparedRequest {
  readonly bytes: Buffer
}

export interface ReceivedAnswer {
  readonly status: number
  readonly body: Buffer
}

/** A request for `path` as it goes over the wire, connection kept alive. */
export const prepareRequest = (method: string, path: string, { host, headers = {}, body }: { host: string; headers?: Readonly<Record<string, string>>; body?: Uint8Array }): PreparedRequest => {
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), ...(body ? [`content-length: ${body.byteLength}`] : []), '', '']
  return { bytes: Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body ?? Buffer.alloc(0)]) }
}

/**
 * A kept-alive connection that sends one request after another, without the cost of a whole HTTP client: on one machine the client's work is taken from the server's.
 * It reads answers with a Content-Length, or in chunks, and fails on anything else.
 */
export class Connection {
  private readonly socket: Socket
  private received: Buffer = Buffer.alloc(0)
  private settle: { resolve(answer: ReceivedAnswer): void; reject(error: Error): void } | undefined

  private constructor (socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (part: Buffer) => this.receive(part))
    socket.once('close', () => this.fail(new Error('the server closed the connection')))
    socket.on('error', (error) => this.fail(error))
  }

  static async open (port: number): Promise<Connection> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Connection(socket)
  }

  async send ({ bytes }: PreparedRequest): Promise<ReceivedAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ReceivedAnswer>()
    this.settle = { resolve, reject }
    this.socket.write(bytes)
    return promise
  }

  close (): void {
    this.settle = undefined
    this.socket.destroy()
  }

  private receive (part: Buffer): void {
    this.received = this.received.byteLength === 0 ? part : Buffer.concat([this.received, part])
    const answer = this.parse()
    if (!answer) return
    this.received = Buffer.alloc(0)
    const { settle } = this
    this.settle = undefined
    settle?.resolve(answer)
  }

  private parse (): ReceivedAnswer | undefined {
    const end = this.received.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const head = this.received.toString('latin1', 0, end)
    const status = Number(head.slice(9, 12))
    const body = this.received.subarray(end + 4)
    if (status === 204 || status === 304) return { status, body: Buffer.alloc(0) }
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    if (length !== undefined) return body.byteLength < Number(length) ? undefined : { status, body: Buffer.from(body.subarray(0, Number(length))) }
    if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`an answer without a length: ${head}`)
    const chunks = unchunk(body)
    return chunks && { status, body: chunks }
  }

  private fail (error: Error): void {
    this.settle?.reject(error)
    this.settle = undefined
  }
}

/** The body of chunks, `undefined` as long as the last one is missing. */
const unchunk = (bytes: Buffer): Buffer | undefined => {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const length = Number.parseInt(bytes.toString('latin1', at, end), 16)
    if (length === 0) return bytes.byteLength >= end + 4 ? Buffer.concat(parts) : undefined
    if (bytes.byteLength < end + 2 + length + 2) return undefined
    parts.push(bytes.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}
