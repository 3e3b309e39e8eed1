import type { CID } from 'multiformats/cid'
import { ClosedError, MercuryError, StoreError } from '../errors.ts'
import { SECOND_MS } from '../limits.ts'
import { sha256DigestOf, type HashStore } from '../store/hash-store.ts'
import { NotSupportedError } from '../store/not-supported.ts'
import { createGateway, type Gateway, type GatewayFormat } from './gateway/gateway.ts'
import { raceHedged, type FailedAttempt } from './gateway/hedged-race.ts'
import { InvalidUrlError, type ServiceOptions } from './http-client.ts'
import { createPublicFetch } from './public-fetch.ts'

export { InvalidUrlError } from './http-client.ts'
export { createPublicFetch, type PublicFetchOptions } from './public-fetch.ts'

export interface GatewayStoreOptions extends ServiceOptions {
  /** 1 to 16 gateways, the best first; http or https, without credentials, query or fragment. `/ipfs/{cid}` is appended. */
  urls: readonly string[]
  /** What a gateway is asked for first; one that does not do `raw` is asked for `car`. @default raw */
  format?: GatewayFormat
  /** How long one gateway may be silent before the next is asked, too, in milliseconds. @default 1 s */
  hedgeMs?: number
  /** Whether https URLs among the hints of a `get`, at most 4 of other hosts, are asked as further gateways. Who wrote them learns who reads. @default ask */
  hints?: 'ask' | 'ignore'
  /** Fetches from hints, which are strangers' URLs. @default {@link createPublicFetch}; where there is no Node, hints are not asked */
  hintFetch?: typeof globalThis.fetch
}

const MAX_GATEWAYS = 16
const MAX_HINTS = 4
const MAX_HINT_LENGTH = 2_048

/**
 * Trustless IPFS gateways as a hash store that only reads.
 *
 * They are asked in their order, the next one as soon as the one before fails, does not have the block, gives other bytes or is silent for `hedgeMs`;
 * the first block that hashes to its CID is the answer, and the others are no longer waited for.
 * `get` answers `undefined` when each of them said that it does not have the block, and rejects with `STORE_FAILED` and each one's reason otherwise.
 * With `offline` nobody is asked, and there is nothing. `timeoutMs` is for one request to one gateway.
 *
 * @throws InvalidUrlError; MercuryError `INVALID_ARGUMENT` for no gateway or more than 16
 * @see https://specs.ipfs.tech/http-gateways/trustless-gateway/
 */
export const createGatewayStore = ({ urls, format = 'raw', hedgeMs = SECOND_MS, hints: hintPolicy = 'ask', hintFetch = createPublicFetch(), ...service }: GatewayStoreOptions): HashStore => {
  if (urls.length === 0 || urls.length > MAX_GATEWAYS) throw new MercuryError('INVALID_ARGUMENT', `name 1 to ${MAX_GATEWAYS} gateways; got ${urls.length}`)
  const gateways = urls.map((url) => createGateway({ url, format, ...service }))
  const closing = new AbortController()

  const gatewaysOf = (hints: readonly string[]): readonly Gateway[] => {
    if (hintPolicy === 'ignore' || !hintFetch) return []
    const found = new Map<string, Gateway>()
    for (const url of hints.filter(isHttps)) {
      const gateway = openHint(url, { format, fetch: hintFetch, timeoutMs: service.timeoutMs })
      if (gateway && !gateways.some(({ host }) => host === gateway.host)) found.set(gateway.host, found.get(gateway.host) ?? gateway)
      if (found.size === MAX_HINTS) break
    }
    return [...found.values()]
  }

  return {
    space: 'ipfs',
    supports: { put: false, pin: false, persistence: false, network: true },
    async get (cid, { signal: given, offline = false, hints = [] } = {}) {
      const signal = given ? AbortSignal.any([closing.signal, given]) : closing.signal
      signal.throwIfAborted()
      sha256DigestOf(cid)
      if (offline) return undefined
      const asked = [...gateways, ...gatewaysOf(hints)]
      const { value, failures } = await raceHedged(asked.map((gateway) => (until: AbortSignal) => gateway.fetchBlock(cid, until)), { hedgeMs, signal })
      if (value || failures.length === 0) return value
      throw new StoreError(`no gateway gave the block; cid=${cid.toString()}: ${reasonsOf(asked, failures)}`, { cause: failures[0]?.error })
    },
    put: refuse('writing'),
    pin: refuse('pins'),
    unpin: refuse('pins'),
    async close () {
      closing.abort(new ClosedError('store'))
    }
  }
}

/** Hints come out of documents, so one that is no URL, or a private one, is passed over. */
const openHint = (url: string, options: ServiceOptions & { format: GatewayFormat }): Gateway | undefined => {
  try {
    return createGateway({ url, ...options })
  } catch (error) {
    if (error instanceof InvalidUrlError) return undefined
    throw error
  }
}

const isHttps = (hint: string): boolean => hint.length <= MAX_HINT_LENGTH && /^https:\/\//i.test(hint)

const reasonsOf = (asked: readonly Gateway[], failures: readonly FailedAttempt[]): string => asked.map(({ host }, index) => {
  const failure = failures.find((failed) => failed.index === index)
  return `${host}: ${failure ? messageOf(failure.error) : 'does not have it'}`
}).join('; ')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const refuse = (what: string) => async (_cid: CID): Promise<never> => {
  throw new NotSupportedError(what)
}
