import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldText } from '../../../src/search/analyser/fold.ts'
import { cellsNear, cellsOf, distanceMetres } from '../../../src/search/analyser/geo-cell.ts'
import { expandNickname } from '../../../src/search/analyser/nicknames.ts'
import { skeletonOf } from '../../../src/search/analyser/skeleton.ts'
import { isTypoOf, takesTypos, typoVariants } from '../../../src/search/analyser/typo.ts'
import { formOf, runsOf, wordsOf } from '../../../src/search/analyser/words.ts'
import '../../property-seed.ts'

describe('folding', () => {
  it.each([
    ['José ÑANDÚ', 'jose nandu'], ['Straße', 'strasse'], ['ÆSOP Œuvre Łódź Øre', 'aesop oeuvre lodz ore'], ['İstanbul ISPARTA ıspanak', 'istanbul isparta ispanak'], ['ΣΊΣΥΦΟΣ', 'σισυφοσ'], ['Ёлкин', 'елкин'],
    ['O’Brien', 'obrien'], ['ＡＢＣ', 'abc'], ['ﬁ', 'fi'], ['שָׁלוֹם', 'שלומ'], ['مُحَمَّد', 'محمد'], ['عـلـي', 'علي'], ['٣۴', '34'], ['a\u202eb\u200dc\ufeff', 'abc'], ['Đặng', 'dang']
  ])('makes %j %j', (text, folded) => {
    expect(foldText(text)).toBe(folded)
  })

  it('parts words at what Unicode 15.0 does not know, whatever this runtime decomposes it to', () => {
    for (const unknown of ['\u{1ccd6}', '\u{1ccf9}', '\ua7cb', '\ua7d2', '\ua7dc', '\ua7f1']) expect(wordsOf(`a${unknown}b`)).toEqual(['a', 'b'])
    expect(wordsOf('ⓐⓓⓐ 🄰🄳🄰 ㎏')).toEqual(['ada', 'ada', 'kg'])
  })

  it('keeps marks that make another word in scripts that are not written with accents', () => {
    for (const [a, b] of [['कि', 'की'], ['ก้า', 'กา'], ['が', 'か'], ['ハ', 'バ']]) expect(foldText(a!)).not.toBe(foldText(b!))
  })

  it('changes nothing more when it is done twice, and never fails', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const folded = foldText(text.toWellFormed())
      expect(foldText(folded)).toBe(folded)
      expect(typeof foldText(text)).toBe('string')
    }), { numRuns: 2_000 })
  })
})

describe('words', () => {
  it.each([
    ['Jean-Luc Picard', ['jean', 'luc', 'picard']], ['山田太郎', ['山田', '田太', '太郎', '郎']], ['山田Taro', ['山田', '田', 'taro']], ['김민준', ['김민', '민준', '준']], ['山', ['山']], ['a\u{1e5d0}b', ['a', 'b']], ['\ud800x', ['x']], ['... 👩 ---', []]
  ])('of %j are %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  it('make the same form in any order, and with or without a space between runs without spaces', () => {
    expect(formOf(runsOf('Liddell, ALICE'))).toBe(formOf(runsOf('alice liddell')))
    expect(formOf(runsOf('山田 太郎'))).toBe(formOf(runsOf('山田太郎')))
    expect(formOf(runsOf('a b'))).not.toBe(formOf(runsOf('ab')))
  })

  it('hold no character that parts regions of an index', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const word of wordsOf(text)) {
        expect(word).not.toMatch(/[\u0000-\u0020\u{10ffff}]/u)
        expect(Buffer.byteLength(word)).toBeLessThanOrEqual(64)
      }
    }), { numRuns: 2_000 })
  })
})

/** Optimal string alignment, the plain way. */
const distance = (a: readonly string[], b: readonly string[]): number => {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)))
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      rows[i]![j] = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Number.POSITIVE_INFINITY)
    }
  }
  return rows[a.length]![b.length]!
}

describe('slips', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', 'c', 'ж', '\u{1e900}'), { minLength: 1, maxLength: 10 })

  it('are what is one insertion, deletion, replacement or swap away', () => {
    fc.assert(fc.property(letters, letters, (a, b) => {
      expect(isTypoOf(a.join(''), b.join(''))).toBe(distance(a, b) === 1)
    }), { numRuns: 5_000 })
  })

  it('share a variant with the word that was meant, each of them', () => {
    fc.assert(fc.property(letters, fc.nat(10), fc.constantFrom('insert', 'delete', 'replace', 'swap'), fc.constantFrom('a', 'b', 'c', 'ж'), (word, at, how, letter) => {
      const i = at % word.length
      const slip = how === 'insert' ? word.toSpliced(i, 0, letter) : how === 'delete' ? word.toSpliced(i, 1) : how === 'replace' ? word.toSpliced(i, 1, letter) : i + 1 < word.length ? word.toSpliced(i, 2, word[i + 1]!, word[i]!) : word
      const [a, b] = [word.join(''), slip.join('')]
      if (!takesTypos(a) || !takesTypos(b)) return
      expect(typoVariants(a).some((variant) => typoVariants(b).includes(variant))).toBe(true)
    }), { numRuns: 5_000 })
  })

  it('are not looked for in short words and in scripts without spaces', () => {
    for (const word of ['ab', '山田', 'สม', '김민']) expect([takesTypos(word), typoVariants(word)]).toEqual([false, []])
  })
})

describe('cells', () => {
  const lat = fc.oneof(fc.double({ min: -90, max: 90, noNaN: true }), fc.constantFrom(-90, 90, 0, 89.99, -89.99))
  const lon = fc.oneof(fc.double({ min: -180, max: 180, noNaN: true }), fc.constantFrom(-180, 180, 0, 179.999, -179.999))

  it('of a circle hold every place within it, at any precision, over poles and the date line too', () => {
    fc.assert(fc.property(lat, lon, fc.constantFrom(10, 1_000, 20_000, 300_000, 2_000_000), fc.constantFrom(0, 500, 5_000, 50_000, 300_000), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 2 * Math.PI, noNaN: true }), (lat, lon, radiusMetres, precision, share, bearing) => {
      const near = cellsNear({ lat, lon, radiusMetres })
      if (!near) return
      // A place in that direction, at a share of the distance.
      const angle = (radiusMetres * share * 0.999) / 6_371_008.8
      const [phi, lambda] = [(lat * Math.PI) / 180, (lon * Math.PI) / 180]
      const sin = Math.sin(phi) * Math.cos(angle) + Math.cos(phi) * Math.sin(angle) * Math.cos(bearing)
      const other = { lat: (Math.asin(Math.max(-1, Math.min(1, sin))) * 180) / Math.PI, lon: ((((lambda + Math.atan2(Math.sin(bearing) * Math.sin(angle) * Math.cos(phi), Math.cos(angle) - Math.sin(phi) * sin)) * 180) / Math.PI + 540) % 360) - 180 }
      if (distanceMetres({ lat, lon }, other) > radiusMetres) return
      const cells = cellsOf(other, precision)
      expect(cells.some((cell) => near.includes(cell)), JSON.stringify({ lat, lon, other, radiusMetres, precision })).toBe(true)
    }), { numRuns: 5_000 })
  })

  it('are few for any circle', () => {
    fc.assert(fc.property(lat, lon, fc.double({ min: 1, max: 20_000_000, noNaN: true }), (lat, lon, radiusMetres) => {
      expect(cellsNear({ lat, lon, radiusMetres })?.length ?? 0).toBeLessThanOrEqual(64)
    }))
  })

  it('tell nothing finer than the precision that the owner gives', () => {
    const levels = (precision: number): number => cellsOf({ lat: 51.75, lon: -1.25 }, precision).length
    expect([levels(0), levels(2_000), levels(20_000), levels(200_000), levels(700_000)]).toEqual([5, 4, 3, 2, 0])
  })
})

it('knows usual short forms, both ways', () => {
  expect(expandNickname('bill')).toContain('william')
  expect(expandNickname('william')).toContain('bill')
  expect(expandNickname('zebedee')).toEqual([])
})

it('sees names that look the same', () => {
  for (const [other, name] of [['Аda Lоvelace', 'Ada Lovelace'], ['AIice', 'Alice'], ['BiII', 'Bill'], ['Νina', 'Nina'], ['Ζoe', 'Zoe'], ['Ηans', 'Hans'], ['Υan', 'Yan'], ['A1ice', 'Alice'], ['Βoss', 'Boss']]) expect(skeletonOf(other!), other).toBe(skeletonOf(name!))
  expect(skeletonOf('Ada Byron')).not.toBe(skeletonOf('Ada Lovelace'))
})
