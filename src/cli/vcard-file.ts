import type { ProfileDraft } from '../profile/draft.ts'
import { parseVcard } from '../vcard.ts'
import { oneLine } from './printable.ts'
import { pictureType, type Picture } from './profile-file.ts'
import type { Session } from './session.ts'

/** A vCard as a profile file: what to publish, and the picture to attach. */
export interface VcardFile {
  readonly content: ProfileDraft
  readonly picture?: Picture
  /** Properties that are not taken over. */
  readonly lost: readonly string[]
}

/** @throws what {@link parseVcard} throws */
export const parseVcardFile = async (bytes: Uint8Array): Promise<VcardFile> => {
  const { draft: content, photo, lost } = await parseVcard(bytes)
  const type = photo && pictureType(photo.bytes)
  if (photo && type === undefined) return { content, lost: [...new Set([...lost, 'PHOTO'])].sort() }
  return { content, ...(photo && type ? { picture: { bytes: photo.bytes, type } } : {}), lost }
}

const MAX_NAMED = 20

/** Says on stderr what did not come along, if anything. */
export const warnOfLoss = async ({ output }: Session, what: string, lost: readonly string[]): Promise<void> => {
  if (lost.length === 0) return
  const more = lost.length > MAX_NAMED ? ` and ${lost.length - MAX_NAMED} more` : ''
  await output.warn('VCARD_LOSS', `${what}: ${lost.slice(0, MAX_NAMED).map(oneLine).join(', ')}${more}`)
}
