import { utf8Length } from '../bytes.ts'
import { ConflictError } from '../errors.ts'
import { createGate } from './gate.ts'
import { takeOperations, type KeyValueStore, type Operation, type StoreOptions } from './key-value-store.ts'
import { NotSupportedError } from './not-supported.ts'

/** One group is one batch of the store below; a single write that is larger goes alone. */
export const MAX_GROUP_OPERATIONS = 1_024
export const MAX_GROUP_BYTES = 4 * 1_048_576
/** How many waiting writes are looked at for one group. */
const LOOK_AHEAD = 1_024

/**
 * Writes that arrive while another is under way go to `store` together, as one batch: many publishes share one fsync.
 *
 * A write alone is written at once, by exactly one batch below. None resolves before its group is written.
 * A write that shares a key, written or checked, with one that came before it waits until that one is done.
 * When a group meets a conflict, its writes are tried again one at a time, so that only the guilty are told; any other error is told to the whole group.
 * A write that is aborted while it waits is not written. `close()` waits for what was asked before and leaves `store` open.
 */
export const createGroupCommit = (store: KeyValueStore): KeyValueStore => {
  const gate = createGate('store')
  let waiting: Write[] = []
  let draining = false

  const enqueue = async (operations: readonly Operation[], { signal }: StoreOptions = {}): Promise<void> => {
    const taken = takeOperations(operations)
    if (taken.length === 0) return
    // Below, it would be the error of the whole group.
    if (!store.supports.conditionalBatch && taken.some(({ type }) => type === 'check')) throw new NotSupportedError('checks in a batch')
    const write = createWrite(taken)
    const abort = (): void => {
      waiting = waiting.filter((other) => other !== write)
      write.reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    write.begin = () => signal?.removeEventListener('abort', abort)
    waiting.push(write)
    // It cannot reject, and whoever waits for a write waits for it.
    if (!draining) void drain()
    await write.done
  }

  const drain = async (): Promise<void> => {
    draining = true
    while (waiting.length > 0) {
      const { group, rest } = formGroup(waiting)
      waiting = rest
      for (const write of group) write.begin()
      await commit(group)
    }
    draining = false
  }

  const commit = async (group: readonly Write[]): Promise<void> => {
    try {
      await store.batch(group.flatMap(({ operations }) => operations))
    } catch (error) {
      if (error instanceof ConflictError && group.length > 1) {
        for (const write of group) await commit([write])
      } else {
        for (const write of group) write.reject(error)
      }
      return
    }
    for (const write of group) write.resolve()
  }

  const write = (operations: readonly Operation[], options?: StoreOptions): Promise<void> => gate.run(options?.signal, () => enqueue(operations, options))

  return {
    supports: store.supports,
    batch: write,
    get: (key, options) => gate.run(options?.signal, () => store.get(key, options)),
    put: (key, value, options) => write([{ type: 'put', key, value }], options),
    delete: (key, options) => write([{ type: 'delete', key }], options),
    async * entries (range, options) {
      gate.check(options?.signal)
      for await (const entry of store.entries(range, options)) {
        yield entry
        gate.check()
      }
    },
    close: () => gate.close()
  }
}

/** One call, from when it is asked until it is told. */
interface Write {
  readonly operations: readonly Operation[]
  readonly bytes: number
  readonly done: Promise<void>
  resolve(): void
  reject(error: unknown): void
  /** It is in a group now and can no longer be taken back. */
  begin(): void
}

const createWrite = (operations: readonly Operation[]): Write => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { operations, bytes: operations.reduce((sum, operation) => sum + sizeOf(operation), 0), done: promise, resolve, reject, begin: () => undefined }
}

const sizeOf = (operation: Operation): number => utf8Length(operation.key) + (operation.type === 'delete' ? 0 : (operation.value?.byteLength ?? 0))

/** Takes from `waiting`, which is not empty, what may be written together; the others keep their order. */
const formGroup = (waiting: readonly Write[]): { group: Write[]; rest: Write[] } => {
  const group: Write[] = []
  const passedOver: Write[] = []
  /** Keys of the group and of those passed over: a later write on one of them must not overtake. */
  const claimed = new Set<string>()
  let operations = 0
  let bytes = 0
  for (const write of waiting.slice(0, LOOK_AHEAD)) {
    const fits = group.length === 0 || (operations + write.operations.length <= MAX_GROUP_OPERATIONS && bytes + write.bytes <= MAX_GROUP_BYTES)
    const free = write.operations.every(({ key }) => !claimed.has(key))
    for (const { key } of write.operations) claimed.add(key)
    if (!fits || !free) {
      passedOver.push(write)
      continue
    }
    group.push(write)
    operations += write.operations.length
    bytes += write.bytes
  }
  return { group, rest: [...passedOver, ...waiting.slice(LOOK_AHEAD)] }
}
