import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Factory } from '../../src/testing/index.ts'

/** Opens a subject in a directory of its own for every clause. */
export const inDirectory = <Subject>(openAt: (location: string) => Promise<Subject>): Factory<Subject> => ({
  async create () {
    const location = await mkdtemp(join(tmpdir(), 'mercury-contract-'))
    return { open: () => openAt(location), destroy: () => rm(location, { recursive: true }) }
  }
})

/** A store that closes what it was made of, as a program does that opened both. */
export const closingBelow = <Store extends { close(): Promise<void> }>(store: Store, ...below: { close(): Promise<void> }[]): Store => ({
  ...store,
  async close () {
    await store.close()
    for (const other of below) await other.close()
  }
})
