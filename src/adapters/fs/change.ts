import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { utf8 } from '../../bytes.ts'
import { StoreError } from '../../errors.ts'
import { syncDirectory } from '../private-directory.ts'

/** What turns one state of the directory into the next: file names without a path. */
export interface Change {
  /** A written and synced file, and the name that it gets. */
  readonly renames: readonly (readonly [from: string, to: string])[]
  readonly removals: readonly string[]
}

const JOURNAL = 'journal'
export const JOURNAL_DRAFT = 'tmp-journal'
const DRAFT = /^tmp-/
const FILE_NAME = /^[=~a-z0-9_%-]{1,255}$/

/** Writes a file that nobody sees yet, durably but for its name. */
export const writeDraft = async (location: string, name: string, content: Uint8Array): Promise<void> => {
  const handle = await open(join(location, name), 'w', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Notes a change down, durably, so that it is finished even when the process ends in the middle of it.
 *
 * A change of one name needs no note: the file system does it whole or not at all.
 */
export const noteChange = async (location: string, change: Change): Promise<void> => {
  if (change.renames.length + change.removals.length <= 1) return
  await writeDraft(location, JOURNAL_DRAFT, utf8(JSON.stringify(change)))
}

/** From the first step of this on, a change can only be finished, by {@link finishChange} at the next open if need be. */
export const applyChange = async (location: string, change: Change): Promise<void> => {
  const noted = change.renames.length + change.removals.length > 1
  if (noted) {
    await rename(join(location, JOURNAL_DRAFT), join(location, JOURNAL))
    // Makes the names of the drafts durable too, on which the note relies.
    await syncDirectory(location)
  }
  await carryOut(location, change)
  if (noted) await removeNote(location)
}

/** Finishes the change that was under way when the process ended, and removes what never became part of one. */
export const finishChange = async (location: string, names: readonly string[]): Promise<void> => {
  if (names.includes(JOURNAL)) {
    await carryOut(location, parseChange(await readFile(join(location, JOURNAL), 'utf8'), location))
    await removeNote(location)
  }
  for (const name of names) if (DRAFT.test(name)) await rm(join(location, name), { force: true })
}

/** May be repeated: a draft that is no longer there has its name already. */
const carryOut = async (location: string, { renames, removals }: Change): Promise<void> => {
  for (const [from, to] of renames) {
    await rename(join(location, from), join(location, to)).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'ENOENT') throw error })
  }
  for (const name of removals) await rm(join(location, name), { force: true })
  await syncDirectory(location)
}

/** Durably, before the next change: done again later, an old one would undo what was written since. */
const removeNote = async (location: string): Promise<void> => {
  await rm(join(location, JOURNAL))
  await syncDirectory(location)
}

/** @throws StoreError when the note is not one that {@link noteChange} writes */
const parseChange = (text: string, location: string): Change => {
  try {
    const { renames, removals } = JSON.parse(text) as Change
    const names = [...renames.flat(), ...removals]
    if (names.every((name: unknown) => typeof name === 'string' && FILE_NAME.test(name))) return { renames, removals }
  } catch (error) {
    throw new StoreError(`the journal is damaged; location=${location}`, { cause: error })
  }
  throw new StoreError(`the journal is damaged; location=${location}`)
}
