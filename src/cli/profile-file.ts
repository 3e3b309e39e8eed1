import { resolve } from 'node:path'
import { MercuryError, checkLimit } from '../errors.ts'
import { MAX_AVATAR_BYTES } from '../limits.ts'
import { readUserFile } from './read-file.ts'
import { parseYamlMap } from './yaml-map.ts'

export const MAX_PROFILE_FILE_BYTES = 262_144

/** A profile file that is no profile; `line` where it is known. */
export class InvalidProfileFileError extends MercuryError {
  override readonly name = 'InvalidProfileFileError'
  readonly line?: number
  constructor (reason: string, { line, ...options }: ErrorOptions & { line?: number } = {}) {
    super('INVALID_PROFILE_FILE', `not a profile file: ${reason}${line === undefined ? '' : ` (line ${line})`}`, options)
    if (line !== undefined) this.line = line
  }
}

/**
 * Reads a profile in YAML 1.2 or JSON: one map, each key once, no tags, few aliases.
 *
 * @throws LimitError over 256 KiB, InvalidProfileFileError
 */
export const parseProfileFile = (bytes: Uint8Array): Record<string, unknown> => {
  checkLimit('profile file bytes', MAX_PROFILE_FILE_BYTES, bytes.byteLength)
  return parseYamlMap(bytes, (reason, options) => new InvalidProfileFileError(reason, options))
}

/** A picture that a profile file names, as bytes and media type. */
export interface Picture {
  readonly bytes: Uint8Array
  readonly type: string
}

/**
 * The picture that `avatar` of a profile file names by a file relative to `folder`; undefined where it names none.
 *
 * @throws InvalidProfileFileError, LimitError over 1 MiB, MercuryError `FILE_NOT_FOUND`
 */
export const readPicture = async ({ avatar }: Record<string, unknown>, folder: string): Promise<Picture | undefined> => {
  if (typeof avatar !== 'string' || avatar === '') return undefined
  if (/^[a-z][a-z0-9+.-]+:/i.test(avatar)) throw new InvalidProfileFileError(`avatar is ${JSON.stringify(avatar.slice(0, 80))}, not the name of a file here; download the picture first`)
  const bytes = await readUserFile(resolve(folder, avatar), 'avatar bytes', MAX_AVATAR_BYTES)
  const type = pictureType(bytes)
  if (!type) throw new InvalidProfileFileError(`avatar ${JSON.stringify(avatar)} is no PNG, JPEG, GIF or WebP picture`)
  return { bytes, type }
}

const MAGIC: readonly (readonly [type: string, offset: number, bytes: string])[] = [
  ['image/png', 0, '\u0089PNG\r\n\u001a\n'],
  ['image/jpeg', 0, '\u00ff\u00d8\u00ff'],
  ['image/gif', 0, 'GIF87a'],
  ['image/gif', 0, 'GIF89a'],
  ['image/webp', 8, 'WEBP']
]

/** The media type of a picture by its first bytes, whatever its name says. */
export const pictureType = (bytes: Uint8Array): string | undefined =>
  MAGIC.find(([type, offset, magic]) => Array.from(magic).every((character, i) => bytes[offset + i] === character.charCodeAt(0)) && (type !== 'image/webp' || startsWithRiff(bytes)))?.[0]

const startsWithRiff = (bytes: Uint8Array): boolean => Array.from('RIFF').every((character, i) => bytes[i] === character.charCodeAt(0))
