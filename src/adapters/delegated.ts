import type { ProfileId } from '../identity/profile-id.ts'
import { ClosedError, MercuryError, checkLimit } from '../errors.ts'
import { MAX_RECORD_BYTES, SECOND_MS } from '../limits.ts'
import { IPNS_RECORD_TYPE, type NameRouter } from '../naming/name-router.ts'
import { cancellable } from './cancellable.ts'
import { isPrivateHost } from './private-address.ts'
import { RouterFailedError } from './router-failed.ts'

export interface DelegatedRouterOptions {
  /** The service's base, http or https, without credentials, query or fragment; `/routing/v1/ipns/{name}` is appended. */
  url: string
  /** @default `delegated:`, the host of `url` and its path */
  name?: string
  fetch?: typeof globalThis.fetch
  /** For one whole request and its answer. @default 10 s */
  timeoutMs?: number
  /** Take a `url` whose host is a private address or a local name. What other names resolve to is the affair of `fetch`. @default false */
  allowPrivate?: boolean
}

/** The URL of a router or gateway is not one that is used. */
export class InvalidUrlError extends MercuryError {
  override readonly name = 'InvalidUrlError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_URL', `not a usable URL: ${reason}`, options)
  }
}

/**
 * A name router over the Delegated Routing V1 HTTP API: one request for each `put` and each `get`.
 *
 * Follows no redirect, sends no credentials and stops reading an answer after 10,240 bytes, decompressed.
 * Fails with `ROUTER_FAILED` (`status` where one came) for any other status, type, length or silence.
 *
 * @throws InvalidUrlError
 * @see https://specs.ipfs.tech/routing/http-routing-v1/
 */
export const createDelegatedRouter = ({ url, name, fetch = globalThis.fetch, timeoutMs = 10 * SECOND_MS, allowPrivate = false }: DelegatedRouterOptions): NameRouter => {
  const base = parseBase(url, allowPrivate)
  const router = name ?? `delegated:${base.host}${base.pathname.replace(/\/$/, '')}`
  const closing = new AbortController()

  const request = async <T>(id: ProfileId, init: RequestInit, signal: AbortSignal, read: (response: Response) => Promise<T>): Promise<T> => {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new RouterFailedError(router, `no whole answer within ${timeoutMs} ms`)), timeoutMs)
    const bounded = AbortSignal.any([signal, late.signal])
    try {
      bounded.throwIfAborted()
      const response = await fetch(`${base.href}routing/v1/ipns/${id}`, { ...init, redirect: 'manual', credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store', signal: bounded })
      try {
        return await read(response)
      } finally {
        await discard(response)
      }
    } catch (error) {
      if (bounded.aborted) throw bounded.reason
      throw error instanceof MercuryError ? error : new RouterFailedError(router, reasonOf(error), { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }

  const readRecord = async (response: Response): Promise<Uint8Array | undefined> => {
    const { status } = response
    const type = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (status === 404) return undefined
    // IPIP-0513: a service without the record may say so with 200 and plain text.
    if (status === 200 && type === 'text/plain') return undefined
    if (status !== 200) throw new RouterFailedError(router, statusReason(response), { status })
    if (type !== IPNS_RECORD_TYPE) throw new RouterFailedError(router, `the answer's type is ${type ?? 'missing'}`, { status })
    return readAtMost(response, MAX_RECORD_BYTES, () => new RouterFailedError(router, `the answer is over ${MAX_RECORD_BYTES} bytes`, { status }))
  }

  return {
    name: router,
    async put (id, record, { signal } = {}) {
      checkLimit('record bytes', MAX_RECORD_BYTES, record.byteLength)
      const init = { method: 'PUT', headers: { 'content-type': IPNS_RECORD_TYPE }, body: Uint8Array.from(record) }
      await request(id, init, either(closing.signal, signal), async (response) => {
        if (!response.ok) throw new RouterFailedError(router, statusReason(response), { status: response.status })
      })
    },
    get: (id, { signal } = {}) => cancellable(async function * (bounded) {
      const record = await request(id, { headers: { accept: IPNS_RECORD_TYPE } }, bounded, readRecord)
      if (record) yield record
    }, [closing.signal, signal]),
    async close () {
      closing.abort(new ClosedError(`router ${router}`))
    }
  }
}

const parseBase = (text: string, allowPrivate: boolean): URL => {
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

const readAtMost = async (response: Response, max: number, tooLong: () => Error): Promise<Uint8Array> => {
  const bytes = new Uint8Array(max)
  let length = 0
  const reader = response.body?.getReader()
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      if (length + part.value.byteLength > max) throw tooLong()
      bytes.set(part.value, length)
      length += part.value.byteLength
    }
  } finally {
    reader?.releaseLock()
  }
  return bytes.slice(0, length)
}

/** Lets go of the connection of an answer that is not read to its end. */
const discard = async (response: Response): Promise<void> => {
  try {
    await response.body?.cancel()
  } catch {
    // The body has ended or failed already; either way nothing is left to cancel.
  }
}

/** In browsers a redirect that is not followed has status 0. */
const statusReason = ({ status, type }: Response): string =>
  type === 'opaqueredirect' || (status >= 300 && status < 400) ? 'it redirects, which is not followed' : `it answered with status ${status}`

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

const either = (first: AbortSignal, second: AbortSignal | undefined): AbortSignal => (second ? AbortSignal.any([first, second]) : first)
