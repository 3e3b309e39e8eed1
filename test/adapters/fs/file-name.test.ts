import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { fileNameOf, isHashedName, keyOfFileName } from '../../../src/adapters/fs/file-name.ts'
import { utf8Length } from '../../../src/bytes.ts'

const keys = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }).filter((key) => key.isWellFormed() && utf8Length(key) <= 1_024)

it.each([['profile/k51', '=profile%2fk51'], ['a-b_9', '=a-b_9'], ['A', '=%41'], ['..', '=%2e%2e'], ['é', '=%c3%a9'], ['con', '=con'], ['%2f', '=%252f'], ['a'.repeat(199), `=${'a'.repeat(199)}`]])('names the file of %j %s', (key, name) => {
  expect(fileNameOf(key)).toBe(name)
  expect(keyOfFileName(name)).toBe(key)
})

it('hashes what would be longer than 200 characters', () => {
  for (const key of ['a'.repeat(200), 'A'.repeat(67), '😀'.repeat(256)]) {
    expect(fileNameOf(key)).toMatch(/^~[a-z2-7]{52}$/)
    expect(isHashedName(fileNameOf(key))).toBe(true)
    expect(keyOfFileName(fileNameOf(key))).toBeUndefined()
  }
})

it('makes names that are safe and unlike each other on every file system, and reads them back', () => {
  fc.assert(fc.property(keys, keys, (a, b) => {
    const name = fileNameOf(a)
    expect(name).toMatch(/^[=~][a-z0-9_%-]{1,199}$/)
    if (!isHashedName(name)) expect(keyOfFileName(name)).toBe(a)
    expect(name === fileNameOf(b)).toBe(a === b)
  }))
})

it.each(['', '=', '=A', '=%2F', '=%61', '=%', '=%zz', '=%ff', '=%ed%a0%80', '=a/b', '=a.b', 'a', '.DS_Store', '~x', 'journal', 'lock-1', 'tmp-1'])('takes %j for no file of ours', (name) => {
  expect(keyOfFileName(name)).toBeUndefined()
  expect(isHashedName(name)).toBe(false)
})
