import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { concat } from 'uint8arrays'
import { utf8 } from '../../bytes.ts'
import { StoreError } from '../../errors.ts'
import { MAX_STORE_KEY_BYTES } from '../../limits.ts'
import { fileNameOf, isHashedName, keyOfFileName } from './file-name.ts'

/** A file is the value alone, or, where its name is a hash, the length of the key in two bytes, the key, the value. */
export const encodeFile = (key: string, value: Uint8Array): Uint8Array => {
  if (!isHashedName(fileNameOf(key))) return value
  const keyBytes = utf8(key)
  return concat([Uint8Array.of(keyBytes.byteLength >> 8, keyBytes.byteLength & 0xff), keyBytes, value])
}

/** The value of `key`; `undefined` when there is no file. */
export const readValue = async (location: string, key: string): Promise<Uint8Array | undefined> => {
  const name = fileNameOf(key)
  try {
    const { buffer, byteOffset, byteLength } = await readFile(join(location, name))
    const content = new Uint8Array(buffer, byteOffset, byteLength)
    return isHashedName(name) ? content.slice(HEADER_BYTES + utf8(key).byteLength) : content
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The key of the file with this name; `undefined` when the file is not one of the store. */
export const readKey = async (location: string, name: string): Promise<string | undefined> => {
  if (!isHashedName(name)) return keyOfFileName(name)
  const handle = await open(join(location, name), 'r')
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: new Uint8Array(HEADER_BYTES + MAX_STORE_KEY_BYTES), position: 0 })
    const length = buffer[0]! * 256 + buffer[1]!
    const key = new TextDecoder().decode(buffer.subarray(HEADER_BYTES, Math.min(HEADER_BYTES + length, bytesRead)))
    if (fileNameOf(key) !== name) throw new StoreError(`a file is damaged; name=${name} location=${location}`)
    return key
  } finally {
    await handle.close()
  }
}

const HEADER_BYTES = 2
