import { equals } from 'uint8arrays'
import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import type { AgreementState } from '../../hosting/agreement.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { HomeEntry } from '../../profile/document.ts'
import type { Operation } from '../../store/key-value-store.ts'
import { formatTime } from './book.ts'

/** What is kept of an agreement under `agreement/<id>`: canonical DAG-CBOR of these fields. Times that end in `At`, and `due`, are milliseconds since 1970. */
export type AgreementEntry = {
  readonly state: AgreementState
  /** Unix seconds; signed by the home, as are `until` and `next`. */
  readonly since: number
  readonly until?: number
  readonly next: Uint8Array | null
  /** The home's, made once. */
  readonly sig: Uint8Array
  readonly offeredAt: number
  readonly activeAt?: number
  /** When it ended, or, of one that is offered, when the one before it did. */
  readonly endedAt?: number
  /** When something is to be done about it: lapse, end, forget, by its state. */
  readonly due?: number
  /** Bytes; the home's own setting where absent. */
  readonly quota?: number
  /** The libp2p peer that the home relays for, as the ID of its key. */
  readonly peer?: string
  /** The program itself kept the profile before, and does so when the agreement is over. */
  readonly kept?: true
  /** A tombstone ended it, which is kept for good. */
  readonly gone?: true
  /** Its end has come; what is left is being removed. */
  readonly leaving?: true
}

/** What is to be done at an agreement's `due`, by its state. */
export type AgreementChore = 'lapse' | 'end' | 'forget'

const CHORE_BY_STATE: Readonly<Record<AgreementState, AgreementChore>> = { offered: 'lapse', active: 'end', ended: 'forget' }

export const agreementKey = (id: ProfileId): string => `agreement/${id}`
export const banKey = (id: ProfileId): string => `ban/${id}`
export const choreKey = (due: number, kind: string, subject: string): string => `chore/${formatTime(due)}/${kind}/${subject}`
export const peerKey = (peer: string, id: ProfileId): string => `peer/${peer}/${id}`

export const encodeAgreement = (entry: AgreementEntry): Uint8Array => encodeCbor(withoutAbsent(entry))
export const decodeAgreement = (bytes: Uint8Array): AgreementEntry => decodeCborMap(bytes) as unknown as AgreementEntry

/** An entry as it was read, with the bytes that a change of it is conditional on. */
export interface ReadAgreement {
  readonly bytes: Uint8Array
  readonly entry: AgreementEntry
}

/** The batch that makes `after` of `before`: the entry, when it is due, and whom the home relays for. */
export const changeAgreement = (id: ProfileId, before: ReadAgreement | undefined, after: AgreementEntry | undefined): Operation[] => [
  markUnindexed(id),
  { type: 'check', key: agreementKey(id), value: before?.bytes },
  ...(before ? indexKeys(id, before.entry).map((key): Operation => ({ type: 'delete', key })) : []),
  ...(after ? [{ type: 'put', key: agreementKey(id), value: encodeAgreement(after) } as const] : before ? [{ type: 'delete', key: agreementKey(id) } as const] : []),
  ...(after ? indexKeys(id, after).map((key): Operation => ({ type: 'put', key, value: EMPTY })) : [])
]

const EMPTY = new Uint8Array()

/** For every batch after which a profile may stand otherwise to the home: its index looks at it again. Each mark is another than the one before. */
export const markUnindexed = (id: ProfileId): Operation => ({ type: 'put', key: `unindexed/${id}`, value: crypto.getRandomValues(new Uint8Array(8)) })

const indexKeys = (id: ProfileId, entry: AgreementEntry): string[] => [
  ...(entry.due === undefined ? [] : [choreKey(entry.due, CHORE_BY_STATE[entry.state], id)]),
  ...(entry.peer === undefined || !isHeld(entry) ? [] : [peerKey(entry.peer, id)])
]

/** Whether it takes one of the home's places. */
export const isHeld = (entry: AgreementEntry | undefined): boolean => entry?.state === 'offered' || entry?.state === 'active'

/** Whether the acceptance that stands in a document, by this home, is the one of `entry`. */
export const isAcceptanceOf = (entry: AgreementEntry, { since, until, sig }: HomeEntry): boolean => entry.since === since && entry.until === until && equals(entry.sig, sig)

/** The same pledge, or none on both sides. */
export const isSameNext = (a: Uint8Array | null, b: Uint8Array | null): boolean => (a && b ? equals(a, b) : a === b)

const withoutAbsent = (entry: AgreementEntry) => Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
