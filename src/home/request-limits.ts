import { SECOND_MS } from '../limits.ts'

export const MAX_CONNECTIONS_PER_ADDRESS = 32
/** Requests that an address may make at once after a rest, and how many more it gets each second. */
export const BURST_REQUESTS = 1_000
export const REQUESTS_PER_SECOND = 200
export const MAX_CONNECTIONS = 1_024
export const MAX_BODY_BYTES = 1_048_576
/** Addresses that are remembered; beyond, those that have rested longest are forgotten. */
const MAX_BUCKETS = 16_384

export const HEADERS_TIMEOUT_MS = 10 * SECOND_MS
export const REQUEST_TIMEOUT_MS = 30 * SECOND_MS
export const KEEP_ALIVE_MS = 5 * SECOND_MS
/** A connection on which nothing moves while an answer is under way. */
export const IDLE_TIMEOUT_MS = 30 * SECOND_MS
const CHECK_MS = SECOND_MS
export const MAX_HEADER_BYTES = 16_384
export const MAX_HEADERS = 64

/** For `createServer`. */
export const SERVER_OPTIONS = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, connectionsCheckingInterval: CHECK_MS, maxHeaderSize: MAX_HEADER_BYTES, noDelay: true } as const

/** How much the server and one address may hold and ask. */
export interface LimitSettings {
  /** @default 1,024 */
  maxConnections?: number
  /** Connections, and behind a trusted proxy requests under way. @default 32 */
  connectionsPerAddress?: number
  /** @default 1,000 */
  burst?: number
  /** @default 200 */
  requestsPerSecond?: number
}

/** One bucket of tokens for each address. */
export interface RequestBudget {
  /** Whether `client` may ask one more; takes it off what it has left. */
  take(client: string): boolean
}

/** @param now milliseconds, rising */
export const createRequestBudget = ({ burst = BURST_REQUESTS, requestsPerSecond = REQUESTS_PER_SECOND }: LimitSettings = {}, now: () => number = () => performance.now()): RequestBudget => {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return {
    take (client) {
      const time = now()
      const bucket = buckets.get(client) ?? { tokens: burst, at: time }
      const tokens = Math.min(burst, bucket.tokens + (time - bucket.at) / SECOND_MS * requestsPerSecond)
      bucket.tokens = tokens >= 1 ? tokens - 1 : tokens
      bucket.at = time
      // Set anew, so that the map is in the order of last use.
      buckets.delete(client)
      buckets.set(client, bucket)
      if (buckets.size > MAX_BUCKETS) buckets.delete(buckets.keys().next().value!)
      return tokens >= 1
    }
  }
}

/** Counts what each address holds. */
export class AddressCounts {
  private readonly counts = new Map<string, number>()
  private readonly max: number

  constructor (max: number) {
    this.max = max
  }

  /** Counts one more, unless `client` has as many as it may. */
  add (client: string): boolean {
    const count = this.counts.get(client) ?? 0
    if (count >= this.max) return false
    this.counts.set(client, count + 1)
    return true
  }

  remove (client: string): void {
    const left = (this.counts.get(client) ?? 1) - 1
    if (left > 0) this.counts.set(client, left)
    else this.counts.delete(client)
  }

  /** Addresses that hold something. */
  get size (): number {
    return this.counts.size
  }
}
