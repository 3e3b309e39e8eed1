import { expect, it } from 'vitest'
import { prefixEnd, resolveRange } from '../../src/store/key-range.ts'

it('brings several bounds at one end down to the tightest', () => {
  expect(resolveRange({ gte: 'b', gt: 'b', lt: 'x', lte: 'y', prefix: 'a' })).toEqual({ lower: { key: 'b', inclusive: false }, upper: { key: 'b', inclusive: false }, reverse: false, limit: Infinity })
  expect(resolveRange({ gte: '\uffff', prefix: '😀', limit: 3, reverse: true })).toEqual({ lower: { key: '😀', inclusive: true }, upper: { key: '😁', inclusive: false }, reverse: true, limit: 3 })
  expect(resolveRange()).toEqual({ lower: undefined, upper: undefined, reverse: false, limit: Infinity })
})

it.each([['a', 'b'], ['ab', 'ac'], ['a\u{10ffff}', 'b'], ['\ud7ff', '\ue000'], ['a\uffff', 'a\u{10000}'], ['\u{10ffff}', undefined], ['', undefined]])('ends the prefix %j before %j', (prefix, end) => {
  expect(prefixEnd(prefix)).toBe(end)
})
