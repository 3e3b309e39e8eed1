import type { IncomingHttpHeaders } from 'node:http'
import { hash } from 'node:crypto'
import { problemAnswer } from './problem.ts'
import type { Answer } from './route.ts'

/** A strong ETag of `bytes`: two answers that have it are the same bytes. */
export const etagOf = (bytes: Uint8Array): string => `"${hash('sha256', bytes, 'base64url').slice(0, 32)}"`

/**
 * Judges the preconditions of a GET or HEAD whose answer would be `answer`: 304 when whoever asks has it, 412 when he wanted another.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 */
export const applyPreconditions = (headers: IncomingHttpHeaders, answer: Answer): Answer => {
  const { etag, 'last-modified': lastModified } = answer.headers
  const ifMatch = headers['if-match']
  if (ifMatch !== undefined && !hasEtag(ifMatch, etag, sameStrongly)) return problemAnswer({ status: 412, code: 'PRECONDITION_FAILED', message: 'none of the versions in If-Match is the current one', headers: etag === undefined ? {} : { etag } })
  const ifNoneMatch = headers['if-none-match']
  const isCurrent = ifNoneMatch !== undefined ? hasEtag(ifNoneMatch, etag, sameWeakly) : isUnmodified(headers['if-modified-since'], lastModified)
  return isCurrent ? notModified(answer) : answer
}

/**
 * Whether a list of ETags, or `*`, holds `etag`.
 *
 * @param etag of what is there; `undefined` where nothing is
 */
export const hasEtag = (list: string, etag: string | undefined, same: (a: string, b: string) => boolean): boolean => {
  if (etag === undefined) return false
  if (list.trim() === '*') return true
  return (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some((given) => same(given, etag))
}

export const sameStrongly = (a: string, b: string): boolean => a === b && !a.startsWith('W/')
export const sameWeakly = (a: string, b: string): boolean => opaque(a) === opaque(b)

const opaque = (etag: string): string => (etag.startsWith('W/') ? etag.slice(2) : etag)

const isUnmodified = (since: string | undefined, lastModified: string | undefined): boolean => {
  if (since === undefined || lastModified === undefined) return false
  // NaN, where the date does not parse, is not after anything.
  return Date.parse(lastModified) <= Date.parse(since)
}

const KEPT_HEADERS = ['etag', 'cache-control', 'last-modified', 'vary'] as const

const notModified = ({ headers, body }: Answer): Answer => {
  leave(body)
  return { status: 304, headers: Object.fromEntries(KEPT_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))) }
}

/** A stream that nobody will read has not started, and needs only to be told. */
const leave = (body: Answer['body']): void => {
  if (body && !(body instanceof Uint8Array)) void Promise.resolve(body[Symbol.asyncIterator]().return?.()).catch(() => {})
}
