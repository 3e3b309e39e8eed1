import { Point } from '@noble/ed25519'

/** As many as a side of the square of keys. */
const SIDE = 1_024
const P = 2n ** 255n - 19n

/** A public key that profiles can use, another for each `index` below 1,048,576; nobody has its private key. Real pairs would take most of the time in which a profile is made. */
export const ownerKey = (index: number): Uint8Array => {
  if (index >= SIDE ** 2) throw new Error(`there are keys for ${SIDE ** 2} profiles only`)
  const [row, column] = [Math.floor(index / SIDE), index % SIDE]
  // Who asks for an end of a row is about to ask for all of it.
  if (row !== remembered.row && (column === 0 || column === SIDE - 1)) remembered = { row, keys: encodeAll(COLUMNS.map((point) => point.add(ROWS[row]!))) }
  return row === remembered.row ? remembered.keys[column]! : COLUMNS[column]!.add(ROWS[row]!).toBytes()
}

let remembered: { readonly row: number; readonly keys: readonly Uint8Array[] } = { row: -1, keys: [] }

/** As `toBytes` does, with one division for all: of the products of their Z, taken apart from the end. */
const encodeAll = (points: readonly Point[]): readonly Uint8Array[] => {
  const products = [1n]
  for (const { Z } of points) products.push(products.at(-1)! * Z % P)
  let inverse = invert(products.at(-1)!)
  const keys: Uint8Array[] = []
  for (const [i, { X, Y, Z }] of [...points.entries()].reverse()) {
    const inverseZ = inverse * products[i]! % P
    inverse = inverse * Z % P
    const key = Uint8Array.from(Buffer.from((Y * inverseZ % P).toString(16).padStart(64, '0'), 'hex').reverse())
    if ((X * inverseZ % P) & 1n) key[31]! |= 0x80
    keys[i] = key
  }
  return keys
}

/** By Fermat: value ** (P - 2). */
const invert = (value: bigint): bigint => {
  let [power, result] = [value, 1n]
  for (let exponent = P - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = result * power % P
    power = power * power % P
  }
  return result
}

/** `SIDE` multiples of the base point, `step` apart. */
const multiples = (step: Point): readonly Point[] => {
  const points = [step]
  while (points.length < SIDE) points.push(points.at(-1)!.add(step))
  return points
}

const COLUMNS = multiples(Point.BASE)
const ROWS = multiples(COLUMNS.at(-1)!.add(Point.BASE))
