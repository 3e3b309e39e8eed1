import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { ProblemError } from './problem.ts'
import { readBody } from './read-body.ts'
import { MIN_HELD_BYTES, type HeldBytes } from './request-limits.ts'
import type { RouteRequest } from './route.ts'

/** A request as its route sees it. What most routes do not ask for is made when it is asked for. */
export class Exchange implements RouteRequest {
  readonly client: string
  private readonly request: IncomingMessage
  private readonly search: string
  private readonly encodedParameter: string
  private readonly originsOf: (request: IncomingMessage) => readonly string[]
  private controller: AbortController | undefined
  private reason: Error | undefined
  private readonly held: HeldBytes
  private heldBytes = 0
  private isOver = false

  constructor (request: IncomingMessage, { client, search, parameter, originsOf, held }: { client: string; search: string; parameter: string; originsOf: (request: IncomingMessage) => readonly string[]; held: HeldBytes }) {
    this.request = request
    this.client = client
    this.search = search
    this.encodedParameter = parameter
    this.originsOf = originsOf
    this.held = held
  }

  get method (): string {
    return this.request.method ?? ''
  }

  get headers (): IncomingHttpHeaders {
    return this.request.headers
  }

  get parameter (): string {
    if (!this.encodedParameter.includes('%')) return this.encodedParameter
    try {
      return decodeURIComponent(this.encodedParameter)
    } catch (error) {
      throw new ProblemError(400, 'INVALID_URL', 'the address is not percent-encoded text', { cause: error })
    }
  }

  get query (): URLSearchParams {
    return new URLSearchParams(this.search)
  }

  get urls (): readonly string[] {
    return this.originsOf(this.request).map((origin) => origin + pathOf(this.request.url ?? '/'))
  }

  get signal (): AbortSignal {
    this.controller ??= new AbortController()
    if (this.reason) this.controller.abort(this.reason)
    return this.controller.signal
  }

  async body (maxBytes: number): Promise<Uint8Array> {
    this.hold(Math.min(maxBytes, Number(this.request.headers['content-length'] ?? maxBytes)))
    return readBody(this.request, maxBytes)
  }

  /** Has room for `bytes` in memory until the request is over. @throws ProblemError `BUSY` */
  hold (bytes: number): void {
    if (bytes <= MIN_HELD_BYTES || this.isOver) return
    if (!this.held.take(this.client, bytes)) throw new ProblemError(503, 'BUSY', 'too much is under way, here or from your address; ask again', { headers: { 'retry-after': '5' } })
    this.heldBytes += bytes
  }

  /** The request is over: nobody waits for the answer any more. */
  end (reason: Error): void {
    this.isOver = true
    this.abort(reason)
    if (this.heldBytes > 0) this.held.give(this.client, this.heldBytes)
  }

  /** What is under way for the request ends. */
  abort (reason: Error): void {
    this.reason ??= reason
    this.controller?.abort(this.reason)
  }
}

/** What stands behind the origin: a client may send the whole URL. */
export const pathOf = (url: string): string => (url.startsWith('/') ? url : url.replace(/^[a-z]+:\/\/[^/?#]*/i, '') || '/')

/** Sends the pieces of `body` as fast as `response` takes them. @param sent counts the bytes */
export const sendStream = async (response: ServerResponse, body: AsyncIterable<Uint8Array>, sent: { bytes: number }): Promise<void> => {
  for await (const piece of body) {
    if (response.destroyed) break
    sent.bytes += piece.byteLength
    if (!response.write(piece)) await drained(response)
  }
  response.end()
}

const drained = (response: ServerResponse): Promise<void> => new Promise((resolve) => {
  const done = (): void => {
    response.off('drain', done).off('close', done)
    resolve()
  }
  if (response.destroyed) resolve()
  else response.on('drain', done).on('close', done)
})
