import { decodeCborMap } from '../../src/cbor.ts'
import type { ProfileDocument } from '../../src/profile/document.ts'
import { termsOf } from '../../src/search/query/profile-terms.ts'
import { qualityOf } from '../../src/search/query/quality.ts'
import { buildSegment, type SegmentInput } from '../../src/search/segment/build-segment.ts'
import type { Segment } from '../../src/search/segment/segment.ts'
import { createCountedBlocks, type CountedBlocks } from './counted-blocks.ts'
import { datasetBytes } from './dataset.ts'
import { createDocumentBlocks, type DocumentBlocks } from './document-blocks.ts'

/** An index of the first profiles of the set, and what making it took. */
export interface BuiltIndex {
  readonly segments: readonly Segment[]
  /** Its blocks, and behind them those of the documents. */
  readonly blocks: CountedBlocks
  readonly documents: DocumentBlocks
  /** Of terms and segments together, on documents that are verified already. */
  readonly buildMs: number
}

export interface BuildOptions {
  documents?: DocumentBlocks
  /** The profiles come in the other order, which must make no difference. */
  backwards?: boolean
  /** Of the last profiles, so many are in segments of their own, as where profiles change every day. */
  levels?: readonly number[]
}

/** Documents are made so many at a time, outside of what is timed. */
const PART = 5_000

/** One segment of `count` profiles, or several. */
export const buildIndex = async (count: number, { documents = createDocumentBlocks(count, datasetBytes), backwards = false, levels = [] }: BuildOptions = {}): Promise<BuiltIndex> => {
  const blocks = createCountedBlocks(documents.store)
  const segments: Segment[] = []
  let preparingMs = 0
  function * inputs (from: number, to: number): Generator<SegmentInput> {
    for (let partFrom = from; partFrom < to; partFrom += PART) {
      const started = performance.now()
      const part = Array.from({ length: Math.min(PART, to - partFrom) }, (_, i) => {
        const index = backwards ? to - 1 - (partFrom - from) - i : partFrom + i
        const bytes = datasetBytes(index)
        const document = decodeCborMap(bytes) as ProfileDocument
        return { index, bytes: bytes.byteLength, document, quality: qualityOf(document, { accepted: document.homes !== undefined }) }
      })
      preparingMs += performance.now() - started
      for (const { index, document, bytes, quality } of part) {
        const { keys } = termsOf(document, bytes)!
        yield { digest: documents.digestOf(index), quality, keys }
      }
    }
  }
  const started = performance.now()
  let from = 0
  for (const size of [count - levels.reduce((sum, level) => sum + level, 0), ...levels]) {
    segments.push(await buildSegment(inputs(from, from + size), blocks))
    from += size
  }
  return { segments, blocks, documents, buildMs: performance.now() - started - preparingMs }
}
