/** One value of DER: its tag byte, and its content as a view of what was read. */
export interface DerValue {
  readonly tag: number
  readonly content: Uint8Array
}

const LONG_LENGTH = 0x80
const MAX_LENGTH_BYTES = 3
const HIGH_TAG_NUMBER = 0x1f

/**
 * The values that stand one behind the other in `bytes`; undefined where they are not DER: lengths take their shortest form and end with the bytes.
 * Tags of one byte and lengths below 2^24, which is all that keys have.
 */
export const readDer = (bytes: Uint8Array): DerValue[] | undefined => {
  const values: DerValue[] = []
  for (let at = 0; at < bytes.byteLength;) {
    const tag = bytes[at]!
    const length = readLength(bytes, at + 1)
    if ((tag & HIGH_TAG_NUMBER) === HIGH_TAG_NUMBER || !length || length.end + length.value > bytes.byteLength) return undefined
    at = length.end + length.value
    values.push({ tag, content: bytes.subarray(length.end, at) })
  }
  return values
}

const readLength = (bytes: Uint8Array, at: number): { value: number; end: number } | undefined => {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first < LONG_LENGTH) return { value: first, end: at + 1 }
  const count = first - LONG_LENGTH
  const digits = bytes.subarray(at + 1, at + 1 + count)
  if (count < 1 || count > MAX_LENGTH_BYTES || digits.byteLength < count) return undefined
  const value = digits.reduce((sum, digit) => sum * 256 + digit, 0)
  const isShortest = value >= LONG_LENGTH && digits[0] !== 0
  return isShortest ? { value, end: at + 1 + count } : undefined
}
