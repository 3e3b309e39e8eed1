import type { Profiles } from '../../client/profiles.ts'
import { PROFILE_ANSWER_TYPE, encodeProfileAnswer } from '../../hosting/profile-answer.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { SECOND_MS } from '../../limits.ts'
import { bytesAnswer } from '../answer.ts'
import { etagOf } from '../conditional.ts'
import { isHandedOut, type Hosting } from '../hosting.ts'
import { CONDITIONAL_PARAMETERS, NOT_MODIFIED, PRECONDITION_FAILED, headers, problemResponse, profileIdParameter } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import { readName } from '../record-answer.ts'
import { bannedProblem } from '../records.ts'
import type { Answer, Route } from '../route.ts'

export interface ProfilesParts {
  profiles: Pick<Profiles, 'stored'>
  hosting: Hosting
  /** The home's own profile, where it has one. */
  home?: ProfileId | undefined
  clock: () => number
}

/** All that is needed to verify a profile and its home, in one answer. */
export const profilesRoutes = (parts: ProfilesParts): readonly Route[] => [{
  method: 'GET',
  pattern: '/profiles/v1/{id}',
  operation: {
    operationId: 'getProfile',
    summary: 'A profile that is hosted here, and the home itself',
    description: 'One map of canonical DAG-CBOR: `{ v: 1, hosting, record, document?, home?, succession? }`. `record` is the newest record of the profile, with its document inside where it fits, else `document` is there; `home` is the record of the home that answers; `succession` the step to the next key, where one is known.',
    tags: ['profiles'],
    parameters: [profileIdParameter('id'), ...CONDITIONAL_PARAMETERS],
    responses: {
      200: { description: 'The answer: nothing in it needs to be believed.', headers: headers({ etag: 'Names the version of the profile, of the home, and what the one is to the other.', 'cache-control': 'For as long as the owner lets others answer from memory.' }), content: { [PROFILE_ANSWER_TYPE]: {} } },
      304: NOT_MODIFIED,
      400: problemResponse('That is no profile ID.', ['INVALID_PROFILE_ID']),
      404: problemResponse('The profile is not hosted here.', ['NOT_HOSTED']),
      410: problemResponse('This home does not serve the profile any more.', ['BANNED']),
      412: PRECONDITION_FAILED
    }
  },
  handle: ({ parameter }) => answerProfile(readName(parameter), parts)
}]

const answerProfile = async (id: ProfileId, { profiles, hosting, home, clock }: ProfilesParts): Promise<Answer> => {
  // At once: over a state on another machine that is one round trip.
  const [standing, stored, own, succession] = await Promise.all([hosting.standing(id), profiles.stored(id, { document: true }), home && profiles.stored(home), hosting.succession(id)])
  if (standing === 'banned') throw bannedProblem()
  if (!stored || !isHandedOut(standing)) throw new ProblemError(404, 'NOT_HOSTED', 'this profile is not hosted here')
  const { record, document, ttlMs, expiresAt } = stored
  const bytes = encodeProfileAnswer({ hosting: standing, record, ...(document ? { document } : {}), ...(own ? { home: own.record } : {}), ...(succession ? { succession } : {}) })
  const ageMs = Math.max(0, Math.min(ttlMs, expiresAt.getTime() - clock()))
  return bytesAnswer(PROFILE_ANSWER_TYPE, bytes, { etag: etagOf(bytes), 'cache-control': `public, max-age=${Math.floor(ageMs / SECOND_MS)}` })
}
