import { equals } from 'uint8arrays'
import { utf8Length } from '../bytes.ts'
import { ConflictError, MercuryError, checkLimit } from '../errors.ts'
import { MAX_STORE_KEY_BYTES, MAX_STORE_VALUE_BYTES } from '../limits.ts'

/** A step of a batch that changes the store. */
export type WriteOperation =
  | { type: 'put'; key: string; value: Uint8Array }
  | { type: 'delete'; key: string }

/** Holds when the stored value equals `value`, or when both are absent. */
export interface CheckOperation {
  type: 'check'
  key: string
  value: Uint8Array | undefined
}

/** One step of a batch. */
export type Operation = WriteOperation | CheckOperation

/**
 * A half-open or closed range of keys in UTF-8 byte order; absent bounds are open, of several at one end the tightest counts.
 * Bounds are well-formed text; they need not be keys.
 */
export interface KeyRange {
  gte?: string
  gt?: string
  lt?: string
  lte?: string
  prefix?: string
  reverse?: boolean
  /** At most this many entries; a whole number >= 0. */
  limit?: number
}

export interface StoreOptions {
  signal?: AbortSignal
}

/**
 * Ordered mutable bytes by string key.
 *
 * Keys are well-formed strings of 1 to 1,024 UTF-8 bytes, values 0 to 16 MiB; others are refused before anything is written. Any key is inert: it names nothing outside the store.
 * A view behind a prefix takes keys that are shorter by that prefix.
 * What goes in and what comes out is copied: later changes to either side's array change nothing. Values come out as plain `Uint8Array`.
 * A resolved write is durable when `supports.persistence`. Two batches never interleave, and no snapshot shows a part of one.
 * A call whose signal is aborted already does nothing and rejects with the signal's reason. One that is aborted later does so or succeeds; its write has then happened whole or not at all.
 * After `close()` every call, and every step of an iteration under way, rejects with `CLOSED`; `close()` lets the calls before it finish and may be called twice.
 * A store made of another one closes only itself: whoever opens closes.
 */
export interface KeyValueStore {
  readonly supports: {
    /** Values survive `close()` and a crash. */
    readonly persistence: boolean
    /** A batch is written whole or not at all, also when the process is killed. */
    readonly atomicBatch: boolean
    /** `check` operations are honoured; where not, a batch with one rejects with `NOT_SUPPORTED`. */
    readonly conditionalBatch: boolean
  }
  get(key: string, options?: StoreOptions): Promise<Uint8Array | undefined>
  put(key: string, value: Uint8Array, options?: StoreOptions): Promise<void>
  /** Removes this store's copy; an absent key is no error. */
  delete(key: string, options?: StoreOptions): Promise<void>
  /**
   * Writes all of `operations` in order. All checks look at the store as it was before the batch.
   *
   * @throws ConflictError when a check does not hold; nothing is written
   */
  batch(operations: readonly Operation[], options?: StoreOptions): Promise<void>
  /** The entries of `range` as they stand when iteration starts, in UTF-8 byte order of their keys. */
  entries(range?: KeyRange, options?: StoreOptions): AsyncIterable<[string, Uint8Array]>
  close(): Promise<void>
}

/** A key that no store takes. */
export class InvalidKeyError extends MercuryError {
  override readonly name = 'InvalidKeyError'
  constructor(reason: string) {
    super('INVALID_KEY', `not a store key: ${reason}`)
  }
}

/** For adapters: copies `operations`, so that the caller may go on to use his arrays, and refuses keys and values outside the contract's bounds. */
export const takeOperations = (operations: readonly Operation[]): Operation[] => {
  operations.forEach(checkOperation)
  return operations.map((operation) => (operation.type === 'delete' || operation.value === undefined ? { ...operation } : { ...operation, value: new Uint8Array(operation.value) }))
}

/** For adapters: refuses keys and values outside the contract's bounds. */
export const checkOperation = (operation: Operation): void => {
  checkKey(operation.key)
  if (operation.type !== 'delete' && operation.value !== undefined) checkLimit('store value bytes', MAX_STORE_VALUE_BYTES, operation.value.byteLength)
}

/** For adapters: refuses a key outside the contract's bounds. */
export const checkKey = (key: string): void => {
  if (key.length === 0) throw new InvalidKeyError('it is empty')
  if (!key.isWellFormed()) throw new InvalidKeyError('it has a lone surrogate')
  checkLimit('store key bytes', MAX_STORE_KEY_BYTES, key.length > MAX_STORE_KEY_BYTES ? key.length : utf8Length(key))
}

/** For adapters: whether `operation` changes the store. */
export const isWrite = (operation: Operation): operation is WriteOperation => operation.type !== 'check'

/**
 * For adapters: judges a check by what is stored.
 *
 * @throws ConflictError when it does not hold
 */
export const requireCheck = ({ key, value }: CheckOperation, stored: Uint8Array | undefined): void => {
  const holds = stored && value ? equals(stored, value) : stored === value
  if (!holds) throw new ConflictError(`a check of the batch does not hold; key=${key}`)
}
