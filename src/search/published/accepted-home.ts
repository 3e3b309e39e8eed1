import { MercuryError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { verifyAcceptance } from '../../profile/acceptance.ts'
import type { VerifiedDocument } from '../../profile/document.ts'

/** The first home in a document that has accepted its owner, whether or not the agreement has ended: the one that the profile counts for. */
export const acceptedHomeOf = async ({ id, document }: Pick<VerifiedDocument, 'id' | 'document'>): Promise<ProfileId | undefined> => {
  for (const entry of document.homes ?? []) {
    try {
      return (await verifyAcceptance(entry, { persona: id, next: document.next })).home
    } catch (error) {
      if (!(error instanceof MercuryError)) throw error
    }
  }
  return undefined
}
