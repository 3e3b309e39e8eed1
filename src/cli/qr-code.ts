import { encode } from 'uqr'
import type { Sink } from './host.ts'

/** Light modules around the code: half of what the standard asks for, which readers of screens do with. */
const QUIET_ZONE = 2
/** The lines that stay free, so that the code and what was asked are on one screen. */
const SPARE_ROWS = 1

/**
 * A QR code of the first of `texts` whose code fits the terminal, two modules a character.
 *
 * @returns its lines; none where there is no terminal or none fits
 */
export const qrLines = (texts: readonly string[], { isTerminal, hasColours, columns, rows }: Sink): string[] => {
  if (!isTerminal) return []
  for (const text of texts) {
    const modules = modulesOf(text)
    if (modules && modules.length <= columns && Math.ceil(modules.length / 2) + SPARE_ROWS <= rows) return draw(modules, hasColours)
  }
  return []
}

/** Rows of dark and light; undefined for a text over what a code can hold. */
const modulesOf = (text: string): readonly (readonly boolean[])[] | undefined => {
  try {
    return encode(text, { ecc: 'L', border: QUIET_ZONE }).data
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const BLACK_ON_WHITE = '\u001b[38;5;16;48;5;231m'
const RESET = '\u001b[0m'
/** By which of the upper and the lower module are drawn. */
const HALVES = [' ', '▄', '▀', '█'] as const

const draw = (modules: readonly (readonly boolean[])[], hasColours: boolean): string[] => {
  const lines: string[] = []
  for (let row = 0; row < modules.length; row += 2) {
    const [upper = [], lower] = [modules[row], modules[row + 1]]
    // Without colours the light ones are drawn: most terminals are dark.
    const isDrawn = (dark: boolean | undefined): boolean => (hasColours ? dark === true : dark === false)
    const text = upper.map((dark, column) => HALVES[(isDrawn(dark) ? 2 : 0) + (isDrawn(lower?.[column]) ? 1 : 0)]).join('')
    lines.push(hasColours ? `${BLACK_ON_WHITE}${text}${RESET}` : text)
  }
  return lines
}
