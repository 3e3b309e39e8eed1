import { expect, it } from 'vitest'
import { highlightsOf } from '../../../src/search/query/highlight.ts'
import { matchDocument } from '../../../src/search/query/match.ts'
import { parseQuery } from '../../../src/search/query/query.ts'
import { unsignedDocument, type Person } from '../engine/small-index.ts'

/** The texts with what is marked in brackets. */
const marked = (query: string, person: Person): string[] => {
  const document = unsignedDocument(person, 1)
  const highlights = highlightsOf(matchDocument(parseQuery(query), document)!, document)
  const texts = { name: [person.name], tags: person.tags ?? [], bio: [person.bio ?? ''], place: [] }
  return highlights.map(({ attribute, item = 0, start, end }) => {
    const text = texts[attribute][item]!
    return `${text.slice(0, start)}[${text.slice(start, end)}]${text.slice(end)}`
  })
}

it.each([
  ['alice', 'Alice Liddell', ['[Alice] Liddell']],
  ['lid', 'Alice Liddell', ['Alice [Lid]dell']],
  ['jose', 'José Ñandú', ['[José] Ñandú']],
  ['jo', 'José Ñandú', ['[Jo]sé Ñandú']],
  ['nan', 'José N\u0303andú', ['José [N\u0303an]dú']],
  ['obrien', 'Pat O’Brien', ['Pat [O’Brien]']],
  ['strasse', 'Anna Straße', ['Anna [Straße]']],
  ['alcie', 'Alice Liddell', ['[Alice] Liddell']],
  ['bill', 'William Gates', ['[William] Gates']],
  ['太郎', '山田太郎', ['山田[太郎]']],
  ['山', '山田太郎', ['[山]田太郎']],
  ['김민준', '김민준', ['[김민준]']],
  ['رضا', 'علی\u200cرضا', ['علی\u200c[رضا]']],
  ['abc', 'abc日本', ['[abc]日本']],
  ['日本', 'abc日本', ['abc[日本]']]
])('marks %s in %s', (query, name, expected) => {
  expect(marked(query, { name })).toEqual(expected)
})

it('marks tags and every place in a bio', () => {
  expect(marked('chess', { name: 'Ada', tags: ['tea', 'Chess club'], bio: 'Chess, and CHESS again' })).toEqual(['[Chess] club', '[Chess], and CHESS again', 'Chess, and [CHESS] again'])
})
