import { encodeCbor } from '../../src/cbor.ts'
import { cellsNear, cellsOf } from '../../src/search/analyser/geo-cell.ts'
import { foldText } from '../../src/search/analyser/fold.ts'
import { typoVariants } from '../../src/search/analyser/typo.ts'
import { formOf, runsOf, wordsOf } from '../../src/search/analyser/words.ts'
import { termsOf } from '../../src/search/query/profile-terms.ts'
import { buildSegment, type SegmentInput } from '../../src/search/segment/build-segment.ts'
import { encodeSegment } from '../../src/search/segment/segment.ts'
import { DAG_CBOR, cidOf } from '../../src/store/block.ts'
import { smallPeople, unsignedDocument } from '../search/engine/small-index.ts'
import { hex, writeFrozen } from './frozen.ts'

/**
 * Writes search.json: `node test/vectors/make-search.ts`. 
 * Unlike the other vectors these are made by the code that they hold still: another program that comes to the same builds the same blocks.
 */

const TEXTS = [
  'Ada LOVELACE', 'Liddell, Alice', 'José Ñandú', 'Jose\u0301', 'Straße Æsop Øre Łódź', 'İstanbul ISPARTA ıspanak', 'O’Brien O\'Brien Jean-Luc', 'ΣΊΣΥΦΟΣ σίσυφος', 'Ёлкин Їжак Ґудзь', 'مُحَمَّد عـلـي أحمد ١٢٣ ۴۵',
  'علی\u200cرضا', 'שָׁלוֹם כהן', 'श्रीवास्तव', 'สมชาย ใจดี', '山田 太郎', '山田太郎', '山', 'ﾔﾏﾀﾞ タロウ', '김민준', 'ខ្មែរ', 'ｆｕｌｌ ｗｉｄｔｈ', '\u202eabc\u200ddef', 'ﬁﬂ ² ½ Ⅳ', '\u{1e5d0}\u{323b0}x', 'ქართული', 'Nguyễn Thị Đặng', '👩‍👩‍👧 emoji', '', '... --- ...', 'ß'.repeat(40)
]
const PLACES = [[51.7548, -1.2544, 0], [51.7548, -1.2544, 5_000], [89.9, 10, 100], [-90, 0, 0], [0, 180, 0], [0, -180, 0], [12.34567, 179.99999, 1_000], [10, 10, 600_000], [10, 10, 700_000]] as const
const CIRCLES = [[51.75, -1.25, 1_000], [51.75, -1.25, 20_000], [89.9, 0, 50_000], [-17, 179.9, 30_000], [0, 0, 3_000_000], [0, 0, 20_000_000]] as const

export const makeSearch = async () => {
  const documents = smallPeople(3).map((person, i) => unsignedDocument({ ...person, lang: 'en-GB', location: { lat: 51_754_800, lon: -1_254_400, precision: 1_000 } }, i))
  const inputs = await Promise.all(smallPeople(60).map(async (person, i): Promise<SegmentInput> => {
    const document = unsignedDocument(person, i)
    const bytes = encodeCbor(document)
    return { digest: (await cidOf(bytes, DAG_CBOR)).multihash.digest, quality: person.quality!, keys: termsOf(document, bytes.byteLength)!.keys }
  }))
  let blocks = 0
  const segment = await buildSegment(inputs, {
    put: async (bytes) => {
      blocks++
      return cidOf(bytes, DAG_CBOR)
    }
  })
  return {
    texts: TEXTS.map((text) => ({ text, folded: foldText(text), words: wordsOf(text), form: formOf(runsOf(text)) })),
    variants: ['ada', 'lovelace', 'ab', 'иванов', '山田'].map((word) => ({ word, variants: typoVariants(word) })),
    cells: PLACES.map(([lat, lon, precision]) => ({ lat, lon, precision, cells: cellsOf({ lat, lon }, precision) })),
    near: CIRCLES.map(([lat, lon, radiusMetres]) => ({ lat, lon, radiusMetres, cells: cellsNear({ lat, lon, radiusMetres }) ?? null })),
    profiles: documents.map((document) => ({ document: hex(encodeCbor(document)), keys: [...termsOf(document, encodeCbor(document).byteLength)!.keys].sort() })),
    segments: [{ profiles: inputs.map(({ digest, quality, keys }) => ({ digest: hex(digest), quality, keys: [...keys].sort() })), blocks, map: hex(encodeCbor(encodeSegment(segment))) }]
  }
}

if (import.meta.main) writeFrozen('search', await makeSearch())
