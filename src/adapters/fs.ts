import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MercuryError, StoreError } from '../errors.ts'
import { mapConcurrently } from '../store/concurrent.ts'
import { createGate } from '../store/gate.ts'
import { resolveRange } from '../store/key-range.ts'
import { checkKey, isWrite, requireCheck, takeOperations, type KeyValueStore, type Operation, type StoreOptions, type WriteOperation } from '../store/key-value-store.ts'
import { createLock } from '../store/lock.ts'
import { SortedKeys } from '../store/sorted-keys.ts'
import { JOURNAL_DRAFT, applyChange, finishChange, noteChange, writeDraft, type Change } from './fs/change.ts'
import { lockDirectory } from './fs/directory-lock.ts'
import { fileNameOf } from './fs/file-name.ts'
import { Snapshot } from './fs/snapshot.ts'
import { encodeFile, readKey, readValue } from './fs/value-file.ts'
import { makePrivateDirectory } from './private-directory.ts'

/**
 * A store in a directory of its own, one plain file a key; for a few thousand keys, and for people who want to look at them with other tools.
 *
 * A value is written to a draft, synced, and renamed; a batch of several keys is noted in a journal first and finished at the next open if need be.
 * All keys are held in memory. One open at a time may hold the directory; the lock of a process that no longer runs counts for nothing.
 * After an I/O error in the middle of a change every call rejects until the store is opened again.
 *
 * @throws StoreLockedError, StoreError
 */
export const openFsStore = async ({ location }: { location: string }): Promise<KeyValueStore> => {
  try {
    await makePrivateDirectory(location)
    const unlock = await lockDirectory(location)
    try {
      return createFsStore(location, await loadKeys(location), unlock)
    } catch (error) {
      await unlock()
      throw error
    }
  } catch (error) {
    throw cannot('open', location, error)
  }
}

const loadKeys = async (location: string): Promise<Set<string>> => {
  await finishChange(location, await readdir(location))
  const keys = await mapConcurrently(await readdir(location), (name) => readKey(location, name))
  return new Set(keys.filter((key) => key !== undefined))
}

const createFsStore = (location: string, keys: Set<string>, unlock: () => Promise<void>): KeyValueStore => {
  const gate = createGate('store')
  const lock = createLock()
  const sorted = new SortedKeys(keys)
  for (const key of keys) sorted.changes(key)
  const snapshots = new Set<Snapshot>()
  /** The keys whose files are being put in place: until that is done, the change may be half there and is not durable. */
  let changing: { keys: ReadonlySet<string>; done: Promise<void> } | undefined
  let changes = 0
  let failure: unknown
  let closing: Promise<void> | undefined

  const requireSound = (): void => {
    if (failure !== undefined) throw new StoreError(`a change could not be finished; open the store again; location=${location}`, { cause: failure })
  }

  /** What to wait for before `key`, or any key, may be looked at. */
  const changeOf = (key?: string): Promise<void> | undefined => (key === undefined || changing?.keys.has(key) ? changing?.done : undefined)

  const read = async (key: string): Promise<Uint8Array | undefined> => {
    for (;;) {
      for (let done = changeOf(key); done; done = changeOf(key)) await done
      requireSound()
      if (!keys.has(key)) return undefined
      const before = changes
      const value = await attempt('read', location, () => readValue(location, key))
      // A change of this key has begun meanwhile: what was read may not be durable yet.
      if (changeOf(key)) continue
      if (value) return value
      if (changes === before) throw new StoreError(`a file was removed by somebody else; key=${key} location=${location}`)
    }
  }

  const write = async (operations: readonly Operation[], signal: AbortSignal | undefined): Promise<void> => {
    signal?.throwIfAborted()
    for (const operation of operations) {
      if (operation.type === 'check') requireCheck(operation, await read(operation.key))
    }
    requireSound()
    const lastByKey = new Map(operations.filter(isWrite).map((operation) => [operation.key, operation]))
    const effects = [...lastByKey.values()].filter(({ type, key }) => type === 'put' || keys.has(key))
    if (effects.length > 0) await change(effects)
  }

  /** Drafts, then the note: up to here it can be given up. Then the names, which can only be finished. */
  const change = async (effects: readonly WriteOperation[]): Promise<void> => {
    const number = ++changes
    const puts = effects.filter((operation) => operation.type === 'put').map(({ key, value }, i) => ({ draft: `tmp-${number}-${i}`, name: fileNameOf(key), content: encodeFile(key, value) }))
    const planned: Change = { renames: puts.map(({ draft, name }) => [draft, name]), removals: effects.filter(({ type }) => type === 'delete').map(({ key }) => fileNameOf(key)) }
    const { promise: done, resolve } = Promise.withResolvers<void>()
    try {
      await mapConcurrently(puts, ({ draft, content }) => writeDraft(location, draft, content))
      await noteChange(location, planned)
      changing = { keys: new Set(effects.map(({ key }) => key)), done }
      for (const snapshot of snapshots) await snapshot.save(changing.keys)
    } catch (error) {
      changing = undefined
      resolve()
      await discardDrafts(location, planned)
      throw cannot('write', location, error)
    }
    try {
      await applyChange(location, planned)
      for (const { type, key } of effects) {
        if (type === 'put') keys.add(key)
        else keys.delete(key)
        sorted.changes(key)
      }
    } catch (error) {
      failure = error
      throw cannot('write', location, error)
    } finally {
      changing = undefined
      resolve()
    }
  }

  const batch = (operations: readonly Operation[], { signal }: StoreOptions = {}): Promise<void> => gate.run(signal, () => {
    const taken = takeOperations(operations)
    return lock('write', () => write(taken, signal))
  })

  return {
    supports: { persistence: true, atomicBatch: true, conditionalBatch: true },
    batch,
    get: (key, { signal } = {}) => gate.run(signal, async () => {
      checkKey(key)
      return read(key)
    }),
    put: (key, value, options) => batch([{ type: 'put', key, value }], options),
    delete: (key, options) => batch([{ type: 'delete', key }], options),
    async * entries (range, { signal } = {}) {
      gate.check(signal)
      const bounds = resolveRange(range)
      for (let done = changeOf(); done; done = changeOf()) await done
      const snapshot = new Snapshot(location, sorted.within(bounds))
      snapshots.add(snapshot)
      try {
        for (;;) {
          requireSound()
          const entries = await gate.run(signal, () => attempt('read', location, () => snapshot.next()))
          if (entries.length === 0) return
          for (const entry of entries) {
            yield entry
            gate.check(signal)
          }
        }
      } finally {
        snapshots.delete(snapshot)
      }
    },
    close: () => (closing ??= gate.close().then(() => attempt('close', location, unlock)))
  }
}

/** What cannot be removed now is removed at the next open. */
const discardDrafts = async (location: string, { renames }: Change): Promise<void> => {
  await Promise.allSettled([JOURNAL_DRAFT, ...renames.map(([draft]) => draft)].map((draft) => rm(join(location, draft), { force: true })))
}

const attempt = async <T>(what: string, location: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw cannot(what, location, error)
  }
}

const cannot = (what: string, location: string, cause: unknown): MercuryError => (cause instanceof MercuryError ? cause : new StoreError(`the file store cannot ${what}; location=${location}`, { cause }))
