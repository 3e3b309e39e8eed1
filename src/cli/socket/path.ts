import { createHash } from 'node:crypto'
import { lstat, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { MercuryError } from '../../errors.ts'

/** What every system takes: 104 bytes on macOS, 108 on Linux, with their final zero. */
const MAX_PATH_BYTES = 100

/** Where the node of `directory` takes commands: in it, or in a folder of this user where its name is too long for a socket. */
export const socketPath = (directory: string): string => {
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 32)
  if (process.platform === 'win32') return `\\\\.\\pipe\\mercury-${name}`
  const inside = join(directory, 'mercury.sock')
  return Buffer.byteLength(inside) <= MAX_PATH_BYTES ? inside : join(tmpdir(), `mercury-${process.getuid?.() ?? ''}`, `${name}.sock`)
}

/**
 * Makes the folder of the socket if it is missing, for this user alone.
 *
 * @throws MercuryError `SOCKET_EXPOSED` when it is another user's
 */
export const makeSocketFolder = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { uid } = await lstat(folder)
  if (uid !== process.getuid?.()) throw new MercuryError('SOCKET_EXPOSED', `${folder} belongs to another user; remove it`)
}

/**
 * Passphrases go through the socket: it and its folder must be this user's.
 *
 * @returns whether there is something at `path`
 * @throws MercuryError `SOCKET_EXPOSED`
 */
export const checkSocketOwner = async (path: string): Promise<boolean> => {
  if (process.platform === 'win32') return true
  // Who may not look at it may not connect to it either.
  const owners = await Promise.all([lstat(dirname(path)), lstat(path)]).catch(() => [])
  if (owners.some(({ uid }) => uid !== process.getuid?.())) throw new MercuryError('SOCKET_EXPOSED', `${path} belongs to another user; remove it`)
  return owners.length > 0
}
