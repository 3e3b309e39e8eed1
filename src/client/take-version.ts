import type { ProfileId } from '../identity/profile-id.ts'
import type { RouterAnswer } from '../naming/answer.ts'
import type { NameRouter, ProfileCandidate } from '../naming/name-router.ts'
import { lookUp, type LookupParts } from './look-up.ts'
import type { Head } from './profile-state.ts'

export interface TakenVersion {
  /** The head by now: this version, or the newer one that is known. */
  readonly head: Head | undefined
  /** What the version is, measured against that head. */
  readonly answer: RouterAnswer
}

/**
 * Judges one version that somebody gave, as a look-up judges what routers give: the floor rises, or the answer says why not.
 *
 * @param given the record, and the document where it does not ride in the record
 * @throws NotAProfileError, UnsupportedError, RefusedHeadError and what else a look-up throws
 */
export const takeVersion = async (id: ProfileId, given: Pick<ProfileCandidate, 'record' | 'document'>, { source, signal }: { source: string; signal?: AbortSignal | undefined }, parts: LookupParts): Promise<TakenVersion> => {
  const giver: NameRouter = {
    name: source,
    put: async () => {},
    async * get () { yield given.record },
    async * getProfile () { yield given },
    close: async () => {}
  }
  const { head, answers } = await lookUp(id, { policy: 'all', signal }, { ...parts, routers: [giver], homes: undefined })
  return { head, answer: answers[0]! }
}
