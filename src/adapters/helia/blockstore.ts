import { BaseBlockstore } from 'blockstore-core'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import { concat } from 'uint8arrays'
import type { KeyValueStore } from '../../store/key-value-store.ts'

interface AbortOptions {
  signal?: AbortSignal
}

interface Pair {
  cid: CID
  bytes: AsyncGenerator<Uint8Array>
}

type Bytes = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

const PREFIX = 'block/'

/** Blocks are kept by multihash: one copy, whatever codec and CID version they are asked for under. */
const keyOf = (cid: CID): string => PREFIX + base32.encode(cid.multihash.bytes)

/**
 * Helia's blocks in one of our stores, so that a block that was put is as durable as the store says.
 * Closes nothing; whoever opened the store closes it after Helia has stopped.
 */
export const createBlockstore = (store: KeyValueStore): BaseBlockstore => new StoredBlocks(store)

class StoredBlocks extends BaseBlockstore {
  private readonly store: KeyValueStore

  constructor (store: KeyValueStore) {
    super()
    this.store = store
  }

  override async has (cid: CID, options?: AbortOptions): Promise<boolean> {
    return (await this.store.get(keyOf(cid), options)) !== undefined
  }

  override async put (cid: CID, bytes: Bytes, options?: AbortOptions): Promise<CID> {
    await this.store.put(keyOf(cid), bytes instanceof Uint8Array ? bytes : await collect(bytes), options)
    return cid
  }

  override async * get (cid: CID, options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const bytes = await this.store.get(keyOf(cid), options)
    if (!bytes) throw new BlockNotFoundError(cid)
    yield bytes
  }

  override async delete (cid: CID, options?: AbortOptions): Promise<void> {
    await this.store.delete(keyOf(cid), options)
  }

  override async * getAll (options?: AbortOptions): AsyncGenerator<Pair> {
    for await (const [key, bytes] of this.store.entries({ prefix: PREFIX }, options)) {
      yield { cid: CID.createV1(raw.code, decodeDigest(base32.decode(key.slice(PREFIX.length)))), bytes: once(bytes) }
    }
  }
}

/** `name` is what Helia looks at. */
class BlockNotFoundError extends Error {
  override readonly name = 'NotFoundError'
  constructor (cid: CID) {
    super(`no block ${cid.toString()}`)
  }
}

const collect = async (parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const collected: Uint8Array[] = []
  for await (const part of parts) collected.push(part)
  return concat(collected)
}

async function * once (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
