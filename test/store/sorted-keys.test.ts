import { expect, it } from 'vitest'
import { resolveRange } from '../../src/store/key-range.ts'
import { SortedKeys } from '../../src/store/sorted-keys.ts'

const everything = resolveRange()

/** A set that counts how often it is asked. */
class CountingSet extends Set<string> {
  asked = 0
  override has (key: string): boolean {
    this.asked++
    return super.has(key)
  }
}

it('sorts many changes at once and a few one by one, with the same result', () => {
  const members = new CountingSet()
  const keys = new SortedKeys(members)
  const change = (key: string): void => {
    if (!members.delete(key)) members.add(key)
    keys.changes(key)
  }
  for (let i = 0; i < 500; i++) change(`key ${(i * 7_919) % 500}`)
  expect(keys.within(everything)).toEqual([...members].sort())
  for (let i = 0; i < 40; i++) change(`key ${i * 13}`)
  expect(keys.within(everything)).toEqual([...members].sort())
  for (let i = 0; i < 300; i++) change(`key ${i * 3}`)
  expect(keys.within(everything)).toEqual([...members].sort())
})

it('looks at 100,000 keys after one change without going through them', () => {
  const members = new CountingSet(Array.from({ length: 100_000 }, (_, i) => `key ${i}`))
  const keys = new SortedKeys(members)
  for (const key of members) keys.changes(key)
  expect(keys.within(everything)).toHaveLength(100_000)
  members.asked = 0
  members.add('key 5!')
  keys.changes('key 5!')
  expect(keys.within(resolveRange({ gte: 'key 5', limit: 2 }))).toEqual(['key 5', 'key 5!'])
  expect(members.asked).toBeLessThanOrEqual(1)
})
