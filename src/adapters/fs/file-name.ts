import { createHash } from 'node:crypto'
import { base32 } from 'multiformats/bases/base32'
import { utf8 } from '../../bytes.ts'

/** Leaves room under the 255 bytes of a name on every usual file system. */
const MAX_NAME_LENGTH = 200
const PLAIN = /^[a-z0-9_-]$/
const ENCODED = /^=(?:[a-z0-9_-]|%[0-9a-f]{2})+$/
const HASHED = /^~[a-z2-7]{52}$/

/**
 * The name of the file for `key`: `=` and the key with every byte but `a-z 0-9 _ -` as `%xx`, or `~` and a hash where that is longer than 200 characters.
 *
 * No two keys share a name, also where case does not count, and no name means anything to a file system.
 */
export const fileNameOf = (key: string): string => {
  const name = `=${Array.from(utf8(key), encodeByte).join('')}`
  return name.length <= MAX_NAME_LENGTH ? name : `~${base32.baseEncode(createHash('sha256').update(key).digest())}`
}

/** The key behind a name; `undefined` when the name is not one of {@link fileNameOf}, or is a hash and the key stands in the file. */
export const keyOfFileName = (name: string): string | undefined => {
  if (!ENCODED.test(name)) return undefined
  try {
    const key = decodeURIComponent(name.slice(1))
    return fileNameOf(key) === name ? key : undefined
  } catch {
    // Bytes that are not UTF-8 were not written by us.
    return undefined
  }
}

/** Whether the key stands in the file, because its name is a hash. */
export const isHashedName = (name: string): boolean => HASHED.test(name)

const encodeByte = (byte: number): string => {
  const character = String.fromCharCode(byte)
  return PLAIN.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
}
