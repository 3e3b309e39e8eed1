import { MAX_ARCHIVE_BYTES } from '../limits.ts'
import { readUserFile } from './read-file.ts'
import type { Session } from './session.ts'

/** The bytes of an archive that the user names; `-` is the input. */
export const readArchive = async (session: Session, name: string): Promise<Uint8Array> =>
  name === '-' ? session.host.stdin.read(MAX_ARCHIVE_BYTES) : readUserFile(session.path(name), 'archive bytes', MAX_ARCHIVE_BYTES)
