import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ClosedError, MercuryError } from '../errors.ts'
import { MAX_BLOCK_BYTES, SECOND_MS } from '../limits.ts'
import { createClientAddresses } from './client-address.ts'
import { applyPreconditions } from './conditional.ts'
import { boundConnections } from './connections.ts'
import { Exchange, pathOf, sendStream } from './exchange.ts'
import type { Metrics } from './metrics.ts'
import { createOrigins } from './origins.ts'
import { ProblemError, problemAnswer, problemOf } from './problem.ts'
import { applyRange } from './range.ts'
import { AddressCounts, HeldBytes, MAX_BODY_BYTES, MAX_CONNECTIONS_PER_ADDRESS, SERVER_OPTIONS, createRequestBudget, type LimitSettings } from './request-limits.ts'
import { createRouteTable, type Answer, type Route } from './route.ts'

/** How long `close` lets what is under way go on. */
export const GRACE_MS = 8 * SECOND_MS

export interface ServerOptions {
  routes: readonly Route[]
  /** @default 127.0.0.1 */
  host?: string
  /** @default one that is free */
  port?: number
  /** Where else the home is reached, such as `https://home.example`: only for signatures, which name a URL. */
  publicUrls?: readonly string[]
  /** Addresses or networks of reverse proxies whose `X-Forwarded-For` is believed. @default none */
  trustProxy?: readonly string[]
  limits?: LimitSettings
  metrics?: Metrics
  /** Gets one line of JSON a request: method, route, status, ms, bytes; nothing of who asked, or for whom. */
  log?: (line: string) => void
}

export interface HomeServer {
  readonly url: string
  /** How many connections are open. */
  readonly connections: number
  /**
   * Takes no more connections, ends streams, lets what is under way end for at most `graceMs`, and then cuts it. May be called twice.
   *
   * @default 8 s
   */
  close(options?: { graceMs?: number }): Promise<void>
}

/**
 * Listens, and answers by a table of routes.
 *
 * @throws MercuryError `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `INVALID_URL`, `INVALID_ARGUMENT`
 */
export const openServer = async ({ routes, host = '127.0.0.1', port = 0, publicUrls = [], trustProxy = [], limits = {}, metrics, log }: ServerOptions): Promise<HomeServer> => {
  const table = createRouteTable(routes)
  const addresses = createClientAddresses(trustProxy)
  const budget = createRequestBudget(limits)
  const requestsByClient = new AddressCounts(limits.connectionsPerAddress ?? MAX_CONNECTIONS_PER_ADDRESS)
  const held = new HeldBytes(limits)
  const underWay = new Map<ServerResponse, { exchange: Exchange; endless: boolean }>()
  let closing = false
  let idle = (): void => {}

  const server = createServer(SERVER_OPTIONS, (request, response) => {
    const started = performance.now()
    const { socket, headers } = request
    const client = addresses.clientOf(socket.remoteAddress ?? '', headers['x-forwarded-for'] as string | undefined)
    const target = pathOf(request.url ?? '/')
    const question = target.indexOf('?')
    const found = table.find(question < 0 ? target : target.slice(0, question))
    const route = found?.path.routes.get(request.method ?? '')
    const exchange = new Exchange(request, { client, search: question < 0 ? '' : target.slice(question), parameter: found?.parameter ?? '', originsOf, held })
    const sent = { bytes: 0 }
    const isCounted = requestsByClient.add(client)
    connections.begin(socket)
    underWay.set(response, { exchange, endless: false })
    if (closing) response.shouldKeepAlive = false
    response.once('close', () => {
      if (isCounted) requestsByClient.remove(client)
      connections.end(socket)
      underWay.delete(response)
      exchange.end(GONE)
      const ms = performance.now() - started
      const observed = { method: request.method ?? '', route: found?.path.pattern ?? 'none', status: response.statusCode }
      metrics?.observe({ ...observed, ms })
      log?.(JSON.stringify({ time: new Date().toISOString(), ...observed, ms: Math.round(ms * 10) / 10, bytes: sent.bytes }))
      if (closing && underWay.size === 0) idle()
    })

    const decide = (): Answer | Promise<Answer> => {
      if (!isCounted || !budget.take(client)) throw new ProblemError(429, 'TOO_MANY_REQUESTS', 'too many requests from your address', { headers: { 'retry-after': '1' } })
      if (request.method === 'OPTIONS' && (found || target === '*')) return preflight(found?.path.methods ?? 'GET, HEAD, PUT, POST, DELETE, OPTIONS')
      if (!found) throw new ProblemError(404, 'NOT_FOUND', 'there is nothing here')
      if (!route) throw new ProblemError(405, 'METHOD_NOT_ALLOWED', 'this method is not possible here', { headers: { allow: found.path.methods } })
      return route.handle(exchange)
    }
    const refuse = (error: unknown): Answer => {
      const problem = problemOf(error)
      metrics?.refused(problem.code)
      return problemAnswer(problem)
    }
    const send = (answer: Answer): void | Promise<void> => {
      if (answer.endless) underWay.set(response, { exchange, endless: true })
      if (answer.endless && closing) exchange.abort(STOPPED)
      const narrowed = narrow(request, answer)
      if (request.method !== 'HEAD') exchange.hold(heldBytesOf(narrowed))
      return writeAnswer(request, response, narrowed, sent)
    }
    void respond(decide, refuse, send, response)
  })
  const connections = boundConnections(server, addresses, limits)
  const originsOf = createOrigins(publicUrls, () => (server.address() as AddressInfo | null)?.port ?? 0)
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new MercuryError(code === 'EADDRINUSE' ? 'ADDRESS_IN_USE' : 'ADDRESS_UNAVAILABLE', `the HTTP server cannot listen on ${host}:${port} (${message}); choose another with --http`, { cause: error })
  }
  const { address, family, port: actual } = server.address() as AddressInfo

  const stop = async (graceMs: number): Promise<void> => {
    closing = true
    const closed = new Promise((resolve) => server.close(resolve))
    for (const [response, { exchange, endless }] of underWay) {
      response.shouldKeepAlive = false
      if (endless) exchange.abort(STOPPED)
    }
    if (underWay.size > 0) {
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, graceMs)
      idle = resolve
      await ended
      clearTimeout(timer)
    }
    for (const { exchange } of underWay.values()) exchange.abort(STOPPED)
    server.closeAllConnections()
    await closed
  }

  let stopped: Promise<void> | undefined
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    get connections () {
      return connections.size
    },
    close: ({ graceMs = GRACE_MS } = {}) => (stopped ??= stop(graceMs))
  }
}

const GONE = new DOMException('whoever asked is gone', 'AbortError')
const STOPPED = new ClosedError('server')

/** Never rejects: what goes wrong is an answer, or cuts the one that was begun. */
const respond = async (decide: () => Answer | Promise<Answer>, refuse: (error: unknown) => Answer, send: (answer: Answer) => void | Promise<void>, response: ServerResponse): Promise<void> => {
  try {
    await send(await decide())
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return
    }
    // Without a stream nothing is left to go wrong.
    void send(refuse(error))
  }
}

/** The answer as its conditions and its range leave it. */
const narrow = ({ method, headers }: IncomingMessage, answer: Answer): Answer => {
  if (answer.status !== 200 || (method !== 'GET' && method !== 'HEAD')) return answer
  const judged = applyPreconditions(headers, answer)
  return method === 'GET' && headers.range !== undefined ? applyRange(headers, judged) : judged
}

/** What an answer keeps in memory while it is read: a stream, a block; one without an end, less. */
const heldBytesOf = ({ body, endless }: Answer): number => {
  if (body === undefined || endless) return 0
  return body instanceof Uint8Array ? body.byteLength : MAX_BLOCK_BYTES
}

const COMMON_HEADERS = ['access-control-allow-origin', '*', 'access-control-expose-headers', '*', 'x-content-type-options', 'nosniff']

const writeAnswer = (request: IncomingMessage, response: ServerResponse, { status, headers, body }: Answer, sent: { bytes: number }): void | Promise<void> => {
  if (response.destroyed) return
  const flat = [...COMMON_HEADERS]
  for (const name in headers) flat.push(name, headers[name]!)
  if (body instanceof Uint8Array) flat.push('content-length', String(body.byteLength))
  else if (body === undefined && status !== 204 && status !== 304) flat.push('content-length', '0')
  if (!request.complete) leaveBody(request, response)
  response.writeHead(status, flat)
  if (body === undefined || request.method === 'HEAD') {
    response.end()
    return
  }
  if (body instanceof Uint8Array) {
    sent.bytes = body.byteLength
    if (body.byteLength <= MAX_JOINED_BYTES) response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1')
    else response.end(body)
    return
  }
  return sendStream(response, body, sent)
}

/** What goes out as text goes out in one piece with its head: one call of the system instead of two buffers. Latin-1 keeps every byte. */
const MAX_JOINED_BYTES = 16_384

/** The rest of a body that is not wanted: a short one is let pass, so that the connection can go on; for another, it ends here. */
const leaveBody = (request: IncomingMessage, response: ServerResponse): void => {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (encoding !== undefined || Number(length ?? 0) > MAX_BODY_BYTES) response.shouldKeepAlive = false
  else request.resume()
}

const ALLOWED_HEADERS = 'accept, content-type, if-match, if-none-match, if-modified-since, range, if-range, last-event-id, content-digest, signature, signature-input'

const preflight = (methods: string): Answer => ({
  status: 204,
  headers: { allow: methods, 'access-control-allow-methods': methods, 'access-control-allow-headers': ALLOWED_HEADERS, 'access-control-max-age': '86400' }
})
