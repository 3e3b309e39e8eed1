import { createGate } from './gate.ts'
import { resolveRange } from './key-range.ts'
import { checkKey, isWrite, requireCheck, takeOperations, type KeyValueStore, type Operation, type StoreOptions, type WriteOperation } from './key-value-store.ts'
import { SortedKeys } from './sorted-keys.ts'

/** A store that forgets everything when it is closed; for tests, for caches and for a client that leaves no trace. */
export const createMemoryStore = (): KeyValueStore => {
  /** The arrays are replaced, never changed, so a snapshot may hold on to them. */
  const values = new Map<string, Uint8Array>()
  const keys = new SortedKeys(values)
  const gate = createGate('store')

  const apply = (operation: WriteOperation): void => {
    if (operation.type === 'delete') {
      if (values.delete(operation.key)) keys.changes(operation.key)
      return
    }
    if (!values.has(operation.key)) keys.changes(operation.key)
    values.set(operation.key, operation.value)
  }

  const batch = async (operations: readonly Operation[], { signal }: StoreOptions = {}): Promise<void> => {
    gate.check(signal)
    const taken = takeOperations(operations)
    for (const operation of taken) {
      if (operation.type === 'check') requireCheck(operation, values.get(operation.key))
    }
    taken.filter(isWrite).forEach(apply)
  }

  return {
    supports: { persistence: false, atomicBatch: true, conditionalBatch: true },
    batch,
    async get (key, { signal } = {}) {
      gate.check(signal)
      checkKey(key)
      const value = values.get(key)
      return value && Uint8Array.from(value)
    },
    put: (key, value, options) => batch([{ type: 'put', key, value }], options),
    delete: (key, options) => batch([{ type: 'delete', key }], options),
    async * entries (range, { signal } = {}) {
      gate.check(signal)
      const snapshot = keys.within(resolveRange(range)).map((key): [string, Uint8Array] => [key, values.get(key)!])
      for (const [key, value] of snapshot) {
        yield [key, Uint8Array.from(value)]
        gate.check(signal)
      }
    },
    async close () {
      await gate.close()
      values.clear()
    }
  }
}
