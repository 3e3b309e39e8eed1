import { base64url } from 'multiformats/bases/base64'
import { encodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { InvalidCursorError } from '../engine/cursor.ts'
import { MAX_HITS } from '../engine/answer-page.ts'

/** Of a public key, enough to tell a thousand profiles apart. */
const NAME_BYTES = 6

/** What stands for a profile in a cursor. */
export const shownName = (id: ProfileId): string => base64url.baseEncode(encodeProfileId(id).subarray(-NAME_BYTES))

/** The profiles that were shown on the pages before. */
export const encodeShown = (names: readonly string[]): string => names.join('')

/** @throws InvalidCursorError */
export const decodeShown = (cursor: string): Set<string> => {
  const length = NAME_BYTES / 3 * 4
  if (typeof cursor !== 'string' || !/^[\w-]+$/.test(cursor) || cursor.length % length !== 0) throw new InvalidCursorError('it is not one')
  if (cursor.length / length >= MAX_HITS) throw new InvalidCursorError(`no more than ${MAX_HITS} hits are shown`)
  const names = new Set<string>()
  for (let at = 0; at < cursor.length; at += length) names.add(cursor.slice(at, at + length))
  return names
}
