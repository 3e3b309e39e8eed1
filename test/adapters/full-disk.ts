import { writeFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { equals } from 'uint8arrays'
import { expect } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { StoreError } from '../../src/errors.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { mountSmallDisk } from './small-disk.ts'

const MEBIBYTE = 1_048_576
const DISK_MEBIBYTES = 8

/** Fills a real disk under the store, makes room again, and looks for what was acknowledged. */
export const expectToSurviveAFullDisk = async (openAt: (location: string) => Promise<KeyValueStore>, skip: (reason: string) => void): Promise<void> => {
  const disk = await mountSmallDisk(DISK_MEBIBYTES)
  if ('reason' in disk) return skip(disk.reason)
  const location = join(disk.location, 'store')
  const filler = join(disk.location, 'filler')
  const acknowledged: string[] = []
  const expectAll = async (store: KeyValueStore): Promise<void> => {
    const keys: string[] = []
    for await (const [key, value] of store.entries()) {
      keys.push(key)
      expect(equals(value, valueOf(key)), key).toBe(true)
    }
    expect(keys).toEqual(acknowledged.toSorted())
    for (const key of acknowledged) expect(equals((await store.get(key))!, valueOf(key)), key).toBe(true)
  }
  /** Batches of two keys, until one fails. */
  const writeUntilFull = async (store: KeyValueStore, name: string): Promise<unknown> => {
    for (let i = 0; i < 1_000; i++) {
      const keys = [`${name} ${i} a`, `${name} ${i} b`]
      try {
        await store.batch(keys.map((key) => ({ type: 'put', key, value: valueOf(key) })))
      } catch (error) {
        return error
      }
      acknowledged.push(...keys)
    }
    throw new Error('the disk was never full')
  }
  let store = await openAt(location)
  try {
    await writeFile(filler, new Uint8Array((DISK_MEBIBYTES - 1) * MEBIBYTE))
    expect(await writeUntilFull(store, 'first')).toBeInstanceOf(StoreError)
    expect(acknowledged.length).toBeGreaterThan(2)
    await expectAll(store)
    await store.close()
    await rm(filler)
    store = await openAt(location)
    await expectAll(store)

    // With room again, the same store may refuse to write, but what it acknowledges is there.
    await writeFile(filler, new Uint8Array((DISK_MEBIBYTES - 3) * MEBIBYTE))
    expect(await writeUntilFull(store, 'second')).toBeInstanceOf(StoreError)
    await rm(filler)
    for (let i = 0; i < 5; i++) {
      const key = `after ${i}`
      await store.put(key, valueOf(key)).then(() => acknowledged.push(key), (error: unknown) => expect(error).toBeInstanceOf(StoreError))
    }
    await expectAll(store)
    await store.close()
    store = await openAt(location)
    await expectAll(store)
    await store.put('last', valueOf('last'))
    acknowledged.push('last')
    await expectAll(store)
  } finally {
    await store.close()
    await disk.unmount()
  }
}

/** About 30 KB that compress badly, the same for the same key. */
const valueOf = (key: string): Uint8Array => {
  const bytes = new Uint8Array(30_000)
  let state = utf8(key).reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 7)
  for (let i = 0; i < bytes.byteLength; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}
