import { IPNS_RECORD_TYPE } from '../../naming/name-router.ts'
import { getBlock } from '../../store/block.ts'
import type { HashStore } from '../../store/hash-store.ts'
import { bytesAnswer } from '../answer.ts'
import { streamCar } from '../car-stream.ts'
import { CAR_TYPE, IMMUTABLE, RAW_BLOCK_TYPE, missingBlock, readCid, readFormat } from '../gateway-block.ts'
import { CONDITIONAL_PARAMETERS, NOT_MODIFIED, PRECONDITION_FAILED, TEXT, headers, problemResponse, profileIdParameter, type Parameter } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import { RECORD_HEADERS } from '../record-answer.ts'
import { answerRecord, type RecordsParts } from '../records.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'

export interface GatewayParts extends RecordsParts {
  /** Only what is here is given out. */
  blocks: HashStore
}

const BLOCK_FORMATS = { raw: RAW_BLOCK_TYPE, car: CAR_TYPE }
const RECORD_FORMATS = { 'ipns-record': IPNS_RECORD_TYPE }
const SCOPES = ['block', 'entity', 'all']

const ACCEPT: Parameter = { name: 'accept', in: 'header', description: 'The type that is asked for; `format` says the same.', schema: TEXT }
const CACHE_CONTROL: Parameter = { name: 'cache-control', in: 'header', description: 'only-if-cached: 412 instead of 404.', schema: TEXT }

/** Blocks by hash and records by name, for whoever verifies them. @see https://specs.ipfs.tech/http-gateways/trustless-gateway/ */
export const gatewayRoutes = (parts: GatewayParts): readonly Route[] => [
  {
    method: 'GET',
    pattern: '/ipfs/{cid}',
    operation: {
      operationId: 'getBlock',
      summary: 'A block, or the blocks under it as a CAR',
      description: 'Trustless Gateway. Only what is here is given out: nothing is fetched. A CAR is cut off where a block is missing, or over 8 MiB, 1,024 blocks or 32 levels.',
      tags: ['gateway'],
      parameters: [
        { name: 'cid', in: 'path', required: true, description: 'Of sha2-256, or one that holds its block itself.', schema: { type: 'string', maxLength: 128 } },
        { name: 'format', in: 'query', description: 'What is asked for; a type in Accept counts more.', schema: { enum: Object.keys(BLOCK_FORMATS) } },
        { name: 'dag-scope', in: 'query', description: 'For a CAR: the root alone, or all that can be reached from it.', schema: { enum: SCOPES, default: 'all' } },
        { name: 'car-version', in: 'query', description: 'For a CAR.', schema: { enum: ['1'] } },
        { name: 'car-order', in: 'query', description: 'For a CAR.', schema: { enum: ['dfs', 'unk'] } },
        { name: 'car-dups', in: 'query', description: 'For a CAR: a block that is reached twice is sent once, whatever is asked.', schema: { enum: ['y', 'n'] } },
        ACCEPT,
        CACHE_CONTROL,
        ...CONDITIONAL_PARAMETERS,
        { name: 'range', in: 'header', description: 'One range of bytes of a raw block.', schema: TEXT },
        { name: 'if-range', in: 'header', description: 'An ETag: a range of another block is not meant.', schema: TEXT }
      ],
      responses: {
        200: { description: 'The block, or the CAR.', headers: BLOCK_HEADERS, content: { [RAW_BLOCK_TYPE]: {}, [CAR_TYPE]: {} } },
        206: { description: 'A range of the block.', headers: { ...BLOCK_HEADERS, ...headers({ 'content-range': 'Which bytes these are, and of how many.' }) }, content: { [RAW_BLOCK_TYPE]: {} } },
        304: NOT_MODIFIED,
        400: problemResponse('That is no CID, or of a hash that cannot be checked.', ['INVALID_CID', 'UNSUPPORTED', 'INVALID_QUERY']),
        404: problemResponse('The block is not here.', ['NOT_FOUND']),
        406: problemResponse('Another type is asked for.', ['NOT_ACCEPTABLE']),
        412: problemResponse('A precondition does not hold, or the block is not here and only-if-cached was asked.', ['PRECONDITION_FAILED', 'NOT_CACHED']),
        416: { ...problemResponse('The range lies beyond the block.', ['RANGE_NOT_SATISFIABLE']), headers: headers({ 'content-range': 'How many bytes there are.' }) }
      }
    },
    handle: (request) => answerBlock(request, parts.blocks)
  },
  {
    method: 'GET',
    pattern: '/ipns/{name}',
    operation: {
      operationId: 'getGatewayRecord',
      summary: 'The newest record of a name, as a gateway gives it',
      tags: ['gateway'],
      parameters: [profileIdParameter('name'), { name: 'format', in: 'query', description: 'What is asked for; a type in Accept counts more.', schema: { enum: Object.keys(RECORD_FORMATS) } }, ACCEPT, ...CONDITIONAL_PARAMETERS],
      responses: {
        200: { description: 'A signed IPNS record.', headers: { ...RECORD_HEADERS, ...headers({ vary: 'What the answer depends on.', 'x-ipfs-path': 'What was asked for.' }) }, content: { [IPNS_RECORD_TYPE]: {} } },
        304: NOT_MODIFIED,
        400: problemResponse('The name is no profile ID.', ['INVALID_PROFILE_ID']),
        404: problemResponse('No record of this name is known.', ['NOT_FOUND']),
        406: problemResponse('Another type is asked for.', ['NOT_ACCEPTABLE']),
        410: problemResponse('This home does not serve the profile any more.', ['BANNED']),
        412: PRECONDITION_FAILED,
        502: problemResponse('Not all who might know the name answered.', ['UNREACHABLE'])
      }
    },
    handle: async (request) => {
      readFormat(request, RECORD_FORMATS)
      const answer = await answerRecord(request.parameter, parts)
      return { ...answer, headers: { ...answer.headers, vary: 'accept', 'x-ipfs-path': `/ipns/${request.parameter}` } }
    }
  }
]

const BLOCK_HEADERS = headers({
  etag: 'Names these very bytes.',
  'cache-control': 'What a hash names never changes.',
  'content-disposition': 'A file name.',
  vary: 'What the answer depends on.',
  'x-ipfs-path': 'What was asked for.',
  'x-ipfs-roots': 'The CIDs that the path leads through.',
  'accept-ranges': 'Whether a part may be asked for.'
})

const answerBlock = async (request: RouteRequest, blocks: HashStore): Promise<Answer> => {
  const cid = readCid(request.parameter)
  const { type, parameters } = readFormat(request, BLOCK_FORMATS)
  const car = type === CAR_TYPE ? readCarOptions(request.query, parameters) : undefined
  const block = await getBlock(blocks, cid, { offline: true })
  if (!block) throw missingBlock(request)
  const name = cid.toString()
  const common = { 'cache-control': IMMUTABLE, vary: 'accept', 'x-ipfs-path': `/ipfs/${name}`, 'x-ipfs-roots': name }
  if (!car) return bytesAnswer(RAW_BLOCK_TYPE, block, { ...common, etag: `"${name}.raw"`, 'accept-ranges': 'bytes', 'content-disposition': `attachment; filename="${name}.bin"` })
  return {
    status: 200,
    headers: { 'content-type': `${CAR_TYPE}; version=1; order=dfs; dups=n`, ...common, etag: `W/"${name}.car.${car.scope}"`, 'accept-ranges': 'none', 'content-disposition': `attachment; filename="${name}.car"` },
    body: streamCar(cid, block, blocks, { whole: car.scope !== 'block', signal: request.signal })
  }
}

/** An entity is all that stands under a root: there are no UnixFS directories here, of which it would be less. */
const readCarOptions = (query: URLSearchParams, parameters: URLSearchParams): { scope: string } => {
  const scope = query.get('dag-scope') ?? 'all'
  if (!SCOPES.includes(scope)) throw new ProblemError(400, 'INVALID_QUERY', `dag-scope is one of ${SCOPES.join(', ')}`)
  const version = parameters.get('version') ?? query.get('car-version') ?? '1'
  if (version !== '1') throw new ProblemError(406, 'NOT_ACCEPTABLE', 'a CAR is of version 1')
  return { scope }
}
