import type { CborMap } from '../cbor.ts'
import type { ProfileId } from '../identity/profile-id.ts'

/** The media type of a record over HTTP. @see https://specs.ipfs.tech/routing/http-routing-v1/ */
export const IPNS_RECORD_TYPE = 'application/vnd.ipfs.ipns-record'

export interface RouterOptions {
  signal?: AbortSignal
}

/**
 * What a router that is a home says of a profile in one answer. Nothing of it is believed: records and successions are verified by core,
 * and what it says of itself counts only where its own document lists the address at which it was asked.
 */
export interface ProfileCandidate {
  readonly record: Uint8Array
  /** The document, where it does not ride in the record. */
  readonly document?: Uint8Array
  /** The answering home's own record, its document inside. */
  readonly home?: Uint8Array
  /** How it stands with the owner: `active`, `offered`, `ended` or `kept`. */
  readonly hosting?: string
  /** The step to the owner's next key. */
  readonly succession?: CborMap
  /** The base URL at which it was asked, with a slash at its end. */
  readonly url?: string
}

/**
 * Stores and finds records by profile ID. Untrusted: whatever it yields is validated by core, so it can withhold, not forge.
 *
 * `get` yields candidates as they arrive, at most 64; it ends empty when the router knows none and throws when it could not ask.
 * `return()` on the iterator cancels what is under way and leaves no timer and no socket. An abort rejects with the signal's reason.
 * After `close()` every call fails with `CLOSED`; `close()` may be called twice and closes nothing that the router was given.
 */
export interface NameRouter {
  /** For answers and logs, unique among the routers of one client, without secrets. */
  readonly name: string
  /** Resolved means that the router took the record; how long it keeps it is its own affair. */
  put(id: ProfileId, record: Uint8Array, options?: RouterOptions): Promise<void>
  get(id: ProfileId, options?: RouterOptions): AsyncIterable<Uint8Array>
  /** As `get`, of a router that is a home: with what else it says of the profile in the same answer. It is then asked instead of `get`. */
  getProfile?(id: ProfileId, options?: RouterOptions): AsyncIterable<ProfileCandidate>
  /** New candidates as the router hears of them, until aborted or returned. */
  watch?(id: ProfileId, options?: RouterOptions): AsyncIterable<Uint8Array>
  close(): Promise<void>
}
