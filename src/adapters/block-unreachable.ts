import type { CID } from 'multiformats/cid'
import { MercuryError } from '../errors.ts'

/** The block is not here, and nobody gave it in time; it may exist all the same. */
export class BlockUnreachableError extends MercuryError {
  override readonly name = 'BlockUnreachableError'
  constructor(cid: CID, timeoutMs: number, options?: ErrorOptions) {
    super('UNREACHABLE', `nobody gave the block ${cid.toString()} within ${timeoutMs} ms`, options)
  }
}
