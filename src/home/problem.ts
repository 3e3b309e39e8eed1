import { STATUS_CODES } from 'node:http'
import { MercuryError } from '../errors.ts'
import { utf8 } from '../bytes.ts'
import { PROBLEM_TYPE } from './operation.ts'
import type { Answer } from './route.ts'

/** A refusal with its HTTP status: a route throws it, the server answers with the problem document. */
export class ProblemError extends MercuryError {
  override readonly name = 'ProblemError'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  /** @param detail for whoever asked: it holds nothing that is the home's own affair */
  constructor (status: number, code: string, detail: string, { headers = {}, ...options }: ErrorOptions & { headers?: Readonly<Record<string, string>> } = {}) {
    super(code, detail, options)
    this.status = status
    this.headers = headers
  }
}

/**
 * A problem document: what is wrong, for people in `detail` and for programs in `code`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export const problemAnswer = ({ status, code, message, headers }: Pick<ProblemError, 'status' | 'code' | 'message' | 'headers'>): Answer => ({
  status,
  headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...headers },
  body: utf8(`${JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Refused', status, detail: message, code })}\n`)
})

/** The statuses of the errors of the library; another is the fault of what was sent. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  LIMIT_EXCEEDED: 413,
  CONFLICT: 409,
  ROLLED_BACK: 409,
  CONTESTED: 409,
  KIND_CHANGED: 409,
  NOT_HOSTED: 403,
  BANNED: 403,
  GONE: 410,
  SIGNATURE_MISSING: 401,
  SIGNATURE_MALFORMED: 401,
  SIGNATURE_EXPIRED: 401,
  SIGNATURE_INVALID: 401,
  SIGNATURE_REPLAYED: 401,
  ALGORITHM_REFUSED: 401,
  NOT_YOURS: 403,
  DIGEST_MISMATCH: 400,
  PLEDGE_CONTESTED: 409,
  TERMS_CHANGED: 409,
  HOME_CLOSED: 403,
  INVITATION_NEEDED: 403,
  INVITATION_EXPIRED: 403,
  INVITATION_USED: 403,
  HOME_FULL: 507,
  LEAVING: 503,
  PRECONDITION_FAILED: 412,
  TOO_MANY_REQUESTS: 429,
  UNREACHABLE: 502,
  BUSY: 503,
  STORE_FAILED: 500,
  STORE_LOCKED: 500,
  WRONG_BLOCK: 500,
  CLOSED: 503
}

const INSIDE = 'something went wrong here'

/** What was thrown as the problem that is told. What went wrong inside is nobody's business outside. */
export const problemOf = (thrown: unknown): ProblemError => {
  if (thrown instanceof ProblemError) return thrown
  if (!(thrown instanceof MercuryError)) return new ProblemError(500, 'INTERNAL', INSIDE, { cause: thrown })
  const status = Object.hasOwn(STATUS_BY_CODE, thrown.code) ? STATUS_BY_CODE[thrown.code]! : 400
  return new ProblemError(status, thrown.code, status === 500 ? INSIDE : thrown.message, { cause: thrown, ...(status === 503 ? { headers: { 'retry-after': '5' } } : {}) })
}
