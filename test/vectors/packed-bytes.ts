import { hex, unhex } from './frozen.ts'

/** Bytes in a vector file: hex, or, where the same byte stands hundreds of times in a row, a list of hex and repetitions. */
export type PackedBytes = string | ReadonlyArray<string | { readonly repeat: string; readonly times: number }>

const SHORTEST_RUN = 400

export const packBytes = (bytes: Uint8Array): PackedBytes => {
  const parts: Array<string | { repeat: string; times: number }> = []
  let plainFrom = 0
  for (let at = 0; at < bytes.byteLength;) {
    let end = at + 1
    while (end < bytes.byteLength && bytes[end] === bytes[at]) end++
    if (end - at >= SHORTEST_RUN) {
      if (at > plainFrom) parts.push(hex(bytes.subarray(plainFrom, at)))
      parts.push({ repeat: hex(bytes.subarray(at, at + 1)), times: end - at })
      plainFrom = end
    }
    at = end
  }
  if (plainFrom === 0) return hex(bytes)
  if (plainFrom < bytes.byteLength) parts.push(hex(bytes.subarray(plainFrom)))
  return parts
}

export const unpackBytes = (packed: PackedBytes): Uint8Array =>
  unhex(typeof packed === 'string' ? packed : packed.map((part) => (typeof part === 'string' ? part : part.repeat.repeat(part.times))).join(''))
