import { describe, expect, it } from 'vitest'
import { KeyCache } from '../../src/identity/key-cache.ts'

const keyOf = (number: number): Uint8Array => {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, number)
  return key
}

describe('KeyCache', () => {
  it('makes a value once for each key', () => {
    const cache = new KeyCache<{ of: Uint8Array }>(10)
    const make = (of: Uint8Array) => ({ of })
    const first = cache.get(keyOf(1), make)
    expect(cache.get(keyOf(1), make)).toBe(first)
    expect(cache.get(keyOf(2), make)).not.toBe(first)
  })

  it('never takes one key for another that starts with the same bytes', () => {
    const cache = new KeyCache<string>(10)
    const twin = keyOf(1)
    twin[31] = 1
    expect(cache.get(keyOf(1), () => 'one')).toBe('one')
    expect(cache.get(twin, () => 'twin')).toBe('twin')
    expect(cache.get(keyOf(1), () => 'one again')).toBe('one again')
    expect(cache.get(keyOf(1).subarray(0, 31), () => 'short')).toBe('short')
    expect(cache.get(new Uint8Array(), () => 'empty')).toBe('empty')
    expect(cache.get(new Uint8Array(1), () => 'one byte')).toBe('one byte')
  })

  it('remembers nothing when making throws', () => {
    const cache = new KeyCache<string>(10)
    expect(() => cache.get(keyOf(1), () => { throw new Error('not admitted') })).toThrow('not admitted')
    expect(cache.get(keyOf(1), () => 'made')).toBe('made')
  })

  it('forgets the oldest over its bound', () => {
    const cache = new KeyCache<number>(3)
    for (const i of [0, 1, 2, 3]) cache.get(keyOf(i), () => i)
    expect([3, 2, 1].map((i) => cache.get(keyOf(i), () => -1))).toEqual([3, 2, 1])
    expect(cache.get(keyOf(0), () => -1)).toBe(-1)
  })

  it('keeps its own copy of the key', () => {
    const cache = new KeyCache<string>(10)
    const key = keyOf(1)
    cache.get(key, () => 'one')
    key[31] = 1
    expect(cache.get(key, () => 'another')).toBe('another')
    key[31] = 0
    expect(cache.get(key, () => 'one')).toBe('one')
  })
})
