import type { CID } from 'multiformats/cid'
import { decodeCbor } from '../cbor.ts'
import { recallProfileId, type ProfileId } from '../identity/profile-id.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { ProfileState } from './profile-state.ts'

/** The heads of all profiles that a client keeps in its state, for who indexes them. */
export interface KeptHeads {
  /** `undefined` where there is none; verified when it came in, and not again. */
  headOf(id: ProfileId, options?: { signal?: AbortSignal }): Promise<{ readonly cid: CID; readonly bytes: Uint8Array } | undefined>
  /** Those that have a head, ascending, from the first one above `after`. */
  ids(after: ProfileId | undefined, options?: { signal?: AbortSignal }): AsyncIterable<ProfileId>
  /** When the head that was confirmed longest ago was; milliseconds since 1970. */
  oldestCheck(options?: { signal?: AbortSignal }): Promise<number | undefined>
}

const RECORDS = 'record/'
const CHECKS = 'checked/'

/** Reads `state`, that of a client, which may be working on it. */
export const createKeptHeads = (state: KeyValueStore): KeptHeads => {
  const profiles = new ProfileState(state, () => undefined)
  return {
    async headOf (id, options) {
      const version = await profiles.version(id, options)
      return version && { cid: version.record.cid, bytes: version.documentBytes }
    },
    async * ids (after, options) {
      for await (const [key] of state.entries({ prefix: RECORDS, ...(after === undefined ? {} : { gt: RECORDS + after }) }, options)) yield recallProfileId(key.slice(RECORDS.length))
    },
    async oldestCheck (options) {
      let oldest: number | undefined
      for await (const [, value] of state.entries({ prefix: CHECKS }, options)) oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, decodeCbor(value) as number)
      return oldest
    }
  }
}
