import type { Profiles } from '../../client/profiles.ts'
import { decodeCborMap } from '../../cbor.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { readKeptRecord } from '../../naming/record.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import type { BookOptions } from './book.ts'

/** What the books ask of the client whose profiles the home serves. */
export type ServedProfiles = Pick<Profiles, 'stored' | 'forget' | 'holdUpload'>

/** The document of the newest version kept here, as it stands: it was verified on its way in. @returns `undefined` when there is none */
export const storedDocument = async (id: ProfileId, profiles: Pick<Profiles, 'stored'>, options: BookOptions = {}): Promise<ProfileDocument | undefined> => {
  const stored = await profiles.stored(id, { document: true, ...options })
  const bytes = stored && (stored.document ?? readKeptRecord(id, stored.record).inline)
  return bytes && decodeCborMap(bytes) as ProfileDocument
}
