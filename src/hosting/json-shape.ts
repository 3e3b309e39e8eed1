import { base64url } from 'multiformats/bases/base64'
import { MercuryError } from '../errors.ts'
import { parseProfileId, type ProfileId } from '../identity/profile-id.ts'

/** JSON from the other side that is not what it must be; `field` names where. */
export class InvalidMessageError extends MercuryError {
  override readonly name = 'InvalidMessageError'
  constructor(what: string, reason: string, options?: ErrorOptions) {
    super('INVALID_MESSAGE', `not a valid ${what}: ${reason}`, options)
  }
}

/** Bytes stand in JSON as base64url without padding. */
export const encodeBytes = (bytes: Uint8Array): string => base64url.baseEncode(bytes)

/** Reads the fields of a JSON object that may come from anywhere, and names the one that is wrong. Fields that nobody asks for are passed over. */
export class JsonShape {
  private readonly map: Readonly<Record<string, unknown>>
  private readonly what: string

  /** @throws InvalidMessageError when `value` is no object */
  constructor (value: unknown, what: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidMessageError(what, 'it is not an object')
    this.map = value as Readonly<Record<string, unknown>>
    this.what = what
  }

  fail (key: string, reason: string, options?: ErrorOptions): never {
    throw new InvalidMessageError(this.what, `${key} ${reason}`, options)
  }

  has (key: string): boolean {
    return Object.hasOwn(this.map, key) && this.map[key] !== undefined
  }

  isNull (key: string): boolean {
    return this.has(key) && this.map[key] === null
  }

  text (key: string, maxLength: number): string {
    const value = this.has(key) ? this.map[key] : undefined
    if (typeof value !== 'string' || value === '' || value.length > maxLength) return this.fail(key, `must be text of 1 to ${maxLength} characters`)
    return value
  }

  oneOf<T extends string> (key: string, choices: readonly T[]): T {
    const value = this.has(key) ? this.map[key] : undefined
    return choices.find((choice) => choice === value) ?? this.fail(key, `must be one of ${choices.join(', ')}`)
  }

  uint (key: string): number {
    const value = this.has(key) ? this.map[key] : undefined
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return this.fail(key, 'must be an unsigned integer')
    return value
  }

  bytes (key: string, length: number): Uint8Array {
    const text = this.text(key, 4 * Math.ceil(length / 3))
    const bytes = decodeBytes(text)
    if (bytes?.byteLength !== length) return this.fail(key, `must be ${length} bytes in base64url`)
    return bytes
  }

  /** In its one spelling, `k51…`. */
  profileId (key: string): ProfileId {
    const text = this.text(key, 128)
    try {
      const id = parseProfileId(text)
      if (id === text) return id
    } catch (error) {
      return this.fail(key, 'must be a profile ID', { cause: error })
    }
    return this.fail(key, 'must be a profile ID in its one spelling, k51…')
  }

  texts (key: string, max: number, maxLength: number): readonly string[] {
    const value = this.has(key) ? this.map[key] : undefined
    if (!Array.isArray(value) || value.length > max || !value.every((entry) => typeof entry === 'string' && entry !== '' && entry.length <= maxLength)) return this.fail(key, `must be a list of at most ${max} texts of 1 to ${maxLength} characters`)
    return value as readonly string[]
  }

  child (key: string): JsonShape {
    return new JsonShape(this.has(key) ? this.map[key] : undefined, `${this.what}: ${key}`)
  }
}

/** @throws InvalidMessageError */
export const parseJson = (bytes: Uint8Array, what: string): JsonShape => {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new InvalidMessageError(what, 'it is not JSON', { cause: error })
  }
  return new JsonShape(value, what)
}

/** Only the one canonical spelling. */
const decodeBytes = (text: string): Uint8Array | undefined => {
  try {
    const bytes = base64url.baseDecode(text)
    return encodeBytes(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
