import { setTimeout as delay } from 'node:timers/promises'
import { equals } from 'uint8arrays'
import type { Profiles } from '../client/profiles.ts'
import { encodeCbor } from '../cbor.ts'
import { MercuryError } from '../errors.ts'
import { encodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { SECOND_MS } from '../limits.ts'
import { createRecord } from '../naming/record.ts'
import { documentDigest, signDocument } from '../profile/document.ts'
import { draftOf } from '../profile/draft.ts'
import { storedDocument } from './books/served-profiles.ts'

/** How long the routers may take to say whether there was a version before: the home answers meanwhile, but not as itself. */
const LOOK_UP_MS = 10 * SECOND_MS

export interface OwnProfileParts {
  profiles: Pick<Profiles, 'stored' | 'resolve' | 'accept'>
  signer: Signer
  clock: () => number
}

/** What the home says of itself. */
export interface OwnProfile {
  /** Multiaddrs, the best first; at most 16. */
  readonly addresses: readonly string[]
  readonly name: string | undefined
  /** Under which its search index is published. */
  readonly index?: ProfileId | undefined
  /** The key was just made: nobody needs to be asked for a version that there was before. @default false */
  readonly isNew?: boolean
}

/**
 * Publishes the home's own profile, of the kind `home`, unless it says all this already.
 *
 * A version is made above every one that is known here or, where none is, on the network: a home that was restored goes on from its past.
 * Saved when this resolves; routers get it in their own time.
 */
export const publishOwnProfile = async ({ addresses, name, index, isNew = false }: OwnProfile, { profiles, signer, clock }: OwnProfileParts, { signal }: { signal?: AbortSignal } = {}): Promise<void> => {
  const until = signal ? AbortSignal.any([signal, AbortSignal.timeout(LOOK_UP_MS)]) : AbortSignal.timeout(LOOK_UP_MS)
  if (!isNew && !(await profiles.stored(signer.id))) await Promise.race([profiles.resolve(signer.id, { policy: 'all', signal: until }), delay(LOOK_UP_MS, undefined, { signal: until, ref: false })]).catch((error: unknown) => passOver(error, signal))
  const [stored, base] = await Promise.all([profiles.stored(signer.id), storedDocument(signer.id, profiles, { signal })])
  const encodedIndex = index && encodeProfileId(index)
  if (base && base.kind !== 'home') throw new MercuryError('KIND_CHANGED', `${signer.id} is a ${base.kind}, and no home`)
  if (base && equals(encodeCbor(base.addrs ?? []), encodeCbor(addresses)) && base.attrs.name === name && equals(base.index ?? NO_INDEX, encodedIndex ?? NO_INDEX)) return
  const before = base ? draftOf(base) : undefined
  const time = Math.floor(clock() / SECOND_MS)
  const { name: _, ...rest } = before ?? {}
  const signed = await signDocument({ ...rest, kind: 'home', ...(name === undefined ? {} : { name }) }, signer, {
    seq: Math.max(Number(stored?.sequence ?? 0n) + 1, time),
    prev: stored ? documentDigest(stored.cid) : null,
    time
  }, { ...(base ? { base } : {}), ...(before ? { before } : {}), fields: { addrs: [...addresses], ...(encodedIndex ? { index: encodedIndex } : {}) } })
  const record = await createRecord(signed, signer, { now: clock() })
  await profiles.accept({ record, document: signed.bytes }, { id: signer.id, wait: 'local', ...(signal ? { signal } : {}) })
}

const NO_INDEX = new Uint8Array()

/** Nobody has to know the home for it to begin. */
const passOver = (error: unknown, signal: AbortSignal | undefined): void => {
  signal?.throwIfAborted()
  if (error instanceof MercuryError || (error instanceof Error && error.name === 'TimeoutError') || (error as { code?: string }).code === 'ABORT_ERR') return
  throw error
}
