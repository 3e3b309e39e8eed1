import { decode as decodeDagPb } from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { decodeCbor, type CborValue } from '../cbor.ts'
import { MercuryError, UnsupportedError } from '../errors.ts'
import { DAG_CBOR, DAG_PB, RAW } from './block.ts'

/** A block's bytes are not what the codec of its CID says. */
export class InvalidBlockError extends MercuryError {
  override readonly name = 'InvalidBlockError'
  constructor(cid: CID, options?: ErrorOptions) {
    super('INVALID_BLOCK', `the block is not what its codec says; cid=${cid.toString()}`, options)
  }
}

/** A public key: a name, behind which no block stands. */
const LIBP2P_KEY = 0x72

/**
 * The CIDs that the block of `cid` links to, in order, repeated ones too.
 *
 * @param bytes verified and of at most 1 MiB
 * @throws InvalidBlockError, InvalidCborError, LimitError, and UnsupportedError for a codec whose links are not known: to take it for a leaf would be to lose them
 */
export const linksOf = (cid: CID, bytes: Uint8Array): CID[] => {
  switch (cid.code) {
    case RAW:
    case LIBP2P_KEY: return []
    case DAG_CBOR: return cborLinks(decodeCbor(bytes))
    case DAG_PB: return dagPbLinks(cid, bytes)
    default: throw new UnsupportedError(`the codec 0x${cid.code.toString(16)} of ${cid.toString()}`)
  }
}

/** Depth and count were bounded by the decoder. */
const cborLinks = (value: CborValue): CID[] => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  const cid = CID.asCID(value)
  if (cid) return [cid]
  return (Array.isArray(value) ? value : Object.values(value)).flatMap(cborLinks)
}

const dagPbLinks = (cid: CID, bytes: Uint8Array): CID[] => {
  try {
    return decodeDagPb(bytes).Links.map(({ Hash }) => Hash)
  } catch (error) {
    throw new InvalidBlockError(cid, { cause: error })
  }
}
