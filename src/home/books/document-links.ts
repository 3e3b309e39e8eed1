import { CID } from 'multiformats/cid'
import type { CborValue } from '../../cbor.ts'
import type { ProfileDocument } from '../../profile/document.ts'

/** The CIDs that a document links to, in order, repeated ones too. Its depth and size were bounded when it was decoded. */
export const linksOfDocument = (document: ProfileDocument): CID[] => linksIn(document)

const linksIn = (value: CborValue | undefined): CID[] => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  const cid = CID.asCID(value)
  if (cid) return [cid]
  return (Array.isArray(value) ? value as readonly CborValue[] : Object.values(value)).flatMap(linksIn)
}
