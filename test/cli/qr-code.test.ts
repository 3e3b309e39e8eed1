import { encode } from 'uqr'
import { describe, expect, test } from 'vitest'
import { qrLines } from '../../src/cli/qr-code.ts'
import type { Sink } from '../../src/cli/host.ts'

const LINK = 'mercury:k51qzi5uqu5dkghbugk78xndgxbqgc71vutwz1zwkv3u6xgsz96kwwtfxx701f'
const sink = (look: Partial<Sink> = {}): Sink => ({ isTerminal: true, hasColours: true, columns: 80, rows: 24, write: async () => undefined, ...look })

/** The dark modules that a screen shows. */
const read = (lines: readonly string[], { colours }: { colours: boolean }): boolean[][] => lines.flatMap((line) => {
  const cells = Array.from(colours ? line.replace('\u001b[38;5;16;48;5;231m', '').replace('\u001b[0m', '') : line)
  return [cells.map((cell) => (cell === '▀' || cell === '█') === colours), cells.map((cell) => (cell === '▄' || cell === '█') === colours)]
})

describe('a QR code on a terminal', () => {
  test.each([[true], [false]])('is the code of the text, with colours: %s', (colours) => {
    const { data } = encode(LINK, { ecc: 'L', border: 2 })
    const shown = read(qrLines([LINK], sink({ hasColours: colours })), { colours })
    expect(shown.slice(0, data.length)).toEqual(data)
    // Version 4 or 5 has 33 or 37 modules a side.
    expect(data.length).toBeLessThanOrEqual(41)
  })

  test('black on white whatever the terminal\'s colours are', () => {
    for (const line of qrLines([LINK], sink())) expect(line).toMatch(/^\u001b\[38;5;16;48;5;231m[ ▀▄█]+\u001b\[0m$/)
  })

  test('is left out where it does not fit, or the next text is taken', () => {
    const side = encode(LINK, { ecc: 'L', border: 2 }).data.length
    const rows = Math.ceil(side / 2) + 1
    expect(qrLines([LINK], sink({ columns: side, rows }))).toHaveLength(rows - 1)
    expect(qrLines([LINK], sink({ columns: side - 1, rows }))).toEqual([])
    expect(qrLines([LINK], sink({ columns: side, rows: rows - 1 }))).toEqual([])
    expect(qrLines([`${LINK}?addr=${'x'.repeat(300)}`, LINK], sink({ columns: side, rows }))).toEqual(qrLines([LINK], sink()))
    expect(qrLines(['x'.repeat(5_000)], sink({ columns: 1_000, rows: 1_000 }))).toEqual([])
  })

  test('is left out where there is no terminal', () => {
    expect(qrLines([LINK], sink({ isTerminal: false }))).toEqual([])
  })
})
