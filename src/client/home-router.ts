import { ClosedError, MercuryError, checkLimit } from '../errors.ts'
import { HomeRefusedError, HomeUnreachableError } from '../hosting/home-client.ts'
import type { HomeTransport } from '../hosting/home-transport.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { MAX_RECORD_BYTES } from '../limits.ts'
import type { NameRouter, ProfileCandidate, RouterOptions } from '../naming/name-router.ts'
import { createGate } from '../store/gate.ts'
import { untilAborted } from '../until-aborted.ts'
import { createHomeContact, type HomeContact } from './home-contact.ts'

export interface HomeRouterOptions {
  transport: HomeTransport
  /** Base URLs with a slash at their end, the best first. */
  urls: readonly string[]
  /** The user named this home; it may then have a private address. */
  trusted: boolean
  /** @default `home:` and the host of the first URL */
  name?: string
  clock?: () => number
}

/**
 * A home as a name router: one request for each `put`, `get` and `getProfile`, and one more for a name that it does not host, which it then looks up elsewhere. So it may as well be another router, which knows no homes.
 * What it says of a profile comes with the record, so that whoever looks for the home of one that it hosts has both in one round trip.
 *
 * @throws TypeError without a URL
 */
export const createHomeRouter = ({ transport, urls, trusted, name, clock = Date.now }: HomeRouterOptions): NameRouter => {
  if (urls[0] === undefined) throw new TypeError('a home has at least one URL')
  const contact = createHomeContact({ transport, clock, named: trusted ? urls : [], found: trusted ? [] : urls })
  return routerOver(contact, { name: name ?? `home:${new URL(urls[0]).host}`, strangers: true })
}

export interface ContactRouterOptions {
  readonly name: string
  /** Whether it is asked for names that it does not host, too. */
  readonly strangers: boolean
}

/** @throws each `put`, `get` and `getProfile`: HomeUnreachableError, HomeRefusedError, and what a malformed answer breaks */
export const routerOver = (contact: HomeContact, { name, strangers }: ContactRouterOptions): NameRouter => {
  const gate = createGate('router')
  const closing = new AbortController()

  /** What another router says to what only a home is asked; a home that refuses says why. */
  const asNoHome = (error: unknown): undefined => {
    if (!strangers || !(error instanceof MercuryError) || error instanceof HomeUnreachableError || (error instanceof HomeRefusedError && error.refusal !== undefined)) throw error
  }

  const ask = async (id: ProfileId, signal: AbortSignal): Promise<ProfileCandidate | undefined> => {
    const asked = await contact.ask((client) => client.profile(id, { signal })).catch(asNoHome)
    if (asked?.value) return { ...asked.value, url: asked.url }
    const record = strangers ? (await contact.ask((client) => client.record(id, { signal }))).value : undefined
    return record && { record }
  }

  const getProfile = (id: ProfileId, { signal }: RouterOptions = {}): AsyncIterable<ProfileCandidate> => atMostOne((left) => gate.run(signal, () => {
    const until = AbortSignal.any([left, closing.signal, ...(signal ? [signal] : [])])
    return untilAborted(ask(id, until), until)
  }))

  return {
    name,
    put: (id, record, { signal } = {}) => gate.run(signal, async () => {
      checkLimit('record bytes', MAX_RECORD_BYTES, record.byteLength)
      const until = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal
      await untilAborted(contact.ask((client) => client.putRecord(id, record, { signal: until })), until)
    }),
    get: (id, options) => {
      const profile = getProfile(id, options)[Symbol.asyncIterator]()
      const recordOf = async (): Promise<IteratorResult<Uint8Array>> => {
        const { done, value } = await profile.next()
        return done === true ? { done, value: undefined } : { done: false, value: value.record }
      }
      return { [Symbol.asyncIterator]: () => ({ next: recordOf, return: async () => { await profile.return!(); return DONE } }) }
    },
    getProfile,
    async close () {
      closing.abort(new ClosedError('router'))
      await gate.close()
    }
  }
}

const DONE = { done: true, value: undefined } as const

/** What `ask` finds, if anything. Leaving the loop aborts the signal that `ask` was given, also while `next` waits. */
const atMostOne = <T>(ask: (left: AbortSignal) => Promise<T | undefined>): AsyncIterable<T> => ({
  [Symbol.asyncIterator]: () => {
    const left = new AbortController()
    let asked = false
    return {
      async next () {
        if (asked || left.signal.aborted) return DONE
        asked = true
        try {
          const value = await ask(left.signal)
          return value === undefined ? DONE : { done: false, value }
        } catch (error) {
          // What was under way failed because it was left.
          if (left.signal.aborted) return DONE
          throw error
        }
      },
      async return () {
        left.abort()
        return DONE
      }
    }
  }
})
