import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClientConfig } from 'pg'
import { ClosedError, ConflictError, MercuryError, checkLimit } from '../errors.ts'
import { MINUTE_MS, SECOND_MS } from '../limits.ts'
import { createGate } from '../store/gate.ts'
import { resolveRange } from '../store/key-range.ts'
import { checkKey, isWrite, takeOperations, type CheckOperation, type KeyValueStore, type Operation, type StoreOptions, type WriteOperation } from '../store/key-value-store.ts'
import { cancellable } from './cancellable.ts'
import { loadPackages } from './optional-packages.ts'
import type { Parameter, Statement } from './postgres/connection.ts'
import { createConnections } from './postgres/connections.ts'
import { failureOf, isOutOfLocks, isRolledBack } from './postgres/failure.ts'
import { locationOf, parsePostgresUrl } from './postgres/location.ts'
import { bigintArray, byteaArray, lockOf, locksOf } from './postgres/parameters.ts'
import { decodeKey, decodeValue, readSnapshot } from './postgres/snapshot.ts'
import { prepareTable, tableOf } from './postgres/table.ts'
import { createReadGroup } from './read-group.ts'

export { InvalidUrlError } from './http-client.ts'

export const POSTGRES_PACKAGES = ['pg@8.23.1'] as const

/** Keys and values of one batch. */
export const MAX_BATCH_BYTES = 256 * 1_048_576

/** How often a batch is tried that other transactions got in the way of. */
const TRIES = 5
const RETRY_PAUSE_MS = 20
/** The largest value and a page, in base64 with its line ends, and room for keys. */
const MAX_ANSWER_BYTES = 32 * 1_048_576
/** A longer one has an answer of its own, so that many reads at once stay small. */
const MAX_SHARED_VALUE_BYTES = 65_536
/** A batch of more keys locks the whole table: a server has room for some thousands of locks in all. */
const MAX_KEY_LOCKS = 1_024

export interface PostgresOptions {
  /**
   * `postgres://user:password@host:port/database`. What is left out is taken from the environment (`PGHOST`, `PGPASSWORD`, …), all of it when there is no `url`.
   * The parameters `sslmode` and `host`, the folder of a Unix socket, are known; any other is refused.
   */
  url?: string
  /** Made when it is missing, in the first schema of the role's search path, together with a function of the same name. @default `mercury` */
  table?: string
  /** Of TLS, instead of `sslmode`. */
  ssl?: boolean | TlsOptions
  /** @default 10 s */
  connectTimeoutMs?: number
  /** For one statement and its whole answer; the server ends it by then too. @default 60 s */
  queryTimeoutMs?: number
  /** At least 2. @default 8 */
  maxConnections?: number
  /** Of opening. */
  signal?: AbortSignal
}

/**
 * A store in one table of a PostgreSQL database, version 12 or later. Any number of processes may use it at once.
 *
 * A batch is one round trip and one transaction, durable when it resolves unless the server was told to do without `fsync`. It holds advisory locks on all its keys, those that are absent too, in one order; one that others got in the way of is tried 5 times.
 * A write whose connection breaks before the answer rejects although it may have happened, whole.
 * An iteration over more than 1,000 entries or 1 MiB keeps a connection and a transaction until it ends; at most half of the connections are theirs at a time. Leave it or abort it: while it rests, the server cannot clear away what it might still show.
 * Statements are prepared and settings are the session's, so a pooler in between must pool sessions.
 *
 * Errors tell host, port, database and SQLSTATE, and nothing else of the URL.
 *
 * @throws InvalidUrlError, MissingDependencyError, StoreError; MercuryError `INVALID_ARGUMENT`
 */
export const openPostgresStore = async ({ url, table: tableName = 'mercury', ssl, connectTimeoutMs = 10 * SECOND_MS, queryTimeoutMs = MINUTE_MS, maxConnections = 8, signal: opening }: PostgresOptions = {}): Promise<KeyValueStore> => {
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 2) throw new MercuryError('INVALID_ARGUMENT', 'maxConnections is a whole number of at least 2')
  const table = tableOf(tableName)
  const config = { ...(url === undefined ? {} : parsePostgresUrl(url)), ...(ssl === undefined ? {} : { ssl }), ...sessionSettings(queryTimeoutMs) }
  const { Client } = await loadPg()
  const location = locationOf(new Client(config))
  const connections = createConnections({ createClient: () => new Client(config), max: maxConnections, connectTimeoutMs, queryTimeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES, location })
  const gate = createGate('store')
  const closing = new AbortController()
  let closed: Promise<void> | undefined

  const attempt = async <T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw error instanceof MercuryError ? error : failureOf(what, location, error)
    }
  }

  /** @returns the first check that does not hold */
  const write = async (checks: readonly CheckOperation[], writes: readonly WriteOperation[], signal: AbortSignal | undefined): Promise<CheckOperation | undefined> => {
    const keys = new Set([...checks, ...writes].map(({ key }) => key))
    const rest = bindWrites(checks, writes)
    const whole = String(lockOf(table.name))
    let locks = keys.size > MAX_KEY_LOCKS ? null : bigintArray(locksOf(table.name, keys))
    for (let left = TRIES; ; left--) {
      try {
        const rows = await connections.use((connection) => connection.query(table.batch, [whole, locks, ...rest], signal), { signal })
        const broken = rows[0]?.[0]
        return typeof broken === 'string' ? checks[Number(broken) - 1] : undefined
      } catch (error) {
        const isCrowded = locks !== null && isOutOfLocks(error)
        if (left <= 1 || !(isCrowded || isRolledBack(error))) throw error
        if (isCrowded) locks = null
        await delay(RETRY_PAUSE_MS * Math.random(), undefined, { signal })
      }
    }
  }

  const query = (statement: Statement, parameters: readonly Parameter[], signal: AbortSignal): Promise<(string | null)[][]> =>
    connections.use((connection) => connection.query(statement, parameters, signal), { signal, again: true })

  const readOne = async (key: string, signal: AbortSignal): Promise<[string, Uint8Array][]> => {
    const [row] = await query(table.get, [Buffer.from(key)], signal)
    return row ? [[key, decodeValue(row[0])]] : []
  }

  const reads = createReadGroup(async (keys, signal) => {
    const [first, ...more] = keys
    if (more.length === 0) return new Map(await readOne(first!, signal))
    const rows = await query(table.getMany, [byteaArray(keys.map((key) => Buffer.from(key))), String(MAX_SHARED_VALUE_BYTES)], signal)
    const entries = await Promise.all(rows.map(async ([encodedKey, value]): Promise<[string, Uint8Array][]> => {
      const key = decodeKey(decodeValue(encodedKey))
      return value === null ? readOne(key, signal) : [[key, decodeValue(value)]]
    }))
    return new Map(entries.flat())
  })

  const batch = (operations: readonly Operation[], { signal }: StoreOptions = {}): Promise<void> => gate.run(signal, async () => {
    const taken = takeOperations(operations)
    if (taken.length === 0) return
    checkLimit('batch bytes', MAX_BATCH_BYTES, taken.reduce((sum, operation) => sum + sizeOf(operation), 0))
    const checks = taken.filter((operation) => operation.type === 'check')
    // The last operation on a key counts.
    const writes = [...new Map(taken.filter(isWrite).map((operation) => [operation.key, operation])).values()]
    const broken = await attempt('write', signal, () => write(checks, writes, signal))
    if (broken) throw new ConflictError(`a check of the batch does not hold; key=${broken.key}`)
  })

  const store: KeyValueStore = {
    supports: { persistence: true, atomicBatch: true, conditionalBatch: true },
    batch,
    get: (key, { signal } = {}) => gate.run(signal, async () => {
      checkKey(key)
      return attempt('read', signal, () => reads.get(key, signal))
    }),
    put: (key, value, options) => batch([{ type: 'put', key, value }], options),
    delete: (key, options) => batch([{ type: 'delete', key }], options),
    entries: (range, { signal } = {}) => cancellable(async function * (bounded) {
      const snapshot = readSnapshot(connections, table, resolveRange(range), bounded)
      try {
        yield * snapshot
      } catch (error) {
        if (bounded.aborted) throw bounded.reason
        throw error instanceof MercuryError ? error : failureOf('read', location, error)
      }
    }, [closing.signal, signal]),
    close () {
      closing.abort(new ClosedError('store'))
      return (closed ??= gate.close().then(() => connections.close()))
    }
  }
  try {
    await attempt('be opened', opening, () => connections.use((connection) => prepareTable(connection, table, opening), { signal: opening }))
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}

/** $3 to $7 of the batch. */
const bindWrites = (checks: readonly CheckOperation[], writes: readonly WriteOperation[]): Parameter[] => {
  const puts = writes.filter((operation) => operation.type === 'put')
  return [
    byteaArray(checks.map(({ key }) => Buffer.from(key))),
    byteaArray(checks.map(({ value }) => value)),
    byteaArray(writes.filter(({ type }) => type === 'delete').map(({ key }) => Buffer.from(key))),
    byteaArray(puts.map(({ key }) => Buffer.from(key))),
    byteaArray(puts.map(({ value }) => value))
  ]
}

const sizeOf = (operation: Operation): number => Buffer.byteLength(operation.key) + (operation.type === 'delete' ? 0 : (operation.value?.byteLength ?? 0))

/**
 * Set for the session when it starts, above what role and database say. Each statement must see what was committed before it, and a commit must be on disk when it is told.
 * A client whose machine is gone is noticed after two minutes, and its locks with it.
 */
const sessionSettings = (queryTimeoutMs: number): ClientConfig => ({
  fallback_application_name: 'mercury-profiles',
  keepAlive: true,
  statement_timeout: queryTimeoutMs,
  options: ['synchronous_commit=on', 'default_transaction_isolation=read\\ committed', 'jit=off', 'tcp_keepalives_idle=60', 'tcp_keepalives_interval=10', 'tcp_keepalives_count=6'].map((setting) => `-c ${setting}`).join(' '),
  // pg would make Buffers and dates of what is text.
  types: { getTypeParser: () => (text: string) => text }
})

const loadPg = () => loadPackages('postgres', POSTGRES_PACKAGES, () => import('pg'))
