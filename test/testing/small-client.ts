import { createHttpClient, readAtMost, statusReason, type HttpClient, type ServiceOptions } from '../../src/adapters/http-client.ts'
import { StoreError } from '../../src/errors.ts'
import type { SmallPlace } from './small-server.ts'

export type SmallOptions = Pick<ServiceOptions, 'fetch' | 'timeoutMs'>

export interface SmallClient extends Pick<HttpClient, 'closing' | 'close'> {
  /** @returns `undefined` for 404. @throws what `fail` makes */
  ask(method: string, path: string, options: { body?: RequestInit['body'] | undefined; maxBytes?: number; signal?: AbortSignal | undefined }): Promise<Uint8Array | undefined>
}

/** Requests to a small server. */
export const createSmallClient = ({ url, token }: SmallPlace, { what = 'store', fail = (reason: string, options?: ErrorOptions): Error => new StoreError(`the server failed: ${reason}`, options), ...options }: SmallOptions & { what?: string; fail?: (reason: string, options?: ErrorOptions) => Error } = {}): SmallClient => {
  const client = createHttpClient({ url, what, headers: { authorization: `Bearer ${token}` }, allowPrivate: true, ...options, fail: (reason, { cause } = {}) => fail(reason, { cause }) })
  return {
    closing: client.closing,
    close: () => client.close(),
    ask: (method, path, { body, maxBytes = 16 * 1_048_576, signal }) => client.request(path, { method, ...(body === undefined ? {} : { body }) }, async (response) => {
      if (response.status === 404) return undefined
      if (!response.ok) throw fail(statusReason(response))
      return readAtMost(response, maxBytes, () => fail(`its answer is over ${maxBytes} bytes`))
    }, signal ? { signal } : {})
  }
}
