import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { oneLine, printable, toJson } from '../../src/cli/printable.ts'

describe('printable', () => {
  test.each(['\u001b[31mred', 'a\u0007', '\u009b2J', 'a\u202eb', 'a\u2066b', 'a\u200fb', 'a\rb', 'a\u0000b', 'a\u007fb'])('makes %j harmless', (text) => {
    expect(printable(text)).toContain('\ufffd')
    expect(printable(text)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200f\u202e\u2066]/)
  })

  test('leaves text of any script alone', () => {
    for (const text of ['Alice', '春野 はる', 'ليلى', 'two\nlines\tand a tab', '👩‍🚀']) expect(printable(text)).toBe(text)
  })

  test('one line is one line', () => {
    expect(oneLine(' a\nmercury: b\r\n\u2028c ')).not.toMatch(/[\n\r\u2028]/)
  })
})

describe('toJson', () => {
  test('writes what JSON does not know, on one line', () => {
    const cid = CID.parse('bafkreid5q3ipo2pabvqattmh2b542vbryio66wkxo6rlupayww7zs7lq4i')
    const text = toJson({ big: 2n ** 63n, small: 7n, cid, bytes: Uint8Array.of(1, 2), at: new Date(0), nested: [{ cid }], nothing: undefined, none: null })
    expect(text).not.toContain('\n')
    expect(JSON.parse(text)).toEqual({ big: '9223372036854775808', small: 7, cid: cid.toString(), bytes: 'AQI=', at: '1970-01-01T00:00:00.000Z', nested: [{ cid: cid.toString() }], none: null })
  })

  test('escapes what would change a terminal, and keeps it', () => {
    const text = toJson({ name: 'a\u009b\u202e\u001b' })
    expect(text).toBe('{"name":"a\\u009b\\u202e\\u001b"}')
    expect(JSON.parse(text)).toEqual({ name: 'a\u009b\u202e\u001b' })
  })
})
