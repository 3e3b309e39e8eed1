import { recallProfileId, type ProfileId } from '../identity/profile-id.ts'
import { DAY_MS, SECOND_MS } from '../limits.ts'
import { IPNS_RECORD_TYPE } from '../naming/name-router.ts'
import { bytesAnswer } from './answer.ts'
import { etagOf } from './conditional.ts'
import { headers } from './operation.ts'
import type { Answer } from './route.ts'

/** A record to hand out. */
export interface RecordToAnswer {
  readonly record: Uint8Array
  readonly ttlMs: number
  readonly expiresAt: Date
}

/** What an answer with a record carries, for OpenAPI. */
export const RECORD_HEADERS = headers({
  etag: 'Names these very bytes.',
  'cache-control': 'For as long as the owner lets others answer from memory, and never beyond the end of the record.',
  'content-disposition': 'A file name for the record.'
})

/** The record of a name, as both the routing and the gateway route answer it. @param now milliseconds since 1970 */
export const recordAnswer = (id: ProfileId, { record, ttlMs, expiresAt }: RecordToAnswer, { now, maxAgeMs = DAY_MS }: { now: number; maxAgeMs?: number }): Answer => {
  const ageMs = Math.max(0, Math.min(ttlMs, maxAgeMs, expiresAt.getTime() - now))
  return bytesAnswer(IPNS_RECORD_TYPE, record, {
    etag: etagOf(record),
    'cache-control': `public, max-age=${Math.floor(ageMs / SECOND_MS)}`,
    'content-disposition': `attachment; filename="${id}.ipns-record"`
  })
}

/**
 * The name that a path is about, where it is only looked for in the state: what has the one spelling of an ID is inert there, and nothing stands under it
 * unless it is one. Whoever goes on to others with it parses it first.
 *
 * @throws InvalidProfileIdError
 */
export const readName = (text: string): ProfileId => recallProfileId(text)
