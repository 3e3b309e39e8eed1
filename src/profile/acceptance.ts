import { utf8Length } from '../bytes.ts'
import type { CborMap } from '../cbor.ts'
import { InvalidSignatureError, MercuryError, checkLimit } from '../errors.ts'
import { decodeProfileId, encodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import { signMap, verifyMap, type MessageSigner } from '../identity/signed-map.ts'
import { MAX_ADDRESS_BYTES, MAX_HOME_ADDRESSES } from '../limits.ts'
import { checkHomeEntry, type HomeEntry } from './document.ts'
import { InvalidShapeError, Shape } from './shape.ts'

export const HOSTING_CONTEXT = 'mercury/hosting/1'

/** What a home agrees to: to host `persona`, and to witness that `next` is its pledge. */
export interface HostingTerms {
  persona: ProfileId
  /** Unix seconds. */
  since: number
  /** Unix seconds; without it the agreement has no end. */
  until?: number
  /** The persona's pledge digest (32 bytes), or null when it has none. */
  next: Uint8Array | null
  /** Multiaddrs that the home announces now; at most 4 of 128 bytes, not signed by the home. */
  addrs?: readonly string[]
}

/**
 * The home's acceptance, ready to stand in the persona's document. `home` is the home's signer.
 *
 * @throws LimitError for the addresses, InvalidShapeError (`INVALID_ACCEPTANCE`) for the rest
 */
export const acceptHosting = async ({ persona, since, until, next, addrs = [] }: HostingTerms, home: MessageSigner): Promise<HomeEntry> => {
  checkLimit('addresses of a home entry', MAX_HOME_ADDRESSES, addrs.length)
  for (const address of addrs) checkLimit('address bytes', MAX_ADDRESS_BYTES, utf8Length(address))
  const entry = {
    id: encodeProfileId(home.id),
    since,
    ...(until === undefined ? {} : { until }),
    sig: await signMap(HOSTING_CONTEXT, acceptanceBody(persona, home.id, { since, until, next }), home),
    ...(addrs.length > 0 ? { addrs: [...addrs] } : {})
  }
  await verifyAcceptance(entry, { persona, next })
  return entry
}

/**
 * Checks that the home named in `entry` accepted to host `persona`, and returns that home.
 *
 * @param entry may come from anywhere
 * @param expect the persona, its `next`, and, to check that the agreement has not ended, `at` in unix seconds. `since` is not judged:
 * a new agreement holds also where the home's clock is ahead
 * @throws InvalidShapeError (`INVALID_ACCEPTANCE`), InvalidSignatureError, InvalidProfileIdError, MercuryError `ACCEPTANCE_ENDED`
 */
export const verifyAcceptance = async (entry: HomeEntry, { persona, next, at }: { persona: ProfileId; next: Uint8Array | null; at?: number }): Promise<{ home: ProfileId }> => {
  checkHomeEntry(new Shape(entry, 'INVALID_ACCEPTANCE', 'home acceptance'))
  if (next !== null && next.byteLength !== 32) throw new InvalidShapeError('INVALID_ACCEPTANCE', 'home acceptance', 'next', 'must be 32 bytes or null')
  const home = decodeProfileId(entry.id)
  const body = acceptanceBody(persona, home, { since: entry.since, until: entry.until, next })
  if (!(await verifyMap(HOSTING_CONTEXT, body, home, entry.sig))) throw new InvalidSignatureError('home acceptance')
  if (at !== undefined && entry.until !== undefined && at >= entry.until) throw new MercuryError('ACCEPTANCE_ENDED', `the agreement with ${home} ended at unix second ${entry.until}`)
  return { home }
}

const acceptanceBody = (persona: ProfileId, home: ProfileId, { since, until, next }: { since: number; until: number | undefined; next: Uint8Array | null }): CborMap => ({
  v: 1,
  persona: encodeProfileId(persona),
  home: encodeProfileId(home),
  since,
  ...(until === undefined ? {} : { until }),
  next
})

