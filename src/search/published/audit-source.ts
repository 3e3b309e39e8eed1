import { checkLimit } from '../../errors.ts'
import type { HashStore } from '../../store/hash-store.ts'
import { QueryStopped, createBlockSource, type BlockSource } from '../engine/block-source.ts'
import type { FetchedDocument, Need } from '../reading.ts'
import type { IndexBlock } from '../segment/index-block.ts'
import { documentCidOf } from '../segment/leaf.ts'
import type { IndexBlockReader } from '../segment/segment-entries.ts'

/** What is fetched has so many bytes on average at least, or an index is made to have no end. */
const SMALL_BLOCK_BYTES = 128

export interface AuditSourceOptions {
  blocks: HashStore
  hints?: readonly string[] | undefined
  /** Bytes that are fetched in all. */
  maxBytes: number
  signal?: AbortSignal | undefined
}

/** Fetches what an audit reads: every block and document that an index names, none of them trusted, up to a limit. */
export class AuditSource {
  private readonly options: AuditSourceOptions
  private readonly ended = { blocks: 0, bytes: 0 }
  private index: BlockSource

  constructor (options: AuditSourceOptions) {
    this.options = options
    this.index = this.open()
  }

  get work (): { blocks: number; bytes: number } {
    const { blocks, bytes } = this.index.work
    return { blocks: this.ended.blocks + blocks, bytes: this.ended.bytes + bytes }
  }

  /** Index blocks; those of the segment that is audited are kept until {@link forget}. @throws InvalidIndexBlockError, LimitError */
  readonly read: IndexBlockReader = async (cids) => this.fetch(this.index, cids.map((cid) => ({ cid, as: 'index' }))) as Promise<readonly IndexBlock[]>

  /** The documents of `digests`, or why there is none. */
  async documents (digests: readonly Uint8Array[]): Promise<readonly (FetchedDocument | Error)[]> {
    const source = this.open()
    const found = await this.fetch(source, digests.map((digest) => ({ cid: documentCidOf(digest), as: 'document' })))
    this.end(source)
    return found as readonly (FetchedDocument | Error)[]
  }

  forget (): void {
    this.end(this.index)
    this.index = this.open()
  }

  private async fetch (source: BlockSource, needs: readonly Need[]): Promise<readonly unknown[]> {
    const { maxBytes, signal } = this.options
    try {
      return await source.read(needs, { signal })
    } catch (error) {
      if (error instanceof QueryStopped) checkLimit('audited bytes', maxBytes, Infinity)
      throw error
    }
  }

  private open (): BlockSource {
    const { blocks, hints, maxBytes } = this.options
    return createBlockSource({ blocks, verify: 'signature', hints, maxBlocks: Math.ceil(maxBytes / SMALL_BLOCK_BYTES), maxBytes: maxBytes - this.ended.bytes })
  }

  private end ({ work: { blocks, bytes } }: BlockSource): void {
    this.ended.blocks += blocks
    this.ended.bytes += bytes
  }
}
