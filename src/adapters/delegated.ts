import { checkLimit } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { MAX_RECORD_BYTES } from '../limits.ts'
import { IPNS_RECORD_TYPE, type NameRouter } from '../naming/name-router.ts'
import { cancellable } from './cancellable.ts'
import { createHttpClient, mediaTypeOf, parseServiceUrl, readAtMost, statusReason, type ServiceOptions } from './http-client.ts'
import { RouterFailedError } from './router-failed.ts'

export { InvalidUrlError } from './http-client.ts'

export interface DelegatedRouterOptions extends ServiceOptions {
  /** The service's base, http or https, without credentials, query or fragment; `/routing/v1/ipns/{name}` is appended. */
  url: string
  /** @default `delegated:`, the host of `url` and its path */
  name?: string
}

/**
 * A name router over the Delegated Routing V1 HTTP API: one request for each `put` and each `get`.
 *
 * Follows no redirect to another host unless told to, sends no credentials and stops reading an answer after 10,240 bytes, decompressed.
 * Fails with `ROUTER_FAILED` (`status` where one came) for any other status, type, length or silence.
 *
 * @throws InvalidUrlError
 * @see https://specs.ipfs.tech/routing/http-routing-v1/
 */
export const createDelegatedRouter = ({ url, name, ...service }: DelegatedRouterOptions): NameRouter => {
  const { host, pathname } = parseServiceUrl(url, service)
  const router = name ?? `delegated:${host}${pathname.replace(/\/$/, '')}`
  const client = createHttpClient({ url, what: `router ${router}`, ...service, fail: (reason, options) => new RouterFailedError(router, reason, options) })

  const readRecord = async (response: Response): Promise<Uint8Array | undefined> => {
    const { status } = response
    const type = mediaTypeOf(response)
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
      await client.request(pathOf(id), init, async (response) => {
        if (!response.ok) throw new RouterFailedError(router, statusReason(response), { status: response.status })
      }, { signal })
    },
    get: (id, { signal } = {}) => cancellable(async function * (bounded) {
      const record = await client.request(pathOf(id), { headers: { accept: IPNS_RECORD_TYPE } }, readRecord, { signal: bounded })
      if (record) yield record
    }, [client.closing, signal]),
    async close () {
      client.close()
    }
  }
}

const pathOf = (id: ProfileId): string => `routing/v1/ipns/${id}`
