import type { CID } from 'multiformats/cid'
import { MercuryError, UnsupportedError, reasonOf } from '../../errors.ts'

/** The manifest of a published search index, or the coverage that it links to, breaks a rule of docs/spec.md: its publisher made it so. */
export class InvalidManifestError extends MercuryError {
  override readonly name = 'InvalidManifestError'
  /** Of the block that is wrong. */
  readonly cid: CID
  readonly reason: string

  constructor (cid: CID, reason: string, options?: ErrorOptions) {
    super('INVALID_MANIFEST', `not a valid manifest of a search index: ${reason}; cid=${cid.toString()}`, options)
    this.cid = cid
    this.reason = reason
  }
}

/** Runs a check of what a manifest or a block of it says: whatever breaks a rule becomes an InvalidManifestError of `cid`, but a version from the future stays one. */
export const readingManifest = <T>(cid: CID, what: string, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof MercuryError) || error instanceof UnsupportedError || error instanceof InvalidManifestError) throw error
    throw new InvalidManifestError(cid, `${what}: ${reasonOf(error)}`, { cause: error })
  }
}
