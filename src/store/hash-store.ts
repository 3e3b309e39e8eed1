import { base32 } from 'multiformats/bases/base32'
import type { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { MercuryError, UnsupportedError, checkLimit } from '../errors.ts'
import { MAX_BLOCK_BYTES } from '../limits.ts'
import { createGate } from './gate.ts'
import type { KeyValueStore, StoreOptions } from './key-value-store.ts'

export interface HashStoreOptions {
  signal?: AbortSignal
}

/**
 * Immutable bytes under a CID that core computed. Untrusted: core hashes again whatever `get` returns.
 *
 * `get` answers `undefined` when the store does not have the block; with `offline` it asks nobody else. What could not be asked rejects.
 * `hints` say where a block may be had (multiaddrs, URLs); a store ignores those it does not understand.
 * `pin` covers one block, is idempotent and rejects with `NOT_FOUND` when the block cannot be had; an unpinned block may vanish. `unpin` of what is not pinned is no error.
 * What goes in and what comes out is copied: later changes to either side's array change nothing. Bytes come out as plain `Uint8Array`.
 * A call whose signal is aborted already rejects with the signal's reason.
 * Where `supports` says no, the call rejects with `NOT_SUPPORTED`. After `close()` every call rejects with `CLOSED`; `close()` may be called twice.
 * A store made of others closes only itself: whoever opens closes.
 */
export interface HashStore {
  /** The hash space that it serves: `ipfs`, `bittorrent`, … */
  readonly space: string
  readonly supports: {
    readonly put: boolean
    readonly pin: boolean
    /** A put block survives `close()` and a crash; where `pin` too, one that is pinned. */
    readonly persistence: boolean
    /** `get` may ask other machines. */
    readonly network: boolean
  }
  put(cid: CID, bytes: Uint8Array, options?: HashStoreOptions & { pin?: boolean }): Promise<void>
  get(cid: CID, options?: HashStoreOptions & { offline?: boolean; hints?: readonly string[] }): Promise<Uint8Array | undefined>
  pin(cid: CID, options?: HashStoreOptions): Promise<void>
  unpin(cid: CID, options?: HashStoreOptions): Promise<void>
  close(): Promise<void>
}

/** The block cannot be had: it is not here, or nobody gave it. */
export class BlockNotFoundError extends MercuryError {
  override readonly name = 'BlockNotFoundError'
  readonly cid: CID

  constructor (cid: CID, options?: ErrorOptions) {
    super('NOT_FOUND', `the block cannot be had; cid=${cid.toString()}`, options)
    this.cid = cid
  }
}

/**
 * The 32 bytes that a block must hash to.
 *
 * @throws UnsupportedError when `cid` is of another hash than whole sha2-256
 */
export const sha256DigestOf = ({ multihash: { code, digest } }: CID): Uint8Array => {
  if (code !== SHA2_256 || digest.byteLength !== 32) throw new UnsupportedError(`the hash 0x${code.toString(16)} of ${digest.byteLength} bytes`)
  return digest
}

const SHA2_256 = 0x12

/**
 * What stands for a block in keys: its multihash in lowercase base32, made of the hash and never of text from outside.
 *
 * @throws UnsupportedError as {@link sha256DigestOf}
 */
export const hashName = (cid: CID): string => base32.baseEncode(createDigest(SHA2_256, sha256DigestOf(cid)).bytes)

/**
 * Keeps blocks in `store`, under their hash alone: one block has as many CIDs as there are codecs. `space` lets it be a tier before a store of another hash space than `ipfs`.
 *
 * A put block stays, pinned or not, until it is unpinned, which removes it. Takes blocks of at most 1 MiB, hashed by sha2-256.
 * `close()` leaves `store` open.
 *
 * @throws UnsupportedError for any other hash; LimitError
 */
export const createHashStore = (store: KeyValueStore, { space = 'ipfs' }: { space?: string } = {}): HashStore => {
  const gate = createGate('store')

  const put = async (cid: CID, bytes: Uint8Array, pin: boolean, options: StoreOptions): Promise<void> => {
    const { block, marker } = keysOf(cid)
    checkLimit('block bytes', MAX_BLOCK_BYTES, bytes.byteLength)
    await store.batch([{ type: 'put', key: block, value: bytes }, ...(pin ? [{ type: 'put', key: marker, value: PINNED } as const] : [])], options)
  }

  return {
    space,
    supports: { put: true, pin: true, persistence: store.supports.persistence, network: false },
    put: (cid, bytes, { signal, pin = false } = {}) => gate.run(signal, () => put(cid, bytes, pin, { signal })),
    get: (cid, { signal } = {}) => gate.run(signal, async () => store.get(keysOf(cid).block, { signal })),
    pin: (cid, { signal } = {}) => gate.run(signal, async () => {
      const { block, marker } = keysOf(cid)
      if (await store.get(marker, { signal })) return
      const bytes = await store.get(block, { signal })
      if (!bytes) throw new BlockNotFoundError(cid)
      // The block is written again with its marker: it may be unpinned, and so removed, in between.
      await put(cid, bytes, true, { signal })
    }),
    unpin: (cid, { signal } = {}) => gate.run(signal, async () => {
      const { block, marker } = keysOf(cid)
      await store.batch([{ type: 'delete', key: marker }, { type: 'delete', key: block }], { signal })
    }),
    close: () => gate.close()
  }
}

const PINNED = new Uint8Array()

const keysOf = (cid: CID): { block: string; marker: string } => {
  const name = hashName(cid)
  return { block: `block/${name}`, marker: `pin/${name}` }
}
