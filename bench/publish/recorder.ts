import { isWrite, type KeyValueStore, type Operation, type WriteOperation } from '../../src/store/key-value-store.ts'

/** A store that remembers what was written through it: each member of `batches` is one synced write of the store below. */
export const recordWrites = (store: KeyValueStore): { store: KeyValueStore; batches: WriteOperation[][] } => {
  const batches: WriteOperation[][] = []
  const note = (operations: readonly Operation[]): void => {
    const writes = operations.filter(isWrite)
    if (writes.length > 0) batches.push(writes)
  }
  return {
    batches,
    store: {
      ...store,
      async put (key, value, options) {
        note([{ type: 'put', key, value }])
        await store.put(key, value, options)
      },
      async delete (key, options) {
        note([{ type: 'delete', key }])
        await store.delete(key, options)
      },
      async batch (operations, options) {
        note(operations)
        await store.batch(operations, options)
      }
    }
  }
}
