import { DatabaseSync } from 'node:sqlite'
import { StoreError, checkKey, createGate, isWrite, reasonOf, requireCheck, resolveRange, takeOperations, type KeyValueStore, type Operation } from 'mercury-profiles'

export const openSqliteStore = async (path: string): Promise<KeyValueStore> => {
  const db = new DatabaseSync(path, { timeout: 5_000 })
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID')
  const select = db.prepare('SELECT value FROM entries WHERE key = ?')
  const upsert = db.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?)')
  const remove = db.prepare('DELETE FROM entries WHERE key = ?')
  const gate = createGate('store')

  const read = (key: string): Uint8Array | undefined => select.get(key)?.value as Uint8Array | undefined
  const write = (operations: readonly Operation[]): void => {
    db.exec('BEGIN IMMEDIATE')
    try {
      for (const operation of operations) if (operation.type === 'check') requireCheck(operation, read(operation.key))
      for (const operation of operations.filter(isWrite)) {
        if (operation.type === 'put') upsert.run(operation.key, operation.value)
        else remove.run(operation.key)
      }
      db.exec('COMMIT')
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }
  const attempt = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw (error as { code?: string }).code === 'ERR_SQLITE_ERROR' ? new StoreError(`SQLite failed: ${reasonOf(error)}`, { cause: error }) : error
    }
  }
  const batch: KeyValueStore['batch'] = (operations, { signal } = {}) => gate.run(signal, async () => attempt(() => write(takeOperations(operations))))

  return {
    supports: { persistence: true, atomicBatch: true, conditionalBatch: true },
    batch,
    put: (key, value, options) => batch([{ type: 'put', key, value }], options),
    delete: (key, options) => batch([{ type: 'delete', key }], options),
    get: (key, { signal } = {}) => gate.run(signal, async () => { checkKey(key); return attempt(() => read(key)) }),
    async * entries (range, { signal } = {}) {
      gate.check(signal)
      const { lower, upper, reverse, limit } = resolveRange(range)
      const sql = `SELECT key, value FROM entries WHERE key ${lower?.inclusive === false ? '>' : '>='} ? AND (? IS NULL OR key ${upper?.inclusive ? '<=' : '<'} ?) ORDER BY key ${reverse ? 'DESC' : 'ASC'} LIMIT ?`
      const rows = attempt(() => db.prepare(sql).all(lower?.key ?? '', upper?.key ?? null, upper?.key ?? null, Number.isFinite(limit) ? limit : -1))
      for (const { key, value } of rows) {
        gate.check(signal)
        yield [key as string, value as Uint8Array]
      }
    },
    async close () {
      await gate.close()
      if (db.isOpen) db.close()
    }
  }
}
