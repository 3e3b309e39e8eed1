import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { decodeCborMap } from '../../cbor.ts'
import { encodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { verifyAcceptance } from '../../profile/acceptance.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import { isIndexable } from '../query/profile-terms.ts'
import { qualityOf } from '../query/quality.ts'

/** The newest version of a profile as whoever keeps profiles has it; verified when it came in. */
export interface ProfileHead {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** What the local index asks of whoever keeps the profiles. */
export interface ProfileHeads {
  /** `undefined` where there is none, or none any more. */
  headOf(id: ProfileId, options: { signal?: AbortSignal }): Promise<ProfileHead | undefined>
  /** All profiles that have a head, ascending by ID, from the first one above `after`. */
  ids(after: ProfileId | undefined, options: { signal?: AbortSignal }): AsyncIterable<ProfileId>
  /** Whether a profile may be found here; a home leaves out whom it does not host. All of them without it. */
  isShown?(id: ProfileId, options: { signal?: AbortSignal }): Promise<boolean>
}

/** A profile as it would stand in the index. */
export interface IndexableProfile extends ProfileHead {
  readonly id: ProfileId
  readonly document: ProfileDocument
  readonly quality: number
}

/** What of `id` is to be found now; `undefined` for a profile that is not listed, gone, too large, unknown or not shown. */
export const indexableOf = async (id: ProfileId, heads: ProfileHeads, options: { signal?: AbortSignal }): Promise<IndexableProfile | undefined> => {
  const head = await heads.headOf(id, options)
  if (!head) return undefined
  const document = decodeCborMap(head.bytes) as ProfileDocument
  if (!isIndexable(document, head.bytes.byteLength)) return undefined
  if (heads.isShown && !(await heads.isShown(id, options))) return undefined
  return { id, cid: head.cid, bytes: head.bytes, document, quality: qualityOf(document, { accepted: await isAccepted(document, id) }) }
}

/** Whether a home that the document lists has signed that it takes the profile. */
const isAccepted = async (document: ProfileDocument, id: ProfileId): Promise<boolean> => {
  for (const entry of document.homes ?? []) {
    const accepted = await verifyAcceptance(entry, { persona: id, next: document.next }).then(() => true, () => false)
    if (accepted) return true
  }
  return false
}

/** Whether `document` is of `id`. */
export const isOf = (document: ProfileDocument, id: ProfileId): boolean => equals(document.id, encodeProfileId(id))
