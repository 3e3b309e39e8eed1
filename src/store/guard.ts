import { compareUtf8, plainBytes } from '../bytes.ts'
import { MercuryError, StoreError, reasonOf } from '../errors.ts'
import { untilAborted } from '../until-aborted.ts'
import type { HashStore } from './hash-store.ts'
import { resolveRange, type KeyBounds } from './key-range.ts'
import type { KeyRange, KeyValueStore, StoreOptions } from './key-value-store.ts'

/**
 * `store`, held to its contract where breaking it would break its caller: every wait ends with its signal, whatever is thrown is a typed error,
 * values are plain bytes, and entries come in order and within their range.
 *
 * What it says is not checked further: a state that holds other bytes than were written is found where they are read.
 */
export const guardKeyValueStore = (store: KeyValueStore): KeyValueStore => {
  const call = createCall('state')
  return {
    supports: store.supports,
    get: (key, options) => call(options, async () => bytesOrNothing('state', await store.get(key, options))),
    put: (key, value, options) => call(options, async () => store.put(key, value, options)),
    delete: (key, options) => call(options, async () => store.delete(key, options)),
    batch: (operations, options) => call(options, async () => store.batch(operations, options)),
    entries: (range, options) => guardEntries(store, range, options ?? {}),
    close: () => store.close()
  }
}

/** The same for blocks; their hashes are checked by who reads them. */
export const guardHashStore = (store: HashStore): HashStore => {
  const call = createCall('block store')
  return {
    space: store.space,
    supports: store.supports,
    put: (cid, bytes, options) => call(options, async () => store.put(cid, bytes, options)),
    get: (cid, options) => call(options, async () => bytesOrNothing('block store', await store.get(cid, options))),
    pin: (cid, options) => call(options, async () => store.pin(cid, options)),
    unpin: (cid, options) => call(options, async () => store.unpin(cid, options)),
    close: () => store.close()
  }
}

const createCall = (what: string) => async <T>({ signal }: { signal?: AbortSignal } = {}, work: () => Promise<T>): Promise<T> => {
  signal?.throwIfAborted()
  try {
    return await (signal ? untilAborted(work(), signal) : work())
  } catch (error) {
    throw typed(what, error, signal)
  }
}

const typed = (what: string, error: unknown, signal: AbortSignal | undefined): unknown => {
  if (signal?.aborted) return signal.reason
  if (error instanceof MercuryError) return error
  return new StoreError(`the ${what} failed: ${reasonOf(error)}`, { cause: error })
}

const bytesOrNothing = (what: string, value: unknown): Uint8Array | undefined => {
  if (value === undefined) return undefined
  if (!(value instanceof Uint8Array)) throw new StoreError(`the ${what} gave ${value === null ? 'null' : `a ${typeof value}`} instead of bytes`)
  return plainBytes(value)
}

const guardEntries = async function * (store: KeyValueStore, range: KeyRange | undefined, { signal }: StoreOptions): AsyncGenerator<[string, Uint8Array]> {
  const bounds = resolveRange(range)
  const call = createCall('state')
  const iterator = await call({ signal }, async () => store.entries(range, { signal })[Symbol.asyncIterator]())
  let given = 0
  let last: string | undefined
  let done = false
  try {
    while (given < bounds.limit) {
      const step = await call({ signal }, async () => iterator.next()) as { done?: boolean; value?: unknown }
      if (step.done === true) {
        done = true
        return
      }
      const [key, value] = readEntry(step.value)
      if (!isNext(key, last, bounds)) throw new StoreError('the state lists keys out of order')
      last = key
      given++
      yield [key, value]
    }
  } finally {
    // What goes wrong now concerns nobody any more.
    if (!done) await call({ signal }, async () => iterator.return?.()).catch(() => undefined)
  }
}

const readEntry = (entry: unknown): [string, Uint8Array] => {
  const [key, value] = Array.isArray(entry) ? entry as unknown[] : []
  const bytes = bytesOrNothing('state', value)
  if (typeof key !== 'string' || !bytes) throw new StoreError('the state lists something else than keys and bytes')
  return [key, bytes]
}

const isNext = (key: string, last: string | undefined, { lower, upper, reverse }: KeyBounds): boolean => {
  if (last !== undefined && compareUtf8(key, last) * (reverse ? -1 : 1) <= 0) return false
  const [above, below] = [lower ? compareUtf8(key, lower.key) : 1, upper ? compareUtf8(key, upper.key) : -1]
  return (lower?.inclusive ? above >= 0 : above > 0) && (upper?.inclusive ? below <= 0 : below < 0)
}
