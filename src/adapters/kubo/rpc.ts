import { concat } from 'uint8arrays'
import { utf8 } from '../../bytes.ts'
import { SECOND_MS } from '../../limits.ts'
import { createHttpClient, mediaTypeOf, parseServiceUrl, readAtMost, statusReason, type FailureOptions, type ServiceOptions } from '../http-client.ts'

export interface KuboOptions extends Pick<ServiceOptions, 'fetch'> {
  /**
   * Where Kubo's RPC API is, http or https, without `/api/v0`, credentials, query or fragment.
   * It may have a private address: this API gives its caller everything, so it is the owner's own, and on loopback unless he says otherwise.
   */
  url: string
  /** The value of the `Authorization` header, as in `Bearer …`, for a Kubo with `API.Authorizations`; it goes to the host of `url` alone. */
  authorization?: string
  /** How long Kubo may ask its network for one call, in milliseconds; a Kubo that is silent for 10 s more has failed. @default 30 s */
  timeoutMs?: number
}

export interface KuboCall<T> {
  /** Of one command; `arg` is its argument. */
  query: Readonly<Record<string, string>>
  /** The one file of the request. */
  file?: Uint8Array
  read(response: Response): Promise<T>
  /** What Kubo's own error means; throws `failed(reason)` where it is a failure. @default always */
  refused?(reason: string): T
  signal?: AbortSignal | undefined
}

export interface KuboRpc {
  /** Host and path, for names and messages. */
  readonly place: string
  readonly timeoutMs: number
  /** One command. @throws what `failed` makes, what `read` and `refused` throw, or the signal's reason */
  call<T>(command: string, call: KuboCall<T>): Promise<T>
  failed(reason: string, options?: ErrorOptions): Error
  /** Aborts with `CLOSED` when it is closed. */
  readonly closing: AbortSignal
  close(): void
}

const GRACE_MS = 10 * SECOND_MS
const MAX_REASON_LENGTH = 200
const MAX_ERROR_BYTES = 65_536
/** What Kubo says when a call took longer than its `timeout`. */
export const isDeadline = (reason: string): boolean => reason.includes('context deadline exceeded')

/**
 * Kubo's RPC API: each command is one POST.
 *
 * No error tells the authorization, not even where the server sends it back.
 *
 * @throws InvalidUrlError, InvalidHeaderError
 * @see https://docs.ipfs.tech/reference/kubo/rpc/
 */
export const createKuboRpc = ({ url, authorization, fetch, timeoutMs = 30 * SECOND_MS }: KuboOptions, { what, fail }: { what: string; fail(reason: string, options?: FailureOptions): Error }): KuboRpc => {
  const place = placeOf(url)
  const client = createHttpClient({
    url,
    what,
    allowPrivate: true,
    timeoutMs: timeoutMs + GRACE_MS,
    ...(fetch ? { fetch } : {}),
    ...(authorization === undefined ? {} : { headers: { authorization } }),
    fail
  })
  const secrets = authorization === undefined ? [] : [authorization, authorization.slice(authorization.indexOf(' ') + 1)]

  const reasonOf = async (response: Response): Promise<string | undefined> => {
    if (mediaTypeOf(response) !== 'application/json') return undefined
    const message = parseError(await readAtMost(response, MAX_ERROR_BYTES, () => fail('its error is too long')))
    if (message === undefined || secrets.some((secret) => message.includes(secret))) return undefined
    return printable(message)
  }

  return {
    place,
    timeoutMs,
    call: async (command, { query, file, read, refused = (reason) => { throw fail(reason) }, signal }) => client.request(`api/v0/${command}?${new URLSearchParams(query).toString()}`, { method: 'POST', ...(file ? multipart(file) : {}) }, async (response) => {
      const { status } = response
      if (status === 200) return read(response)
      if (status === 401 || status === 403) throw fail(authorization === undefined ? 'it asks for an authorization' : 'it refuses the authorization that it was given', { status })
      const reason = status === 500 ? await reasonOf(response) : undefined
      if (reason === undefined) throw fail(statusReason(response), { status })
      return refused(reason)
    }, { signal }),
    failed: fail,
    closing: client.closing,
    close: () => client.close()
  }
}

/** Host and path of a service. @throws InvalidUrlError */
export const placeOf = (url: string): string => {
  const { host, pathname } = parseServiceUrl(url, { allowPrivate: true })
  return `${host}${pathname.replace(/\/$/, '')}`
}

/** The JSON object of a short answer. @throws what `failed` makes for anything else */
export const readObject = async (response: Response, maxBytes: number, failed: KuboRpc['failed']): Promise<Readonly<Record<string, unknown>>> => {
  const object = parseJson(decode(await readAtMost(response, maxBytes, () => failed(`its answer is over ${maxBytes} bytes`))))
  if (!isObject(object)) throw failed('its answer is no JSON object')
  return object
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `undefined` for what is no JSON. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Kubo's errors are `{Message, Code, Type}`. */
const parseError = (bytes: Uint8Array): string | undefined => {
  const error = parseJson(decode(bytes))
  return isObject(error) && typeof error.Message === 'string' ? error.Message : undefined
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const printable = (text: string): string => text.slice(0, MAX_REASON_LENGTH).replace(/[^\x20-\x7e]/g, '?')

/** A form of one file. Its boundary is drawn at random, so that no bytes can hold it on purpose. */
const multipart = (file: Uint8Array): { headers: Readonly<Record<string, string>>; body: Uint8Array<ArrayBuffer> } => {
  const boundary = `mercury-${crypto.randomUUID()}`
  const head = utf8(`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="file"\r\ncontent-type: application/octet-stream\r\n\r\n`)
  return { headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body: Uint8Array.from(concat([head, file, utf8(`\r\n--${boundary}--\r\n`)])) }
}
