import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { ProfileRecord } from '../naming/record.ts'
import { absence, lookUp, type Policy } from './look-up.ts'
import type { ClientParts } from './parts.ts'

/**
 * The newest authentic record there is, for passing on: of a profile that its owner removed, and of one that this version cannot read, too.
 * Routers are asked unless the profile is kept here or was confirmed within the TTL of its record.
 *
 * @throws NotFoundError, UnreachableError, NotAProfileError when nothing can be passed on
 */
export const newestRecord = async (id: ProfileId, { policy, signal }: { policy: Policy; signal?: AbortSignal }, parts: ClientParts): Promise<ProfileRecord> => {
  const known = await parts.state.newestRecord(id, { now: parts.clock(), signal })
  if (known && (policy === 'offline' || (await isCurrent(known, parts, signal)))) return known
  const lookup = await lookUp(id, { policy, signal }, parts).catch(keepMercuryError)
  const newest = await parts.state.newestRecord(id, { now: parts.clock(), signal })
  if (newest) return newest
  throw lookup instanceof MercuryError ? lookup : absence(id, lookup)
}

const isCurrent = async ({ id, ttlMs }: ProfileRecord, { state, schedule, clock }: ClientParts, signal: AbortSignal | undefined): Promise<boolean> => {
  if (await schedule.isKept(id, { signal })) return true
  const head = await state.head(id, { now: clock(), signal })
  return head !== undefined && clock() - head.checkedAt < ttlMs
}

/** Whatever is wrong with the head, there may be a record to pass on. */
const keepMercuryError = (error: unknown): MercuryError => {
  if (error instanceof MercuryError) return error
  throw error
}
