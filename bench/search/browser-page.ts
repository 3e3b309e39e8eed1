import { decodeCborMap } from '../../src/cbor.ts'
import type { ProfileDocument } from '../../src/profile/document.ts'
import { termsOf } from '../../src/search/query/profile-terms.ts'
import { qualityOf } from '../../src/search/query/quality.ts'
import { buildSegment, type SegmentInput } from '../../src/search/segment/build-segment.ts'
import type { Segment } from '../../src/search/segment/segment.ts'
import { DAG_CBOR, cidOf } from '../../src/store/block.ts'

export interface BuiltInBrowser {
  readonly roots: readonly string[]
  /** Of terms and segment together, on documents that were read already. */
  readonly buildMs: number
}

/** What names all blocks of a segment. */
export const rootsOf = ({ keys, table }: Segment): readonly string[] => [keys.cid.toString(), table.cid.toString()]

/** Run in a browser: an index of the documents under `/documents/0` to `parts`. */
export const buildInBrowser = async (parts: string | null): Promise<BuiltInBrowser> => {
  let readingMs = 0
  const inputs = async function * (): AsyncGenerator<SegmentInput> {
    for (let part = 0; part < Number(parts); part++) {
      const started = performance.now()
      const documents = await readPart(`/documents/${part}`)
      readingMs += performance.now() - started
      for (const { digest, document, byteLength } of documents) yield { digest, quality: qualityOf(document, { accepted: document.homes !== undefined }), keys: termsOf(document, byteLength)!.keys }
    }
  }
  const started = performance.now()
  const segment = await buildSegment(inputs(), { put: (bytes) => cidOf(bytes, DAG_CBOR) })
  return { roots: rootsOf(segment), buildMs: performance.now() - started - readingMs }
}

const readPart = async (path: string): Promise<{ digest: Uint8Array; document: ProfileDocument; byteLength: number }[]> => {
  const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer())
  const view = new DataView(bytes.buffer)
  const documents = []
  for (let at = 0; at < bytes.byteLength;) {
    const byteLength = view.getUint32(at)
    const document = bytes.slice(at + 4, at + 4 + byteLength)
    documents.push({ digest: (await cidOf(document, DAG_CBOR)).multihash.digest, document: decodeCborMap(document) as ProfileDocument, byteLength })
    at += 4 + byteLength
  }
  return documents
}
