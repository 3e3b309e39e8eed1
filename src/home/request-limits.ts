import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { SECOND_MS } from '../limits.ts'

export const MAX_CONNECTIONS_PER_ADDRESS = 32
/** Requests that an address may make at once after a rest, and how many more it gets each second. */
export const BURST_REQUESTS = 1_000
export const REQUESTS_PER_SECOND = 200
const HEADERS_TIMEOUT_MS = 10 * SECOND_MS
const REQUEST_TIMEOUT_MS = 30 * SECOND_MS
const KEEP_ALIVE_MS = 5 * SECOND_MS
const CHECK_MS = SECOND_MS
const MAX_CONNECTIONS = 1_024
const MAX_HEADERS = 64
/** Addresses that are remembered; beyond, those that have rested longest are forgotten. */
const MAX_BUCKETS = 16_384

/** For `createServer`. */
export const SERVER_OPTIONS = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, connectionsCheckingInterval: CHECK_MS, maxHeaderSize: 16_384 } as const

/** Bounds what one address can hold and ask. */
export interface RequestLimits {
  /** Whether the address of `request` may ask one more; takes it off what it has left. */
  take(request: IncomingMessage): boolean
}

/** @param now milliseconds, rising */
export const limitRequests = (server: Server, now: () => number = () => performance.now()): RequestLimits => {
  const connectionsByAddress = new Map<string, number>()
  const buckets = new Map<string, { tokens: number; at: number }>()
  server.maxConnections = MAX_CONNECTIONS
  server.maxHeadersCount = MAX_HEADERS
  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket)
    const open = (connectionsByAddress.get(address) ?? 0) + 1
    if (open > MAX_CONNECTIONS_PER_ADDRESS) {
      socket.destroy()
      return
    }
    connectionsByAddress.set(address, open)
    socket.once('close', () => {
      const left = connectionsByAddress.get(address)! - 1
      if (left > 0) connectionsByAddress.set(address, left)
      else connectionsByAddress.delete(address)
    })
  })
  return {
    take ({ socket }) {
      const address = addressOf(socket)
      const time = now()
      const bucket = buckets.get(address) ?? { tokens: BURST_REQUESTS, at: time }
      const tokens = Math.min(BURST_REQUESTS, bucket.tokens + (time - bucket.at) / SECOND_MS * REQUESTS_PER_SECOND)
      // Set anew, so that the map is in the order of last use.
      buckets.delete(address)
      buckets.set(address, { tokens: Math.max(0, tokens - 1), at: time })
      if (buckets.size > MAX_BUCKETS) buckets.delete(buckets.keys().next().value!)
      return tokens >= 1
    }
  }
}

/** One host may have 2^64 IPv6 addresses: its network counts. */
const addressOf = ({ remoteAddress = '' }: Socket): string => {
  const address = remoteAddress.replace(/^::ffff:/, '')
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address
}
