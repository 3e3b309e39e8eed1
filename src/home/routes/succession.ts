import { decodeCborMap } from '../../cbor.ts'
import { MercuryError } from '../../errors.ts'
import { PROFILE_ANSWER_TYPE } from '../../hosting/profile-answer.ts'
import { parseProfileId } from '../../identity/profile-id.ts'
import { NO_STORE, jsonAnswer } from '../answer.ts'
import { MAX_SUCCESSION_BYTES } from '../books/evidence.ts'
import type { HostingBooks } from '../hosting-books.ts'
import { problemResponse, profileIdParameter } from '../operation.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'
import { UNCACHED } from '../signed-request.ts'
import { requireType } from './hosting.ts'

/** Takes the step of a profile to its next key from whoever has it: it is signed by that key, and needs no other signature. */
export const successionRoutes = (books: Pick<HostingBooks, 'evidence' | 'isKnown'>): readonly Route[] => [{
  method: 'POST',
  pattern: '/profiles/v1/{id}/succession',
  operation: {
    operationId: 'postSuccession',
    summary: 'Tell of the step of a profile to its next key',
    description: 'Verified, kept for good, and handed out with the profile. The same once more is no news, and no error.',
    tags: ['profiles'],
    parameters: [profileIdParameter('id')],
    requestBody: { description: 'A succession: a map of canonical DAG-CBOR.', required: true, content: { [PROFILE_ANSWER_TYPE]: {} } },
    responses: {
      200: { description: 'It is kept.', headers: UNCACHED, content: { 'application/json': { schema: { type: 'object', required: ['to'], properties: { to: { type: 'string' } }, additionalProperties: false } } } },
      400: problemResponse('It is no valid succession of this profile.', ['INVALID_SUCCESSION', 'INVALID_SIGNATURE', 'INVALID_CBOR', 'SUCCESSION_LOOP', '…']),
      403: problemResponse('This home knows nothing of the profile.', ['NOT_HOSTED']),
      409: problemResponse('The home has seen a pledge to another key.', ['CONTESTED', 'CONFLICT']),
      413: problemResponse('It is too long, or one step too many.', ['LIMIT_EXCEEDED']),
      415: problemResponse('The body is of another type, or compressed.', ['UNSUPPORTED_TYPE', 'COMPRESSED_BODY'])
    }
  },
  handle: (request) => postSuccession(request, books)
}]

const postSuccession = async (request: RouteRequest, { evidence, isKnown }: Pick<HostingBooks, 'evidence' | 'isKnown'>): Promise<Answer> => {
  const from = parseProfileId(request.parameter)
  requireType(request, PROFILE_ANSWER_TYPE)
  // A stranger's would be kept for good as well.
  if (!(await isKnown(from))) throw new MercuryError('NOT_HOSTED', 'this home knows nothing of this profile')
  const { to } = await evidence.keep(decodeCborMap(await request.body(MAX_SUCCESSION_BYTES)), { from })
  return jsonAnswer({ to }, NO_STORE)
}
