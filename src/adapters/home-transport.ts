import { ClosedError, MercuryError } from '../errors.ts'
import type { HomeRequest, HomeResponse, HomeTransport } from '../hosting/home-transport.ts'
import { SECOND_MS } from '../limits.ts'
import { createHttpClient, readAtMost, statusReason } from './http-client.ts'
import { createPublicFetch } from './public-fetch.ts'

/** A home gave no whole answer, or one that is too long. */
export class HomeTransportError extends MercuryError {
  override readonly name = 'HomeTransportError'
  constructor(host: string, reason: string, options?: ErrorOptions) {
    super('HOME_UNREACHABLE', `${host}: ${reason}`, options)
  }
}

export interface HomeTransportOptions {
  /** For homes that the user named: it keeps connections, as the platform's does. @default the platform's */
  fetch?: typeof globalThis.fetch
  /** For addresses out of strangers' documents. @default {@link createPublicFetch}, where there is Node */
  publicFetch?: typeof globalThis.fetch
  /** Take private addresses out of strangers' documents, too: for nets on loopback or in one house. @default false */
  allowPrivate?: boolean
  /** For one whole request and its answer. @default 30 s */
  timeoutMs?: number
}

/**
 * Requests to homes over HTTP, without cookies, following no redirect; an answer is counted as it comes, decompressed, and given up beyond its cap.
 *
 * A home that the user named may have any address, and its connection is kept for the next request.
 * An address that a stranger gave must be a global one: every address of its name is checked, and it connects to those very addresses; its connection is not kept.
 * Where the platform can check nothing, in browsers, the platform's own rules hold for both.
 *
 * `send` rejects with HomeTransportError, AddressRefusedError, InvalidUrlError or InvalidHeaderError.
 */
export const createHomeTransport = ({ fetch = globalThis.fetch, publicFetch = createPublicFetch() ?? fetch, allowPrivate = false, timeoutMs = 30 * SECOND_MS }: HomeTransportOptions = {}): HomeTransport => {
  const closing = new AbortController()

  const send = async ({ url, method, headers, body, maxBytes, trusted }: HomeRequest, signal: AbortSignal): Promise<HomeResponse> => {
    const mayBePrivate = trusted || allowPrivate
    const host = URL.canParse(url) ? new URL(url).host : 'the home'
    const fail = (reason: string, options?: ErrorOptions): Error => new HomeTransportError(host, reason, options)
    const client = createHttpClient({ url: baseOf(url), what: 'home transport', fetch: mayBePrivate ? fetch : publicFetch, allowPrivate: mayBePrivate, timeoutMs, fail })
    return client.request(url, { method, headers, ...(body ? { body: body as Uint8Array<ArrayBuffer> } : {}) }, async (response) => {
      // Browsers tell nothing of a redirect that is not followed.
      if (response.type === 'opaqueredirect') throw fail(statusReason(response))
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await readAtMost(response, maxBytes, () => fail(`its answer is longer than ${maxBytes} bytes`)) }
    }, { signal })
  }

  return {
    send: async (request, { signal } = {}) => {
      closing.signal.throwIfAborted()
      return send(request, signal ? AbortSignal.any([closing.signal, signal]) : closing.signal)
    },
    async close () {
      closing.abort(new ClosedError('home transport'))
    }
  }
}

/** The URL without its path: what is left must be one of a service. One that does not parse is for the client to refuse. */
const baseOf = (url: string): string => {
  if (!URL.canParse(url)) return url
  const base = new URL(url)
  base.pathname = '/'
  base.search = ''
  return base.href
}
