import type { CborMap } from '../cbor.ts'
import type { ProfileId } from '../identity/profile-id.ts'

/**
 * What a profile is to this home.
 *
 * `active`, `offered`, `ended`: by an agreement. `kept`: this program keeps it itself. `banned`: neither taken nor handed out.
 * `none`: a stranger's.
 */
export type Standing = 'active' | 'offered' | 'ended' | 'kept' | 'banned' | 'none'

/** What the public routes ask of whoever keeps the books. */
export interface Hosting {
  standing(id: ProfileId, options?: { signal?: AbortSignal }): Promise<Standing>
  /** A record of `id` was accepted, and is the head now. Called again after a failure in between, with the same record. */
  taken(id: ProfileId, version: { record: Uint8Array; document: Uint8Array }, options?: { signal?: AbortSignal }): Promise<void>
  /** The step of `id` to its next key, where one is known. */
  succession(id: ProfileId, options?: { signal?: AbortSignal }): Promise<CborMap | undefined>
  /** How many profiles are hosted. */
  count(options?: { signal?: AbortSignal }): Promise<number>
}

/** Whether what is kept of a profile with this standing is handed out. */
export const isHandedOut = (standing: Standing): standing is 'active' | 'offered' | 'ended' | 'kept' => standing === 'active' || standing === 'offered' || standing === 'ended' || standing === 'kept'

/** Whether a search here finds whoever has this standing. Who has left is found where he lives now: what is kept of him here grows old. */
export const isFound = (standing: Standing): boolean => standing !== 'ended' && isHandedOut(standing)
