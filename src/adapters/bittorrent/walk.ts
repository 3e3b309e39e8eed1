import { MercuryError } from '../../errors.ts'
import { SECOND_MS } from '../../limits.ts'
import { untilAborted } from '../../until-aborted.ts'
import type { BencodeMap } from './bencode.ts'
import type { KrpcSocket, OnReply, Peer, Query, Reply } from './krpc-socket.ts'
import type { ReplyFields } from './krpc-message.ts'

/** A walk of a million nodes asks about 60; hostile ones could name ever closer ones without end. */
const MAX_QUERIES = 256
const WALK_MS = 30 * SECOND_MS
/** At so many of the closest nodes an item is put: the K of BEP 5. */
const HOLDERS = 8

/** What is used of k-rpc, which the library keeps the routing table in. */
export interface Rpc {
  readonly id: Buffer
  closest (target: Buffer, message: Query, visit: (reply: Reply, peer: Peer) => boolean, done: () => void): void
  query (node: Peer & { token?: Buffer }, message: Query, callback: OnReply): void
}

/** A node close to a target that lets us put there. */
export interface Holder {
  readonly peer: Peer & { readonly token: Buffer }
  /** What it holds under the target, unverified. */
  readonly held: ReplyFields
}

/** No node of the DHT answered, so nothing can be said. */
export class DhtUnreachableError extends MercuryError {
  override readonly name = 'DhtUnreachableError'
  constructor(reason: string, options?: ErrorOptions) {
    super('UNREACHABLE', `the BitTorrent DHT cannot be reached: ${reason}`, options)
  }
}

export interface Walker {
  /**
   * Asks ever closer nodes for `target`, until `visit` answers false, the closest have all been asked, or 256 nodes or 30 s are over.
   *
   * @returns the 8 closest nodes that answered, the closest first
   * @throws DhtUnreachableError when none did
   */
  closest(target: Uint8Array, signal: AbortSignal, visit: (reply: ReplyFields) => boolean): Promise<Holder[]>
  /** Puts at one of them. @returns nothing, or why it did not take it */
  put(holder: Holder, item: BencodeMap, signal: AbortSignal): Promise<{ code?: number | string } | undefined>
}

/** Walks over the library's routing table: its own `get` says not how many nodes answered, and cannot be stopped. */
export const createWalker = (rpc: Rpc, socket: KrpcSocket): Walker => {
  /** Sends with `message` while `work` runs; an abort ends its queries at once, and so do 30 s. */
  const bounded = async (message: Query, signal: AbortSignal, work: (end: () => void) => Promise<void>): Promise<void> => {
    const ended = new AbortController()
    const timer = setTimeout(() => ended.abort(), WALK_MS)
    const end = socket.bound(message, { signal: AbortSignal.any([signal, ended.signal]), maxQueries: MAX_QUERIES })
    try {
      // A library that was closed never says that it is done.
      await untilAborted(work(() => ended.abort()), signal)
    } finally {
      clearTimeout(timer)
      end()
    }
    signal.throwIfAborted()
  }

  return {
    async closest (target, signal, visit) {
      signal.throwIfAborted()
      const key = Buffer.from(target)
      const holders: Holder[] = []
      let answers = 0
      const message: Query = { q: 'get', a: { id: rpc.id, target: key } }
      await bounded(message, signal, (end) => new Promise((resolve) => {
        rpc.closest(key, message, ({ r }, peer) => {
          answers++
          if (r.token) holders.push({ peer: { ...peer, id: r.id, token: r.token }, held: r })
          if (visit(r)) return true
          end()
          return false
        }, resolve)
      }))
      if (answers === 0) throw new DhtUnreachableError('no node answered')
      return holders.sort((a, b) => compareDistance(key, a.peer.id!, b.peer.id!)).slice(0, HOLDERS)
    },
    async put ({ peer }, item, signal) {
      let refusal: { code?: number | string } | undefined
      const message: Query = { q: 'put', a: { id: rpc.id, token: peer.token, ...item } }
      await bounded(message, signal, () => new Promise((resolve) => {
        rpc.query(peer, message, (error) => {
          refusal = error ?? undefined
          resolve()
        })
      }))
      return refusal
    }
  }
}

/** By the exclusive or with `target`. */
const compareDistance = (target: Buffer, a: Buffer, b: Buffer): number => {
  for (let i = 0; i < target.byteLength; i++) if (a[i] !== b[i]) return (a[i]! ^ target[i]!) - (b[i]! ^ target[i]!)
  return 0
}
