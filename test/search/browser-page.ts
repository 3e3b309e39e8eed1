import { foldText } from '../../src/search/analyser/fold.ts'
import { formOf, runsOf, wordsOf } from '../../src/search/analyser/words.ts'
import { cellsOf } from '../../src/search/analyser/geo-cell.ts'
import { encodeCbor } from '../../src/cbor.ts'
import { termsOf } from '../../src/search/query/profile-terms.ts'
import { buildSegment, type SegmentInput } from '../../src/search/segment/build-segment.ts'
import { DAG_CBOR, cidOf } from '../../src/store/block.ts'
import { smallPeople, unsignedDocument } from './engine/small-index.ts'

/** What must be the same on every runtime. */
export interface Computed {
  readonly texts: readonly (readonly [folded: string, words: readonly string[], form: string])[]
  readonly cells: readonly (readonly string[])[]
  /** The roots of a segment of 2,000 profiles, and how many bytes its blocks have. */
  readonly segment: { readonly keys: string; readonly table: string; readonly bytes: number }
}

const TEXTS = [
  'Ada LOVELACE', 'José Ñandú', 'Straße Æsop Øre Łódź', 'İstanbul ISPARTA ıspanak', 'O’Brien Jean-Luc', 'ΣΊΣΥΦΟΣ σίσυφος', 'Ёлкин Їжак Ґудзь', 'مُحَمَّد عـلـي أحمد ١٢٣', 'שָׁלוֹם כהן',
  'श्रीवास्तव', 'สมชาย ใจดี', '山田 太郎', 'ﾔﾏﾀﾞ タロウ', '김민준', 'ខ្មែរ', 'ｆｕｌｌ ｗｉｄｔｈ', '\u202eabc\u200ddef', '\ud800x', '𝒜𝓁𝒾𝒸𝑒', 'ﬁﬂ ² ½ Ⅳ', '\u{1e5d0}\u{323b0}', 'ა ბ გ ქართული', 'Nguyễn Thị Đặng', '👩‍👩‍👧 emoji'
]

/** Run in Node and in a browser. */
export const compute = async (): Promise<Computed> => {
  let bytes = 0
  const sink = {
    put: async (block: Uint8Array) => {
      bytes += block.byteLength
      return cidOf(block, DAG_CBOR)
    }
  }
  const inputs = await Promise.all(smallPeople(2_000).map(async (person, i): Promise<SegmentInput> => {
    const document = unsignedDocument({ ...person, bio: `${person.bio ?? ''} ${TEXTS[i % TEXTS.length]!.toWellFormed()}` }, i)
    const encoded = encodeCbor(document)
    return { digest: (await cidOf(encoded, DAG_CBOR)).multihash.digest, quality: person.quality!, keys: termsOf(document, encoded.byteLength)!.keys }
  }))
  const { keys, table } = await buildSegment(inputs, sink)
  return {
    texts: TEXTS.map((text) => [foldText(text), wordsOf(text), formOf(runsOf(text))]),
    cells: [[51.7548, -1.2544], [89.9, 10], [-90, 0], [0, 180], [0, -180], [12.34567, 179.99999]].map(([lat, lon]) => cellsOf({ lat: lat!, lon: lon! }, 1_000)),
    segment: { keys: keys.cid.toString(), table: table.cid.toString(), bytes }
  }
}
