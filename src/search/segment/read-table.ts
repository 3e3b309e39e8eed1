import type { Reading } from '../reading.ts'
import { InvalidIndexBlockError } from './index-block.ts'
import { documentsOf } from './document-table.ts'
import type { IndexBlockReader } from './segment-entries.ts'
import type { Segment } from './segment.ts'
import type { NumberedDocuments } from './segment-writer.ts'

/** Documents looked up at a time. */
const STEP = 4_096

/** The whole table of a segment. @throws InvalidIndexBlockError also when it is not in the order of rank */
export const readDocumentTable = async (segment: Segment, read: IndexBlockReader): Promise<NumberedDocuments> => {
  const table = { digests: new Uint8Array(segment.documents * 32), qualities: new Uint8Array(segment.documents) }
  for (let from = 0; from < segment.documents; from += STEP) {
    const numbers = Array.from({ length: Math.min(STEP, segment.documents - from) }, (_, i) => from + i)
    for (const { number, quality, digest } of await readWith(read, documentsOf(segment, numbers))) {
      table.digests.set(digest, number * 32)
      table.qualities[number] = quality
      if (number > 0 && quality > table.qualities[number - 1]!) throw new InvalidIndexBlockError(segment.table.cid, 'its documents are not in the order of their rank')
    }
  }
  return table
}

/** Runs a reading that needs index blocks alone. */
export const readWith = async <T>(read: IndexBlockReader, reading: Reading<T>): Promise<T> => {
  let step = reading.next()
  while (!step.done) step = reading.next(await read(step.value.map(({ cid }) => cid)))
  return step.value
}
