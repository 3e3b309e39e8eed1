import { createGate } from './gate.ts'
import { checkKey, type KeyRange, type KeyValueStore, type Operation } from './key-value-store.ts'

/**
 * A view of the keys of `store` that start with `prefix`, as a store of its own with the prefix taken off.
 *
 * Two views of one store share its durability and its order of writes; a batch never spans them. `close()` closes the view alone.
 *
 * @param prefix 1 to 1,023 UTF-8 bytes; one that starts with another's shows up in the other's view
 */
export const createPrefixStore = (store: KeyValueStore, prefix: string): KeyValueStore => {
  checkKey(prefix)
  const gate = createGate('store')

  /** The empty key is not one, although the prefix alone would be. */
  const below = (key: string): string => {
    checkKey(key)
    return prefix + key
  }

  return {
    supports: store.supports,
    get: (key, options) => gate.run(options?.signal, async () => store.get(below(key), options)),
    put: (key, value, options) => gate.run(options?.signal, async () => store.put(below(key), value, options)),
    delete: (key, options) => gate.run(options?.signal, async () => store.delete(below(key), options)),
    batch: (operations, options) => gate.run(options?.signal, async () => store.batch(operations.map((operation): Operation => ({ ...operation, key: below(operation.key) })), options)),
    async * entries (range, options) {
      gate.check(options?.signal)
      for await (const [key, value] of store.entries(rangeBelow(prefix, range), options)) {
        yield [key.slice(prefix.length), value]
        gate.check()
      }
    },
    close: () => gate.close()
  }
}

const rangeBelow = (prefix: string, { gte, gt, lt, lte, prefix: inner = '', ...rest }: KeyRange = {}): KeyRange => ({
  ...rest,
  prefix: prefix + inner,
  ...(gte === undefined ? {} : { gte: prefix + gte }),
  ...(gt === undefined ? {} : { gt: prefix + gt }),
  ...(lt === undefined ? {} : { lt: prefix + lt }),
  ...(lte === undefined ? {} : { lte: prefix + lte })
})
