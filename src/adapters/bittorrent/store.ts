import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { equals, fromString, toString } from 'uint8arrays'
import { plainBytes } from '../../bytes.ts'
import { ClosedError, MercuryError, checkLimit } from '../../errors.ts'
import { MAX_DOCUMENT_BYTES } from '../../limits.ts'
import { RAW } from '../../store/block.ts'
import { BlockNotFoundError, createHashStore, sha256DigestOf, type HashStore } from '../../store/hash-store.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'
import { NotSupportedError } from '../../store/not-supported.ts'
import { createPrefixStore } from '../../store/prefix-store.ts'
import { SHA2_256, sha256 } from '../../store/sha256.ts'
import { untilAborted } from '../../until-aborted.ts'
import type { BittorrentNode } from './node.ts'
import { cutIntoPieces, joinPieces } from './pieces.ts'
import { pointersOf, putPointers, type Pointer } from './pointer.ts'
import { putPieces } from './put-pieces.ts'
import { keysOfSlot, type Keeper } from './reannouncer.ts'

/** The largest block that is put into the DHT: a document. */
export const MAX_BITTORRENT_BLOCK_BYTES = MAX_DOCUMENT_BYTES

/** Anyone can write pointers, so no more of what one of them is said to say is looked into. */
const MAX_GUESSES = 3
const ANNOUNCED = 'announced/'
const EMPTY = new Uint8Array()

export interface BittorrentStoreOptions {
  /** Where own blocks are kept, to be read from and put again every hour. Without it the DHT forgets a block after 2 hours, and nothing can be pinned. */
  state?: KeyValueStore
}

/**
 * The BitTorrent DHT as a hash store, through a running node, which it does not close. Takes blocks of at most 65,536 bytes: documents, not pictures.
 *
 * `put` resolves when nodes took all items of the block and at least one pointer to them. With `state` the block is kept there before that, also if the DHT is out of reach,
 * and put again once an hour as long as node and store are open. `get` looks there first; then `undefined` means that the nodes that answered lead to no such block.
 * Hints are ignored.
 *
 * @throws LimitError over 65,536 bytes, DhtUnreachableError, ConflictError when others hold all pointers, StoreError
 * @see docs/bittorrent.md
 */
export const createBittorrentStore = ({ dht, keep }: BittorrentNode, { state }: BittorrentStoreOptions = {}): HashStore => {
  const closing = new AbortController()
  const local = state && createHashStore(createPrefixStore(state, 'blocks/'))

  const within = async <T>(given: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const signal = given ? AbortSignal.any([closing.signal, given]) : closing.signal
    signal.throwIfAborted()
    return untilAborted(work(signal), signal)
  }

  const publish = async (digest: Uint8Array, bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
    const { root, items } = cutIntoPieces(bytes)
    await putPieces(dht, items, { signal })
    await putPointers(dht, digest, root, { signal })
  }

  /** The mark comes first: one without a block is passed over, a block without one would not be put again. */
  const keepBlock = async (cid: CID, bytes: Uint8Array, pin: boolean, signal: AbortSignal): Promise<void> => {
    await state?.put(markOf(sha256DigestOf(cid)), EMPTY, { signal })
    await local?.put(cid, bytes, { pin, signal })
  }

  const fetchBlock = async (digest: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined> => {
    const failures: unknown[] = []
    for (const pointer of await pointersOf(digest)) {
      try {
        const bytes = await followPointer(pointer, digest, signal)
        if (bytes) return bytes
      } catch (error) {
        signal.throwIfAborted()
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
    return undefined
  }

  const followPointer = async (pointer: Pointer, digest: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined> => {
    let guesses = 0
    for await (const { v } of dht.mutableItems(pointer, { signal })) {
      const bytes = await joinPieces(v, MAX_BITTORRENT_BLOCK_BYTES, async (target) => dht.getImmutable(target, { signal }))
      if (bytes && equals(await sha256(bytes), digest)) return bytes
      if (++guesses === MAX_GUESSES) break
    }
    return undefined
  }

  const keeper: Keeper = async function * (slot, roundSignal) {
    const signal = AbortSignal.any([closing.signal, roundSignal])
    for await (const [key] of state?.entries(keysOfSlot(ANNOUNCED, slot), { signal }) ?? []) {
      yield async () => {
        const cid = cidOfMark(key)
        const bytes = await local?.get(cid, { signal })
        if (bytes) await publish(cid.multihash.digest, bytes, signal)
      }
    }
  }
  const endKeeping = keep(keeper)

  return {
    space: 'bittorrent',
    supports: { put: true, pin: local !== undefined, persistence: state?.supports.persistence ?? false, network: true },
    put: async (cid, bytes, { signal: given, pin = false } = {}) => within(given, async (signal) => {
      checkLimit('BitTorrent block bytes', MAX_BITTORRENT_BLOCK_BYTES, bytes.byteLength)
      if (pin && !local) throw new NotSupportedError('pins')
      const digest = Uint8Array.from(sha256DigestOf(cid))
      const block = plainBytes(bytes).slice()
      await keepBlock(cid, block, pin, signal)
      await publish(digest, block, signal)
    }),
    get: async (cid, { signal: given, offline = false } = {}) => within(given, async (signal) => {
      const digest = sha256DigestOf(cid)
      const kept = await local?.get(cid, { signal })
      return kept || offline ? kept : fetchBlock(digest, signal)
    }),
    pin: async (cid, { signal: given } = {}) => within(given, async (signal) => {
      if (!local) throw new NotSupportedError('pins')
      const digest = sha256DigestOf(cid)
      const bytes = await local.get(cid, { signal }) ?? await fetchBlock(digest, signal).catch((error: unknown) => {
        throw error instanceof MercuryError ? new BlockNotFoundError(cid, { cause: error }) : error
      })
      if (!bytes) throw new BlockNotFoundError(cid)
      await keepBlock(cid, bytes, true, signal)
    }),
    unpin: async (cid, { signal: given } = {}) => within(given, async (signal) => {
      if (!local || !state) throw new NotSupportedError('pins')
      await local.unpin(cid, { signal })
      await state.delete(markOf(sha256DigestOf(cid)), { signal })
    }),
    async close () {
      closing.abort(new ClosedError('store bittorrent'))
      endKeeping()
      await local?.close()
    }
  }
}

const markOf = (digest: Uint8Array): string => ANNOUNCED + toString(digest, 'hex')

/** Blocks are kept by hash, so any codec finds them. */
const cidOfMark = (key: string): CID => CID.createV1(RAW, createDigest(SHA2_256, fromString(key.slice(ANNOUNCED.length), 'hex')))
