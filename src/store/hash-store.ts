import type { CID } from 'multiformats/cid'

export interface HashStoreOptions {
  signal?: AbortSignal
}

/**
 * Immutable bytes under a CID that core computed. Untrusted: core hashes again whatever `get` returns.
 *
 * `get` answers `undefined` when the store does not have the block; with `offline` it asks nobody else.
 * `hints` say where a block may be had (multiaddrs, URLs); a store ignores those it does not understand.
 * `pin` covers one block, is idempotent and rejects with `NOT_FOUND` when the block cannot be had; an unpinned block may vanish.
 * Where `supports` says no, the call rejects with `NOT_SUPPORTED`. After `close()` every call rejects with `CLOSED`.
 */
export interface HashStore {
  /** The hash space that it serves: `ipfs`, `bittorrent`, … */
  readonly space: string
  readonly supports: {
    readonly put: boolean
    readonly pin: boolean
    /** A put block survives `close()` and a crash. */
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
