import { parseProfileId } from '../identity/profile-id.ts'
import { MINUTE_MS } from '../limits.ts'
import { readKeptRecord } from '../naming/record.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import type { HomeIndex } from './home-index.ts'
import { isHandedOut, type Hosting } from './hosting.ts'
import { ProblemError } from './problem.ts'
import { readName, recordAnswer } from './record-answer.ts'
import type { Answer } from './route.ts'
import { readStoredRecord } from './stored-record.ts'
import type { StrangerRecords } from './stranger-records.ts'

export interface RecordsParts {
  /** That of the client which keeps the profiles. */
  state: KeyValueStore
  hosting: Hosting
  strangers: StrangerRecords
  /** The home's search index, whose record is answered under its name. */
  index?: Pick<HomeIndex, 'name' | 'record'> | undefined
  clock: () => number
}

/**
 * Answers with the newest record of a name: what is hosted here as it stands in the state, without verifying it again; else what other routers have.
 *
 * @throws ProblemError `BANNED`, `NOT_FOUND`; what {@link StrangerRecords} throws; InvalidProfileIdError
 */
export const answerRecord = async (name: string, { state, hosting, strangers, index, clock }: RecordsParts): Promise<Answer> => {
  const id = readName(name)
  const own = index?.name === id ? await index.record() : undefined
  if (own) {
    const { ttlMs, validUntil } = readKeptRecord(id, own)
    return recordAnswer(id, { record: own, ttlMs, expiresAt: validUntil }, { now: clock(), maxAgeMs: MINUTE_MS })
  }
  // At once: over a state on another machine that is one round trip.
  const [standing, stored] = await Promise.all([hosting.standing(id), readStoredRecord(state, id)])
  if (standing === 'banned') throw bannedProblem()
  if (stored && isHandedOut(standing)) return recordAnswer(id, stored, { now: clock() })
  const found = await strangers.find(parseProfileId(name))
  if (!found) throw new ProblemError(404, 'NOT_FOUND', 'no record of this name is known')
  return recordAnswer(id, { record: found.bytes, ttlMs: found.ttlMs, expiresAt: found.validUntil }, { now: clock(), maxAgeMs: MINUTE_MS })
}

export const bannedProblem = (): ProblemError => new ProblemError(410, 'BANNED', 'this home does not serve this profile any more')

