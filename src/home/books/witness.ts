import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { BookOptions, BookParts } from './book.ts'

/** Where the pledge of a profile stands that the home signed, for good: `{next}`, null where the profile has none. */
export const witnessKey = (id: ProfileId): string => `witness/${id}`

export const encodeWitness = (next: Uint8Array | null): Uint8Array => encodeCbor({ next })
export const decodeWitness = (bytes: Uint8Array): Uint8Array | null => decodeCborMap(bytes).next as Uint8Array | null

/** The pledge that the home witnessed; `undefined` where it witnessed none. */
export const witnessed = async (id: ProfileId, { store }: Pick<BookParts, 'store'>, options?: BookOptions): Promise<Uint8Array | null | undefined> => {
  const bytes = await store.get(witnessKey(id), options)
  return bytes && decodeWitness(bytes)
}
