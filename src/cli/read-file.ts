import { open } from 'node:fs/promises'
import { MercuryError, checkLimit } from '../errors.ts'

/**
 * The bytes of a regular file that the user named; `what` names the limit.
 *
 * @throws MercuryError `FILE_NOT_FOUND`, `FILE_UNREADABLE`; LimitError before more than `maxBytes` were read
 */
export const readUserFile = async (path: string, what: string, maxBytes: number): Promise<Uint8Array> => {
  try {
    const file = await open(path)
    try {
      const { size, isFile } = await file.stat().then((stats) => ({ size: stats.size, isFile: stats.isFile() }))
      if (!isFile) throw new MercuryError('FILE_UNREADABLE', `${path} is no file; name a file`)
      checkLimit(what, maxBytes, size)
      const bytes = new Uint8Array(await file.readFile())
      checkLimit(what, maxBytes, bytes.byteLength)
      return bytes
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof MercuryError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new MercuryError('FILE_NOT_FOUND', `there is no file ${path}`, { cause: error })
    throw new MercuryError('FILE_UNREADABLE', `${path} cannot be read (${message}); check its permissions`, { cause: error })
  }
}
