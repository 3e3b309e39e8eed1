import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** What the process has read so far, by any call; only Linux says so. */
const bytesRead = (): number => Number(/^rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'ascii'))![1])

/** The bytes of a database's file that a query touches: what a client would fetch by range, one who has the program but nothing of the index yet. */
export const bytesOfQuery = (file: string, ask: (database: DatabaseSync) => void): number => {
  const noise = -bytesRead() + bytesRead()
  const database = new DatabaseSync(file, { readOnly: true })
  // No page is read twice, and none without being counted.
  database.exec('pragma mmap_size = 0; pragma cache_size = -1000000')
  const before = bytesRead()
  ask(database)
  const bytes = bytesRead() - before - noise
  database.close()
  return bytes
}
