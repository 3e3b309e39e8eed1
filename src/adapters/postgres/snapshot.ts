import { StoreError } from '../../errors.ts'
import { MAX_STORE_VALUE_BYTES } from '../../limits.ts'
import type { KeyBounds } from '../../store/key-range.ts'
import type { Connection } from './connection.ts'
import type { Connections } from './connections.ts'
import type { Table } from './table.ts'

/** One step of an iteration reads at most so many entries, and stops behind the one that brings their values to so many bytes. */
export const PAGE_ENTRIES = 1_000
export const PAGE_BYTES = 1_048_576

/** Above every key: no byte of UTF-8 is 0xFF. */
const ABOVE_ALL = Buffer.from([0xff])

/**
 * The entries within `bounds` as one moment shows them.
 *
 * What fits one page is one statement. Only what does not is read again from its start, page by page in one transaction that keeps its snapshot; the connection of that is given back when all is read and closed when the reader leaves.
 */
export async function * readSnapshot (connections: Connections, table: Table, bounds: KeyBounds, signal: AbortSignal): AsyncGenerator<[string, Uint8Array]> {
  if (bounds.limit === 0) return
  const range = rangeOf(bounds)
  const first = await connections.use((connection) => readPage(connection, table, range, signal), { signal, again: true })
  if (first.isLast) {
    yield * first.entries
    return
  }
  const { connection, release } = await connections.lend(signal)
  let isInTransaction = true
  try {
    await connection.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' }, [], signal)
    for (let rest = range; ;) {
      const page = await readPage(connection, table, rest, signal)
      yield * page.entries
      if (page.isLast) break
      rest = behind(page, rest)
    }
    await connection.query({ text: 'COMMIT' }, [], signal)
    isInTransaction = false
  } finally {
    if (isInTransaction) connection.destroy()
    release()
  }
}

/** From `lower` to before `upper`. */
interface Range {
  readonly lower: Buffer
  readonly upper: Buffer
  readonly reverse: boolean
  /** `Infinity` when there is none. */
  readonly limit: number
}

interface Page {
  readonly entries: [string, Uint8Array][]
  readonly lastKey: Buffer
  readonly isLast: boolean
}

const rangeOf = ({ lower, upper, reverse, limit }: KeyBounds): Range => ({
  lower: lower ? (lower.inclusive ? Buffer.from(lower.key) : successorOf(Buffer.from(lower.key))) : Buffer.alloc(0),
  upper: upper ? (upper.inclusive ? successorOf(Buffer.from(upper.key)) : Buffer.from(upper.key)) : ABOVE_ALL,
  reverse,
  limit
})

/** The least key above `key`. */
const successorOf = (key: Buffer): Buffer => Buffer.concat([key, Buffer.from([0])])

const behind = ({ entries, lastKey }: Page, { lower, upper, reverse, limit }: Range): Range => ({
  lower: reverse ? lower : successorOf(lastKey),
  upper: reverse ? lastKey : upper,
  reverse,
  limit: limit - entries.length
})

const readPage = async (connection: Connection, table: Table, range: Range, signal: AbortSignal): Promise<Page> => {
  const { lower, upper, reverse, limit } = range
  const asked = Math.min(limit, PAGE_ENTRIES)
  const rows = await connection.query(reverse ? table.descending : table.ascending, [lower, upper, String(asked), String(PAGE_BYTES)], signal)
  let lastKey = reverse ? upper : lower
  const entries = rows.map(([keyText, valueText], i): [string, Uint8Array] => {
    const key = Buffer.from(keyText ?? '', 'base64')
    // A server that repeats itself would keep the reader for ever.
    const order = Buffer.compare(key, lastKey)
    if (i === asked || (reverse ? order >= 0 || key.compare(lower) < 0 : order < (i === 0 ? 0 : 1) || key.compare(upper) >= 0)) throw new StoreError('PostgreSQL answers with keys that were not asked for')
    lastKey = key
    return [decodeKey(key), decodeValue(valueText)]
  })
  const found = Number(rows[0]?.[2] ?? 0)
  return { entries, lastKey, isLast: rows.length === 0 || (rows.length >= found && (found < asked || found === limit)) }
}

/** The bytes of a value that came as base64. */
export const decodeValue = (text: string | null | undefined): Uint8Array => {
  const bytes = Buffer.from(text ?? '', 'base64')
  if (bytes.byteLength > MAX_STORE_VALUE_BYTES) throw new StoreError(`PostgreSQL holds a value over ${MAX_STORE_VALUE_BYTES} bytes`)
  return new Uint8Array(bytes)
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const decodeKey = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    throw new StoreError('PostgreSQL holds a key that is not UTF-8', { cause: error })
  }
}
