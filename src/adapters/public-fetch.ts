import type { IncomingMessage, RequestOptions } from 'node:http'
import type { LookupFunction } from 'node:net'
import { utf8 } from '../bytes.ts'
import { MercuryError } from '../errors.ts'
import { untilAborted } from '../until-aborted.ts'
import { isPrivateHost } from './private-address.ts'

/** A URL that a stranger gave leads to an address that is not a global one, or to none. */
export class AddressRefusedError extends MercuryError {
  override readonly name = 'AddressRefusedError'
  constructor(host: string, reason: string, options?: ErrorOptions) {
    super('ADDRESS_REFUSED', `${host} ${reason}`, options)
  }
}

export interface PublicFetchOptions {
  /** The addresses of a name; asked once for each request. @default the name servers of this machine */
  resolve?(name: string, signal: AbortSignal): Promise<readonly string[]>
  /** Whether a host, by name or by address, is not to be dialled. @default {@link isPrivateHost} */
  isPrivate?(host: string): boolean
}

const METHODS_WITH_BODY = ['PUT', 'POST', 'DELETE']
const METHODS = ['GET', 'HEAD', ...METHODS_WITH_BODY]
const FRAMING_HEADERS = ['connection', 'content-length', 'expect', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']
const MAX_ADDRESSES = 8
const DNS_TIMEOUT_MS = 3_000
const DNS_TRIES = 2

/**
 * A `fetch` for URLs that come out of strangers' documents: `GET`, `HEAD`, and `PUT`, `POST` and `DELETE` with a body that is bytes or text. Node only: `undefined` elsewhere.
 *
 * Every address of the host must be a global one, and it connects to those very addresses: a name that resolves to something else a moment later gains nothing.
 * Follows no redirect, sends no credentials, uses no proxy, keeps no connection, decompresses nothing.
 *
 * Rejects with AddressRefusedError for what is not dialled, with the signal's reason, or with what the connection failed with.
 */
export const createPublicFetch = ({ resolve = resolveByDns, isPrivate = isPrivateHost }: PublicFetchOptions = {}): typeof fetch | undefined => {
  const node = nodeModules()
  if (!node) return undefined

  const addressesOf = async (host: string, signal: AbortSignal): Promise<readonly string[]> => {
    if (isPrivate(host)) throw new AddressRefusedError(host, 'is not a global address')
    if (node.net.isIP(host) > 0) return [host]
    const addresses = await untilAborted(resolve(host, signal), signal)
    if (addresses.length === 0) throw new AddressRefusedError(host, 'has no address')
    // One that is not global among others is how a name is rebound.
    if (addresses.some((address) => node.net.isIP(address) === 0 || isPrivate(address))) throw new AddressRefusedError(host, 'is at an address that is not global')
    return addresses.slice(0, MAX_ADDRESSES)
  }

  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const { method = 'GET' } = init
    const signal = init.signal ?? new AbortController().signal
    const body = bytesOf(init.body)
    if (body ? !METHODS_WITH_BODY.includes(method) : !METHODS.includes(method)) throw new TypeError(`${method} ${body ? 'with' : 'without'} a body is not possible`)
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError(`the scheme ${url.protocol} is not possible`)
    signal.throwIfAborted()
    const addresses = await addressesOf(url.hostname.replace(/^\[|\]$/g, ''), signal)
    const answer = await open(url.protocol === 'https:' ? node.https : node.http, url, { method, headers: headersOf(init.headers, method, body), agent: false, lookup: lookupIn(addresses, node.net.isIP), signal }, body)
    try {
      return responseOf(answer, method, node.stream)
    } catch (error) {
      answer.destroy()
      throw error
    }
  }
}

const bytesOf = (body: RequestInit['body']): Uint8Array | undefined => {
  if (body === undefined || body === null || body instanceof Uint8Array) return body ?? undefined
  if (typeof body === 'string') return utf8(body)
  throw new TypeError('a body is bytes or text')
}

/** What frames a message is not for callers to say. Node would frame the body of a DELETE not at all. */
const headersOf = (given: RequestInit['headers'], method: string, body: Uint8Array | undefined): Record<string, string> => {
  const headers = new Headers(given)
  for (const name of FRAMING_HEADERS) headers.delete(name)
  if (METHODS_WITH_BODY.includes(method)) headers.set('content-length', String(body?.byteLength ?? 0))
  return Object.fromEntries(headers)
}

/** The answer's head, as soon as it is there: before the body is sent, perhaps. */
const open = async (transport: Pick<typeof import('node:http'), 'request'>, url: URL, options: RequestOptions, body: Uint8Array | undefined): Promise<IncomingMessage> => {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = transport.request(url, options)
  request.once('response', resolve)
  request.on('error', (error) => reject(options.signal?.aborted ? options.signal.reason : error))
  // An answer that changes the protocol ends the connection without an error.
  request.once('close', () => reject(new Error('the connection was closed before an answer came')))
  request.end(body)
  return promise
}

const responseOf = (message: IncomingMessage, method: string, { Readable }: typeof import('node:stream')): Response => {
  const headers = new Headers()
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) headers.append(message.rawHeaders[i]!, message.rawHeaders[i + 1]!)
  const hasBody = method !== 'HEAD' && ![204, 205, 304].includes(message.statusCode!)
  const response = new Response(hasBody ? Readable.toWeb(message) as unknown as ReadableStream : null, { status: message.statusCode!, headers })
  if (!hasBody) message.resume()
  return response
}

/** Stands for the resolver of the connection, which asks once or for all at once. */
const lookupIn = (addresses: readonly string[], familyOf: (address: string) => number): LookupFunction => (_hostname, { all }, callback) => {
  const entries = addresses.map((address) => ({ address, family: familyOf(address) }))
  if (all) callback(null, entries)
  else callback(null, entries[0]!.address, entries[0]!.family)
}

/** Asks name servers itself: look-ups by the system cannot be given up, and those of strangers' names could hold up all others. */
const resolveByDns = async (name: string, signal: AbortSignal): Promise<readonly string[]> => {
  const { Resolver } = nodeModules()!.dns
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES })
  const cancel = (): void => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const failure = answers.find((answer) => answer.status === 'rejected')
    if (addresses.length === 0) throw new AddressRefusedError(name, 'has no address', { cause: failure?.reason })
    return addresses
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

interface NodeModules {
  dns: typeof import('node:dns/promises')
  http: typeof import('node:http')
  https: typeof import('node:https')
  net: typeof import('node:net')
  stream: typeof import('node:stream')
}

/** Without imports, which bundlers for browsers would follow. */
const nodeModules = (): NodeModules | undefined => {
  const load = (globalThis as { process?: { getBuiltinModule?: NodeJS.Process['getBuiltinModule'] } }).process?.getBuiltinModule
  return load && { dns: load('node:dns/promises'), http: load('node:http'), https: load('node:https'), net: load('node:net'), stream: load('node:stream') }
}
