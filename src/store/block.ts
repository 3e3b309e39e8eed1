import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { equals } from 'uint8arrays'
import { MercuryError, checkLimit } from '../errors.ts'
import { MAX_BLOCK_BYTES } from '../limits.ts'
import { sha256DigestOf, type HashStore, type HashStoreOptions } from './hash-store.ts'
import { SHA2_256, sha256 } from './sha256.ts'

/** The codes of what a block holds. */
export const RAW = 0x55
export const DAG_PB = 0x70
export const DAG_CBOR = 0x71

/** A CID with the identity hash holds its block itself; a longer one is a block in disguise. */
export const MAX_IDENTITY_BYTES = 128
const IDENTITY = 0x00

/** A store gave bytes that do not hash to the CID they were asked for. */
export class BlockMismatchError extends MercuryError {
  override readonly name = 'BlockMismatchError'
  readonly cid: CID

  constructor (cid: CID, options?: ErrorOptions) {
    super('WRONG_BLOCK', `the bytes are not those of the CID; cid=${cid.toString()}`, options)
    this.cid = cid
  }
}

/** The CIDv1 of `bytes`, hashed by sha2-256. */
export const cidOf = async (bytes: Uint8Array, codec: number): Promise<CID> => CID.createV1(codec, createDigest(SHA2_256, await sha256(bytes)))

/** Whether `cid` is a CIDv1 of `codec` under sha2-256, as {@link cidOf} makes them. */
export const isBlockCid = ({ version, code, multihash }: CID, codec: number): boolean => version === 1 && code === codec && multihash.code === SHA2_256 && multihash.digest.byteLength === 32

/**
 * Hashes `bytes` and puts them into `store`.
 *
 * @param codec {@link RAW}, {@link DAG_CBOR}, …
 * @throws LimitError over 1 MiB
 */
export const putBlock = async (store: HashStore, bytes: Uint8Array, codec: number, options?: HashStoreOptions & { pin?: boolean }): Promise<CID> => {
  checkLimit('block bytes', MAX_BLOCK_BYTES, bytes.byteLength)
  // Hashing waits, so the copy is what is hashed and what is put.
  const block = Uint8Array.from(bytes)
  const cid = await cidOf(block, codec)
  await store.put(cid, block, options)
  return cid
}

/**
 * The verified block of `cid`; a CID with the identity hash is answered without asking the store.
 *
 * @returns `undefined` when the store says that it does not have the block
 * @throws BlockMismatchError when it gives other bytes, LimitError, UnsupportedError for a hash that cannot be checked
 */
export const getBlock = async (store: HashStore, cid: CID, { maxBytes = MAX_BLOCK_BYTES, ...options }: GetBlockOptions = {}): Promise<Uint8Array | undefined> => {
  if (isIdentity(cid)) {
    checkLimit('block bytes', maxBytes, cid.multihash.digest.byteLength)
    return Uint8Array.from(inlineBlock(cid))
  }
  sha256DigestOf(cid)
  const bytes = await store.get(cid, options)
  if (bytes) await verifyBlock(cid, bytes, { maxBytes })
  return bytes
}

export interface GetBlockOptions extends HashStoreOptions {
  offline?: boolean
  hints?: readonly string[]
  /** @default 1 MiB */
  maxBytes?: number
}

/**
 * Resolves when `bytes` are the block of `cid`; the size is judged before anything is hashed.
 *
 * @throws BlockMismatchError, LimitError, UnsupportedError for a hash that is neither sha2-256 nor identity
 */
export const verifyBlock = async (cid: CID, bytes: Uint8Array, { maxBytes = MAX_BLOCK_BYTES }: { maxBytes?: number } = {}): Promise<void> => {
  checkLimit('block bytes', maxBytes, bytes.byteLength)
  const expected = isIdentity(cid) ? inlineBlock(cid) : sha256DigestOf(cid)
  const actual = isIdentity(cid) ? bytes : await sha256(bytes)
  if (!equals(expected, actual)) throw new BlockMismatchError(cid)
}

/** Whether `cid` holds its block itself. */
export const isIdentity = (cid: CID): boolean => cid.multihash.code === IDENTITY

const inlineBlock = (cid: CID): Uint8Array => {
  checkLimit('identity CID bytes', MAX_IDENTITY_BYTES, cid.multihash.digest.byteLength)
  return cid.multihash.digest
}
