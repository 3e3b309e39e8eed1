import type { Profiles } from '../../client/profiles.ts'
import { MercuryError } from '../../errors.ts'
import { parseProfileId, recallKeyOf, type ProfileId } from '../../identity/profile-id.ts'
import { MAX_DOCUMENT_BYTES, MAX_RECORD_BYTES, SECOND_MS } from '../../limits.ts'
import { IPNS_RECORD_TYPE } from '../../naming/name-router.ts'
import { readKeptRecord, readProfileRecord } from '../../naming/record.ts'
import { documentCid } from '../../profile/document.ts'
import { getBlock } from '../../store/block.ts'
import type { HashStore } from '../../store/hash-store.ts'
import { NO_STORE, jsonAnswer } from '../answer.ts'
import { isHandedOut } from '../hosting.ts'
import { CONDITIONAL_PARAMETERS, NOT_MODIFIED, PRECONDITION_FAILED, headers, problemResponse, profileIdParameter } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import { RECORD_HEADERS, readName } from '../record-answer.ts'
import { answerRecord, type RecordsParts } from '../records.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'

/** How long the document of a record that was put without it may take. */
const FETCH_MS = 20 * SECOND_MS
const PATTERN = '/routing/v1/ipns/{name}'

export interface RoutingParts extends RecordsParts {
  profiles: Pick<Profiles, 'accept'>
  blocks: HashStore
  /** Told after a record was accepted. */
  onTaken?: (id: ProfileId) => void
}

/** Records by name, as any IPFS software asks for them and puts them. @see https://specs.ipfs.tech/routing/http-routing-v1/ */
export const routingRoutes = (parts: RoutingParts): readonly Route[] => [
  {
    method: 'GET',
    pattern: PATTERN,
    operation: {
      operationId: 'getRecord',
      summary: 'The newest record of a name',
      description: 'Delegated Routing V1 for IPNS. A name that is not hosted here is asked for at other routers.',
      tags: ['routing'],
      parameters: [profileIdParameter('name'), ...CONDITIONAL_PARAMETERS],
      responses: {
        200: { description: 'A signed IPNS record; the document rides in it where it fits.', headers: RECORD_HEADERS, content: { [IPNS_RECORD_TYPE]: {} } },
        304: NOT_MODIFIED,
        400: problemResponse('The name is no profile ID.', ['INVALID_PROFILE_ID']),
        404: problemResponse('No record of this name is known.', ['NOT_FOUND']),
        410: problemResponse('This home does not serve the profile any more.', ['BANNED']),
        412: PRECONDITION_FAILED,
        502: problemResponse('Not all who might know the name answered.', ['UNREACHABLE'])
      }
    },
    handle: ({ parameter }) => answerRecord(parameter, parts)
  },
  {
    method: 'PUT',
    pattern: PATTERN,
    operation: {
      operationId: 'putRecord',
      summary: 'Put a record of a profile that is hosted here',
      description: 'No signature is needed but the one in the record. The same record again is no news, and no error.',
      tags: ['routing'],
      parameters: [profileIdParameter('name')],
      requestBody: { description: 'A signed IPNS record of at most 10,240 bytes.', required: true, content: { [IPNS_RECORD_TYPE]: {} } },
      responses: {
        200: { description: 'The record is kept: it survives a crash.', headers: headers({ 'cache-control': 'no-store' }), content: { 'application/json': { schema: { type: 'object' } } } },
        400: problemResponse('It is not an authentic record of this name, or has expired, or its document cannot be had.', ['INVALID_PROFILE_ID', 'INVALID_RECORD', 'INVALID_SIGNATURE', 'NOT_A_PROFILE', 'RECORD_EXPIRED', 'DOCUMENT_MISSING', 'BODY_INCOMPLETE', '…']),
        403: problemResponse('The profile is not hosted here, or was banned.', ['NOT_HOSTED', 'BANNED']),
        409: problemResponse('A newer version is known, or the owner contradicts himself.', ['ROLLED_BACK', 'CONFLICT', 'CONTESTED', 'KIND_CHANGED']),
        410: problemResponse('The owner removed the profile.', ['GONE']),
        413: problemResponse('The body is larger than a record may be.', ['LIMIT_EXCEEDED']),
        415: problemResponse('The body is of another type, or compressed.', ['UNSUPPORTED_TYPE', 'COMPRESSED_BODY'])
      }
    },
    handle: (request) => putRecord(request, parts)
  }
]

const putRecord = async (request: RouteRequest, { profiles, blocks, hosting, clock, onTaken }: RoutingParts): Promise<Answer> => {
  const id = readName(request.parameter)
  const type = request.headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase()
  if (type !== IPNS_RECORD_TYPE) throw new ProblemError(415, 'UNSUPPORTED_TYPE', `a record has the type ${IPNS_RECORD_TYPE}`)
  const standing = await hosting.standing(id)
  if (isHandedOut(standing)) recallKeyOf(id)
  else parseProfileId(id)
  if (standing === 'banned') throw new MercuryError('BANNED', 'this home takes nothing of this profile any more')
  if (standing === 'none') throw new MercuryError('NOT_HOSTED', 'this profile is not hosted here; its owner can ask for an agreement')
  const record = await request.body(MAX_RECORD_BYTES)
  const { cid, validUntil, inline } = readKeptRecord(id, record)
  if (validUntil.getTime() <= clock()) throw new MercuryError('RECORD_EXPIRED', `the record expired on ${validUntil.toISOString()}`)
  const isCarried = inline !== undefined && (await documentCid(inline)).equals(cid)
  const document = isCarried ? inline : await fetchDocument(id, record, blocks, request.signal)
  const published = await profiles.accept({ record, document }, { id, wait: 'local' })
  // One that lost against the head changes nothing.
  if (published.cid.equals(cid)) await hosting.taken(id, { record, document })
  onTaken?.(id)
  return jsonAnswer({}, NO_STORE)
}

/** Only for a record that is authentic: nothing is fetched because a stranger says so. */
const fetchDocument = async (id: ProfileId, bytes: Uint8Array, blocks: HashStore, signal: AbortSignal): Promise<Uint8Array> => {
  const { cid } = await readProfileRecord(id, bytes)
  const document = await getBlock(blocks, cid, { maxBytes: MAX_DOCUMENT_BYTES, signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)]) }).catch(asMissing)
  if (!document) throw new MercuryError('DOCUMENT_MISSING', 'nobody gave the document of this record; put one that carries it, or be reachable')
  return document
}

/** Whatever a store says instead of the block, it is not to be had. */
const asMissing = (error: unknown): undefined => {
  if (error instanceof MercuryError || (error instanceof Error && error.name === 'TimeoutError')) return undefined
  throw error
}
