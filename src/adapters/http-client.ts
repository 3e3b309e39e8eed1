import { ClosedError, MercuryError } from '../errors.ts'
import { SECOND_MS } from '../limits.ts'
import { untilAborted } from '../until-aborted.ts'
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
  /** The error that a caller sees when the service fails. `unanswered`: the connection could not be made, or broke before any answer came. */
  fail(reason: string, options?: FailureOptions): Error
}

export interface FailureOptions extends ErrorOptions {
  status?: number
  unanswered?: boolean
}

/** As for `fetch`, with headers by name; a request is never redirected with others of them than `accept`. */
export interface ServiceRequest {
  /** @default GET */
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: RequestInit['body']
}

export interface HttpClient {
  /** With a slash at its end. */
  readonly base: URL
  /**
   * One request for `path` below the base, and what `read` makes of its answer; whatever of that is left unread is let go of.
   * Answers are asked for uncompressed; one that is compressed more than once is a failure.
   *
   * @throws InvalidHeaderError, what `fail` makes, a MercuryError of `read`, or the signal's reason
   */
  request<T>(path: string, init: ServiceRequest, read: (response: Response) => Promise<T>, options?: { signal?: AbortSignal }): Promise<T>
  /** Aborts with `CLOSED` when the client is closed. */
  readonly closing: AbortSignal
  /** Ends what is under way with `CLOSED`, and every request after it. */
  close(): void
}

export const MAX_REDIRECTS = 3

/** A header, a token for example, has characters that HTTP does not carry. Its value is not told: it may be secret. */
export class InvalidHeaderError extends MercuryError {
  override readonly name = 'InvalidHeaderError'
  constructor(header: string) {
    super('INVALID_HEADER', `the header ${header} may hold visible ASCII characters and single spaces alone`)
  }
}

/**
 * Requests to one HTTP service: bounded in time, without cookies, following redirects only where that is allowed.
 *
 * @throws InvalidUrlError, InvalidHeaderError
 */
export const createHttpClient = ({ url, what, headers = {}, fetch = globalThis.fetch, timeoutMs = 10 * SECOND_MS, allowPrivate = false, redirectHosts = [], fail }: HttpClientOptions): HttpClient => {
  const base = parseServiceUrl(url, { allowPrivate })
  checkHeaders(headers)
  const closing = new AbortController()

  const send = async (target: URL, init: ServiceRequest, signal: AbortSignal, redirects = 0): Promise<Response> => {
    const own = target.host === base.host ? { ...init.headers, ...headers } : acceptAlone(init.headers)
    const response = await fetch(target.href, { ...init, headers: { 'accept-encoding': 'identity', ...own }, redirect: 'manual', credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store', signal })
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
      checkHeaders(init.headers)
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(fail(`no whole answer within ${timeoutMs} ms`)), timeoutMs)
      const bounded = AbortSignal.any([closing.signal, late.signal, ...(signal ? [signal] : [])])
      let unanswered = true
      const exchange = async () => {
        const response = await send(new URL(path, base), init, bounded)
        unanswered = false
        try {
          if (response.headers.get('content-encoding')?.includes(',')) throw fail('its answer is compressed more than once', { status: response.status })
          return await read(response)
        } finally {
          await discard(response)
        }
      }
      try {
        bounded.throwIfAborted()
        // A `fetch` that was given may not listen to its signal.
        return await untilAborted(exchange(), bounded)
      } catch (error) {
        if (bounded.aborted) throw bounded.reason
        throw error instanceof MercuryError ? error : fail(reasonOf(error), { cause: error, unanswered })
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

const checkHeaders = (headers: Readonly<Record<string, string>> = {}): void => {
  for (const [name, value] of Object.entries(headers)) if (!/^[!-~]+( [!-~]+)*$/.test(value)) throw new InvalidHeaderError(name)
}

/** What a stranger may see of the headers of a request. */
const acceptAlone = ({ accept }: Readonly<Record<string, string>> = {}): Record<string, string> => (accept === undefined ? {} : { accept })

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
