import type { CID } from 'multiformats/cid'
import { HOUR_MS } from '../../limits.ts'
import { mapConcurrently } from '../../store/concurrent.ts'
import { hashName, type HashStore } from '../../store/hash-store.ts'
import type { PinSet } from '../../store/pins.ts'
import type { BegunPart, Part, Publication } from './publication.ts'

/** Blocks of one owner in the pin set. */
export const CHUNK_BLOCKS = 1_024
/** How long after it was begun a part that was cut off still says which blocks are there; it is let go a day after. */
const TRUSTED_MS = 12 * HOUR_MS

export interface BlockWriterParts {
  readonly publication: Publication
  readonly pins: PinSet
  /** Where the blocks go. */
  readonly blocks: HashStore
  /** Milliseconds since 1970. */
  readonly now: number
  readonly signal: AbortSignal | undefined
  readonly onProgress?: ((written: Written) => void) | undefined
}

/** How much was written. */
export interface Written {
  readonly blocks: number
  readonly bytes: number
}

/**
 * Writes parts of a new version: each block is held in the books of the pin set before anything else, so that nobody unpins it, then put, pinned, unless it is known to be there.
 */
export class BlockWriter {
  /** Parts that this writer has begun. */
  readonly begun: BegunPart[] = []
  private readonly parts: BlockWriterParts
  private readonly present = new Set<string>()
  private blocks = 0
  private bytes = 0

  constructor (parts: BlockWriterParts) {
    this.parts = parts
  }

  get written (): Written {
    return { blocks: this.blocks, bytes: this.bytes }
  }

  /**
   * Learns which blocks are there: those of `left`, which the version before has and the new one lacks, as its documents mostly move from there, and those of attempts that were cut off not long ago.
   * A block that only a part has which both versions share may be put again; that changes nothing.
   */
  async learn (left: readonly Part[]): Promise<void> {
    const { publication, now, signal } = this.parts
    const begun = (await publication.begun(signal)).filter(({ at }) => at <= now && now - at < TRUSTED_MS)
    for (const part of [...left, ...begun]) {
      for (let chunk = 0; chunk < part.chunks; chunk++) for (const cid of await publication.chunk(part, chunk, signal)) this.present.add(hashName(cid))
    }
  }

  /**
   * Writes one part.
   *
   * @param chunks lists of at most 1,024 CIDs, the empty one too
   * @param read the bytes of one of them; called only for those that are not there
   */
  async write (chunks: AsyncIterable<readonly CID[]> | Iterable<readonly CID[]>, read: (cid: CID) => Promise<Uint8Array>): Promise<Part> {
    const { publication, pins, now, signal, onProgress } = this.parts
    const at = this.begun.length
    const instance = randomInstance()
    this.begun.push({ instance, chunks: 0, at: now })
    for await (const cids of chunks) {
      signal?.throwIfAborted()
      const chunk = this.begun[at]!.chunks
      this.begun[at] = { instance, chunks: chunk + 1, at: now }
      await publication.begin(this.begun[at], signal)
      if (cids.length === 0) continue
      await pins.hold(publication.ownerOf({ instance }, chunk), cids, { signal })
      await this.put(cids, read)
      await publication.keepChunk({ instance }, chunk, cids, signal)
      for (const cid of cids) this.present.add(hashName(cid))
      onProgress?.(this.written)
    }
    if (this.begun[at]!.chunks === 0) await publication.begin(this.begun[at]!, signal)
    return { instance, chunks: this.begun[at]!.chunks }
  }

  private async put (cids: readonly CID[], read: (cid: CID) => Promise<Uint8Array>): Promise<void> {
    const { blocks, signal } = this.parts
    const missing = cids.filter((cid) => !this.present.has(hashName(cid)))
    await mapConcurrently(missing, async (cid) => {
      const bytes = await read(cid)
      await blocks.put(cid, bytes, { pin: true, signal })
      this.blocks++
      this.bytes += bytes.byteLength
    })
  }
}

/** A name that no part had before. */
export const randomInstance = (): string => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** `cids` in lists of at most 1,024. */
export const inChunks = async function * (cids: AsyncIterable<CID> | Iterable<CID>): AsyncGenerator<readonly CID[]> {
  let chunk: CID[] = []
  for await (const cid of cids) {
    chunk.push(cid)
    if (chunk.length < CHUNK_BLOCKS) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}
