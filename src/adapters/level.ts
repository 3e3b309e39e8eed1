import { realpath } from 'node:fs/promises'
import type { ClassicLevel } from 'classic-level'
import { StoreError, StoreLockedError } from '../errors.ts'
import { createGate } from '../store/gate.ts'
import { resolveRange, type KeyBounds } from '../store/key-range.ts'
import { checkKey, isWrite, requireCheck, takeOperations, type KeyValueStore, type Operation, type StoreOptions } from '../store/key-value-store.ts'
import { createLock } from '../store/lock.ts'
import { loadPackages } from './optional-packages.ts'
import { makePrivateDirectory } from './private-directory.ts'
import { createReadGroup } from './read-group.ts'

export const LEVEL_PACKAGES = ['classic-level@3.0.0'] as const

/** One step of an iteration reads so many entries, or somewhat more than so many bytes. */
const CHUNK_ENTRIES = 1_000
const CHUNK_BYTES = 65_536

/**
 * A store in a directory of its own, kept by LevelDB; every write is synced.
 *
 * Writes are done one after the other, so put a group commit before it. One process at a time, and one open in it, may hold the directory.
 * After a write that failed, a full disk for example, it only reads until it is opened again: LevelDB could otherwise lose what it writes behind a torn entry of its log.
 *
 * @throws StoreLockedError, MissingDependencyError, StoreError
 */
export const openLevelStore = async ({ location }: { location: string }): Promise<KeyValueStore> => {
  const { db, directory } = await openDatabase(location)
  const gate = createGate('store')
  const lock = createLock()
  let failure: unknown
  let closing: Promise<void> | undefined

  /** LevelDB's own errors, and what it says of a database that was closed meanwhile. */
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (isClosedMeanwhile(error)) gate.check()
      throw cannot(what, location, error)
    }
  }

  /** A look wakes a thread, which takes longer than the look. */
  const reads = createReadGroup(async (keys) => {
    const values = await attempt('read', () => db.getMany([...keys]))
    const found = new Map<string, Uint8Array>()
    for (const [i, value] of values.entries()) if (value) found.set(keys[i]!, plain(value))
    return found
  })

  const write = async (operations: readonly Operation[], signal: AbortSignal | undefined): Promise<void> => {
    signal?.throwIfAborted()
    const checks = operations.filter((operation) => operation.type === 'check')
    if (checks.length > 0) {
      const stored = await attempt('read', () => db.getMany(checks.map(({ key }) => key)))
      for (const [i, check] of checks.entries()) requireCheck(check, stored[i])
    }
    const writes = operations.filter(isWrite)
    if (writes.length === 0) return
    if (failure !== undefined) throw new StoreError(`a write failed before; open the store again; location=${location}`, { cause: failure })
    try {
      await attempt('write', () => db.batch(writes.map((operation) => (operation.type === 'delete' ? { type: 'del', key: operation.key } : operation)), { sync: true }))
    } catch (error) {
      failure = error
      throw error
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
      return reads.get(key, signal)
    }),
    put: (key, value, options) => batch([{ type: 'put', key, value }], options),
    delete: (key, options) => batch([{ type: 'delete', key }], options),
    async * entries (range, { signal } = {}) {
      gate.check(signal)
      // The iterator sees the database as it is at this moment.
      const iterator = db.iterator({ ...levelRange(resolveRange(range)), highWaterMarkBytes: CHUNK_BYTES })
      try {
        for (;;) {
          const chunk = await attempt('read', () => iterator.nextv(CHUNK_ENTRIES))
          if (chunk.length === 0) return
          for (const [key, value] of chunk) {
            yield [key, plain(value)]
            gate.check(signal)
          }
        }
      } finally {
        await iterator.close()
      }
    },
    close: () => (closing ??= gate.close().then(() => attempt('close', () => db.close())).finally(() => held.delete(directory)))
  }
}

/**
 * The directories that this process holds. LevelDB would refuse a second open too, but by closing its lock file for the second time,
 * which on POSIX takes the lock from the first: another process could then open the directory.
 */
const held = new Set<string>()

const openDatabase = async (location: string): Promise<{ db: ClassicLevel<string, Uint8Array>; directory: string }> => {
  const { ClassicLevel } = await loadLevel()
  const directory = await resolveDirectory(location)
  if (held.has(directory)) throw new StoreLockedError(location)
  held.add(directory)
  try {
    const db = new ClassicLevel<string, Uint8Array>(directory, { keyEncoding: 'utf8', valueEncoding: 'view' })
    await db.open()
    return { db, directory }
  } catch (error) {
    held.delete(directory)
    if (codeOf((error as Error).cause) === 'LEVEL_LOCKED') throw new StoreLockedError(location, { cause: error })
    throw cannot('open', location, error)
  }
}

/** One name for one directory, whatever links lead there. */
const resolveDirectory = async (location: string): Promise<string> => {
  try {
    await makePrivateDirectory(location)
    return await realpath(location)
  } catch (error) {
    throw cannot('open', location, error)
  }
}

const cannot = (what: string, location: string, cause: unknown): StoreError => new StoreError(`LevelDB cannot ${what}; location=${location}`, { cause })

const loadLevel = () => loadPackages('level', LEVEL_PACKAGES, () => import('classic-level'))

const levelRange = ({ lower, upper, reverse, limit }: KeyBounds): { gte?: string; gt?: string; lt?: string; lte?: string; reverse: boolean; limit: number } => ({
  ...(lower ? { [lower.inclusive ? 'gte' : 'gt']: lower.key } : {}),
  ...(upper ? { [upper.inclusive ? 'lte' : 'lt']: upper.key } : {}),
  reverse,
  limit: Number.isFinite(limit) ? limit : -1
})

/** LevelDB gives Buffers of their own memory. */
const plain = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

const isClosedMeanwhile = (error: unknown): boolean => ['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN'].includes(codeOf(error) ?? '')

const codeOf = (error: unknown): string | undefined => (error as { code?: string } | undefined)?.code
