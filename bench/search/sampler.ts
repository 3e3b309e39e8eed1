export type Random = () => number
export type Sampler<T> = (random: Random) => T

/** Draws from `items` as often as their `weights` say. */
export const createSampler = <T>(items: readonly T[], weights: readonly number[]): Sampler<T> => {
  if (items.length === 0) throw new Error('nothing to draw from')
  const sums = new Float64Array(items.length)
  let sum = 0
  for (const [i, weight] of weights.entries()) sums[i] = sum += weight
  return (random) => items[firstAbove(sums, random() * sum)]!
}

/**
 * Draws from `items` with the frequencies that words and names have: the one of rank r as often as 1 / r ** `exponent`.
 * A list in the order of the alphabet gives a `seed` for its ranks; without one, the first is the most frequent.
 */
export const createZipfSampler = <T>(items: readonly T[], { exponent, seed }: { exponent: number; seed?: number }): Sampler<T> =>
  createSampler(seed === undefined ? items : shuffled(items, seed), items.map((_, rank) => (rank + 1) ** -exponent))

export const pick = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)]!

/** A number that looks random, the same for the same two numbers. */
export const mix = (a: number, b: number): number => {
  let mixed = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 1, 0xc2b2ae35)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

const shuffled = <T>(items: readonly T[], seed: number): T[] => {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const other = mix(seed, i) % (i + 1)
    const item = result[i]!
    result[i] = result[other]!
    result[other] = item
  }
  return result
}

const firstAbove = (sums: Float64Array, value: number): number => {
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}
