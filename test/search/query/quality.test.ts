import { expect, it } from 'vitest'
import { qualityOf } from '../../../src/search/query/quality.ts'
import { unsignedDocument } from '../engine/small-index.ts'

const of = (name: string, accepted = false): number => qualityOf(unsignedDocument({ name }, 1), { accepted })

it('is higher for who lives at a home', () => {
  expect(of('Ada Lovelace', true)).toBeGreaterThan(of('Ada Lovelace'))
})

it.each(['Аda Lovelace', 'Pаypal', 'Αlice', 'Ada Ada Ada', 'ada ADA áda Lovelace'])('is 0 for %s, who mixes look-alike letters or repeats himself', (name) => {
  expect(of(name, true)).toBe(0)
})

it.each(['Ada Lovelace', 'Иван Smith', 'Ada Ada', 'Γιώργος', '山田 Taro'])('is not 0 for %s', (name) => {
  expect(of(name)).toBeGreaterThan(0)
})
