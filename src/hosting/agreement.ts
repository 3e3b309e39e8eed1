import { sha256 } from '@noble/hashes/sha2.js'
import { utf8 } from '../bytes.ts'
import { InvalidSignatureError } from '../errors.ts'
import { verifyPledge } from '../identity/pledge.ts'
import { encodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import { MAX_ADDRESS_BYTES, MAX_HOME_ADDRESSES } from '../limits.ts'
import { verifyAcceptance } from '../profile/acceptance.ts'
import type { HomeEntry } from '../profile/document.ts'
import { encodeBytes, type JsonShape } from './json-shape.ts'

/** Whom a home takes: anybody, whoever shows a voucher, or nobody. */
export type HostingPolicy = 'open' | 'invitation' | 'closed'
/** `offered`: its acceptance stands in no document yet. `active`: it does. `ended`: by its owner, by its end, or by a ban. */
export type AgreementState = 'offered' | 'active' | 'ended'

const POLICIES: readonly HostingPolicy[] = ['open', 'invitation', 'closed']
const AGREEMENT_STATES: readonly AgreementState[] = ['offered', 'active', 'ended']
export const MAX_TERMS_LENGTH = 65_536
const MAX_VOUCHER_LENGTH = 512
const MAX_PEER_LENGTH = 64
/** Of any answer or request in JSON. */
export const MAX_MESSAGE_BYTES = 262_144

/** `GET /hosting/v1`: what a home is, and what it asks for. Not signed: its ID is proved by its own record, its promises by its acceptances. */
export interface HomeDescription {
  readonly home: ProfileId
  readonly policy: HostingPolicy
  /** Multiaddrs, the best first; at most 4. */
  readonly addresses: readonly string[]
  /** Its libp2p peer ID, where it runs a node. */
  readonly peer?: string
  /** What whoever joins agrees to. */
  readonly terms?: { readonly text: string; readonly digest: Uint8Array }
  readonly limits: HomeLimits
}

export interface HomeLimits {
  /** Profiles hosted at most. */
  readonly profiles: number
  /** Bytes of blocks and backups for each profile. */
  readonly quotaBytes: number
  /** Days for which the newest record of a profile that left is kept. */
  readonly unhostedDays: number
  /** Hours after which an acceptance that was not used lapses. */
  readonly offerHours: number
}

/** What a persona asks a home for: `POST /hosting/v1/agreements`, signed by the persona. */
export interface AgreementRequest {
  readonly persona: ProfileId
  /** The persona's pledge digest (32 bytes), or null when it has none. */
  readonly next: Uint8Array | null
  /** The persona's signature of its pledge, 64 bytes; there unless `next` is null. */
  readonly pledge?: Uint8Array
  readonly voucher?: string
  /** The digest of the terms that the persona agrees to. */
  readonly terms?: Uint8Array
  /** The libp2p peer ID for which the home relays. */
  readonly peer?: string
}

/** An agreement as the home answers with it. */
export interface Agreement {
  readonly persona: ProfileId
  readonly state: AgreementState
  /** The home's acceptance, for the persona's document. */
  readonly acceptance: HomeEntry
  readonly next: Uint8Array | null
  /** Unix seconds; while it is offered. */
  readonly lapsesAt?: number
  /** Unix seconds; once it has ended. */
  readonly endedAt?: number
  readonly quotaBytes: number
  readonly usedBytes: number
}

/** What whoever agrees to `terms` names them by. @returns sha2-256 of their UTF-8, 32 bytes */
export const termsDigest = (text: string): Uint8Array => sha256(utf8(text))

export const formatDescription = ({ home, policy, addresses, peer, terms, limits }: HomeDescription) =>
  ({ home, policy, addresses, ...(peer === undefined ? {} : { peer }), ...(terms ? { terms: { text: terms.text, digest: encodeBytes(terms.digest) } } : {}), limits })

/** @throws InvalidMessageError */
export const readDescription = (shape: JsonShape): HomeDescription => ({
  home: shape.profileId('home'),
  policy: shape.oneOf('policy', POLICIES),
  addresses: shape.texts('addresses', MAX_HOME_ADDRESSES, MAX_ADDRESS_BYTES),
  ...(shape.has('peer') ? { peer: shape.text('peer', MAX_PEER_LENGTH) } : {}),
  ...(shape.has('terms') ? { terms: readTerms(shape.child('terms')) } : {}),
  limits: readLimits(shape.child('limits'))
})

const readTerms = (shape: JsonShape): { text: string; digest: Uint8Array } => {
  const text = shape.text('text', MAX_TERMS_LENGTH)
  // What is agreed to is the text that was read, whatever the home calls its digest.
  return { text, digest: termsDigest(text) }
}

const readLimits = (shape: JsonShape): HomeLimits => ({ profiles: shape.uint('profiles'), quotaBytes: shape.uint('quotaBytes'), unhostedDays: shape.uint('unhostedDays'), offerHours: shape.uint('offerHours') })

export const formatRequest = ({ persona, next, pledge, voucher, terms, peer }: AgreementRequest) => ({
  persona,
  next: next && encodeBytes(next),
  ...(pledge ? { pledge: encodeBytes(pledge) } : {}),
  ...(voucher === undefined ? {} : { voucher }),
  ...(terms ? { terms: encodeBytes(terms) } : {}),
  ...(peer === undefined ? {} : { peer })
})

/**
 * Reads what a persona asks for, and checks its pledge.
 *
 * @throws InvalidMessageError, InvalidSignatureError
 */
export const readRequest = async (shape: JsonShape): Promise<AgreementRequest> => {
  const persona = shape.profileId('persona')
  const next = shape.isNull('next') ? null : shape.bytes('next', 32)
  const pledge = next ? shape.bytes('pledge', 64) : undefined
  if (next && pledge && !(await verifyPledge(persona, { next, sig: pledge }))) throw new InvalidSignatureError('pledge')
  return {
    persona,
    next,
    ...(pledge ? { pledge } : {}),
    ...(shape.has('voucher') ? { voucher: shape.text('voucher', MAX_VOUCHER_LENGTH) } : {}),
    ...(shape.has('terms') ? { terms: shape.bytes('terms', 32) } : {}),
    ...(shape.has('peer') ? { peer: shape.text('peer', MAX_PEER_LENGTH) } : {})
  }
}

/** @param home of the acceptance */
export const formatAgreement = ({ persona, state, acceptance: { since, until, sig, addrs }, next, lapsesAt, endedAt, quotaBytes, usedBytes }: Agreement, home: ProfileId) => ({
  persona,
  home,
  state,
  since,
  ...(until === undefined ? {} : { until }),
  next: next && encodeBytes(next),
  sig: encodeBytes(sig),
  addresses: addrs ?? [],
  ...(lapsesAt === undefined ? {} : { lapsesAt }),
  ...(endedAt === undefined ? {} : { endedAt }),
  quotaBytes,
  usedBytes
})

/**
 * Reads a home's answer and verifies its acceptance.
 *
 * @param expect the persona, its `next`, and the home that must have signed
 * @throws InvalidMessageError, InvalidSignatureError, InvalidShapeError (`INVALID_ACCEPTANCE`)
 */
export const readAgreement = async (shape: JsonShape, { persona, next, home }: { persona: ProfileId; next: Uint8Array | null; home: ProfileId }): Promise<Agreement> => {
  if (shape.profileId('persona') !== persona) shape.fail('persona', 'is another')
  if (shape.profileId('home') !== home) shape.fail('home', 'is another')
  const addrs = shape.texts('addresses', MAX_HOME_ADDRESSES, MAX_ADDRESS_BYTES)
  const acceptance: HomeEntry = { id: encodeProfileId(home), since: shape.uint('since'), ...(shape.has('until') ? { until: shape.uint('until') } : {}), sig: shape.bytes('sig', 64), ...(addrs.length > 0 ? { addrs } : {}) }
  await verifyAcceptance(acceptance, { persona, next })
  return {
    persona,
    state: shape.oneOf('state', AGREEMENT_STATES),
    acceptance,
    next,
    ...(shape.has('lapsesAt') ? { lapsesAt: shape.uint('lapsesAt') } : {}),
    ...(shape.has('endedAt') ? { endedAt: shape.uint('endedAt') } : {}),
    quotaBytes: shape.uint('quotaBytes'),
    usedBytes: shape.uint('usedBytes')
  }
}
