import type { IncomingHttpHeaders } from 'node:http'
import { MercuryError } from '../errors.ts'
import type { Operation } from './operation.ts'

export type RouteMethod = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** One request as a route sees it. */
export interface RouteRequest {
  /** `HEAD` is answered by the route for `GET`, and sees it here. */
  readonly method: string
  /** What stands for `{…}` in the pattern, percent-decoded; empty where the pattern has none. */
  readonly parameter: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** What the URL of this request may have been for whoever sent it, at the home's own origins only; for signatures. */
  readonly urls: readonly string[]
  /** Who asks, for limits alone: an address, or the network of an IPv6 one. */
  readonly client: string
  /** Aborted when whoever asked is gone, or when the server stops for good. */
  readonly signal: AbortSignal
  /**
   * The body, read to its end.
   *
   * @throws LimitError over `maxBytes`, MercuryError `COMPRESSED_BODY`, `BODY_INCOMPLETE`
   */
  body(maxBytes: number): Promise<Uint8Array>
}

/** What a route answers. The server adds what every answer carries, judges preconditions and ranges, and leaves the body out for HEAD. */
export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Bytes, or a stream that is read as fast as whoever asked reads, and left when he leaves. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  /** A stream without an end of its own: it is left at once when the server stops. */
  readonly endless?: boolean
}

/** One method of one path. */
export interface Route {
  readonly method: RouteMethod
  /** Such as `/ipfs/{cid}`: at most one parameter, as the last segment or the one before it. */
  readonly pattern: string
  readonly operation: Operation
  handle(request: RouteRequest): Answer | Promise<Answer>
}

/** The routes of one path. */
export interface RoutedPath {
  readonly pattern: string
  readonly routes: ReadonlyMap<string, Route>
  /** Every method that is answered, for `Allow`. */
  readonly methods: string
}

/** Finds the routes of a path in three look-ups at most. */
export interface RouteTable {
  /** @returns the path's routes, and what stands for the parameter, still percent-encoded */
  find(path: string): { path: RoutedPath; parameter: string } | undefined
}

export const createRouteTable = (routes: readonly Route[]): RouteTable => {
  const byKey = new Map<string, RoutedPath>()
  for (const [pattern, ofPattern] of Map.groupBy(routes, ({ pattern }) => pattern)) {
    const byMethod = new Map(ofPattern.flatMap((route) => methodsOf(route).map((method) => [method, route])))
    if (new Set(ofPattern.map(({ method }) => method)).size < ofPattern.length) throw new MercuryError('INVALID_ARGUMENT', `two routes of ${pattern} have the same method`)
    byKey.set(keyOf(pattern), { pattern, routes: byMethod, methods: [...byMethod.keys(), 'OPTIONS'].join(', ') })
  }
  return {
    find (path) {
      const exact = byKey.get(path)
      if (exact) return { path: exact, parameter: '' }
      const slash = path.lastIndexOf('/') + 1
      const found = slash < path.length ? byKey.get(path.slice(0, slash) + ANY) : undefined
      if (found) return { path: found, parameter: path.slice(slash) }
      const before = path.lastIndexOf('/', slash - 2) + 1
      const inner = before > 0 && before < slash - 1 ? byKey.get(path.slice(0, before) + ANY + path.slice(slash - 1)) : undefined
      return inner && { path: inner, parameter: path.slice(before, slash - 1) }
    }
  }
}

const methodsOf = ({ method }: Route): string[] => (method === 'GET' ? ['GET', 'HEAD'] : [method])

/** No path that was sent has a space in it. */
const ANY = ' '

const keyOf = (pattern: string): string => {
  const key = pattern.replace(/\/\{\w+\}(?=(\/[^/]+)?$)/, `/${ANY}`)
  if (!key.startsWith('/') || /[{}]/.test(key)) throw new MercuryError('INVALID_ARGUMENT', `${pattern} is no pattern: its parameter is the last segment, or the one before it`)
  return key
}

