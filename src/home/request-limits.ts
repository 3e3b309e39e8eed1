import { SECOND_MS } from '../limits.ts'

export const MAX_CONNECTIONS_PER_ADDRESS = 32
/** Requests that an address may make at once after a rest, and how many more it gets each second. */
export const BURST_REQUESTS = 1_000
export const REQUESTS_PER_SECOND = 200
export const MAX_CONNECTIONS = 1_024
export const MAX_BODY_BYTES = 1_048_576
/** Addresses that are remembered; beyond, those that have rested longest are forgotten. */
const MAX_BUCKETS = 16_384
/** New agreements of an address with a home that takes anybody: at once after a rest, and how many more each hour. Each leaves a pledge for good. */
export const BURST_AGREEMENTS = 64
export const AGREEMENTS_PER_HOUR = 60
/** Bytes of large bodies and answers that are in memory at a time, in all and of one address. */
export const MAX_HELD_BYTES = 256 * 1_048_576
export const MAX_HELD_BYTES_PER_ADDRESS = 64 * 1_048_576
/** Bodies up to here are bounded by the number of requests under way. */
export const MIN_HELD_BYTES = 65_536

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
  /** New agreements, where the policy is open. @default 64 */
  burstAgreements?: number
  /** @default 60 */
  agreementsPerHour?: number
  /** @default 256 MiB */
  heldBytes?: number
  /** @default 64 MiB */
  heldBytesPerAddress?: number
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

  /** Counts one more, or `amount`, unless `client` then had more than it may. */
  add (client: string, amount = 1): boolean {
    const count = (this.counts.get(client) ?? 0) + amount
    if (count > this.max) return false
    this.counts.set(client, count)
    return true
  }

  remove (client: string, amount = 1): void {
    const left = (this.counts.get(client) ?? amount) - amount
    if (left > 0) this.counts.set(client, left)
    else this.counts.delete(client)
  }

  /** Addresses that hold something. */
  get size (): number {
    return this.counts.size
  }
}

/** Counts the bytes of large bodies and answers from when there is room for them until their requests are over. */
export class HeldBytes {
  private readonly byClient: AddressCounts
  private readonly max: number
  private total = 0

  constructor ({ heldBytes = MAX_HELD_BYTES, heldBytesPerAddress = MAX_HELD_BYTES_PER_ADDRESS }: LimitSettings = {}) {
    this.max = heldBytes
    this.byClient = new AddressCounts(heldBytesPerAddress)
  }

  /** Whether there is room for `bytes` more of `client`; counts them then. */
  take (client: string, bytes: number): boolean {
    if (this.total + bytes > this.max || !this.byClient.add(client, bytes)) return false
    this.total += bytes
    return true
  }

  give (client: string, bytes: number): void {
    this.total -= bytes
    this.byClient.remove(client, bytes)
  }
}
