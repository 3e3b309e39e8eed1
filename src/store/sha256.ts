import { sha256 as portable } from 'multiformats/hashes/sha2'
import { plainBytes } from '../bytes.ts'
import { nodeCrypto } from '../node-crypto.ts'

export const SHA2_256 = portable.code

/** The 32 bytes of sha2-256, by one call where Node has it: an object for each hash, as elsewhere, costs the garbage collector as much as the hashing of a document. */
export const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> => {
  if (node?.hash) return plainBytes(node.hash('sha256', bytes, 'buffer'))
  return (await portable.digest(bytes)).digest
}

const node = nodeCrypto()
