import { equals } from 'uint8arrays'
import { plainBytes } from '../../bytes.ts'
import { ConflictError, StoreError } from '../../errors.ts'
import { MAX_CANDIDATES } from '../../limits.ts'
import { untilAborted } from '../../until-aborted.ts'
import { mapConcurrently } from '../../store/concurrent.ts'
import { createTurns } from '../slots.ts'
import { encodeBencode, type Bencode } from './bencode.ts'
import { MAX_ITEM_BYTES, MAX_SEQ, immutableTarget, isSameValue, isSignedItem, mutableTarget, type ItemKey, type MutableItem } from './item.ts'
import type { ReplyFields } from './krpc-message.ts'
import type { Holder, Walker } from './walk.ts'

/** Walks at once; each has up to 16 queries under way. */
const WALKS = 8
/** Somebody else may put between the look and the put. */
const PUT_TRIES = 3
/** What BEP 44 answers to a number that is not above the one held. */
const SEQUENCE_TOO_LOW = 302

/**
 * The items of BEP 44. Eight walks go on at once, further ones wait. All of it rejects at once with the signal's reason, and with `CLOSED` after the node was closed.
 *
 * Nothing is taken on trust: an immutable item hashes to its target, and a mutable one is signed by its key.
 *
 * @see https://www.bittorrent.org/beps/bep_0044.html
 */
export interface Dht {
  /** `undefined` when the nodes that answered do not have it. @throws DhtUnreachableError */
  getImmutable(target: Uint8Array, options: { signal: AbortSignal }): Promise<Bencode | undefined>
  /** @throws DhtUnreachableError, StoreError when no node took it */
  putImmutable(v: Bencode, options: { signal: AbortSignal }): Promise<void>
  /** The different items that nodes hold, as they answer; at most 64. @throws DhtUnreachableError */
  mutableItems(key: ItemKey, options: { signal: AbortSignal }): AsyncGenerator<MutableItem, void>
  /**
   * Puts at the closest nodes the item that `choose` makes of those that they hold, in one walk.
   *
   * @throws DhtUnreachableError, ConflictError when nodes hold another item that is as high, StoreError when none took it
   */
  putMutable(key: ItemKey, choose: (held: readonly MutableItem[]) => Promise<MutableItem>, options: { signal: AbortSignal }): Promise<MutableItem>
}

export const createDht = (walker: Walker, closing: AbortSignal): Dht => {
  const takeTurn = createTurns(WALKS)

  const run = async <T>(given: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const signal = AbortSignal.any([closing, given])
    signal.throwIfAborted()
    return untilAborted(takeTurn(signal, async () => work(signal)), signal)
  }

  /** @returns how many nodes have it now, and one refusal */
  const putAt = async (holders: readonly Holder[], item: { k?: Uint8Array; salt?: Uint8Array; seq?: number; sig?: Uint8Array; v: Bencode }, signal: AbortSignal): Promise<{ taken: number; refusal?: { code?: number | string } }> => {
    const refusals = await mapConcurrently(holders, async (holder) => {
      const refusal = await walker.put(holder, item, signal)
      // Some nodes, those of the library too, refuse the very item that they hold.
      return refusal?.code === SEQUENCE_TOO_LOW && holder.held.seq === item.seq && holder.held.v !== undefined && isSameValue(holder.held.v, item.v) ? undefined : refusal
    })
    const [refusal] = refusals.filter((answer) => answer !== undefined)
    return { taken: refusals.filter((answer) => answer === undefined).length, ...(refusal ? { refusal } : {}) }
  }

  return {
    getImmutable: async (target, { signal: given }) => run(given, async (signal) => {
      let found: Bencode | undefined
      await walker.closest(target, signal, ({ v, k, sig }) => {
        if (v !== undefined && !k && !sig && equals(immutableTarget(v), target)) found = v
        return found === undefined
      })
      return found
    }),
    putImmutable: async (v, { signal: given }) => run(given, async (signal) => {
      const holders = await walker.closest(immutableTarget(v), signal, () => true)
      const { taken, refusal } = await putAt(holders, { v }, signal)
      if (taken === 0) throw new StoreError('no node of the BitTorrent DHT took the item', { cause: refusal })
    }),
    async * mutableItems (key, { signal: given }) {
      const done = new AbortController()
      const replies: ReplyFields[] = []
      let wake = (): void => undefined
      let isOver = false
      const walk = run(AbortSignal.any([given, done.signal]), async (signal) => {
        await walker.closest(mutableTarget(key), signal, (reply) => {
          replies.push(reply)
          wake()
          return true
        })
      }).finally(() => {
        isOver = true
        wake()
      })
      const seen = new Set<string>()
      try {
        for (let yielded = 0; yielded < MAX_CANDIDATES;) {
          const reply = replies.shift()
          const item = reply && await readItem(key, reply, seen)
          if (item) {
            yielded++
            yield item
          } else if (!reply && isOver) break
          else if (!reply) await new Promise<void>((resolve) => { wake = resolve })
        }
        if (isOver) await walk
      } finally {
        done.abort()
        await Promise.allSettled([walk])
      }
    },
    async putMutable (key, choose, { signal }) {
      for (let tries = PUT_TRIES; ; tries--) {
        const holders = await run(signal, async (both) => walker.closest(mutableTarget(key), both, () => true))
        const seen = new Set<string>()
        const held = (await mapConcurrently(holders, async (holder) => readItem(key, holder.held, seen))).filter((item) => item !== undefined)
        const item = await choose(held)
        const { taken, refusal } = await run(signal, async (both) => putAt(holders, { k: key.publicKey, ...(key.salt ? { salt: key.salt } : {}), ...item }, both))
        if (taken > 0) return item
        if (refusal?.code !== SEQUENCE_TOO_LOW) throw new StoreError('no node of the BitTorrent DHT took the item', { cause: refusal })
        if (tries === 1) throw new ConflictError(`the BitTorrent DHT holds another item that is not below number ${item.seq}`, { cause: refusal })
      }
    }
  }
}

/** The verified item in `reply`, unless it was seen before. */
const readItem = async (key: ItemKey, { v, k, sig, seq }: ReplyFields, seen: Set<string>): Promise<MutableItem | undefined> => {
  if (v === undefined || !k || !sig || seq === undefined || seq < 0 || seq > MAX_SEQ || !equals(k, key.publicKey)) return undefined
  const encoded = encodeBencode({ seq, v })
  const name = encoded.toString('latin1')
  if (encodeBencode(v).byteLength > MAX_ITEM_BYTES || seen.has(name)) return undefined
  const item = { seq, v, sig: plainBytes(sig).slice() }
  if (!(await isSignedItem(key, item))) return undefined
  seen.add(name)
  return item
}
