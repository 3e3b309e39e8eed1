import { decodeCborMap } from '../../src/cbor.ts'
import type { ProfileDocument } from '../../src/profile/document.ts'
import { termsOf } from '../../src/search/query/profile-terms.ts'
import { buildSegment, type SegmentInput } from '../../src/search/segment/build-segment.ts'
import type { Segment } from '../../src/search/segment/segment.ts'
import { createCountedBlocks, type CountedBlocks } from './counted-blocks.ts'
import { datasetBytes } from './dataset.ts'
import { createDocumentBlocks, type DocumentBlocks } from './document-blocks.ts'
import { mix } from './sampler.ts'

/** One segment of the first profiles of the set, and what making it took. */
export interface BuiltIndex {
  readonly segment: Segment
  /** Its blocks, and behind them those of the documents. */
  readonly blocks: CountedBlocks
  readonly documents: DocumentBlocks
  /** Of terms and segment together, on documents that are verified already. */
  readonly buildMs: number
}

/** Documents are made so many at a time, outside of what is timed. */
const PART = 5_000
const QUALITIES = 32

/** @param options `backwards`: the profiles come in the other order, which must make no difference */
export const buildIndex = async (count: number, { documents = createDocumentBlocks(count, datasetBytes), backwards = false }: { documents?: DocumentBlocks; backwards?: boolean } = {}): Promise<BuiltIndex> => {
  const blocks = createCountedBlocks(documents.store)
  let preparingMs = 0
  function * inputs (): Generator<SegmentInput> {
    for (let from = 0; from < count; from += PART) {
      const started = performance.now()
      const part = Array.from({ length: Math.min(PART, count - from) }, (_, i) => {
        const index = backwards ? count - 1 - from - i : from + i
        const bytes = datasetBytes(index)
        return { index, bytes: bytes.byteLength, document: decodeCborMap(bytes) as ProfileDocument }
      })
      preparingMs += performance.now() - started
      for (const { index, document, bytes } of part) {
        const { keys } = termsOf(document, bytes)!
        yield { digest: documents.digestOf(index), quality: datasetQuality(index), keys }
      }
    }
  }
  const started = performance.now()
  const segment = await buildSegment(inputs(), blocks)
  return { segment, blocks, documents, buildMs: performance.now() - started - preparingMs }
}

/** What an index may think of a profile: here it says nothing of how well it fits. */
export const datasetQuality = (index: number): number => mix(7, index) % QUALITIES
