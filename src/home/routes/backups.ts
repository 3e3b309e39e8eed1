import { MAX_BACKUP_BYTES } from '../../hosting/home-client.ts'
import { MercuryError } from '../../errors.ts'
import type { SignedHead } from '../../hosting/request-signature.ts'
import { NO_STORE, bytesAnswer, jsonAnswer } from '../answer.ts'
import type { BackupCondition, BackupVersion } from '../books/backups.ts'
import { BackupChangedError } from '../books/backups.ts'
import { hasEtag, sameStrongly } from '../conditional.ts'
import { CONDITIONAL_PARAMETERS, NOT_MODIFIED, PRECONDITION_FAILED, headers, problemResponse, type Parameter, type Schema } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'
import { SIGNATURE_PARAMETERS, SIGNATURE_RESPONSES, UNCACHED, readSigned } from '../signed-request.ts'
import { requireHosted, requireType, type HostingParts } from './hosting.ts'

const BACKUPS = '/hosting/v1/backups'
const BODY_TYPE = 'application/octet-stream'
const NAME: Parameter = { name: 'name', in: 'path', required: true, description: 'What its owner calls it.', schema: { type: 'string', pattern: '^[a-z0-9._-]{1,64}$' } }
const ETAG = headers({ etag: 'Names this version.', 'cache-control': 'Always no-store.' })

/** Ciphertext of personas, for their other devices. */
export const backupsRoutes = (parts: HostingParts): readonly Route[] => [
  {
    method: 'GET',
    pattern: BACKUPS,
    operation: {
      operationId: 'listBackups',
      summary: 'The backups of the persona that asks',
      tags: ['backups'],
      parameters: SIGNATURE_PARAMETERS,
      responses: { ...SIGNATURE_RESPONSES, 200: { description: 'At most 8, each with its last 3 versions, the newest first.', headers: UNCACHED, content: { 'application/json': { schema: LIST } } }, 403: FORBIDDEN }
    },
    handle: async (request) => {
      const head = await readOwner(request, parts)
      const backups = await parts.books.backups.list(head.signer, { signal: request.signal })
      return jsonAnswer({ backups: backups.map(({ name, versions }) => ({ name, versions: versions.map(formatVersion) })) }, NO_STORE)
    }
  },
  {
    method: 'GET',
    pattern: `${BACKUPS}/{name}`,
    operation: {
      operationId: 'getBackup',
      summary: 'A backup of the persona that asks',
      tags: ['backups'],
      parameters: [NAME, { name: 'version', in: 'query', description: 'One of the last 3; the newest where it is left out.', schema: { type: 'integer', minimum: 1 } }, ...SIGNATURE_PARAMETERS, ...CONDITIONAL_PARAMETERS],
      responses: {
        ...SIGNATURE_RESPONSES,
        200: { description: 'The ciphertext as it was put.', headers: ETAG, content: { [BODY_TYPE]: {} } },
        206: { description: 'The bytes that were asked for.', headers: ETAG, content: { [BODY_TYPE]: {} } },
        304: NOT_MODIFIED,
        403: FORBIDDEN,
        404: problemResponse('There is none of this name or version.', ['NOT_FOUND']),
        412: PRECONDITION_FAILED,
        416: problemResponse('The range is outside.')
      }
    },
    handle: async (request) => {
      const head = await readOwner(request, parts)
      const found = await parts.books.backups.get(head.signer, request.parameter, { ...readVersion(request.query), signal: request.signal })
      if (!found) throw new ProblemError(404, 'NOT_FOUND', 'there is no backup of this name and version')
      return bytesAnswer(BODY_TYPE, found.body, { ...NO_STORE, etag: found.etag })
    }
  },
  {
    method: 'PUT',
    pattern: `${BACKUPS}/{name}`,
    operation: {
      operationId: 'putBackup',
      summary: 'Put a new version of a backup',
      description: 'Over the version that was read, by If-Match, or as the first one, by If-None-Match: *. So two devices never overwrite each other unseen.',
      tags: ['backups'],
      parameters: [
        NAME,
        { name: 'if-match', in: 'header', description: 'The ETag of the version that this one takes the place of.', schema: { type: 'string' } },
        { name: 'if-none-match', in: 'header', description: '*: there must be none yet.', schema: { type: 'string' } },
        ...SIGNATURE_PARAMETERS
      ],
      requestBody: { description: 'Ciphertext of at most 4 MiB.', required: true, content: { [BODY_TYPE]: {} } },
      responses: {
        ...SIGNATURE_RESPONSES,
        200: { description: 'The new version.', headers: ETAG, content: { 'application/json': { schema: VERSION } } },
        403: FORBIDDEN,
        409: problemResponse('Others change what the persona takes up again and again.', ['CONFLICT']),
        412: problemResponse('The newest version is another; its ETag is in the answer.', ['PRECONDITION_FAILED']),
        413: problemResponse('Too much, for a backup, for the names, or for the quota.', ['LIMIT_EXCEEDED']),
        415: problemResponse('The body is of another type, or compressed.', ['UNSUPPORTED_TYPE', 'COMPRESSED_BODY']),
        428: problemResponse('The request does not say which version it takes the place of.', ['PRECONDITION_REQUIRED'])
      }
    },
    handle: (request) => putBackup(request, parts)
  }
]

const putBackup = async (request: RouteRequest, { books, settings, clock }: HostingParts): Promise<Answer> => {
  requireType(request, BODY_TYPE)
  const condition = readCondition(request)
  const { head, body } = await readSigned(request, { clock })
  const { quota = settings.quotaBytes } = await requireHosted(head, books)
  try {
    const put = await books.backups.put(head.signer, request.parameter, await body(MAX_BACKUP_BYTES), { condition, quota, note: books.agreements.whileHeld(head.signer, books.nonces.noteOf(head)) })
    return jsonAnswer(formatVersion(put), { ...NO_STORE, etag: put.etag })
  } catch (error) {
    if (!(error instanceof BackupChangedError)) throw error
    throw new ProblemError(412, error.code, error.message, { cause: error, headers: error.etag === undefined ? {} : { etag: error.etag } })
  }
}

/** Who left may still fetch what he left here, until it is forgotten. */
const readOwner = async (request: RouteRequest, { books, clock }: HostingParts): Promise<SignedHead> => {
  const { head, body } = await readSigned(request, { clock })
  await body(0)
  const standing = await books.agreements.standing(head.signer)
  if (standing === 'banned') throw new MercuryError('BANNED', 'this home does not host this profile')
  if (standing === 'none' || standing === 'leaving') throw new MercuryError('NOT_HOSTED', 'this profile has no agreement with this home')
  await books.nonces.note(head)
  return head
}

const readCondition = ({ headers: { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } }: RouteRequest): BackupCondition => {
  if (ifMatch !== undefined && ifNoneMatch === undefined) return { is: (etag) => hasEtag(ifMatch, etag, sameStrongly) }
  if (ifMatch === undefined && ifNoneMatch?.trim() === '*') return 'none'
  throw new ProblemError(428, 'PRECONDITION_REQUIRED', 'say which version this one takes the place of: If-Match with its ETag, or If-None-Match: * for the first one')
}

const readVersion = (query: URLSearchParams): { version?: number } => {
  const text = query.get('version')
  if (text === null) return {}
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new ProblemError(400, 'INVALID_VERSION', 'version is a number, 1 or more')
  return { version: Number(text) }
}

const formatVersion = ({ version, etag, bytes, at }: BackupVersion) => ({ version, etag, bytes, at: new Date(at).toISOString() })

const FORBIDDEN = problemResponse('The persona has no agreement.', ['NOT_HOSTED', 'BANNED'])

const VERSION: Schema = {
  type: 'object',
  required: ['version', 'etag', 'bytes', 'at'],
  properties: { version: { type: 'integer', minimum: 1 }, etag: { type: 'string' }, bytes: { type: 'integer', minimum: 0 }, at: { type: 'string', format: 'date-time' } },
  additionalProperties: false
}

const LIST: Schema = {
  type: 'object',
  required: ['backups'],
  properties: { backups: { type: 'array', maxItems: 8, items: { type: 'object', required: ['name', 'versions'], properties: { name: { type: 'string' }, versions: { type: 'array', minItems: 1, maxItems: 3, items: VERSION } }, additionalProperties: false } } },
  additionalProperties: false
}
