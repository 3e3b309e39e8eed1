import { MercuryError } from '../errors.ts'
import { urlOfAddress } from '../hosting/home-address.ts'
import { HomeUnreachableError, createHomeClient, type HomeClient } from '../hosting/home-client.ts'
import type { HomeTransport } from '../hosting/home-transport.ts'

/** Where a home may be reached: base URLs with a slash at their end, the best first. */
export interface HomeUrls {
  /** Named by the user, who may name private ones. */
  readonly named: readonly string[]
  /** Out of documents and links of others. */
  readonly found: readonly string[]
}

export interface HomeContactOptions extends HomeUrls {
  transport: HomeTransport
  clock: () => number
}

/** One home, at whichever of its addresses answers. */
export interface HomeContact extends HomeUrls {
  /**
   * Asks at the named addresses, then at those that were found.
   *
   * @returns with `url`, the one that answered
   * @throws HomeUnreachableError when none did, and what `call` throws
   */
  ask<T>(call: (client: HomeClient) => Promise<T>): Promise<{ value: T; url: string }>
  /** The address that answered last. */
  answeredAt(): string | undefined
}

export const createHomeContact = ({ transport, clock, named, found }: HomeContactOptions): HomeContact => {
  let answered: string | undefined
  const strangers = found.filter((url) => !named.includes(url))
  const places = [{ urls: named, trusted: true }, { urls: strangers, trusted: false }].filter(({ urls }) => urls.length > 0)
  return {
    named,
    found: strangers,
    answeredAt: () => answered,
    async ask (call) {
      let silence = new HomeUnreachableError('it has no address that can be dialled')
      for (const { urls, trusted } of places) {
        let url: string | undefined
        // Of each call its own: others that are under way may be answered elsewhere.
        const noting: HomeTransport = {
          async send (request, options) {
            const response = await transport.send(request, options)
            answered = url = new URL('/', request.url).href
            return response
          },
          close: () => transport.close()
        }
        const last = answered
        const client = createHomeClient({ transport: noting, clock, trusted, urls: urls.toSorted((a, b) => Number(b === last) - Number(a === last)) })
        try {
          const value = await call(client)
          return { value, url: url! }
        } catch (error) {
          if (!(error instanceof HomeUnreachableError)) throw error
          silence = error
        }
      }
      throw silence
    }
  }
}

/** The HTTP side of a home at these multiaddrs; others are passed over. */
export const urlsOf = (addresses: readonly string[] = []): string[] => [...new Set(addresses.map(urlOfAddress).filter((url) => url !== undefined))]

/** What a hint or a user may name: a multiaddr or a URL of a host and a port alone. @returns `undefined` for anything else */
export const baseUrlOf = (text: string): string | undefined => {
  if (text.startsWith('/')) return urlOfAddress(text)
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBase = url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
  return isBase ? url.href : undefined
}

/** Its code where it has one; for people, its message. */
export const reportOf = (error: unknown): { code: string; reason: string } => {
  if (error instanceof MercuryError) return { code: error.code, reason: error.message }
  throw error
}
