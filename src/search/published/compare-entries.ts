import { compareUtf8 } from '../../bytes.ts'
import { equals } from 'uint8arrays'
import { isTypoKey } from '../query/keys.ts'
import type { KeyEntry } from '../segment/leaf.ts'
import { entriesOf, numbersOf, type IndexBlockReader } from '../segment/segment-entries.ts'
import type { Segment } from '../segment/segment.ts'
import type { MisScoredKey } from './audit-report.ts'

interface ReadableSegment {
  readonly segment: Segment
  readonly read: IndexBlockReader
}

type Report = (key: string, how: MisScoredKey['how'], number?: number) => void

/** Says key by key where `published` differs from `expected`, two segments of the same documents with the same numbers. @throws InvalidIndexBlockError */
export const compareEntries = async (published: ReadableSegment, expected: ReadableSegment, report: Report): Promise<void> => {
  for await (const { key, says, should } of sideBySide(published, expected)) {
    if (isTypoKey(key)) {
      if (!sameWords(says, should)) report(key, 'words')
      continue
    }
    const listed = says ? await numbersOf(published.segment, says, published.read) : NONE
    const right = should ? await numbersOf(expected.segment, should, expected.read) : NONE
    for (const number of without(listed, right)) report(key, 'false', number)
    for (const number of without(right, listed)) report(key, 'hidden', number)
    if (says && should && listed.length === right.length && !sameHits(says, should)) report(key, 'hits')
  }
}

const NONE = new Uint32Array()

interface Pair {
  readonly key: string
  readonly says: KeyEntry | undefined
  readonly should: KeyEntry | undefined
}

async function * sideBySide (published: ReadableSegment, expected: ReadableSegment): AsyncGenerator<Pair> {
  const [left, right] = [entriesOf(published.segment, published.read), entriesOf(expected.segment, expected.read)]
  let [a, b] = [await left.next(), await right.next()]
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : compareUtf8(a.value.key, b.value.key)
    const [says, should] = [order <= 0 && !a.done ? a.value : undefined, order >= 0 && !b.done ? b.value : undefined]
    yield { key: (says ?? should)!.key, says, should }
    if (order <= 0) a = await left.next()
    if (order >= 0) b = await right.next()
  }
}

/** Those of `numbers` that are not among `others`; both ascend. */
const without = (numbers: Uint32Array, others: Uint32Array): number[] => {
  const rest: number[] = []
  let at = 0
  for (const number of numbers) {
    while (at < others.length && others[at]! < number) at++
    if (others[at] !== number) rest.push(number)
  }
  return rest
}

const sameWords = (a: KeyEntry | undefined, b: KeyEntry | undefined): boolean =>
  a?.words.length === b?.words.length && (a?.words ?? []).every(({ word, documents }, i) => word === b!.words[i]!.word && documents === b!.words[i]!.documents)

const sameHits = (a: KeyEntry, b: KeyEntry): boolean =>
  a.hits.length === b.hits.length && a.hits.every(({ number, quality, digest }, i) => number === b.hits[i]!.number && quality === b.hits[i]!.quality && equals(digest, b.hits[i]!.digest))
