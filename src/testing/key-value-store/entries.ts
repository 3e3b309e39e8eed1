import { compareUtf8, utf8 } from '../../bytes.ts'
import type { KeyRange, KeyValueStore } from '../../store/key-value-store.ts'

export const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)

export const range = (length: number): number[] => Array.from({ length }, (_, i) => i)

export const fill = (store: KeyValueStore, keys: readonly string[]): Promise<void> => store.batch(keys.map((key) => ({ type: 'put', key, value: utf8(key) })))

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

export const entriesOf = (store: KeyValueStore, range?: KeyRange): Promise<[string, Uint8Array][]> => collect(store.entries(range))

export const keysOf = async (store: KeyValueStore, range?: KeyRange): Promise<string[]> => (await entriesOf(store, range)).map(([key]) => key)

/** What a range means, said the slow way. */
export const expectedKeys = (keys: readonly string[], { gte, gt, lt, lte, prefix, reverse, limit }: KeyRange): string[] => {
  const within = keys.toSorted(compareUtf8).filter((key) =>
    (gte === undefined || compareUtf8(key, gte) >= 0) && (gt === undefined || compareUtf8(key, gt) > 0) &&
    (lt === undefined || compareUtf8(key, lt) < 0) && (lte === undefined || compareUtf8(key, lte) <= 0) &&
    (prefix === undefined || key.startsWith(prefix)))
  return (reverse ? within.toReversed() : within).slice(0, limit)
}
