import { recallProfileId, type ProfileId } from '../../identity/profile-id.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'

/** Whoever changes a head writes one in the same batch: at most one a profile, whether or not anybody indexes. */
export const MARKS = 'unindexed/'

/** A profile whose head has changed since it was indexed. */
export interface Mark {
  readonly id: ProfileId
  /** A change gives it another value, so that an old one is not taken for the new one. */
  readonly value: Uint8Array
}

/** The first marks in the order of their ID. */
export const readMarks = async (state: KeyValueStore, limit: number, options: { signal?: AbortSignal }): Promise<readonly Mark[]> => {
  const marks: Mark[] = []
  for await (const [key, value] of state.entries({ prefix: MARKS, limit }, options)) marks.push({ id: recallProfileId(key.slice(MARKS.length)), value })
  return marks
}
