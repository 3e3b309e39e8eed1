import type { GossipSub, Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { HeliaWithLibp2p } from '@helia/libp2p'
import { toString } from 'uint8arrays'
import { ClosedError, LimitError, MercuryError, checkLimit } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { MAX_RECORD_BYTES } from '../../limits.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { compareRecords, verifyIpnsRecord, type IpnsRecord } from '../../naming/record.ts'
import { NotSupportedError } from '../../store/not-supported.ts'
import { untilAborted } from '../../until-aborted.ts'
import { cancellable } from '../cancellable.ts'
import { RouterFailedError } from '../router-failed.ts'
import { routingKeyOf } from './dht-records.ts'
import { loadPubsub } from './packages.ts'

export interface PubsubRouterOptions {
  /** @default 'pubsub' */
  name?: string
  /** How many names it listens to at once; the one asked for longest ago and not watched makes room. @default 1,024 */
  maxNames?: number
}

/** What is known of one name; one record, the best heard so far, whatever is sent. */
interface Heard {
  best?: IpnsRecord
  watchers: number
  change: PromiseWithResolvers<void>
}

/** The pubsub topic of a name's records, as Kubo and Helia have it. */
export const topicOf = (id: ProfileId): string => `/record/${toString(routingKeyOf(id), 'base64url')}`

/**
 * A name router over IPNS-over-pubsub of a running Helia, which it does not close.
 *
 * `put` resolves when the record went out to at least one peer that listens. Nobody is asked for what was said before: who puts, gets or watches a name
 * listens to it from then on. `get` yields the best record heard or put since; `watch` yields what is better than that, skipping what was overtaken before it was read.
 * A record that is not authentic is not passed on, and an older one neither.
 *
 * @throws NotSupportedError when the node runs no pubsub
 */
export const createPubsubRouter = (helia: HeliaWithLibp2p<{ pubsub?: GossipSub }>, { name = 'pubsub', maxNames = 1_024 }: PubsubRouterOptions = {}): NameRouter => {
  const { pubsub } = helia.libp2p.services
  if (!pubsub) throw new NotSupportedError('pubsub: the node was opened without it')
  const heardByName = new Map<ProfileId, Heard>()
  const closing = new AbortController()

  const listen = (id: ProfileId): Heard => {
    const heard = heardByName.get(id) ?? startListening(id)
    // Maps keep the order of insertion: what was asked for last stands last.
    heardByName.delete(id)
    heardByName.set(id, heard)
    return heard
  }

  const startListening = (id: ProfileId): Heard => {
    if (heardByName.size >= maxNames) stopListening(leastWanted())
    const heard: Heard = { watchers: 0, change: Promise.withResolvers() }
    pubsub.topicValidators.set(topicOf(id), async (_peer, message) => judge(id, heard, message))
    pubsub.subscribe(topicOf(id))
    return heard
  }

  const leastWanted = (): ProfileId => {
    for (const [id, heard] of heardByName) if (heard.watchers === 0) return id
    throw new LimitError('watched names', maxNames, heardByName.size + 1)
  }

  const stopListening = (id: ProfileId): void => {
    heardByName.delete(id)
    pubsub.topicValidators.delete(topicOf(id))
    pubsub.unsubscribe(topicOf(id))
  }

  const hear = async (id: ProfileId, heard: Heard, bytes: Uint8Array): Promise<boolean> => {
    const record = await verifyIpnsRecord(id, bytes)
    if (record.validUntil.getTime() <= Date.now() || (heard.best && compareRecords(record, heard.best) <= 0)) return false
    heard.best = record
    const { resolve } = heard.change
    heard.change = Promise.withResolvers()
    resolve()
    return true
  }

  const judge = async (id: ProfileId, heard: Heard, { data }: Message): Promise<TopicValidatorResult> => {
    const { TopicValidatorResult } = await loadPubsub()
    try {
      return await hear(id, heard, data) ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore
    } catch (error) {
      if (error instanceof MercuryError) return TopicValidatorResult.Reject
      throw error
    }
  }

  const put = async (id: ProfileId, record: Uint8Array, signal: AbortSignal): Promise<void> => {
    checkLimit('record bytes', MAX_RECORD_BYTES, record.byteLength)
    signal.throwIfAborted()
    try {
      await hear(id, listen(id), record)
      const { recipients } = await untilAborted(pubsub.publish(topicOf(id), record), signal)
      if (recipients.length > 0) return
    } catch (error) {
      signal.throwIfAborted()
      throw error instanceof LimitError ? error : new RouterFailedError(name, (error as Error).message, { cause: error })
    }
    throw new RouterFailedError(name, 'nobody listens')
  }

  return {
    name,
    put: async (id, record, { signal } = {}) => put(id, record, signal ? AbortSignal.any([closing.signal, signal]) : closing.signal),
    get: (id, { signal } = {}) => cancellable(async function * () {
      const { best } = listen(id)
      if (best) yield best.bytes.slice()
    }, [closing.signal, signal]),
    watch: (id, { signal } = {}) => cancellable(async function * (both) {
      const heard = listen(id)
      heard.watchers++
      try {
        for (let seen = heard.best; ;) {
          const { promise } = heard.change
          if (heard.best && heard.best !== seen) {
            seen = heard.best
            yield seen.bytes.slice()
          } else await untilAborted(promise, both)
        }
      } finally {
        heard.watchers--
      }
    }, [closing.signal, signal]),
    async close () {
      if (closing.signal.aborted) return
      closing.abort(new ClosedError(`router ${name}`))
      for (const id of heardByName.keys()) stopListening(id)
    }
  }
}
