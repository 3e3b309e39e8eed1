import { CID } from 'multiformats/cid'
import { NO_STORE } from './answer.ts'
import { ProblemError } from './problem.ts'
import type { RouteRequest } from './route.ts'

export const RAW_BLOCK_TYPE = 'application/vnd.ipld.raw'
export const CAR_TYPE = 'application/vnd.ipld.car'
const MAX_CID_LENGTH = 128
const BLOCK_MAX_AGE_S = 29_030_400

/** What a hash names never changes. */
export const IMMUTABLE = `public, max-age=${BLOCK_MAX_AGE_S}, immutable`

/** @throws ProblemError `INVALID_CID` */
export const readCid = (text: string): CID => {
  try {
    if (text.length <= MAX_CID_LENGTH) return CID.parse(text)
  } catch (error) {
    throw new ProblemError(400, 'INVALID_CID', 'that is no CID', { cause: error })
  }
  throw new ProblemError(400, 'INVALID_CID', `a CID has at most ${MAX_CID_LENGTH} characters`)
}

/**
 * The media type that is asked for: `Accept` names one of `typeByFormat`, or `format` does; the more specific word is `Accept`'s.
 *
 * @throws ProblemError `NOT_ACCEPTABLE`
 */
export const readFormat = ({ headers: { accept = '' }, query }: Pick<RouteRequest, 'headers' | 'query'>, typeByFormat: Readonly<Record<string, string>>): { type: string; parameters: URLSearchParams } => {
  for (const entry of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim())
    if (Object.values(typeByFormat).includes(type)) return { type, parameters: new URLSearchParams(parameters.join('&')) }
  }
  const format = query.get('format')
  if (format !== null && Object.hasOwn(typeByFormat, format)) return { type: typeByFormat[format]!, parameters: new URLSearchParams() }
  throw new ProblemError(406, 'NOT_ACCEPTABLE', `only what can be verified is given out: ${Object.entries(typeByFormat).map(([name, type]) => `?format=${name} or Accept: ${type}`).join(', ')}`)
}

/** The refusal for a block that is not here; nothing is fetched for strangers. */
export const missingBlock = ({ headers }: Pick<RouteRequest, 'headers'>): ProblemError =>
  /\bonly-if-cached\b/i.test(headers['cache-control'] ?? '')
    ? new ProblemError(412, 'NOT_CACHED', 'this block is not here', { headers: NO_STORE })
    : new ProblemError(404, 'NOT_FOUND', 'this block is not here', { headers: NO_STORE })
