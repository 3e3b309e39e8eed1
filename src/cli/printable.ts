import { CID } from 'multiformats/cid'
import { toString } from 'uint8arrays'

/** What moves a terminal's cursor, recolours it or turns text around: C0 but tab and newline, DEL, C1, bidirectional controls. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** `text` as it may go to a terminal: strangers write profiles. */
export const printable = (text: string): string => text.replace(CONTROLS, '\ufffd')

/** As {@link printable}, on one line. */
export const oneLine = (text: string): string => printable(text.replace(/\s+/g, ' ').trim())

/** As in `1 profile` and `2 profiles`. */
export const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`

/**
 * One line of JSON. CIDs are their text, bytes base64, dates ISO 8601; integers beyond 2^53 - 1 are decimal text.
 * What {@link printable} takes out is escaped.
 */
export const toJson = (value: unknown): string =>
  JSON.stringify(plain(value)).replace(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)

const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString()
  if (value instanceof Uint8Array) return toString(value, 'base64pad')
  if (value instanceof Date) return value.toISOString()
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  const cid = CID.asCID(value)
  return cid ? cid.toString() : Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]))
}
