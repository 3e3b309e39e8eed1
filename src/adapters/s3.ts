import type { CID } from 'multiformats/cid'
import { checkLimit } from '../errors.ts'
import { MAX_BLOCK_BYTES } from '../limits.ts'
import { BlockNotFoundError, sha256DigestOf, type HashStore } from '../store/hash-store.ts'
import { sha256 } from '../store/sha256.ts'
import { untilAborted } from '../until-aborted.ts'
import { createHttpClient, readAtMost, type ServiceOptions } from './http-client.ts'
import { brokeOff, failed, failureOf, readErrorCode } from './s3/failure.ts'
import { createS3Place, type S3Place, type S3PlaceOptions } from './s3/place.ts'
import { withRetries } from './s3/retry.ts'
import { createSigner, type S3CredentialsSource } from './s3/signing.ts'

export { InvalidUrlError } from './http-client.ts'
export type { S3Credentials, S3CredentialsSource } from './s3/signing.ts'

export interface S3StoreOptions extends S3PlaceOptions, Pick<ServiceOptions, 'fetch' | 'timeoutMs'> {
  credentials: S3CredentialsSource
  /** The hash space that it serves. @default ipfs */
  space?: string
}

/**
 * A bucket of any S3 server as a hash store: AWS, StorJ, MinIO, Garage. One object for each block, named by `prefix` and its hash.
 *
 * `put`, `get`, `pin` and `unpin` are one request each: a put block stays, so `pin` only looks whether it is there, and `unpin` removes it.
 * The bucket is the store itself: `offline` and `hints` change nothing. The server is told what every block must hash to.
 * Rejects with `STORE_FAILED` for whatever else the server says. A server that is too busy (500, 503) and a connection that broke before an answer came
 * are tried again, twice at most; `timeoutMs` is for each attempt.
 *
 * @throws InvalidUrlError; MercuryError `INVALID_ARGUMENT`, `INVALID_CREDENTIALS`; calls reject with MissingDependencyError without `aws4fetch`
 */
export const createS3Store = ({ credentials, space = 'ipfs', fetch, timeoutMs, allowPrivate, ...placeOptions }: S3StoreOptions): HashStore => {
  const place = createS3Place({ allowPrivate, ...placeOptions })
  const sign = createSigner({ credentials, region: place.region })
  const client = createHttpClient({
    url: place.base,
    what: 'store',
    fetch,
    timeoutMs,
    allowPrivate,
    fail: (reason, { unanswered = false, ...options } = {}) => (unanswered ? brokeOff : failed)(place, reason, options)
  })

  /** One signed request for the object of `cid`; `read` makes of its answer what is asked for. */
  const exchange = async <T>(method: string, cid: CID, read: (response: Response) => Promise<T>, { signal, body }: { signal: AbortSignal | undefined; body?: Uint8Array<ArrayBuffer> }): Promise<T> => {
    const bounded = signal ? AbortSignal.any([client.closing, signal]) : client.closing
    bounded.throwIfAborted()
    const path = place.pathOf(cid)
    const digest = body ? sha256DigestOf(cid) : await sha256(new Uint8Array())
    return withRetries(async () => {
      const headers = await untilAborted(sign({ method, url: new URL(path, client.base), digest }), bounded)
      return client.request(path, { method, headers, ...(body ? { body } : {}) }, read, { signal })
    }, bounded)
  }

  /** @throws the failure that `response` tells */
  const refuse = async (response: Response): Promise<never> => {
    throw failureOf(response, await readErrorCode(response), place)
  }

  return {
    space,
    supports: { put: true, pin: true, persistence: true, network: true },
    async put (cid, bytes, { signal } = {}) {
      checkLimit('block bytes', MAX_BLOCK_BYTES, bytes.byteLength)
      await exchange('PUT', cid, async (response) => (response.ok ? undefined : refuse(response)), { signal, body: Uint8Array.from(bytes) })
    },
    get: async (cid, { signal } = {}) => exchange('GET', cid, async (response) => {
      if (response.status === 200) return readAtMost(response, MAX_BLOCK_BYTES, () => failed(place, `the object is over ${MAX_BLOCK_BYTES} bytes`))
      return absentOr(response, place)
    }, { signal }),
    async pin (cid, { signal } = {}) {
      // An answer to HEAD has no body, so its 404 cannot say what is absent.
      const isThere = await exchange('HEAD', cid, async (response) => response.ok || (response.status === 404 ? false : refuse(response)), { signal })
      if (!isThere) throw new BlockNotFoundError(cid)
    },
    async unpin (cid, { signal } = {}) {
      await exchange('DELETE', cid, async (response) => (response.ok ? undefined : absentOr(response, place)), { signal })
    },
    async close () {
      client.close()
    }
  }
}

/** `undefined` when `response` says that the object is absent. @throws the failure that it tells otherwise */
const absentOr = async (response: Response, place: S3Place): Promise<undefined> => {
  const code = await readErrorCode(response)
  if (response.status !== 404 || code !== 'NoSuchKey') throw failureOf(response, code, place)
}
