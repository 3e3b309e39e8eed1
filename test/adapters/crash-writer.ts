import { writeSync } from 'node:fs'
import { utf8 } from '../../src/bytes.ts'
import type { KeyValueStore, Operation } from '../../src/store/key-value-store.ts'

/** Each writer keeps the last so many of its batches: every batch puts its keys and deletes those of an older one. */
export const KEPT_BATCHES = 4
export const KEYS_PER_BATCH = 3
export const WRITERS = 3

export const keyOf = (round: number, writer: number, batch: number, key: number): string => `${round}/${writer}/${String(batch).padStart(8, '0')}/${key}`

/** Run as a program, it writes until it is killed and prints `writer batch` when a batch is acknowledged. */
const run = async ([kind, location, round]: string[]): Promise<void> => {
  const store = await openStore(kind!, location!)
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(store, Number(round), writer)))
}

/** @param location a folder, or the URL of a database */
const openStore = async (kind: string, location: string): Promise<KeyValueStore> => {
  if (kind === 'level') return (await import('../../src/adapters/level.ts')).openLevelStore({ location })
  if (kind === 'fs') return (await import('../../src/adapters/fs.ts')).openFsStore({ location })
  return (await import('../../src/adapters/postgres.ts')).openPostgresStore({ url: location })
}

const write = async (store: KeyValueStore, round: number, writer: number): Promise<never> => {
  const keys = (batch: number): string[] => Array.from({ length: KEYS_PER_BATCH }, (_, key) => keyOf(round, writer, batch, key))
  for (let batch = 0; ; batch++) {
    const operations: Operation[] = keys(batch).map((key) => ({ type: 'put', key, value: utf8(key.repeat(1 + batch % 50)) }))
    if (batch >= KEPT_BATCHES) operations.push(...keys(batch - KEPT_BATCHES).map((key): Operation => ({ type: 'delete', key })))
    await store.batch(operations)
    writeSync(1, `${writer} ${batch}\n`)
  }
}

if (import.meta.main) await run(process.argv.slice(2))
