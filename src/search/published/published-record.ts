import type { ProfileId } from '../../identity/profile-id.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'
import { Publication } from './publication.ts'

/** The record of the newest version of the index `name` that was published from `state`, for who hands it out. */
export const publishedRecord = async (name: ProfileId, state: KeyValueStore, { signal }: { signal?: AbortSignal } = {}): Promise<Uint8Array | undefined> =>
  (await new Publication(state, name).head(signal)).head?.record
