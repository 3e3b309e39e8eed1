import type { CID } from 'multiformats/cid'
import { DAG_CBOR, putBlock } from '../../store/block.ts'
import { createHashStore, type HashStore } from '../../store/hash-store.ts'
import type { KeyValueStore, Operation } from '../../store/key-value-store.ts'
import { NotSupportedError } from '../../store/not-supported.ts'
import { createPrefixStore } from '../../store/prefix-store.ts'
import type { BlockSink } from '../segment/document-table.ts'
import type { LocalSegment } from './local-head.ts'

const SEGMENTS = 'search/segment/'
const DOCUMENTS = 'search/document/'
const STEP = 256

/**
 * Where the blocks of the local index are: those of each segment in a place of its own, so that a segment is let go of without asking which other one has the same block;
 * documents in one place, each of them once.
 */
export class BlockPlaces {
  private readonly state: KeyValueStore
  readonly documents: HashStore

  constructor (state: KeyValueStore) {
    this.state = state
    this.documents = createHashStore(createPrefixStore(state, DOCUMENTS))
  }

  sink (place: string): BlockSink {
    const blocks = this.blocksOf(place)
    return { put: (bytes) => putBlock(blocks, bytes, DAG_CBOR) }
  }

  /** All that a query over `segments` needs, as one store that is only read. */
  reader (segments: readonly LocalSegment[]): HashStore {
    const stores = [...segments.map(({ place }) => this.blocksOf(place)), this.documents]
    const refuse = async (): Promise<never> => {
      throw new NotSupportedError('writing')
    }
    return {
      space: 'ipfs',
      supports: { put: false, pin: false, persistence: this.state.supports.persistence, network: false },
      async get (cid, options) {
        for (const store of stores) {
          const bytes = await store.get(cid, options)
          if (bytes) return bytes
        }
        return undefined
      },
      put: refuse,
      pin: refuse,
      unpin: refuse,
      async close () {}
    }
  }

  /** Removes the blocks of a segment; may be called again. */
  async remove (place: string): Promise<void> {
    for await (const keys of this.keysBelow(`${SEGMENTS}${place}/`)) await this.state.batch(keys.map((key): Operation => ({ type: 'delete', key })))
  }

  async removeDocument (cid: CID): Promise<void> {
    await this.documents.unpin(cid)
  }

  /** The places that hold blocks. */
  async * places (): AsyncIterable<string> {
    let last: string | undefined
    while (true) {
      let found: string | undefined
      for await (const [key] of this.state.entries({ prefix: SEGMENTS, ...(last === undefined ? {} : { gt: `${SEGMENTS}${last}0` }), limit: 1 })) found = key.slice(SEGMENTS.length).split('/', 1)[0]!
      if (found === undefined) return
      yield found
      last = found
    }
  }

  private blocksOf (place: string): HashStore {
    return createHashStore(createPrefixStore(this.state, `${SEGMENTS}${place}/`))
  }

  private async * keysBelow (prefix: string): AsyncIterable<string[]> {
    while (true) {
      const keys: string[] = []
      for await (const [key] of this.state.entries({ prefix, limit: STEP })) keys.push(key)
      if (keys.length === 0) return
      yield keys
    }
  }
}

/** A new place, told from any other of any process; says when it was made. */
export const newPlace = (now: number): string => {
  const random = crypto.getRandomValues(new Uint8Array(8))
  return `${String(Math.floor(now)).padStart(15, '0')}-${Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

/** Milliseconds since 1970. */
export const madeAt = (place: string): number => Number(place.slice(0, 15))
