import type { CID } from 'multiformats/cid'
import type { VerifiedDocument } from '../profile/document.ts'
import type { IndexBlock } from './segment/index-block.ts'

/** What a reading waits for: a block of an index, or the document of a profile. */
export interface Need {
  readonly cid: CID
  readonly as: 'index' | 'document'
}

/** A document as it was fetched and verified. */
export interface FetchedDocument extends VerifiedDocument {
  readonly bytes: Uint8Array
}

/** What came for a need: for a document also why there is none. A wrong index block ends the reading instead. */
export type Found = IndexBlock | FetchedDocument | Error

/**
 * A computation over blocks that does not fetch them: it yields all that it needs next and is resumed with what came, in the same order.
 *
 * So one algorithm serves a store at hand and one at the other end of the world, and its rounds are counted exactly: a yield is one.
 */
export type Reading<T> = Generator<readonly Need[], T, readonly Found[]>

/** The index blocks of `cids`, in one round. */
export function * readIndexBlocks (cids: readonly CID[]): Reading<readonly IndexBlock[]> {
  if (cids.length === 0) return []
  return (yield cids.map((cid) => ({ cid, as: 'index' }))) as readonly IndexBlock[]
}

/** The documents of `cids`, in one round; an `Error` stands where one cannot be had or does not verify. */
export function * readDocuments (cids: readonly CID[]): Reading<readonly (FetchedDocument | Error)[]> {
  if (cids.length === 0) return []
  return (yield cids.map((cid) => ({ cid, as: 'document' }))) as readonly (FetchedDocument | Error)[]
}

/** Runs `readings` in lockstep: a round of the whole holds one round of each that still runs. */
export function * readTogether<T> (readings: readonly Reading<T>[]): Reading<T[]> {
  const steps = readings.map((reading) => reading.next())
  while (true) {
    const needs = steps.flatMap((step) => (step.done ? [] : step.value))
    if (needs.length === 0 && steps.every((step) => step.done)) return steps.map(({ value }) => value as T)
    const found = needs.length === 0 ? [] : yield needs
    let at = 0
    for (const [i, step] of steps.entries()) {
      if (step.done) continue
      const { length } = step.value
      steps[i] = readings[i]!.next(found.slice(at, at + length))
      at += length
    }
  }
}
