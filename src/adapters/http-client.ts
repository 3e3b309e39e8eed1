import { ClosedError, MercuryError } from '../errors.ts'
import { SECOND_MS } from '../limits.ts'
import { isPrivateHost } from './private-address.ts'

/** The URL of a service is not one that is used. */
export class InvalidUrlError extends MercuryError {
  override readonly name = 'InvalidUrlError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_URL', `not a usable URL: ${reason}`, options)
  }
}

export interface ServiceOptions {
  fetch?: typeof globalThis.fetch
  /** For one whole request and its answer, in milliseconds. @default 10 s */
  timeoutMs?: number
  /** Take a URL whose host is a private address or a local name. What other names resolve to is the affair of `fetch`. @default false */
  allowPrivate?: boolean
  /** Hosts to which a `GET` may be redirected, beside its own; `.example.org` stands for all that end so. No credentials go there. @default none */
  redirectHosts?: readonly string[]
}

export interface HttpClientOptions extends ServiceOptions {
  /** http or https, without credentials, query or fragment. */
  url: string
  /** What was opened, for `CLOSED`. */
  what: string
  /** Sent with every request to the host of `url`, and to no other. */
  headers?: Readonly<Record<string, string>>
  /** The error that a caller sees when the service fails. */
  fail(reason: string, options?: ErrorOptions & { status?: number }): Error
}

export interface HttpClient {
  /** With a slash at its end. */
  readonly base: URL
  /**
   * One request for `path` below the base, and what `read` makes of its answer; whatever of that is left unread is let go of.
   *
   * @throws what `fail` makes, a MercuryError of `read`, or the signal's reason
   */
  request<T>(path: string, init: RequestInit, read: (response: Response) => Promise<T>, options?: { signal?: AbortSignal }): Promise<T>
  /** Aborts with `CLOSED` when the client is closed. */
  readonly closing: AbortSignal
  /** Ends what is under way with `CLOSED`, and every request after it. */
  close(): void
}

export const MAX_REDIRECTS = 3

/**
 * Requests to one HTTP service: bounded in time, without cookies, following redirects only where that is allowed.
 *
 * @throws InvalidUrlError
 */
export const createHttpClient = ({ url, what, headers = {}, fetch = globalThis.fetch, timeoutMs = 10 * SECOND_MS, allowPrivate = false, redirectHosts = [], fail }: HttpClientOptions): HttpClient => {
  const base = parseServiceUrl(url, { allowPrivate })
  const closing = new AbortController()

  const send = async (target: URL, init: RequestInit, signal: AbortSignal, redirects = 0): Promise<Response> => {
    const isHome = target.host === base.host
    const response = await fetch(target.href, { ...init, headers: { ...(init.headers as Record<string, string>), ...(isHome ? headers : {}) }, redirect: 'manual', credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store', signal })
    const location = isRedirect(response) ? response.headers.get('location') : null
    if (location === null || redirectHosts.length === 0 || (init.method ?? 'GET') !== 'GET') return response
    await discard(response)
    if (redirects === MAX_REDIRECTS) throw fail(`it redirects more than ${MAX_REDIRECTS} times`, { status: response.status })
    return send(redirectTarget(location, target, response.status), init, signal, redirects + 1)
  }

  const redirectTarget = (location: string, from: URL, status: number): URL => {
    const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined
    const isAllowed = target && (target.protocol === 'https:' || target.protocol === base.protocol) && (target.host === base.host || redirectHosts.some((host) => (host.startsWith('.') ? target.hostname.endsWith(host) : target.hostname === host)))
    if (!isAllowed || (!allowPrivate && isPrivateHost(target.hostname))) throw fail(`it redirects to ${target ? target.host : 'no URL'}, which is not allowed`, { status })
    return target
  }

  return {
    base,
    closing: closing.signal,
    async request (path, init, read, { signal } = {}) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(fail(`no whole answer within ${timeoutMs} ms`)), timeoutMs)
      const bounded = AbortSignal.any([closing.signal, late.signal, ...(signal ? [signal] : [])])
      try {
        bounded.throwIfAborted()
        const response = await send(new URL(path, base), init, bounded)
        try {
          return await read(response)
        } finally {
          await discard(response)
        }
      } catch (error) {
        if (bounded.aborted) throw bounded.reason
        throw error instanceof MercuryError ? error : fail(reasonOf(error), { cause: error })
      } finally {
        clearTimeout(timer)
      }
    },
    close () {
      closing.abort(new ClosedError(what))
    }
  }
}

/** @throws InvalidUrlError when `text` is not the base URL of a service */
export const parseServiceUrl = (text: string, { allowPrivate = false }: { allowPrivate?: boolean } = {}): URL => {
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    throw new InvalidUrlError('it does not parse', { cause: error })
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new InvalidUrlError(`its scheme is ${url.protocol}`)
  if (url.username !== '' || url.password !== '') throw new InvalidUrlError('it carries credentials')
  if (url.search !== '' || url.hash !== '') throw new InvalidUrlError('it has a query or a fragment')
  if (!allowPrivate && isPrivateHost(url.hostname)) throw new InvalidUrlError(`${url.hostname} is a private address; allowPrivate permits it`)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

/** The whole body, decompressed, or what `tooLong` makes as soon as it is over `max` bytes. */
export const readAtMost = async (response: Response, max: number, tooLong: () => Error): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      length += part.value.byteLength
      if (length > max) throw tooLong()
      parts.push(part.value)
    }
  } finally {
    reader?.releaseLock()
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.byteLength
  }
  return bytes
}

/** The media type alone, in lower case. */
export const mediaTypeOf = (response: Response): string | undefined => response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()

export const statusReason = (response: Response): string => (isRedirect(response) ? 'it redirects, which is not followed' : `it answered with status ${response.status}`)

/** In browsers a redirect that is not followed has status 0. */
const isRedirect = ({ status, type }: Response): boolean => type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304)

/** Lets go of the connection of an answer that is not read to its end. */
const discard = async (response: Response): Promise<void> => {
  try {
    await response.body?.cancel()
  } catch {
    // The body has ended or failed already; either way nothing is left to cancel.
  }
}

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
