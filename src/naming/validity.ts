import { InvalidRecordError } from './invalid-record.ts'

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?Z$/
const NANOSECONDS_IN_MS = 1_000_000n
const FIRST_MS = Date.parse('0000-01-01T00:00:00Z')
const END_MS = Date.parse('+010000-01-01T00:00:00Z')

/**
 * Nanoseconds since 1970 of an RFC 3339 instant in UTC: `Z`, 0 to 9 fraction digits, a day and time that exist, no leap second.
 *
 * @throws InvalidRecordError
 */
export const parseValidity = (text: string): bigint => {
  const match = RFC_3339.exec(text)
  if (!match) throw new InvalidRecordError(`its validity ${JSON.stringify(text.slice(0, 40))} is not RFC 3339 with Z`)
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  if (!exists) throw new InvalidRecordError(`its validity ${text} does not exist`)
  date.setUTCHours(hour, minute, second)
  return BigInt(date.getTime()) * NANOSECONDS_IN_MS + BigInt((match[7] ?? '').padEnd(9, '0'))
}

/**
 * RFC 3339 with nine fraction digits, as other IPNS software writes it.
 *
 * @param ms milliseconds since 1970, of the years 0 to 9999; a fraction is dropped
 * @throws InvalidRecordError beyond those years
 */
export const formatValidity = (ms: number): string => {
  if (!(ms >= FIRST_MS && ms < END_MS)) throw new InvalidRecordError(`its validity, ${ms} ms since 1970, is not within the years 0 to 9999`)
  return new Date(Math.floor(ms)).toISOString().replace('Z', '000000Z')
}

/** Milliseconds since 1970, rounded down, also before 1970. */
export const validityMs = (nanoseconds: bigint): number => {
  const ms = nanoseconds / NANOSECONDS_IN_MS
  return Number(ms * NANOSECONDS_IN_MS > nanoseconds ? ms - 1n : ms)
}
