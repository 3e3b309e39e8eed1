import { MercuryError } from '../errors.ts'

/** The command line does not make sense; the exit status is 2. */
export class MisuseError extends MercuryError {
  override readonly name = 'MisuseError'
  constructor (message: string, options?: ErrorOptions) {
    super('MISUSE', message, options)
  }
}

const MAX_DISTANCE = 3

/** ` Did you mean X?` for the one of `known` that `given` is a slip of, or nothing. */
export const suggest = (given: string, known: readonly string[], format = (name: string): string => name): string => {
  const [best] = known
    .map((name) => ({ name, distance: name.startsWith(given) && given.length > 1 ? 0 : distanceOf(given, name) }))
    .filter(({ name, distance }) => distance <= Math.min(MAX_DISTANCE, Math.max(1, Math.floor(name.length / 2))))
    .sort((a, b) => a.distance - b.distance)
  return best ? `; did you mean ${format(best.name)}?` : ''
}

/** Edits of one character, or swaps of two neighbours, from `a` to `b`; names longer than any of ours are far away. */
const distanceOf = (a: string, b: string): number => {
  if (Math.abs(a.length - b.length) > MAX_DISTANCE) return Infinity
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1), swapped ? before[j - 2]! + 1 : Infinity)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
