import type { IncomingHttpHeaders } from 'node:http'
import { sameStrongly } from './conditional.ts'
import { problemAnswer } from './problem.ts'
import type { Answer } from './route.ts'

/**
 * The part of `answer` that a GET asks for: one range of bytes, where the answer says `accept-ranges: bytes`. Several ranges, other units and what does
 * not parse are passed over, and so is a range for another version than `If-Range` names: the whole is answered.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export const applyRange = (headers: IncomingHttpHeaders, answer: Answer): Answer => {
  const { body } = answer
  if (answer.status !== 200 || answer.headers['accept-ranges'] !== 'bytes' || !(body instanceof Uint8Array)) return answer
  const range = parseRange(headers.range)
  if (!range || !isForThis(headers['if-range'], answer)) return answer
  const size = body.byteLength
  const start = range.start ?? Math.max(0, size - range.suffix)
  const end = Math.min(size, range.start === undefined ? size : (range.end ?? size - 1) + 1)
  if (start >= size || (range.start === undefined && range.suffix === 0)) {
    return problemAnswer({ status: 416, code: 'RANGE_NOT_SATISFIABLE', message: `there are ${size} bytes`, headers: { 'content-range': `bytes */${size}` } })
  }
  return { ...answer, status: 206, headers: { ...answer.headers, 'content-range': `bytes ${start}-${end - 1}/${size}` }, body: body.subarray(start, end) }
}

type Range = { start: number; end: number | undefined } | { start: undefined; suffix: number }

const parseRange = (header: string | undefined): Range | undefined => {
  const [, first, last] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  if (first === '') return { start: undefined, suffix: Number(last) }
  const end = last === '' ? undefined : Number(last)
  return end !== undefined && end < Number(first) ? undefined : { start: Number(first), end }
}

/** A date is never as sure as an ETag. */
const isForThis = (ifRange: string | string[] | undefined, { headers: { etag } }: Answer): boolean =>
  ifRange === undefined || (typeof ifRange === 'string' && etag !== undefined && sameStrongly(ifRange.trim(), etag))
