import { hash } from 'node:crypto'

/** PostgreSQL's numbers of the types. */
const BYTEA = 17
const BIGINT = 20

/**
 * `bytea[]` in PostgreSQL's binary format, which takes the bytes as they are; text would double them.
 *
 * @param items `undefined` is NULL
 */
export const byteaArray = (items: readonly (Uint8Array | undefined)[]): Buffer => arrayOf(BYTEA, items)

/** `bigint[]` in PostgreSQL's binary format. */
export const bigintArray = (items: readonly bigint[]): Buffer => arrayOf(BIGINT, items.map((item) => {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(item)
  return bytes
}))

/**
 * The number of the advisory lock that stands for `name` in `table`: 64 bits of a hash.
 *
 * Two names may share one; they then wait for each other without need. Every version of this library takes the same.
 *
 * @param name `undefined` stands for the whole table
 */
export const lockOf = (table: string, name?: string): bigint => hash('sha256', name === undefined ? table : `${table}\0${name}`, 'buffer').readBigInt64BE()

/** Each once, in ascending order: transactions that take their locks in one order never wait for each other in a circle. */
export const locksOf = (table: string, names: Iterable<string>): bigint[] =>
  [...new Set(Array.from(names, (name) => lockOf(table, name)))].sort((a, b) => (a < b ? -1 : 1))

const arrayOf = (type: number, items: readonly (Uint8Array | undefined)[]): Buffer => {
  if (items.length === 0) return int32s(0, 0, type)
  const header = [1, items.includes(undefined) ? 1 : 0, type, items.length, 1]
  return Buffer.concat([int32s(...header), ...items.flatMap((item) => (item ? [int32s(item.byteLength), item] : [int32s(-1)]))])
}

const int32s = (...numbers: number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(4 * numbers.length)
  numbers.forEach((number, i) => bytes.writeInt32BE(number, 4 * i))
  return bytes
}
