import { link, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { randomBytes } from 'node:crypto'
import { syncDirectory } from '../adapters/private-directory.ts'
import { MercuryError, StoreError } from '../errors.ts'

/** Whoever may read it beside its owner. */
const OTHERS = 0o077

/**
 * Replaces the file at `path`, readable by its owner only: after a crash it is the old one or the new one, whole.
 *
 * @throws StoreError
 */
export const writeAtomically = async (path: string, bytes: Uint8Array): Promise<void> => {
  await writeBeside(path, bytes, async (temporary) => rename(temporary, path))
}

/**
 * Makes the file at `path`, readable by its owner only, unless there is one: after a crash it is there whole or not at all, and of several processes one makes it.
 *
 * @returns whether this call made it
 * @throws StoreError
 */
export const createAtomically = async (path: string, bytes: Uint8Array): Promise<boolean> => {
  let isNew = true
  await writeBeside(path, bytes, async (temporary) => {
    // A link, unlike a rename, never replaces.
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      isNew = false
    })
    await rm(temporary)
  })
  return isNew
}

/** Writes a file beside `path`, down to the disk, and lets `take` give it its place. */
const writeBeside = async (path: string, bytes: Uint8Array, take: (temporary: string) => Promise<void>): Promise<void> => {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await take(temporary)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw new StoreError(`${path} could not be written: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * The bytes of a file that only its owner may read; undefined where there is none.
 *
 * @throws MercuryError `FILE_EXPOSED` when others may read it, LimitError, StoreError
 */
export const readPrivateFile = async (path: string, maxBytes: number): Promise<Uint8Array | undefined> => {
  try {
    const { mode, size } = await stat(path)
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) throw new MercuryError('FILE_EXPOSED', `${path} can be read by others; run: chmod 600 ${JSON.stringify(path)}`)
    if (size > maxBytes) throw new StoreError(`${path} is over ${maxBytes} bytes`)
    const file = await open(path)
    try {
      return new Uint8Array(await file.readFile())
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof MercuryError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new StoreError(`${path} could not be read: ${(error as Error).message}`, { cause: error })
  }
}
