import type { BlockBroker, GraphNode, GraphWalkerFactory, Helia } from '@helia/interface'
import type { HeliaWithLibp2p } from '@helia/libp2p'
import type { ServiceMap } from '@libp2p/interface'
import { createUnsafe } from 'multiformats/block'
import type { CID } from 'multiformats/cid'
import { plainBytes } from '../../bytes.ts'
import { ClosedError } from '../../errors.ts'
import { SECOND_MS } from '../../limits.ts'
import { BlockNotFoundError, type HashStore } from '../../store/hash-store.ts'
import { createLock } from '../../store/lock.ts'
import { untilAborted } from '../../until-aborted.ts'
import { BlockUnreachableError } from '../block-unreachable.ts'
import { createAnnouncer } from './announcer.ts'
import { collect, fetchBlock } from './fetches.ts'
import { loadMultiaddr } from './packages.ts'

export interface HeliaStoreOptions {
  /** How long a `get` asks the network; then it rejects with `UNREACHABLE`. @default 30 s */
  timeoutMs?: number
  /** Whether the Helia keeps its blocks on disk; a {@link HeliaNode} says so. @default false */
  persistence?: boolean
  /** Tell the DHT which blocks were put and pinned. @default true */
  announce?: boolean
}

const MAX_HINTS = 4
const PINNED_BY_US = 'mercury'

/**
 * The IPFS network as a hash store, through a running Helia, which it does not close.
 *
 * Bitswap never learns that a block exists nowhere, so `get` answers `undefined` only with `offline`; else it rejects with `UNREACHABLE` after `timeoutMs`.
 * `hints` are multiaddrs of peers that may have the block; the first four are dialled, under the dialling rules of the node.
 * A fetched block stays in Helia's store, unpinned, until `helia.gc()`; one that arrives after its reader has left, too.
 */
export const createHeliaStore = <S extends ServiceMap>(helia: HeliaWithLibp2p<S>, { timeoutMs = 30 * SECOND_MS, persistence = false, announce = true }: HeliaStoreOptions = {}): HashStore => {
  const closing = new AbortController()
  const announcer = announce ? createAnnouncer(helia) : undefined
  /** Helia counts pins by reading and writing, so two at once could count one twice. */
  const lock = createLock()

  const within = async <T>(given: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const signal = given ? AbortSignal.any([closing.signal, given]) : closing.signal
    signal.throwIfAborted()
    return untilAborted(work(signal), signal)
  }

  const readLocal = async (cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined> => {
    try {
      return await collect(helia.blockstore.get(cid, { offline: true, signal }))
    } catch (error) {
      if (error instanceof Error && error.name === 'BlockNotFoundWhileOfflineError') return undefined
      throw error
    }
  }

  const askNetwork = async (cid: CID, signal: AbortSignal, hints: readonly string[]): Promise<Uint8Array> => {
    const done = new AbortController()
    const timer = setTimeout(() => done.abort(), timeoutMs)
    const both = AbortSignal.any([signal, done.signal])
    const dials = dialHints(helia, hints, both)
    try {
      return await fetchBlock(helia, cid, both)
    } catch (error) {
      signal.throwIfAborted()
      throw new BlockUnreachableError(cid, timeoutMs, { cause: error })
    } finally {
      clearTimeout(timer)
      done.abort()
      await dials
    }
  }

  const pin = async (cid: CID, signal: AbortSignal): Promise<void> => {
    const bytes = await readLocal(cid, signal) ?? await askNetwork(cid, signal, []).catch(asNotFound(cid))
    await lock('pins', async () => {
      try {
        for await (const _ of helia.pins.add(cid, { depth: 0, metadata: { [PINNED_BY_US]: true }, walker: walkOne(bytes), signal }));
      } catch (error) {
        // Pinned already, by us or, with all that it links to, by somebody else: either way it stays.
        if (!(error instanceof Error && error.name === 'AlreadyPinnedError')) throw error
      }
    })
    // Garbage collection may have taken it before the pin was there.
    await helia.blockstore.put(cid, bytes, { signal })
    announcer?.announce(cid)
  }

  const unpin = async (cid: CID, signal: AbortSignal): Promise<void> => lock('pins', async () => {
    if (!(await isPinnedByUs(helia, cid, signal))) return
    for await (const _ of helia.pins.rm(cid, { walker: walkOne(new Uint8Array()), signal }));
    await helia.routing.cancelReprovide(cid, { signal })
  })

  return {
    space: 'ipfs',
    supports: { put: true, pin: true, persistence, network: true },
    put: async (cid, bytes, options = {}) => within(options.signal, async (signal) => {
      await helia.blockstore.put(cid, plainBytes(bytes).slice(), { signal })
      await serveWaiting(helia, cid, signal)
      if (options.pin) await pin(cid, signal)
      else announcer?.announce(cid)
    }),
    get: async (cid, { signal: given, offline = false, hints = [] } = {}) => within(given, async (signal) => {
      const local = await readLocal(cid, signal)
      return local || offline ? local : askNetwork(cid, signal, hints)
    }),
    pin: async (cid, options = {}) => within(options.signal, async (signal) => pin(cid, signal)),
    unpin: async (cid, options = {}) => within(options.signal, async (signal) => unpin(cid, signal)),
    async close () {
      closing.abort(new ClosedError('store ipfs'))
      await announcer?.close()
    }
  }
}

/** A pin that somebody else made on the same Helia is not ours to remove. */
const isPinnedByUs = async (helia: Helia, cid: CID, signal: AbortSignal): Promise<boolean> => {
  try {
    return (await helia.pins.get(cid, { signal })).metadata[PINNED_BY_US] === true
  } catch (error) {
    if (error instanceof Error && error.name === 'NotFoundError') return false
    throw error
  }
}

/**
 * Helia 7.1 looks whether peers wait for a block before it stores it, finds that it cannot send it, and leaves them waiting.
 * Its block brokers are private, so a Helia that keeps them elsewhere serves those peers when they ask again.
 */
const serveWaiting = async (helia: Helia, cid: CID, signal: AbortSignal): Promise<void> => {
  const brokers: unknown = Reflect.get(helia, 'blockBrokers')
  if (Array.isArray(brokers)) await Promise.all(brokers.map(async (broker: BlockBroker) => broker.announce?.(cid, { signal })))
}

const dialHints = async (helia: HeliaWithLibp2p<ServiceMap>, hints: readonly string[], signal: AbortSignal): Promise<void> => {
  const addresses = hints.filter((hint) => hint.startsWith('/')).slice(0, MAX_HINTS)
  if (addresses.length === 0) return
  const { multiaddr } = await loadMultiaddr()
  // A hint is a guess from somebody else's document: one that leads nowhere is no error.
  await Promise.allSettled(addresses.map(async (address) => helia.libp2p.dial(multiaddr(address), { signal })))
}

/** Visits the one block, without a codec and without looking it up: links are the affair of core, and unpinning must not fetch. */
const walkOne = (bytes: Uint8Array): GraphWalkerFactory => () => ({
  async * walk<T> (cid: CID): AsyncGenerator<GraphNode<T>> {
    yield { block: createUnsafe<T, number, number, 0 | 1>({ cid, bytes, codec: { code: cid.code, decode: () => null as T } }), depth: 0, path: [cid] }
  }
})

const asNotFound = (cid: CID) => (error: unknown): never => {
  throw error instanceof BlockUnreachableError ? new BlockNotFoundError(cid, { cause: error }) : error
}
